package statuspage

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/agent/words"
	"agentctl/probes"
)

// place is one thing in the picture of the network: what the instance reaches, or
// does not.
type place struct {
	title, detail string
	state         string // up, down, unsure
}

func (p place) mark() string {
	return map[string]string{"up": "✓", "down": "✗", "unsure": "?"}[p.state]
}

func (p place) word() string {
	return map[string]string{"up": "works", "down": "fails", "unsure": "not known"}[p.state]
}

// maxPlaces keeps the picture on one screen.
const maxPlaces = 16

// places are what lies around the instance, nearest first: resolvers, metadata,
// endpoints, S3, and what lies beyond.
func places(r *report.Report) []place {
	var out []place
	for _, c := range r.Checks {
		switch {
		case strings.HasPrefix(c.Name, "resolver "):
			if strings.Contains(c.Detail, "not configured") {
				continue // asked for comparison
			}
			out = append(out, place{"DNS " + c.Name, c.Value, stateOf(c.State)})
		case c.Name == "imds":
			out = append(out, place{"instance metadata", c.Value, stateOf(c.State)})
		}
	}
	type bundle struct {
		key   string
		names []string
		place place
	}
	var all []bundle
	for _, t := range r.Targets {
		if t.State == probes.Skipped {
			continue
		}
		b := bundle{names: []string{t.Name}, place: place{state: stateOf(t.State), detail: wayTo(t)}}
		if t.Control && t.State != probes.Up {
			b.place.state = "unsure" // it is no fault
			b.place.detail = strings.TrimPrefix(b.place.detail+", for comparison", ", ")
		}
		b.key = b.place.state + "|" + b.place.detail
		if t.State == probes.Down {
			b.place.detail = strings.TrimPrefix(b.place.detail+": "+failure(t), ": ")
			b.key += "|" + string(t.ExplainedBy)
		}
		if i := slices.IndexFunc(all, func(x bundle) bool { return x.key == b.key }); i >= 0 {
			all[i].names = append(all[i].names, t.Name)
			continue
		}
		all = append(all, b)
	}
	for _, b := range all {
		b.place.title = words.ListFirst(b.names, 3)
		out = append(out, b.place)
	}
	if len(out) > maxPlaces {
		// What fails must not be what is left out.
		slices.SortStableFunc(out, func(a, b place) int { return rank(a) - rank(b) })
		left := len(out) - maxPlaces + 1
		out = append(out[:maxPlaces-1], place{fmt.Sprintf("and %d more", left), "in the table below", "unsure"})
	}
	return out
}

func rank(p place) int { return slices.Index([]string{"down", "unsure", "up"}, p.state) }

func stateOf(s probes.State) string {
	switch s {
	case probes.Up:
		return "up"
	case probes.Down:
		return "down"
	case probes.Skipped, probes.Unknown:
	}
	return "unsure"
}

// wayTo is the route in words, and the address of an endpoint.
func wayTo(t report.Target) string {
	way := report.RouteWords(t.Route, t.RouteLikely)
	if way == "" {
		return ""
	}
	way = "by " + way
	if (t.Route == probes.RouteInterface || t.Route == probes.RouteCentral) && len(t.Addresses) > 0 {
		way += " " + words.ListFirst(t.Addresses, 2)
	}
	return way
}

// failure is the step that stopped a target.
func failure(t report.Target) string {
	for _, s := range t.Steps {
		if s.State == probes.Down {
			return fmt.Sprintf("%s %s", s.Phase, strings.ReplaceAll(string(s.Reason), "_", " "))
		}
	}
	return "down"
}

