package repos

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// yum 3 reads its files with Python's RawConfigParser, behind a reader of its
// own that follows include= and fills variables in line by line (yum/parser.py,
// ConfigPreProcessor).

// Bounds on includes; real machines have none or one.
const (
	maxIncludes     = 50
	maxIncludeDepth = 10
)

var (
	yumInclude = regexp.MustCompile(`^\s*include\s*=\s*(.*)`)
	yumHeader  = regexp.MustCompile(`^\[([^]]+)\]`)
	yumOption  = regexp.MustCompile(`^([^:=\s[][^:=]*)[:=]\s*(.*)$`)
)

// yumReader is one file with those that it includes.
type yumReader struct {
	vars *variables
	// read returns a local file's text; what it cannot be is in the text.
	read func(name string) ([]byte, string)

	file    iniFile
	index   map[string]*section
	current *section
	key     string
	seen    map[string]bool // an include that came before is left out
}

// parseYum reads a file as yum 3 does.
func parseYum(name string, data []byte, vars *variables, read func(string) ([]byte, string)) (*iniFile, *syntaxError) {
	r := &yumReader{vars: vars, read: read, index: map[string]*section{}, seen: map[string]bool{}}
	if err := r.text(name, data, 0); err != nil {
		return nil, err
	}
	return &r.file, nil
}

// text reads one file's lines. The line of an error is that of the outermost
// file.
func (r *yumReader) text(name string, data []byte, depth int) *syntaxError {
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		text := strings.TrimRight(string(line), "\r")
		var why string
		if m := yumInclude.FindStringSubmatch(text); m != nil {
			why = r.include(name, m[1], depth)
		} else {
			why = r.line(r.vars.expand(text), n)
		}
		if why != "" {
			return &syntaxError{n, why}
		}
	}
	return nil
}

// include reads another file at this place. Each is read once per section, so
// a circle ends.
func (r *yumReader) include(from, where string, depth int) string {
	where = strings.TrimSpace(r.vars.expand(where))
	where = strings.TrimPrefix(where, "file://")
	switch {
	case where == "":
		return "include= names no file"
	case strings.Contains(where, "://"):
		return "" // yum would fetch it; what it holds is not known here, and no fault
	}
	if !path.IsAbs(where) {
		where = path.Join(path.Dir(from), where)
	}
	mark := where
	if r.current != nil {
		mark += "\x00" + r.current.name
	}
	if r.seen[mark] {
		return ""
	}
	r.seen[mark] = true
	if depth >= maxIncludeDepth || len(r.seen) > maxIncludes {
		return "includes are nested too deep"
	}
	data, why := r.read(where)
	if why != "" {
		return "include " + printableText(where) + ": " + why
	}
	if err := r.text(where, data, depth+1); err != nil {
		return "include " + printableText(where) + ", " + err.Error()
	}
	return ""
}

func (r *yumReader) line(text string, n int) string {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "", text[0] == '#', text[0] == ';':
		return ""
	case trimmed[0] == '[' && yumHeader.MatchString(trimmed): // yum strips what stands before it
		name := yumHeader.FindStringSubmatch(trimmed)[1]
		r.current, r.key = r.file.open(r.index, name, n), ""
		return ""
	case r.current == nil:
		return "a line before the first section"
	case strings.ContainsRune(" \t", rune(text[0])):
		if r.key == "" {
			return "a continuation line that continues nothing"
		}
		r.current.keys[r.key] += "\n" + trimmed
		return ""
	}
	m := yumOption.FindStringSubmatch(text)
	if m == nil {
		return "a line that is no option"
	}
	r.key = strings.ToLower(strings.TrimSpace(m[1]))
	value := m[2]
	if i := strings.IndexByte(value, ';'); i > 0 && strings.ContainsRune(" \t", rune(value[i-1])) {
		value = value[:i]
	}
	r.current.keys[r.key] = strings.TrimSpace(value)
	return ""
}
