package platform

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"
)

// readNetwork fills interfaces, their addresses and the nameservers by
// GetAdaptersAddresses. Windows asks the servers of each adapter; the order here
// is that of the adapters.
func readNetwork(f *Facts) {
	ifaces, err := net.Interfaces()
	if err != nil {
		f.note("network interfaces", err)
		return
	}
	for _, i := range ifaces {
		it := Interface{
			Name: i.Name, Index: i.Index, MTU: i.MTU,
			Up: i.Flags&net.FlagUp != 0, Loopback: i.Flags&net.FlagLoopback != 0,
			MAC: i.HardwareAddr.String(),
		}
		addrs, err := i.Addrs()
		if err != nil {
			f.note("addresses of "+i.Name, err)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				it.Addrs = append(it.Addrs, p)
			}
		}
		f.Interfaces = append(f.Interfaces, it)
	}
	servers, err := nameservers()
	if err != nil {
		f.note("nameservers", err)
		return
	}
	f.Resolver.Servers = servers
	if len(servers) == 0 {
		f.Resolver.Problem = "no adapter has a nameserver"
	}
}

// nameservers are those of the adapters that are up, without the site-local ones
// that Windows invents for IPv6 (fec0:0:0:ffff::1 to 3).
func nameservers() ([]netip.AddrPort, error) {
	size := uint32(16 << 10)
	for range 4 {
		buf := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0])) //nolint:gosec // the structure that the API fills lies in the buffer
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC,
			windows.GAA_FLAG_SKIP_ANYCAST|windows.GAA_FLAG_SKIP_MULTICAST, 0, first, &size)
		if errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("GetAdaptersAddresses: %w", err)
		}
		var out []netip.AddrPort
		for a := first; a != nil; a = a.Next {
			if a.OperStatus != windows.IfOperStatusUp {
				continue
			}
			for d := a.FirstDnsServerAddress; d != nil; d = d.Next {
				addr, ok := netip.AddrFromSlice(d.Address.IP())
				if !ok || siteLocal.Contains(addr) || len(out) == maxWindowsServers {
					continue
				}
				out = append(out, netip.AddrPortFrom(addr.Unmap(), dnsPort))
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("GetAdaptersAddresses: %w", windows.ERROR_BUFFER_OVERFLOW)
}

const maxWindowsServers = 16

var siteLocal = netip.MustParsePrefix("fec0::/10")

// systemStore stands for the machine's store.
func systemStore() (TrustStore, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return TrustStore{}, fmt.Errorf("load the certificate store: %w", err)
	}
	return TrustStore{Pool: pool, Files: []string{"the system's certificate store"}}, nil
}
