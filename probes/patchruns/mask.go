package patchruns

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// secrets are what must not leave a run's output: users and passwords in addresses,
// access keys, tokens, the query of presigned addresses.
var secrets = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`(://)[^/\s"'<>]*@`), "${1}***@"},
	{regexp.MustCompile(`(https?://[^\s"'<>?]*\?)[^\s"'<>]+`), "${1}***"},
	{regexp.MustCompile(`\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]+`), "${1}***"},
	{regexp.MustCompile(`(?i)((?:secret_?access_?key|session_?token|security_?token|password|passwd|x-aws-ec2-metadata-token|authorization)["']?\s*[:=]\s*["']?)[^\s"',}\]]+`), "${1}***"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{120,}={0,2}`), "***"},
}

// tidy makes a part of an output fit for a report: masked, one line, without control
// characters, at most limit bytes.
func tidy(raw []byte, limit int) string {
	if len(raw) > 4*limit {
		raw = raw[:4*limit]
	}
	s := strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(raw), "\ufffd"))
	if mayHoldSecret(s) {
		for _, m := range secrets {
			s = m.re.ReplaceAllString(s, m.by)
		}
	}
	s = strings.TrimSpace(s)
	if len(s) <= limit {
		return s
	}
	n := limit - len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// mayHoldSecret spares short words the expressions.
func mayHoldSecret(s string) bool {
	return len(s) >= 16 && (len(s) >= 100 || strings.ContainsAny(s, ":=?@") || strings.Contains(s, "AKIA") || strings.Contains(s, "ASIA"))
}
