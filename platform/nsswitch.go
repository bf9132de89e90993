package platform

import (
	"bytes"
	"strings"
)

// ignoresHosts tells whether the hosts line of nsswitch.conf(5) leaves the hosts
// file out. A file without such a line leaves it in (Go's net package, and glibc's
// built-in default). Reading is no stricter than that of the clients: an unknown
// source is passed over, and "resolve" counts as files, because systemd-resolved
// reads /etc/hosts itself (nss-resolve(8), ReadEtcHosts=).
func ignoresHosts(data []byte) bool {
	ignored := false
	for raw := range bytes.Lines(data) {
		line, _, _ := strings.Cut(string(raw), "#")
		db, sources, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(db) != "hosts" {
			continue
		}
		named, files := 0, false
		for _, w := range strings.Fields(withoutActions(sources)) {
			named++
			files = files || w == "files" || w == "resolve"
		}
		ignored = named > 0 && !files
	}
	return ignored
}

// withoutActions puts a blank in place of each [STATUS=ACTION]; one that is not
// closed takes the rest of the line.
func withoutActions(s string) string {
	for {
		open := strings.IndexByte(s, '[')
		if open < 0 {
			return s
		}
		end := strings.IndexByte(s[open:], ']')
		if end < 0 {
			return s[:open]
		}
		s = s[:open] + " " + s[open+end+1:]
	}
}
