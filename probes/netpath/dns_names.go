package netpath

import (
	"net/netip"
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// Limits of names (RFC 1035 2.3.4) and of the search list, of which glibc took
// six before 2.26 and of which more only cost time.
const (
	maxNameLength  = 253 // without the root's dot
	maxLabelLength = 63
	maxSearch      = 6
)

// dnsCandidates are the names that a client asks for a host, in its order, fully
// qualified and in lower case.
type dnsCandidates struct {
	list     []string
	absolute int // index of the host's own name
}

// literal reads a host that is an address itself.
func literal(host string) (netip.Addr, bool) {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap(), err == nil
}

// candidates builds the list as libc and Go do: a name with at least ndots dots
// is asked as it is and then below each search domain, another the other way
// round, one with a trailing dot only as it is. It reports false for a host
// that is no domain name; names beyond ASCII must come in their xn-- form.
func candidates(host string, search []string, ndots int) (dnsCandidates, bool) {
	name, rooted := strings.CutSuffix(strings.ToLower(host), ".")
	if !domainName(name) {
		return dnsCandidates{}, false
	}
	if rooted {
		return dnsCandidates{list: []string{name + "."}}, true
	}
	var below []string
	for _, s := range search[:min(len(search), maxSearch)] {
		s = strings.ToLower(strings.Trim(s, "."))
		if full := name + "." + s; domainName(full) && !slices.Contains(below, full+".") {
			below = append(below, full+".")
		}
	}
	if strings.Count(name, ".") >= ndots {
		return dnsCandidates{list: append([]string{name + "."}, below...)}, true
	}
	return dnsCandidates{list: append(below, name+"."), absolute: len(below)}, true
}

// domainName tells whether a name can be asked: letters, digits, hyphens inside
// labels, and the underscores that some hosts have.
func domainName(name string) bool {
	if len(name) > maxNameLength {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabelLength || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			default:
				return false
			}
		}
	}
	return true
}

// pin fills in what the hosts file says of a host: the addresses of all lines
// that name it, in order. Vendor and line are those of the first line that no
// vendor manages, else of the first.
func pin(res *probes.NameResult, hosts []platform.HostsLine, host string) {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	own := false
	for _, l := range hosts {
		if !slices.Contains(l.Names, name) {
			continue
		}
		if len(res.Pinned) == 0 || l.Vendor == "" && !own {
			res.PinnedLine, res.PinVendor = l.Line, l.Vendor
		}
		own = own || l.Vendor == ""
		if !slices.Contains(res.Pinned, l.Addr) {
			res.Pinned = append(res.Pinned, l.Addr)
		}
	}
	res.Addrs = slices.Clone(res.Pinned)
}
