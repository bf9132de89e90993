// Package patchruns reads what earlier patch operations left on disk: their scripts
// and outputs in the SSM Agent's directories, and Patch Manager's own records. It
// executes nothing and writes nothing.
package patchruns

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/ssmagent"
)

// In is what a read needs beside the host.
type In struct {
	InstanceID string // "" looks at every instance's directory
	Region     string // "" leaves addresses that depend on it out
}

const (
	maxRuns = 6 // the newest ones that are always read
	// moreRuns bounds the search for the last scan and the last install.
	moreRuns = 24
)

// reader is one read of a host.
type reader struct {
	host    platform.Host
	facts   platform.Facts
	in      In
	now     time.Time
	zone    *time.Location
	boot    time.Time
	w       *walker
	reboots []probes.PatchReboot
}

// Read looks at the host. It never fails: what cannot be read is unknown.
func Read(host platform.Host, facts platform.Facts, in In) probes.PatchRuns {
	r := &reader{host: host, facts: facts, in: in, now: host.Now(), zone: zoneOf(host)}
	r.w = &walker{host: host, l: layoutOf(facts.OS.Family), left: maxListings, found: map[string]*candidate{}}
	if facts.OS.Family != "windows" {
		r.boot = r.bootTime()
	}
	var out probes.PatchRuns
	r.reboots = r.markers()
	out.Reboots = r.reboots
	out.State = r.state()
	out.Lock = r.lockFile()
	roots, known := r.w.roots(in.InstanceID)
	for _, root := range roots {
		known = r.w.walk(root) && known
	}
	out.Known = known
	if !known && len(r.w.problems) > 0 {
		p := r.w.problems[len(r.w.problems)-1]
		out.Why, out.Denied = p.Path+": "+p.Why, p.Denied
	}
	out.Runs = r.runs()
	overlaps(out.Runs, r.now)
	for i := range out.Runs {
		if o := out.Runs[i].Override; o != nil && o.Policy {
			out.Policy = o
			break
		}
	}
	out.Truncated, out.Problems = r.w.truncated, r.w.problems
	return out
}

// runs are the newest runs, and older ones up to the last scan and install.
func (r *reader) runs() []probes.PatchRun {
	var out []probes.PatchRun
	seen := map[string]bool{}
	for i, c := range r.w.candidates() {
		if i >= moreRuns {
			r.w.truncated = true
			break
		}
		if i >= maxRuns && seen[probes.PatchScan] && seen[probes.PatchInstall] {
			break
		}
		run := r.run(c)
		if i < maxRuns || run.Operation != "" && !seen[run.Operation] {
			out = append(out, run)
			seen[run.Operation] = true
		}
	}
	return out
}

// run reads one step.
func (r *reader) run(c *candidate) probes.PatchRun {
	run := probes.PatchRun{ID: c.parts[0], Step: c.step, Hooks: c.hooks, Script: c.script, Stdout: c.stdout, Stderr: c.stderr}
	// An association's directory holds one for each run; older agents joined both
	// names with a dot.
	if id, date, ok := strings.Cut(c.parts[0], "."); ok && runDate.MatchString(date) {
		run.ID, run.Execution = id, date
	} else if len(c.parts) > 1 && runDate.MatchString(c.parts[1]) {
		run.Execution = c.parts[1]
	}
	run.ID, run.Execution = tidy([]byte(run.ID), maxGroup), tidy([]byte(run.Execution), maxGroup)
	var p parameters
	if c.script != "" {
		script, err := r.host.ReadFile(c.script, maxScript)
		if err != nil && len(script) == 0 {
			r.w.problem(c.script, err)
		}
		p = readParameters(string(script))
	}
	o := r.readOutput(c)
	run.Cut = o.cut
	r.says(&run, p, o)
	r.times(&run, c, o)
	sources := o.sources
	if m, ok := r.moduleLog(run.Started, c.last); ok {
		sources = append(slices.Clone(sources), m)
	}
	run.Signatures = match(sources, r.family())
	lastSign := c.last
	if lastSign.IsZero() {
		lastSign = c.written
	}
	r.end(&run, o, lastSign)
	if run.End != probes.PatchRunning && run.End != probes.PatchRebooting && run.End != probes.PatchEndUnknown {
		run.Ended = lastSign
	}
	if run.End == probes.PatchSucceeded {
		// What it shows all the same was no failure of the run.
		for i := range run.Signatures {
			run.Signatures[i].Fatal = false
		}
	} else if !hasFatal(run.Signatures) {
		run.LastError = o.lastError()
	}
	r.method(&run, p, o)
	return run
}

