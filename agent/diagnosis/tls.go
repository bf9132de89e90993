package diagnosis

import (
	"fmt"
	"slices"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// tlsFailing are the unexplained targets that stop in TLS for a reason.
func (v *view) tlsFailing(reasons ...probes.Reason) []*probes.Result {
	return where(v.failing(probes.PhaseTLS), func(r *probes.Result) bool {
		return r.TLS != nil && slices.Contains(reasons, r.TLS.Reason)
	})
}

// Handshakes that end without an answer that is TLS.
var lostHandshake = []probes.Reason{probes.HandshakeTimeout, probes.HandshakeReset, probes.Closed, probes.MTUBlackhole, probes.PQBlocked, probes.Timeout, probes.Reset}

func passes(r *probes.Result, kind probes.ExperimentKind) bool {
	return slices.ContainsFunc(r.Experiments, func(e probes.Experiment) bool { return e.Kind == kind && e.Reason == probes.OK })
}

func ran(r *probes.Result, kind probes.ExperimentKind) bool {
	return slices.ContainsFunc(r.Experiments, func(e probes.Experiment) bool { return e.Kind == kind })
}

func experimentWords(k probes.ExperimentKind) string {
	switch k {
	case probes.ExpClamp:
		return "the same handshake in small segments"
	case probes.ExpNoMLKEM:
		return "the handshake without post-quantum groups"
	case probes.ExpClassic:
		return "the handshake in small segments and without post-quantum groups"
	case probes.ExpSplitHello:
		return "the handshake with the ClientHello in two segments"
	case probes.ExpNoSNI:
		return "the handshake without the server's name"
	}
	return string(k)
}

func handshakeWords(r probes.Reason) string {
	switch r {
	case probes.OK:
		return "completes"
	case probes.HandshakeTimeout, probes.Timeout:
		return "no answer to the ClientHello"
	case probes.HandshakeReset, probes.Reset:
		return "reset after the ClientHello"
	case probes.Closed:
		return "closed after the ClientHello"
	case probes.TLSAlert:
		return "refused with a TLS alert"
	case probes.ProtocolVersion:
		return "no common protocol version"
	case probes.Malformed:
		return "answered with garbage"
	case probes.NotAWS:
		return "answered with something that is not TLS"
	}
	return string(r)
}

func handshakeEvidence(rs []*probes.Result) []Evidence {
	var out []Evidence
	for _, r := range rs {
		s, _ := r.Failed()
		e := Evidence{r.Target.Name, fmt.Sprintf("connects; TLS handshake: %s, %d tries", handshakeWords(r.TLS.Reason), max(s.Attempts, 1))}
		if r.TLS.Alert != 0 {
			e.Value += fmt.Sprintf(" (alert %d)", r.TLS.Alert)
		}
		out = append(out, e)
		for _, x := range r.Experiments {
			out = append(out, Evidence{experimentWords(x.Kind), handshakeWords(x.Reason)})
		}
	}
	return out
}

// ruleMTU: silence that small segments get out of is a path that loses large
// packets. A reset is somebody's answer and no blackhole.
func ruleMTU(v *view) {
	hit := where(v.tlsFailing(probes.HandshakeTimeout, probes.MTUBlackhole, probes.Timeout), func(r *probes.Result) bool {
		return passes(r, probes.ExpClamp)
	})
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "path-mtu-blackhole", Severity: Critical, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("The path to %s loses large packets without a word: connections open, then hang; the same handshake in small segments completes.", list(requiredNames(hit))),
		Evidence: handshakeEvidence(hit), Fix: fixMTU(v)}
	for _, i := range v.r.Host.Interfaces {
		if i.Up && !i.Loopback && len(i.Addrs) > 0 {
			f.Evidence = append(f.Evidence, Evidence{"MTU of " + i.Name, fmt.Sprintf("%d bytes", i.MTU)})
		}
	}
	v.add(f, names(hit)...)
}

// SendsMLKEM tells whether programs built with a Go version send a hybrid key share,
// as they do from 1.23 on (Go 1.23 release notes, crypto/tls).
func SendsMLKEM(goVersion string) (sends, known bool) {
	var minor int
	if _, err := fmt.Sscanf(goVersion, "go1.%d", &minor); err != nil {
		return false, false
	}
	return minor >= 23, true
}

