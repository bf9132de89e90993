package platform

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

// Routes of every kind, in a network namespace of the test's own.
func TestNetwork(t *testing.T) {
	facts := make(chan Facts)
	go func() {
		// The thread keeps the namespace and so ends with the goroutine.
		runtime.LockOSThread()
		defer close(facts)
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Logf("no network namespace: %v", err)
			return
		}
		if err := routes(); err != nil {
			t.Error(err)
			return
		}
		var f Facts
		readNetwork(&f)
		facts <- f
	}()
	f, ok := <-facts
	if !ok {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI runs this as root, for a network namespace")
		}
		t.SkipNow()
	}
	if len(f.Unreadable) > 0 {
		t.Errorf("unreadable %+v", f.Unreadable)
	}
	i := slices.IndexFunc(f.Interfaces, func(i Interface) bool { return i.Name == "t0" })
	if i < 0 || f.Interfaces[i].MTU != 1400 || !f.Interfaces[i].Up || f.Interfaces[i].MAC == "" ||
		!slices.Contains(f.Interfaces[i].Addrs, netip.MustParsePrefix("10.0.0.5/24")) ||
		!slices.Contains(f.Interfaces[i].Addrs, netip.MustParsePrefix("2001:db8::5/64")) {
		t.Errorf("interfaces %+v", f.Interfaces)
	}
	gw := netip.MustParseAddr
	for _, want := range []Route{
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: gw("10.0.0.1"), Dev: "t0", Kind: "unicast", Metric: 512},
		{Dst: netip.MustParsePrefix("10.0.0.0/24"), Dev: "t0", Kind: "unicast"},
		{Dst: netip.MustParsePrefix("10.1.0.0/16"), Kind: "blackhole"},
		{Dst: netip.MustParsePrefix("10.2.0.0/16"), Kind: "unreachable"},
		{Dst: netip.MustParsePrefix("10.3.0.0/16"), Kind: "prohibit"},
		{Dst: netip.MustParsePrefix("10.4.0.0/16"), Gateway: gw("10.0.0.1"), Dev: "t0", Kind: "unicast"},
		{Dst: netip.MustParsePrefix("10.4.0.0/16"), Gateway: gw("10.0.0.2"), Dev: "t0", Kind: "unicast"},
	} {
		if !slices.Contains(f.Routes, want) {
			t.Errorf("no %+v", want)
		}
	}
	if slices.ContainsFunc(f.Routes, func(r Route) bool { return r.Dst == netip.MustParsePrefix("10.5.0.0/16") }) {
		t.Error("a route of another table")
	}
	if !f.HasIPv4() || !f.HasGlobalIPv6() || !f.OwnsAddr(gw("10.0.0.5")) {
		t.Errorf("IPv4 %v, IPv6 %v", f.HasIPv4(), f.HasGlobalIPv6())
	}
}

func routes() error {
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "t0", MTU: 1400}, PeerName: "t1"}); err != nil {
		return err
	}
	var l netlink.Link
	for _, name := range []string{"t1", "t0"} {
		var err error
		if l, err = netlink.LinkByName(name); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(l); err != nil {
			return err
		}
	}
	for _, a := range []string{"10.0.0.5/24", "2001:db8::5/64"} {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		addr.Flags = syscall.IFA_F_NODAD
		if err := netlink.AddrAdd(l, addr); err != nil {
			return err
		}
	}
	dst := func(s string) *net.IPNet { _, n, _ := net.ParseCIDR(s); return n }
	index := l.Attrs().Index
	for _, r := range []netlink.Route{
		{Dst: dst("0.0.0.0/0"), Gw: net.ParseIP("10.0.0.1"), LinkIndex: index, Priority: 512},
		{Dst: dst("::/0"), Gw: net.ParseIP("2001:db8::1"), LinkIndex: index},
		{Dst: dst("10.1.0.0/16"), Type: syscall.RTN_BLACKHOLE},
		{Dst: dst("10.2.0.0/16"), Type: syscall.RTN_UNREACHABLE},
		{Dst: dst("10.3.0.0/16"), Type: syscall.RTN_PROHIBIT},
		{Dst: dst("10.4.0.0/16"), MultiPath: []*netlink.NexthopInfo{{Gw: net.ParseIP("10.0.0.1"), LinkIndex: index}, {Gw: net.ParseIP("10.0.0.2"), LinkIndex: index}}},
		{Dst: dst("10.5.0.0/16"), Gw: net.ParseIP("10.0.0.1"), LinkIndex: index, Table: 1000},
	} {
		if err := netlink.RouteAdd(&r); err != nil {
			return err
		}
	}
	return nil
}

// What is not a dump must not panic.
func TestParseRoutesOfJunk(t *testing.T) {
	dump, err := syscall.NetlinkRIB(syscall.RTM_GETROUTE, syscall.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	for i := range dump {
		junk := slices.Clone(dump)
		junk[i] ^= 0xff
		parseRoutes(junk, nil)
		parseRoutes(junk[:i], nil)
	}
	if got := nexthops([]byte{255, 255, 0, 0, 1, 0, 0, 0}, nil); got != nil {
		t.Errorf("got %+v", got)
	}
	if d := cmp.Diff("if7", devName(7, nil)); d != "" {
		t.Error(d)
	}
}
