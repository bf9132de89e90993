package diagnosis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"agentctl/probes"
)

// ruleHostsOverride: blocks that a vendor manages are exempt.
func ruleHostsOverride(v *view) {
	var bad, good []*probes.Result
	for _, r := range v.probed() {
		if r.Name == nil || len(r.Name.Pinned) == 0 || r.Name.PinVendor != "" || !v.free(r.Target.Name) {
			continue
		}
		if r.State == probes.Down {
			bad = append(bad, r)
		} else if r.State == probes.Up {
			good = append(good, r)
		}
	}
	for _, c := range []struct {
		rs  []*probes.Result
		sev Severity
	}{{bad, Critical}, {good, Warning}} {
		if !anyDecisive(c.rs) {
			continue
		}
		f := Finding{Code: "dns-hosts-override", Severity: c.sev, Targets: requiredNames(c.rs), Fix: fixHosts(v, c.rs)}
		if c.sev == Critical {
			f.Summary = fmt.Sprintf("The hosts file pins %s to an address that does not work.", hostsOf(c.rs))
		} else {
			f.Summary = fmt.Sprintf("The hosts file pins %s. It works today, and breaks when AWS changes the address.", hostsOf(c.rs))
		}
		for _, r := range c.rs {
			f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("hosts file, line %d", r.Name.PinnedLine), hostOf(r) + " is " + addrList(r.Name.Pinned)})
			if got := dnsSays(r); len(got) > 0 {
				f.Evidence = append(f.Evidence, Evidence{"DNS says", addrList(got)})
			}
		}
		if c.sev == Critical {
			v.add(f, names(c.rs)...)
		} else {
			v.add(f)
		}
	}
}

func hostsOf(rs []*probes.Result) string {
	var hs []string
	for _, r := range rs {
		if h := hostOf(r); !slices.Contains(hs, h) {
			hs = append(hs, h)
		}
	}
	return list(hs)
}

// dnsSays is what the resolvers answer for a name, whatever the hosts file has.
func dnsSays(r *probes.Result) []netip.Addr {
	for _, a := range r.Name.Answers {
		if a.Reason == probes.OK && len(a.Addrs) > 0 {
			return a.Addrs
		}
	}
	return nil
}

// vpcSays is the VPC resolver's answer for a result's name: its addresses and,
// failing those, its reason. Asked is false where it could not be asked.
func (v *view) vpcSays(r *probes.Result) (addrs []netip.Addr, reason probes.Reason, asked bool) {
	rr, ok := v.vpcResolver()
	if !ok || r.Name == nil {
		return nil, "", false
	}
	host := strings.TrimSuffix(strings.ToLower(r.Name.Host), ".")
	for _, a := range r.Name.Answers {
		if a.Resolver != rr.Addr || strings.TrimSuffix(strings.ToLower(a.Question), ".") != host {
			continue
		}
		if a.Reason == probes.Timeout || a.Reason == probes.Canceled {
			continue
		}
		asked = true
		if a.Reason == probes.OK {
			addrs = append(addrs, a.Addrs...)
		}
		if reason == "" || a.Type == "A" {
			reason = a.Reason
		}
	}
	return addrs, reason, asked
}

// ruleCustomResolver: the configured resolver hides what the VPC's own knows.
func ruleCustomResolver(v *view) {
	var hit []*probes.Result
	f := Finding{Code: "dns-custom-resolver", Severity: Critical}
	for _, r := range v.probed() {
		if r.State != probes.Down || !v.free(r.Target.Name) || r.Name == nil || len(r.Name.Pinned) > 0 {
			continue
		}
		known, _, asked := v.vpcSays(r)
		if !asked || len(known) == 0 || v.byVPC(r) {
			continue
		}
		step, _ := r.Failed()
		switch {
		case step.Reason == probes.ServerError, step.Reason == probes.Throttled, step.Reason == probes.AccessDenied:
			continue // the service itself answers: the address is not to blame
		case step.Phase == probes.PhaseHTTP && v.repos[r] != nil && fromService(r):
			continue // S3 answers, and has not what the repository should hold
		case step.Phase == probes.PhaseDNS:
			f.Evidence = append(f.Evidence, Evidence{hostOf(r), fmt.Sprintf("resolver %s says %s, the VPC resolver says %s",
				byName(v, r), dnsWords(r.Name.Reason), addrList(known))})
		case v.hides(r.Addresses, known):
			f.Evidence = append(f.Evidence, Evidence{hostOf(r), fmt.Sprintf("resolver %s says %s, which does not work from here; the VPC resolver says %s",
				byName(v, r), addrList(r.Addresses), addrList(known))})
		case below(r) != "":
			f.Evidence = append(f.Evidence, Evidence{hostOf(r), fmt.Sprintf("a search domain catches it: resolver %s answers %s for %s; the VPC resolver says %s",
				byName(v, r), addrList(r.Addresses), below(r), addrList(known))})
		default:
			continue
		}
		hit = append(hit, r)
	}
	if !anyDecisive(hit) {
		return
	}
	f.Targets = requiredNames(hit)
	f.Summary = fmt.Sprintf("The configured resolver %s hides what the VPC's own resolver knows of %s.", byName(v, hit[0]), list(f.Targets))
	f.Fix = fixCustomResolver(v, hit)
	v.add(f, names(hit)...)
}

