package netpath

import (
	"context"
	"net/netip"
	"time"

	"agentctl/probes"
)

// dnsWire puts questions on the wire.
type dnsWire struct {
	times dnsTimes
	owns  func(netip.Addr) bool // the host's own addresses
}

// dnsAsk is one question in one form to one server.
type dnsAsk struct {
	server   netip.AddrPort
	name     string
	qtype    uint16
	edns     bool
	patience time.Duration
	overTCP  bool // from the start (resolv.conf: use-vc)
	udpOnly  bool // a truncated answer is answer enough
	// quiet is called once if the query with EDNS stays unanswered for a while,
	// or is not understood.
	quiet func()
}

// ask puts the question and waits for the outcome.
func (w *dnsWire) ask(ctx context.Context, a dnsAsk) dnsOutcome {
	query, err := packQuery(a.name, a.qtype, a.edns)
	if err != nil {
		return dnsOutcome{reason: probes.Malformed}
	}
	if a.overTCP {
		out := w.askTCP(ctx, a, query)
		if out.message && out.reason == probes.FormErr && a.quiet != nil {
			a.quiet()
		}
		return out
	}
	out := w.askUDP(ctx, a, query)
	if out.reason != probes.Truncated {
		return out
	}
	if a.udpOnly {
		out.reason = probes.OK
		return out
	}
	full := w.askTCP(ctx, a, query)
	out.tcp = full.tcp
	if full.message {
		out.reason, out.addrs = full.reason, full.addrs
		out.took += full.took
	}
	return out
}
