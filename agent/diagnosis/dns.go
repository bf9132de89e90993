package diagnosis

import (
	"fmt"
	"net/netip"
	"slices"

	"agentctl/agent/words"
	"agentctl/probes"
)

// configured are the resolvers that a client on this host asks.
func (v *view) configured() []probes.ResolverResult {
	var out []probes.ResolverResult
	for _, rr := range v.r.Resolvers {
		if rr.Configured {
			out = append(out, rr)
		}
	}
	return out
}

func (v *view) vpcResolver() (probes.ResolverResult, bool) {
	for _, rr := range v.r.Resolvers {
		if rr.VPC && rr.Answered > 0 {
			return rr, true
		}
	}
	return probes.ResolverResult{}, false
}

// isDead: silent or unreachable. Trouble of our own, such as too few descriptors,
// says nothing of the resolver.
func isDead(rr probes.ResolverResult) bool {
	return rr.Questions > 0 && rr.Answered == 0 && rr.Worst != probes.Internal && rr.Worst != probes.Canceled
}

func isFailing(rr probes.ResolverResult) bool {
	return rr.Answered > 0 && rr.Usable == 0 && rr.Failing > 0
}

func (v *view) resolverEvidence(rs []probes.ResolverResult) []Evidence {
	var out []Evidence
	for _, rr := range rs {
		what := "resolver " + v.resolverName(rr.Addr)
		switch {
		case isDead(rr):
			out = append(out, Evidence{what, fmt.Sprintf("no answer to %d questions, each sent again (%s)", rr.Questions, dnsWords(rr.Worst))})
		case isFailing(rr):
			out = append(out, Evidence{what, fmt.Sprintf("%s to %d of %d questions, no usable answer to any", dnsWords(rr.Worst), rr.Failing, rr.Questions)})
		default:
			out = append(out, Evidence{what, fmt.Sprintf("answers (%s)", seconds(rr.Median))})
		}
	}
	return out
}

// resolverName names a resolver, and what stands behind a stub.
func (v *view) resolverName(a netip.AddrPort) string {
	name := a.String()
	if a.Port() == 53 {
		name = a.Addr().String()
	}
	if res := v.r.Host.Resolver; res.Stub && len(res.Upstream) > 0 && slices.Contains(res.Servers, a) {
		var up []string
		for _, u := range res.Upstream {
			up = append(up, u.Addr().String())
		}
		name += " (systemd-resolved, before " + list(up) + ")"
	}
	return name
}

func seconds(s float64) string { return words.Seconds(s) }

func dnsWords(r probes.Reason) string {
	switch r {
	case probes.NXDomain:
		return "NXDOMAIN (no such name)"
	case probes.NoData:
		return "no address (NODATA)"
	case probes.ServFail:
		return "SERVFAIL"
	case probes.DNSRefused:
		return "REFUSED"
	case probes.FormErr:
		return "FORMERR"
	case probes.Timeout:
		return "silence"
	case probes.Truncated:
		return "cut short over UDP, and TCP fails"
	case probes.Refused:
		return "nothing listens there"
	case probes.NoRoute:
		return "no route to it"
	case probes.Unreachable, probes.Prohibited:
		return "unreachable"
	case probes.Malformed:
		return "garbage"
	case probes.OK:
		return "an address"
	}
	return string(r)
}

// dnsFailing are the unexplained targets without a usable answer.
func (v *view) dnsFailing() []*probes.Result { return v.failing(probes.PhaseDNS) }

func ruleNoResolver(v *view) {
	res := v.r.Host.Resolver
	failing := v.dnsFailing()
	if !v.free(subjectResolver) || (!res.Implied && len(res.Servers) > 0) || len(v.r.Resolvers) == 0 && len(failing) == 0 {
		return
	}
	for _, rr := range v.configured() {
		if rr.Answered > 0 {
			return // an implied resolver on loopback does answer
		}
	}
	f := Finding{Code: "dns-no-resolver", Severity: Critical, Targets: requiredNames(failing),
		Summary:  "No nameserver is configured on this host.",
		Evidence: []Evidence{{orFile(res.Source), orText(res.Problem, "names no nameserver")}},
		Fix:      fixNoResolver(v)}
	if len(failing) == 0 {
		f.Capabilities = Capabilities()
	}
	v.add(f, append(names(failing), subjectResolver)...)
}

func orFile(s string) string { return orText(s, "/etc/resolv.conf") }

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func ruleResolverUnreachable(v *view) {
	conf := v.configured()
	if !v.free(subjectResolver) || len(conf) == 0 || slices.ContainsFunc(conf, func(rr probes.ResolverResult) bool { return !isDead(rr) }) {
		return
	}
	failing := v.dnsFailing()
	var addrs []string
	for _, rr := range conf {
		addrs = append(addrs, v.resolverName(rr.Addr))
	}
	f := Finding{Code: "dns-resolver-unreachable", Severity: Critical, Targets: requiredNames(failing),
		Summary:  fmt.Sprintf("The configured resolver %s does not answer at all, so no name can be looked up.", list(addrs)),
		Evidence: v.resolverEvidence(conf), Fix: fixResolverDead(v, conf)}
	if len(conf) > 1 {
		f.Summary = fmt.Sprintf("None of the configured resolvers (%s) answers at all, so no name can be looked up.", list(addrs))
	}
	if conf[0].Worst == probes.NoRoute {
		f.Summary = fmt.Sprintf("This machine has no route to its resolver %s, so no name can be looked up.", list(addrs))
		if !hasDefaultRoute(v) {
			f.Evidence = append(f.Evidence, Evidence{"route table", "no default route"})
		}
	}
	if rr, ok := v.vpcResolver(); ok && !rr.Configured {
		f.Evidence = append(f.Evidence, Evidence{"VPC resolver " + v.resolverName(rr.Addr), "answers"})
	}
	if len(failing) == 0 {
		f.Capabilities = Capabilities()
	}
	v.add(f, append(names(failing), subjectResolver)...)
}

