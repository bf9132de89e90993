//go:build linux

package lab

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
)

// VPC is one running network with its servers.
//
//	instance ── [container host] ── router ── endpoints   interface endpoints, the customer's resolvers
//	                                  │  ├──── peer        central endpoints, 10.9.0.0/16
//	                                  │  ├──── internet    S3 of this region by the gateway endpoint
//	                                  │  └──── nat ── internet
//	                                  └ on lo: VPC resolver, instance metadata, Amazon Time Sync
type VPC struct {
	scenario Scenario
	world    *world

	instance, host, router, endpoints, peer, nat, internet *namespace

	authorities *authorities
	fronts      []*front
	resolvers   []*resolver
	metadata    *metadata
	clock       *timeServer
	proxy       *proxy

	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// Build makes the scenario's network, starts its servers and breaks what the scenario wants broken. Every listener is open
// when it returns. Root is needed.
func Build(s Scenario) (*VPC, error) {
	v := &VPC{scenario: s, world: newWorld(s.Topology)}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	var err error
	if v.authorities, err = makeAuthorities(); err != nil {
		return nil, fmt.Errorf("make the lab's certificate authorities: %w", err)
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"create namespaces", v.createNamespaces},
		{"connect the subnet", v.connectSubnet},
		{"connect the endpoints", v.connectEndpoints},
		{"connect the outside", v.connectOutside},
		{"set hop behaviour", func() error { return v.router.nft(v.hopRules()) }},
		{"start servers", v.startServers},
		{"break things", v.applyFaults},
	} {
		if err := step.do(); err != nil {
			v.Close()
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return v, nil
}

// Close ends the servers and lets the namespaces go.
func (v *VPC) Close() {
	v.cancel()
	v.wait.Wait()
	for _, n := range []*namespace{v.instance, v.host, v.router, v.endpoints, v.peer, v.nat, v.internet} {
		n.close()
	}
}

func (v *VPC) createNamespaces() error {
	t := v.scenario.Topology
	for _, wanted := range []struct {
		into **namespace
		name string
		need bool
	}{
		{&v.instance, "instance", true}, {&v.host, "host", t.Container}, {&v.router, "router", true}, {&v.endpoints, "endpoints", true},
		{&v.peer, "peer", t.Central}, {&v.nat, "nat", t.NAT}, {&v.internet, "internet", true},
	} {
		if !wanted.need {
			continue
		}
		n, err := newNamespace(wanted.name)
		if err != nil {
			return err
		}
		*wanted.into = n
		// A kernel that limits ICMP errors, filters by reverse path or delays proxy ARP would add faults of its own.
		settings := []string{"net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0", "net.ipv4.conf.all.rp_filter=0",
			"net.ipv4.conf.default.rp_filter=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0"}
		if n != v.instance && n != v.internet && n != v.endpoints && n != v.peer {
			settings = append(settings, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
		}
		if err := n.sysctl(settings...); err != nil {
			return err
		}
	}
	return nil
}

// steps runs network commands until one fails.
func steps(commands ...error) error {
	for _, err := range commands {
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *VPC) connectSubnet() error {
	t := v.scenario.Topology
	subnetEnd, device := v.instance, "eth0"
	if t.Container {
		if err := connectVeth(v.instance, "eth0", v.host, "docker0", t.MTU); err != nil {
			return err
		}
		subnetEnd = v.host
		if err := steps(
			v.instance.addAddress("eth0", containerIP+"/16"),
			v.instance.addRoute("0.0.0.0/0", "eth0", containerGW, syscall.RTN_UNICAST),
			v.host.addAddress("docker0", containerGW+"/16"),
			v.host.nft("table ip nat {\n chain post {\n type nat hook postrouting priority 100;\n ip saddr 172.17.0.0/16 oifname \"eth0\" masquerade\n }\n}\n"),
		); err != nil {
			return err
		}
	}
	if err := connectVeth(subnetEnd, device, v.router, "inst", t.MTU); err != nil {
		return err
	}
	if err := steps(
		subnetEnd.setMAC(device, macAddress),
		subnetEnd.addAddress(device, instanceIP+"/24"),
		subnetEnd.addRoute("0.0.0.0/0", device, gatewayIP, syscall.RTN_UNICAST),
		v.router.addAddress("inst", gatewayIP+"/24"),
		v.router.addAddress("lo", vpcResolverIP+"/32"),
		v.router.addAddress("lo", linkLocalDNS+"/32"),
		v.router.addAddress("lo", imdsIP+"/32"),
		v.router.addAddress("lo", timeSyncIP+"/32"),
		// Everything that has no way is dropped in silence, as a VPC does.
		v.router.addRoute(vpcCIDR, "", "", syscall.RTN_BLACKHOLE),
		v.router.sysctl("net.ipv4.conf.inst.proxy_arp=1", "net.ipv4.neigh.inst.proxy_delay=0"),
	); err != nil {
		return err
	}
	if !t.NAT {
		if err := v.router.addRoute("0.0.0.0/0", "", "", syscall.RTN_BLACKHOLE); err != nil {
			return err
		}
	}
	if !t.IPv6 {
		return nil
	}
	return steps(
		subnetEnd.addAddress(device, instanceIP6+"/64"),
		v.router.addAddress("inst", gatewayIP6+"/64"),
		v.router.addAddress("lo", vpcResolverIP6+"/128"),
		subnetEnd.addRoute("::/0", device, gatewayIP6, syscall.RTN_UNICAST),
	)
}

// connect lays the cable to something beyond the router: slow, if the scenario has a latency.
func (v *VPC) connect(a *namespace, nameA string, b *namespace, nameB string) error {
	if latency := v.scenario.Topology.Latency.Duration; latency > 0 {
		return connectSlow(v.ctx, &v.wait, a, nameA, b, nameB, latency/2)
	}
	return connectVeth(a, nameA, b, nameB, v.scenario.Topology.MTU)
}

func (v *VPC) connectEndpoints() error {
	if err := v.connect(v.router, "ep", v.endpoints, "eth0"); err != nil {
		return err
	}
	if err := v.endpoints.addRoute("0.0.0.0/0", "eth0", gatewayIP, syscall.RTN_UNICAST); err != nil {
		return err
	}
	var inVPC []string
	for _, addresses := range v.world.endpoints {
		inVPC = append(inVPC, addresses...)
	}
	for _, r := range v.scenario.Topology.Resolvers {
		inVPC = append(inVPC, r.Address)
	}
	inVPC = append(inVPC, mirrorIP)
	if proxy := v.scenario.Topology.Proxy.Address; proxy != "" {
		inVPC = append(inVPC, proxy)
	}
	for _, address := range inVPC {
		if strings.HasPrefix(address, "10.9.") || strings.HasPrefix(address, "127.") {
			continue
		}
		if err := steps(
			v.endpoints.addRoute(address+"/32", "lo", "", syscall.RTN_LOCAL),
			v.router.addRoute(address+"/32", "ep", "", syscall.RTN_UNICAST),
		); err != nil {
			return err
		}
		if !v.scenario.Topology.IPv6 {
			continue
		}
		if err := v.endpoints.addAddress("eth0", endpointAddress6(address)+"/128"); err != nil {
			return err
		}
	}
	if v.scenario.Topology.IPv6 {
		if err := steps(
			v.router.addAddress("ep", "fd00:1::1/64"),
			v.endpoints.addAddress("eth0", "fd00:1::2/64"),
			v.endpoints.addRoute("::/0", "eth0", "fd00:1::1", syscall.RTN_UNICAST),
			v.router.addRoute("2600:1f18:1234:5601::/64", "ep", "", syscall.RTN_UNICAST),
		); err != nil {
			return err
		}
	}
	if v.peer == nil {
		return nil
	}
	if err := v.connect(v.router, "peer", v.peer, "eth0"); err != nil {
		return err
	}
	return steps(
		v.peer.addRoute("0.0.0.0/0", "eth0", gatewayIP, syscall.RTN_UNICAST),
		v.peer.addRoute(peerCIDR, "lo", "", syscall.RTN_LOCAL),
		v.router.addRoute(peerCIDR, "peer", "", syscall.RTN_UNICAST),
	)
}

func (v *VPC) connectOutside() error {
	t := v.scenario.Topology
	if err := v.connect(v.router, "gw", v.internet, "gw"); err != nil {
		return err
	}
	if err := v.internet.addRoute(vpcCIDR, "gw", gatewayIP, syscall.RTN_UNICAST); err != nil {
		return err
	}
	outside := append(outsidePackages(), s3PrefixList, otherRegionIP+"/32", otherRegionS3+"/32", blockPageIP+"/32")
	for service, addresses := range publicAddresses {
		if strings.HasPrefix(service, "s3") && service != "s3-accelerate" {
			continue
		}
		for _, address := range addresses {
			outside = append(outside, address+"/32")
		}
	}
	for _, prefix := range outside {
		if err := v.internet.addRoute(prefix, "lo", "", syscall.RTN_LOCAL); err != nil {
			return err
		}
	}
	s3Way, s3Kind := "", syscall.RTN_BLACKHOLE
	if strings.Contains(t.S3, "gateway") {
		s3Way, s3Kind = "gw", syscall.RTN_UNICAST
	}
	if t.S3 != "nat" {
		if err := v.router.addRoute(s3PrefixList, s3Way, "", s3Kind); err != nil {
			return err
		}
	}
	if t.IPv6 {
		if err := steps(
			v.router.addAddress("gw", "fd00:2::1/64"),
			v.internet.addAddress("gw", "fd00:2::2/64"),
			v.internet.addAddress("gw", s3Address6+"/128"),
			v.internet.addAddress("gw", public6+"/128"),
			v.internet.addRoute(vpcCIDR6, "gw", "fd00:2::1", syscall.RTN_UNICAST),
			v.router.addRoute("::/0", "gw", "fd00:2::2", syscall.RTN_UNICAST),
		); err != nil {
			return err
		}
	}
	if v.nat == nil {
		return nil
	}
	if err := v.connect(v.router, "nat", v.nat, "vpc"); err != nil {
		return err
	}
	if err := connectVeth(v.nat, "out", v.internet, "nat", t.MTU); err != nil {
		return err
	}
	return steps(
		v.router.addRoute("0.0.0.0/0", "nat", natPrivateIP, syscall.RTN_UNICAST),
		v.nat.addAddress("vpc", natPrivateIP+"/32"),
		v.nat.addAddress("out", natPublicIP+"/32"),
		v.nat.addRoute(vpcCIDR, "vpc", gatewayIP, syscall.RTN_UNICAST),
		v.nat.addRoute("0.0.0.0/0", "out", "198.51.100.254", syscall.RTN_UNICAST),
		v.internet.addAddress("nat", "198.51.100.254/32"),
		v.internet.addRoute(natPublicIP+"/32", "nat", "", syscall.RTN_UNICAST),
		v.nat.nft("table ip nat {\n chain post {\n type nat hook postrouting priority 100;\n oifname \"out\" snat to "+natPublicIP+"\n }\n}\n"),
	)
}
