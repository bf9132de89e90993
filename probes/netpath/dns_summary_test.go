package netpath

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"agentctl/probes"
)

func TestDNSControl(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler dnsHandler
		want    probes.ResolverResult // addresses and times apart
	}{
		"knows the root": {gives(), probes.ResolverResult{Questions: 1, Answered: 1, Usable: 1, EDNSOK: 1}},
		"nxdomain":       {says(dns.RcodeNameError), probes.ResolverResult{Questions: 1, Answered: 1, Usable: 1, EDNSOK: 1}},
		"no root":        {says(dns.RcodeSuccess), probes.ResolverResult{Questions: 1, Answered: 1, EDNSOK: 1, Worst: probes.NoData}},
		"servfail":       {says(dns.RcodeServerFailure), probes.ResolverResult{Questions: 1, Answered: 1, Failing: 1, EDNSOK: 1, Worst: probes.ServFail}},
		"refused":        {says(dns.RcodeRefused), probes.ResolverResult{Questions: 1, Answered: 1, Failing: 1, EDNSOK: 1, Worst: probes.DNSRefused}},
		"silent":         {silent, probes.ResolverResult{Questions: 1, Worst: probes.Timeout}},
		"loses EDNS":     {plainOnly(gives()), probes.ResolverResult{Questions: 1, Answered: 1, Usable: 1, EDNSLost: 1}},
		"truncated": {func(q dnsQuery) []dnsLate {
			m := replyTo(q, dns.RcodeSuccess)
			m.Truncated = true
			return packets(m)
		}, probes.ResolverResult{Questions: 1, Answered: 1, Usable: 1, EDNSOK: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeResolver(t, false, tt.handler)
			d := testDNS(t, nil, nil, f.addr)
			begin := time.Now()
			d.Control(t.Context())
			if took := time.Since(begin); took > 50*time.Millisecond {
				t.Errorf("Control took %s", took)
			}
			got := d.Finish(t.Context())[0]
			if got.Addr != f.addr || !got.Configured {
				t.Errorf("%+v", got)
			}
			got.Addr, got.Configured, got.Median, got.Slowest = netip.AddrPort{}, false, 0, 0
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestDNSSummary(t *testing.T) {
	t.Parallel()
	f := newFakeResolver(t, false, byName(map[string]dnsHandler{
		"a.test.": gives("10.0.0.1"),
		"b.test.": later(100*time.Millisecond, gives("10.0.0.1")),
		"c.test.": later(500*time.Millisecond, gives("10.0.0.1")),
		"d.test.": silent,
		"e.test.": says(dns.RcodeServerFailure),
		"f.test.": says(dns.RcodeServerFailure),
	}))
	d := testDNS(t, nil, nil, f.addr)
	done := make(chan bool)
	names := strings.Fields("a.test b.test c.test d.test e.test f.test none.test")
	for _, n := range names {
		go func() { d.Lookup(t.Context(), n, probes.ClientScript); done <- true }()
	}
	for range names {
		<-done
	}
	r := d.Finish(t.Context())[0]
	if r.Questions != 7 || r.Answered != 6 || r.Usable != 4 || r.Failing != 2 || r.Slow != 1 || r.EDNSOK+r.EDNSLost != 0 || r.Worst != probes.ServFail {
		t.Errorf("%+v", r)
	}
	if r.Slowest < 0.5 || r.Slowest > 0.8 || r.Median > 0.3 {
		t.Errorf("median %.3f, slowest %.3f", r.Median, r.Slowest)
	}
}

func TestDNSServers(t *testing.T) {
	t.Parallel()
	list := func(s string) (all []netip.AddrPort) {
		for _, a := range strings.Fields(s) {
			all = append(all, netip.MustParseAddrPort(a))
		}
		return all
	}
	tests := map[string]struct {
		servers string
		vpc     []netip.AddrPort
		implied bool
		want    string
	}{
		"own resolver":      {"10.9.9.9:53", nil, false, "10.9.9.9:53 configured, 169.254.169.253:53 vpc"},
		"the VPC's":         {"169.254.169.253:53", nil, false, "169.254.169.253:53 configured vpc"},
		"the VPC's, alias":  {"10.0.0.2:53", nil, false, "10.0.0.2:53 configured vpc"},
		"alias second":      {"10.9.9.9:53 10.0.0.2:53", nil, false, "10.9.9.9:53 configured, 10.0.0.2:53 configured vpc"},
		"more than three":   {"1.1.1.1:53 1.1.1.2:53 1.1.1.3:53 10.0.0.2:53", nil, false, "1.1.1.1:53 configured, 1.1.1.2:53 configured, 1.1.1.3:53 configured, 169.254.169.253:53 vpc"},
		"one twice":         {"1.1.1.1:53 1.1.1.1:53", nil, false, "1.1.1.1:53 configured, 169.254.169.253:53 vpc"},
		"outside of EC2":    {"1.1.1.1:53", []netip.AddrPort{}, false, "1.1.1.1:53 configured"},
		"two VPC addresses": {"1.1.1.1:53", list("169.254.169.253:53 [fd00:ec2::253]:53"), false, "1.1.1.1:53 configured, 169.254.169.253:53 vpc, [fd00:ec2::253]:53 vpc"},
		"none":              {"", nil, false, "169.254.169.253:53 vpc"},
		"none, implied":     {"", nil, true, "127.0.0.1:53 configured, 169.254.169.253:53 vpc"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := testDNS(t, nil, func(o *DNSOptions) {
				o.VPC, o.Facts.Resolver.Implied = tt.vpc, tt.implied
				o.VPCAliases = func(a netip.Addr) bool { return a.String() == "10.0.0.2" }
			}, list(tt.servers)...)
			var got []string
			for _, s := range d.servers {
				line := s.addr.String()
				if s.configured {
					line += " configured"
				}
				if s.vpc {
					line += " vpc"
				}
				got = append(got, line)
			}
			if g := strings.Join(got, ", "); g != tt.want {
				t.Errorf("got  %s\nwant %s", g, tt.want)
			}
		})
	}
}

func TestDNSWithoutConfiguredResolver(t *testing.T) {
	t.Parallel()
	vpc := newFakeResolver(t, false, gives("10.0.0.1"))
	d := testDNS(t, vpc, nil)
	r := d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
	if r.Reason != probes.NoRoute || r.By.IsValid() {
		t.Errorf("Lookup: %+v", r)
	}
	d.Finish(t.Context())
	if r, _ = d.Final(ssmHost, probes.ClientAgent); r.Reason != probes.NoRoute || answerOf(t, r, vpc.addr).Reason != probes.OK {
		t.Errorf("Final: %+v", r)
	}
	if _, ok := d.Final("other.example", probes.ClientAgent); ok {
		t.Error("Final knows a host that was never looked up")
	}
}

func TestDNSCustomResolverBesideTheVPC(t *testing.T) {
	t.Parallel()
	custom := newFakeResolver(t, false, says(dns.RcodeNameError))
	vpc := newFakeResolver(t, false, later(150*time.Millisecond, gives("10.0.0.1")))
	d := testDNS(t, vpc, nil, custom.addr)
	r := d.Lookup(t.Context(), ssmHost, probes.ClientScript)
	if r.Reason != probes.NXDomain || r.By != custom.addr || len(r.Answers) != 1 {
		t.Errorf("Lookup: %+v", r)
	}
	d.Finish(t.Context())
	r, _ = d.Final(ssmHost, probes.ClientScript)
	if a := answerOf(t, r, vpc.addr); r.Reason != probes.NXDomain || a.Reason != probes.OK || len(a.Addrs) != 1 {
		t.Errorf("Final: %+v", r)
	}
}

func TestDNSForms(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		client probes.Client
		change func(*DNSOptions)
		edns   bool
	}{
		"agent on Linux":         {probes.ClientAgent, nil, true},
		"libc":                   {probes.ClientScript, nil, false},
		"libc with options edns": {probes.ClientScript, func(o *DNSOptions) { o.ScriptEDNS = true }, true},
		"agent on Windows":       {probes.ClientAgent, func(o *DNSOptions) { o.Facts.OS.Family = "windows" }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeResolver(t, false, gives("10.0.0.1"))
			d := testDNS(t, nil, tt.change, f.addr)
			if r := d.Lookup(t.Context(), ssmHost, tt.client); r.Reason != probes.OK {
				t.Errorf("%+v", r)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.seen) != 1 || f.seen[0].edns() != tt.edns || !f.seen[0].RecursionDesired {
				t.Fatalf("queries %v", f.seen)
			}
			if o := f.seen[0].IsEdns0(); o != nil && (o.UDPSize() != 1232 || o.Do()) {
				t.Errorf("EDNS %s", o)
			}
		})
	}
}

