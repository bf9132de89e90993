package repos

import (
	"strconv"
	"strings"
)

// The words and addresses of apt's files, read as apt-pkg/contrib/strutl.cc of
// apt 2.6 reads them: its rules differ from net/url's and from a shell's, and
// what apt makes of a line is what counts here.

// aptSpace is C's isspace.
func aptSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// aptWord takes the next word off s: quotes and brackets hold a word together,
// %XX stands for a byte, quotes themselves vanish. It is false at the end of s
// and for a quote or bracket that is never closed.
func aptWord(s string) (word, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if s == "" {
		return "", s, false
	}
	end := 0
	for end < len(s) && !aptSpace(s[end]) {
		for _, pair := range [...]struct{ open, close byte }{{'"', '"'}, {'[', ']'}} {
			if end < len(s) && s[end] == pair.open {
				n := strings.IndexByte(s[end+1:], pair.close)
				if n < 0 {
					return "", s, false
				}
				end += n + 1
			}
		}
		end++
	}
	rest = s[end:]
	for rest != "" && aptSpace(rest[0]) {
		rest = rest[1:]
	}
	return dequote(s[:end]), rest, true
}

// dequote resolves %XX and drops quotes.
func dequote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, ok := hexByte(s[i:]); ok {
			b.WriteByte(c)
			i += 2
			continue
		}
		if s[i] != '"' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// hexByte reads a leading %XX.
func hexByte(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:3], 16, 8)
	return byte(n), err == nil
}

// percentDecode resolves %XX alone, as in the user and password of an address.
func percentDecode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, ok := hexByte(s[i:]); ok {
			b.WriteByte(c)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// percentEncode writes what apt would not send as it is, and the bytes of extra.
func percentEncode(s, extra string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '%' || strings.IndexByte(extra, c) >= 0 {
			b.WriteString("%" + string(digits[c>>4]) + string(digits[c&15]))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// aptURI is an address in the parts that apt knows.
type aptURI struct {
	access, user, password, host, path string
	port                               int // 0: none given
}

// parseAptURI never fails: what has no "//" has no host, as file:/srv.
func parseAptURI(s string) aptURI {
	u := aptURI{path: "/"}
	access, rest, found := strings.Cut(s, ":")
	u.access = access
	if !found {
		return u
	}
	if !strings.HasPrefix(rest, "//") {
		at := strings.IndexByte(rest, '/')
		if at < 0 {
			at = len(rest)
		}
		if at < len(rest) {
			u.path = rest[at:]
		}
		u.setAuthority(rest[:at])
		return u
	}
	rest = rest[2:]
	at, bracket := 0, false
	for at < len(rest) && (rest[at] != '/' || bracket) {
		switch {
		case rest[at] == '[':
			bracket = true
		case bracket && rest[at] == ']':
			bracket = false
		}
		at++
	}
	if at < len(rest) {
		u.path = rest[at:]
	}
	u.setAuthority(rest[:at])
	return u
}

// setAuthority takes user:password@[host]:port apart.
func (u *aptURI) setAuthority(s string) {
	if at := strings.LastIndexByte(s, '@'); at > 0 {
		user, password, _ := strings.Cut(s[:at], ":")
		u.user, u.password = percentDecode(user), percentDecode(password)
		s = s[at+1:]
	}
	portFrom := 0
	if open := strings.IndexByte(s, '['); open >= 0 {
		shut := strings.IndexByte(s[open:], ']')
		if shut < 0 {
			return // apt then has no host
		}
		s = s[:open] + s[open+1:open+shut] + s[open+shut+1:]
		portFrom = open + shut - 1
	}
	if colon := strings.LastIndexByte(s, ':'); colon >= portFrom && colon >= 0 {
		u.port = aptInt(s[colon+1:])
		s = s[:colon]
	}
	u.host = s
}

// aptInt is C's: leading digits, 0 where there are none.
func aptInt(s string) int {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	for end < len(s) && end < 9 && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(s[:end])
	if err != nil {
		return 0
	}
	return n
}

// site is host and port as they stand in an address.
func (u aptURI) site() string {
	host := u.host
	if strings.ContainsAny(host, "/:") {
		host = "[" + host + "]"
	}
	if u.port != 0 {
		host += ":" + strconv.Itoa(u.port)
	}
	return host
}

// String is the address without user and password.
func (u aptURI) String() string {
	path := u.path
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if u.host == "" {
		return u.access + ":" + path
	}
	return u.access + "://" + u.site() + path
}

// aptBool is apt's StringToBool: 0, 1, or the default for any other word.
func aptBool(s string, otherwise bool) bool {
	switch strings.ToLower(s) {
	case "0", "no", "false", "without", "off", "disable":
		return false
	case "1", "yes", "true", "with", "on", "enable":
		return true
	}
	return otherwise
}
