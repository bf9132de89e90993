package platform

import (
	"errors"
	"net/netip"
	"os"
	"strings"
)

const (
	resolvConf = "/etc/resolv.conf"
	// resolvedUpstream lists the servers behind systemd-resolved's stub
	// (systemd-resolved.service(8)).
	resolvedUpstream  = "/run/systemd/resolve/resolv.conf"
	maxConfigBytes    = 64 << 10
	maxUpstreamServer = 16
)

// impliedServer is whom clients ask where resolv.conf names nobody: glibc and Go
// both turn to loopback (resolv.conf(5); net package, defaultNS).
var impliedServer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), dnsPort)

// readResolver fills f.Resolver.
func (m *machine) readResolver(f *Facts) {
	data, err := m.ReadFile(resolvConf, maxConfigBytes)
	r := parseResolvConf(data, maxServers)
	r.Source = resolvConf
	switch {
	case errors.Is(err, ErrTooLarge):
		r.Problem = "longer than 64 KiB: the rest was not read"
	case err != nil:
		r.Problem = "cannot be read: " + plainError(err)
		f.note(resolvConf, err)
	}
	if len(r.Servers) == 0 {
		r.Implied = true
		r.Servers = []netip.AddrPort{impliedServer}
		if r.Problem == "" {
			r.Problem = "names no nameserver"
		}
	}
	if len(r.Search) == 0 {
		r.Search = hostSearch()
	}
	for _, s := range r.Servers {
		if r.Implied || !s.Addr().IsLoopback() {
			continue
		}
		// 127.0.0.53 and .54 are systemd-resolved's; on any other loopback
		// address a cache such as dnsmasq or unbound stands, whose upstream its
		// own configuration knows.
		r.Stub = true
		if isResolvedStub(s.Addr()) {
			r.Upstream = m.upstream()
			break
		}
	}
	r.IgnoreHosts = m.ignoresHosts(f)
	f.Resolver = r
}

func isResolvedStub(a netip.Addr) bool {
	return a == netip.AddrFrom4([4]byte{127, 0, 0, 53}) || a == netip.AddrFrom4([4]byte{127, 0, 0, 54})
}

func (m *machine) upstream() []netip.AddrPort {
	data, err := m.ReadFile(resolvedUpstream, maxConfigBytes)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return nil
	}
	return parseResolvConf(data, maxUpstreamServer).Servers
}

// hostSearch is the search list of a resolv.conf without one: the domain of the
// host's own name (resolv.conf(5)).
func hostSearch() []string {
	name, err := os.Hostname()
	if err != nil {
		return nil
	}
	if _, domain, ok := strings.Cut(name, "."); ok {
		return searchList([]string{domain})
	}
	return nil
}

func (m *machine) ignoresHosts(f *Facts) bool {
	for _, name := range nsswitchFiles {
		data, err := m.ReadFile(name, maxConfigBytes)
		switch {
		case err == nil || errors.Is(err, ErrTooLarge):
			return ignoresHosts(data)
		case !errors.Is(err, os.ErrNotExist):
			f.note(name, err)
			return false
		}
	}
	return false
}

// nsswitchFiles: SUSE keeps the vendor's copy below /usr/etc.
var nsswitchFiles = [...]string{"/etc/nsswitch.conf", "/usr/etc/nsswitch.conf"}
