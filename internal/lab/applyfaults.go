//go:build linux

package lab

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// applyFaults breaks what the scenario wants broken: packets, routes and servers.
func (v *VPC) applyFaults() error {
	for _, f := range v.scenario.Faults {
		switch {
		case f.DNS != nil:
			for _, r := range v.resolvers {
				r.addFault(*f.DNS)
			}
		case f.TLS != nil:
			for _, front := range v.fronts {
				front.tls.add(*f.TLS, v.world)
			}
		case f.HTTP != nil:
			for _, front := range v.fronts {
				front.http.add(*f.HTTP, v.world)
			}
		case f.IMDS != nil:
			v.metadata.setFault(*f.IMDS)
		case f.Time != nil:
			v.clock.setFault(*f.Time)
		case f.Route != nil:
			if err := v.breakRoutes(*f.Route); err != nil {
				return err
			}
		}
	}
	for _, place := range v.faultPlaces() {
		out, back, sets := packetRules(v.world, v.scenario.Faults, place.name)
		if len(out)+len(back) == 0 {
			continue
		}
		if place.n == nil {
			return fmt.Errorf("fault at %s, which this network does not have", place.name)
		}
		if err := place.n.nft(faultTable(out, back, sets, place.hook, place.backHook)); err != nil {
			return err
		}
	}
	return nil
}

// faultPlace is where packet faults can sit.
type faultPlace struct {
	n              *namespace
	name           string
	hook, backHook string
}

func (v *VPC) faultPlaces() []faultPlace {
	return []faultPlace{
		{v.instance, "instance", "output", "input"},
		{v.router, "router", "prerouting", "postrouting"},
		{v.nat, "nat", "prerouting", "forward"},
	}
}

// forget makes everything that happens only once or n times begin anew, after a proof has used it up.
func (v *VPC) forget() error {
	for _, r := range v.resolvers {
		r.forget()
	}
	for _, f := range v.fronts {
		f.tls.forget()
		f.http.forget()
	}
	v.metadata.forget()
	for _, place := range v.faultPlaces() {
		if place.n == nil {
			continue
		}
		_, _, sets := packetRules(v.world, v.scenario.Faults, place.name)
		for _, set := range sets {
			if err := place.n.nft("flush set inet faults " + set + "\n"); err != nil {
				return err
			}
		}
	}
	return nil
}

// breakRoutes changes the instance's own routes.
func (v *VPC) breakRoutes(f RouteFault) error {
	switch f.Type {
	case "no-default":
		// What the scenario wants kept gets a route of its own, as some images have for the link-local services.
		for _, target := range f.To {
			for _, address := range v.world.targetAddresses(target) {
				if !strings.Contains(address, "/") {
					address += "/32"
				}
				if err := v.instance.addRoute(address, "eth0", gatewayIP, routeTypes[f.Type]); err != nil {
					return err
				}
			}
		}
		return v.instance.removeDefaultRoute()
	case "no-address":
		return v.instance.removeAddresses("eth0")
	}
	for _, target := range f.To {
		for _, address := range v.world.targetAddresses(target) {
			if err := v.instance.addRoute(address+"/32", "", "", routeTypes[f.Type]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *namespace) removeDefaultRoute() error {
	routes, err := n.links.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list routes in %s: %w", n.name, err)
	}
	i := slices.IndexFunc(routes, func(r netlink.Route) bool {
		if r.Dst == nil {
			return true
		}
		ones, _ := r.Dst.Mask.Size()
		return ones == 0
	})
	if i < 0 {
		return fmt.Errorf("no default route in %s", n.name)
	}
	return n.links.RouteDel(&routes[i])
}

func (n *namespace) removeAddresses(link string) error {
	l, err := n.links.LinkByName(link)
	if err != nil {
		return fmt.Errorf("link %s in %s: %w", link, n.name, err)
	}
	addresses, err := n.links.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	for i := range addresses {
		if err := n.links.AddrDel(l, &addresses[i]); err != nil {
			return err
		}
	}
	return nil
}