// NeedsNoMLKEM tells whether a handshake is lost only because it offers ML-KEM: it
// fails in small segments too, and completes without.
func NeedsNoMLKEM(r *probes.Result) bool {
	return r.TLS != nil && slices.Contains(lostHandshake, r.TLS.Reason) && passes(r, probes.ExpNoMLKEM) && !passes(r, probes.ExpClamp)
}

func rulePQ(v *view) {
	hit := where(v.probed(), func(r *probes.Result) bool { return v.free(r.Target.Name) && NeedsNoMLKEM(r) })
	if len(hit) == 0 {
		return
	}
	f := Finding{Code: "tls-pq-blocked", Severity: Warning, Targets: requiredNames(hit), Evidence: handshakeEvidence(hit), Fix: fixPQ(v)}
	sends, known := SendsMLKEM(v.r.Agent.GoVersion)
	agents := where(hit, func(r *probes.Result) bool { return r.Target.Client == probes.ClientAgent && r.Target.Required })
	switch {
	case known && sends && len(agents) > 0:
		f.Severity = Critical
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent", "built with " + v.r.Agent.GoVersion + ", which sends a post-quantum key share"})
	case known && !sends && len(where(hit, func(r *probes.Result) bool { return r.Target.Client != probes.ClientAgent })) == 0:
		f.Severity = Info
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent", "built with " + v.r.Agent.GoVersion + ", which does not send a post-quantum key share"})
	default:
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent", "whether it sends a post-quantum key share is not known"})
	}
	f.Summary = fmt.Sprintf("A firewall on the way to %s does not let a post-quantum TLS ClientHello (ML-KEM) through; without it the handshake completes.", list(f.Targets))
	v.add(f, names(hit)...)
}

func chainEvidence(rs []*probes.Result) []Evidence {
	var out []Evidence
	seen := map[string]bool{}
	for _, r := range rs {
		if r.TLS == nil || len(r.TLS.Chain) == 0 {
			continue
		}
		c := r.TLS.Chain
		key := c[len(c)-1].Issuer
		if seen[key] {
			continue
		}
		seen[key] = true
		out = append(out, Evidence{hostOf(r), fmt.Sprintf("certificate for %s, issued by %s", orText(c[0].Subject, "(no name)"), orText(c[0].Issuer, "(no name)"))})
		if key != c[0].Issuer {
			out = append(out, Evidence{"top of the chain", key})
		}
	}
	return out
}

func ruleIntercepted(v *view) {
	hit := where(v.tlsFailing(probes.UntrustedIssuer), func(r *probes.Result) bool { return !r.TLS.Genuine && r.Target.AWS })
	if !anyRequired(hit) {
		return
	}
	v.add(Finding{Code: "tls-intercepted", Severity: Critical, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("TLS to %s is intercepted: the certificate does not come from AWS, and this machine does not trust its issuer. A TLS-inspecting proxy or firewall is on the way.", list(requiredNames(hit))),
		Evidence: append(chainEvidence(hit), Evidence{"checked against", "this machine's certificate store, and Amazon's own roots: neither leads to it"}),
		Fix:      fixIntercepted(v, hit)}, names(hit)...)
}

func ruleTrustStore(v *view) {
	hit := where(v.tlsFailing(probes.UntrustedIssuer), func(r *probes.Result) bool { return r.TLS.Genuine })
	if !anyRequired(hit) {
		return
	}
	v.add(Finding{Code: "tls-trust-store-outdated", Severity: Critical, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("The certificate of %s is genuine, but this machine's certificate store lacks Amazon's root.", list(requiredNames(hit))),
		Evidence: chainEvidence(hit), Fix: fixTrustStore(v)}, names(hit)...)
}

