package report

import (
	"io"
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/words"
	"agentctl/probes"
)

// TextOptions is how a report is written for people.
type TextOptions struct {
	// Color: with SGR sequences. Without, the text has no control character but
	// the line feed.
	Color bool
	// Width of the terminal in columns; 0: 80. Layout keeps between 40 and 108.
	Width int
	// Verbose: also every step with its timing, and what is in order.
	Verbose bool
	// ASCII: our own words and texts from outside in ASCII. Commands stay as
	// they are.
	ASCII bool
}

// indent is where the text after a label begins: "  Seen    text".
const indent = 10

// WriteText writes the report for a person: the verdict, the root causes with
// their fix, then the targets if one of them fails. It writes once.
func WriteText(w io.Writer, r *Report, o TextOptions) error {
	p := newPage(o)
	brief := r.Verdict.State == diagnosis.Ready && !o.Verbose
	if !brief {
		p.header(r)
		p.space()
	}
	p.verdict(r, brief)
	p.findings(r)
	p.infos(r)
	p.targets(r)
	if !brief {
		p.agentLine(r)
	}
	if o.Verbose {
		p.checks(r)
		p.footer(r)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// header says which machine this is about and how long the round took.
func (p *page) header(r *Report) {
	i := r.Instance
	var parts []string
	add := func(s string) {
		if s = p.clean(s); s != "" {
			parts = append(parts, s)
		}
	}
	if i.ID == "" {
		add("instance unknown")
	}
	add(i.ID)
	add(i.Type)
	add(place(i))
	add(osName(i.OS))
	add(strings.Trim(i.VPCID+" / "+i.SubnetID, " /"))

	took := ""
	if r.Duration > 0 {
		took = words.Seconds(r.Duration)
	}
	for n, l := range p.pack(parts, p.width-words.Width(took)-2, p.width) {
		if n > 0 || took == "" || !p.ends(l, words.Width(l), took, dim) {
			p.line(l)
		}
	}
}

// place is the availability zone, or the region with the source that named it.
func place(i Instance) string {
	if i.AvailabilityZone != "" {
		return i.AvailabilityZone
	}
	if i.Region == "" {
		return "region unknown"
	}
	switch i.Source {
	case "flag":
		return i.Region + " (as asked for)"
	case "config":
		return i.Region + " (by configuration)"
	case "agent":
		return i.Region + " (by the SSM Agent)"
	case "resolver":
		return i.Region + " (by the search domain)"
	}
	return i.Region
}

func osName(o OS) string {
	if o.Name != "" {
		return o.Name
	}
	return strings.TrimSpace(o.ID + " " + o.Version)
}

// verdict writes the answer in a word and a sentence.
func (p *page) verdict(r *Report, brief bool) {
	word, st := "UNKNOWN", amber
	switch r.Verdict.State {
	case diagnosis.Ready:
		word, st = "READY", green
	case diagnosis.Degraded:
		word = "DEGRADED"
	case diagnosis.Blocked:
		word, st = "BLOCKED", red
	}
	text := p.clean(r.Verdict.Summary)
	if text == "" {
		text = p.clean(Summarize(r))
	}
	took := ""
	if brief && r.Duration > 0 {
		took = words.Seconds(r.Duration)
	}
	// The duration stands at the right of the first line, as in the header.
	room := p.width - indent
	if took != "" {
		room -= words.Width(took) + 2
	}
	head := p.paint(st, word) + strings.Repeat(" ", indent-len(word))
	for n, l := range words.Wrap(text, room) {
		if n > 0 || took == "" || !p.ends(head+l, indent+words.Width(l), took, dim) {
			p.line(head + l)
		}
		head = strings.Repeat(" ", indent)
	}
	p.order(r)
	if p.o.Verbose {
		p.capabilities(r)
	}
	if r.Verdict.State == diagnosis.Ready || p.o.Verbose {
		p.design(r)
	}
}

// manyFindings is from where on the verdict lists the codes: the first finding
// has then left the screen when the last one is read.
const manyFindings = 4

// order names the findings in the order in which they are best fixed.
func (p *page) order(r *Report) {
	var causes, warnings []string
	for _, f := range r.Findings {
		switch f.Severity {
		case diagnosis.Critical:
			causes = append(causes, p.clean(string(f.Code)))
		case diagnosis.Warning:
			warnings = append(warnings, p.clean(string(f.Code)))
		}
	}
	if len(causes)+len(warnings) < manyFindings {
		return
	}
	if len(causes) > 0 {
		p.para(indent, "", plain, "Fix first: "+strings.Join(causes, ", ")+".")
	}
	if len(warnings) > 0 {
		p.para(indent, "", plain, "Then: "+strings.Join(warnings, ", ")+".")
	}
}

// design is one line on the network's design: the present one, or one that
// needs changes.
func (p *page) design(r *Report) {
	if len(r.Advice) == 0 {
		return
	}
	a := r.Advice[0]
	label, tail := "Design: ", ""
	if len(a.Changes) > 0 {
		label, tail = "Better design: ", " How: agentctl advise"
	}
	text := words.Sentence(p.clean(a.Design)) + " " + words.Sentence(p.clean(a.Because))
	p.para(indent, "", plain, label+strings.TrimSpace(text)+tail)
}

// agentLine sums up the SSM Agent from the checks of its group. The value of
// "ssm-agent", or "version" and "state", open the sentence; then come its detail
// and each further check by name and value.
func (p *page) agentLine(r *Report) {
	version, state := "", ""
	var rest []string
	for _, c := range r.Checks {
		value := p.clean(c.Value)
		if c.Group != probes.GroupAgent || c.State == probes.Skipped || value == "" {
			continue
		}
		switch name := checkWords(p.clean(c.Name)); name {
		case "agent":
			state = value
			if d := p.clean(c.Detail); d != "" {
				rest = append(rest, d)
			}
		case "version":
			version = value
		case "state":
			state = value
		default:
			rest = append(rest, name+" "+value)
		}
	}
	if version == "" && state == "" && len(rest) == 0 {
		return
	}
	text := strings.Join(rest, "; ")
	if head := strings.Join(strings.Fields(version+" "+state), " "); head != "" {
		text = "SSM Agent " + strings.Join(append([]string{head}, rest...), "; ")
	} else {
		text = "SSM Agent: " + text
	}
	p.space()
	p.para(0, "", plain, text)
}

// checkWords turns a check's name into words: "agent-last-report" is "last report".
func checkWords(name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "ssm-"), "agent-")
	return strings.NewReplacer("-", " ", "_", " ").Replace(name)
}
