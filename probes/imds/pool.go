package imds

import (
	"context"
	"net/netip"
	"time"

	"agentctl/probes"
)

const (
	// eagerConns are opened as soon as requests wait; a healthy service answers
	// everything on these in a few milliseconds.
	eagerConns = 3
	// maxConns bounds the connections to a slow service, where each request
	// needs its own to keep the round short.
	maxConns = 20
	// patience is how long a request waits for one of the eager connections.
	patience = 15 * time.Millisecond
)

// pool keeps the connections to the service.
type pool struct {
	addr  netip.AddrPort
	dial  Dial
	idle  chan *conn
	eager chan struct{} // a slot for each connection among the first
	extra chan struct{} // and for those beyond
}

func newPool(addr netip.AddrPort, dial Dial) *pool {
	return &pool{addr: addr, dial: dial, idle: make(chan *conn, maxConns),
		eager: make(chan struct{}, eagerConns), extra: make(chan struct{}, maxConns-eagerConns)}
}

// warm opens a connection for later use.
func (p *pool) warm(ctx context.Context) probes.Conn {
	p.eager <- struct{}{} // connect makes two attempts at most: there is room
	c, how := p.open(ctx, p.eager)
	if c != nil {
		p.idle <- c
	}
	return how
}

// get returns a connection that is idle, or opens one.
func (p *pool) get(ctx context.Context) (*conn, probes.Conn) {
	select {
	case c := <-p.idle:
		return c, probes.Conn{Reason: probes.OK}
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case c := <-p.idle:
		return c, probes.Conn{Reason: probes.OK}
	case p.eager <- struct{}{}:
		return p.open(ctx, p.eager)
	case <-ctx.Done():
		return nil, probes.Conn{Reason: endOf(ctx)}
	case <-timer.C:
	}
	select {
	case c := <-p.idle:
		return c, probes.Conn{Reason: probes.OK}
	case p.eager <- struct{}{}:
		return p.open(ctx, p.eager)
	case p.extra <- struct{}{}:
		return p.open(ctx, p.extra)
	case <-ctx.Done():
		return nil, probes.Conn{Reason: endOf(ctx)}
	}
}

// open dials; the caller has taken a slot, which a failure gives back.
func (p *pool) open(ctx context.Context, slot chan struct{}) (*conn, probes.Conn) {
	c, how := p.dial(ctx, p.addr)
	if c == nil {
		<-slot
		if how.Reason == "" || how.Reason == probes.OK {
			how.Reason = probes.Internal // a dialer that breaks its word
		}
		return nil, how
	}
	out := newConn(c)
	out.slot = slot
	return out, how
}

// put takes a connection back, to keep or to close.
func (p *pool) put(c *conn, keep bool) {
	if keep {
		p.idle <- c // never full: it holds as many as there are slots
		return
	}
	c.Close()
	<-c.slot
}

// close closes the idle connections.
func (p *pool) close() {
	for {
		select {
		case c := <-p.idle:
			p.put(c, false)
		default:
			return
		}
	}
}

// endOf is the reason of a context's end.
func endOf(ctx context.Context) probes.Reason {
	if ctx.Err() == context.Canceled {
		return probes.Canceled
	}
	return probes.Timeout
}
