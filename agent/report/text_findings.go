package report

import (
	"strings"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/words"
)

// findings writes what blocks, then what degrades, each with its fix.
func (p *page) findings(r *Report) {
	for _, s := range []diagnosis.Severity{diagnosis.Critical, diagnosis.Warning} {
		for _, f := range r.Findings {
			if f.Severity == s {
				p.space()
				p.finding(f, r.StartedAt)
			}
		}
	}
	p.space()
}

// infos writes what is worth knowing: a line each, in full only when verbose.
func (p *page) infos(r *Report) {
	for _, f := range r.Findings {
		if f.Severity != diagnosis.Info {
			continue
		}
		if p.o.Verbose {
			p.space()
			p.finding(f, r.StartedAt)
			continue
		}
		text := p.clean(f.Summary)
		if text == "" {
			text = p.clean(string(f.Code))
		}
		p.para(words.Width(p.m.info)+1, p.m.info, dim, text)
	}
	p.space()
}

// finding writes one root cause in full.
func (p *page) finding(f diagnosis.Finding, now time.Time) {
	mark, st := p.m.info, dim
	switch f.Severity {
	case diagnosis.Critical:
		mark, st = p.m.bad, red
	case diagnosis.Warning:
		mark, st = p.m.warn, amber
	}
	code := p.clean(string(f.Code))
	p.title(mark, st, code, p.facts(f, now))

	p.para(2, "", plain, p.clean(f.Summary))
	label := "  Seen"
	for _, e := range f.Evidence {
		text := joinFact(p.clean(e.What), p.clean(e.Value))
		if text == "" {
			continue
		}
		p.para(indent, label, dim, text)
		label = ""
	}
	label = "  Fix"
	for _, x := range f.Fix {
		if text := p.clean(x.Text); text != "" {
			p.para(indent, label, dim, text)
			label = ""
		}
		if p.command(label, x.Command) {
			label = ""
		}
	}
	p.hits(f, code)
}

// title is the line of the mark and the code.
func (p *page) title(mark string, st style, code string, facts []string) {
	const in = 2
	pre := p.paint(st, words.Pad(mark, in))
	for n, l := range p.pack(append([]string{code}, facts...), p.width-in, p.width-in) {
		if rest, ok := strings.CutPrefix(l, code); n == 0 && ok {
			l = p.paint(bold, code) + rest
		}
		p.line(pre + l)
		pre = strings.Repeat(" ", in)
	}
}

// facts are what the title says beside the code: the targets, as many as fit,
// then the confidence and the age.
func (p *page) facts(f diagnosis.Finding, now time.Time) []string {
	var tail []string
	if f.Confidence == diagnosis.Likely {
		tail = append(tail, "likely")
	}
	// A round takes seconds: what began in it needs no age.
	if age := now.Sub(f.Since); !f.Since.IsZero() && !now.IsZero() && age >= time.Minute {
		tail = append(tail, "for "+words.Duration(age))
	}
	names := p.cleanAll(f.Targets)
	if len(names) == 0 {
		return tail
	}
	shown := words.List(names)
	if !p.o.Verbose {
		room := p.width - 2 - words.Width(string(f.Code))
		for _, t := range tail {
			room -= words.Width(p.m.sep) + words.Width(t)
		}
		for n := len(names); n > 0; n-- {
			shown = words.ListFirst(names, n)
			if words.Width(p.m.sep)+words.Width(shown) <= room {
				break
			}
		}
	}
	return append([]string{shown}, tail...)
}

// command prints a command to paste, exactly as it is but for control
// characters, and tells whether there was one. A here-document ends at a word in
// the first column, so such a command is not indented.
func (p *page) command(label, command string) bool {
	lines := words.CleanLines(command)
	if len(lines) == 0 {
		return false
	}
	in := strings.Repeat(" ", indent+2)
	if strings.Contains(command, "<<") || strings.Contains(command, "@'") || strings.Contains(command, `@"`) {
		in = ""
	}
	if label != "" {
		p.line(p.paint(dim, label))
	}
	for _, l := range lines {
		p.line(in + l)
	}
	return true
}

// hits says what does not work for that, and where more is to be read.
func (p *page) hits(f diagnosis.Finding, code string) {
	more := "agentctl explain " + code
	text := strings.Join(CapabilityWords(f.Capabilities), ", ")
	if text == "" {
		p.para(indent, "  More", dim, more)
		return
	}
	left := words.Pad("  Hits", indent) + text
	if p.ends(p.paint(dim, "  Hits")+strings.Repeat(" ", indent-6)+text, words.Width(left), more, dim) {
		return
	}
	p.para(indent, "  Hits", dim, text)
	p.para(indent, "  More", dim, more)
}

// joinFact writes one piece of evidence.
func joinFact(what, value string) string {
	if what == "" || value == "" {
		return what + value
	}
	return strings.TrimSuffix(what, ":") + ": " + value
}
