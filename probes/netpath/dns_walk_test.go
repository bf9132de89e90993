package netpath

import (
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"agentctl/platform"
	"agentctl/probes"
)

// byName answers each name in its own way, others with NXDOMAIN.
func byName(m map[string]dnsHandler) dnsHandler {
	return func(q dnsQuery) []dnsLate {
		if h := m[q.Question[0].Name]; h != nil {
			return h(q)
		}
		return says(dns.RcodeNameError)(q)
	}
}

// plainOnly is a resolver behind something that drops EDNS.
func plainOnly(h dnsHandler) dnsHandler {
	return func(q dnsQuery) []dnsLate {
		if q.edns() {
			return nil
		}
		return h(q)
	}
}

// TestDNSResolversInOrder has two configured resolvers. early is what Lookup
// may answer in its haste where it differs from the end.
func TestDNSResolversInOrder(t *testing.T) {
	t.Parallel()
	good, other := gives("10.0.0.1"), gives("10.0.0.2")
	tests := map[string]struct {
		first, second dnsHandler
		client        probes.Client
		reason        probes.Reason
		addr          string
		by            int
		early         string
		within        time.Duration
	}{
		"first answers":                    {good, other, probes.ClientAgent, probes.OK, "10.0.0.1", 0, "", 200 * time.Millisecond},
		"first answers, second dead":       {good, silent, probes.ClientAgent, probes.OK, "10.0.0.1", 0, "", 200 * time.Millisecond},
		"first dead":                       {silent, other, probes.ClientAgent, probes.OK, "10.0.0.2", 1, "", 500 * time.Millisecond},
		"first dead, for libc":             {silent, other, probes.ClientScript, probes.OK, "10.0.0.2", 1, "", 500 * time.Millisecond},
		"first slower than we wait":        {later(600*time.Millisecond, good), other, probes.ClientScript, probes.OK, "10.0.0.1", 0, "10.0.0.2", 500 * time.Millisecond},
		"servfail, then the next":          {says(dns.RcodeServerFailure), other, probes.ClientAgent, probes.OK, "10.0.0.2", 1, "", 400 * time.Millisecond},
		"refused, then the next":           {says(dns.RcodeRefused), other, probes.ClientAgent, probes.OK, "10.0.0.2", 1, "", 400 * time.Millisecond},
		"nxdomain stops":                   {says(dns.RcodeNameError), other, probes.ClientAgent, probes.NXDomain, "", 0, "", 200 * time.Millisecond},
		"nodata stops":                     {gives(), other, probes.ClientAgent, probes.NoData, "", 0, "", 200 * time.Millisecond},
		"all fail: the first one's reason": {says(dns.RcodeServerFailure), says(dns.RcodeRefused), probes.ClientAgent, probes.ServFail, "", 0, "", 500 * time.Millisecond},
		"first loses EDNS, second not":     {plainOnly(good), other, probes.ClientAgent, probes.OK, "10.0.0.2", 1, "", 600 * time.Millisecond},
		"both lose EDNS":                   {plainOnly(good), plainOnly(good), probes.ClientAgent, probes.OK, "10.0.0.1", 0, "", 600 * time.Millisecond},
		"both lose EDNS, for libc":         {plainOnly(good), plainOnly(other), probes.ClientScript, probes.OK, "10.0.0.1", 0, "", 200 * time.Millisecond},
		"first loses EDNS, second dead":    {plainOnly(good), silent, probes.ClientAgent, probes.OK, "10.0.0.1", 0, "", 600 * time.Millisecond},
		"both silent":                      {silent, silent, probes.ClientScript, probes.Timeout, "", 0, "", 1200 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := []*fakeResolver{newFakeResolver(t, false, tt.first), newFakeResolver(t, false, tt.second)}
			d := testDNS(t, nil, nil, f[0].addr, f[1].addr)
			begin := time.Now()
			r := d.Lookup(t.Context(), ssmHost, tt.client)
			if took := time.Since(begin); took > tt.within {
				t.Errorf("Lookup took %s", took)
			}
			if early := strings.Join(addrStrings(r.Addrs), " "); tt.early == "" && early != tt.addr || tt.early != "" && early != tt.early {
				t.Errorf("Lookup: %+v", r)
			}
			d.Finish(t.Context())
			r, _ = d.Final(ssmHost, tt.client)
			if r.Reason != tt.reason || strings.Join(addrStrings(r.Addrs), " ") != tt.addr || r.By != f[tt.by].addr || len(r.Answers) != 2 {
				t.Errorf("Final: %+v", r)
			}
		})
	}
}