func TestDNSUseVC(t *testing.T) {
	t.Parallel()
	useVC := func(o *DNSOptions) { o.Facts.Resolver.UseTCP = true }
	f := newFakeResolver(t, true, gives("10.0.0.1"))
	d := testDNS(t, nil, useVC, f.addr)
	r := d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
	if a := answerOf(t, r, f.addr); r.Reason != probes.OK || a.TCP != probes.OK || !f.seen[0].tcp || f.queries("") != 1 {
		t.Errorf("%+v", r)
	}
	port := closedPort(t)
	d = testDNS(t, nil, useVC, port)
	r = d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
	if a := answerOf(t, r, port); r.Reason != probes.Refused || a.TCP != probes.Refused || a.Plain != "" {
		t.Errorf("%+v", r)
	}
}

// BenchmarkDNSRound is a healthy round: ten names, both clients, a configured
// resolver and the VPC's. The resolvers' own time is in it.
func BenchmarkDNSRound(b *testing.B) {
	answer := gives("10.0.0.1")
	cache := map[string][]byte{}
	cached := func(q dnsQuery) []dnsLate {
		key := fmt.Sprint(q.Question[0], q.edns())
		if cache[key] == nil {
			cache[key] = answer(q)[0].raw
		}
		raw := append([]byte(nil), cache[key]...)
		raw[0], raw[1] = byte(q.Id>>8), byte(q.Id)
		return []dnsLate{{raw: raw}}
	}
	f, vpc := newFakeResolver(b, false, cached), newFakeResolver(b, false, answer)
	b.ReportAllocs()
	for b.Loop() {
		f.mu.Lock()
		f.seen = nil
		f.mu.Unlock()
		d := testDNS(b, vpc, nil, f.addr)
		d.Control(context.Background())
		for i := range 10 {
			name := fmt.Sprintf("s%d.eu-west-1.amazonaws.com", i)
			d.Lookup(context.Background(), name, probes.ClientAgent)
			d.Lookup(context.Background(), name, probes.ClientScript)
		}
		d.Finish(context.Background())
	}
}
