package syntax

import "strings"

// EnvFile reads an EnvironmentFile= (systemd.exec(5)): one assignment a line,
// comments begin with # or ;, a value may be quoted, a backslash at the end of a
// line continues it.
func EnvFile(data []byte) map[string]string {
	env := map[string]string{}
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
		if ValidName(name) && !strings.ContainsRune(value, 0) {
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

// ValidName tells whether systemd takes a variable's name: letters, digits and
// underscores, no digit first.
func ValidName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 256
}