// family is the system that signatures are looked for.
func (r *reader) family() string {
	if r.facts.OS.Family == "windows" {
		return "windows"
	}
	return "linux"
}

// says fills in what script and output say of the run.
func (r *reader) says(run *probes.PatchRun, p parameters, o output) {
	run.Operation, run.SnapshotID = p.operation, p.snapshotID
	values := [3]string{after(o.stdout, "Operation type: "), after(o.stdout, " and operation = "), after(o.stdout, "Snapshot Id: ")}
	if r.family() == "windows" {
		values = [3]string{field(o.stdout, "OperationType"), "", field(o.stdout, "SnapshotId")}
		run.Missing, run.Installed, run.Failed = count(o.stdout, "MissingCount"), count(o.stdout, "InstalledCount"), count(o.stdout, "FailedCount")
	}
	for _, v := range values[:2] {
		if run.Operation == "" {
			run.Operation = operationOf(v)
		}
	}
	if run.SnapshotID == "" && uuidForm.MatchString(values[2]) {
		run.SnapshotID = values[2]
	}
	if run.Override = overrideOf(p.override, run.Script); run.Override == nil {
		run.Override = overrideOf(after(o.stdout, "Downloading Baseline Override from "), run.Stdout)
	}
	run.Python = tidy([]byte(strings.TrimPrefix(after(o.stdout, "Using Python Version: "), "Python ")), 40)
	run.PayloadURL = payloadIn(o.stdout)
	if run.PayloadURL == "" && run.Script != "" {
		run.PayloadURL, _ = ssmagent.PayloadURL(r.host, run.Script, r.in.Region)
	}
}

// payloadMarks stand before the payload's address in the outputs of both systems.
var payloadMarks = []string{"Downloading payload from ", "PowerShell module from http", "Unable to download payload: "}

// payloadIn is the payload's address in an output; "" none.
func payloadIn(data []byte) string {
	for _, mark := range payloadMarks {
		text := after(data, mark)
		if strings.HasSuffix(mark, "http") && text != "" {
			text = "http" + text
		}
		word, _, _ := strings.Cut(text, " ")
		word = strings.TrimSuffix(word, ".")
		if payloadForm.MatchString(word) {
			return word
		}
	}
	return ""
}

// times are those of the run: from its directory's name, its script or the first
// line of its output, whichever is earliest. After a reboot the agent writes the
// script again.
func (r *reader) times(run *probes.PatchRun, c *candidate, o output) {
	named, _ := time.Parse("2006-01-02T15-04-05", run.Execution[:min(len(run.Execution), 19)])
	for _, t := range []time.Time{named, c.written, o.first} {
		if !t.IsZero() && !t.After(r.now.Add(24*time.Hour)) && (run.Started.IsZero() || t.Before(run.Started)) {
			run.Started = t
		}
	}
}

// moduleLog is the newest log of Windows's PowerShell module, if it was written
// during the run.
func (r *reader) moduleLog(from, to time.Time) (source, bool) {
	if r.w.l.module == "" {
		return source{}, false
	}
	entries, err := r.host.ReadDir(r.w.l.module, maxEntries)
	if err != nil || len(entries) == 0 {
		return source{}, false
	}
	newestFirst(entries)
	info, err := entries[0].Info()
	if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(from) || info.ModTime().After(to.Add(5*time.Minute)) {
		return source{}, false
	}
	name := r.w.l.join(r.w.l.module, entries[0].Name())
	data, _, err := r.ends(name)
	return source{name, bytes.ToValidUTF8(data, nil)}, err == nil
}

// overlaps notes which runs ran at the same time.
func overlaps(runs []probes.PatchRun, now time.Time) {
	span := func(p *probes.PatchRun) (from, to time.Time) {
		to = p.Ended
		if to.IsZero() {
			to = now
		}
		return p.Started, to
	}
	for i := range runs {
		for j := range runs {
			a, b := span(&runs[i])
			c, d := span(&runs[j])
			other := runs[j].ID != runs[i].ID || runs[j].Execution != runs[i].Execution
			if other && !a.IsZero() && !c.IsZero() && a.Before(d) && c.Before(b) && !slices.Contains(runs[i].Overlaps, runs[j].ID) {
				runs[i].Overlaps = append(runs[i].Overlaps, runs[j].ID)
			}
		}
	}
}

// zoneOf is the host's time zone, in which the payload stamps its lines.
func zoneOf(host platform.Host) *time.Location {
	if data, err := host.ReadFile("/etc/localtime", 64<<10); err == nil {
		if zone, err := time.LoadLocationFromTZData("Local", data); err == nil {
			return zone
		}
	}
	return host.Now().Location()
}
