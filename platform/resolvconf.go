package platform

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Limits that resolvers themselves have. glibc and Go use the first three
// nameservers; resolv.conf(5) caps ndots at 15.
const (
	maxServers      = 3
	maxNdots        = 15
	defaultTimeout  = 5 * time.Second
	defaultAttempts = 2
	// maxSearch is glibc's old limit times five: neither client has one today.
	maxSearch = 32
	dnsPort   = 53
)

// parseResolvConf reads resolv.conf(5) as Go's resolver does (net package,
// dnsReadConfig), which is the SSM Agent's, and names in Problem the lines that
// glibc understands otherwise. No server at all leaves Servers empty: the caller
// knows whether the file was there. limit is how many servers are kept.
func parseResolvConf(data []byte, limit int) Resolver {
	r := Resolver{Ndots: 1, Timeout: defaultTimeout, Attempts: defaultAttempts}
	number := 0
	for raw := range bytes.Lines(data) {
		number++
		line := strings.TrimRight(string(raw), "\r\n")
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		f := fields(line)
		if len(f) < 2 {
			if len(f) == 1 && f[0] == "search" {
				r.Search = nil
			}
			continue
		}
		switch f[0] {
		case "nameserver":
			r.addServer(f[1], number, limit)
		case "domain":
			r.Search = searchList(f[1:2])
		case "search":
			r.Search = searchList(f[1:])
		case "options":
			for _, o := range f[1:] {
				r.option(o)
			}
		}
	}
	return r
}

// addServer takes one nameserver line.
func (r *Resolver) addServer(word string, line, limit int) {
	a, err := netip.ParseAddr(word)
	if err != nil {
		// glibc cuts the word at '#' and ';' (res_init.c); Go does not.
		if i := strings.IndexAny(word, "#;"); i > 0 {
			if _, err := netip.ParseAddr(word[:i]); err == nil && r.Problem == "" {
				r.Problem = fmt.Sprintf("line %d: a comment right after the address: libc reads the nameserver, Go programs such as the SSM Agent do not", line)
			}
		}
		return
	}
	if len(r.Servers) < limit {
		r.Servers = append(r.Servers, netip.AddrPortFrom(a, dnsPort))
	}
}

// option takes one word of an options line, with the bounds that Go's resolver
// sets, and glibc's above them where Go has none (resolv.conf(5): timeout 30,
// attempts 5).
func (r *Resolver) option(o string) {
	switch name, value, _ := strings.Cut(o, ":"); name {
	case "ndots":
		r.Ndots = min(leadingInt(value), maxNdots)
	case "timeout":
		r.Timeout = time.Duration(min(max(leadingInt(value), 1), 30)) * time.Second
	case "attempts":
		r.Attempts = min(max(leadingInt(value), 1), 5)
	case "rotate":
		r.Rotate = true
	case "use-vc", "usevc", "tcp":
		r.UseTCP = true
	}
}

// searchList makes a search list of words, without root and trailing dots.
func searchList(words []string) []string {
	var out []string
	for _, w := range words {
		w = strings.TrimSuffix(printable(w), ".")
		if w == "" || len(w) > 255 || len(out) == maxSearch {
			continue
		}
		out = append(out, w)
	}
	return out
}

// leadingInt is the number that a string begins with; 0 where there is none.
func leadingInt(s string) int {
	n := 0
	for i := 0; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		if n = n*10 + int(s[i]-'0'); n > 1<<20 {
			return 1 << 20
		}
	}
	return n
}

// fields splits at blanks and tabs, as resolvers do; other white space is not
// a separator to them.
func fields(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' })
}
