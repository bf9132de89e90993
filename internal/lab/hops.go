//go:build linux

package lab

import (
	"fmt"
	"slices"
	"strings"
)

// hopRules make TTL-limited packets fare as recorded on AWS: the VPC's router takes no hop; S3 behind a gateway endpoint is
// five hops away and every one is silent; a NAT gateway answers at the first hop with its private address, then silence.
func (v *VPC) hopRules() string {
	inside := []string{peerCIDR}
	for _, addresses := range v.world.endpoints {
		inside = append(inside, addresses...)
	}
	for _, r := range v.scenario.Topology.Resolvers {
		inside = append(inside, r.Address)
	}
	if proxy := v.scenario.Topology.Proxy.Address; proxy != "" {
		inside = append(inside, proxy)
	}
	inside = slices.DeleteFunc(inside, func(a string) bool {
		return strings.HasPrefix(a, "10.9.") && a != peerCIDR || strings.HasPrefix(a, "127.")
	})
	var rules strings.Builder
	rule := func(format string, args ...any) { fmt.Fprintf(&rules, "  iifname \"inst\" "+format+"\n", args...) }
	rule("ip daddr { %s } ip ttl set 64 return", strings.Join(inside, ", "))
	rule("ip daddr { %s, 169.254.0.0/16, 172.17.0.0/16 } return", vpcCIDR)
	if strings.Contains(v.scenario.Topology.S3, "gateway") {
		rule("ip daddr %s ip ttl < 5 drop", s3PrefixList)
		rule("ip daddr %s ip ttl set 64 return", s3PrefixList)
	}
	rule("ip ttl 1 ip ttl set 2 return")
	rule("ip ttl 2-7 drop")
	rule("ip ttl set 64")
	return "table inet hops {\n chain pre {\n  type filter hook prerouting priority -150;\n" + rules.String() + " }\n}\n"
}
