package agentlog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine bounds a line in a report, in bytes.
const maxLine = 600

// secrets are what must never leave the log: users and passwords in URLs, access
// keys, session tokens, signatures of presigned URLs, authorization headers.
var secrets = []struct {
	re *expression
	by string
}{
	// The last "@" counts: a password may hold one that is not escaped.
	{expr(`(://)[^/\s"'<>]*@`), "${1}***@"},
	{expr(`(?i)((?:https?|all|ftp)_proxy\s*[:=]\s*"?)[^/\s"'@:]+:[^\s"']*@`), "${1}***@"},
	{expr(`\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]+`), "${1}***"},
	{expr(`(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s"'<>]*`), "${1}***"},
	{expr(`(?i)\b((?:AWSAccessKeyId|Signature|Expires)=)[^&\s"'<>]*`), "${1}***"},
	{expr(`(?i)((?:proxy-)?authorization["']?\s*[:=]\s*["']?)[^\n"']+`), "${1}***"},
	{expr(`(?i)((?:secret_?access_?key|session_?token|token_?value|activation_?code|security_?token|password|passwd|private_?key|access_?key_?id|x-aws-ec2-metadata-token|\btoken)["']?\s*[:=]\s*\[?["']?)[^\s"'&,}\]]+`), "${1}***"},
	// A session token by its look: long, base64, and nothing in the agent's
	// messages is like it. Paths and ARNs have "-", ":" or short parts.
	{expr(`[A-Za-z0-9+/]{120,}={0,2}`), "***"},
}

// mask takes the secrets out of a text.
func mask(s string) string {
	for _, m := range secrets {
		s = m.re.re().ReplaceAllString(s, m.by)
	}
	return s
}

// clean makes a text fit for a report: valid UTF-8, no control characters but
// ends of lines.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
}

// tidy is clean and masked, without blank lines.
func tidy(raw []byte) string {
	s := mask(clean(string(raw)))
	lines := strings.Split(s, "\n")
	kept := lines[:0]
	for _, l := range lines {
		if l = strings.TrimRight(l, " "); l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

// cut shortens a text to a number of bytes, at the end of a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	limit -= len(mark)
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + mark
}
