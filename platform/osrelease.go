package platform

import (
	"bytes"
	"strings"
)

// parseOSRelease reads os-release(5): shell assignments, one a line. Lines that
// are not assignments are passed over, and the last assignment of a name counts.
func parseOSRelease(data []byte) OS {
	var o OS
	for line := range bytes.Lines(data) {
		name, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		value = clip(printable(unquote(value)), 256)
		switch name {
		case "ID":
			o.ID = strings.ToLower(value)
		case "ID_LIKE":
			o.Like = strings.Fields(strings.ToLower(value))
		case "VERSION_ID":
			o.Version = value
		case "PRETTY_NAME":
			o.Name = value
		}
	}
	return o
}

// unquote undoes the shell quoting that os-release(5) allows: a pair of single
// or double quotes, and in the latter a backslash before $, ", \ and `.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != s[len(s)-1] {
		return s
	}
	switch s[0] {
	case '\'':
		return s[1 : len(s)-1]
	case '"':
		s = s[1 : len(s)-1]
		if !strings.Contains(s, `\`) {
			return s
		}
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$\"\\`", s[i+1]) >= 0 {
				i++
			}
			b.WriteByte(s[i])
		}
		return b.String()
	}
	return s
}

// printable drops control characters and bytes that are not UTF-8, so that a
// broken file cannot write to someone's terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
}

// clip cuts a string to at most n bytes, at the end of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
