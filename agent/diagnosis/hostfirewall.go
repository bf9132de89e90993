package diagnosis

import (
	"net/netip"

	"agentctl/platform"
	"agentctl/probes"
)

type routeEntry = platform.Route

// ruleHostFirewall: an ICMP error from an address of ours, or EPERM, is this
// host's own firewall. It stands above everything: what our own rules reject
// tells nothing about the network.
func ruleHostFirewall(v *view) {
	f := Finding{Code: "host-firewall-blocked", Severity: Critical}
	var claims []string
	required := false
	for _, r := range v.probed() {
		if v.fate(r) != fateOwn {
			continue
		}
		f.Targets = append(f.Targets, r.Target.Name)
		required = required || r.Target.Required
		for _, c := range r.Conns {
			if v.connFate(c) == fateOwn {
				f.Evidence = append(f.Evidence, Evidence{r.Target.Name + " " + c.Addr.String(), ownWords(c.Sender, v)})
				break
			}
		}
	}
	if m := v.r.Metadata; m.State == probes.MetadataUnreachable && !v.onlyForRoot() && (ownSender(v, m.Sender) || (m.Local && m.Reason == probes.Prohibited)) {
		required = true
		claims = append(claims, subjectIMDS, subjectRegion, subjectCredentials, subjectRunning)
		f.Targets = append(f.Targets, subjectIMDS)
		f.Evidence = append(f.Evidence, Evidence{"instance metadata " + imdsAddr + ":80", ownWords(m.Sender, v)})
	}
	if blocked := ownResolvers(v); len(blocked) > 0 {
		claims = append(claims, subjectResolver)
		for _, rr := range blocked {
			f.Evidence = append(f.Evidence, Evidence{"resolver " + rr.Addr.Addr().String() + ":53", ownWords(rr.Sender, v)})
		}
		if len(blocked) == len(v.configured()) {
			for _, r := range v.failing(probes.PhaseDNS) {
				f.Targets = append(f.Targets, r.Target.Name)
				required = required || r.Target.Required
			}
			required = true
		}
	}
	if !required {
		return
	}
	f.Summary = "This host's own firewall rejects the connections; nothing outside of it was asked."
	if !v.r.Host.Privileged {
		f.Confidence = Likely
		f.Evidence = append(f.Evidence, Evidence{"run as", "an unprivileged user: a rule by owner may let root through"})
	}
	f.Fix = fixHostFirewall(v)
	if len(f.Targets) == 0 {
		f.Capabilities = Capabilities()
	}
	v.add(f, claims...)
}

func ownSender(v *view, a netip.Addr) bool { return a.IsValid() && v.r.Host.OwnsAddr(a) }

func ownWords(sender netip.Addr, v *view) string {
	if ownSender(v, sender) {
		return "rejected by " + sender.String() + ", an address of this host"
	}
	return "the send itself is refused (EPERM)"
}

// ownResolvers are the configured resolvers that our own firewall keeps away.
func ownResolvers(v *view) []probes.ResolverResult {
	var out []probes.ResolverResult
	for _, rr := range v.configured() {
		if rr.Answered == 0 && rr.Questions > 0 && (ownSender(v, rr.Sender) || (rr.Local && rr.Worst == probes.Prohibited)) {
			// A loopback stub that nobody listens on answers "port unreachable"
			// from loopback itself: no firewall.
			if rr.Addr.Addr().IsLoopback() {
				continue
			}
			if rr.Addr.Addr() == rr.Sender {
				continue
			}
			out = append(out, rr)
		}
	}
	return out
}
