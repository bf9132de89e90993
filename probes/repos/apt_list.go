package repos

import (
	"bytes"
	"fmt"
	"strings"

	"agentctl/probes"
)

// Bounds of what is read of apt's sources. A mirror list of a distribution has
// under 50 lines, the longest sources.list of a tool some hundreds.
const (
	maxAptFile    = 1 << 20
	maxAptFiles   = 500
	maxAptLines   = 20_000
	maxAptEntries = 5_000 // (URI, suite) pairs over all files
)

// aptEntry is one line of a .list file, or one type, URI and suite of a stanza.
type aptEntry struct {
	file       string
	line       int    // of the line, or of the stanza's first
	typ        string // deb, deb-src
	uri        aptURI // its path ends in a slash
	suite      string // ends in a slash: a flat repository
	components []string
	options    map[string]string // by the names of the one-line form
	disabled   bool              // Enabled: no
}

// aptFault makes the problem of a source file that stops apt-get update: after an
// error in any of them "The list of sources could not be read" (sourcelist.cc).
func aptFault(file string, line int, format string, args ...any) *probes.RepoProblem {
	return &probes.RepoProblem{File: file, Line: line, Text: fmt.Sprintf(format, args...), Fatal: true}
}

// aptKind tells whether apt knows a type of source.
func aptKind(typ string) bool { return typ == "deb" || typ == "deb-src" }

// parseAptList reads the one-line form of sources.list(5): type, options in
// brackets, URI, suite, components. Like apt it stops at the first error; what
// stands before is returned with it.
func parseAptList(file string, data []byte, arch string) (entries []aptEntry, fault *probes.RepoProblem) {
	number := 0
	for raw := range bytes.Lines(data) {
		if number++; number > maxAptLines || len(entries) >= maxAptEntries {
			return entries, &probes.RepoProblem{File: file, Line: number, Text: fmt.Sprintf("more than %d lines; agentctl does not read the rest", number-1)}
		}
		line := strings.Trim(cutAptComment(strings.TrimSuffix(string(raw), "\n")), " \t\r")
		if line == "" {
			continue
		}
		typ := line
		if at := strings.IndexAny(line, " \t\v"); at >= 0 {
			typ = line[:at]
		}
		if typ == "" || typ == line {
			return entries, aptFault(file, number, "Malformed line %d in source list %s (type)", number, file)
		}
		if !aptKind(typ) {
			return entries, aptFault(file, number, "Type '%s' is not known on line %d in source list %s", aptPrintable(typ), number, file)
		}
		e := aptEntry{file: file, line: number, typ: typ}
		if what := e.parseLine(line[len(typ):], arch); what != "" {
			return entries, aptFault(file, number, "Malformed entry %d in list file %s (%s)", number, file, what)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// cutAptComment drops a # and what follows it, unless it stands in brackets.
func cutAptComment(line string) string {
	open := 0
	for i := range len(line) {
		switch line[i] {
		case '[':
			open++
		case ']':
			open--
		case '#':
			if open <= 0 {
				return line[:i]
			}
		}
	}
	return line
}

// parseLine reads what follows the type and returns apt's word for what is wrong.
func (e *aptEntry) parseLine(s, arch string) string {
	s, _, _ = strings.Cut(s, "\x00") // a C string ends here
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	if strings.HasPrefix(s, "[") {
		var what string
		if s, what = e.parseOptions(s[1:]); what != "" {
			return what
		}
	}
	uri, s, ok := aptWord(s)
	if !ok {
		return "URI"
	}
	suite, s, ok := aptWord(s)
	if !ok {
		return "Suite"
	}
	if e.uri, ok = fixupAptURI(uri, arch); !ok {
		return "URI parse"
	}
	component, s, more := aptWord(s)
	e.suite = suite
	if strings.HasSuffix(suite, "/") {
		if more {
			return "absolute Suite Component"
		}
		e.suite = strings.ReplaceAll(suite, "$(ARCH)", arch)
		return ""
	}
	if !more {
		return "Component"
	}
	for more && len(e.components) < 100 {
		e.components = append(e.components, component)
		component, s, more = aptWord(s)
	}
	return ""
}

// parseOptions reads "name=value ... ]".
func (e *aptEntry) parseOptions(s string) (rest, fault string) {
	e.options = map[string]string{}
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	for !strings.HasPrefix(s, "]") {
		option, next, ok := aptWord(s)
		switch {
		case !ok:
			return s, "[option] unparsable"
		case len(option) < 3:
			return s, "[option] too short"
		}
		if trimmed, last := strings.CutSuffix(option, "]"); last {
			option = trimmed // no space before the end mark
			word := s[:len(s)-len(next)]
			next = s[max(0, strings.LastIndexByte(word, ']')):]
		}
		name, value, assigned := strings.Cut(option, "=")
		switch {
		case !assigned:
			return s, "[option] not assignment"
		case name == "":
			return s, "[option] no key"
		case value == "":
			return s, "[option] no value"
		}
		e.options[name] = value
		s = next
	}
	return strings.TrimLeft(s[1:], " \t\n\v\f\r"), ""
}

// fixupAptURI fills in $(ARCH) and sees to it that the path ends in a slash.
func fixupAptURI(s, arch string) (aptURI, bool) {
	if !strings.Contains(s, ":") {
		return aptURI{}, false
	}
	u := parseAptURI(strings.ReplaceAll(s, "$(ARCH)", arch))
	if !strings.HasSuffix(u.path, "/") {
		u.path += "/"
	}
	return u, true
}

// aptPrintable is a word for a message: short, and without control bytes.
func aptPrintable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return '?'
		}
		return r
	}, s)
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "?") + "..."
	}
	return s
}
