package netpath

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"agentctl/probes"
)

func canceledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

const ssmHost = "ssm.eu-west-1.amazonaws.com"

// TestDNSOneResolver has one resolver misbehave in one way each.
func TestDNSOneResolver(t *testing.T) {
	t.Parallel()
	chain := func(records ...string) dnsHandler {
		return func(q dnsQuery) []dnsLate { return packets(replyTo(q, dns.RcodeSuccess, records...)) }
	}
	edit := func(change func(b []byte)) dnsHandler {
		return func(q dnsQuery) []dnsLate {
			l := gives("192.0.2.9")(q)
			change(l[0].raw)
			return l
		}
	}
	onlyPlain := func(h dnsHandler) dnsHandler {
		return func(q dnsQuery) []dnsLate {
			if q.edns() {
				return h(q)
			}
			return gives("10.0.0.1")(q)
		}
	}
	onFirst := func(h dnsHandler) dnsHandler {
		return func(q dnsQuery) []dnsLate {
			if q.n == 1 {
				return h(q)
			}
			return gives("10.0.0.1")(q)
		}
	}
	truncated := func(tcp dnsHandler) dnsHandler {
		return func(q dnsQuery) []dnsLate {
			if q.tcp {
				return tcp(q)
			}
			m := replyTo(q, dns.RcodeSuccess)
			m.Truncated = true
			return packets(m)
		}
	}
	many := make([]string, 0, 40)
	for i := range 40 {
		many = append(many, netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}).String())
	}

	type want struct {
		reason     probes.Reason
		addrs      string
		edns, tcp  probes.Reason
		plain      probes.Reason
		attempts   int
		slow, lost int
		usable     int
		failing    int
		answered   int
	}
	tests := map[string]struct {
		handler dnsHandler
		tcp     bool
		want    want
	}{
		"answers": {gives("10.0.0.1", "10.0.0.2"), false,
			want{reason: probes.OK, addrs: "10.0.0.1 10.0.0.2", edns: probes.OK, attempts: 1, usable: 1, answered: 1}},
		"slow, but within four seconds": {later(760*time.Millisecond, gives("10.0.0.1")), false,
			want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.OK, attempts: 1, slow: 1, usable: 1, answered: 1}},
		"first packet lost": {onFirst(silent), false,
			want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.OK, attempts: 2, usable: 1, answered: 1}},
		"nxdomain":                {says(dns.RcodeNameError), false, want{reason: probes.NXDomain, edns: probes.NXDomain, attempts: 1, usable: 1, answered: 1}},
		"nodata":                  {gives(), false, want{reason: probes.NoData, edns: probes.NoData, attempts: 1, usable: 1, answered: 1}},
		"servfail":                {says(dns.RcodeServerFailure), false, want{reason: probes.ServFail, edns: probes.ServFail, attempts: 2, failing: 1, answered: 1}},
		"one servfail in passing": {onFirst(says(dns.RcodeServerFailure)), false, want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.OK, attempts: 2, usable: 1, answered: 1}},
		"one servfail, then silence": {func(q dnsQuery) []dnsLate {
			if q.n == 1 {
				return says(dns.RcodeServerFailure)(q)
			}
			return nil
		}, false, want{reason: probes.ServFail, edns: probes.ServFail, attempts: 1, failing: 1, answered: 1}},
		"refused by the resolver":    {says(dns.RcodeRefused), false, want{reason: probes.DNSRefused, edns: probes.DNSRefused, attempts: 2, failing: 1, answered: 1}},
		"understands no query":       {says(dns.RcodeNotImplemented), false, want{reason: probes.FormErr, edns: probes.FormErr, plain: probes.FormErr, attempts: 2, answered: 1}},
		"silent":                     {silent, false, want{reason: probes.Timeout, edns: probes.Timeout, plain: probes.Timeout, attempts: 3}},
		"formerr to EDNS":            {onlyPlain(says(dns.RcodeFormatError)), false, want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.FormErr, plain: probes.OK, attempts: 1, lost: 1, usable: 1, answered: 1}},
		"silent to EDNS":             {onlyPlain(silent), false, want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.Timeout, plain: probes.OK, attempts: 1, lost: 1, usable: 1, answered: 1}},
		"loses one EDNS query":       {onlyPlain(onFirst(silent)), false, want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.OK, attempts: 2, usable: 1, answered: 1}},
		"wrong id":                   {edit(func(b []byte) { b[0] ^= 0x55 }), false, want{reason: probes.Malformed, edns: probes.Malformed, plain: probes.Malformed, attempts: 3}},
		"another name":               {edit(func(b []byte) { b[13] = 'x' }), false, want{reason: probes.Malformed, edns: probes.Malformed, plain: probes.Malformed, attempts: 3}},
		"a query back":               {edit(func(b []byte) { b[2] &= 0x7f }), false, want{reason: probes.Malformed, edns: probes.Malformed, plain: probes.Malformed, attempts: 3}},
		"name in capitals":           {edit(func(b []byte) { copy(b[13:], "SSM") }), false, want{reason: probes.OK, edns: probes.OK, attempts: 1, usable: 1, answered: 1}},
		"garbage only":               {func(dnsQuery) []dnsLate { return []dnsLate{{raw: []byte("hello")}} }, false, want{reason: probes.Malformed, edns: probes.Malformed, plain: probes.Malformed, attempts: 3}},
		"a flood of garbage":         {flood, false, want{reason: probes.Malformed, edns: probes.Malformed, plain: probes.Malformed, attempts: 1}},
		"garbage, then the answer":   {func(q dnsQuery) []dnsLate { return append([]dnsLate{{raw: []byte{1}}}, gives("10.0.0.1")(q)...) }, false, want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.OK, attempts: 1, usable: 1, answered: 1}},
		"a packet of nearly 64 KiB":  {huge, false, want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.OK, attempts: 1, usable: 1, answered: 1}},
		"more addresses than needed": {gives(many...), false, want{reason: probes.OK, addrs: strings.Join(many[:maxAddresses], " "), edns: probes.OK, attempts: 1, usable: 1, answered: 1}},
		"chain": {chain("b.example. 60 IN A 10.0.0.1", ssmHost+". 60 IN CNAME a.example.", "a.example. 60 IN CNAME B.example.", "stray.example. 60 IN A 192.0.2.1"), false,
			want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.OK, attempts: 1, usable: 1, answered: 1}},
		"chain without end":           {chain(ssmHost + ". 60 IN CNAME a.example."), false, want{reason: probes.NoData, edns: probes.NoData, attempts: 1, usable: 1, answered: 1}},
		"chain in a circle":           {chain(ssmHost+". 60 IN CNAME a.example.", "a.example. 60 IN CNAME "+ssmHost+"."), false, want{reason: probes.NoData, edns: probes.NoData, attempts: 1, usable: 1, answered: 1}},
		"bare referral":               {referral, false, want{reason: probes.ServFail, edns: probes.ServFail, attempts: 2, failing: 1, answered: 1}},
		"truncated, TCP works":        {truncated(gives("10.0.0.1")), true, want{reason: probes.OK, addrs: "10.0.0.1", edns: probes.OK, tcp: probes.OK, attempts: 1, usable: 1, answered: 1}},
		"truncated, servfail by TCP":  {truncated(says(dns.RcodeServerFailure)), true, want{reason: probes.ServFail, edns: probes.ServFail, tcp: probes.OK, attempts: 1, failing: 1, answered: 1}},
		"truncated, TCP refused":      {truncated(nil), false, want{reason: probes.Truncated, edns: probes.Truncated, tcp: probes.Refused, attempts: 1, answered: 1}},
		"truncated, TCP closed":       {truncated(silent), true, want{reason: probes.Truncated, edns: probes.Truncated, tcp: probes.Closed, attempts: 1, answered: 1}},
		"truncated, garbage by TCP":   {truncated(func(dnsQuery) []dnsLate { return []dnsLate{{raw: []byte("no")}} }), true, want{reason: probes.Truncated, edns: probes.Truncated, tcp: probes.Malformed, attempts: 1, answered: 1}},
		"truncated, very slow by TCP": {truncated(later(3*time.Second, gives())), true, want{reason: probes.Truncated, edns: probes.Truncated, tcp: probes.Timeout, attempts: 1, answered: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeResolver(t, tt.tcp, tt.handler)
			d := testDNS(t, nil, nil, f.addr)
			early := d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
			if early.Reason != tt.want.reason || tt.want.addrs != "" && strings.Join(addrStrings(early.Addrs), " ") != tt.want.addrs {
				t.Errorf("Lookup: %s %v, want %s %q", early.Reason, early.Addrs, tt.want.reason, tt.want.addrs)
			}
			sum := d.Finish(t.Context())
			r, ok := d.Final(ssmHost, probes.ClientAgent)
			if !ok || len(r.Answers) != 1 || len(sum) != 1 {
				t.Fatalf("Final: %v %+v, summary %+v", ok, r, sum)
			}
			a, s := r.Answers[0], sum[0]
			got := want{reason: r.Reason, addrs: strings.Join(addrStrings(r.Addrs), " "), edns: a.EDNS, plain: a.Plain, tcp: a.TCP, attempts: a.Attempts,
				slow: s.Slow, lost: s.EDNSLost, usable: s.Usable, failing: s.Failing, answered: s.Answered}
			if tt.want.addrs == "" {
				got.addrs = ""
			}
			if tt.want.attempts == 2 && tt.want.plain == "" && got.plain == probes.OK {
				got.plain = "" // on a busy machine the resend comes too late to make it needless
			}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if s.Questions != 1 || s.Addr != f.addr || !s.Configured || r.By != f.addr {
				t.Errorf("summary %+v, by %s", s, r.By)
			}
		})
	}
}

