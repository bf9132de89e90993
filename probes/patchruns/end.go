package patchruns

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"agentctl/probes"
)

// The payload's words at its end (main_entrance.py, transform_exit_code).
var (
	goodEnd = []string{
		"Reboot is not permitted for scan operation", "Reboot is not permitted because RebootOption is NoReboot",
		"Reboot is not required", "Report upload successful.", "PatchBaselineOperations Assessment Results",
	}
	badEnd = []string{
		"Failure occurred in the operation, patching exit code is", "Patching Operation failed with exit code",
		"Patching operation has failed", "and inventory reporting failed but reboot is required",
	}
	askedReboot = []string{"Reboot is required with patching exit code", "issuing exit code 194 to retry reboot"}
)

// settle is how long a run may be silent before it counts as over.
const settle = 15 * time.Minute

// end tells how a run ended, as far as its traces say.
func (r *reader) end(run *probes.PatchRun, o output, lastSign time.Time) {
	code, coded := o.exitStatus()
	working, sure := r.working(run)
	rebooted := !r.boot.IsZero() && !lastSign.IsZero() && r.boot.After(lastSign)
	say := func(end probes.PatchEnd, format string, args ...any) {
		run.End, run.EndBy = end, fmt.Sprintf(format, args...)
	}
	switch {
	case coded:
		run.ExitCode = &code
		say(probes.PatchFailed, "the SSM Agent: exit status %d", code)
	case working:
		say(probes.PatchRunning, "the SSM Agent's worker for it runs")
	case o.has(badEnd...):
		say(probes.PatchFailed, "the payload says so")
	case o.has(askedReboot...):
		if rebooted && !r.markedSince(run.Started) {
			run.ExitCode = new(int)
			say(probes.PatchSucceeded, "it asked for a reboot, which came")
			return
		}
		say(probes.PatchRebooting, "it asked for a reboot, which it waits for")
	case hasFatal(run.Signatures):
		say(probes.PatchFailed, "a failure in its output: %s", run.Signatures[0].ID)
	case o.has(goodEnd...):
		run.ExitCode = new(int)
		say(probes.PatchSucceeded, "its output ends well")
	case len(o.sources) == 0:
		say(probes.PatchEndUnknown, "it left no output")
	case agentCut(o.stdout) || agentCut(o.stderr):
		say(probes.PatchEndUnknown, "its output was cut")
	case rebooted && r.boot.Sub(lastSign) < time.Hour:
		say(probes.PatchInterrupted, "the machine booted at %s, and the output ends at %s without an end", r.boot.Format(time.DateTime), lastSign.Format(time.DateTime))
		if run.Signatures == nil {
			run.Signatures = []probes.PatchSignature{interrupted(run)}
		}
	case !sure && r.now.Sub(lastSign) < settle:
		say(probes.PatchEndUnknown, "its output has no end, and processes cannot be seen")
	case r.now.Sub(lastSign) < time.Minute:
		say(probes.PatchRunning, "its output is being written")
	default:
		say(probes.PatchInterrupted, "its output has no end, and no process works on it")
	}
}

func hasFatal(list []probes.PatchSignature) bool {
	for i := range list {
		if list[i].Fatal {
			return true
		}
	}
	return false
}

// interrupted is the signature of a run that a reboot from outside broke off: there
// is no line for it (Troubleshooting Patch Manager, "Patching fails without an
// apparent cause or error message").
func interrupted(run *probes.PatchRun) probes.PatchSignature {
	return probes.PatchSignature{
		ID: "interrupted-by-reboot", Line: run.EndBy, File: run.Stdout, Count: 1, Fatal: true,
		Cause:  "the machine was rebooted by something else while the operation ran; its patches may be installed all the same",
		Remedy: "run a Scan and look at its result; keep other reboots out of the patching hours",
		Source: "docs, Patching fails without an apparent cause or error message",
	}
}

// working tells whether a worker of the SSM Agent works on a run: it has the
// document's id as its argument. Not sure: processes or arguments cannot be seen.
func (r *reader) working(run *probes.PatchRun) (working, sure bool) {
	sure = len(r.facts.Processes) > 0
	for i := range r.facts.Processes {
		p := &r.facts.Processes[i]
		if !strings.HasPrefix(p.Comm, "ssm-document-w") || p.State == "Z" {
			continue
		}
		if len(p.Args) < 2 {
			sure = false
			continue
		}
		for _, a := range p.Args[1:] {
			if strings.Contains(a, run.ID) && (run.Execution == "" || strings.Contains(a, run.Execution)) {
				return true, true
			}
		}
	}
	return false, sure
}

// markedSince tells whether a marker of a reboot is there that is not older than a
// time.
func (r *reader) markedSince(t time.Time) bool {
	for _, m := range r.reboots {
		if !m.At.Before(t.Add(-time.Minute)) {
			return true
		}
	}
	return false
}

// bootTime is when the machine booted; zero: unknown.
func (r *reader) bootTime() time.Time {
	data, err := r.host.ReadFile("/proc/uptime", 256)
	if err != nil {
		return time.Time{}
	}
	word, _, _ := bytes.Cut(data, []byte(" "))
	s, err := strconv.ParseFloat(strings.TrimSpace(string(word)), 64)
	if err != nil || !(s >= 0 && s < 100*365*86400) {
		return time.Time{}
	}
	return r.now.Add(-time.Duration(s * float64(time.Second))).UTC()
}
