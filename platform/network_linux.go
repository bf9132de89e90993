package platform

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// The kernel's own view, by netlink (rtnetlink(7)), through the syscall package
// alone: github.com/vishvananda/netlink would add to the binary for two dumps.

// maxRoutes bounds the routes that are kept; a full Internet table has a million.
const maxRoutes = 4096

// Attributes of rtnetlink(7) that the syscall package does not name.
const rtaVia = 18 // RTA_VIA: a gateway of the other family

// routeKinds are the kinds that Route.Kind knows (rtm_type).
var routeKinds = map[uint8]string{
	syscall.RTN_UNICAST:     "unicast",
	syscall.RTN_BLACKHOLE:   "blackhole",
	syscall.RTN_UNREACHABLE: "unreachable",
	syscall.RTN_PROHIBIT:    "prohibit",
}

// readNetwork fills interfaces and routes of our own network namespace.
func readNetwork(f *Facts) {
	ifaces, err := net.Interfaces()
	if err != nil {
		f.note("network interfaces", err)
		return
	}
	names := make(map[int]string, len(ifaces))
	for _, i := range ifaces {
		names[i.Index] = i.Name
		f.Interfaces = append(f.Interfaces, Interface{
			Name: i.Name, Index: i.Index, MTU: i.MTU,
			Up: i.Flags&net.FlagUp != 0, Loopback: i.Flags&net.FlagLoopback != 0,
			MAC: i.HardwareAddr.String(),
		})
	}
	if err := readAddrs(f); err != nil {
		f.note("network addresses", err)
	}
	for _, family := range []int{syscall.AF_INET, syscall.AF_INET6} {
		dump, err := syscall.NetlinkRIB(syscall.RTM_GETROUTE, family)
		if err != nil {
			f.note("route table", err)
			continue
		}
		routes, err := parseRoutes(dump, names)
		if err != nil {
			f.note("route table", err)
		}
		f.Routes = append(f.Routes, routes...)
		if len(f.Routes) > maxRoutes {
			f.Routes = f.Routes[:maxRoutes]
			f.note("route table", ErrTooLarge)
			break
		}
	}
}

// readAddrs adds the addresses to the interfaces, by one dump for all: net's
// Interface.Addrs would dump the table anew for each of them.
func readAddrs(f *Facts) error {
	dump, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return err
	}
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg {
			continue
		}
		bits, index := int(m.Data[1]), int(binary.NativeEndian.Uint32(m.Data[4:8]))
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			continue
		}
		var address, local netip.Addr
		for _, a := range attrs {
			switch a.Attr.Type {
			case syscall.IFA_ADDRESS:
				address, _ = netip.AddrFromSlice(a.Value)
			case syscall.IFA_LOCAL:
				local, _ = netip.AddrFromSlice(a.Value)
			}
		}
		if local.IsValid() { // on point-to-point links IFA_ADDRESS is the peer's
			address = local
		}
		if p := netip.PrefixFrom(address, bits); p.IsValid() {
			for j := range f.Interfaces {
				if f.Interfaces[j].Index == index {
					f.Interfaces[j].Addrs = append(f.Interfaces[j].Addrs, p)
				}
			}
		}
	}
	return nil
}

// parseRoutes reads a dump of RTM_GETROUTE: the main table's entries of the
// kinds that Route knows.
func parseRoutes(dump []byte, names map[int]string) ([]Route, error) {
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return nil, fmt.Errorf("parse routes: %w", err)
	}
	var out []Route
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != syscall.RTM_NEWROUTE || len(m.Data) < syscall.SizeofRtMsg {
			continue
		}
		if out = append(out, routesOf(m, names)...); len(out) > maxRoutes {
			break
		}
	}
	return out, nil
}

// routesOf are the routes of one message: more than one for a multipath route.
func routesOf(m *syscall.NetlinkMessage, names map[int]string) []Route {
	family, bits, table, kind := m.Data[0], int(m.Data[1]), uint32(m.Data[4]), routeKinds[m.Data[7]]
	flags := binary.NativeEndian.Uint32(m.Data[8:12])
	if kind == "" || flags&syscall.RTM_F_CLONED != 0 {
		return nil
	}
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return nil
	}
	dst := netip.IPv4Unspecified()
	if family == syscall.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	r := Route{Kind: kind}
	var hops []Route
	for _, a := range attrs {
		switch a.Attr.Type {
		case syscall.RTA_DST:
			dst, _ = netip.AddrFromSlice(a.Value)
		case syscall.RTA_GATEWAY:
			r.Gateway, _ = netip.AddrFromSlice(a.Value)
		case rtaVia:
			r.Gateway = viaAddr(a.Value)
		case syscall.RTA_OIF:
			r.Dev = devName(nativeUint32(a.Value), names)
		case syscall.RTA_PRIORITY:
			r.Metric = int(nativeUint32(a.Value))
		case syscall.RTA_TABLE:
			table = nativeUint32(a.Value)
		case syscall.RTA_MULTIPATH:
			hops = nexthops(a.Value, names)
		}
	}
	r.Dst = netip.PrefixFrom(dst, bits)
	if table != syscall.RT_TABLE_MAIN || !r.Dst.IsValid() {
		return nil
	}
	if len(hops) == 0 {
		return []Route{r}
	}
	for i := range hops {
		hops[i].Dst, hops[i].Kind, hops[i].Metric = r.Dst, r.Kind, r.Metric
	}
	return hops
}

// nexthops reads an RTA_MULTIPATH attribute: struct rtnexthop with attributes.
func nexthops(b []byte, names map[int]string) []Route {
	var out []Route
	for len(b) >= syscall.SizeofRtNexthop {
		n := int(binary.NativeEndian.Uint16(b[0:2]))
		if n < syscall.SizeofRtNexthop || n > len(b) || len(out) == 64 {
			break
		}
		r := Route{Dev: devName(binary.NativeEndian.Uint32(b[4:8]), names)}
		for a := b[syscall.SizeofRtNexthop:n]; len(a) >= syscall.SizeofRtAttr; {
			l, t := int(binary.NativeEndian.Uint16(a[0:2])), binary.NativeEndian.Uint16(a[2:4])
			if l < syscall.SizeofRtAttr || l > len(a) {
				break
			}
			switch t {
			case syscall.RTA_GATEWAY:
				r.Gateway, _ = netip.AddrFromSlice(a[syscall.SizeofRtAttr:l])
			case rtaVia:
				r.Gateway = viaAddr(a[syscall.SizeofRtAttr:l])
			}
			a = a[min(align4(l), len(a)):]
		}
		out = append(out, r)
		b = b[min(align4(n), len(b)):]
	}
	return out
}

// viaAddr reads struct rtvia: a family, then an address.
func viaAddr(b []byte) netip.Addr {
	if len(b) < 2 {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(b[2:])
	return a
}

func devName(index uint32, names map[int]string) string {
	if n, ok := names[int(index)]; ok {
		return n
	}
	if index == 0 {
		return ""
	}
	return "if" + strconv.Itoa(int(index))
}

func nativeUint32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

func align4(n int) int { return (n + 3) &^ 3 }
