package diagnosis

import (
	"fmt"
	"slices"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

const (
	// lockLong is the contract's limit.
	lockLong = 30 * time.Minute
	// runLong is when the SSM Agent ends the script of a patch operation
	// (AWS-RunPatchBaseline, timeoutSeconds 7200). One with many updates holds the
	// lock for an hour, and nothing is wrong.
	runLong = 2 * time.Hour
)

// rulePackageLock: how long a lock is held must be known.
func rulePackageLock(v *view) {
	if !v.has(probes.GroupHost) {
		return
	}
	var held []probes.HostLock
	for _, l := range v.r.HostState.Locks.Held {
		limit := lockLong
		if v.ofPatchRun(l) {
			limit = runLong
		}
		if !l.Since.IsZero() && v.r.Now.Sub(l.Since) > limit {
			held = append(held, l)
		}
	}
	if len(held) == 0 {
		return
	}
	slices.SortStableFunc(held, func(a, b probes.HostLock) int { return a.Since.Compare(b.Since) })
	first := held[0]
	f := Finding{Code: "host-package-lock", Severity: Warning, Capabilities: patching(), Fix: fixLock(v, first),
		Summary: fmt.Sprintf("%s has held the package manager's lock for %s: patch operations wait for it or fail.", holder(first), words.Duration(v.r.Now.Sub(first.Since)))}
	if first.Patching {
		f.Summary = fmt.Sprintf("A patch operation has held Patch Manager's own lock for %s, longer than one may take: others fail.", words.Duration(v.r.Now.Sub(first.Since)))
	}
	for _, l := range held {
		by := map[string]string{"file": "when its file was written", "process": "when the process started"}[l.SinceBy]
		value := fmt.Sprintf("held by %s since %s", holder(l), words.Time(l.Since))
		if by != "" {
			value += ", " + by
		}
		f.Evidence = append(f.Evidence, Evidence{l.Path, value})
	}
	v.add(f)
}

func holder(l probes.HostLock) string {
	switch {
	case l.PID > 0 && l.Comm != "":
		return fmt.Sprintf("%s (process %d)", l.Comm, l.PID)
	case l.PID > 0:
		return fmt.Sprintf("Process %d", l.PID)
	}
	return "A process that cannot be seen from here"
}

// ofPatchRun tells whether a lock belongs to a patch operation under way: Patch
// Manager's own, or one that was taken after the operation began.
func (v *view) ofPatchRun(l probes.HostLock) bool {
	if l.Patching {
		return true
	}
	var began []time.Time
	for _, o := range v.r.HostState.Locks.Held {
		if o.Patching && !o.Since.IsZero() {
			began = append(began, o.Since)
		}
	}
	if run, ok := v.runUnderWay(); ok && !run.Started.IsZero() {
		began = append(began, run.Started)
	}
	return slices.ContainsFunc(began, func(t time.Time) bool { return !l.Since.Before(t.Add(-time.Minute)) })
}
