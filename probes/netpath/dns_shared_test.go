package netpath

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"agentctl/platform"
	"agentctl/probes"
)

// TestDNSLookupsShareQuestions: several targets on one host, and both clients,
// walk the same search list at the same time. Each must be woken by answers to
// questions that another one put, and get its own form of them asked.
func TestDNSLookupsShareQuestions(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(r)
		if name := r.Question[0].Name; strings.Contains(name, "cluster") || strings.Contains(name, "gone") {
			m.Rcode = dns.RcodeNameError
		} else if rr, err := dns.NewRR(name + " 60 IN A 10.0.0.1"); err == nil {
			m.Answer = append(m.Answer, rr)
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = srv.ActivateAndServe() }()
	t.Cleanup(func() { _ = srv.Shutdown() })

	for round := range 30 {
		d := NewDNS(DNSOptions{VPC: []netip.AddrPort{}, Facts: platform.Facts{Resolver: platform.Resolver{Ndots: 5,
			Servers: []netip.AddrPort{netip.MustParseAddrPort(pc.LocalAddr().String())}, Search: []string{"a.cluster.local", "b.cluster.local"}}}})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		var all sync.WaitGroup
		for _, host := range []string{"s3.example.com", "s3.example.com", "s3.example.com", "gone.example.com", "gone.example.com"} {
			for _, client := range []probes.Client{probes.ClientAgent, probes.ClientScript} {
				all.Go(func() {
					want := probes.OK
					if strings.HasPrefix(host, "gone") {
						want = probes.NXDomain
					}
					if got := d.Lookup(ctx, host, client); got.Reason != want {
						t.Errorf("round %d: %s for %s: %s, want %s", round, host, client, got.Reason, want)
					}
				})
			}
		}
		all.Wait()
		d.Settle(ctx)
		d.Finish(ctx)
		if ctx.Err() != nil {
			t.Fatal("a lookup was never woken")
		}
		cancel()
	}
}
