package repos

import (
	"slices"
	"strings"
)

// syntax is how a package manager writes variables.
type syntax int

const (
	// syntaxYum: $name and ${name}, in any case (yum/parser.py, varReplace).
	syntaxYum syntax = iota
	// syntaxPlain: $name and ${name} (libdnf up to 0.71).
	syntaxPlain
	// syntaxShell: ${name:-word} and ${name:+word} too, and a backslash that
	// quotes (libdnf from 0.72, which dnf 4.18 came with; dnf5).
	syntaxShell
)

// maxDepth bounds words within words (MAXIMUM_EXPRESSION_DEPTH of libdnf).
const maxDepth = 32

// maxExpanded bounds what variables may make of one value, in bytes.
const maxExpanded = 64 << 10

// stepsPerByte bounds the work on one value: what is right takes one step for each
// byte and level, and an unknown operator within another makes libdnf look at the
// same text again, and that within it four times, and so on.
const stepsPerByte = 2 * maxDepth

// variables are names with their values.
type variables struct {
	values map[string]string
	syntax syntax
}

// get looks a variable up. The parts of releasever are made on the way.
func (v *variables) get(name string) (string, bool) {
	if v.syntax == syntaxYum {
		name = strings.ToLower(name)
	}
	value, ok := v.values[name]
	if ok || v.syntax != syntaxShell {
		return value, ok
	}
	release, known := v.values["releasever"]
	if !known {
		return "", false
	}
	major, minor, _ := strings.Cut(release, ".")
	switch name {
	case "releasever_major":
		return major, true
	case "releasever_minor":
		return minor, true
	}
	return "", false
}

// expand fills the variables in. One without a value stays as it stands.
func (v *variables) expand(s string) string {
	if !strings.ContainsAny(s, "$\\") {
		return s
	}
	if v.syntax == syntaxShell {
		x := expansion{v, stepsPerByte * (len(s) + 1)}
		out, _, _ := x.shell(s, 0)
		return out
	}
	return v.plain(s)
}

// expansion is one value under way.
type expansion struct {
	*variables
	left int // steps
}

// plain replaces $name and ${name} from left to right; a value is not looked at
// again.
func (v *variables) plain(s string) string {
	var out strings.Builder
	for s != "" && out.Len() < maxExpanded {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			break
		}
		out.WriteString(s[:i])
		s = s[i:]
		name, width := variable(s)
		value, ok := "", false
		if width > 0 {
			value, ok = v.get(name)
		}
		if !ok {
			width = max(width, 1)
			value = s[:width]
		}
		out.WriteString(value)
		s = s[width:]
	}
	return out.String() + s
}

// variable returns the name that a leading $name or ${name} gives, and its
// width; 0: there is none.
func variable(s string) (name string, width int) {
	body, brace := s[1:], 0
	if strings.HasPrefix(body, "{") {
		body, brace = body[1:], 1
	}
	n := nameLen(body)
	if n == 0 || brace == 1 && !strings.HasPrefix(body[n:], "}") {
		return "", 0
	}
	return body[:n], 1 + n + 2*brace
}

func nameLen(s string) int {
	n := 0
	for n < len(s) && nameByte(s[n]) {
		n++
	}
	return n
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// shell is libdnf's substitute_expression. At a depth above 0 it ends at the
// closing brace. It returns the text, how many bytes of s it took, and whether
// it found that brace.
func (x *expansion) shell(s string, depth int) (out string, taken int, closed bool) {
	if depth > maxDepth || x.left <= 0 {
		return s, len(s), false
	}
	var b strings.Builder
	pos := 0
	keep := func(n int) {
		b.WriteString(s[pos : pos+n])
		pos += n
	}
	for pos < len(s) && b.Len() < maxExpanded && x.left > 0 {
		x.left--
		switch c := s[pos]; {
		case c == '}' && depth > 0:
			return b.String(), pos, true
		case c == '\\' && pos+1 < len(s):
			pos++
			keep(1)
		case c != '$':
			keep(1)
		default:
			value, width, ok := x.expression(s[pos:], depth)
			if width == 0 { // the text ends within it: no further look
				keep(len(s) - pos)
			} else if !ok {
				keep(width)
			} else {
				b.WriteString(value)
				pos += width
			}
		}
	}
	if depth > 0 {
		return s, len(s), false
	}
	b.WriteString(s[pos:])
	return b.String(), len(s), false
}

// expression reads the expression that s begins with. ok: value stands for its
// width bytes; else they stay. A width of 0: the text ends too early.
func (x *expansion) expression(s string, depth int) (value string, width int, ok bool) {
	if len(s) < 2 {
		return "", 0, false
	}
	if s[1] != '{' {
		n := 1 + nameLen(s[1:])
		value, ok = x.get(s[1:n])
		return value, n, ok
	}
	after := 2 + nameLen(s[2:])
	if after >= len(s) {
		return "", 0, false
	}
	value, ok = x.get(s[2:after])
	switch {
	case s[after] == '}':
		return value, after + 1, ok
	case s[after] != ':':
		return "", after, false
	case after+2 >= len(s):
		return "", 0, false
	}
	word, taken, closed := x.shell(s[after+2:], depth+1)
	end := after + 2 + taken
	if !closed {
		return "", 0, false
	}
	switch s[after+1] {
	case '-':
		if value == "" {
			value = word
		}
	case '+':
		if value != "" {
			value = word
		}
	default: // an unknown operator stays
		return "", after + 1, false
	}
	return value, end + 1, true
}

// unset lists the variables that are left in a text.
func unset(s string) []string {
	var names []string
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			return names
		}
		s = s[i+1:]
		body := strings.TrimPrefix(s, "{")
		if n := nameLen(body); n > 0 && !slices.Contains(names, body[:n]) {
			names = append(names, body[:n])
		}
	}
}
