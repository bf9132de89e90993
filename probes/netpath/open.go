package netpath

import (
	"context"
	"net"
	"net/netip"
	"time"

	"agentctl/probes"
)

// opener opens one more connection to the target within the given time. Where
// there is none, the reason says why.
type opener func(ctx context.Context, o DialOptions) (net.Conn, probes.Reason, string)

// direct opens connections to one address.
func (p *Prober) direct(addr netip.AddrPort) opener {
	return func(ctx context.Context, o DialOptions) (net.Conn, probes.Reason, string) {
		conn, info := p.dial(ctx, addr, o)
		return conn, info.Reason, connDetail(info)
	}
}

// link is a connection that the request goes over, with the handshake's facts.
type link struct {
	conn    net.Conn
	genuine bool // the other side holds a key that a service root vouches for
	refused bool // the handshake completed, but its chain is not accepted
	stop    func() bool
}

func (l *link) close() {
	if l.stop != nil {
		l.stop()
	}
	l.conn.Close()
}

// closeWith closes the connection when the context ends, so that every wait on
// it does. The function that it returns ends this.
func closeWith(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { conn.Close() })
}

// pause waits; false: the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
