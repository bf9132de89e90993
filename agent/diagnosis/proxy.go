package diagnosis

import (
	"fmt"

	"agentctl/probes"
)

// ruleProxy judges the proxy that the real client uses.
func ruleProxy(v *view) {
	for _, c := range []struct {
		reason probes.Reason
		code   Code
		text   string
	}{
		{probes.ProxyUnreachable, "proxy-unreachable", "The proxy %s, which the SSM Agent uses, cannot be reached."},
		{probes.ProxyAuth, "proxy-auth-required", "The proxy %s asks for a user and password (407) that the SSM Agent does not give it."},
		{probes.ProxyDenied, "proxy-denied", "The proxy %s refuses to connect to %s."},
	} {
		hit := where(v.failing(probes.PhaseProxy), func(r *probes.Result) bool { return r.Proxy != nil && r.Proxy.Reason == c.reason })
		if !anyRequired(hit) {
			continue
		}
		p := hit[0].Proxy
		f := Finding{Code: c.code, Severity: Critical, Targets: requiredNames(hit), Fix: fixProxy(v, c.code, hit)}
		if c.code == "proxy-denied" {
			f.Summary = fmt.Sprintf(c.text, p.URL, hostsOf(hit))
		} else {
			f.Summary = fmt.Sprintf(c.text, p.URL)
		}
		f.Evidence = []Evidence{{"proxy", p.URL + " from " + orText(p.Source, "the SSM Agent's environment")}}
		for _, r := range hit {
			e := Evidence{"CONNECT " + hostOf(r), fmt.Sprintf("status %d", r.Proxy.Status)}
			if r.Proxy.Status == 0 {
				s, _ := r.Failed()
				e.Value = orText(s.Detail, tcpWords(s.Reason))
			}
			f.Evidence = append(f.Evidence, e)
		}
		v.add(f, names(hit)...)
	}
}
