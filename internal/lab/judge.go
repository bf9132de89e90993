//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// verdict is what the lab reads of agentctl's JSON report. It is written out here, and not imported, so that the lab notices
// when the report's public names change.
type verdict struct {
	Schema  string `json:"schema"`
	Verdict struct {
		State string `json:"state"`
	} `json:"verdict"`
	Findings []struct {
		Code       string            `json:"code"`
		Severity   string            `json:"severity"`
		Confidence string            `json:"confidence"`
		Summary    string            `json:"summary"`
		Evidence   []json.RawMessage `json:"evidence"`
	} `json:"findings"`
	Targets []struct {
		Name        string `json:"name"`
		Required    bool   `json:"required"`
		State       string `json:"state"`
		ExplainedBy string `json:"explained_by"`
		Route       string `json:"route"`
		Steps       []struct {
			State  string `json:"state"`
			Reason string `json:"reason"`
		} `json:"steps"`
	} `json:"targets"`
	Checks []struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Detail string `json:"detail"`
	} `json:"checks"`
}

// Judge compares a run with what the scenario expects. got is a short line for the table.
func (s *Scenario) Judge(r Result) (got string, err error) {
	var v verdict
	if err := json.Unmarshal(r.Stdout, &v); err != nil {
		return fmt.Sprintf("exit %d, no report", r.Exit), fmt.Errorf("no JSON report: %w; exit %d, stderr: %s", err, r.Exit, tail(r.Stderr))
	}
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if v.Schema != "agentctl/report/v1" {
		complain("schema is %q", v.Schema)
	}
	var serious, info []string
	for _, f := range v.Findings {
		if f.Severity == "info" {
			info = append(info, f.Code)
			continue
		}
		serious = append(serious, f.Code)
		if f.Severity == "critical" && len(f.Evidence) == 0 {
			complain("%s is critical and has no evidence", f.Code)
		}
		if want := s.Expect.Severity[f.Code]; want != "" && f.Severity != want {
			complain("%s is %s, want %s", f.Code, f.Severity, want)
		}
		if want := s.Expect.Confidence[f.Code]; want != "" && f.Confidence != want {
			complain("%s is %s, want %s", f.Code, f.Confidence, want)
		}
	}
	slices.Sort(serious)
	want := slices.Sorted(slices.Values(s.Expect.Findings))
	if !slices.Equal(serious, want) {
		complain("findings %v, want %v", serious, want)
	}
	for _, code := range s.Expect.Info {
		if !slices.Contains(info, code) {
			complain("%s is not among the informational findings %v", code, info)
		}
	}
	if v.Verdict.State != s.Expect.Verdict {
		complain("verdict %s, want %s", v.Verdict.State, s.Expect.Verdict)
	}
	if r.Exit != s.Expect.Exit {
		complain("exit %d, want %d", r.Exit, s.Expect.Exit)
	}
	if seconds := r.Wall.Seconds(); seconds > s.Expect.MaxSeconds {
		complain("took %.1f s, at most %.1f s allowed", seconds, s.Expect.MaxSeconds)
	}
	explained, routes, states, reasons := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	for _, t := range v.Targets {
		for _, step := range t.Steps {
			if step.State == "down" {
				reasons[t.Name] = step.Reason
			}
		}
		explained[t.Name], routes[t.Name], states[t.Name] = t.ExplainedBy, t.Route, t.State
		if t.Required && t.State == "down" && t.ExplainedBy == "" {
			complain("required target %s is down and nothing explains it", t.Name)
		}
	}
	for code, text := range s.Expect.Evidence {
		found := false
		for _, f := range v.Findings {
			whole, _ := json.Marshal(f) // of strings and JSON
			found = found || f.Code == code && strings.Contains(string(whole), text)
		}
		if !found {
			complain("no %s with %q in it", code, text)
		}
	}
	for name, text := range s.Expect.Checks {
		got := "absent"
		for _, c := range v.Checks {
			if c.Name == name {
				got = c.Value + " " + c.Detail
			}
		}
		if !strings.Contains(got, text) {
			complain("check %s is %q, want %q in it", name, got, text)
		}
	}
	for _, code := range s.Expect.NoInfo {
		if slices.Contains(info, code) {
			complain("%s is among the informational findings %v", code, info)
		}
	}
	for target, code := range s.Expect.Explained {
		if explained[target] != code {
			complain("target %s is explained by %q, want %s", target, explained[target], code)
		}
	}
	for target, code := range explained {
		if code != "" && !slices.Contains(append(slices.Clone(serious), info...), code) {
			complain("%s is explained by %s, which is not among the findings", target, code)
		}
	}
	for target, route := range s.Expect.Routes {
		if routes[target] != route {
			complain("route of %s is %q, want %s", target, routes[target], route)
		}
	}
	for target, state := range s.Expect.States {
		if states[target] != state {
			complain("%s is %q, want %s", target, states[target], state)
		}
	}
	for target, reason := range s.Expect.Reasons {
		if reasons[target] != reason {
			complain("%s fails by %q, want %s", target, reasons[target], reason)
		}
	}
	return v.Verdict.State + " " + strings.Join(serious, " "), errors.Join(wrong...)
}

// JudgeShort compares a run that was given too little time. It may know less than the scenario expects and say that it does not
// know; what it says must be true.
func (s *Scenario) JudgeShort(r Result) (got string, err error) {
	var v verdict
	if err := json.Unmarshal(r.Stdout, &v); err != nil {
		return fmt.Sprintf("exit %d, no report", r.Exit), fmt.Errorf("no JSON report: %w; exit %d, stderr: %s", err, r.Exit, tail(r.Stderr))
	}
	var wrong []error
	var serious []string
	for _, f := range v.Findings {
		if f.Severity == "info" {
			continue
		}
		serious = append(serious, f.Code)
		if !slices.Contains(s.Expect.Findings, f.Code) {
			wrong = append(wrong, fmt.Errorf("%s is not what is wrong here", f.Code))
		}
	}
	exits := map[string]int{"ready": 0, "degraded": 0, "blocked": 1, "unknown": 3}
	if r.Exit != exits[v.Verdict.State] {
		wrong = append(wrong, fmt.Errorf("exit %d with verdict %s", r.Exit, v.Verdict.State))
	}
	if s.Expect.Verdict == "blocked" && r.Exit == 0 { // a warning may need more time than there was; "nothing blocks" must be known
		wrong = append(wrong, fmt.Errorf("verdict %s although it is %s", v.Verdict.State, s.Expect.Verdict))
	}
	return v.Verdict.State + " " + strings.Join(serious, " "), errors.Join(wrong...)
}

// tail is the end of a text, short enough for a test's message.
func tail(text []byte) string {
	const enough = 1500
	if len(text) > enough {
		text = text[len(text)-enough:]
	}
	return strings.TrimSpace(string(text))
}
