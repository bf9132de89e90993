package statuspage

import (
	"maps"
	"slices"

	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/words"
	"agentctl/probes"
)

// slots of the strips: a quarter of an hour each.
const slots = 96

// maxStrips bounds the rows beside the verdict's.
const maxStrips = 20

// day is the last 24 hours: the verdict, and whatever was bad within them.
func (w *writer) day(v View) {
	h := v.History
	if h == nil {
		return
	}
	w.raw("<section aria-labelledby=\"day\">\n<h2 id=\"day\">The last 24 hours</h2>\n<table class=\"day\">\n<tbody>\n")
	w.strip(v, history.KindVerdict, "", "verdict")
	n := 0
	for _, part := range []struct {
		kind  history.Kind
		names []string
	}{{history.KindFinding, slices.Sorted(maps.Keys(h.Findings))}, {history.KindTarget, slices.Sorted(maps.Keys(h.Targets))}} {
		for _, name := range part.names {
			strip := h.Strip(part.kind, name, v.Now, slots)
			if n < maxStrips && slices.ContainsFunc(strip, func(s history.Slot) bool { return slotClass(s.State) == "s-bad" }) {
				w.strip(v, part.kind, name, name)
				n++
			}
		}
	}
	w.raw("</tbody>\n</table>\n<p class=\"dim\">From 24 hours ago at the left to now. Grey: nobody looked.</p>\n</section>\n")
}

func (w *writer) strip(v View, kind history.Kind, name, label string) {
	w.raw("<tr><td>")
	w.text(label)
	w.raw("</td><td><svg class=\"strip\" viewBox=\"0 0 %d 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"", slots*4)
	strip := v.History.Strip(kind, name, v.Now, slots)
	if kind == history.KindFinding {
		// Without the finding all was well, where somebody looked.
		for i, looked := range v.History.Strip(history.KindVerdict, "", v.Now, slots) {
			if strip[i].State == "" && looked.State != "" {
				strip[i].State = string(probes.Up)
			}
		}
	}
	bad := 0
	for _, s := range strip {
		if slotClass(s.State) == "s-bad" {
			bad++
		}
	}
	w.text(words.Count(bad, "quarter of an hour") + " with a fault")
	w.raw("\">")
	for i := 0; i < len(strip); {
		c, from := slotClass(strip[i].State), i
		for i < len(strip) && slotClass(strip[i].State) == c {
			i++
		}
		// A fault is taller than what is well: colour is not the only sign.
		y, height := 3, 4
		if c == "s-bad" {
			y, height = 0, 10
		}
		w.raw("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", c, from*4, y, (i-from)*4, height)
	}
	w.raw("</svg></td></tr>\n")
}

func slotClass(state string) string {
	switch state {
	case "up", "ready", history.Noted:
		return "s-up"
	case "degraded", "unknown":
		return "s-warn"
	case "":
		return "s-none"
	}
	return "s-bad"
}

// checks are the facts of the machine.
func (w *writer) checks(r *report.Report) {
	if len(r.Checks) == 0 {
		return
	}
	w.raw("<section aria-labelledby=\"checks\">\n<h2 id=\"checks\">This machine</h2>\n<dl>\n")
	for _, c := range r.Checks {
		w.raw("<dt>")
		if c.State == "down" {
			w.raw("<span class=\"bad\">✗</span> ")
		}
		w.text(c.Name)
		w.raw("</dt><dd>")
		w.text(c.Value)
		if c.Detail != "" {
			w.raw(" <span class=\"dim\">")
			w.text(c.Detail)
			w.raw("</span>")
		}
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