func flood(dnsQuery) []dnsLate {
	return slices.Repeat([]dnsLate{{raw: []byte("no message at all")}}, 2*maxGarbage)
}

// huge sends what is too big for anybody, and then the answer.
func huge(q dnsQuery) []dnsLate {
	big := make([]byte, 60000)
	binary.BigEndian.PutUint16(big, q.Id)
	big[2] = 0x80
	return append([]dnsLate{{raw: big}}, gives("10.0.0.1")(q)...)
}

// referral is the answer of a server that serves neither us nor the name.
func referral(q dnsQuery) []dnsLate {
	m := new(dns.Msg)
	m.SetReply(q.Msg)
	return packets(m)
}

func TestDNSDurationIsOfTheQueryThatWasAnswered(t *testing.T) {
	t.Parallel()
	f := newFakeResolver(t, false, func(q dnsQuery) []dnsLate {
		if q.n == 1 {
			return nil
		}
		return gives("10.0.0.1")(q)
	})
	d := testDNS(t, nil, nil, f.addr)
	r := d.Lookup(t.Context(), ssmHost, probes.ClientScript)
	a := answerOf(t, r, f.addr)
	if a.Attempts != 2 || a.Duration > 0.15 || r.Duration < 0.2 {
		t.Errorf("attempts %d, answer took %.3f s, lookup %.3f s", a.Attempts, a.Duration, r.Duration)
	}
	if a.EDNS != "" || a.Plain != probes.OK {
		t.Errorf("libc sends no EDNS: %+v", a)
	}
}

