//go:build linux

package lab

import (
	"fmt"
)

// Break breaks packets or names in a network that is running. What Build broke stays.
func (v *VPC) Break(f Fault) error {
	if f.DNS != nil {
		for _, r := range v.resolvers {
			r.addFault(*f.DNS)
		}
		return nil
	}
	for _, place := range v.faultPlaces() {
		out, back, sets := packetRules(v.world, []Fault{f}, place.name)
		if len(out)+len(back) == 0 {
			continue
		}
		if place.n == nil {
			return fmt.Errorf("fault at %s, which this network does not have", place.name)
		}
		if err := place.n.nft("table inet faults\ndelete table inet faults\n" + faultTable(out, back, sets, place.hook, place.backHook)); err != nil {
			return err
		}
	}
	return nil
}

// Mend takes back what Break broke.
func (v *VPC) Mend() error {
	for _, r := range v.resolvers {
		r.mend()
	}
	for _, place := range v.faultPlaces() {
		if place.n == nil {
			continue
		}
		if err := place.n.nft("table inet faults\ndelete table inet faults\n"); err != nil {
			return err
		}
	}
	return nil
}

// Inside calls a function on a thread in the instance's network.
func (v *VPC) Inside(do func() error) error { return v.instance.do(do) }
