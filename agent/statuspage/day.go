package statuspage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/words"
	"agentctl/probes"
)

// slots of the strips: a quarter of an hour each.
const (
	slots      = 96
	slotLength = history.Window / slots
)

// maxStrips bounds the rows beside the verdict's.
const maxStrips = 20

// day is the last 24 hours: the verdict, and whatever was bad within them.
func (w *writer) day(v View) {
	if v.History == nil {
		return
	}
	w.raw("<section aria-labelledby=\"day\">\n<h2 id=\"day\">The last 24 hours</h2>\n<table class=\"day\">\n<thead><tr><th scope=\"col\"><span class=\"unseen\">what</span></th>")
	w.raw("<th scope=\"col\"><div class=\"axis\"><span>24 h ago</span><span>18 h</span><span>12 h</span><span>6 h</span><span>now</span></div></th></tr></thead>\n<tbody>\n")
	verdict := v.History.Strip(history.KindVerdict, "", v.Now, slots)
	w.strip("verdict", verdict, "bad")
	names := everBad(v.History)
	for i, x := range names {
		if i == maxStrips {
			break
		}
		strip := v.History.Strip(x.kind, x.name, v.Now, slots)
		if x.kind == history.KindFinding {
			// Without the finding all was well, where somebody looked.
			for i := range strip {
				if strip[i].State == "" && verdict[i].State != "" {
					strip[i].State = string(probes.Up)
				}
			}
		}
		w.strip(x.name, strip, severity(v.Report, x))
	}
	w.raw("</tbody>\n</table>\n<p class=\"dim\">")
	if more := len(names) - maxStrips; more > 0 {
		w.text(fmt.Sprintf("%d more had a fault. ", more))
	}
	w.raw("High and red: blocked or failing. Lower and amber: degraded or not known. A thin line: well. A gap: nobody looked.</p>\n</section>\n")
}

// subject is what a strip is about.
type subject struct {
	kind history.Kind
	name string
	now  bool // it is bad at present
}

// everBad are the findings and targets that were bad within the window, what is bad
// now first. It looks at the changes once: Strip does so for each name.
func everBad(h *history.History) []subject {
	var out []subject
	seen := map[subject]bool{}
	add := func(kind history.Kind, name, state string, now bool) {
		key := subject{kind: kind, name: name}
		if kind != history.KindVerdict && slotClass(state, "bad") == "bad" && !seen[key] {
			seen[key] = true
			out = append(out, subject{kind, name, now})
		}
	}
	for name, p := range h.Findings {
		add(history.KindFinding, name, p.State, true)
	}
	for name, p := range h.Targets {
		add(history.KindTarget, name, p.State, true)
	}
	for _, c := range h.Changes {
		add(c.Kind, c.Name, c.From, false)
		add(c.Kind, c.Name, c.To, false)
	}
	slices.SortFunc(out, func(a, b subject) int {
		if a.now != b.now {
			if a.now {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
	})
	return out
}

// severity is the class of a strip's faults. The history does not keep how severe a
// finding was: the present report says it, else what the code is as a rule.
func severity(r *report.Report, x subject) string {
	if x.kind != history.KindFinding {
		return "bad"
	}
	for _, f := range r.Findings {
		if string(f.Code) == x.name && f.Severity == diagnosis.Critical {
			return "bad"
		} else if string(f.Code) == x.name {
			return "warn"
		}
	}
	if strings.HasPrefix(catalogue()[diagnosis.Code(x.name)].Severity, string(diagnosis.Critical)) {
		return "bad"
	}
	return "warn"
}

// heights are top and height of a slot by its class: colour is not the only sign.
var heights = map[string][2]int{"bad": {0, 10}, "warn": {3, 7}, "good": {8, 2}}

// strip draws one row; faults are drawn as severe as they are.
func (w *writer) strip(label string, strip []history.Slot, severe string) {
	w.raw("<tr><th scope=\"row\">")
	w.text(label)
	w.raw("</th><td><svg class=\"strip\" viewBox=\"0 0 %d 10\" preserveAspectRatio=\"none\" role=\"img\"><title>", slots*4)
	w.text(faults(strip, severe))
	w.raw("</title>")
	// One path for each class: a day of flapping has many parts.
	for _, class := range []string{"good", "warn", "bad"} {
		w.slots(class, strip, severe)
	}
	w.raw("</svg></td></tr>\n")
}

// slots draws the parts of a strip that have one class.
func (w *writer) slots(class string, strip []history.Slot, severe string) {
	at, begun := heights[class], false
	for i := 0; i < len(strip); i++ {
		from := i
		for i < len(strip) && slotClass(strip[i].State, severe) == class {
			i++
		}
		if i == from {
			continue
		}
		if !begun {
			w.raw("<path class=\"%s\" d=\"", class)
			begun = true
		}
		w.raw("M%d %dh%dv%dh-%dz", from*4, at[0], (i-from)*4, at[1], (i-from)*4)
	}
	if begun {
		w.raw("\"/>")
	}
}

// faults says a strip in words.
func faults(strip []history.Slot, severe string) string {
	n, last := 0, time.Time{}
	for _, s := range strip {
		if c := slotClass(s.State, severe); c == "bad" || c == "warn" {
			n, last = n+1, s.To
		}
	}
	if n == 0 {
		return "no fault"
	}
	return "a fault in " + words.Duration(time.Duration(n)*slotLength) + " of 24 h, the last until " + words.Time(last)
}

// slotClass is the class of a slot: "" where nobody looked.
func slotClass(state, severe string) string {
	switch state {
	case "":
		return ""
	case string(probes.Up), string(diagnosis.Ready), history.Noted:
		return "good"
	case string(diagnosis.Degraded), string(probes.Unknown):
		return "warn"
	}
	return severe
}
