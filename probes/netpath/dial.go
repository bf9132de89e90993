package netpath

import (
	"context"
	"net"
	"net/netip"
	"time"

	"agentctl/probes"
)

// The times of a connect. A lost SYN is repeated by the system after 1 s, so
// 3 s leave room for one loss. A little more lets the system say that a
// neighbour does not answer (three questions of 1 s each). The second connect
// starts while the first still waits and is shorter (two SYNs), so that an
// address that is dead is known to be so after 3.8 s, and a control target that
// is asked when the first is late, before 6 s.
const (
	connectTimeout = 3200 * time.Millisecond
	connectLate    = 1300 * time.Millisecond
	secondTimeout  = 2500 * time.Millisecond
	connectAgain   = 250 * time.Millisecond
)

// DialOptions are the settings of one connect.
type DialOptions struct {
	// MaxSeg is TCP_MAXSEG in bytes, set before the connect so that both sides
	// send segments of at most this size; 0 leaves the system's choice.
	MaxSeg int
	// Timeout bounds one connect; 0 means 3.2 s.
	Timeout time.Duration
}

func (o DialOptions) timeout() time.Duration {
	if o.Timeout <= 0 {
		return connectTimeout
	}
	return o.Timeout
}

// dialFunc is DialTCP or what a test puts in its place.
type dialFunc func(context.Context, netip.AddrPort, DialOptions) (net.Conn, probes.Conn)

// DialConfirmed connects, and connects once more before a failure counts: a
// single lost packet must not make a finding. The first connection that opens
// is returned; Attempts of the result says how many connects there were.
func DialConfirmed(ctx context.Context, addr netip.AddrPort, o DialOptions) (net.Conn, probes.Conn) {
	return confirm(ctx, addr, o, DialTCP, func() {})
}

// opened is the outcome of one connect.
type opened struct {
	conn net.Conn
	info probes.Conn
}

// confirm is DialConfirmed over any dialer. It calls late when the first
// connect is late or has failed.
func confirm(ctx context.Context, addr netip.AddrPort, o DialOptions, dial dialFunc, late func()) (net.Conn, probes.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan opened, 2)
	start := func(o DialOptions) {
		conn, info := dial(ctx, addr, o)
		results <- opened{conn, info}
	}
	go start(o)
	started, ended := 1, 0
	var failed []probes.Conn

	again := time.NewTimer(connectLate)
	defer again.Stop()
	for {
		select {
		case r := <-results:
			ended++
			if r.conn != nil {
				cancel() // the other connect, if any, ends at once
				for ; ended < started; ended++ {
					if other := <-results; other.conn != nil {
						other.conn.Close()
					}
				}
				r.info.Attempts = started
				return r.conn, r.info
			}
			failed = append(failed, r.info)
			if ctx.Err() != nil && ended == started {
				return nil, canceled(addr, failed, started)
			}
			if ended == 2 {
				return nil, telling(failed)
			}
			if started == 1 {
				late()
				again.Reset(connectAgain)
			}
		case <-again.C:
			if started == 1 {
				if ended == 0 {
					late()
				}
				started = 2
				second := o
				if ended == 0 { // else it must be able to outwait a dead neighbour
					second.Timeout = min(o.timeout(), secondTimeout)
				}
				go start(second)
			}
		case <-ctx.Done():
			for ; ended < started; ended++ {
				r := <-results
				if r.conn != nil {
					r.conn.Close()
				}
				failed = append(failed, r.info)
			}
			return nil, canceled(addr, failed, started)
		}
	}
}

// telling picks the failure that says most out of two: one that somebody
// reported is worth more than silence, one with a known sender most of all. A
// host unreachable without a sender outdoes one with: it is the dead neighbour
// that a connect begun just before the system gave it up takes for a reject.
func telling(failed []probes.Conn) probes.Conn {
	best, rank := failed[0], -1
	for _, c := range failed {
		r := 0
		switch {
		case c.Reason == probes.Canceled:
		case c.Errno == "EHOSTUNREACH" && !c.Sender.IsValid() && !c.Local:
			r = 4
		case c.Sender.IsValid() || c.Local:
			r = 3
		case c.Reason != probes.Timeout:
			r = 2
		default:
			r = 1
		}
		if r > rank {
			best, rank = c, r
		}
	}
	best.Attempts = len(failed)
	return best
}

// canceled is the result of a connect that nobody waits for any more. What the
// attempts have shown so far stays in it, but not as the reason: one failure is
// not a confirmed one.
func canceled(addr netip.AddrPort, failed []probes.Conn, attempts int) probes.Conn {
	c := probes.Conn{Addr: addr}
	if len(failed) > 0 {
		c = telling(failed)
	}
	c.Reason, c.Attempts = probes.Canceled, attempts
	return c
}
