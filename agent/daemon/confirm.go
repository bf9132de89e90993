package daemon

import (
	"slices"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

// confirm raises a finding when so many rounds in a row have seen it, and clears it
// when as many have not. Only a round that measured what the finding rests on
// counts as a look.
type confirm struct {
	looks int
	known map[diagnosis.Code]*candidate
	// on tells whether a group is measured at all; nil: each is.
	on func(probes.Group) bool
}

// candidate is a finding on its way up or down.
type candidate struct {
	finding diagnosis.Finding
	groups  []probes.Group
	seen    int // looks in a row with it
	missed  int // looks in a row without it
	raised  bool
}

// newConfirm begins with the findings of an earlier report: a restart of the daemon
// neither clears nor repeats an alert.
func newConfirm(looks int, last *report.Report) *confirm {
	c := &confirm{looks: looks, known: map[diagnosis.Code]*candidate{}}
	if last != nil {
		groups := groupsByTarget(last.Targets)
		for _, f := range last.Findings {
			c.known[f.Code] = &candidate{finding: f, groups: restsOn(f, groups), seen: looks, raised: true}
		}
	}
	return c
}

// look takes in what one round diagnosed. It returns the findings that stand, and
// what is not decided yet.
func (c *confirm) look(d diagnosis.Diagnosis, r *probes.Round, measured []probes.Group) (raised []diagnosis.Finding, pending []report.Pending) {
	groups := map[string]probes.Group{}
	for _, res := range r.Results {
		groups[res.Target.Name] = res.Target.Group
	}
	for _, repo := range r.Repos {
		groups[repo.Result.Target.Name] = probes.GroupRepos
	}
	now := map[diagnosis.Code]bool{}
	for _, f := range d.Findings {
		k := c.known[f.Code]
		if k == nil {
			k = &candidate{}
			c.known[f.Code] = k
		}
		now[f.Code] = true
		k.finding, k.groups = f, restsOn(f, groups)
		if k.looked(measured) || k.seen == 0 {
			k.seen++
		}
		k.missed = 0
		k.raised = k.raised || k.seen >= c.looks || f.Severity == diagnosis.Info
	}
	for code, k := range c.known {
		if now[code] {
			continue
		}
		if k.looked(measured) {
			k.missed++
		}
		k.seen = 0
		// Nobody will look again at what the configuration has switched off.
		if c.on != nil && !slices.ContainsFunc(k.groups, c.on) || !k.raised && k.missed > 0 || k.missed >= c.looks || k.finding.Severity == diagnosis.Info {
			delete(c.known, code)
		}
	}
	return c.standing(d), c.pending()
}

// standing are the raised findings: those of this diagnosis in its order, then
// those that are not cleared yet.
func (c *confirm) standing(d diagnosis.Diagnosis) []diagnosis.Finding {
	var out, leaving []diagnosis.Finding
	now := map[diagnosis.Code]bool{}
	for _, f := range d.Findings {
		if c.known[f.Code].raised {
			out = append(out, f)
		}
		now[f.Code] = true
	}
	for code, k := range c.known {
		if k.raised && !now[code] {
			leaving = append(leaving, k.finding)
		}
	}
	out = append(out, leaving...)
	slices.SortStableFunc(out, func(a, b diagnosis.Finding) int {
		return severity(a) - severity(b)
	})
	return out
}

func severity(f diagnosis.Finding) int {
	return slices.Index([]diagnosis.Severity{diagnosis.Critical, diagnosis.Warning, diagnosis.Info}, f.Severity)
}

// pending lists what waits for another look, in the order of the codes.
func (c *confirm) pending() []report.Pending {
	var out []report.Pending
	for code, k := range c.known {
		p := report.Pending{Code: code, Severity: k.finding.Severity, Targets: k.finding.Targets, Looks: k.seen, Of: c.looks}
		switch {
		case k.raised && k.seen == 0:
			p.Clearing, p.Looks = true, k.missed
		case k.raised:
			continue
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b report.Pending) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return out
}

// waiting are the groups that must be measured again for what is pending.
func (c *confirm) waiting() []probes.Group {
	var out []probes.Group
	for _, k := range c.known {
		if k.raised == (k.seen == 0) { // on its way up, or down
			for _, g := range k.groups {
				if !slices.Contains(out, g) {
					out = append(out, g)
				}
			}
		}
	}
	return out
}

func (k *candidate) looked(measured []probes.Group) bool {
	return slices.ContainsFunc(k.groups, func(g probes.Group) bool { return slices.Contains(measured, g) })
}

func groupsByTarget(ts []report.Target) map[string]probes.Group {
	out := map[string]probes.Group{}
	for _, t := range ts {
		out[t.Name] = t.Group
	}
	return out
}

// restsOn are the groups whose measuring tells whether a finding still holds: those
// of its targets, else that of its block.
func restsOn(f diagnosis.Finding, groups map[string]probes.Group) []probes.Group {
	var out []probes.Group
	for _, t := range f.Targets {
		if g, ok := groups[t]; ok && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	if len(out) > 0 {
		return out
	}
	e, _ := diagnosis.Lookup(f.Code)
	switch e.Block {
	case diagnosis.BlockAgent:
		return []probes.Group{probes.GroupAgent}
	case diagnosis.BlockHost:
		return []probes.Group{probes.GroupHost}
	case diagnosis.BlockRepos:
		return []probes.Group{probes.GroupRepos}
	case diagnosis.BlockIdentity:
		return []probes.Group{probes.GroupIdentity}
	}
	return []probes.Group{probes.GroupSSM, probes.GroupS3, probes.GroupIdentity}
}
