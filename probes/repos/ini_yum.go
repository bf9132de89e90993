package repos

import (
	"bytes"
	"path"
	"strings"
)

// yum 3 reads its files with Python's RawConfigParser, behind a reader of its
// own that follows include= and fills variables in line by line (yum/parser.py,
// ConfigPreProcessor).

// Bounds on includes; real machines have none or one.
const (
	maxIncludes     = 50
	maxIncludeDepth = 10
	// maxYumText bounds a file, in bytes, once its variables are filled in.
	maxYumText = 2 * maxRepoFile
)

// The three forms of a line, as its expressions take them apart.
const yumBlank = " \t\n\f\r"

// yumInclude reads "include = where".
func yumInclude(line string) (where string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, yumBlank), "include")
	if !ok {
		return "", false
	}
	where, ok = strings.CutPrefix(strings.TrimLeft(rest, yumBlank), "=")
	return strings.TrimLeft(where, yumBlank), ok
}

// yumHeader reads "[name]", whatever follows.
func yumHeader(line string) (name string, ok bool) {
	end := strings.IndexByte(line, ']')
	if line[0] != '[' || end < 2 {
		return "", false
	}
	return line[1:end], true
}

// yumOption reads "key = value" or "key: value".
func yumOption(line string) (key, value string, ok bool) {
	at := strings.IndexAny(line, ":=")
	if at < 1 || strings.IndexByte(yumBlank+"[", line[0]) >= 0 {
		return "", "", false
	}
	return line[:at], strings.TrimLeft(line[at+1:], yumBlank), true
}

// yumReader is one file with those that it includes.
type yumReader struct {
	vars *variables
	// read returns a local file's text; what it cannot be is in the text.
	read func(name string) ([]byte, string)

	file    iniFile
	index   map[string]*section
	current *section
	key     string
	value   strings.Builder // of key, so far
	filled  int             // bytes of lines so far
	seen    map[string]bool // an include that came before is left out
}

// parseYum reads a file as yum 3 does.
func parseYum(name string, data []byte, vars *variables, read func(string) ([]byte, string)) (*iniFile, *syntaxError) {
	r := &yumReader{vars: vars, read: read, index: map[string]*section{}, seen: map[string]bool{}}
	if err := r.text(name, data, 0); err != nil {
		return nil, err
	}
	r.set("")
	return &r.file, nil
}

// set puts the finished value into its section, and begins another.
func (r *yumReader) set(key string) {
	if r.key != "" {
		r.current.keys[r.key] = r.value.String()
	}
	r.key = key
	r.value.Reset()
}

// text reads one file's lines. The line of an error is that of the outermost
// file.
func (r *yumReader) text(name string, data []byte, depth int) *syntaxError {
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		text := strings.TrimRight(string(line), "\r")
		var why string
		if where, ok := yumInclude(text); ok {
			why = r.include(name, where, depth)
		} else {
			text = r.vars.expand(text)
			if r.filled += len(text); r.filled > maxYumText {
				return &syntaxError{n, "with its variables filled in it is larger than what is read here"}
			}
			why = r.line(text, n)
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
	if trimmed == "" || text[0] == '#' || text[0] == ';' {
		return ""
	}
	if name, ok := yumHeader(trimmed); ok { // yum strips what stands before it
		r.set("")
		r.current = r.file.open(r.index, name, n)
		return ""
	}
	switch {
	case r.current == nil:
		return "a line before the first section"
	case strings.ContainsRune(" \t", rune(text[0])):
		if r.key == "" {
			return "a continuation line that continues nothing"
		}
		r.value.WriteByte('\n')
		r.value.WriteString(trimmed)
		return ""
	}
	key, value, ok := yumOption(text)
	if !ok {
		return "a line that is no option"
	}
	r.set(strings.ToLower(strings.TrimSpace(key)))
	if i := strings.IndexByte(value, ';'); i > 0 && strings.ContainsRune(" \t", rune(value[i-1])) {
		value = value[:i]
	}
	r.value.WriteString(strings.TrimSpace(value))
	return ""
}