// below is the name under a search domain whose answer the client took instead of
// the host's own, as a wildcard there makes it do; "" for the host's own.
func below(r *probes.Result) string {
	for _, a := range r.Name.Answers {
		if a.Resolver == r.Name.By && a.Reason == probes.OK && len(a.Addrs) > 0 && slices.Contains(r.Name.Addrs, a.Addrs[0]) {
			if q := strings.TrimSuffix(strings.ToLower(a.Question), "."); q != strings.TrimSuffix(strings.ToLower(r.Name.Host), ".") {
				return q
			}
			return ""
		}
	}
	return ""
}

// hides tells whether the addresses given are useless where others are known:
// a public address for a private one, or a sinkhole's.
func (v *view) hides(got, known []netip.Addr) bool {
	if len(got) == 0 {
		return true
	}
	private := slices.ContainsFunc(known, func(a netip.Addr) bool { return v.place(a) != placePublic })
	for _, a := range got {
		if slices.Contains(known, a) {
			return false
		}
		if a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() {
			return true
		}
		if private && v.place(a) != placePublic && !(v.place(a) == placeInside && v.inside(known)) {
			return false // both private: a central endpoint that someone chose
		}
	}
	return private
}

// inside tells whether all addresses lie in this VPC. Two answers from there that
// share no address: one of them is of an endpoint that is gone.
func (v *view) inside(as []netip.Addr) bool {
	return !slices.ContainsFunc(as, func(a netip.Addr) bool { return v.place(a) != placeInside })
}

// byVPC tells whether the answer that counts came from the VPC's own resolver.
func (v *view) byVPC(r *probes.Result) bool {
	for _, rr := range v.r.Resolvers {
		if rr.VPC && rr.Addr == r.Name.By {
			return true
		}
	}
	return false
}

func byName(v *view, r *probes.Result) string {
	if r.Name != nil && r.Name.By.IsValid() {
		return v.resolverName(r.Name.By)
	}
	for _, rr := range v.configured() {
		return v.resolverName(rr.Addr)
	}
	return "(none)"
}

func ruleNameNotFound(v *view) {
	hit := v.dnsFailing()
	if !anyDecisive(hit) {
		return
	}
	f := Finding{Code: "dns-name-not-found", Severity: Critical, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("The name of %s has no address that this host can use.", list(requiredNames(hit))),
		Fix:     fixNameNotFound(v, hit)}
	for _, r := range hit {
		if r.Name == nil {
			continue
		}
		e := Evidence{hostOf(r), fmt.Sprintf("resolver %s says %s", byName(v, r), dnsWords(r.Name.Reason))}
		if _, reason, asked := v.vpcSays(r); asked && !v.byVPC(r) {
			e.Value += ", and so does the VPC resolver"
			if reason != r.Name.Reason {
				e.Value = strings.TrimSuffix(e.Value, ", and so does the VPC resolver") + ", the VPC resolver says " + dnsWords(reason)
			}
		} else if !asked && !v.byVPC(r) {
			e.Value += "; the VPC resolver cannot be asked"
			f.Confidence = Likely
		}
		f.Evidence = append(f.Evidence, e)
	}
	v.add(f, names(hit)...)
}
