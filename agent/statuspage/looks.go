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

// look is how something stands, in three signs of which colour is only one.
type look struct {
	class string // of the style: colour and kind of line
	sign  string
	word  string
}

// The looks. Red is for what blocks, amber for what will or may, grey for what is
// no fault.
var (
	works    = look{"good", "✓", "works"}
	fails    = look{"bad", "✗", "fails"}
	warned   = look{"warn", "!", "works, with a warning"}
	optional = look{"warn", "!", "fails, not required"}
	once     = look{"warn", "!", "fails, waits for a second look"}
	unsure   = look{"unsure", "?", "not known"}
	troubled = look{"warn", "!", "fails, with a warning"}
	silent   = look{"aside", "–", "no answer, no fault"}
	aside    = look{"aside", "–", "fails, only asked for comparison"}
	rest     = look{"aside", "…", "not shown"}
)

// badness orders the looks, worst first.
func (l look) badness() int {
	return slices.Index([]look{fails, once, optional, troubled, warned, unsure, works, silent, aside, rest}, l)
}

// lookOf judges a target as the rest of the report does: what is only seen once,
// is not required or is only there for comparison is not red.
func lookOf(r *report.Report, t report.Target) look {
	switch t.State {
	case probes.Up:
		if slices.ContainsFunc(r.Findings, func(f diagnosis.Finding) bool {
			return f.Severity == diagnosis.Warning && slices.Contains(f.Targets, t.Name)
		}) {
			return warned
		}
		return works
	case probes.Down:
		switch {
		case t.Control:
			return aside
		case waits(r, t):
			return once
		case !t.Required:
			return optional
		}
		return fails
	case probes.Skipped, probes.Unknown:
	}
	return unsure
}

// waits tells whether a target fails for nothing that is raised, and for something
// that was seen once.
func waits(r *report.Report, t report.Target) bool {
	if slices.ContainsFunc(r.Findings, func(f diagnosis.Finding) bool { return f.Code == t.ExplainedBy }) {
		return false
	}
	return slices.ContainsFunc(r.Pending, func(p report.Pending) bool {
		return !p.Clearing && (p.Code == t.ExplainedBy || slices.Contains(p.Targets, t.Name))
	})
}

// lookOfCheck judges a resolver or the metadata service: one that fails is as bad as
// the findings about it. Where another resolver answers, it blocks nothing.
func lookOfCheck(r *report.Report, c report.Check, block string, another bool) look {
	switch c.State {
	case probes.Up:
		return works
	case probes.Down:
		l := silent
		for _, f := range r.Findings {
			if f.Severity == diagnosis.Info || !strings.HasPrefix(string(f.Code), block) && f.Code != "host-firewall-blocked" {
				continue
			}
			if f.Severity == diagnosis.Critical && !another {
				return fails
			}
			l = troubled
		}
		return l
	case probes.Skipped, probes.Unknown:
	}
	return unsure
}

// stopped is the step at which a target failed.
func stopped(t report.Target) (probes.Step, bool) {
	for _, s := range t.Steps {
		if s.State == probes.Down {
			return s, true
		}
	}
	return probes.Step{}, false
}

// failure says how a target failed, in the words of the other outputs.
func failure(t report.Target) string {
	s, ok := stopped(t)
	switch {
	case !ok:
		return "failed"
	case s.Phase == probes.PhaseProxy: // its reasons name the proxy
		return report.ReasonWords(s.Reason)
	case s.Phase == probes.PhaseSigned:
		return "signed call: " + report.ReasonWords(s.Reason)
	}
	return strings.ToUpper(string(s.Phase)) + " " + report.ReasonWords(s.Reason)
}

// steps says how long each step took and how it went.
func steps(t report.Target) string {
	var out []string
	for _, s := range t.Steps {
		text := fmt.Sprintf("%s %s", s.Phase, words.Seconds(s.Duration))
		if s.State == probes.Down {
			text += " " + report.ReasonWords(s.Reason)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}
