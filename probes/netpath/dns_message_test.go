package netpath

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"agentctl/probes"
)

func TestDNSTimes(t *testing.T) {
	t.Parallel()
	for _, p := range []time.Duration{0, 4 * time.Second, 4500 * time.Millisecond, 6 * time.Second} {
		n := newDNSTimes(p)
		if n.patience < leastPatience || n.fallback < leastPatience || n.fallback > max(n.patience, leastPatience) {
			t.Errorf("%s: an answer is waited for %s, without EDNS %s", p, n.patience, n.fallback)
		}
		if n.quiet != 1500*time.Millisecond || n.slow != 2*time.Second {
			t.Errorf("%s: %+v", p, n)
		}
	}
	if n := newDNSTimes(450 * time.Millisecond); n.quiet != 150*time.Millisecond || n.fallback != n.patience {
		t.Errorf("%+v", n)
	}
}

func TestDNSParseReply(t *testing.T) {
	t.Parallel()
	q := new(dns.Msg)
	q.SetQuestion("a.example.", dns.TypeA)
	edit := func(change func(m *dns.Msg)) []byte {
		m := new(dns.Msg)
		m.SetReply(q)
		m.RecursionAvailable = true
		change(m)
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	address := func(m *dns.Msg) {
		m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{10, 0, 0, 1}})
	}
	whole := edit(address)
	tests := map[string]struct {
		raw  []byte
		want probes.Reason // "": not an answer
	}{
		"answer":              {whole, probes.OK},
		"cut":                 {whole[:len(whole)-2], ""},
		"header only":         {whole[:12], ""},
		"half a header":       {whole[:11], ""},
		"cut and marked so":   {func() []byte { b := edit(func(m *dns.Msg) { address(m); m.Truncated = true }); return b[:len(b)-2] }(), probes.Truncated},
		"other type":          {edit(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }), ""},
		"other class":         {edit(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), ""},
		"no question":         {edit(func(m *dns.Msg) { m.Question = nil; m.Rcode = dns.RcodeServerFailure }), ""},
		"formerr, no more":    {edit(func(m *dns.Msg) { m.Question = nil; m.Rcode = dns.RcodeFormatError }), probes.FormErr},
		"a notification":      {edit(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), ""},
		"badvers":             {edit(func(m *dns.Msg) { m.SetEdns0(1232, false); m.Rcode = dns.RcodeBadVers }), probes.FormErr},
		"unknown code":        {edit(func(m *dns.Msg) { m.Rcode = dns.RcodeNotZone }), probes.ServFail},
		"authoritative, bare": {edit(func(m *dns.Msg) { m.RecursionAvailable, m.Authoritative = false, true }), probes.NoData},
		"referral":            {edit(func(m *dns.Msg) { m.RecursionAvailable = false }), probes.ServFail},
		"referral, nxdomain":  {edit(func(m *dns.Msg) { m.RecursionAvailable, m.Rcode = false, dns.RcodeNameError }), probes.NXDomain},
		"address of another":  {edit(func(m *dns.Msg) { address(m); m.Answer[0].Header().Name = "b.example." }), probes.NoData},
		"address repeated":    {edit(func(m *dns.Msg) { address(m); address(m) }), probes.OK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseReply(tt.raw, "A.Example.", dns.TypeA)
			if got.reason != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("got %q, %v; want %q", got.reason, err, tt.want)
			}
			if got.reason == probes.OK && (len(got.addrs) != 1 || got.addrs[0] != netip.MustParseAddr("10.0.0.1")) {
				t.Errorf("addresses %v", got.addrs)
			}
		})
	}
}

func FuzzDNSMessage(f *testing.F) {
	for _, records := range [][]string{
		{"a.example. 1 IN A 10.0.0.1"},
		{"a.example. 1 IN CNAME b.example.", "b.example. 1 IN CNAME a.example."},
		{"a.example. 1 IN CNAME b.example.", "b.example. 1 IN AAAA 2600:1f18::1", "b.example. 1 IN TXT \"x\""},
	} {
		m := new(dns.Msg)
		m.SetQuestion("a.example.", dns.TypeA)
		m.Response, m.Compress = true, true
		m.SetEdns0(1232, true)
		for _, r := range records {
			rr, err := dns.NewRR(r)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-3])
		f.Add(b[:headerSize])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, controlType} {
			r, err := parseReply(b, "a.example.", qtype)
			if (err == nil) != (r.reason != "") {
				t.Fatalf("reason %q, error %v", r.reason, err)
			}
			if len(r.addrs) > maxAddresses || len(r.addrs) > 0 && r.reason != probes.OK {
				t.Fatalf("%+v", r)
			}
			for _, a := range r.addrs {
				if !a.IsValid() {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}
