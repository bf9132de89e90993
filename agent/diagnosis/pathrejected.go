package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/probes"
)

func ruleNetUnreachable(v *view) {
	hit := where(v.failing(probes.PhaseTCP), func(r *probes.Result) bool { return v.fate(r) == fateICMP })
	if !anyDecisive(hit) {
		return
	}
	f := Finding{Code: "net-unreachable", Severity: Critical, Targets: requiredNames(hit), Evidence: v.pathEvidence(hit)}
	senders := []string{}
	for _, r := range hit {
		for _, c := range r.Conns {
			if s := c.Sender; s.IsValid() && !slices.Contains(senders, s.String()) {
				senders = append(senders, s.String())
				f.Evidence = append(f.Evidence, Evidence{"ICMP error from " + s.String(), fmt.Sprintf("%s is %s (%s)", c.Addr, tcpWords(c.Reason), c.Errno)})
			}
		}
	}
	who := "a router or firewall on the way"
	if len(senders) > 0 {
		who = list(senders) + ", a router or firewall on the way,"
	} else {
		f.Confidence = Likely
	}
	f.Summary = fmt.Sprintf("%s says that %s cannot be reached.", strings.ToUpper(who[:1])+who[1:], list(requiredNames(hit)))
	f.Fix = fixNetUnreachable(v, hit, senders)
	v.add(f, names(hit)...)
}

func ruleRefused(v *view) {
	hit := where(v.failing(probes.PhaseTCP), func(r *probes.Result) bool { return v.fate(r) == fateRefused })
	if !anyDecisive(hit) {
		return
	}
	v.add(Finding{Code: "tcp-refused", Severity: Critical, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("The connection to %s (%s) is refused by a reset. AWS endpoints never do that: a firewall does, or the address is not the endpoint's.", list(requiredNames(hit)), addressesOf(hit)),
		Evidence: append(v.pathEvidence(hit), v.ruledOut()...), Fix: fixRefused(v, hit)}, names(hit)...)
}
