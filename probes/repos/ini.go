package repos

import (
	"bytes"
	"fmt"
	"strings"
)

// The files of dnf and yum look like INI files and are read unlike any INI
// library reads them: gopkg.in/ini.v1 joins sections, keeps keys before the
// first one, and accepts lines at which dnf gives the whole file up, while which
// lines those are decides whether a machine has its repositories. So this is a
// reader of its own, by libdnf's (libdnf/utils/iniparser/iniparser.cpp of 0.69,
// libdnf5/utils/iniparser.cpp), and the differential test holds it to that.

// section is one [name] of a file with its keys; of a repeated key the last
// value counts.
type section struct {
	name string
	line int
	keys map[string]string
}

// syntaxError is the line at which the package manager gives a file up.
type syntaxError struct {
	line int
	text string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// iniFile is a file's sections in the order of their first line.
type iniFile struct {
	sections []*section
}

func (f *iniFile) get(name string) *section {
	for _, s := range f.sections {
		if s.name == name {
			return s
		}
	}
	return nil
}

// open returns the section of that name; one that stands twice is the same.
func (f *iniFile) open(index map[string]*section, name string, line int) *section {
	s := index[name]
	if s == nil {
		s = &section{name: name, line: line, keys: map[string]string{}}
		index[name] = s
		f.sections = append(f.sections, s)
	}
	return s
}

const iniBlank = " \t\r"

// iniReader is the state between two lines.
type iniReader struct {
	file    iniFile
	index   map[string]*section
	current *section
	key     string
	value   strings.Builder
	inValue bool
	// globs: a section's name may hold [a-z], as in dnf5's override files.
	globs bool
}

// parseINI reads a file as libdnf does. Where the error is not nil, libdnf has
// nothing of the file.
func parseINI(data []byte, globs bool) (*iniFile, *syntaxError) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	r := &iniReader{index: map[string]*section{}, globs: globs}
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if text := r.take(string(line)); text != "" {
			return nil, &syntaxError{n, text}
		}
		if r.current != nil && r.current.line == 0 {
			r.current.line = n
		}
	}
	r.endValue()
	return &r.file, nil
}

// take reads one line; the text says why it cannot be read.
func (r *iniReader) take(line string) string {
	if line == "" || line[0] == '#' || line[0] == ';' {
		r.endValue()
		return ""
	}
	text := strings.Trim(line, iniBlank)
	if text == "" { // white space alone does not end a value
		if r.inValue {
			r.value.WriteByte('\n')
		}
		return ""
	}
	start := strings.Index(line, text)
	if r.inValue && (start == 0 || text[0] == '[') {
		r.endValue()
	}
	switch {
	case text[0] == '[':
		return r.header(text)
	case r.current == nil:
		return "a line before the first section"
	case start > 0 && !r.inValue:
		return "a continuation line that continues nothing"
	case start > 0:
		r.value.WriteByte('\n')
		r.value.WriteString(text)
		return ""
	}
	return r.assignment(text)
}

// header reads "[name]". What follows it must be a comment, save for one
// character that libdnf overlooks.
func (r *iniReader) header(text string) string {
	end := strings.IndexByte(text, ']')
	if r.globs {
		end = globHeaderEnd(text)
	}
	switch {
	case end < 0:
		return "a section without its closing bracket"
	case end == 1:
		return "a section without a name"
	}
	for i := end + 1; i < len(text)-1; i++ {
		if text[i] == '#' || text[i] == ';' {
			break
		}
		if !strings.ContainsRune(iniBlank, rune(text[i])) {
			return "text after a section's closing bracket"
		}
	}
	r.current = r.file.open(r.index, text[1:end], 0)
	return ""
}

// globHeaderEnd finds the bracket that ends a name which may hold [a-z].
func globHeaderEnd(text string) int {
	within := false
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '[':
			within = true
		case text[i] == ']' && !within:
			return i
		case text[i] == ']':
			within = false
		}
	}
	return -1
}

func (r *iniReader) assignment(text string) string {
	key, value, ok := strings.Cut(text, "=")
	switch {
	case !ok:
		return "a line without '='"
	case key == "":
		return "a line without a key"
	}
	r.key, r.inValue = strings.TrimRight(key, " \t"), true
	r.value.Reset()
	r.value.WriteString(strings.TrimLeft(value, " \t"))
	return ""
}

// endValue puts a finished value into its section: without the newlines at its
// end, and without quotes that enclose it.
func (r *iniReader) endValue() {
	if !r.inValue {
		return
	}
	v := r.value.String()
	if t := strings.TrimRight(v, "\n"); t != "" {
		v = t
	}
	if n := len(v); n > 1 && v[0] == v[n-1] && (v[0] == '"' || v[0] == '\'') {
		v = v[1 : n-1]
	}
	r.current.keys[r.key] = v
	r.inValue = false
}
