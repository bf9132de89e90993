package repos

import (
	"net/netip"
	"net/url"
	"strings"

	"agentctl/probes"
)

// proxyFor is the proxy that the package manager takes for an address: the
// repository's own, else the environment's, and none at all where no_proxy names
// the host (methods/http.cc; libcurl's url.c, create_conn). env tells that it is
// the environment's.
func (a *asking) proxyFor(address string) (proxy probes.ProxyURL, source string, env bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", false
	}
	e := a.in.Environment
	switch {
	case e != nil && !a.direct && spared(*e, a.repo.Manager, u.Hostname()):
		return "", "", false
	case a.repo.Proxy != "":
		return a.repo.Proxy, a.repo.ProxySource, false
	case a.direct, a.repo.NoProxy && a.repo.Manager != "dnf":
		// What dnf makes of proxy=_none_ is no proxy of its own, and libcurl then
		// takes the environment's; the others tell it to take none.
		return "", "", false
	case e != nil:
		proxy, source = environmentProxy(*e, a.repo.Manager, u.Scheme), e.Source
	case a.in.Proxy != nil:
		t := a.target(address)
		proxy, source = a.in.Proxy(t)
	}
	return proxy, source, proxy != ""
}

// environmentProxy is what a package manager reads. libcurl takes http_proxy in
// lower case alone, and nothing in place of https_proxy; apt takes lower case
// alone, and http_proxy where there is no https_proxy; zypper asks libproxy, which
// takes either case, and http_proxy likewise.
func environmentProxy(e probes.AgentProxy, manager, scheme string) probes.ProxyURL {
	if e.UpperHTTP && manager != "zypper" {
		e.HTTP = ""
	}
	if e.UpperHTTPS && manager == "apt" {
		e.HTTPS = ""
	}
	plain := manager == "apt" || manager == "zypper"
	if scheme != "https" || plain && e.HTTPS == "" {
		return e.HTTP
	}
	return e.HTTPS
}

// spared tells whether no_proxy names a host.
func spared(e probes.AgentProxy, manager, host string) bool {
	if manager != "apt" {
		return curlSpares(e.NoProxy, host)
	}
	if e.UpperNoProxy {
		return false
	}
	// The end of the name counts, whatever stands before it
	// (apt-pkg/contrib/strutl.cc, CheckDomainList).
	host = strings.ToLower(host)
	for _, word := range strings.Split(strings.ToLower(e.NoProxy), ",") {
		if word != "" && strings.HasSuffix(host, word) {
			return true
		}
	}
	return false
}

// curlSpares is libcurl's rule (noproxy.c): a name stands for itself and all
// below it, a dot in front does not matter, * alone is everything, and addresses
// may be given with the length of their prefix.
func curlSpares(list, host string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	addr, noAddr := netip.ParseAddr(host)
	for _, word := range strings.FieldsFunc(strings.ToLower(list), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }) {
		if noAddr == nil {
			if p, err := netip.ParsePrefix(word); word == host || err == nil && p.Contains(addr) {
				return true
			}
			continue
		}
		if word = strings.Trim(word, "."); word != "" && (host == word || strings.HasSuffix(host, "."+word)) {
			return true
		}
	}
	return false
}
