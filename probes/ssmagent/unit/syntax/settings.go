// Package syntax reads systemd's unit files and environment files.
package syntax

import (
	"bytes"
	"strings"
)

const (
	maxSettings = 4096      // that are kept of one file
	maxLine     = 256 << 10 // bytes of one continued line
)

// Setting is one line of a unit file.
type Setting struct{ Key, Value string }

// Settings reads the settings of one section of a unit file
// (systemd.syntax(7)): a backslash at the end continues a line, comments between
// the parts are left out.
func Settings(data []byte, section string) []Setting {
	var out []Setting
	inside := false
	joined := ""
	continued := false
	for raw := range bytes.Lines(data) {
		line := strings.TrimRight(string(raw), "\r\n")
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
			continue
		}
		if body, more := strings.CutSuffix(line, `\`); more && len(joined)+len(body) < maxLine {
			joined += body + " "
			continued = true
			continue
		}
		if continued {
			trimmed = strings.TrimSpace(joined + line)
			joined, continued = "", false
		}
		if strings.HasPrefix(trimmed, "[") && strings.HasSuffix(trimmed, "]") {
			inside = trimmed[1:len(trimmed)-1] == section
			continue
		}
		key, value, ok := strings.Cut(trimmed, "=")
		if !inside || !ok || len(out) == maxSettings {
			continue
		}
		out = append(out, Setting{strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	return out
}

// escapes of systemd.syntax(7) that stand for one character.
var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	'\\': '\\', '"': '"', '\'': '\'', 's': ' '}

// Words splits a value at blanks outside of quotes and takes quotes and
// escapes away. What follows a quote that is never closed is left out, as systemd
// ignores such an assignment.
func Words(s string) []string {
	var words []string
	var word strings.Builder
	started := false
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			if e, ok := escapes[s[i]]; ok {
				word.WriteByte(e)
			} else {
				word.WriteByte('\\')
				word.WriteByte(s[i])
			}
			started = true
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '"' || c == '\'':
			quote, started = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if started && quote == 0 {
		words = append(words, word.String())
	}
	return words
}