func TestDNSClosedPort(t *testing.T) {
	t.Parallel()
	port := closedPort(t)
	d := testDNS(t, nil, nil, port)
	r := d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
	a := answerOf(t, r, port)
	if r.Reason != probes.Refused || a.Attempts != 2 || a.Plain != "" {
		t.Errorf("got %+v", r)
	}
	if a.Local { // a stub on this host that is down is no firewall
		t.Errorf("a closed port of the resolver's own is not the host's firewall: %+v", a)
	}
	s := d.Finish(t.Context())[0]
	if s.Worst != probes.Refused || s.Answered != 0 || s.EDNSLost != 0 || s.Questions != 1 {
		t.Errorf("summary %+v", s)
	}
}

func TestDNSSharesAnswersBetweenClients(t *testing.T) {
	t.Parallel()
	f := newFakeResolver(t, false, gives("10.0.0.1"))
	vpc := newFakeResolver(t, false, gives("10.0.0.1"))
	d := testDNS(t, vpc, nil, f.addr)
	for range 3 {
		d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
		d.Lookup(t.Context(), strings.ToUpper(ssmHost), probes.ClientAgent)
		d.Lookup(t.Context(), ssmHost, probes.ClientScript)
	}
	sum := d.Finish(t.Context())
	if f.queries("") != 2 || vpc.queries("") != 1 {
		t.Errorf("%d queries to the configured resolver, %d to the VPC's; want 2 forms and 1", f.queries(""), vpc.queries(""))
	}
	if len(sum) != 2 || sum[0].VPC || !sum[1].VPC || sum[1].Configured || sum[1].Usable != 1 {
		t.Errorf("summary %+v", sum)
	}
}

// TestDNSPlainIsDroppedWhenEDNSWorks: a slow resolver's second form is not
// waited for, unless a client wants it.
func TestDNSPlainIsDroppedWhenEDNSWorks(t *testing.T) {
	t.Parallel()
	f := newFakeResolver(t, false, later(500*time.Millisecond, gives("10.0.0.1")))
	d := testDNS(t, nil, nil, f.addr)
	begin := time.Now()
	d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
	if r := d.Finish(t.Context())[0]; r.EDNSOK != 1 || r.Answered != 1 || r.Slow != 1 {
		t.Errorf("%+v", r)
	}
	if took := time.Since(begin); took > 700*time.Millisecond { // the plain one would take 800
		t.Errorf("took %s", took)
	}

	d = testDNS(t, nil, nil, f.addr)
	script := make(chan probes.NameResult)
	go func() {
		time.Sleep(400 * time.Millisecond)
		script <- d.Lookup(t.Context(), ssmHost, probes.ClientScript)
	}()
	d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
	if r := <-script; r.Reason != probes.OK || answerOf(t, r, f.addr).Plain != probes.OK {
		t.Errorf("%+v", r)
	}
}