func TestDNSSearch(t *testing.T) {
	t.Parallel()
	good := gives("10.0.0.1")
	tests := map[string]struct {
		zone  map[string]dnsHandler
		host  string
		ndots int
		want  probes.Reason
		asked string // of the first resolver, sorted
	}{
		"absolute exists": {map[string]dnsHandler{"a.b.": good}, "a.b", 1, probes.OK, "a.b."},
		"below the second domain": {map[string]dnsHandler{"a.b.two.": good}, "a.b", 1, probes.OK,
			"a.b. a.b.one. a.b.two."},
		"nowhere":               {nil, "a.b", 1, probes.NXDomain, "a.b. a.b.one. a.b.two."},
		"nodata, then nowhere":  {map[string]dnsHandler{"a.b.": gives()}, "a.b", 1, probes.NoData, "a.b. a.b.one. a.b.two."},
		"servfail is no reason": {map[string]dnsHandler{"a.b.": says(dns.RcodeServerFailure)}, "a.b", 1, probes.ServFail, "a.b. a.b."},
		"few dots":              {map[string]dnsHandler{"a.one.": good, "a.": good}, "a", 1, probes.OK, "a. a.one."},
		"few dots, servfail below a domain": {map[string]dnsHandler{"a.one.": says(dns.RcodeServerFailure), "a.two.": good}, "a", 1,
			probes.OK, "a. a.one. a.one. a.two."},
		"few dots, absolute only": {map[string]dnsHandler{"a.b.": good}, "a.b", 5, probes.OK, "a.b. a.b.one. a.b.two."},
		"few dots, nowhere":       {nil, "a", 1, probes.NXDomain, "a. a.one. a.two."},
		"rooted":                  {nil, "a.b.", 5, probes.NXDomain, "a.b."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newFakeResolver(t, false, byName(tt.zone))
			second := newFakeResolver(t, false, byName(tt.zone))
			vpc := newFakeResolver(t, false, byName(nil))
			d := testDNS(t, vpc, func(o *DNSOptions) {
				o.Facts.Resolver.Search, o.Facts.Resolver.Ndots = []string{"one", "two"}, tt.ndots
			}, first.addr, second.addr)
			r := d.Lookup(t.Context(), tt.host, probes.ClientScript)
			d.Finish(t.Context())
			final, _ := d.Final(tt.host, probes.ClientScript)
			if r.Reason != tt.want || final.Reason != tt.want {
				t.Errorf("Lookup %s, Final %s, want %s", r.Reason, final.Reason, tt.want)
			}
			var asked []string
			first.mu.Lock()
			for _, q := range first.seen {
				asked = append(asked, q.Question[0].Name)
			}
			first.mu.Unlock()
			slices.Sort(asked)
			if got := strings.Join(asked, " "); got != tt.asked {
				t.Errorf("asked %q, want %q", got, tt.asked)
			}
			if n := vpc.queries(""); n != 1 {
				t.Errorf("%d queries to the VPC resolver, want the absolute name only", n)
			}
			if !strings.HasSuffix(tt.asked, "a.b. a.b.") && second.queries("a.b.one.")+second.queries("a.two.") != 0 {
				t.Error("the second resolver was asked without need")
			}
		})
	}
}

func TestDNSSearchDomainsAreGivenUpWhenSilent(t *testing.T) {
	t.Parallel()
	f := newFakeResolver(t, false, byName(map[string]dnsHandler{"a.one.": silent, "a.": gives("10.0.0.1")}))
	d := testDNS(t, nil, func(o *DNSOptions) { o.Facts.Resolver.Search = []string{"one", "two"} }, f.addr)
	r := d.Lookup(t.Context(), "a", probes.ClientScript)
	if r.Reason != probes.OK || f.queries("a.two.") != 0 {
		t.Errorf("%+v; asked a.two. %d times", r, f.queries("a.two."))
	}
}

func TestDNSSearchAsksTheNextResolverOnlyWhenNeeded(t *testing.T) {
	t.Parallel()
	first := newFakeResolver(t, false, byName(map[string]dnsHandler{"a.one.": silent}))
	second := newFakeResolver(t, false, byName(map[string]dnsHandler{"a.one.": gives("10.0.0.1")}))
	d := testDNS(t, nil, func(o *DNSOptions) { o.Facts.Resolver.Search = []string{"one"} }, first.addr, second.addr)
	if r := d.Lookup(t.Context(), "a", probes.ClientScript); r.Reason != probes.OK || r.By != second.addr {
		t.Errorf("%+v", r)
	}
}

// v6 answers AAAA and A each in its own way.
func v6(a, aaaa dnsHandler) dnsHandler {
	return func(q dnsQuery) []dnsLate {
		if q.Question[0].Qtype == dns.TypeAAAA {
			return aaaa(q)
		}
		return a(q)
	}
}

