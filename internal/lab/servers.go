//go:build linux

package lab

import (
	"fmt"
	"strings"
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
		where := v.endpoints
		if strings.HasPrefix(r.Address, "127.") {
			where = v.instance
		}
		if err := resolverAt(where, r.Address, r.View != "public"); err != nil {
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
	v.clock = &timeServer{world: v.world}
	if err := v.clock.serve(v.ctx, &v.wait, v.router); err != nil {
		return fmt.Errorf("time sync: %w", err)
	}
	if t.Proxy.Address == "" {
		return nil
	}
	v.proxy = &proxy{ProxySpec: t.Proxy, world: v.world, way: v.internet}
	return v.proxy.serve(v.ctx, &v.wait, v.endpoints)
}
