package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/probes"
)

// proxyFails tells which finding a failure on the way through a proxy is; "" where
// it is none. Plain http goes to the proxy as it is, without CONNECT, so that a 407
// comes as the answer itself.
func proxyFails(r *probes.Result) Code {
	s, failed := r.Failed()
	switch {
	case !failed || r.Proxy == nil || s.Reason == probes.Internal || s.Reason == probes.Canceled:
		return ""
	case s.Reason == probes.ProxyAuth:
		return "proxy-auth-required"
	case s.Phase != probes.PhaseProxy:
		return ""
	case s.Reason == probes.ProxyDenied:
		return "proxy-denied"
	}
	return "proxy-unreachable"
}

// ruleProxy judges the proxies that the real clients use: the SSM Agent's, which the
// package manager inherits, and those that repositories name.
func ruleProxy(v *view) {
	for _, code := range []Code{"proxy-unreachable", "proxy-auth-required", "proxy-denied"} {
		hit := where(v.probed(), func(r *probes.Result) bool {
			return r.State == probes.Down && v.free(r.Target.Name) && proxyFails(r) == code
		})
		var urls []string
		for _, r := range hit {
			if !slices.Contains(urls, r.Proxy.URL) {
				urls = append(urls, r.Proxy.URL)
			}
		}
		for _, url := range urls {
			if rs := where(hit, func(r *probes.Result) bool { return r.Proxy.URL == url }); anyRequired(rs) {
				v.add(v.proxyFinding(code, rs), names(rs)...)
			}
		}
	}
}

func (v *view) proxyFinding(code Code, hit []*probes.Result) Finding {
	p := hit[0].Proxy
	f := Finding{Code: code, Severity: Critical, Targets: requiredNames(hit), Fix: fixProxy(v, code, hit),
		Evidence: []Evidence{{"proxy", p.URL + " from " + orText(p.Source, "the SSM Agent's environment")}}}
	user := v.proxyUser(hit)
	switch {
	case code == "proxy-denied":
		f.Summary = fmt.Sprintf("The proxy %s refuses to connect to %s.", p.URL, hostsOf(hit))
	case code == "proxy-auth-required":
		f.Summary = fmt.Sprintf("The proxy %s asks for a user and password (407) that %s does not give it.", p.URL, user)
	case p.Reason == probes.ProxyUnreachable:
		f.Summary = fmt.Sprintf("The proxy %s, which %s uses, cannot be reached.", p.URL, user)
	default:
		f.Summary = fmt.Sprintf("The proxy %s, which %s uses, takes the connection and then does not answer.", p.URL, user)
	}
	var direct []string
	for _, r := range hit {
		e := Evidence{"CONNECT " + hostOf(r), fmt.Sprintf("status %d", r.Proxy.Status)}
		if s, _ := r.Failed(); r.Proxy.Status == 0 {
			e.Value = orText(s.Detail, tcpWords(s.Reason))
		}
		if r.HTTP != nil {
			e = Evidence{"GET " + r.Target.URL, httpWords(r)}
		}
		if !slices.Contains(f.Evidence, e) {
			f.Evidence = append(f.Evidence, e)
		}
		if rr := v.repos[r]; rr != nil && rr.Direct == probes.OK {
			direct = append(direct, rr.Repo.ID)
		}
	}
	if len(direct) > 0 {
		f.Evidence = append(f.Evidence, Evidence{"without the SSM Agent's proxy", list(direct) + " works, so the package manager run by hand does too"})
	}
	return f
}

// proxyUser is who goes through the proxy: the SSM Agent, unless only repositories do
// that name one of their own.
func (v *view) proxyUser(hit []*probes.Result) string {
	var own []string
	for _, r := range hit {
		rr := v.repos[r]
		if rr == nil || rr.Repo.Proxy == "" {
			return "the SSM Agent"
		}
		own = append(own, rr.Repo.ID)
	}
	return fmt.Sprintf("%s (for %s)", v.packager(), list(own))
}

func fixProxy(v *view, code Code, rs []*probes.Result) []Fix {
	place := "the SSM Agent's unit (systemctl edit amazon-ssm-agent)"
	setting := "https_proxy"
	if v.ids.windows {
		place = "the Environment value of the AmazonSSMAgent service"
	}
	then := []Fix{v.thenRestart()}
	if !strings.HasPrefix(v.proxyUser(rs), "the SSM Agent") {
		place, setting, then = orText(rs[0].Proxy.Source, v.packager()+"'s configuration"), "the proxy", nil
	}
	var out []Fix
	switch code {
	case "proxy-unreachable":
		out = []Fix{{"correct or remove " + setting + " in " + place + ", or have the proxy let this instance in", ""}}
	case "proxy-auth-required":
		out = []Fix{{"have the proxy let this instance in without a password, or put user and password into " + setting + " in " + place, ""}}
	default:
		out = []Fix{{"ask whoever runs the proxy: \"please allow CONNECT to " + hostsOf(rs) + " on 443, without TLS inspection\"", ""}}
	}
	hosts := where(rs, func(r *probes.Result) bool { return v.repos[r] != nil && v.repos[r].Direct == probes.OK })
	switch {
	case len(hosts) > 0:
		out = append(out, Fix{"or let these names by it, as they can be reached without: add them to no_proxy in " + place, v.addNoProxy(hosts)})
	case code == "proxy-denied" && then != nil:
		out = append(out, Fix{"or leave the names out of the proxy: no_proxy in " + place, ""})
	}
	return append(out, then...)
}

// addNoProxy is the command that adds the targets' names to the SSM Agent's no_proxy.
func (v *view) addNoProxy(rs []*probes.Result) string {
	now := v.r.Agent.Proxy.NoProxy
	if now != "" {
		now = paste(now, "<what it holds now>") + ","
	}
	var hosts []string
	for _, r := range rs {
		hosts = append(hosts, paste(hostOf(r), "<name>"))
	}
	return v.dropIn("zz-no-proxy", "no_proxy="+now+strings.Join(dedup(hosts), ","))
}
