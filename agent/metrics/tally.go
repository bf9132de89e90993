package metrics

import (
	"slices"
	"time"

	"agentctl/probes"
)

// tally is what is counted over the rounds since the program started.
type tally struct {
	targets map[string]*targetTally // by label
	groups  map[probes.Group]*groupTally
	log     logTally
}

type targetTally struct {
	since    time.Time
	probes   int64
	failures []failure // the one that happened last is the last
}

// failure is one way in which a target fails.
type failure struct {
	phase  probes.Phase
	reason probes.Reason
	since  time.Time
	count  int64
}

// maxFailures bounds the series of one target: a long outage can go through many
// phases and reasons. Of more, the one that has not happened for longest goes;
// should it come back, it counts from one, which Prometheus takes for a restart.
const maxFailures = 4

type groupTally struct {
	since    time.Time
	rounds   int64
	duration float64
	success  time.Time
}

func newTally() *tally {
	return &tally{targets: map[string]*targetTally{}, groups: map[probes.Group]*groupTally{}}
}

// note counts a round. Only what it measured counts; a probe that was cut short, or
// could not be made, is neither a probe nor a failure.
func (t *tally) note(r *probes.Round, measured []probes.Group, observe func(probes.Group, float64)) {
	cut := map[probes.Group]bool{}
	seen := map[string]bool{}
	for _, res := range results(r) {
		name, group := label(res.Target.Name), res.Target.Group
		if !slices.Contains(measured, group) || seen[name] {
			continue
		}
		seen[name] = true
		switch res.State {
		case probes.Up, probes.Down:
			t.probe(name, res, r.Started)
			observe(group, res.Duration)
		case probes.Unknown:
			cut[group] = cut[group] || canceled(res.Result)
		case probes.Skipped:
		}
	}
	cut[probes.GroupIdentity] = cut[probes.GroupIdentity] || r.Metadata.Reason == probes.Canceled
	for _, g := range measured {
		t.round(g, r, !cut[g])
	}
	t.log.note(r.Agent.Log, r.Started)
}

func canceled(res *probes.Result) bool {
	return slices.ContainsFunc(res.Steps, func(s probes.Step) bool { return s.Reason == probes.Canceled })
}

func (t *tally) probe(name string, res outcome, began time.Time) {
	k := t.targets[name]
	if k == nil {
		k = &targetTally{since: began}
		t.targets[name] = k
	}
	k.probes++
	if res.State != probes.Down {
		return
	}
	step, failed := res.Failed()
	if !failed {
		step.Reason = res.Why // nothing was sent, so there is no phase
	}
	k.fail(failure{phase: step.Phase, reason: step.Reason, since: began})
}

func (k *targetTally) fail(f failure) {
	i := slices.IndexFunc(k.failures, func(x failure) bool { return x.phase == f.phase && x.reason == f.reason })
	switch {
	case i >= 0:
		f = k.failures[i]
		k.failures = slices.Delete(k.failures, i, i+1)
	case len(k.failures) == maxFailures:
		k.failures = slices.Delete(k.failures, 0, 1)
	}
	f.count++
	k.failures = append(k.failures, f)
}

// round counts a round of a group. It was a success if it came to its end.
func (t *tally) round(g probes.Group, r *probes.Round, whole bool) {
	k := t.groups[g]
	if k == nil {
		k = &groupTally{since: r.Started}
		t.groups[g] = k
	}
	k.rounds++
	k.duration = r.Duration
	if whole {
		k.success = r.Now
	}
}

// forget drops what is not part of a round any more, and tells which groups.
func (t *tally) forget(r *probes.Round) (gone []probes.Group) {
	planned := map[string]bool{}
	for _, res := range results(r) {
		planned[label(res.Target.Name)] = true
	}
	for name := range t.targets {
		if !planned[name] {
			delete(t.targets, name)
		}
	}
	for g := range t.groups {
		if !slices.Contains(r.Groups, g) {
			delete(t.groups, g)
			gone = append(gone, g)
		}
	}
	return gone
}

// show adds the counts, and what is known of each group's rounds.
func (t *tally) show(s *sheet) {
	for name, k := range t.targets {
		s.counter(probesTotal, k.probes, k.since, name)
		for _, f := range k.failures {
			s.counter(probeFailures, f.count, f.since, name, string(f.phase), string(f.reason))
		}
	}
	for g, k := range t.groups {
		s.counter(roundsTotal, k.rounds, k.since, string(g))
		s.seconds(roundDuration, k.duration, string(g))
		s.time(roundSuccess, k.success, string(g))
	}
	t.log.show(s)
}
