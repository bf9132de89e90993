package netpath

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// plan is what happens to the connects to one address, in order; the last one
// repeats.
type plan []step

type step struct {
	after  time.Duration // longer than the connect's limit: silence
	reason probes.Reason
	errno  string
	sender string
}

// planned dials by plan, on the clock of the test's bubble.
type planned struct {
	mu    sync.Mutex
	plans map[string]plan
	count map[string]int
	begun map[string][]time.Duration
	start time.Time
	open  int
}

func newPlanned(plans map[string]plan) *planned {
	return &planned{plans: plans, count: map[string]int{}, begun: map[string][]time.Duration{}, start: time.Now()}
}

func (p *planned) dial(ctx context.Context, addr netip.AddrPort, o DialOptions) (net.Conn, probes.Conn) {
	key := addr.Addr().String()
	p.mu.Lock()
	list := p.plans[key]
	s := list[min(p.count[key], len(list)-1)]
	p.count[key]++
	p.begun[key] = append(p.begun[key], time.Since(p.start))
	p.mu.Unlock()
	c := probes.Conn{Addr: addr, Attempts: 1, Reason: s.reason, Errno: s.errno}
	if s.sender != "" {
		c.Sender = netip.MustParseAddr(s.sender)
	}
	wait := s.after
	if wait > o.timeout() {
		wait, c.Reason = o.timeout(), probes.Timeout
	}
	if !pause(ctx, wait) {
		c.Reason = probes.Canceled
	}
	if c.Reason != probes.OK {
		return nil, c
	}
	p.mu.Lock()
	p.open++
	p.mu.Unlock()
	client, server := net.Pipe()
	server.Close()
	return &counted{Conn: client, p: p}, c
}

type counted struct {
	net.Conn
	p    *planned
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() {
		c.p.mu.Lock()
		c.p.open--
		c.p.mu.Unlock()
	})
	return c.Conn.Close()
}

const (
	ms      = time.Millisecond
	forever = time.Hour // no answer
)

func TestConfirm(t *testing.T) {
	tests := []struct {
		name     string
		plan     plan
		cancel   time.Duration
		reason   probes.Reason
		took     time.Duration
		attempts int
		late     bool
		sender   bool
	}{
		{"opens", plan{{after: 20 * ms, reason: probes.OK}}, 0, probes.OK, 20 * ms, 1, false, false},
		{"one SYN lost", plan{{after: 1020 * ms, reason: probes.OK}}, 0, probes.OK, 1020 * ms, 1, false, false},
		{"silence", plan{{after: forever}}, 0, probes.Timeout, 3800 * ms, 2, true, false},
		{"the second opens", plan{{after: forever}, {after: 20 * ms, reason: probes.OK}}, 0, probes.OK, 1320 * ms, 2, true, false},
		{"the first opens late", plan{{after: 2 * time.Second, reason: probes.OK}, {after: forever}}, 0, probes.OK, 2 * time.Second, 2, true, false},
		{"refused twice", plan{{after: 10 * ms, reason: probes.Refused}}, 0, probes.Refused, 270 * ms, 2, true, false},
		{"refused once", plan{{after: 10 * ms, reason: probes.Refused}, {after: 10 * ms, reason: probes.OK}}, 0, probes.OK, 270 * ms, 2, true, false},
		{"an error, then silence", plan{{after: 10 * ms, reason: probes.Prohibited, sender: "10.0.0.1"}, {after: forever}}, 0, probes.Prohibited, 3460 * ms, 2, true, true},
		{"silence, then an error", plan{{after: forever}, {after: 1560 * ms, reason: probes.Unreachable, errno: "EHOSTUNREACH"}}, 0, probes.Unreachable, 3200 * ms, 2, true, false},
		{"a dead neighbour outdoes its echo", plan{{after: 50 * ms, reason: probes.Unreachable, errno: "EHOSTUNREACH", sender: "10.0.0.2"},
			{after: 3060 * ms, reason: probes.Unreachable, errno: "EHOSTUNREACH"}}, 0, probes.Unreachable, 3360 * ms, 2, true, false},
		{"fails while the second waits", plan{{after: 2 * time.Second, reason: probes.Reset}, {after: 1 * time.Second, reason: probes.Reset}}, 0, probes.Reset, 2300 * ms, 2, true, false},
		{"canceled", plan{{after: forever}}, 700 * ms, probes.Canceled, 700 * ms, 1, false, false},
		{"canceled after a failure", plan{{after: 10 * ms, reason: probes.Refused}, {after: forever}}, 700 * ms, probes.Canceled, 700 * ms, 2, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlanned(map[string]plan{"192.0.2.1": tt.plan})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				late := false
				begin := time.Now()
				conn, c := confirm(ctx, netip.MustParseAddrPort("192.0.2.1:443"), DialOptions{}, p.dial, func() { late = true })
				if took := time.Since(begin); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if (conn != nil) != (tt.reason == probes.OK) || c.Reason != tt.reason || c.Attempts != tt.attempts || c.Sender.IsValid() != tt.sender {
					t.Errorf("%+v", c)
				}
				if late != tt.late {
					t.Errorf("late: %v", late)
				}
				if conn != nil {
					conn.Close()
				}
				if p.open != 0 {
					t.Errorf("%d connections left open", p.open)
				}
			})
		})
	}
}

