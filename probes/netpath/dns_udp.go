package netpath

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"

	"github.com/miekg/dns"

	"agentctl/probes"
)

// Bounds of one exchange, so that nobody can keep it busy.
const (
	maxGarbage = 64 // packets that are no answer
	maxTrouble = 16 // socket errors
)

// askUDP asks over UDP. A socket that cannot be opened (no route) is tried once
// more before that counts.
func (w *dnsWire) askUDP(ctx context.Context, a dnsAsk, query []byte) dnsOutcome {
	for attempt := 1; ; attempt++ {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(a.server))
		if err == nil {
			x := dnsExchange{wire: w, dnsAsk: a, query: query, conn: conn}
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			return x.run(ctx)
		}
		if attempt == 2 || !pause(ctx, w.times.confirm) {
			out := localError(err)
			out.attempts = attempt
			return out
		}
	}
}

// dnsSent is one query on its way. Each has an ID of its own, which tells whose
// answer came.
type dnsSent struct {
	id       uint16
	at       time.Time
	answered bool
}

// dnsExchange is one question on one connected UDP socket: sent up to three
// times, and a failure once more to confirm it.
type dnsExchange struct {
	wire *dnsWire
	dnsAsk
	query []byte
	conn  *net.UDPConn

	sent     []dnsSent
	resendAt time.Time // zero: no more
	quietAt  time.Time // zero: told or not wanted
	endAt    time.Time

	held     *dnsOutcome // a failure that is to be confirmed
	heldBy   int         // index of the query that got it; -1: an ICMP or local error
	retried  bool        // the confirming query is out
	neighbor bool        // this host itself says that the resolver's host is unreachable
	distant  bool        // and says so too late after a query to be its firewall
	final    *dnsOutcome
	garbage  int
	troubles int
}

func (x *dnsExchange) run(ctx context.Context) dnsOutcome {
	armErrors(x.conn, x.server.Addr().Unmap().Is4())
	begin := time.Now()
	x.endAt = begin.Add(x.patience)
	if x.quiet != nil {
		x.quietAt = begin.Add(x.wire.times.quiet)
	}
	x.send(begin)
	buf := make([]byte, plainSize+1)
	for x.final == nil {
		now := time.Now()
		x.due(now)
		if x.final != nil || !now.Before(x.endAt) {
			break
		}
		if err := x.conn.SetReadDeadline(x.next()); err != nil {
			break // closed: ctx ended
		}
		n, err := x.conn.Read(buf)
		switch {
		case err == nil:
			x.receive(buf[:n], time.Now())
		case ctx.Err() != nil:
			return dnsOutcome{reason: probes.Canceled, attempts: len(x.sent)}
		case errors.Is(err, os.ErrDeadlineExceeded):
		default:
			x.trouble(err, false)
		}
	}
	return x.end()
}

// end is the outcome when no more is waited for.
func (x *dnsExchange) end() dnsOutcome {
	switch {
	case x.final != nil:
		return *x.final
	case x.held != nil:
		if x.heldBy < 0 {
			x.held.attempts = len(x.sent)
			x.distant = x.neighbor // a firewall would have answered the second query too
			x.disown(x.held)
		}
		return *x.held
	case x.garbage > 0:
		return dnsOutcome{reason: probes.Malformed, attempts: len(x.sent)}
	default:
		return dnsOutcome{reason: probes.Timeout, attempts: len(x.sent)}
	}
}

// next is when something falls due.
func (x *dnsExchange) next() time.Time {
	t := x.endAt
	for _, u := range []time.Time{x.resendAt, x.quietAt} {
		if !u.IsZero() && u.Before(t) {
			t = u
		}
	}
	return t
}

// due does what has fallen due.
func (x *dnsExchange) due(now time.Time) {
	if !x.quietAt.IsZero() && !now.Before(x.quietAt) {
		x.tellQuiet()
	}
	if !x.resendAt.IsZero() && !now.Before(x.resendAt) {
		x.retried = x.held != nil
		x.send(now)
	}
}

func (x *dnsExchange) tellQuiet() {
	x.quietAt = time.Time{}
	x.quiet()
}

// send sends the query under a new ID and sets the time of the next sending.
func (x *dnsExchange) send(now time.Time) {
	id := dns.Id()
	for x.sentWith(id) >= 0 {
		id++
	}
	x.sent = append(x.sent, dnsSent{id: id, at: now})
	x.resendAt = time.Time{}
	if n := len(x.sent); n <= len(x.wire.times.resend) && x.held == nil {
		x.resendAt = x.sent[0].at.Add(x.wire.times.resend[n-1])
	}
	binary.BigEndian.PutUint16(x.query, id)
	if _, err := x.conn.Write(x.query); err != nil {
		x.trouble(err, true)
	}
}

func (x *dnsExchange) sentWith(id uint16) int {
	for i, s := range x.sent {
		if s.id == id {
			return i
		}
	}
	return -1
}

// receive takes a packet. What is no answer to a query of ours may be forged or
// late and is passed over.
func (x *dnsExchange) receive(b []byte, now time.Time) {
	id, ok := messageID(b)
	i := x.sentWith(id)
	size := plainSize
	if x.edns {
		size = ednsSize
	}
	if !ok || i < 0 || len(b) > size {
		x.ignore()
		return
	}
	reply, err := parseReply(b, x.name, x.qtype)
	if err != nil {
		x.ignore()
		return
	}
	if x.sent[i].answered {
		return
	}
	x.sent[i].answered = true
	out := &dnsOutcome{
		reason:   reply.reason,
		message:  true,
		addrs:    reply.addrs,
		took:     now.Sub(x.sent[i].at).Seconds(),
		attempts: i + 1,
	}
	switch out.reason {
	case probes.FormErr:
		if !x.quietAt.IsZero() {
			x.tellQuiet()
		}
	case probes.ServFail, probes.DNSRefused:
		x.quietAt = time.Time{}
	default:
		x.final = out
		return
	}
	// Two queries that fail confirm each other, also if both were under way.
	if x.held != nil && x.heldBy >= 0 {
		x.final = out
		return
	}
	x.hold(out, i, now)
}

func (x *dnsExchange) ignore() {
	if x.garbage++; x.garbage >= maxGarbage {
		x.endAt = time.Time{}
	}
}

// hold keeps a failure and has the query sent once more.
func (x *dnsExchange) hold(out *dnsOutcome, by int, now time.Time) {
	x.held, x.heldBy, x.retried = out, by, false
	x.resendAt = now.Add(x.wire.times.confirm)
	if end := x.resendAt.Add(x.wire.times.confirmWait); end.Before(x.endAt) {
		x.endAt = end
	}
}
