package netpath

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/probes"
)

func TestDNSCandidates(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a.", 120) + "example"
	tests := map[string]struct {
		host     string
		search   []string
		ndots    int
		want     string
		absolute int
	}{
		"enough dots, no search":      {"ssm.example", nil, 1, "ssm.example.", 0},
		"enough dots":                 {"Ssm.Example", []string{"corp.test"}, 1, "ssm.example. ssm.example.corp.test.", 0},
		"exactly ndots":               {"a.b.c", []string{"corp.test"}, 2, "a.b.c. a.b.c.corp.test.", 0},
		"too few dots":                {"ssm.example", []string{"corp.test", "Test."}, 5, "ssm.example.corp.test. ssm.example.test. ssm.example.", 2},
		"no dots":                     {"wsus", []string{"corp.test"}, 1, "wsus.corp.test. wsus.", 1},
		"ndots zero":                  {"wsus", []string{"corp.test"}, 0, "wsus. wsus.corp.test.", 0},
		"trailing dot":                {"wsus.", []string{"corp.test"}, 1, "wsus.", 0},
		"root as search domain":       {"ssm.example", []string{"."}, 1, "ssm.example.", 0},
		"search domain that is none":  {"ssm.example", []string{"käse", ""}, 1, "ssm.example.", 0},
		"the same domain twice":       {"a", []string{"x", "x"}, 1, "a.x. a.", 1},
		"more domains than are used":  {"a", strings.Fields("b c d e f g h i"), 1, "a.b. a.c. a.d. a.e. a.f. a.g. a.", 6},
		"too long with search domain": {long, []string{"corporation.test"}, 1, long + ".", 0},
		"underscore":                  {"_x.example", nil, 1, "_x.example.", 0},
		"international name, encoded": {"xn--kse-qla.example", nil, 1, "xn--kse-qla.example.", 0},
		"international name":          {"käse.example", nil, 1, "", 0},
		"empty":                       {"", nil, 1, "", 0},
		"root":                        {".", nil, 1, "", 0},
		"empty label":                 {"a..b", nil, 1, "", 0},
		"leading dot":                 {".a", nil, 1, "", 0},
		"hyphen first":                {"-a.b", nil, 1, "", 0},
		"hyphen last":                 {"a-.b", nil, 1, "", 0},
		"space":                       {"a b", nil, 1, "", 0},
		"control character":           {"a\x00b", nil, 1, "", 0},
		"long label":                  {strings.Repeat("a", 64) + ".b", nil, 1, "", 0},
		"long name":                   {strings.Repeat("a.", 127) + "b", nil, 1, "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := candidates(tt.host, tt.search, tt.ndots)
			if strings.Join(got.list, " ") != tt.want || got.absolute != tt.absolute || ok != (tt.want != "") {
				t.Errorf("got %q, absolute %d, %v; want %q, %d", got.list, got.absolute, ok, tt.want, tt.absolute)
			}
		})
	}
}

func TestDNSPin(t *testing.T) {
	t.Parallel()
	line := func(n int, addr, vendor string, names ...string) platform.HostsLine {
		return platform.HostsLine{Addr: netip.MustParseAddr(addr), Names: names, Line: n, Vendor: vendor}
	}
	hosts := []platform.HostsLine{
		line(1, "127.0.0.1", "", "localhost"),
		line(4, "192.0.2.4", "suse", "smt.example", "smt"),
		line(5, "192.0.2.5", "", "SMT.example", "smt.example"),
		line(6, "192.0.2.6", "", "smt.example"),
		line(7, "192.0.2.6", "", "smt.example"),
		line(9, "192.0.2.9", "suse", "registry.example"),
	}
	tests := map[string]struct {
		host   string
		addrs  string
		line   int
		vendor string
	}{
		"not there":             {"ssm.example", "", 0, ""},
		"all lines, own first":  {"Smt.Example.", "192.0.2.4 192.0.2.5 192.0.2.6", 5, ""},
		"alias":                 {"smt", "192.0.2.4", 4, "suse"},
		"managed by the vendor": {"registry.example", "192.0.2.9", 9, "suse"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r probes.NameResult
			pin(&r, hosts, tt.host)
			got := []any{strings.Join(addrStrings(r.Pinned), " "), r.PinnedLine, r.PinVendor}
			if diff := cmp.Diff([]any{tt.addrs, tt.line, tt.vendor}, got); diff != "" {
				t.Error(diff)
			}
			if !slices.Equal(r.Pinned, r.Addrs) {
				t.Errorf("pinned %v, addresses %v", r.Pinned, r.Addrs)
			}
		})
	}
}

func TestDNSNothingToAsk(t *testing.T) {
	t.Parallel()
	f := newFakeResolver(t, false, gives("10.0.0.1"))
	tests := map[string]struct {
		host   string
		reason probes.Reason
		addr   string
	}{
		"IPv4 address":          {"192.0.2.1", probes.OK, "192.0.2.1"},
		"IPv6 address":          {"2600:1f18::1", probes.OK, "2600:1f18::1"},
		"IPv6 in brackets":      {"[2600:1f18::1]", probes.OK, "2600:1f18::1"},
		"IPv4 in IPv6":          {"::ffff:192.0.2.1", probes.OK, "192.0.2.1"},
		"no domain name":        {"a..b", probes.Malformed, ""},
		"empty":                 {"", probes.Malformed, ""},
		"only brackets":         {"[]", probes.Malformed, ""},
		"beyond ASCII":          {"bücher.example", probes.Malformed, ""},
		"invalid UTF-8":         {"a\xff.example", probes.Malformed, ""},
		"backslash and control": {"a\\.b\n", probes.Malformed, ""},
	}
	d := testDNS(t, f, nil, f.addr)
	for name, tt := range tests {
		r := d.Lookup(t.Context(), tt.host, probes.ClientAgent)
		if r.Reason != tt.reason || strings.Join(addrStrings(r.Addrs), " ") != tt.addr || len(r.Answers) != 0 || r.By.IsValid() {
			t.Errorf("%s: %+v", name, r)
		}
		if again, ok := d.Final(tt.host, probes.ClientAgent); !ok || !cmp.Equal(again, r, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })) {
			t.Errorf("%s: Final %+v, Lookup %+v", name, again, r)
		}
	}
	if n := f.queries(""); n != 0 {
		t.Errorf("%d queries sent", n)
	}
}
