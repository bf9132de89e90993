package statuspage

import (
	"slices"
	"strings"

	"agentctl/agent/report"
	"agentctl/agent/words"
	"agentctl/probes"
)

// barPhases are the steps that have a bar; their names are classes of the style.
var barPhases = []probes.Phase{probes.PhaseDNS, probes.PhaseProxy, probes.PhaseTCP, probes.PhaseTLS, probes.PhaseHTTP, probes.PhaseSigned}

// Widths of a bar in pixels: of the longest, and with the sign that it is cut off.
const (
	barRoom = 150
	barAll  = 160
)

// targets is the table, with the time of each step as a bar.
func (w *writer) targets(v View) {
	// The scale is that of what works, in seconds; a wait that nobody answers is cut off.
	slowest := 0.02
	var shown []report.Target
	var skipped []string
	for _, t := range v.Report.Targets {
		switch {
		case t.State == probes.Skipped && t.Because != "":
			skipped = append(skipped, t.Name+" ("+t.Because+")")
		case t.State == probes.Skipped:
			skipped = append(skipped, t.Name)
		default:
			shown = append(shown, t)
		}
		if t.State == probes.Up {
			slowest = max(slowest, took(t))
		}
	}
	if len(shown)+len(skipped) == 0 {
		return
	}
	w.raw("<section aria-labelledby=\"targets\">\n<h2 id=\"targets\">Targets</h2>\n")
	if len(shown) > 0 {
		w.raw("<table class=\"t\">\n<thead><tr><th scope=\"col\">target</th><th scope=\"col\">state</th><th scope=\"col\">way</th><th scope=\"col\">time</th><th scope=\"col\" class=\"num\">")
		for _, p := range []probes.Phase{probes.PhaseDNS, probes.PhaseTCP, probes.PhaseTLS, probes.PhaseHTTP} {
			w.raw("<span class=\"key\"><svg class=\"bar\" width=\"9\" height=\"9\" aria-hidden=\"true\"><path class=\"%s\" d=\"M0 5h9\"/></svg> %s</span> ", p, p)
		}
		w.raw("</th></tr></thead>\n<tbody>\n")
		for _, t := range shown {
			w.target(v, t, slowest)
		}
		w.raw("</tbody>\n</table>\n<p class=\"dim\">• required for patching here. A bar that ends in two strokes is longer than there is room.</p>\n")
	}
	if len(skipped) > 0 {
		w.el("p", "dim", "Not needed here: "+strings.Join(skipped, ", "))
	}
	w.raw("</section>\n")
}

func took(t report.Target) float64 {
	sum := 0.0
	for _, s := range t.Steps {
		sum += s.Duration
	}
	return sum
}

func (w *writer) target(v View, t report.Target, slowest float64) {
	w.raw("<tr><th scope=\"row\">")
	w.text(t.Name)
	if t.Required {
		w.raw("&nbsp;<span aria-hidden=\"true\">•</span><span class=\"unseen\"> (required)</span>")
	}
	w.raw("</th><td>")
	w.state(v, t)
	w.raw("</td><td class=\"dim\">")
	w.text(report.RouteWords(t.Route, t.RouteLikely))
	w.raw("</td><td class=\"num\">")
	if len(t.Steps) > 0 {
		w.text(words.Seconds(took(t)))
	}
	w.raw("</td><td>")
	w.bar(t, slowest)
	w.raw("</td></tr>\n")
}

// state says how a target stands, since when, and which finding explains it.
func (w *writer) state(v View, t report.Target) {
	l := lookOf(v.Report, t)
	text := l.word
	switch l {
	case works:
		text = "up"
	case warned:
		text = "up, with a warning"
	case optional:
		text = failure(t) + " (optional)"
	case once:
		text = failure(t) + " (seen once)"
	case aside:
		text = failure(t) + " (for comparison)"
	case fails:
		text = failure(t)
	}
	w.raw("<span class=\"%s\">%s ", l.class, l.sign)
	w.text(text)
	w.raw("</span>")
	if h := v.History; h != nil && t.State == probes.Down {
		if p, ok := h.Targets[t.Name]; ok && p.State == string(t.State) && v.Now.After(p.Since) {
			w.el("span", "dim", " for "+words.Duration(v.Now.Sub(p.Since)))
		}
	}
	if t.ExplainedBy == "" {
		return
	}
	if n := w.number(t); n > 0 {
		w.raw(" <a href=\"#f%d\">", n)
		w.text(string(t.ExplainedBy))
		w.raw("</a>")
		return
	}
	w.text(" " + string(t.ExplainedBy))
}

// bar draws a target's steps one after the other.
func (w *writer) bar(t report.Target, slowest float64) {
	if len(t.Steps) == 0 {
		return
	}
	w.raw("<svg class=\"bar\" width=\"%d\" height=\"12\" role=\"img\"><title>", barAll)
	w.text(steps(t))
	w.raw("</title>")
	x := 0.0
	for _, s := range t.Steps {
		if !slices.Contains(barPhases, s.Phase) || x >= barRoom {
			continue
		}
		width := min(max(s.Duration/slowest*barRoom, 0.5), barRoom-x)
		w.raw("<path class=\"%s\" d=\"M%.1f 6h%.1f\"/>", s.Phase, x, width) // as thick as the style says
		x += width
	}
	if took(t) > slowest {
		w.raw("<path class=\"cut\" d=\"M%d 0v12m4-12v12\"/>", barRoom+3)
	}
	w.raw("</svg>")
}

// number is the place on the page of the finding that explains a target, 0 where it
// is not there. Several findings can have one code: its own comes first.
func (w *writer) number(t report.Target) int {
	found := 0
	for i, f := range w.found {
		switch {
		case f.Code != t.ExplainedBy:
		case slices.Contains(f.Targets, t.Name):
			return i + 1
		case found == 0:
			found = i + 1
		}
	}
	return found
}

// checks are the facts of the machine.
func (w *writer) checks(r *report.Report) {
	if len(r.Checks) == 0 {
		return
	}
	w.raw("<section aria-labelledby=\"checks\">\n<h2 id=\"checks\">This machine</h2>\n<dl>\n")
	for _, c := range r.Checks {
		w.raw("<dt>")
		if c.State == probes.Down {
			w.raw("✗<span class=\"unseen\"> fails:</span> ") // without colour: the findings say whether it blocks
		}
		w.text(c.Name)
		w.raw("</dt><dd>")
		w.text(c.Value)
		if c.Value != "" && c.Detail != "" {
			w.raw(", ")
		}
		w.text(c.Detail)
		w.raw("</dd>\n")
	}
	w.raw("</dl>\n</section>\n")
}

func (w *writer) footer(v View) {
	w.raw("<footer><span>agentctl ")
	w.text(v.Version)
	w.raw("</span><span>data of ")
	w.text(v.Report.DataDate)
	w.raw("</span><a href=\"/api/v1/report\">report as JSON</a><a href=\"/metrics\">metrics</a></footer>\n")
}
