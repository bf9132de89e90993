package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/agent/words"
	"agentctl/probes"
)

func tcpWords(r probes.Reason) string {
	switch r {
	case probes.OK:
		return "connects"
	case probes.Timeout:
		return "no answer"
	case probes.Refused:
		return "refused by a reset"
	case probes.NoRoute:
		return "no route in this host's own table"
	case probes.Unreachable:
		return "unreachable"
	case probes.Prohibited:
		return "prohibited"
	case probes.Reset:
		return "reset"
	case probes.Closed:
		return "closed"
	case "":
		return "not tried"
	}
	return string(r)
}

// pathEvidence is one line per target: where its name leads and what came back.
func (v *view) pathEvidence(rs []*probes.Result) []Evidence {
	var out []Evidence
	for _, r := range rs {
		where := map[place]string{placePublic: "public", placeInside: "inside the VPC", placeOutside: "private, outside the VPC",
			placePrivate: "private"}[v.placeOf(r)]
		var tries []string
		attempts := 0
		for _, c := range r.Conns {
			if c.Reason == probes.Canceled {
				continue
			}
			attempts = max(attempts, c.Attempts)
			tries = append(tries, tcpWords(c.Reason))
		}
		slices.Sort(tries)
		word := strings.Join(slices.Compact(tries), ", ")
		e := Evidence{r.Target.Name, fmt.Sprintf("resolves to %s (%s); port %s: %s, %d connects", addrList(r.Addresses), where, portOf(r), word, max(attempts, 1))}
		if v.repos[r] != nil {
			e.Value = hostOf(r) + " " + e.Value
		}
		out = append(out, e)
	}
	return v.sameRepos(out)
}

func portOf(r *probes.Result) string {
	for _, c := range r.Conns {
		return fmt.Sprint(c.Addr.Port())
	}
	return "443"
}

