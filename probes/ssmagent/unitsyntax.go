package ssmagent

import (
	"bytes"
	"strings"
)

// maxSettings bounds the lines of a unit file that are kept.
const maxSettings = 4096

// setting is one line of a unit file.
type setting struct{ key, value string }

// unitSettings reads the settings of one section of a unit file
// (systemd.syntax(7)): a backslash at the end continues a line, comments between
// the parts are left out.
func unitSettings(data []byte, section string) []setting {
	var out []setting
	inside := false
	joined := ""
	continued := false
	for raw := range bytes.Lines(data) {
		line := strings.TrimRight(string(raw), "\r\n")
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
			continue
		}
		if body, more := strings.CutSuffix(line, `\`); more && len(joined)+len(body) < maxUnitBytes {
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
		out = append(out, setting{strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	return out
}

// escapes of systemd.syntax(7) that stand for one character.
var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	'\\': '\\', '"': '"', '\'': '\'', 's': ' '}

// splitWords splits a value at blanks outside of quotes and takes quotes and
// escapes away. What follows a quote that is never closed is left out, as systemd
// ignores such an assignment.
func splitWords(s string) []string {
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

// parseEnvFile reads an EnvironmentFile= (systemd.exec(5)): one assignment a line,
// comments begin with # or ;, a value may be quoted, a backslash at the end of a
// line continues it.
func parseEnvFile(data []byte) environment {
	env := environment{}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	for len(text) > 0 && len(env) < maxSettings {
		text = strings.TrimLeft(text, " \t\n")
		if text == "" {
			break
		}
		if text[0] == '#' || text[0] == ';' {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		end := strings.IndexAny(text, "=\n")
		if end < 0 {
			break
		}
		if text[end] == '\n' { // no assignment
			text = text[end+1:]
			continue
		}
		name := strings.TrimSpace(text[:end])
		var value string
		value, text = envValue(text[end+1:])
		if validName(name) && !strings.ContainsRune(value, 0) {
			env[name] = value
		}
	}
	return env
}

// envValue reads a value up to the end of its line and returns the rest.
func envValue(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t")
	var out strings.Builder
	keep := 0 // how much of out is not trailing white space
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			if s[i] == '\n' {
				continue // the line goes on
			}
			// Within double quotes only these are escapes, as in a shell.
			if quote == '"' && !strings.ContainsRune("\"\\`$", rune(s[i])) {
				out.WriteByte('\\')
			}
			out.WriteByte(s[i])
			keep = out.Len()
		case quote != 0 && c == quote:
			quote = 0
			keep = out.Len()
		case quote == 0 && (c == '"' || c == '\'') && keep == 0 && out.Len() == 0:
			quote = c
		case quote == 0 && c == '\n':
			return out.String()[:keep], s[i+1:]
		default:
			out.WriteByte(c)
			if quote != 0 || c != ' ' && c != '\t' {
				keep = out.Len()
			}
		}
	}
	if quote != 0 {
		return "", ""
	}
	return out.String()[:keep], ""
}
