package repos

import (
	"bytes"
	"slices"
	"strings"

	"agentctl/probes"
)

// maxAptMirrors is how many mirrors are kept of a list.
const maxAptMirrors = 200

// AptMirrors reads a list for apt's mirror transport: one address a line, best
// followed by a tab and tags such as priority:1 (apt-transport-mirror(1)). They
// come in the order in which apt may use them; within one priority apt picks at
// random. Online tells that the list came over the network: it may then name
// only network addresses.
func AptMirrors(data []byte, online bool) []string {
	type mirror struct {
		url      string
		priority int
	}
	var mirrors []mirror
	for raw := range bytes.Lines(data) {
		line := strings.TrimRight(string(raw), "\r\n")
		if line == "" || line[0] == '#' || len(mirrors) >= maxAptMirrors {
			continue
		}
		url, tags, _ := strings.Cut(line, "\t")
		m := mirror{url, 1 << 30}
		for _, tag := range strings.Fields(tags) {
			if p, ok := strings.CutPrefix(tag, "priority:"); ok {
				m.priority = aptInt(p)
			}
		}
		u := parseAptURI(url)
		if online && (u.access != "http" && u.access != "https") || !strings.Contains(url, ":") {
			continue
		}
		if !strings.HasSuffix(m.url, "/") {
			m.url += "/"
		}
		mirrors = append(mirrors, m)
	}
	slices.SortStableFunc(mirrors, func(a, b mirror) int { return a.priority - b.priority })
	urls := make([]string, len(mirrors))
	for i, m := range mirrors {
		urls[i] = m.url
	}
	return urls
}

// mirror fills in a repository that lies behind a list of mirrors.
func (b *aptBuilder) mirror(repo *probes.Repo, list aptURI) {
	switch list.access {
	case "http", "https":
		repo.MirrorList = list.String()
		b.transport(repo, list)
	case "file", "copy":
		data, ok := b.reader.read(list.path)
		if !ok {
			if !slices.Contains(b.reader.denied, list.path) {
				repo.Problem = "the list of mirrors " + aptPrintable(list.path) + " cannot be read"
			}
			return
		}
		for _, m := range AptMirrors(data, false) {
			repo.Base = append(repo.Base, parseAptURI(m).String())
		}
		if len(repo.Base) == 0 {
			repo.Problem = "the list of mirrors " + aptPrintable(list.path) + " names none"
			return
		}
		first := parseAptURI(repo.Base[0])
		if first.access == "http" || first.access == "https" {
			b.transport(repo, first)
		}
	default:
		repo.Unprobed = "its list of mirrors comes by a transport of its own (" + aptPrintable(list.access) + ":)"
	}
}
