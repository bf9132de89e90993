package statuspage

import (
	"fmt"
	"strings"
	"sync"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/words"
)

// marks are the signs of the states: colour is never the only one.
var marks = map[diagnosis.State]string{diagnosis.Ready: "✓", diagnosis.Degraded: "!", diagnosis.Blocked: "✗", diagnosis.Unknown: "?"}

// verdict is the state in a word or two; one that is old is not how things stand now.
func verdict(v View) string {
	state := strings.ToUpper(string(v.Report.Verdict.State))
	if state != "" && v.stale() {
		return "WAS " + state
	}
	return state
}

// header is the verdict in one line, and which machine this is.
func (w *writer) header(v View) {
	r := v.Report
	state, mark := class(r.Verdict.State), first(marks[r.Verdict.State], "?")
	if v.stale() {
		state, mark = "unknown", "?"
	}
	w.raw("<header class=\"verdict %s\">\n<h1>%s ", state, mark)
	w.text(first(verdict(v), "UNKNOWN"))
	w.raw("</h1>\n")
	w.el("p", "", first(r.Verdict.Summary, report.Summarize(r)))
	if v.stale() && !r.StartedAt.IsZero() {
		w.raw("<p class=\"warn\"><strong>! This report is ")
		w.text(words.Duration(v.Now.Sub(r.StartedAt)))
		w.raw(" old.</strong> No round has ended since: right after a start one is under way; else agentctl's log says why.</p>\n")
	}
	w.raw("<p class=\"meta\">")
	i := r.Instance
	for _, s := range []string{i.ID, i.Type, first(i.AvailabilityZone, i.Region), first(i.OS.Name, strings.TrimSpace(i.OS.ID+" "+i.OS.Version)), i.VPCID, i.SubnetID} {
		if s != "" {
			w.el("span", "", s)
		}
	}
	if h := v.History; h != nil && !h.Verdict.Since.IsZero() && h.Verdict.State == string(r.Verdict.State) {
		w.el("span", "", string(r.Verdict.State)+" since "+words.Time(h.Verdict.Since))
	}
	w.raw("<span>checked <time datetime=\"%s\">", r.StartedAt.UTC().Format("2006-01-02T15:04:05Z"))
	w.text(words.Ago(r.StartedAt, v.Now))
	w.raw("</time></span></p>\n</header>\n")
}

func first(s ...string) string {
	for _, x := range s {
		if x != "" {
			return x
		}
	}
	return ""
}

// class is a state as a class of the style.
func class(s diagnosis.State) string {
	switch s {
	case diagnosis.Ready, diagnosis.Degraded, diagnosis.Blocked:
		return string(s)
	case diagnosis.Unknown:
	}
	return "unknown"
}

// causesOf are the findings that block, then those that degrade.
func causesOf(r *report.Report) []diagnosis.Finding {
	var out []diagnosis.Finding
	for _, s := range []diagnosis.Severity{diagnosis.Critical, diagnosis.Warning} {
		for _, f := range r.Findings {
			if f.Severity == s {
				out = append(out, f)
			}
		}
	}
	return out
}

// causes are shown with what mends them.
func (w *writer) causes(v View) {
	if len(w.found) == 0 {
		return
	}
	w.raw("<section aria-labelledby=\"causes\">\n<h2 id=\"causes\">What is the matter, and what mends it</h2>\n")
	for i, f := range w.found {
		w.finding(v, f, i+1)
	}
	w.raw("</section>\n")
}

