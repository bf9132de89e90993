package diagnosis

import (
	"fmt"
	"slices"

	"agentctl/probes"
)

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
	agents := where(hit, func(r *probes.Result) bool { return r.Target.Client == probes.ClientAgent })
	others := where(hit, func(r *probes.Result) bool { return r.Target.Client != probes.ClientAgent })
	if len(hit) == 0 {
		return
	}
	f := Finding{Code: "tls-pq-blocked", Severity: Warning, Targets: requiredNames(hit), Evidence: handshakeEvidence(hit), Fix: fixPQ(v)}
	sends, known := SendsMLKEM(v.r.Agent.GoVersion)
	switch {
	case len(agents) == 0:
		f.Fix = f.Fix[1:]
	case known && sends && anyRequired(agents):
		f.Severity = Critical
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent", "built with " + v.r.Agent.GoVersion + ", which sends a post-quantum key share"})
	case known && !sends:
		if len(others) == 0 {
			f.Severity = Info
		} else {
			f.Targets, f.Fix = requiredNames(others), f.Fix[1:]
		}
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent", "built with " + v.r.Agent.GoVersion + ", which does not send a post-quantum key share"})
	default:
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent", "whether it sends a post-quantum key share is not known"})
	}
	if slices.ContainsFunc(hit, func(r *probes.Result) bool { return v.repos[r] != nil }) {
		f.Evidence = append(f.Evidence, Evidence{v.packager(), "sends one where its TLS library is OpenSSL 3.5 or newer; which one it has is not known here"})
	}
	f.Summary = fmt.Sprintf("A firewall on the way to %s does not let a post-quantum TLS ClientHello (ML-KEM) through; without it the handshake completes.", list(f.Targets))
	v.add(f, names(hit)...)
}
