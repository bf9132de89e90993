package statuspage

import (
	"fmt"
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/words"
)

// header is the verdict in one line, and which machine this is.
func (w *writer) header(v View) {
	r := v.Report
	mark := map[diagnosis.State]string{diagnosis.Ready: "✓", diagnosis.Degraded: "!", diagnosis.Blocked: "✗", diagnosis.Unknown: "?"}[r.Verdict.State]
	w.raw("<header class=\"verdict %s\">\n<h1>%s ", class(r.Verdict.State), mark)
	w.text(strings.ToUpper(string(r.Verdict.State)))
	w.raw("</h1>\n")
	w.el("p", "", r.Verdict.Summary)
	w.raw("<p class=\"meta\">")
	i := r.Instance
	for _, s := range []string{i.ID, i.Type, first(i.AvailabilityZone, i.Region), first(i.OS.Name, strings.TrimSpace(i.OS.ID+" "+i.OS.Version)), i.VPCID, i.SubnetID} {
		if s != "" {
			w.el("span", "", s)
		}
	}
	w.raw("<span>looked at <time datetime=\"%s\">", r.StartedAt.UTC().Format("2006-01-02T15:04:05Z"))
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

// causes are the findings that block or degrade, with what mends them.
func (w *writer) causes(v View) {
	n := 0
	for _, f := range v.Report.Findings {
		if f.Severity == diagnosis.Info {
			continue
		}
		if n == 0 {
			w.raw("<section aria-labelledby=\"causes\">\n<h2 id=\"causes\">What is the matter, and what mends it</h2>\n")
		}
		n++
		w.finding(v, f, n)
	}
	if n > 0 {
		w.raw("</section>\n")
	}
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
				w.raw("<div class=\"cmd\"><pre id=\"%s\" tabindex=\"0\">", id)
				w.text(x.Command)
				w.raw("</pre><button type=\"button\" data-copy=\"%s\" hidden>copy</button></div>", id)
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

// explain is what agentctl explain says.
func (w *writer) explain(c diagnosis.Code) {
	e, ok := diagnosis.Lookup(c)
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
func (w *writer) notes(v View) {
	n := 0
	for _, f := range v.Report.Findings {
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
		w.raw("</li>\n")
	}
	if n > 0 {
		w.raw("</ul>\n</section>\n")
	}
}
