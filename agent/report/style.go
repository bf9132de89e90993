package report

import (
	"strings"

	"agentctl/agent/words"
)

// Limits of the layout, in columns.
const (
	defaultWidth = 80
	minWidth     = 40
	// maxWidth: longer lines are harder to read, whatever the terminal's width.
	maxWidth = 108
	// maxText is where a single text from outside is cut. It is far above what a
	// rule writes, and keeps a hostile page's title from filling the screen.
	maxText = 400
)

// style is an SGR sequence (ECMA-48); "" prints as it is.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	red    style = "\x1b[1;31m"
	amber  style = "\x1b[1;33m"
	green  style = "\x1b[1;32m"
	noMore       = "\x1b[0m"
)

// marks are the signs before a line. Colour is never the only sign.
type marks struct {
	bad, warn, good, info, unknown string
	sep, cut                       string
}

var (
	unicodeMarks = marks{bad: "✗", warn: "!", good: "✓", info: "·", unknown: "?", sep: " · ", cut: "…"}
	asciiMarks   = marks{bad: "x", warn: "!", good: "ok", info: "-", unknown: "?", sep: " - ", cut: "..."}
)

// page collects lines of text.
type page struct {
	b       strings.Builder
	o       TextOptions
	width   int
	m       marks
	started bool // something was printed
	gap     bool // an empty line is due before the next one
}

func newPage(o TextOptions) *page {
	p := &page{o: o, width: o.Width, m: unicodeMarks}
	if p.width <= 0 {
		p.width = defaultWidth
	}
	p.width = min(max(p.width, minWidth), maxWidth)
	if o.ASCII {
		p.m = asciiMarks
	}
	return p
}

// clean makes a text fit for this page.
func (p *page) clean(s string) string {
	s = words.Fit(words.Clean(s), maxText, "…")
	if p.o.ASCII {
		return words.ASCII(s)
	}
	return s
}

func (p *page) cleanAll(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		if s = p.clean(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// paint gives a text its style where colour is on.
func (p *page) paint(st style, s string) string {
	if !p.o.Color || st == plain || s == "" {
		return s
	}
	return string(st) + s + noMore
}

// space asks for one empty line before whatever comes next.
func (p *page) space() { p.gap = p.started }

// line prints one line as it is, without white space at its end.
func (p *page) line(s string) {
	if p.gap {
		p.b.WriteByte('\n')
		p.gap = false
	}
	p.started = true
	p.b.WriteString(strings.TrimRight(s, " "))
	p.b.WriteByte('\n')
}

// para prints a clean text wrapped at an indentation, with a label (already at
// most as wide as the indentation) before its first line.
func (p *page) para(indent int, label string, st style, text string) {
	head := p.paint(st, label) + strings.Repeat(" ", max(indent-words.Width(label), 0))
	for _, l := range words.Wrap(text, p.width-indent) {
		p.line(head + l)
		head = strings.Repeat(" ", indent)
	}
}

// ends prints a text with another at the right margin, if both fit in a line
// with a clear gap; it tells whether it did.
func (p *page) ends(left string, leftWidth int, right string, st style) bool {
	free := p.width - leftWidth - words.Width(right)
	if free < 2 {
		return false
	}
	p.line(left + strings.Repeat(" ", free) + p.paint(st, right))
	return true
}

// pack joins parts into lines of at most the given columns, of which the first
// may have fewer; it breaks between parts, and inside one only if it must.
func (p *page) pack(parts []string, first, width int) []string {
	var lines []string
	line, room := "", first
	flush := func() {
		if line != "" {
			lines = append(lines, line)
			line, room = "", width
		}
	}
	for _, part := range parts {
		if line != "" && words.Width(line+p.m.sep+part) <= room {
			line += p.m.sep + part
			continue
		}
		flush()
		wrapped := words.Wrap(part, room)
		for n, l := range wrapped {
			line = l
			if n < len(wrapped)-1 {
				flush()
			}
		}
	}
	flush()
	return lines
}
