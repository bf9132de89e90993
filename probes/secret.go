package probes

import (
	"net/url"
	"strings"
)

// ProxyURL is a proxy's address that may hold a password. Only Reveal shows it.
type ProxyURL string

// Reveal returns the address as configured, for dialing.
func (p ProxyURL) Reveal() string { return string(p) }

// String masks user and password.
func (p ProxyURL) String() string { return MaskURL(string(p)) }

// MarshalText masks user and password: no report can hold them.
func (p ProxyURL) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MaskURL replaces the user and password of a URL by "***".
func MaskURL(s string) string {
	if s == "" {
		return ""
	}
	head, rest := "", s
	if i := strings.Index(s, "://"); i >= 0 {
		head, rest = s[:i+3], s[i+3:]
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 && !strings.Contains(rest[i:], "@") {
		authority, tail = rest[:i], rest[i:]
	}
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		authority = "***@" + authority[i+1:]
	}
	if u, err := url.Parse(head + authority + tail); err == nil && u.RawQuery != "" {
		u.RawQuery = "***"
		return strings.ReplaceAll(u.String(), "%2A", "*")
	}
	return head + authority + tail
}