func TestAddressesRaced(t *testing.T) {
	open := func(after time.Duration) plan { return plan{{after: after, reason: probes.OK}} }
	dead := plan{{after: forever}}
	refused := plan{{after: 5 * ms, reason: probes.Refused}}
	ipv6 := platform.Facts{
		Interfaces: []platform.Interface{{Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("2001:db8::2/64")}}},
		Routes:     []platform.Route{{Dst: netip.MustParsePrefix("::/0"), Gateway: netip.MustParseAddr("fe80::1"), Kind: "unicast"}},
	}
	const a, b, six = "192.0.2.1", "192.0.2.2", "2001:db8:1::1"
	tests := []struct {
		name    string
		facts   platform.Facts
		order   []string
		plans   map[string]plan
		step    probes.Reason
		took    time.Duration // of the TCP step
		winner  string
		reasons []probes.Reason
		total   time.Duration
	}{
		{"all open", ipv6, []string{a, b}, map[string]plan{a: open(20 * ms), b: open(10 * ms)}, probes.OK, 20 * ms, a, []probes.Reason{probes.OK, probes.OK}, 20 * ms},
		{"the first is dead", ipv6, []string{a, b}, map[string]plan{a: dead, b: open(10 * ms)}, probes.OK, 60 * ms, b, []probes.Reason{probes.Canceled, probes.OK}, 60 * ms},
		{"the second is dead", ipv6, []string{a, b}, map[string]plan{a: open(10 * ms), b: dead}, probes.OK, 10 * ms, a, []probes.Reason{probes.OK, probes.Canceled}, 10 * ms},
		{"all dead", ipv6, []string{a, b}, map[string]plan{a: dead, b: dead}, probes.Timeout, 3800 * ms, "", []probes.Reason{probes.Timeout, probes.Timeout}, 3800 * ms},
		{"the first address says why", ipv6, []string{a, b}, map[string]plan{a: refused, b: dead}, probes.Refused, 3800 * ms, "", []probes.Reason{probes.Refused, probes.Timeout}, 3800 * ms},
		{"IPv6 broken, IPv4 works", ipv6, []string{six, a}, map[string]plan{six: dead, a: open(10 * ms)}, probes.OK, 60 * ms, a, []probes.Reason{probes.Timeout, probes.OK}, 3800 * ms},
		{"no IPv6 here", platform.Facts{}, []string{six, a}, map[string]plan{a: open(10 * ms)}, probes.OK, 10 * ms, a, []probes.Reason{probes.OK}, 10 * ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var addrs []netip.Addr
				for _, s := range tt.order {
					addrs = append(addrs, netip.MustParseAddr(s))
				}
				d := newPlanned(tt.plans)
				p := prober(nil, nil)
				p.Facts, p.Dial, p.Lookup = tt.facts, d.dial, names{testHost: addrs}
				tgt := target(80, probes.AnswerConnect)
				tgt.URL = "http://" + testHost + "/" // connect only
				begin := time.Now()
				r := p.Probe(t.Context(), tgt)
				if took := time.Since(begin); took != tt.total {
					t.Errorf("took %v, want %v", took, tt.total)
				}
				s := last(t, r)
				if s.Phase != probes.PhaseTCP || s.Reason != tt.step || s.Duration != tt.took.Seconds() {
					t.Errorf("%+v", s)
				}
				if tt.winner != "" && r.Conns[index(tt.order, tt.winner)%len(r.Conns)].Reason != probes.OK {
					t.Errorf("%+v", r.Conns)
				}
				if len(r.Conns) != len(tt.reasons) {
					t.Fatalf("%+v", r.Conns)
				}
				for i, c := range r.Conns {
					if c.Reason != tt.reasons[i] {
						t.Errorf("%+v, want %s", c, tt.reasons[i])
					}
				}
				if d.open != 0 {
					t.Errorf("%d connections left open", d.open)
				}
			})
		})
	}
}

func index(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return -1
}

func TestUsableAddresses(t *testing.T) {
	var many []netip.Addr
	for i := range 20 {
		many = append(many, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}))
	}
	if got := usable(many, true); len(got) != 2*maxAddrs {
		t.Errorf("%d addresses", len(got))
	}
	if got := usable(many, false); len(got) != maxAddrs || !got[0].Is4() {
		t.Errorf("%v", got)
	}
	mapped := netip.MustParseAddr("::ffff:192.0.2.1")
	if got := usable([]netip.Addr{mapped}, false); len(got) != 1 || !got[0].Is4() {
		t.Errorf("%v", got)
	}
}