// picture draws the network as agentctl sees it, and says the same as a list for
// small screens and for those who do not see pictures.
func (w *writer) picture(v View) {
	ps := places(v.Report)
	if len(ps) == 0 {
		return
	}
	const row, left, right, width = 46, 200, 330, 1000
	height := len(ps)*row + 10
	middle := height / 2
	w.raw("<section class=\"net\" aria-labelledby=\"net\">\n<h2 id=\"net\">The network, as seen from here</h2>\n")
	w.raw("<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"The list below says the same\">\n", width, height, width, height)
	for i, p := range ps {
		y := i*row + 28
		w.raw("<path class=\"%s\" d=\"M%d %d C%d %d %d %d %d %d\"/>", p.state, left, middle, left+70, middle, right-70, y, right, y)
		w.raw("<rect class=\"box\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"38\" rx=\"5\"/>", right, y-19, width-right-5)
		w.raw("<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>", p.state, right+12, y+5, p.mark())
		w.raw("<text x=\"%d\" y=\"%d\">", right+34, y-2)
		w.text(fit(p.title, 80))
		w.raw("</text><text class=\"small\" x=\"%d\" y=\"%d\">", right+34, y+13)
		w.text(fit(p.detail, 100))
		w.raw("</text>\n")
	}
	w.raw("<rect class=\"box\" x=\"5\" y=\"%d\" width=\"%d\" height=\"56\" rx=\"5\"/><text x=\"18\" y=\"%d\">", middle-28, left-5, middle-4)
	w.text(fit(first(v.Report.Instance.ID, "this machine"), 22))
	w.raw("</text><text class=\"small\" x=\"18\" y=\"%d\">", middle+15)
	w.text(fit(first(v.Report.Instance.SubnetID, v.Report.Instance.Region), 26))
	w.raw("</text>\n</svg>\n<ul class=\"netlist\">\n")
	for _, p := range ps {
		w.raw("<li><span class=\"%s\">%s %s</span> ", map[string]string{"up": "good", "down": "bad", "unsure": "warn"}[p.state], p.mark(), p.word())
		w.text(p.title)
		w.raw(" <span class=\"dim\">")
		w.text(p.detail)
		w.raw("</span></li>\n")
	}
	w.raw("</ul>\n</section>\n")
}

// fit cuts a text to so many characters.
func fit(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// targets is the table, with the time of each step as a bar.
func (w *writer) targets(r *report.Report) {
	// The scale is that of what works, in seconds; a wait that nobody answers is cut off.
	slowest := 0.02
	for _, t := range r.Targets {
		if t.State == probes.Up {
			slowest = max(slowest, took(t))
		}
	}
	w.raw("<section aria-labelledby=\"targets\">\n<h2 id=\"targets\">Targets</h2>\n<div class=\"scroll\"><table class=\"t\">\n")
	w.raw("<thead><tr><th scope=\"col\">target</th><th scope=\"col\">state</th><th scope=\"col\">way</th><th scope=\"col\">time</th><th scope=\"col\">dns, tcp, tls, http</th></tr></thead>\n<tbody>\n")
	skipped := []string{}
	for _, t := range r.Targets {
		if t.State == probes.Skipped {
			skipped = append(skipped, t.Name)
			continue
		}
		w.target(r, t, slowest)
	}
	w.raw("</tbody>\n</table></div>\n")
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

func (w *writer) target(r *report.Report, t report.Target, slowest float64) {
	w.raw("<tr><th scope=\"row\">")
	w.text(t.Name)
	if t.Required {
		w.raw(" <span class=\"dim\" title=\"required\">•</span>")
	}
	w.raw("</th><td>")
	switch stateOf(t.State) {
	case "up":
		w.raw("<span class=\"good\">✓ up</span>")
	case "down":
		w.raw("<span class=\"%s\">✗ ", map[bool]string{true: "dim", false: "bad"}[t.Control])
		w.text(failure(t))
		w.raw("</span>")
		if n := number(r, t.ExplainedBy); n > 0 {
			w.raw(" <a href=\"#f%d\">", n)
			w.text(string(t.ExplainedBy))
			w.raw("</a>")
		} else if t.ExplainedBy != "" {
			w.text(" " + string(t.ExplainedBy))
		}
	default:
		w.raw("<span class=\"warn\">? not known</span>")
	}
	w.raw("</td><td class=\"dim\">")
	w.text(report.RouteWords(t.Route, t.RouteLikely))
	w.raw("</td><td class=\"num\">")
	w.text(words.Seconds(took(t)))
	w.raw("</td><td><svg width=\"160\" height=\"12\" viewBox=\"0 0 160 12\" aria-hidden=\"true\">")
	x := 0.0
	for _, s := range t.Steps {
		if !slices.Contains([]probes.Phase{probes.PhaseDNS, probes.PhaseProxy, probes.PhaseTCP, probes.PhaseTLS, probes.PhaseHTTP, probes.PhaseSigned}, s.Phase) {
			continue
		}
		width := min(s.Duration/slowest*150, 150-x)
		w.raw("<rect class=\"%s\" x=\"%.1f\" y=\"1\" width=\"%.1f\" height=\"10\"/>", s.Phase, x, max(width, 0.5))
		x += width
	}
	if took(t) > slowest {
		w.raw("<rect class=\"cut\" x=\"152\" y=\"1\" width=\"2\" height=\"10\"/><rect class=\"cut\" x=\"156\" y=\"1\" width=\"2\" height=\"10\"/>")
	}
	w.raw("</svg></td></tr>\n")
}

// number is the place of a finding on the page, 0 where it is not there.
func number(r *report.Report, c diagnosis.Code) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == diagnosis.Info {
			continue
		}
		if n++; f.Code == c {
			return n
		}
	}
	return 0
}