func ruleTLSVersion(v *view) {
	hit := v.tlsFailing(probes.ProtocolVersion)
	if !anyRequired(hit) {
		return
	}
	v.add(Finding{Code: "tls-version-unsupported", Severity: Critical, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("%s speaks no TLS version that the SSM Agent accepts (1.2 or newer). AWS does, so a proxy or firewall on the way ends the connection.", list(requiredNames(hit))),
		Evidence: handshakeEvidence(hit), Fix: fixMiddlebox(v, hit, "it must offer TLS 1.2 or newer, or leave these names alone")}, names(hit)...)
}

func ruleNameMismatch(v *view) {
	hit := v.tlsFailing(probes.NameMismatch)
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "tls-name-mismatch", Severity: Critical, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("What answers for %s shows a certificate for other names: the address is not that of the service asked for.", list(requiredNames(hit))),
		Fix:     fixNameMismatch(v, hit)}
	for _, r := range hit {
		if len(r.TLS.Chain) > 0 {
			f.Evidence = append(f.Evidence, Evidence{hostOf(r) + " at " + addrList(r.Addresses), "certificate for " + list(r.TLS.Chain[0].Names)})
		}
	}
	v.add(f, names(hit)...)
}

func ruleCertificateTime(v *view) {
	hit := v.tlsFailing(probes.Expired, probes.NotYetValid)
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "tls-certificate-expired", Severity: Critical, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("The certificate of %s is outside its validity, and the clock of this machine is right.", list(requiredNames(hit))),
		Fix:     fixCertificateTime(v, hit)}
	for _, r := range hit {
		for _, c := range r.TLS.Chain {
			if v.now().After(c.NotAfter) {
				f.Evidence = append(f.Evidence, Evidence{hostOf(r), fmt.Sprintf("%s expired on %s", c.Subject, day(c.NotAfter))})
			} else if v.now().Before(c.NotBefore) {
				f.Evidence = append(f.Evidence, Evidence{hostOf(r), fmt.Sprintf("%s is not valid before %s", c.Subject, day(c.NotBefore))})
			}
		}
	}
	if v.clock.known {
		f.Evidence = append(f.Evidence, Evidence{"local clock", "right within " + words.Duration(v.clock.offset.Abs().Round(time.Second)) + ", by " + v.clock.source})
	} else {
		f.Confidence = Likely
		f.Summary = fmt.Sprintf("The certificate of %s is outside its validity by the clock of this machine.", list(requiredNames(hit)))
		f.Evidence = append(f.Evidence, Evidence{"local clock", v.r.Now.UTC().Format(time.RFC3339) + "; no other clock could be asked"})
	}
	v.add(f, names(hit)...)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func ruleNotTLS(v *view) {
	hit := v.tlsFailing(probes.NotAWS)
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "http-not-aws", Severity: Critical, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("What answers on port 443 for %s does not speak TLS: a proxy, portal or block page, not AWS.", list(requiredNames(hit))),
		Fix:     fixNotAWS(v, hit)}
	for _, r := range hit {
		f.Evidence = append(f.Evidence, Evidence{hostOf(r), fmt.Sprintf("answers a ClientHello with %q", r.TLS.NotTLS)})
	}
	v.add(f, names(hit)...)
}

// ruleTLSBlocked takes what is left of failed handshakes: no experiment that
// changes sizes or groups alone gets through.
func ruleTLSBlocked(v *view) {
	hit := where(v.failing(probes.PhaseTLS), func(r *probes.Result) bool { return r.TLS != nil })
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "tls-blocked", Severity: Critical, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("The connection to %s opens, and is cut or silenced as soon as TLS starts: a firewall filters by name or by content.", list(requiredNames(hit))),
		Evidence: handshakeEvidence(hit), Fix: fixTLSBlocked(v, hit)}
	for _, r := range hit {
		if passes(r, probes.ExpNoSNI) {
			f.Summary = fmt.Sprintf("A firewall filters by name: the handshake with %s is cut off when it names the server, and passes when it does not.", list(requiredNames(hit)))
		}
		if passes(r, probes.ExpClamp) || passes(r, probes.ExpClassic) || r.TLS.Reason == probes.Malformed || !ran(r, probes.ExpNoMLKEM) {
			f.Confidence = Likely
		}
	}
	v.add(f, names(hit)...)
}
