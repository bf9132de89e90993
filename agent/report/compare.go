package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/words"
	"agentctl/probes"
)

// ReadJSON reads a report that WriteJSON wrote, of this or a later version of
// agentctl: what it does not know it passes over.
func ReadJSON(data []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("is not a report in JSON: %w", err)
	}
	if r.Schema != Schema {
		return nil, errors.New("is not a report of the form " + Schema + "; make one with: agentctl probe --output json --output-file FILE")
	}
	return &r, nil
}

// WriteCompare writes what has changed from an earlier report to a later one, for a
// person: the verdict, findings, targets. Timings alone are no change.
func WriteCompare(w io.Writer, old, now *Report, o TextOptions) error {
	p := newPage(o)
	p.space()
	head := "Compared with " + old.StartedAt.UTC().Format("2006-01-02 15:04:05 MST")
	if a, b := old.Instance.ID, now.Instance.ID; a != b {
		head += fmt.Sprintf(", of another instance (%s)", p.clean(orUnknown(a)))
	}
	p.line(p.paint(bold, head))
	changes := compare(old, now)
	if len(changes) == 0 {
		p.line("  nothing has changed")
	}
	for _, c := range changes {
		for i, l := range words.Wrap(p.clean(c.text), p.width-4) {
			mark := "  "
			if i == 0 {
				mark = c.mark + " "
			}
			p.line("  " + mark + l)
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// difference is one line: + is new, - is gone, ~ is other than before.
type difference struct{ mark, text string }

func compare(old, now *Report) []difference {
	var out []difference
	add := func(mark, format string, args ...any) {
		out = append(out, difference{mark, fmt.Sprintf(format, args...)})
	}
	if a, b := old.Verdict.State, now.Verdict.State; a != b {
		add("~", "verdict: %s, was %s", b, a)
	}
	for _, f := range now.Findings {
		i := indexOf(old.Findings, f.Code)
		switch {
		case i < 0:
			add("+", "%s (%s): %s", f.Code, f.Severity, f.Summary)
		case old.Findings[i].Severity != f.Severity:
			add("~", "%s: %s, was %s", f.Code, f.Severity, old.Findings[i].Severity)
		case !sameNames(old.Findings[i].Targets, f.Targets):
			add("~", "%s: now about %s, before about %s", f.Code, orNothing(f.Targets), orNothing(old.Findings[i].Targets))
		}
	}
	for _, f := range old.Findings {
		if indexOf(now.Findings, f.Code) < 0 {
			add("-", "%s is gone", f.Code)
		}
	}
	before := map[string]Target{}
	for _, t := range old.Targets {
		before[t.Name] = t
	}
	for _, t := range now.Targets {
		was, known := before[t.Name]
		delete(before, t.Name)
		switch {
		case t.State == probes.Skipped && (!known || was.State == probes.Skipped):
		case !known || was.State == probes.Skipped:
			add("+", "%s: %s", t.Name, t.State)
		case t.State == probes.Skipped:
			add("-", "%s is not probed any more", t.Name)
		case t.State != was.State:
			add("~", "%s: %s, was %s", t.Name, stateWords(t), stateWords(was))
		case t.Route != was.Route && t.Route != probes.RouteUnknown && was.Route != probes.RouteUnknown && t.Route != "" && was.Route != "":
			add("~", "%s: by %s, before by %s", t.Name, RouteWords(t.Route, t.RouteLikely), RouteWords(was.Route, was.RouteLikely))
		case !sameNames(t.Addresses, was.Addresses) && t.Route != probes.RouteUnknown && private(t):
			add("~", "%s: at %s, before at %s", t.Name, orNothing(t.Addresses), orNothing(was.Addresses))
		}
	}
	for _, t := range old.Targets {
		if _, left := before[t.Name]; left && t.State != probes.Skipped {
			add("-", "%s is not probed any more", t.Name)
		}
	}
	return out
}

// private tells whether a target's addresses are an endpoint's, which stay the same;
// public ones change with every answer.
func private(t Target) bool {
	return t.Route == probes.RouteInterface || t.Route == probes.RouteCentral
}

func stateWords(t Target) string {
	for _, s := range t.Steps {
		if s.State == probes.Down {
			return fmt.Sprintf("%s (%s: %s)", t.State, s.Phase, s.Reason)
		}
	}
	return string(t.State)
}

func indexOf(fs []diagnosis.Finding, c diagnosis.Code) int {
	return slices.IndexFunc(fs, func(f diagnosis.Finding) bool { return f.Code == c })
}

func sameNames(a, b []string) bool {
	x, y := slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(x, y)
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
