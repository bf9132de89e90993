package platform

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
)

// Bounds of the hosts file: lists that block advertising run to some 10,000
// lines; beyond these the rest is not read and Facts says so.
const (
	hostsFile     = "/etc/hosts"
	maxHostsBytes = 1 << 20
	maxHostsLines = 20_000
	maxHostNames  = 64 // of one line
)

// hostsMarks are comments by which a tool marks the entry below it.
var hostsMarks = [...]struct{ mark, vendor string }{
	// cloud-regionsrv-client (registerutils.add_hosts_entry) appends this comment,
	// a line with the update server's address and names, and where there is a
	// container registry a second line with the same address.
	{"# added by smt registration do not remove", "SUSE registration"},
}

// parseHosts reads hosts(5): an address, then names, "#" to the end of a line.
// Lines without address or name are passed over. cut tells that there were more
// lines than are kept.
func parseHosts(data []byte) (lines []HostsLine, cut bool) {
	number := 0
	vendor := ""         // of the block that we are in
	var block *HostsLine // its first entry
	for raw := range bytes.Lines(data) {
		if number++; number > maxHostsLines {
			return lines, true
		}
		text, comment, hasComment := strings.Cut(string(raw), "#")
		f := strings.Fields(text)
		if len(f) == 0 {
			switch {
			case hasComment:
				vendor, block = markedBy("#"+comment), nil
			case block != nil:
				vendor, block = "", nil // a blank line ends a block that has begun
			}
			continue
		}
		l, ok := hostsLine(f, number)
		if !ok {
			continue
		}
		if vendor != "" {
			// The first entry below the mark is the tool's; further ones only as
			// far as they repeat its address or a name, since owners add lines of
			// their own at the end of the file.
			switch {
			case block == nil:
				l.Vendor, block = vendor, &l
			case l.Addr == block.Addr || slices.ContainsFunc(l.Names, func(n string) bool { return slices.Contains(block.Names, n) }):
				l.Vendor = vendor
			default:
				vendor, block = "", nil
			}
		}
		lines = append(lines, l)
	}
	return lines, false
}

func hostsLine(f []string, number int) (HostsLine, bool) {
	a, err := netip.ParseAddr(f[0])
	if err != nil || len(f) < 2 {
		return HostsLine{}, false
	}
	names := make([]string, 0, min(len(f)-1, maxHostNames))
	for _, n := range f[1:] {
		n = strings.ToLower(strings.TrimSuffix(printable(n), "."))
		if n == "" || len(n) > 255 || len(names) == maxHostNames {
			continue
		}
		names = append(names, n)
	}
	return HostsLine{Addr: a, Names: names, Line: number}, len(names) > 0
}

// markedBy is the tool whose mark a comment is; "" for any other comment.
func markedBy(comment string) string {
	c := strings.ToLower(strings.Join(strings.Fields(comment), " "))
	for _, m := range hostsMarks {
		if strings.HasPrefix(c, m.mark) {
			return m.vendor
		}
	}
	return ""
}
