package netpath

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"agentctl/probes"
)

// maxAddrs bounds the addresses of one family that are tried; S3 answers with
// up to eight.
const maxAddrs = 6

// connectGrace is how long a good address waits for those before it.
const connectGrace = 50 * time.Millisecond

// lookup is the DNS step. Nil: there is nothing to connect to.
func (r *probe) lookup(ctx context.Context) []netip.AddrPort {
	if a, err := netip.ParseAddr(r.host); err == nil {
		r.step(probes.PhaseDNS, probes.SkippedReason, 0, "a literal address", 0)
		r.res.Addresses = []netip.Addr{a}
		return []netip.AddrPort{netip.AddrPortFrom(a, r.port)}
	}
	begin := time.Now()
	name := r.Lookup.Lookup(ctx, r.host, r.target.Client)
	took := time.Since(begin)
	r.res.Name = &name
	if name.Reason != probes.OK {
		r.step(probes.PhaseDNS, name.Reason, took, "", 1)
		return nil
	}
	r.res.Addresses = usable(name.Addrs, r.Facts.HasGlobalIPv6())
	detail := fmt.Sprintf("%d addresses", len(name.Addrs))
	if len(name.Addrs) == 1 {
		detail = "1 address"
	}
	if len(r.res.Addresses) == 0 {
		if len(name.Addrs) > 0 {
			detail = "only IPv6 addresses, and this host has no global IPv6"
		}
		r.step(probes.PhaseDNS, probes.NoData, took, detail, 1)
		return nil
	}
	switch {
	case len(name.Pinned) > 0:
		detail += fmt.Sprintf(" from the hosts file, line %d", name.PinnedLine)
	case name.By.IsValid():
		detail += " from " + name.By.Addr().String()
	}
	r.step(probes.PhaseDNS, probes.OK, took, detail, 1)
	return withPort(r.res.Addresses, r.port)
}

// usable keeps the addresses that a client on this host would try, in order.
func usable(addrs []netip.Addr, ipv6 bool) []netip.Addr {
	var out []netip.Addr
	var n4, n6 int
	for _, a := range addrs {
		a = a.Unmap()
		switch {
		case a.Is4() && n4 < maxAddrs:
			n4++
		case a.Is6() && n6 < maxAddrs && (ipv6 || a.IsLoopback()):
			n6++
		default:
			continue
		}
		out = append(out, a)
	}
	return out
}

func withPort(addrs []netip.Addr, port uint16) []netip.AddrPort {
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		out[i] = netip.AddrPortFrom(a, port)
	}
	return out
}

// connect is the TCP step.
func (r *probe) connect(ctx context.Context, addrs []netip.AddrPort) net.Conn {
	begin := time.Now()
	race := r.race(ctx, addrs, &r.res.Conns)
	conn, info := race.first(ctx)
	r.step(probes.PhaseTCP, info.Reason, time.Since(begin), connDetail(info), info.Attempts)
	if conn != nil {
		r.way = r.direct(info.Addr)
	}
	return conn
}

func connDetail(c probes.Conn) string {
	s := c.Addr.String()
	if c.Errno != "" {
		s += " " + c.Errno
	}
	if c.Sender.IsValid() {
		s += " by " + c.Sender.String()
	}
	if c.Local {
		s += " (on this host)"
	}
	return s
}

// race is one connect to each of several addresses at the same time.
type race struct {
	out    *[]probes.Conn
	cancel context.CancelFunc
	wg     sync.WaitGroup
	wake   chan struct{}

	mu      sync.Mutex
	infos   []probes.Conn
	settled []bool
	open    []net.Conn
	decided bool // the connection is chosen: later ones are closed
}

func (r *probe) race(ctx context.Context, addrs []netip.AddrPort, out *[]probes.Conn) *race {
	ctx, cancel := context.WithCancel(ctx)
	n := len(addrs)
	c := &race{
		out: out, cancel: cancel, wake: make(chan struct{}, n),
		infos: make([]probes.Conn, n), settled: make([]bool, n), open: make([]net.Conn, n),
	}
	r.races = append(r.races, c)
	for i, addr := range addrs {
		c.infos[i].Addr = addr
		c.wg.Go(func() {
			conn, info := confirm(ctx, addr, DialOptions{}, r.dial, r.late)
			c.mu.Lock()
			c.infos[i], c.settled[i] = info, true
			if conn != nil && c.decided {
				conn.Close()
			} else {
				c.open[i] = conn
			}
			c.mu.Unlock()
			c.wake <- struct{}{}
		})
	}
	return c
}

// first returns the first address in order that opens. One that is open waits
// only a moment for those before it. Where none opens, the first address says
// why.
func (c *race) first(ctx context.Context) (net.Conn, probes.Conn) {
	grace := time.NewTimer(time.Hour)
	defer grace.Stop()
	granted, expired := false, false
	for {
		conn, info, some, done := c.choose(expired || ctx.Err() != nil)
		if done {
			return conn, info
		}
		if some && !granted {
			granted = true
			grace.Reset(connectGrace)
		}
		select {
		case <-c.wake: // a connect that was canceled wakes us too
		case <-grace.C:
			expired = true
		}
	}
}

// choose looks whether the race is decided. hurry: do not wait for addresses
// before one that is open.
func (c *race) choose(hurry bool) (conn net.Conn, info probes.Conn, some, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := false
	for i := range c.open {
		if c.open[i] != nil {
			if waiting && !hurry {
				return nil, info, true, false
			}
			conn, c.open[i], c.decided = c.open[i], nil, true
			for _, other := range c.open {
				if other != nil {
					other.Close()
				}
			}
			return conn, c.infos[i], true, true
		}
		waiting = waiting || !c.settled[i]
	}
	if waiting {
		return nil, info, false, false
	}
	return nil, c.infos[0], false, true
}

// finish records every address. It waits for a family of which no address has
// opened yet: whether IPv6 is broken while IPv4 works can only be told so. All
// other connects are given up.
func (c *race) finish(ctx context.Context) {
	for ctx.Err() == nil && !c.enough() {
		<-c.wake
	}
	c.cancel()
	c.wg.Wait()
	*c.out = c.infos
}

// enough tells whether each family has opened once or failed altogether.
func (c *race) enough() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var up, waiting [2]bool
	for i := range c.infos {
		f := 0
		if c.infos[i].Addr.Addr().Is6() {
			f = 1
		}
		switch {
		case !c.settled[i]:
			waiting[f] = true
		case c.infos[i].Reason == probes.OK:
			up[f] = true
		}
	}
	return (up[0] || !waiting[0]) && (up[1] || !waiting[1])
}