// ruleEDNS: Go programs such as the SSM Agent put EDNS into every query and do
// not ask again without it; libc's resolver asks without.
func ruleEDNS(v *view) {
	var lost []probes.ResolverResult
	for _, rr := range v.configured() {
		if rr.EDNSOK > 0 {
			return
		}
		if rr.EDNSLost > 0 {
			lost = append(lost, rr)
		}
	}
	if len(lost) == 0 || !v.free(subjectResolver) {
		return
	}
	hit := where(v.failing(probes.PhaseDNS), func(r *probes.Result) bool { return r.Target.Client == probes.ClientAgent })
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "dns-edns-blocked", Severity: Critical, Targets: requiredNames(hit),
		Summary: "Queries with EDNS are lost on the way to the resolver; plain ones are answered. The SSM Agent always asks with EDNS, so it finds no address.",
		Fix:     fixEDNS(v, lost)}
	for _, rr := range lost {
		f.Evidence = append(f.Evidence, Evidence{"resolver " + v.resolverName(rr.Addr), fmt.Sprintf("%d questions answered without EDNS, none with it", rr.EDNSLost)})
	}
	for _, r := range hit {
		if r.Name == nil {
			continue
		}
		for _, a := range r.Name.Answers {
			if a.EDNS != "" && a.EDNS != probes.OK && a.Plain == probes.OK {
				f.Evidence = append(f.Evidence, Evidence{r.Target.Name, "with EDNS (1232 bytes): " + dnsWords(a.EDNS) + "; without: an address"})
				break
			}
		}
	}
	v.add(f, append(names(hit), subjectResolver)...)
}

func ruleDNSOverTCP(v *view) {
	hit := where(v.dnsFailing(), func(r *probes.Result) bool { return r.Name != nil && r.Name.Reason == probes.Truncated })
	if !anyDecisive(hit) {
		return
	}
	f := Finding{Code: "dns-tcp-blocked", Severity: Critical, Targets: requiredNames(hit),
		Summary: "The resolver's answer does not fit into UDP, and DNS over TCP (53/tcp) does not work.",
		Fix:     fixDNSTCP(v)}
	for _, r := range hit {
		for _, a := range r.Name.Answers {
			if a.Reason == probes.Truncated {
				f.Evidence = append(f.Evidence, Evidence{r.Target.Name, fmt.Sprintf("resolver %s: truncated over UDP; over TCP %s", v.resolverName(a.Resolver), tcpWords(a.TCP))})
				break
			}
		}
	}
	v.add(f, names(hit)...)
}

func ruleResolverFailing(v *view) {
	conf := v.configured()
	failing := 0
	for _, rr := range conf {
		if rr.Usable > 0 {
			return
		}
		if rr.Failing > 0 {
			failing++
		}
	}
	if failing == 0 || !v.free(subjectResolver) {
		return
	}
	hit := v.dnsFailing()
	f := Finding{Code: "dns-resolver-failing", Severity: Critical, Targets: requiredNames(hit),
		Summary:  "The configured resolver answers every question with an error.",
		Evidence: v.resolverEvidence(conf), Fix: fixResolverFailing(v, conf)}
	if len(conf) > 1 {
		f.Summary = "No configured resolver gives a usable answer to any question."
	}
	if rr, ok := v.vpcResolver(); ok && !rr.Configured {
		f.Evidence = append(f.Evidence, Evidence{"VPC resolver " + v.resolverName(rr.Addr), "answers"})
	}
	v.add(f, append(names(hit), subjectResolver)...)
}

func ruleResolverDegraded(v *view) {
	conf := v.configured()
	if !v.free(subjectResolver) || len(conf) < 2 {
		return
	}
	var bad []probes.ResolverResult
	for _, rr := range conf {
		if isDead(rr) || isFailing(rr) {
			bad = append(bad, rr)
		}
	}
	if len(bad) == 0 || len(bad) == len(conf) {
		return
	}
	var addrs []string
	for _, rr := range bad {
		addrs = append(addrs, v.resolverName(rr.Addr))
	}
	v.add(Finding{Code: "dns-resolver-degraded", Severity: Warning, Capabilities: Capabilities(),
		Summary:  fmt.Sprintf("One configured resolver (%s) does not work; another does. Every lookup may wait seconds for it.", list(addrs)),
		Evidence: v.resolverEvidence(conf), Fix: fixResolverDead(v, bad)})
}

func ruleResolverSlow(v *view) {
	if !v.free(subjectResolver) {
		return
	}
	for _, rr := range v.configured() {
		if isDead(rr) || isFailing(rr) {
			continue
		}
		// Only the first that works is asked by clients.
		if rr.Slow < 2 {
			return
		}
		v.add(Finding{Code: "dns-slow", Severity: Warning, Capabilities: Capabilities(),
			Summary:  fmt.Sprintf("The resolver %s takes over 2 seconds to answer.", v.resolverName(rr.Addr)),
			Evidence: []Evidence{{"resolver " + v.resolverName(rr.Addr), fmt.Sprintf("%d of %d answers took over 2 s (half of them over %s, the slowest %s)", rr.Slow, rr.Answered, seconds(rr.Median), seconds(rr.Slowest))}},
			Fix:      fixResolverSlow(v, rr)})
		return
	}
}
