package repos

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// Bounds of what is read of zypp's files; a machine with twenty products has
// some 80 repositories in files of under 2 KB.
const (
	maxZyppFile  = 1 << 20
	maxZyppLines = 20_000
	maxZyppFiles = 500
	maxZyppRepos = 2_000
)

// zyppSection is one [section]. Of a key that comes twice the last value counts;
// values of the four keys that hold addresses are kept together.
type zyppSection struct {
	name   string
	line   int
	values map[string]string
	urls   map[string][]string
}

// zyppURLKeys may come more than once and go on over lines.
var zyppURLKeys = map[string]bool{"baseurl": true, "gpgkey": true, "mirrorlist": true, "metalink": true}

// parseZyppINI reads a file as zypp/parser/IniParser.cc and RepoFileReader.cc do.
// A key may not hold any of :/?|,\ — such a line, and one without "=", belongs to
// the addresses above it. Anywhere else it is garbage, and zypper then stops with
// "Unexpected exception": the fault. Sections of the same name are one.
func parseZyppINI(data []byte) (sections []*zyppSection, line int, fault string) {
	// What stands before any section is one without a name.
	at, multi := &zyppSection{values: map[string]string{}, urls: map[string][]string{}}, ""
	byName := map[string]*zyppSection{"": at}
	sections = append(sections, at)
	open := func(name string) *zyppSection {
		s := byName[name]
		if s == nil {
			s = &zyppSection{name: name, line: line, values: map[string]string{}, urls: map[string][]string{}}
			byName[name] = s
			sections = append(sections, s)
		}
		return s
	}
	for raw := range bytes.Lines(data) {
		if line++; line > maxZyppLines || len(sections) > maxZyppRepos {
			return sections, line, ""
		}
		text := strings.Trim(string(raw), " \t\n") // and not \r: zypp stops at files from Windows
		if text == "" || text[0] == ';' || text[0] == '#' {
			continue
		}
		if end := strings.LastIndexByte(text, ']'); text[0] == '[' && end > 0 {
			at = open(text[1:end])
			continue
		}
		key, value, ok := strings.Cut(text, "=")
		if text[0] == '[' || !ok || strings.ContainsAny(key, `:/?|,\`) {
			if multi == "" {
				return sections, line, fmt.Sprintf("Section [%s]: Line %d contains garbage (no '=' or ':/?|,\\' in key)", aptPrintable(at.name), line)
			}
			at.addURLs(multi, text)
			continue
		}
		key, value = strings.TrimRight(key, " \t"), strings.TrimLeft(value, " \t")
		if multi = ""; zyppURLKeys[key] {
			multi = key
			at.addURLs(key, value)
			continue
		}
		at.values[key] = value
	}
	return sections, line, ""
}

// zyppBetween is what stands between two addresses: a comma alone does not.
var zyppBetween = regexp.MustCompile(`[, \t]*[ \t][, \t]*`)

// addURLs splits addresses at blanks, with or without a comma.
func (s *zyppSection) addURLs(key, text string) {
	for _, word := range zyppBetween.Split(text, -1) {
		if word != "" && len(s.urls[key]) < 200 {
			s.urls[key] = append(s.urls[key], word)
		}
	}
}

// zyppTrue is str::strToTrue: any number but 0 counts as true.
func zyppTrue(s string) bool {
	switch strings.ToLower(s) {
	case "1", "yes", "true", "always", "on", "+":
		return true
	}
	s = strings.TrimLeft(s, " +-")
	return aptInt(s) != 0
}
