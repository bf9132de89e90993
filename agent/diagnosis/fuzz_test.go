package diagnosis

import (
	"testing"

	"agentctl/probes"
)

// mixes are faults that a single target can have, whatever the others have.
var mixes = []func(*probes.Result){
	func(*probes.Result) {},
	func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.NXDomain) },
	func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.ServFail) },
	func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.Timeout) },
	func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.Truncated) },
	func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.Malformed) },
	func(x *probes.Result) { customSays(x, probes.NXDomain, addrSSM) },
	func(x *probes.Result) { silentAt(x, addrSSM) },
	func(x *probes.Result) { silentAt(x, addrPublic) },
	func(x *probes.Result) { silentAt(x, "10.9.0.1") },
	func(x *probes.Result) { silentAt(x, "0.0.0.0") },
	func(x *probes.Result) { connect(x, probes.Refused) },
	func(x *probes.Result) { connect(x, probes.NoRoute) },
	func(x *probes.Result) { connect(x, probes.Unreachable) },
	func(x *probes.Result) { connect(x, probes.Prohibited); x.Conns[0].Sender = addr("10.0.1.1") },
	func(x *probes.Result) { connect(x, probes.Prohibited); x.Conns[0].Sender = addr("10.0.1.10") },
	func(x *probes.Result) { connect(x, probes.Internal); x.State = probes.Unknown },
	func(x *probes.Result) {
		x.TLS.Trusted, x.TLS.Genuine = false, false
		tlsFails(x, probes.UntrustedIssuer)
	},
	func(x *probes.Result) { x.TLS.Trusted = false; tlsFails(x, probes.UntrustedIssuer) },
	func(x *probes.Result) { tlsFails(x, probes.NameMismatch) },
	func(x *probes.Result) { tlsFails(x, probes.Expired) },
	func(x *probes.Result) { tlsFails(x, probes.NotYetValid); x.TLS.Chain = nil },
	func(x *probes.Result) { tlsFails(x, probes.HandshakeTimeout) },
	func(x *probes.Result) { tlsFails(x, probes.HandshakeReset, exp(probes.ExpNoMLKEM, probes.OK)) },
	func(x *probes.Result) { tlsFails(x, probes.HandshakeTimeout, exp(probes.ExpClamp, probes.OK)) },
	func(x *probes.Result) { tlsFails(x, probes.HandshakeReset, exp(probes.ExpClamp, probes.OK)) },
	func(x *probes.Result) { tlsFails(x, probes.TLSAlert) },
	func(x *probes.Result) { tlsFails(x, probes.ProtocolVersion) },
	func(x *probes.Result) { tlsFails(x, probes.Malformed) },
	func(x *probes.Result) { tlsFails(x, probes.NotAWS) },
	func(x *probes.Result) { http(x, probes.HTTP{Reason: probes.NotAWS, Status: 200, HTML: true}) },
	func(x *probes.Result) { http(x, probes.HTTP{Reason: probes.ServerError, Status: 503, AWSShaped: true}) },
	func(x *probes.Result) { http(x, probes.HTTP{Reason: probes.ServerError, Status: 502, HTML: true}) },
	func(x *probes.Result) { http(x, probes.HTTP{Reason: probes.Timeout}) },
	func(x *probes.Result) { x.TLS.Genuine = false; http(x, probes.HTTP{Reason: probes.Reset}) },
	func(x *probes.Result) {
		http(x, probes.HTTP{Reason: probes.AccessDenied, Status: 403, AWSShaped: true})
	},
	func(x *probes.Result) { http(x, probes.HTTP{Reason: probes.NotFound, Status: 404, AWSShaped: true}) },
	func(x *probes.Result) { http(x, probes.HTTP{Reason: probes.Redirect, Status: 301, AWSShaped: true}) },
	func(x *probes.Result) { http(x, probes.HTTP{Reason: probes.Redirect, Status: 302}) },
	func(x *probes.Result) { http(x, probes.HTTP{Reason: probes.Throttled, Status: 429, AWSShaped: true}) },
}

// FuzzDiagnose mixes faults at will: whatever the mixture, every failing
// required target is explained, and every finding has its evidence.
func FuzzDiagnose(f *testing.F) {
	for i := range mixes {
		f.Add([]byte{byte(i), 0, byte(i), 0, 0, byte(i)}, byte(i%4))
		f.Add([]byte{byte(i), byte(i + 1), byte(i + 2), byte(i + 3)}, byte(i%3))
		f.Add([]byte{0, 0, 0, 0, 0, 0, 0, byte(i), byte(i), byte(i), byte(i + 1), 1, 2, 17, 30, 5}, byte(16+i%16*16))
	}
	f.Fuzz(func(t *testing.T, picks []byte, world byte) {
		r := healthyRound()
		if world&16 != 0 {
			do(epel(world&32 != 0), docker(world&64 != 0), mirror(addrMirror))(r)
		}
		if world&8 != 0 {
			custom(r)
		}
		switch world % 4 {
		case 1:
			internetIs(r, probes.OK)
		case 2:
			internetIs(r, probes.Timeout)
		case 3:
			r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.Timeout}
		}
		n := 0
		each(r, func(x *probes.Result) {
			if n < len(picks) {
				mixes[int(picks[n])%len(mixes)](x)
			}
			n++
		})
		for i := range r.Repos {
			if n < len(picks) {
				r.Repos[i].KnownGood = []probes.Reason{"", probes.OK, probes.AccessDenied, probes.Timeout}[int(picks[n])%4]
				r.Repos[i].Stage = []string{"metadata", "metalink", "mirrorlist"}[int(picks[n]/4)%3]
				r.Repos[i].Certificate = []probes.CertificateState{"", probes.CertificateExpired, probes.CertificateMissing}[int(picks[n]/12)%3]
			}
			n++
		}
		honest(t, settled(r), Diagnose(r))
	})
}