func (w *writer) finding(v View, f diagnosis.Finding, n int) {
	severity, mark := "warning", "!"
	if f.Severity == diagnosis.Critical {
		severity, mark = "critical", "✗"
	}
	w.raw("<article class=\"%s\" id=\"f%d\">\n<h3>%s ", severity, n, mark)
	w.text(string(f.Code))
	if f.Confidence == diagnosis.Likely {
		w.raw(" <span class=\"dim\">(likely)</span>")
	}
	if len(f.Targets) > 0 {
		w.raw(" <span class=\"dim\">· ")
		w.text(words.ListFirst(f.Targets, 4))
		w.raw("</span>")
	}
	w.raw("</h3>\n")
	w.el("p", "", f.Summary)
	if len(f.Evidence) > 0 {
		w.raw("<dl>\n")
		for _, e := range f.Evidence {
			w.el("dt", "", e.What)
			w.el("dd", "", e.Value)
			w.raw("\n")
		}
		w.raw("</dl>\n")
	}
	if len(f.Fix) > 0 {
		w.raw("<ol>\n")
		for i, x := range f.Fix {
			w.raw("<li>")
			w.text(x.Text)
			if x.Command != "" {
				id := fmt.Sprintf("c%d-%d", n, i+1)
				w.raw("<div class=\"cmd\"><pre id=\"%s\" tabindex=\"0\" role=\"group\" aria-label=\"command\">", id)
				w.text(x.Command)
				w.raw("</pre><button type=\"button\" data-copy=\"%s\" aria-describedby=\"%s\" hidden>copy</button></div>", id, id)
			}
			w.raw("</li>\n")
		}
		w.raw("</ol>\n")
	}
	w.raw("<p class=\"dim\">%s since ", map[string]string{"critical": "Blocks", "warning": "Degrades"}[severity])
	w.text(words.Time(f.Since))
	if c := report.CapabilityWords(f.Capabilities); len(c) > 0 {
		w.text(": " + words.List(c))
	}
	if h := v.History; h != nil {
		if flaps := h.Flaps(history.KindFinding, string(f.Code)); flaps > 0 {
			w.text(fmt.Sprintf("; came and went %s in the last 24 hours", words.Count(flaps, "time")))
		}
	}
	w.raw("</p>\n")
	w.explain(f.Code)
	w.raw("</article>\n")
}

// catalogue holds diagnosis.Lookup's answers: that one builds all of them each time.
var catalogue = sync.OnceValue(func() map[diagnosis.Code]diagnosis.Entry {
	m := map[diagnosis.Code]diagnosis.Entry{}
	for _, e := range diagnosis.Catalogue() {
		m[e.Code] = e
	}
	return m
})

// explain is what agentctl explain says.
func (w *writer) explain(c diagnosis.Code) {
	e, ok := catalogue()[c]
	if !ok {
		return
	}
	w.raw("<details><summary>What is ")
	w.text(string(c))
	w.raw("?</summary>")
	w.el("p", "", e.Meaning)
	w.raw("<p><strong>Recognised by:</strong> ")
	w.text(e.Recognised)
	w.raw("</p><p><strong>Source:</strong> ")
	w.text(e.Source)
	w.raw("</p></details>\n")
}

// waiting are findings that need a second look, and those that are silenced.
func (w *writer) waiting(r *report.Report) {
	if len(r.Pending)+len(r.Muted) == 0 {
		return
	}
	w.raw("<section aria-labelledby=\"waiting\">\n<h2 id=\"waiting\">Not reported</h2>\n<ul>\n")
	for _, p := range r.Pending {
		w.raw("<li><strong>")
		w.text(string(p.Code))
		w.raw("</strong> <span class=\"dim\">")
		if p.Clearing {
			w.text(fmt.Sprintf("is not seen any more; cleared after %d looks, %d so far", p.Of, p.Looks))
		} else {
			w.text(fmt.Sprintf("(%s) seen in %d of %d looks", p.Severity, p.Looks, p.Of))
		}
		w.raw("</span></li>\n")
	}
	for _, m := range r.Muted {
		w.raw("<li><strong>")
		w.text(string(m.Code))
		w.raw("</strong> <span class=\"dim\">")
		w.text(fmt.Sprintf("(%s) silenced by the configuration: %s", m.Severity, m.Reason))
		w.raw("</span></li>\n")
	}
	w.raw("</ul>\n</section>\n")
}

// notes are what is worth knowing.
func (w *writer) notes(r *report.Report) {
	n := 0
	for _, f := range r.Findings {
		if f.Severity != diagnosis.Info {
			continue
		}
		if n == 0 {
			w.raw("<section aria-labelledby=\"notes\">\n<h2 id=\"notes\">Worth knowing</h2>\n<ul>\n")
		}
		n++
		w.raw("<li><strong>")
		w.text(string(f.Code))
		w.raw("</strong>: ")
		w.text(f.Summary)
		w.explain(f.Code)
		w.raw("</li>\n")
	}
	if n > 0 {
		w.raw("</ul>\n</section>\n")
	}
}
