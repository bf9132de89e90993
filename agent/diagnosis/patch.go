package diagnosis

import (
	"fmt"
	"slices"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// patchAge is how old a failed run may be to say something of the next one: patching
// is mostly weekly or monthly.
const patchAge = 35 * 24 * time.Hour

// failure is a patch run that failed, and what this round says of it.
type failure struct {
	run  probes.PatchRun
	sign *probes.PatchSignature // the root cause in its output; nil: none that is known
	// gone is what proves that its cause is gone; "" nothing does.
	gone string
	old  bool
}

// rulePatchRuns: a failed run that a present finding explains is that one's evidence;
// of the others the newest is reported, with what is left beside it.
func rulePatchRuns(v *view) {
	if !v.has(probes.GroupHost) {
		return
	}
	var left []failure
	for _, run := range v.failedRuns() {
		f := failure{run: run, old: v.r.Now.Sub(endOf(run)) > patchAge}
		if s, ok := leadSignature(run); ok {
			f.sign = &s
			if i := v.explainsRun(run, s); i >= 0 {
				v.out[i].Evidence = append(v.out[i].Evidence, v.runEvidence(f))
				continue
			}
			f.gone = v.proofOf(run, s)
		}
		left = append(left, f)
	}
	if len(left) == 0 {
		return
	}
	// What still may hold goes before what is gone, and else the newest.
	slices.SortStableFunc(left, func(a, b failure) int {
		if x, y := rank(a.severity()), rank(b.severity()); x != y {
			return x - y
		}
		return endOf(b.run).Compare(endOf(a.run))
	})
	v.report(left)
}

// severity: what a run shows is a warning until something proves it gone.
func (f failure) severity() Severity {
	if f.gone != "" || f.old {
		return Info
	}
	return Warning
}

// report makes the finding of the runs that nothing explains.
func (v *view) report(left []failure) {
	first := left[0]
	f := Finding{Code: "patch-last-run-failed", Severity: first.severity(), Summary: v.runSummary(first), Fix: v.fixRun(first)}
	if first.sign == nil || !first.sign.Fatal || first.run.End != probes.PatchFailed {
		f.Confidence = Likely
	}
	f.Evidence = v.runDetails(first)
	for _, other := range left[1:] {
		f.Evidence = append(f.Evidence, v.runEvidence(other))
		if other.gone != "" {
			f.Evidence = append(f.Evidence, Evidence{"its cause now", other.gone})
		}
	}
	switch {
	case f.Severity == Info:
		f.Capabilities = []Capability{}
	case first.run.Operation == probes.PatchInstall:
		f.Capabilities = []Capability{PatchInstall}
	default: // what a scan needs, an installation needs as well
		f.Capabilities = patching()
	}
	if f.Severity == Info {
		v.addInfo(f)
		return
	}
	v.add(f)
}

// failedRuns are the last scan and the last installation, where they failed and
// nothing newer shows that it went better; the newest first.
func (v *view) failedRuns() []probes.PatchRun {
	var out []probes.PatchRun
	seen := map[string]bool{}
	for i, run := range v.r.PatchRuns.Runs {
		// One that still runs says nothing yet: what was before it holds until it ends.
		if seen[run.Operation] || run.End == probes.PatchRunning {
			continue
		}
		seen[run.Operation] = true
		if run.End != probes.PatchFailed && run.End != probes.PatchInterrupted {
			continue
		}
		if v.overtaken(i) || v.reported(run) {
			continue
		}
		out = append(out, run)
	}
	return out
}

// covers tells whether a run of one operation that went well shows that one of another
// would have: an installation scans first.
func covers(did, other string) bool {
	return did == other || did == probes.PatchInstall || other == ""
}

// overtaken tells whether a newer run went well, or as far as its reboot.
func (v *view) overtaken(i int) bool {
	run := v.r.PatchRuns.Runs[i]
	for _, newer := range v.r.PatchRuns.Runs[:i] {
		if (newer.End == probes.PatchSucceeded || newer.End == probes.PatchRebooting) && covers(newer.Operation, run.Operation) {
			return true
		}
	}
	// The SSM Agent keeps what an association ran for a day, and what a command ran for
	// two weeks: Patch Manager's own record may be all that a newer operation left. It
	// does not say how that one ended, so there is nothing to say.
	s := v.r.PatchRuns.State
	return s.Known && s.At.After(endOf(run).Add(time.Minute)) && s.ExecutionID != run.ID && covers(s.Operation, run.Operation)
}

// reported tells whether a run without an end got to its report all the same: then
// its last words are others than those that are known, and it was not broken off.
func (v *view) reported(run probes.PatchRun) bool {
	s := v.r.PatchRuns.State
	return run.End == probes.PatchInterrupted && len(run.Signatures) == 0 && s.Known && !run.Started.IsZero() &&
		(s.ExecutionID == run.ID || !s.At.Before(run.Started) && !s.At.After(endOf(run).Add(time.Minute)))
}

// scannedSince is a later scan that went well, behind a failed installation.
func (v *view) scannedSince(run probes.PatchRun) (time.Time, bool) {
	for _, newer := range v.r.PatchRuns.Runs {
		if newer.End == probes.PatchSucceeded && newer.Operation == probes.PatchScan && newer.Started.After(endOf(run)) {
			return endOf(newer), true
		}
	}
	s := v.r.PatchRuns.State
	if s.Known && s.Operation == probes.PatchScan && s.At.After(endOf(run).Add(time.Minute)) {
		return s.At, true
	}
	return time.Time{}, false
}

// endOf is when a run ended, or else began.
func endOf(run probes.PatchRun) time.Time {
	if !run.Ended.IsZero() {
		return run.Ended
	}
	return run.Started
}

// reasons are signs that a run can survive, and the fatal ones that they then are the
// reason of: a repository's error before a package manager's despair.
var reasons = map[string][]string{
	"repo-status":      {"no-more-mirrors", "zypper-refresh", "dependency"},
	"repo-curl":        {"no-more-mirrors", "zypper-refresh", "dependency"},
	"apt-fetch":        {"dependency"},
	"imds-credentials": {"entrance-module"},
}

// leadSignature is the one that the run's failure is about: the first fatal one, or
// the reason of it, or where none is fatal the first that says anything.
func leadSignature(run probes.PatchRun) (probes.PatchSignature, bool) {
	fatal := slices.IndexFunc(run.Signatures, func(s probes.PatchSignature) bool { return s.Fatal })
	for i, s := range run.Signatures {
		if i == fatal || fatal < 0 && s.ID != "sni-warning" || fatal > i && slices.Contains(reasons[s.ID], run.Signatures[fatal].ID) {
			return s, true
		}
	}
	return probes.PatchSignature{}, false
}

// operationWords names an operation.
func operationWords(run probes.PatchRun) string {
	switch run.Operation {
	case probes.PatchScan:
		return "patch scan"
	case probes.PatchInstall:
		return "patch installation"
	}
	return "patch operation"
}

// runSummary says what failed, when, why, and whether that is past.
func (v *view) runSummary(f failure) string {
	how := "failed"
	if f.run.End == probes.PatchInterrupted {
		how = "was broken off"
	}
	out := fmt.Sprintf("The last %s %s %s", operationWords(f.run), how, words.Ago(endOf(f.run), v.r.Now))
	if endOf(f.run).IsZero() {
		out = fmt.Sprintf("The last %s %s", operationWords(f.run), how)
	}
	switch {
	case f.gone != "":
		return out + " (" + causeOf(f) + "); that is gone now."
	case f.sign != nil:
		return out + ": " + causeOf(f) + "."
	}
	return out + "; its output shows no cause that is known."
}

// causeOf is the cause, as it goes behind a colon.
func causeOf(f failure) string { return orText(f.sign.Cause, "it failed as its output says") }