func TestDNSBothFamilies(t *testing.T) {
	t.Parallel()
	good := gives("10.0.0.1")
	six := func(q dnsQuery) []dnsLate {
		return packets(replyTo(q, dns.RcodeSuccess, q.Question[0].Name+" 60 IN AAAA 2600:1f18::1"))
	}
	broken := says(dns.RcodeServerFailure)
	tests := map[string]struct {
		a, aaaa dnsHandler
		reason  probes.Reason
		addrs   string
	}{
		"both":                      {good, six, probes.OK, "10.0.0.1 2600:1f18::1"},
		"only A":                    {good, gives(), probes.OK, "10.0.0.1"},
		"only AAAA":                 {gives(), six, probes.OK, "2600:1f18::1"},
		"servfail for AAAA":         {good, broken, probes.OK, "10.0.0.1"},
		"silence for AAAA":          {good, silent, probes.OK, "10.0.0.1"},
		"silence for A":             {silent, six, probes.OK, "2600:1f18::1"},
		"neither":                   {gives(), gives(), probes.NoData, ""},
		"no A, servfail for AAAA":   {gives(), broken, probes.ServFail, ""},
		"servfail for A, no AAAA":   {broken, gives(), probes.ServFail, ""},
		"nxdomain for A alone":      {says(dns.RcodeNameError), silent, probes.NXDomain, ""},
		"nxdomain for AAAA, A fine": {good, says(dns.RcodeNameError), probes.OK, "10.0.0.1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeResolver(t, false, v6(tt.a, tt.aaaa))
			d := testDNS(t, nil, withIPv6, f.addr)
			begin := time.Now()
			r := d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
			if took := time.Since(begin); took > 600*time.Millisecond {
				t.Errorf("took %s", took)
			}
			if r.Reason != tt.reason || strings.Join(addrStrings(r.Addrs), " ") != tt.addrs || r.By != f.addr {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestDNSPinnedNameIsAskedAllTheSame(t *testing.T) {
	t.Parallel()
	f := newFakeResolver(t, false, later(100*time.Millisecond, gives("10.0.0.1")))
	pinned := platform.HostsLine{Addr: netip.MustParseAddr("192.0.2.7"), Names: []string{ssmHost}, Line: 3}
	d := testDNS(t, nil, func(o *DNSOptions) { o.Facts.Hosts = []platform.HostsLine{pinned} }, f.addr)
	r := d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
	if r.Duration > 0.05 || r.Reason != probes.OK || r.By.IsValid() || r.PinnedLine != 3 || !slices.Equal(r.Addrs, []netip.Addr{pinned.Addr}) {
		t.Errorf("Lookup: %+v", r)
	}
	d.Finish(t.Context())
	r, _ = d.Final(ssmHost, probes.ClientAgent)
	if a := answerOf(t, r, f.addr); a.Reason != probes.OK || len(a.Addrs) != 1 || a.Addrs[0] == r.Addrs[0] || r.By.IsValid() {
		t.Errorf("Final: %+v", r)
	}

	d = testDNS(t, nil, func(o *DNSOptions) {
		o.Facts.Hosts, o.Facts.Resolver.IgnoreHosts = []platform.HostsLine{pinned}, true
	}, f.addr)
	if r := d.Lookup(t.Context(), ssmHost, probes.ClientAgent); len(r.Pinned) != 0 || r.By != f.addr {
		t.Errorf("hosts file ignored: %+v", r)
	}
}

// TestDNSFinishLeavesNoGoroutine runs alone: it looks at all stacks.
func TestDNSFinishLeavesNoGoroutine(t *testing.T) {
	f := newFakeResolver(t, true, func(q dnsQuery) []dnsLate {
		if q.n%2 == 0 && !q.tcp {
			m := replyTo(q, dns.RcodeSuccess)
			m.Truncated = true
			return packets(m)
		}
		return nil
	})
	d := testDNS(t, f, withIPv6, f.addr, closedPort(t))
	d.Control(t.Context())
	ended := make(chan probes.NameResult)
	for _, h := range []string{"a.example", "b.example", "c"} {
		go func() { ended <- d.Lookup(t.Context(), h, probes.ClientAgent) }()
	}
	time.Sleep(350 * time.Millisecond) // plain queries and TCP are under way
	begin := time.Now()
	d.Finish(canceledContext())
	if took := time.Since(begin); took > 100*time.Millisecond {
		t.Errorf("Finish took %s after its context had ended", took)
	}
	for range 3 {
		<-ended
	}
	if r := d.Lookup(t.Context(), "late.example", probes.ClientAgent); r.Reason != probes.Canceled {
		t.Errorf("Lookup after Finish: %+v", r)
	}
	var stacks string
	for range 50 {
		buf := make([]byte, 1<<20)
		stacks = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "(*dnsWire)") && !strings.Contains(stacks, "(*DNS).start") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines left:\n%s", stacks)
}

func TestDNSLookupEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := newFakeResolver(t, false, silent)
	d := testDNS(t, nil, nil, f.addr)
	begin := time.Now()
	r := d.Lookup(canceledContext(), ssmHost, probes.ClientAgent)
	if r.Reason != probes.Canceled || time.Since(begin) > 100*time.Millisecond {
		t.Errorf("%+v after %s", r, time.Since(begin))
	}
	if s := d.Finish(canceledContext())[0]; s.Questions != 0 || s.Worst != "" {
		t.Errorf("a question that was not waited for says nothing: %+v", s)
	}
}
