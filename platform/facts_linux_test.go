package platform

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var netipValues = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{})

func servers(list ...string) []netip.AddrPort {
	var out []netip.AddrPort
	for _, s := range list {
		out = append(out, netip.AddrPortFrom(netip.MustParseAddr(s), 53))
	}
	return out
}

func TestDistributions(t *testing.T) {
	const search = "eu-central-1.compute.internal"
	base := Resolver{Ndots: 1, Timeout: 5 * time.Second, Attempts: 2, Source: "/etc/resolv.conf"}
	tests := map[string]struct {
		os       OS
		resolver func(r *Resolver)
		hosts    []HostsLine
	}{
		"al2023": {
			OS{ID: "amzn", Like: []string{"fedora"}, Version: "2023", Name: "Amazon Linux 2023.9.20251117"},
			func(r *Resolver) { r.Servers, r.Search = servers("10.0.0.2"), []string{search} },
			[]HostsLine{
				{Addr: netip.MustParseAddr("127.0.0.1"), Names: []string{"localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4"}, Line: 1},
				{Addr: netip.MustParseAddr("::1"), Names: []string{"localhost6", "localhost6.localdomain6"}, Line: 2},
			},
		},
		"al2": {
			OS{ID: "amzn", Like: []string{"centos", "rhel", "fedora"}, Version: "2", Name: "Amazon Linux 2"},
			func(r *Resolver) {
				r.Servers, r.Search, r.Timeout, r.Attempts = servers("10.0.0.2"), []string{search}, 2*time.Second, 5
			},
			[]HostsLine{
				{Addr: netip.MustParseAddr("127.0.0.1"), Names: []string{"localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4"}, Line: 1},
				{Addr: netip.MustParseAddr("::1"), Names: []string{"localhost6", "localhost6.localdomain6"}, Line: 2},
			},
		},
		"rhel": {
			OS{ID: "rhel", Like: []string{"fedora"}, Version: "9.4", Name: "Red Hat Enterprise Linux 9.4 (Plow)"},
			func(r *Resolver) {
				r.Servers, r.Search = servers("10.10.0.10", "10.10.0.11", "fe80::1%eth0"), []string{"corp.example", search}
				r.Ndots, r.Rotate, r.UseTCP, r.IgnoreHosts = 2, true, true, true
			},
			[]HostsLine{
				{Addr: netip.MustParseAddr("127.0.0.1"), Names: []string{"localhost"}, Line: 1},
				{Addr: netip.MustParseAddr("10.1.2.3"), Names: []string{"ssm.eu-central-1.amazonaws.com", "ssm"}, Line: 2},
			},
		},
		"ubuntu": {
			OS{ID: "ubuntu", Like: []string{"debian"}, Version: "24.04", Name: "Ubuntu 24.04.1 LTS"},
			func(r *Resolver) {
				r.Servers, r.Search, r.Stub, r.Upstream = servers("127.0.0.53"), []string{search}, true, servers("10.0.0.2", "fd00:ec2::253")
			},
			[]HostsLine{
				{Addr: netip.MustParseAddr("127.0.0.1"), Names: []string{"localhost"}, Line: 1},
				{Addr: netip.MustParseAddr("::1"), Names: []string{"ip6-localhost", "ip6-loopback"}, Line: 4},
				{Addr: netip.MustParseAddr("ff02::1"), Names: []string{"ip6-allnodes"}, Line: 5},
			},
		},
		"debian": {
			OS{ID: "debian", Version: "12", Name: "Debian GNU/Linux 12 (bookworm)"},
			func(r *Resolver) { r.Servers, r.Search, r.Stub = servers("127.0.0.1"), []string{"ec2.internal"}, true },
			[]HostsLine{
				{Addr: netip.MustParseAddr("127.0.1.1"), Names: []string{"ip-10-0-0-5.ec2.internal", "ip-10-0-0-5"}, Line: 1},
				{Addr: netip.MustParseAddr("127.0.0.1"), Names: []string{"localhost"}, Line: 2},
			},
		},
		"sles": {
			OS{ID: "sles", Like: []string{"suse"}, Version: "15.6", Name: "SUSE Linux Enterprise Server 15 SP6"},
			func(r *Resolver) { r.Servers, r.Search = servers("10.0.0.2"), []string{search} },
			[]HostsLine{
				{Addr: netip.MustParseAddr("127.0.0.1"), Names: []string{"localhost"}, Line: 1},
				{Addr: netip.MustParseAddr("52.15.49.139"), Names: []string{"smt-ec2.susecloud.net", "smt-ec2"}, Line: 4, Vendor: "SUSE registration"},
				{Addr: netip.MustParseAddr("52.15.49.139"), Names: []string{"registry-ec2.susecloud.net"}, Line: 5, Vendor: "SUSE registration"},
				{Addr: netip.MustParseAddr("10.0.0.7"), Names: []string{"repo.corp.example"}, Line: 6},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := New(filepath.Join("testdata", name)).Facts()
			if f.OS.Family != "linux" || f.OS.Arch == "" || f.OS.Kernel == "" {
				t.Errorf("os %+v", f.OS)
			}
			f.OS.Family, f.OS.Arch, f.OS.Kernel = "", "", ""
			want := base
			tt.resolver(&want)
			for _, d := range []string{cmp.Diff(tt.os, f.OS), cmp.Diff(want, f.Resolver, netipValues), cmp.Diff(tt.hosts, f.Hosts, netipValues)} {
				if d != "" {
					t.Errorf("(-want +got)\n%s", d)
				}
			}
			if _, err := json.Marshal(f); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestProcesses(t *testing.T) {
	m := New("testdata/al2023")
	got := m.Facts().Processes
	slices.SortFunc(got, func(a, b Process) int { return a.PID - b.PID })
	at := func(ticks time.Duration) time.Time {
		return time.Unix(1763900000, 0).Add(ticks * 10 * time.Millisecond).UTC()
	}
	other := false
	want := []Process{
		{PID: 1, Comm: "systemd", State: "S", Start: at(10)},
		{PID: 842, PPID: 1, Comm: "amazon-ssm-agen", State: "S", Exe: "/usr/bin/amazon-ssm-agent", Args: []string{"/usr/bin/amazon-ssm-agent"}, Start: at(12345), NetShared: &other},
		{PID: 843, PPID: 842, Comm: "ssm-agent-worke", State: "Z", Start: at(12350)},
		{PID: 900, PPID: 1, Comm: "a) b (c ) ", State: "R", Start: at(99999)},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Process{}, "UID")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	env, err := m.ProcessEnv(842)
	if d := cmp.Diff(map[string]string{"PATH": "/usr/bin", "https_proxy": "http://10.0.0.9:3128", "EMPTY": ""}, env); d != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, d)
	}
	if _, err := m.ProcessEnv(1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestRealHost(t *testing.T) {
	f := New("").Facts()
	self := os.Getpid()
	i := slices.IndexFunc(f.Processes, func(p Process) bool { return p.PID == self })
	if i < 0 {
		t.Fatal("we are not in the process table")
	}
	p := f.Processes[i]
	if age := time.Since(p.Start); age < -2*time.Second || age > time.Hour || p.PPID != os.Getppid() || p.UID != os.Geteuid() {
		t.Errorf("got %+v", p)
	}
	lo := slices.IndexFunc(f.Interfaces, func(i Interface) bool { return i.Loopback })
	if lo < 0 || !slices.Contains(f.Interfaces[lo].Addrs, netip.MustParsePrefix("127.0.0.1/8")) {
		t.Errorf("interfaces %+v", f.Interfaces)
	}
	for _, r := range f.Routes {
		if !r.Dst.IsValid() || r.Kind == "" {
			t.Errorf("route %+v", r)
		}
	}
	if f.Privileged != (os.Geteuid() == 0) && os.Geteuid() == 0 {
		t.Error("root is not privileged")
	}
	withDetail := New("", WithProcessDetail(func(string) bool { return true })).Facts()
	i = slices.IndexFunc(withDetail.Processes, func(p Process) bool { return p.PID == self })
	if p := withDetail.Processes[i]; p.Exe == "" || len(p.Args) == 0 || p.NetShared == nil || !*p.NetShared {
		t.Errorf("got %+v", p)
	}
}

func TestBadInput(t *testing.T) {
	write := func(name, text string) func(t *testing.T, root string) {
		return func(t *testing.T, root string) { put(t, root, name, text) }
	}
	problem := func(want string) func(t *testing.T, f Facts) {
		return func(t *testing.T, f Facts) {
			r := f.Resolver
			if !r.Implied || !slices.Equal(r.Servers, servers("127.0.0.1")) || r.Stub || !strings.Contains(r.Problem, want) {
				t.Errorf("resolver %+v", r)
			}
		}
	}
	unreadable := func(what string, denied bool) func(t *testing.T, f Facts) {
		return func(t *testing.T, f Facts) {
			i := slices.IndexFunc(f.Unreadable, func(u Unreadable) bool { return u.What == what })
			if i < 0 || f.Unreadable[i].Denied != denied || f.Unreadable[i].Why == "" {
				t.Errorf("unreadable %+v", f.Unreadable)
			}
		}
	}
	tests := map[string]struct {
		make  func(t *testing.T, root string)
		check func(t *testing.T, f Facts)
	}{
		"no resolv.conf":    {func(*testing.T, string) {}, problem("no such file")},
		"empty resolv.conf": {write("etc/resolv.conf", "# nothing\nnameserver\nsearch\noptions\n"), problem("no nameserver")},
		"garbage":           {write("etc/resolv.conf", "\x00\x01\xffnameserver\n nameserver example.com\nnameserver 10.0.0\nNAMESERVER 10.0.0.2\n"), problem("no nameserver")},
		"huge resolv.conf":  {write("etc/resolv.conf", strings.Repeat("#", 1<<20)+"\nnameserver 10.0.0.2\n"), problem("64 KiB")},
		"directory":         {func(t *testing.T, root string) { mkdir(t, root, "etc/resolv.conf") }, problem("not a regular file")},
		"pipe": {func(t *testing.T, root string) {
			mkdir(t, root, "etc")
			fifo(t, filepath.Join(root, "etc/resolv.conf"))
		}, problem("not a regular file")},
		"link out of the root": {func(t *testing.T, root string) {
			put(t, filepath.Dir(root), "outside", "nameserver 10.6.6.6\n")
			link(t, root, "etc/resolv.conf", "../../outside")
		}, problem("no such file")},
		"absolute link inside": {func(t *testing.T, root string) {
			put(t, root, "run/x/resolv.conf", "nameserver 10.0.0.2\n")
			link(t, root, "run/y", "/run/x")
			link(t, root, "etc/resolv.conf", "/run/y/resolv.conf")
		}, func(t *testing.T, f Facts) {
			if !slices.Equal(f.Resolver.Servers, servers("10.0.0.2")) {
				t.Errorf("resolver %+v", f.Resolver)
			}
		}},
		"loop of links": {func(t *testing.T, root string) {
			link(t, root, "etc/resolv.conf", "b")
			link(t, root, "etc/b", "resolv.conf")
		}, problem("too many levels")},
		"comment after the address": {write("etc/resolv.conf", "nameserver 10.0.0.2#main\nnameserver 10.0.0.3 # second\n"), func(t *testing.T, f Facts) {
			if !slices.Equal(f.Resolver.Servers, servers("10.0.0.3")) || !strings.Contains(f.Resolver.Problem, "line 1") {
				t.Errorf("resolver %+v", f.Resolver)
			}
		}},
		"wild options": {write("etc/resolv.conf", "nameserver ::1\noptions ndots:99 timeout:0 attempts:99999999999999999999 rotate: nonsense ndots\n"), func(t *testing.T, f Facts) {
			r := f.Resolver
			if r.Ndots != 0 || r.Timeout != time.Second || r.Attempts != 5 || !r.Stub || r.Upstream != nil {
				t.Errorf("resolver %+v", r)
			}
		}},
		"10 MB of hosts": {write("etc/hosts", strings.Repeat("10.0.0.1 a.example\n", 10<<20/19)), func(t *testing.T, f Facts) {
			if len(f.Hosts) != maxHostsLines {
				t.Errorf("%d lines", len(f.Hosts))
			}
			unreadable("/etc/hosts", false)(t, f)
		}},
		"hosts without end": {write("etc/hosts", "10.0.0.1 a "+strings.Repeat("x", 2<<20)), func(t *testing.T, f Facts) {
			if len(f.Hosts) != 0 {
				t.Errorf("hosts %d", len(f.Hosts))
			}
			unreadable("/etc/hosts", false)(t, f)
		}},
		"strange hosts": {write("etc/hosts", "\x00\n10.0.0.1\nexample.com 10.0.0.1\n10.0.0.1 B\xC3\x9Ccher.example b\xff\x00c # d e\nfe80::1%eth0 x\n#10.0.0.2 y\n"), func(t *testing.T, f Facts) {
			if len(f.Hosts) != 2 || f.Hosts[0].Line != 4 || f.Hosts[0].Names[1] != "bc" || f.Hosts[1].Names[0] != "x" {
				t.Errorf("hosts %+v", f.Hosts)
			}
		}},
		"nothing at all": {func(*testing.T, string) {}, func(t *testing.T, f Facts) {
			unreadable("process table", false)(t, f)
			unreadable("/usr/lib/os-release", false)(t, f)
			if f.OS.ID != "linux" || f.Processes != nil {
				t.Errorf("os %+v", f.OS)
			}
		}},
		"nsswitch is a pipe": {func(t *testing.T, root string) {
			mkdir(t, root, "etc")
			fifo(t, filepath.Join(root, "etc/nsswitch.conf"))
		},
			unreadable("/etc/nsswitch.conf", false)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "root")
			mkdir(t, root, ".")
			tt.make(t, root)
			done := make(chan Facts, 1)
			go func() { done <- New(root).Facts() }()
			select {
			case f := <-done:
				tt.check(t, f)
			case <-time.After(10 * time.Second):
				t.Fatal("hangs")
			}
		})
	}
	t.Run("no such root", func(t *testing.T) {
		problem("no such file")(t, New(filepath.Join(t.TempDir(), "x")).Facts())
	})
}

func TestCapabilities(t *testing.T) {
	for text, want := range map[string]uint64{
		"Name:\tx\nCapEff:\t0000000000000004\n": 4, "CapEff:\tzz\n": 0, "": 0, "CapPrm:\t0000000000000004\n": 0,
	} {
		if got := capabilities([]byte(text)); got != want {
			t.Errorf("%q gives %d", text, got)
		}
	}
}

func BenchmarkFacts(b *testing.B) {
	m := New("")
	for b.Loop() {
		m.Facts()
	}
}

func mkdir(t testing.TB, root, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
		t.Fatal(err)
	}
}
