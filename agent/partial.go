package agent

import (
	"slices"

	"agentctl/probes"
)

// onTheNetwork are the groups whose measuring sends packets. The metadata belongs
// to them all.
var onTheNetwork = []probes.Group{probes.GroupSSM, probes.GroupS3, probes.GroupRepos, probes.GroupWindowsUpdate, probes.GroupIdentity, probes.GroupCustom}

// sends tells whether this round sends anything. One that stands alone always asks
// the metadata service who this instance is.
func (r *round) sends() bool { return r.Previous == nil || r.wants(onTheNetwork...) }

// takeOver takes from an earlier round what this one did not measure.
func (r *round) takeOver(old *probes.Round) {
	now := r.Round
	// A group that the configuration has switched off since is forgotten.
	applies := Groups(r.Config, now.Host.OS.Family)
	on := func(g probes.Group) bool { return slices.Contains(applies, g) }
	measured := func(g probes.Group) bool { return slices.Contains(now.Groups, g) }
	if !r.sends() {
		now.Resolvers, now.TimeSync = old.Resolvers, old.TimeSync
	}
	now.Results = takeResults(now.Results, old.Results, func(g probes.Group) bool { return measured(g) || !on(g) })
	if !measured(probes.GroupRepos) && on(probes.GroupRepos) {
		now.RepoConfig, now.Repos = old.RepoConfig, old.Repos
	}
	if !measured(probes.GroupHost) {
		now.HostState = old.HostState
	}
	if !measured(probes.GroupHost) && !measured(probes.GroupS3) {
		now.PatchRuns = old.PatchRuns
	}
	if !measured(probes.GroupAgent) && !measured(probes.GroupIdentity) {
		now.Agent = old.Agent
	}
	for _, g := range old.Groups {
		if !measured(g) && on(g) {
			now.Groups = append(slices.Clone(now.Groups), g)
		}
	}
	order := append(probes.Groups(), probes.GroupCustom)
	slices.SortStableFunc(now.Groups, func(a, b probes.Group) int { return slices.Index(order, a) - slices.Index(order, b) })
}

// takeResults joins what was measured now with what was measured before, in the
// order of the groups. A control target stands aside for the same target measured
// for its own sake.
func takeResults(now, old []probes.Result, measured func(probes.Group) bool) []probes.Result {
	seen := map[string]bool{}
	var out []probes.Result
	take := func(rs []probes.Result, keep func(probes.Result) bool) {
		for _, res := range rs {
			if keep(res) && !seen[res.Target.Name] {
				seen[res.Target.Name] = true
				out = append(out, res)
			}
		}
	}
	take(now, func(r probes.Result) bool { return !r.Target.Control })
	take(old, func(r probes.Result) bool { return !r.Target.Control && !measured(r.Target.Group) })
	take(now, func(r probes.Result) bool { return r.Target.Control })
	take(old, func(r probes.Result) bool { return r.Target.Control })
	order := append(probes.Groups(), probes.GroupCustom)
	slices.SortStableFunc(out, func(a, b probes.Result) int {
		if a.Target.Control != b.Target.Control {
			if a.Target.Control {
				return 1
			}
			return -1
		}
		return slices.Index(order, a.Target.Group) - slices.Index(order, b.Target.Group)
	})
	return out
}
