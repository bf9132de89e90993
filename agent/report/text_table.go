package report

import (
	"slices"
	"strings"

	"agentctl/agent/words"
)

// Widths of the table, in columns of the terminal.
const (
	tableGap   = 2
	minName    = 14 // narrower names make the table of phases unreadable
	minRoute   = 16 // the same for the table without phases: the route is left out
	answerRoom = 13 // "TCP timeout", "0.4 s"
)

// shape is a table's layout. A name longer than nameW stands on its own line.
type shape struct {
	nameW, routeW int
	cellW         [len(columns)]int
	phases        bool // a column for each phase, else one for the outcome
}

// table prints rows, and what else is known of each when verbose.
func (p *page) table(rows []row) {
	if len(rows) == 0 {
		return
	}
	s := p.shapeOf(rows)
	p.line(p.paint(bold, "Targets") + p.paint(dim, strings.TrimRight(heading(s), " ")))
	for _, w := range rows {
		for _, l := range p.rowLines(s, w) {
			p.line(l)
		}
		if p.o.Verbose {
			p.steps(w.t)
		}
	}
}

// shapeOf finds the layout that fits the page. Of the possible widths of the
// name column it takes the one that needs the fewest lines.
func (p *page) shapeOf(rows []row) shape {
	s := shape{phases: true}
	var lengths []int
	for c, phase := range columns {
		s.cellW[c] = len(phase)
	}
	for _, w := range rows {
		lengths = append(lengths, max(words.Width(w.name), len("Targets")-2))
		s.routeW = max(s.routeW, words.Width(w.route))
		for c, cell := range w.cells {
			s.cellW[c] = max(s.cellW[c], words.Width(cell))
		}
	}
	if s.routeW > 0 {
		s.routeW = max(s.routeW, len("route"))
	}
	longest := slices.Max(lengths)
	room := p.width - 2 - gapped(s.routeW)
	cells := 0
	for _, w := range s.cellW {
		cells += gapped(w)
	}
	least := minName
	if room-cells < min(longest, minName) {
		s.phases, cells, least = false, gapped(answerRoom), minRoute
		if room-cells < min(longest, minRoute) {
			s.routeW, room = 0, p.width-2
		}
	}
	best := -1
	limit := min(longest, room-cells)
	lengths = append(lengths, limit)
	slices.Sort(lengths)
	for _, n := range slices.Compact(lengths) {
		if n > limit || n < min(least, limit) {
			continue
		}
		try := s
		try.nameW = n
		lines := 0
		for _, w := range rows {
			lines += len(p.rowLines(try, w))
		}
		// Of equal ones the wider column: more names stand in line.
		if best < 0 || lines < best || lines == best && n > s.nameW {
			best, s.nameW = lines, n
		}
	}
	return s
}

// gapped is a column with the gap before it; an empty one takes no room.
func gapped(w int) int {
	if w == 0 {
		return 0
	}
	return w + tableGap
}

// heading is the first line behind the word "Targets".
func heading(s shape) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", max(2+s.nameW-len("Targets"), 0)))
	add := func(word string, w int) {
		if w > 0 {
			b.WriteString(strings.Repeat(" ", tableGap) + words.Pad(word, w))
		}
	}
	add("route", s.routeW)
	if s.phases {
		for c, phase := range columns {
			add(string(phase), s.cellW[c])
		}
	}
	return b.String()
}

// rowLines writes one target: name, route, times or the failure, and what
// explains it. What finds no room goes to a second line.
func (p *page) rowLines(s shape, w row) []string {
	l := rowLine{p: p}
	l.add(p.paint(w.st, w.mark)+strings.Repeat(" ", max(2-words.Width(w.mark), 0)), 2)
	long := words.Width(w.name) > s.nameW
	if long {
		l.add(w.name, words.Width(w.name))
		l.next()
		if w.failure != "" {
			return l.failed(w)
		}
		w.name = ""
		l.add("  ", 2)
	}
	l.add(words.Pad(w.name, s.nameW), s.nameW)
	l.cell(w.route, s.routeW, plain)
	above, end := len(l.lines), l.used // where the tails stand in line
	switch {
	case s.phases:
		for c := range columns {
			end += gapped(s.cellW[c])
			if c < w.failAt {
				l.cell(w.cells[c], s.cellW[c], plain)
			}
		}
	case w.failure == "":
		l.cell(w.took, words.Width(w.took), plain)
	case w.phase != "":
		w.failure = w.phase + " " + w.failure
	}
	l.cell(w.failure, words.Width(w.failure), w.st)
	if len(l.lines) == above && l.used < end && end+tableGap+words.Width(w.tail) <= p.width {
		l.add(strings.Repeat(" ", end-l.used), end-l.used)
	}
	l.cell(w.tail, words.Width(w.tail), plain)
	l.next()
	return l.lines
}

// rowLine builds the lines of a row; a cell that would leave the page begins the
// next one.
type rowLine struct {
	p     *page
	b     strings.Builder
	used  int
	lines []string
}

func (l *rowLine) next() {
	l.lines = append(l.lines, l.b.String())
	l.b.Reset()
	l.used = 0
}

func (l *rowLine) add(s string, w int) {
	l.b.WriteString(s)
	l.used += w
}

func (l *rowLine) cell(s string, w int, st style) {
	if w == 0 {
		return
	}
	if l.used > 2+tableGap && l.used+tableGap+words.Width(s) > l.p.width {
		l.next()
		l.add("  ", 2)
	}
	l.add(strings.Repeat(" ", tableGap)+l.p.paint(st, s), tableGap+words.Width(s))
	if pad := w - words.Width(s); pad > 0 {
		l.add(strings.Repeat(" ", pad), pad)
	}
}

// failed says in running text how the target of a long name failed.
func (l *rowLine) failed(w row) []string {
	what := strings.TrimSpace(w.phase + " " + w.failure)
	var parts []string
	for _, s := range []string{w.route, what, w.tail} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	for _, text := range l.p.pack(parts, l.p.width-4, l.p.width-4) {
		if before, after, ok := strings.Cut(text, what); ok {
			text = before + l.p.paint(w.st, what) + after
		}
		l.lines = append(l.lines, "    "+text)
	}
	return l.lines
}
