package netpath

import (
	"net/netip"
	"time"
)

// trouble takes an error of the socket. The system's error queue, where there
// is one, says who sent it.
func (x *dnsExchange) trouble(err error, sending bool) {
	now := time.Now()
	icmp := queuedError(x.conn)
	switch {
	case icmp != nil:
		x.icmp(icmp, now)
	case tooBig(err):
		x.ignore()
	case sending:
		x.fail(localError(err), now)
	default:
		x.fail(remoteError(err), now)
	}
}

// icmp takes an ICMP error.
func (x *dnsExchange) icmp(e *icmpError, now time.Time) {
	out := icmpOutcome(e)
	x.judgeSender(&out, e, now)
	x.fail(out, now)
}

// fail takes a failure that is no answer: the first is held, and the one that
// the second query gets is final.
func (x *dnsExchange) fail(out dnsOutcome, now time.Time) {
	x.quietAt = time.Time{}
	if x.troubles++; x.troubles >= maxTrouble {
		x.endAt = time.Time{}
	}
	if x.held == nil {
		x.hold(&out, -1, now)
		return
	}
	if !x.retried {
		return
	}
	out.attempts = len(x.sent)
	if x.heldBy >= 0 { // a DNS message says more
		out = *x.held
	}
	x.disown(&out)
	x.final = &out
}

// firewallSpeed is how fast the host's own firewall answers a query. A dead
// neighbour is reported in the host's own name too, but seconds later.
const firewallSpeed = 100 * time.Millisecond

// judgeSender tells whether this host made the error. Where the resolver is this
// host, a closed port is the resolver's own.
func (x *dnsExchange) judgeSender(out *dnsOutcome, icmp *icmpError, now time.Time) {
	if !out.sender.IsValid() || x.wire.owns == nil || !x.wire.owns(out.sender) || x.wire.owns(x.server.Addr().Unmap()) {
		return
	}
	out.local = true
	if icmp.hostUnreachable() {
		x.neighbor = true
		x.distant = x.distant || now.Sub(x.sent[len(x.sent)-1].at) > firewallSpeed
	}
}

// disown takes the host's own name off an error that only says that a neighbour
// does not answer.
func (x *dnsExchange) disown(out *dnsOutcome) {
	if x.distant && out.local {
		out.sender, out.local = netip.Addr{}, false
	}
}