// ruledOut says what works, because it saves the reader from checking it again.
func (v *view) ruledOut() []Evidence {
	var up []string
	for _, r := range v.probed() {
		if v.fate(r) != fateUp || portOf(r) != "443" {
			continue
		}
		name := r.Target.Name
		if isS3(r) {
			name = "S3"
		}
		if !slices.Contains(up, name) {
			up = append(up, name)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return []Evidence{{"works from here", list(up) + ", so the instance's own rules let port 443 out"}}
}

func (v *view) controlEvidence() []Evidence {
	r := v.result("internet")
	if r == nil || r.State == probes.Skipped {
		return nil // not asked: nothing was silent
	}
	switch v.fate(r) {
	case fateUp:
		return []Evidence{{"internet (" + hostOf(r) + ")", "answers"}}
	case fateSilent:
		return []Evidence{{"internet (" + hostOf(r) + ")", "no answer"}}
	case fateNone:
		return []Evidence{{"internet (" + hostOf(r) + ")", "not known: its name does not resolve here"}}
	}
	return []Evidence{{"internet (" + hostOf(r) + ")", "not reachable"}}
}

// tried are the targets whose connects tell about the path: measured, direct,
// and not explained by their name.
func (v *view) tried() []*probes.Result {
	return where(v.results, func(r *probes.Result) bool {
		return v.fate(r) != fateNone && (v.free(r.Target.Name) || v.fate(r) == fateUp) && len(pinned(r)) == 0
	})
}

func pinned(r *probes.Result) []int {
	if r.Name != nil && len(r.Name.Pinned) > 0 {
		return []int{r.Name.PinnedLine}
	}
	return nil
}

// silent are the unexplained targets that answer no connect.
func (v *view) silent() []*probes.Result {
	return where(v.failing(probes.PhaseTCP), func(r *probes.Result) bool { return v.fate(r) == fateSilent })
}

// ruleNothingRoutes: with no way to anything, be it the metadata service, the
// resolver or a target, the missing route is the one cause and not three.
func ruleNothingRoutes(v *view) {
	m, conf := v.r.Metadata, v.configured()
	if m.State != probes.MetadataUnreachable || !m.Local || m.Reason != probes.NoRoute || hasDefaultRoute(v) || !v.free(subjectIMDS) {
		return
	}
	for _, rr := range conf {
		if !isDead(rr) || rr.Worst != probes.NoRoute {
			return
		}
	}
	f := Finding{Code: "net-no-route", Severity: Critical, Capabilities: Capabilities(), Targets: requiredNames(v.dnsFailing()),
		Summary:  "This machine has no network: no interface but loopback has an address.",
		Evidence: []Evidence{{"route table", "no default route"}, {"instance metadata " + imdsAddr, "no route"}}}
	for _, rr := range conf {
		f.Evidence = append(f.Evidence, Evidence{"resolver " + v.resolverName(rr.Addr), "no route"})
	}
	if hasAddress(v) {
		f.Summary = "This machine has no default route, so it reaches nothing outside its own subnet: no metadata, no resolver, no endpoint."
	}
	for _, i := range v.r.Host.Interfaces {
		if !i.Loopback {
			state := "down"
			if i.Up {
				state = "up"
			}
			f.Evidence = append(f.Evidence, Evidence{"interface " + i.Name, fmt.Sprintf("%s, %s", state, words.Count(len(i.Addrs), "address"))})
		}
	}
	f.Fix = fixNoNetwork(v)
	v.add(f, append(names(v.dnsFailing()), subjectIMDS, subjectRegion, subjectCredentials, subjectRunning, subjectResolver)...)
}

func ruleNoRoute(v *view) {
	hit := where(v.failing(probes.PhaseTCP), func(r *probes.Result) bool { return v.fate(r) == fateNoRoute })
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "net-no-route", Severity: Critical, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("This host's own route table has no route to %s: the connect fails at once, before a packet leaves.", list(requiredNames(hit))),
		Evidence: v.pathEvidence(hit), Fix: fixNoRoute(v, hit)}
	if !hasDefaultRoute(v) {
		f.Evidence = append(f.Evidence, Evidence{"route table", "no default route"})
	}
	for _, r := range v.r.Host.Routes {
		if r.Kind != "unicast" && r.Kind != "" && slices.ContainsFunc(hit, func(h *probes.Result) bool {
			return len(h.Addresses) > 0 && r.Dst.IsValid() && r.Dst.Contains(h.Addresses[0].Unmap())
		}) {
			f.Evidence = append(f.Evidence, Evidence{"route table", r.Kind + " " + r.Dst.String()})
		}
	}
	v.add(f, names(hit)...)
}

// everythingSilent tells whether no address outside of the link answered
// anything: no connect, no reset, no ICMP error. Repositories of third parties alone
// do not tell; where only those were asked for, the controls do.
func (v *view) everythingSilent() bool {
	tried := v.tried()
	silent := where(tried, func(r *probes.Result) bool { return v.fate(r) == fateSilent })
	return len(silent) == len(tried) && (anyDecisive(v.silent()) || anyRequired(v.silent()) && len(v.awsTried()) > 0)
}

// awsTried are the AWS targets whose connects tell about the path, controls too.
func (v *view) awsTried() []*probes.Result {
	return where(v.tried(), func(r *probes.Result) bool { return isAWS(r) && r.Target.Name != "internet" })
}

// awsControls are those that stand for a group that was not asked for.
func (v *view) awsControls() []*probes.Result {
	return where(v.awsTried(), func(r *probes.Result) bool { return r.Target.Control })
}

func ruleEgressBlocked(v *view) {
	if !v.everythingSilent() || !slices.ContainsFunc(v.tried(), v.isPrivate) {
		return
	}
	hit := v.silent()
	f := Finding{Code: "egress-blocked", Severity: Critical, Targets: requiredNames(hit),
		Summary:  "Nothing leaves this instance: names resolve, and every connection out, to private and public addresses, gets no answer.",
		Evidence: append(v.pathEvidence(append(v.awsControls(), hit...)), v.controlEvidence()...), Fix: fixEgressBlocked(v)}
	if v.r.Metadata.State == probes.MetadataOK {
		f.Evidence = append(f.Evidence, Evidence{"DNS and instance metadata", "work: they pass no security group"})
	}
	if len(hit) < 2 {
		f.Confidence = Likely
	}
	v.add(f, names(hit)...)
}

func ruleEgressNoWayOut(v *view) {
	aws := v.awsTried()
	if !v.everythingSilent() || len(aws) == 0 || slices.ContainsFunc(aws, v.isPrivate) {
		return
	}
	hit := v.silent()
	f := Finding{Code: "egress-no-way-out", Severity: Critical, Confidence: Likely, Targets: requiredNames(hit),
		Summary:  "There is no way out of this subnet: every AWS name leads to a public address, and none of them answers. Neither NAT nor VPC endpoints serve it.",
		Evidence: append(v.pathEvidence(append(v.awsControls(), hit...)), v.controlEvidence()...), Fix: fixNoWayOut(v)}
	v.add(f, names(hit)...)
}

// answersPublicly tells whether a public address outside S3 answers on 443: S3 may
// come by its gateway endpoint and proves nothing.
func (v *view) answersPublicly() (string, bool) {
	if v.internet() == fateUp {
		return "internet (" + hostOf(v.result("internet")) + ")", true
	}
	for _, r := range v.probed() {
		if (isAWS(r) || thirdParty(r) && portOf(r) == "443") && !isS3(r) && v.fate(r) == fateUp && v.placeOf(r) == placePublic {
			return r.Target.Name, true
		}
	}
	return "", false
}

func ruleEgressFiltered(v *view) {
	by, ok := v.answersPublicly()
	if !ok {
		return
	}
	hit := where(v.silent(), func(r *probes.Result) bool { return (isAWS(r) || thirdParty(r)) && !v.isPrivate(r) })
	if !anyDecisive(hit) {
		return
	}
	v.add(Finding{Code: "egress-filtered", Severity: Critical, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("Something on the way out lets other public addresses through but drops %s: a firewall, security group or network ACL by destination.", list(requiredNames(hit))),
		Evidence: append(v.pathEvidence(hit),
			append(v.regionEvidence(hit), Evidence{by, "answers at its public address, so there is a way out"})...), Fix: fixFiltered(v, hit)}, names(hit)...)
}

// ruleIPv6: clients try IPv6 first where the host has it, so every connection waits
// for it to fail.
func ruleIPv6(v *view) {
	hit := where(v.probed(), func(r *probes.Result) bool {
		four, six, failed := false, 0, 0
		for _, c := range r.Conns {
			if c.Addr.Addr().Unmap().Is4() {
				four = four || c.Reason == probes.OK
				continue
			}
			six++
			if c.Reason != probes.OK && c.Reason != probes.Canceled {
				failed++
			}
		}
		return four && six > 0 && failed == six
	})
	if !anyDecisive(hit) {
		return
	}
	f := Finding{Code: "path-ipv6-broken", Severity: Warning, Targets: requiredNames(hit), Fix: fixIPv6(v),
		Summary: fmt.Sprintf("IPv6 does not work: %s also has IPv6 addresses, which this host would use, and they do not answer. IPv4 works, after a wait.", list(requiredNames(hit)))}
	for _, r := range hit {
		for _, c := range r.Conns {
			if !c.Addr.Addr().Unmap().Is4() {
				f.Evidence = append(f.Evidence, Evidence{r.Target.Name, fmt.Sprintf("%s: %s, %d connects; by IPv4 it connects", c.Addr, tcpWords(c.Reason), c.Attempts)})
				break
			}
		}
	}
	v.addInfo(f)
}
