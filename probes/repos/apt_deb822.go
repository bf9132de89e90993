package repos

import (
	"fmt"
	"maps"
	"strings"

	"agentctl/probes"
)

// deb822Options are a stanza's fields with the name of the same option in the
// one-line form (sources.list(5), "THE DEB AND DEB-SRC TYPES: OPTIONS"). Of
// those that hold a list, Architectures-Add is arch+ and -Remove is arch-. The
// page has a few more (Allow-Insecure, InRelease-Path) that apt up to 3.1 does
// not read in this form (sourcelist.cc, ParseStanza).
var deb822Options = []struct {
	field, option string
	list          bool
}{
	{"architectures", "arch", true}, {"languages", "lang", true}, {"targets", "target", true},
	{"trusted", "trusted", false}, {"signed-by", "signed-by", false},
	{"check-valid-until", "check-valid-until", false}, {"valid-until-min", "valid-until-min", false},
	{"valid-until-max", "valid-until-max", false}, {"check-date", "check-date", false},
	{"date-max-future", "date-max-future", false},
}

// debStanza is one block of a deb822 file. Field names are in lower case.
type debStanza struct {
	line   int
	fields map[string]string
}

// list is a field that holds words.
func (s debStanza) list(field string) []string { return strings.Fields(s.fields[field]) }

// parseDeb822 takes a file apart into stanzas as apt-pkg/tagfile.cc does: lines
// that begin with # vanish, also inside a field; a line that begins with a blank
// goes on with the field before it; an empty line ends a stanza. The error is
// apt's for text without any colon left.
func parseDeb822(file string, data []byte) (stanzas []debStanza, fault *probes.RepoProblem) {
	var lines []string
	var numbers []int
	for i, line := range strings.Split(string(data), "\n") {
		if i >= maxAptLines {
			fault = &probes.RepoProblem{File: file, Line: i + 1, Text: fmt.Sprintf("more than %d lines; agentctl does not read the rest", i)}
			break
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		if line = strings.TrimRight(line, "\r"); strings.Trim(line, "\r") == "" {
			line = ""
		}
		lines, numbers = append(lines, line), append(numbers, i+1)
	}
	for at := 0; at < len(lines); at++ {
		if lines[at] == "" {
			continue
		}
		end := at
		for end < len(lines) && lines[end] != "" {
			end++
		}
		s, ok := readStanza(lines[at:end])
		if !ok {
			return stanzas, aptFault(file, numbers[at], "Unable to parse package file %s (1)", file)
		}
		s.line, at = numbers[at], end
		if len(s.fields) == 0 { // blanks alone
			continue
		}
		if stanzas = append(stanzas, s); len(stanzas) > maxAptEntries {
			return stanzas, &probes.RepoProblem{File: file, Line: s.line, Text: fmt.Sprintf("more than %d stanzas; agentctl does not read the rest", maxAptEntries)}
		}
	}
	return stanzas, fault
}

// readStanza reads the fields of one stanza. A field without a colon swallows the
// next line's name, as with apt: neither is known then.
func readStanza(lines []string) (debStanza, bool) {
	s := debStanza{fields: map[string]string{}}
	name := ""
	var value, pending strings.Builder
	flush := func() {
		if name != "" {
			s.fields[name] = strings.TrimSpace(value.String())
		}
	}
	for _, line := range lines {
		if aptSpace(line[0]) {
			value.WriteString("\n" + line)
			continue
		}
		key, text, ok := strings.Cut(line, ":")
		if !ok {
			pending.WriteString(line + "\n")
			continue
		}
		flush()
		name = strings.ToLower(strings.TrimSpace(pending.String() + key))
		pending.Reset()
		value.Reset()
		value.WriteString(text)
	}
	flush()
	return s, pending.Len() == 0
}

// parseAptSources reads the deb822 form of sources.list(5). Like apt it stops at
// the first error and counts stanzas, not lines, in its message.
func parseAptSources(file string, data []byte, arch string) (entries []aptEntry, fault *probes.RepoProblem) {
	stanzas, fault := parseDeb822(file, data)
	for i, s := range stanzas {
		if _, ok := s.fields["types"]; !ok {
			return entries, aptFault(file, s.line, "Malformed stanza %d in source list %s (type)", i+1, file)
		}
		disabled := s.fields["enabled"] != "" && !aptBool(s.fields["enabled"], true)
		for _, typ := range s.list("types") {
			if !aptKind(typ) {
				return entries, aptFault(file, s.line, "Type '%s' is not known on stanza %d in source list %s", aptPrintable(typ), i+1, file)
			}
			more, what := s.entries(aptEntry{file: file, line: s.line, typ: typ, disabled: disabled}, arch, maxAptEntries-len(entries))
			if what != "" && !disabled { // a disabled stanza is not looked at
				return entries, aptFault(file, s.line, "Malformed entry %d in sources file %s (%s)", i+1, file, what)
			}
			entries = append(entries, more...)
		}
	}
	return entries, fault
}

// entries makes one entry for each URI and suite, and apt's word for a fault.
func (s debStanza) entries(e aptEntry, arch string, limit int) (entries []aptEntry, fault string) {
	e.options = s.options()
	e.components = s.list("components")
	uris, suites := s.list("uris"), s.list("suites")
	switch {
	case len(uris) == 0:
		return nil, "URI"
	case len(suites) == 0:
		return nil, "Suite"
	}
	for _, uri := range uris {
		var ok bool
		if e.uri, ok = fixupAptURI(uri, arch); !ok {
			return entries, "URI parse"
		}
		for _, suite := range suites {
			e.suite = strings.ReplaceAll(suite, "$(ARCH)", arch)
			flat := strings.HasSuffix(suite, "/")
			switch {
			case flat && len(e.components) > 0:
				return entries, "absolute Suite Component"
			case !flat && len(e.components) == 0:
				return entries, "Component"
			case len(entries) >= limit:
				return entries, ""
			}
			one := e
			one.options = maps.Clone(e.options)
			entries = append(entries, one)
		}
	}
	return entries, ""
}

// options are the stanza's fields by the names of the one-line form.
func (s debStanza) options() map[string]string {
	options := map[string]string{}
	for _, o := range deb822Options {
		for suffix, mark := range map[string]string{"": "", "-add": "+", "-remove": "-"} {
			value, ok := s.fields[o.field+suffix]
			switch {
			case !ok || suffix != "" && !o.list:
			case o.list:
				options[o.option+mark] = strings.Join(strings.Fields(value), ",")
			default:
				options[o.option] = value
			}
		}
	}
	return options
}
