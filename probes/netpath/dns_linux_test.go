package netpath

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"agentctl/probes"
)

func TestDNSQueuedErrorNamesItsSender(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"127.0.0.1", "::1"} {
		addr := netip.AddrPortFrom(netip.MustParseAddr(server), closedPort(t).Port())
		d := testDNS(t, nil, nil, addr)
		r := d.Lookup(t.Context(), ssmHost, probes.ClientAgent)
		a := answerOf(t, r, addr)
		if a.Reason == probes.NoRoute && addr.Addr().Is6() {
			continue // no IPv6 here
		}
		if a.Reason != probes.Refused || a.Sender != addr.Addr() {
			t.Errorf("%s: %+v", server, a)
		}
	}
}

// TestDNSWhoMadeTheError plays ICMP errors that are hard to get on loopback.
func TestDNSWhoMadeTheError(t *testing.T) {
	t.Parallel()
	own, router := netip.MustParseAddr("10.0.0.10"), netip.MustParseAddr("10.0.0.1")
	icmp := func(code uint8, from netip.Addr) *icmpError {
		return &icmpError{errno: uint32(unix.EHOSTUNREACH), typ: icmpUnreachable, code: code, sender: from}
	}
	icmp6 := func(code uint8, from string) *icmpError {
		return &icmpError{v6: true, typ: icmp6Unreachable, code: code, sender: netip.MustParseAddr(from)}
	}
	const slow = 3 * time.Second
	tests := map[string]struct {
		server string
		err    *icmpError
		after  time.Duration
		again  bool
		reason probes.Reason
		sender string
		local  bool
	}{
		"own firewall rejects":                {"192.0.2.53", icmp(3, own), 0, true, probes.Refused, "10.0.0.10", true},
		"own firewall prohibits":              {"192.0.2.53", icmp(13, own), 0, true, probes.Prohibited, "10.0.0.10", true},
		"own firewall says host unreachable":  {"192.0.2.53", icmp(1, own), 0, true, probes.Unreachable, "10.0.0.10", true},
		"dead neighbour":                      {"10.0.0.53", icmp(1, own), slow, false, probes.Unreachable, "", false},
		"dead neighbour, just after a resend": {"10.0.0.53", icmp(1, own), 0, false, probes.Unreachable, "", false},
		"dead neighbour, twice":               {"10.0.0.53", icmp(1, own), slow, true, probes.Unreachable, "", false},
		"router":                              {"192.0.2.53", icmp(1, router), slow, true, probes.Unreachable, "10.0.0.1", false},
		"router, once":                        {"192.0.2.53", icmp(0, router), slow, false, probes.Unreachable, "10.0.0.1", false},
		"firewall on the way":                 {"192.0.2.53", icmp(13, router), 0, true, probes.Prohibited, "10.0.0.1", false},
		"nobody listens":                      {"192.0.2.53", icmp(3, netip.MustParseAddr("192.0.2.53")), 0, true, probes.Refused, "192.0.2.53", false},
		"nobody listens here":                 {"10.0.0.10", icmp(3, own), 0, true, probes.Refused, "10.0.0.10", false},
		"IPv6, nobody listens":                {"2001:db8::53", icmp6(4, "2001:db8::53"), 0, true, probes.Refused, "2001:db8::53", false},
		"IPv6, prohibited":                    {"2001:db8::53", icmp6(1, "2001:db8::1"), 0, true, probes.Prohibited, "2001:db8::1", false},
		"IPv6, no route":                      {"2001:db8::53", icmp6(0, "2001:db8::1"), 0, true, probes.Unreachable, "2001:db8::1", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &dnsWire{times: newDNSTimes(0), owns: func(a netip.Addr) bool { return a == own }}
			now := time.Now()
			x := &dnsExchange{wire: w, dnsAsk: dnsAsk{server: netip.AddrPortFrom(netip.MustParseAddr(tt.server), 53)},
				sent: []dnsSent{{at: now.Add(-tt.after)}}, endAt: now.Add(time.Second)}
			x.icmp(tt.err, now)
			if tt.again {
				x.retried = true
				x.icmp(tt.err, now)
			}
			got := x.end()
			sender := ""
			if got.sender.IsValid() {
				sender = got.sender.String()
			}
			if got.reason != tt.reason || sender != tt.sender || got.local != tt.local || tt.again != (x.final != nil) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
