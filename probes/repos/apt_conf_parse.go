package repos

import (
	"bytes"
	"fmt"
	"strings"
)

// aptInclude reads a file, or where name ends in a slash a folder, that an
// #include names. It returns what is wrong, "" for nothing.
type aptInclude func(name string, depth int) string

// maxAptIncludes is how deep apt lets includes nest (configuration.cc).
const maxAptIncludes = 10

// aptConfParser is the state of apt's ReadConfigFile: statements end at ; { or },
// and may span lines.
type aptConfParser struct {
	conf    *aptConf
	include aptInclude
	depth   int
	parent  string          // the scope that we are in, such as Acquire::http
	stack   []string        // those around it
	buffer  strings.Builder // the statement so far
	comment bool            // inside /* */
}

// parseAptConf reads one file of apt.conf(5) into the configuration, and returns
// where it is wrong: with a syntax error apt-get does not start at all. What
// stands before the error counts.
func parseAptConf(conf *aptConf, data []byte, depth int, include aptInclude) (line int, fault string) {
	p := aptConfParser{conf: conf, include: include, depth: depth}
	for raw := range bytes.Lines(data) {
		if line++; line > maxAptLines || conf.count >= maxAptOptions {
			return line, ""
		}
		text := strings.Trim(strings.ReplaceAll(string(raw), "\t", "        "), " \n\r\v\f")
		if text = p.uncomment(text); text == "" {
			continue
		}
		if fault := p.statements(text); fault != "" {
			return line, fault
		}
	}
	if p.buffer.Len() > 0 {
		return line, "Extra junk at end of file"
	}
	return 0, ""
}

// uncomment drops comments: // and # to the end of the line, unless in quotes or
// a directive, and /* */ over lines.
func (p *aptConfParser) uncomment(s string) string {
	if p.comment {
		end := strings.Index(s, "*/")
		if end < 0 {
			return ""
		}
		s, p.comment = s[end+2:], false
	}
	s = cutUnquoted(s, "//", nil)
	s = cutUnquoted(s, "#", []string{"clear", "include", "x-apt-configure-index"})
	var out strings.Builder
	for start := 0; ; {
		at := strings.Index(s[start:], "/*")
		if at < 0 {
			break
		}
		at += start
		if strings.Count(s[:at], `"`)%2 != 0 {
			start = at + 2
			continue
		}
		out.WriteString(s[:at])
		end := strings.Index(s[at+2:], "*/")
		if end < 0 {
			p.comment = true
			return out.String()
		}
		s, start = s[at+2+end+2:], 0
	}
	return out.String() + s
}

// cutUnquoted cuts s at the first mark that stands neither within quotes nor
// before one of the words.
func cutUnquoted(s, mark string, words []string) string {
	for start := 0; start < len(s); {
		at := strings.Index(s[start:], mark)
		if at < 0 {
			return s
		}
		at += start
		keep := strings.Count(s[:at], `"`)%2 != 0
		for _, w := range words {
			keep = keep || strings.HasPrefix(s[at+len(mark):], w)
		}
		if !keep {
			return s[:at]
		}
		start = at + 1
	}
	return s
}

// statements takes a line apart at ; { and }.
func (p *aptConfParser) statements(s string) string {
	start, quoted := 0, false
	for i := range len(s) {
		if s[i] == '"' {
			quoted = !quoted
		}
		if quoted || s[i] != '{' && s[i] != ';' && s[i] != '}' {
			continue
		}
		p.join(s[start:i])
		start = i + 1
		if p.buffer.Len() == 0 {
			switch s[i] {
			case '{':
				return "Block starts with no name."
			case '}':
				p.leave()
			}
			continue
		}
		statement := p.buffer.String()
		p.buffer.Reset()
		if fault := p.statement(statement, s[i]); fault != "" {
			return fault
		}
	}
	p.join(s[start:])
	return ""
}

// join adds a piece of a statement to what came before it.
func (p *aptConfParser) join(s string) {
	s = strings.Trim(s, " \t\n\v\f\r")
	if p.buffer.Len() > 0 && s != "" {
		p.buffer.WriteByte(' ')
	}
	p.buffer.WriteString(s)
}

// leave closes the innermost scope.
func (p *aptConfParser) leave() {
	p.parent = ""
	if n := len(p.stack); n > 0 {
		p.parent, p.stack = p.stack[n-1], p.stack[:n-1]
	}
}

// statement carries out "tag", "tag value" or a directive.
func (p *aptConfParser) statement(s string, term byte) string {
	tag, rest, ok := aptWord(s)
	if !ok {
		return "Malformed tag"
	}
	word, hasWord := cWord(rest)
	if hasWord {
		rest = ""
	} else {
		word, rest, hasWord = aptWord(rest)
	}
	if rest != "" && hasWord {
		return "Extra junk after value"
	}
	if !hasWord {
		if rest != "" {
			return "Extra junk after value"
		}
		if term != '{' {
			word, tag, hasWord = tag, "", true
		}
	}
	item := p.parent
	if term == '{' {
		if len(p.stack) > 100 {
			return "scopes nest too deep"
		}
		p.stack = append(p.stack, p.parent)
		p.parent = joinTags(p.parent, tag)
		item, tag = p.parent, ""
	} else if p.parent != "" {
		item += "::" + tag
	} else {
		item = tag
	}
	fault := ""
	switch {
	case strings.HasPrefix(tag, "#"):
		fault = p.directive(tag[1:], word)
	case tag == "" && hasWord && word == "#clear":
		fault = "clear directive requires an option tree as argument"
	case hasWord:
		p.conf.set(item, word)
	}
	if term == '}' {
		p.leave()
	}
	return fault
}

func joinTags(parent, tag string) string {
	if parent == "" {
		return tag
	}
	return parent + "::" + tag
}

// directive carries out #clear and #include.
func (p *aptConfParser) directive(name, word string) string {
	if p.parent != "" {
		return "Directives can only be done at the top level"
	}
	switch name {
	case "clear":
		p.conf.clear(word)
	case "include":
		if p.depth > maxAptIncludes {
			return "Too many nested includes"
		}
		if fault := p.include(word, p.depth+1); fault != "" {
			return "Included from here: " + fault
		}
	case "x-apt-configure-index": // known options, for apt's own checks
	default:
		return fmt.Sprintf("Unsupported directive '%s'", aptPrintable(name))
	}
	return ""
}

// cWord reads the whole of s as quoted strings one after the other, as in C
// (strutl.cc, ParseCWord); blanks between them become one.
func cWord(s string) (string, bool) {
	s = strings.TrimLeft(s, " ")
	if s == "" {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				return "", false
			}
			b.WriteString(s[i+1 : i+1+end])
			i += end + 1
		case i > 0 && aptSpace(s[i]) && aptSpace(s[i-1]):
		case !aptSpace(s[i]):
			return "", false
		default:
			b.WriteByte(' ')
		}
	}
	return b.String(), true
}
