package report

import (
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/words"
	"agentctl/probes"
)

// Summarize writes the verdict's sentence from the state, the findings and the
// targets of a report. It is what WriteText prints where Verdict.Summary is empty.
func Summarize(r *Report) string {
	here := "on this instance"
	if r.Instance.ID == "" {
		here = "from this machine"
	}
	criticals, warnings := count(r.Findings, diagnosis.Critical), count(r.Findings, diagnosis.Warning)
	switch r.Verdict.State {
	case diagnosis.Blocked:
		s := "Patching cannot work " + here + ". " + words.Count(criticals, "cause")
		if warnings > 0 {
			s += ", " + words.Count(warnings, "warning")
		}
		return s + "."
	case diagnosis.Degraded:
		return "Patching works " + here + ", with " + words.Count(warnings, "warning") + "."
	case diagnosis.Ready:
		s := "Patching works " + here
		if what := reached(r.Targets); len(what) > 0 {
			s += ": " + strings.Join(what, ", ")
		}
		return s + "."
	}
	var open []string
	for _, t := range r.Targets {
		if t.Required && t.State == probes.Unknown {
			open = append(open, t.Name)
		}
	}
	if len(open) == 0 {
		return "This round cannot tell whether patching works " + here + "."
	}
	return "This round cannot tell whether patching works " + here + ": " +
		words.ListFirst(open, 3) + " could not be probed."
}

func count(fs []diagnosis.Finding, s diagnosis.Severity) int {
	n := 0
	for _, f := range fs {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// reached names what the required targets that are up stand for.
func reached(ts []Target) []string {
	repos := 0
	var out []string
	seen := map[probes.Group]bool{}
	for _, t := range ts {
		if !t.Required || t.State != probes.Up {
			continue
		}
		if t.Group == probes.GroupRepos {
			repos++
			continue
		}
		if !seen[t.Group] {
			seen[t.Group] = true
			out = append(out, groupWords(t.Group))
		}
	}
	if repos > 0 {
		out = append(out, words.Count(repos, "repository"))
	}
	return out
}
