//go:build linux

package lab

import (
	"fmt"
)

func (v *VPC) startServers() error {
	t := v.scenario.Topology
	for _, place := range []struct {
		n     *namespace
		inVPC bool
	}{{v.endpoints, true}, {v.peer, true}, {v.internet, false}} {
		if place.n == nil {
			continue
		}
		f := &front{world: v.world, authorities: v.authorities, ctx: v.ctx, wait: &v.wait, inVPC: place.inVPC}
		addresses := []string{"0.0.0.0:443", "0.0.0.0:80"}
		if t.IPv6 {
			addresses = append(addresses, "[::]:443", "[::]:80")
		}
		if err := f.serve(place.n, addresses...); err != nil {
			return fmt.Errorf("serve in %s: %w", place.n.name, err)
		}
		v.fronts = append(v.fronts, f)
	}
	resolverAt := func(n *namespace, address string, private bool) error {
		r := &resolver{address: address, privateView: private, world: v.world, ctx: v.ctx}
		if err := r.serve(&v.wait, n); err != nil {
			return fmt.Errorf("DNS on %s: %w", address, err)
		}
		v.resolvers = append(v.resolvers, r)
		return nil
	}
	if err := steps(resolverAt(v.router, vpcResolverIP, true), resolverAt(v.router, linkLocalDNS, true)); err != nil {
		return err
	}
	if t.IPv6 {
		if err := resolverAt(v.router, vpcResolverIP6, true); err != nil {
			return err
		}
	}
	for _, r := range t.Resolvers {
		if err := resolverAt(v.endpoints, r.Address, r.View != "public"); err != nil {
			return err
		}
	}
	if v.scenario.Instance.Resolved {
		if err := resolverAt(v.instance, "127.0.0.53", true); err != nil {
			return err
		}
	}
	v.metadata = &metadata{world: v.world, ctx: v.ctx}
	if err := v.metadata.serve(&v.wait, v.router); err != nil {
		return fmt.Errorf("instance metadata: %w", err)
	}
	if err := serveTime(v.ctx, &v.wait, v.router, v.world); err != nil {
		return fmt.Errorf("time sync: %w", err)
	}
	return nil
}

// applyFaults breaks what the scenario wants broken: packets, routes and servers.
func (v *VPC) applyFaults() error {
	for _, f := range v.scenario.Faults {
		switch {
		case f.DNS != nil:
			for _, r := range v.resolvers {
				r.addFault(*f.DNS)
			}
		case f.TLS != nil:
			for _, service := range f.TLS.Services {
				for _, front := range v.fronts {
					front.setMode(service, func(m *serviceMode) { m.TLS = f.TLS.Mode })
				}
			}
		case f.HTTP != nil:
			for _, service := range f.HTTP.Services {
				for _, front := range v.fronts {
					front.setMode(service, func(m *serviceMode) { m.HTTP = f.HTTP.Mode })
				}
			}
		case f.IMDS != nil:
			v.metadata.setFault(*f.IMDS)
		case f.Route != nil:
			for _, target := range f.Route.To {
				for _, address := range v.world.targetAddresses(target) {
					if err := v.instance.addRoute(address+"/32", "", "", routeTypes[f.Route.Type]); err != nil {
						return err
					}
				}
			}
		}
	}
	for _, place := range []struct {
		n              *namespace
		name           string
		hook, backHook string
	}{
		{v.instance, "instance", "output", "input"},
		{v.router, "router", "prerouting", "postrouting"},
		{v.nat, "nat", "prerouting", "forward"},
	} {
		out, back := packetRules(v.world, v.scenario.Faults, place.name)
		if len(out)+len(back) == 0 {
			continue
		}
		if place.n == nil {
			return fmt.Errorf("fault at %s, which this network does not have", place.name)
		}
		if err := place.n.nft(faultTable(out, back, place.hook, place.backHook)); err != nil {
			return err
		}
	}
	return nil
}

// forgetFirstPackets makes lose_first begin anew, after a proof has used the first ones up.
func (v *VPC) forgetFirstPackets() error {
	for _, f := range v.scenario.Faults {
		if f.LoseFirst == nil {
			continue
		}
		place := v.router
		if f.LoseFirst.At == "instance" {
			place = v.instance
		}
		if err := place.nft("flush set inet faults seen\n"); err != nil {
			return err
		}
	}
	return nil
}
