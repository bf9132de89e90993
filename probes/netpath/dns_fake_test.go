package netpath

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"agentctl/platform"
	"agentctl/probes"
)

// dnsQuery is a query that a fake resolver got.
type dnsQuery struct {
	*dns.Msg
	n   int // of this question in this form, from 1
	tcp bool
}

func (q dnsQuery) edns() bool { return q.IsEdns0() != nil }

// dnsLate is a packet that a fake resolver sends after a while.
type dnsLate struct {
	after time.Duration
	raw   []byte
}

type dnsHandler func(q dnsQuery) []dnsLate

// fakeResolver is a name server on loopback that may misbehave in any way.
type fakeResolver struct {
	addr    netip.AddrPort
	handler dnsHandler
	wg      sync.WaitGroup
	stop    chan struct{}

	mu   sync.Mutex
	seen []dnsQuery
}

// newFakeResolver serves UDP and, if tcp is set, TCP on the same port.
func newFakeResolver(t testing.TB, tcp bool, h dnsHandler) *fakeResolver {
	t.Helper()
	f := &fakeResolver{handler: h, stop: make(chan struct{})}
	var udp *net.UDPConn
	var listener net.Listener
	for try := 0; ; try++ {
		var err error
		udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		f.addr = udp.LocalAddr().(*net.UDPAddr).AddrPort()
		if !tcp {
			break
		}
		if listener, err = net.Listen("tcp4", f.addr.String()); err == nil {
			break
		}
		udp.Close()
		if try == 20 {
			t.Fatal(err)
		}
	}
	f.wg.Go(func() { f.serveUDP(udp) })
	if listener != nil {
		f.wg.Go(func() { f.serveTCP(listener) })
	}
	t.Cleanup(func() {
		close(f.stop)
		udp.Close()
		if listener != nil {
			listener.Close()
		}
		f.wg.Wait()
	})
	return f
}

func (f *fakeResolver) answer(raw []byte, tcp bool) []dnsLate {
	m := new(dns.Msg)
	if m.Unpack(raw) != nil || len(m.Question) != 1 {
		return nil
	}
	q := dnsQuery{Msg: m, n: 1, tcp: tcp}
	f.mu.Lock()
	for _, s := range f.seen {
		if s.Question[0] == m.Question[0] && s.edns() == q.edns() && s.tcp == tcp {
			q.n++
		}
	}
	f.seen = append(f.seen, q)
	f.mu.Unlock()
	return f.handler(q)
}

func (f *fakeResolver) serveUDP(c *net.UDPConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			select {
			case <-f.stop:
				return
			default:
				continue
			}
		}
		for _, l := range f.answer(buf[:n], false) {
			if l.after == 0 {
				_, _ = c.WriteToUDPAddrPort(l.raw, from)
				continue
			}
			f.wg.Go(func() {
				if f.wait(l.after) {
					_, _ = c.WriteToUDPAddrPort(l.raw, from)
				}
			})
		}
	}
}

func (f *fakeResolver) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-f.stop:
		return false
	}
}

func (f *fakeResolver) serveTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		f.wg.Go(func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			raw := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(c, raw); err != nil {
				return
			}
			for _, a := range f.answer(raw, true) {
				f.wait(a.after)
				_, _ = c.Write(binary.BigEndian.AppendUint16(nil, uint16(len(a.raw))))
				_, _ = c.Write(a.raw)
			}
		})
	}
}

// queries counts what was asked for a name ("" all).
func (f *fakeResolver) queries(name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, q := range f.seen {
		if name == "" || q.Question[0].Name == name {
			n++
		}
	}
	return n
}

// The answers that fake resolvers give.

func packets(m *dns.Msg) []dnsLate {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return []dnsLate{{raw: b}}
}

func replyTo(q dnsQuery, rcode int, records ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetRcode(q.Msg, rcode)
	m.RecursionAvailable, m.Compress = true, true
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	if q.edns() && rcode != dns.RcodeFormatError {
		m.SetEdns0(1232, false)
	}
	return m
}

// gives answers A questions with the addresses, and the root.
func gives(addrs ...string) dnsHandler {
	return func(q dnsQuery) []dnsLate {
		name := q.Question[0].Name
		var records []string
		switch q.Question[0].Qtype {
		case dns.TypeA:
			for _, a := range addrs {
				records = append(records, name+" 60 IN A "+a)
			}
		case dns.TypeNS:
			records = append(records, name+" 60 IN NS a.root-servers.net.")
		}
		return packets(replyTo(q, dns.RcodeSuccess, records...))
	}
}

func says(rcode int) dnsHandler {
	return func(q dnsQuery) []dnsLate { return packets(replyTo(q, rcode)) }
}

func silent(dnsQuery) []dnsLate { return nil }

func later(d time.Duration, h dnsHandler) dnsHandler {
	return func(q dnsQuery) []dnsLate {
		all := h(q)
		for i := range all {
			all[i].after += d
		}
		return all
	}
}

// testPatience shrinks all waits to a fifth: a resend after 240 and 540 ms,
// plain queries after 300 ms, slow from 400 ms on.
const testPatience = 900 * time.Millisecond

// testDNS prepares a round over fake resolvers, the VPC's apart.
func testDNS(t testing.TB, vpc *fakeResolver, change func(*DNSOptions), servers ...netip.AddrPort) *DNS {
	t.Helper()
	o := DNSOptions{Patience: testPatience, VPC: []netip.AddrPort{}}
	o.Facts.OS.Family = "linux"
	o.Facts.Resolver = platform.Resolver{Servers: servers, Ndots: 1}
	if vpc != nil {
		o.VPC = []netip.AddrPort{vpc.addr}
	}
	if change != nil {
		change(&o)
	}
	d := NewDNS(o)
	t.Cleanup(func() { d.Finish(canceledContext()) })
	return d
}

// withIPv6 makes AAAA answers count.
func withIPv6(o *DNSOptions) {
	o.Facts.Interfaces = []platform.Interface{{Name: "eth0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("2600:1f18::10/64")}}}
	o.Facts.Routes = []platform.Route{{Dst: netip.MustParsePrefix("::/0"), Gateway: netip.MustParseAddr("fe80::1"), Dev: "eth0", Kind: "unicast"}}
}

// closedPort is a port of loopback that nobody listens on.
func closedPort(t testing.TB) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func addrStrings(list []netip.Addr) (s []string) {
	for _, a := range list {
		s = append(s, a.String())
	}
	return s
}

// answerOf is the answer of one resolver.
func answerOf(t testing.TB, r probes.NameResult, server netip.AddrPort) probes.DNSAnswer {
	t.Helper()
	for _, a := range r.Answers {
		if a.Resolver == server {
			return a
		}
	}
	t.Fatalf("no answer of %s in %+v", server, r.Answers)
	return probes.DNSAnswer{}
}
