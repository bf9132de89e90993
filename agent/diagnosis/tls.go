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
	untrusted := where(v.tlsFailing(probes.UntrustedIssuer), func(r *probes.Result) bool { return !r.TLS.Genuine })
	hit := where(untrusted, func(r *probes.Result) bool { return isAWS(r) || v.strangeIssuer(r) })
	if !anyRequired(hit) {
		return
	}
	// Others that the same authority signs are intercepted too, whatever their
	// repository would trust.
	all := where(untrusted, func(r *probes.Result) bool {
		return slices.Contains(hit, r) || slices.ContainsFunc(hit, func(h *probes.Result) bool { return topIssuer(h) != "" && topIssuer(h) == topIssuer(r) })
	})
	f := Finding{Code: "tls-intercepted", Severity: Critical, Targets: requiredNames(all),
		Summary:  fmt.Sprintf("TLS to %s is intercepted: the certificate does not come from AWS, and this machine does not trust its issuer. A TLS-inspecting proxy or firewall is on the way.", list(requiredNames(all))),
		Evidence: append(chainEvidence(all), Evidence{"checked against", "this machine's certificate store, and Amazon's own roots: neither leads to it"}),
		Fix:      fixIntercepted(v, all)}
	if !slices.ContainsFunc(hit, isAWS) {
		f.Confidence = Likely
		f.Summary = fmt.Sprintf("TLS to %s is intercepted: the certificate is issued by %s, which this machine does not trust. A TLS-inspecting proxy or firewall is on the way.", hostsOf(all), topIssuer(hit[0]))
		f.Evidence = append(chainEvidence(all), Evidence{"checked against", "this machine's certificate store; the issuer is no public authority"})
	}
	v.add(f, names(all)...)
}

func ruleTrustStore(v *view) {
	hit := where(v.tlsFailing(probes.UntrustedIssuer), func(r *probes.Result) bool { return r.TLS.Genuine && !v.ownCA(r) })
	if !anyRequired(hit) {
		return
	}
	v.add(Finding{Code: "tls-trust-store-outdated", Severity: Critical, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("The certificate of %s is genuine, but this machine's certificate store lacks Amazon's root.", list(requiredNames(hit))),
		Evidence: chainEvidence(hit), Fix: fixTrustStore(v)}, names(hit)...)
}

// ruleTLSVersion: what repositories may speak decides the package manager's TLS
// library. yum's of old still takes versions before 1.2, so there it only will fail.
func ruleTLSVersion(v *view) {
	all := v.tlsFailing(probes.ProtocolVersion)
	hit := where(all, func(r *probes.Result) bool { return !thirdParty(r) })
	if anyRequired(hit) {
		v.add(Finding{Code: "tls-version-unsupported", Severity: Critical, Targets: requiredNames(hit),
			Summary:  fmt.Sprintf("%s speaks no TLS version that the SSM Agent accepts (1.2 or newer). AWS does, so a proxy or firewall on the way ends the connection.", list(requiredNames(hit))),
			Evidence: handshakeEvidence(hit), Fix: fixMiddlebox(v, hit, "it must offer TLS 1.2 or newer, or leave these names alone")}, names(hit)...)
	}
	if hit = where(all, thirdParty); !anyRequired(hit) {
		return
	}
	f := Finding{Code: "tls-version-unsupported", Severity: Critical, Confidence: Likely, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("%s speaks no TLS version that %s accepts here (1.2 or newer).", hostsOf(hit), v.packager()),
		Evidence: handshakeEvidence(hit), Fix: []Fix{{"ask whoever runs " + hostsOf(hit) + " to offer TLS 1.2 or newer; if they do, it is a proxy or firewall on the way that does not", ""}}}
	if v.packager() == "yum" {
		f.Severity = Warning
		f.Summary = fmt.Sprintf("%s speaks no TLS version from 1.2 on. The libraries of yum may still accept older ones; newer systems do not.", hostsOf(hit))
	}
	v.add(f, names(hit)...)
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
	hit := where(v.tlsFailing(probes.NotAWS), func(r *probes.Result) bool { return !thirdParty(r) })
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
// changes sizes or groups alone gets through. A third party's server may have
// reasons of its own to answer with an alert, or with garbage.
func ruleTLSBlocked(v *view) {
	hit := where(v.failing(probes.PhaseTLS), func(r *probes.Result) bool {
		return r.TLS != nil && (!thirdParty(r) || slices.Contains(lostHandshake, r.TLS.Reason)) && r.TLS.Reason != probes.UntrustedIssuer
	})
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
		if passes(r, probes.ExpClamp) || passes(r, probes.ExpClassic) || r.TLS.Reason == probes.Malformed || !ran(r, probes.ExpNoMLKEM) || thirdParty(r) && !passes(r, probes.ExpNoSNI) {
			f.Confidence = Likely
		}
	}
	v.add(f, names(hit)...)
}
