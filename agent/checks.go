package agent

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/agent/report"
	"agentctl/agent/words"
	"agentctl/probes"
)

// hostChecks are the facts of the machine that decide whether its package manager
// can work, and what the last patch runs said.
func hostChecks(r *probes.Round) []report.Check {
	h := r.HostState
	var out []report.Check
	add := func(name string, state probes.State, value, detail string) {
		out = append(out, report.Check{Name: name, Group: probes.GroupHost, State: state, Value: value, Detail: detail})
	}
	for _, d := range h.Disks {
		if len(d.Uses) == 0 {
			continue
		}
		if !d.Known {
			add("disk "+d.Mount, probes.Unknown, "not known", d.Why)
			continue
		}
		var detail []string
		if d.NoExec {
			detail = append(detail, "noexec")
		}
		if d.ReadOnly {
			detail = append(detail, "read-only")
		}
		add("disk "+d.Mount, probes.Up, words.Bytes(min(d.Free, d.Available))+" free of "+words.Bytes(d.Total), strings.Join(detail, ", "))
	}
	if p := h.Python; h.Manager != "" {
		switch {
		case p.Best >= 0 && p.Best < len(p.Candidates):
			c := p.Candidates[p.Best]
			add("python", probes.Up, strings.TrimSpace(c.Name+" "+c.Version), c.Detail)
		case p.Known:
			add("python", probes.Down, "none", "needs "+p.Needs)
		}
	}
	if m := h.Memory; m.Known {
		add("memory", probes.Up, words.Bytes(m.Available)+" available of "+words.Bytes(m.Total), "")
	}
	if o := h.OS; o.State != "" && o.State != probes.SupportUnknown {
		c := report.Check{Name: "os-support", Group: probes.GroupHost, State: probes.Up, Value: strings.ReplaceAll(string(o.State), "_", " ")}
		if !o.Ends.IsZero() {
			c.Detail = "until " + o.Ends.Format("2006-01-02")
			if o.Ends.Before(r.Now) {
				c.Detail = "ended on " + o.Ends.Format("2006-01-02")
			}
		}
		out = append(out, c)
	}
	return append(out, runChecks(r)...)
}

// runChecks are the last scan and the last install.
func runChecks(r *probes.Round) []report.Check {
	var out []report.Check
	for _, operation := range []string{probes.PatchScan, probes.PatchInstall} {
		run, ok := r.PatchRuns.Last(operation)
		if !ok {
			continue
		}
		c := report.Check{Name: "last-" + strings.ToLower(operation), Group: probes.GroupHost, State: probes.Unknown, Value: string(run.End)}
		switch run.End {
		case probes.PatchSucceeded:
			c.State = probes.Up
		case probes.PatchFailed, probes.PatchInterrupted:
			c.State = probes.Down
		case probes.PatchRunning, probes.PatchRebooting, probes.PatchEndUnknown:
		}
		detail := []string{}
		if at := run.Ended; !at.IsZero() {
			detail = append(detail, words.Ago(at, r.Now))
		} else if !run.Started.IsZero() {
			detail = append(detail, "begun "+words.Ago(run.Started, r.Now))
		}
		if run.Method != probes.MethodUnknown && run.Method != "" {
			by := "by " + strings.ReplaceAll(string(run.Method), "_", " ")
			if !run.MethodSure {
				by += " (likely)"
			}
			detail = append(detail, by)
		}
		for _, n := range []struct {
			count *int
			word  string
		}{{run.Missing, "missing"}, {run.Installed, "installed"}, {run.Failed, "failed"}} {
			if n.count != nil {
				detail = append(detail, fmt.Sprintf("%d %s", *n.count, n.word))
			}
		}
		c.Detail = strings.Join(detail, ", ")
		out = append(out, c)
	}
	return out
}

// repoCheck sums up the package manager's configuration.
func repoCheck(r *probes.Round) report.Check {
	cfg := r.RepoConfig
	c := report.Check{Name: "package-manager", Group: probes.GroupRepos, State: probes.Unknown, Value: cfg.Manager, Detail: cfg.Why}
	if !cfg.Known {
		if c.Value == "" {
			c.Value = "none known"
		}
		return c
	}
	enabled, required, internet := 0, 0, 0
	results := map[string]bool{}
	for _, res := range r.Repos {
		results[res.Repo.ID] = res.Repo.Internet
	}
	for _, repo := range cfg.Repos {
		if !repo.Enabled {
			continue
		}
		enabled++
		if repo.Required {
			required++
		}
		out, measured := results[repo.ID]
		if measured && out || !measured && repo.Internet {
			internet++
		}
	}
	c.State = probes.Up
	c.Detail = fmt.Sprintf("%s enabled, %d required, %d on the internet", words.Count(enabled, "repository"), required, internet)
	if slices.ContainsFunc(cfg.Problems, func(p probes.RepoProblem) bool { return p.Fatal }) {
		c.State = probes.Down
	}
	if n := len(cfg.Problems); n > 0 {
		p := cfg.Problems[0]
		c.Detail += fmt.Sprintf("; %s:%d: %s", p.File, p.Line, p.Text)
	}
	return c
}
