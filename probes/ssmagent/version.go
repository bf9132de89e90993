package ssmagent

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

const (
	maxLogTail   = 256 << 10
	maxAudit     = 64 << 10
	maxAuditDays = 64
	maxNotes     = 16 << 10
	maxBinary    = 128 << 20 // the program has some 40 MB
)

// versionForm is the agent's: four numbers.
var versionForm = regexp.MustCompile(`\b[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,5}\.[0-9]{1,5}\b`)

// findVersion is the first version in a text; "" none.
func findVersion(s string) string { return versionForm.FindString(s) }

// record is one start of the agent, as a log tells it.
type record struct {
	version string
	at      time.Time
	source  string
}

// readVersion fills in the version of the installed agent. The newest start that
// the agent logged tells it, unless the program is newer than that start; then the
// package database does, then the release notes.
func readVersion(s *probes.AgentState, host platform.Host, l layout, at install) {
	set := func(version, source string) bool {
		if version == "" {
			return false
		}
		s.Version, s.VersionSource = version, source
		return true
	}
	r := newestStart(host, l)
	// Package tools keep the build's date as the file's, so that a start after
	// it can still be that of the version before; dpkg tells when it unpacked.
	stale := r.at.Before(at.modified) || r.at.Before(at.changed)
	if !stale && set(r.version, r.source) || set(at.version, at.source) {
		return
	}
	if s.Install != Absent {
		for _, name := range l.notes {
			if data, err := readable(host, name, maxNotes); err == nil && set(notesVersion(data), name) {
				return
			}
		}
	}
	if s.Install == Installed && at.version == "" && !stale {
		set(r.version, r.source)
	}
}

// newestStart is the newest start that the log or the audit files tell.
func newestStart(host platform.Host, l layout) record {
	zone := host.Now().Location()
	var newest record
	if tail, err := host.ReadTail(l.log, maxLogTail); err == nil {
		newest = logStart(tail, zone)
		newest.source = l.log
	}
	// The audit file of a day has a line for each start (agent/log/logger,
	// eventlog.go), the log only for one that found its identity and
	// configuration (core/app/agent.go).
	entries, err := host.ReadDir(l.audits, 4096)
	if err != nil && !errors.Is(err, platform.ErrTooLarge) {
		return newest
	}
	var days []string
	for _, e := range entries {
		if _, ok := auditDay(e.Name(), zone); ok {
			days = append(days, e.Name())
		}
	}
	slices.Sort(days)
	slices.Reverse(days)
	for _, name := range days[:min(len(days), maxAuditDays)] {
		day, _ := auditDay(name, zone)
		if day.Add(36 * time.Hour).Before(newest.at) {
			break // the log tells of a later one
		}
		path := l.audits + "/" + name
		if l.windows {
			path = l.audits + `\` + name
		}
		data, err := host.ReadTail(path, maxAudit)
		if err != nil {
			continue
		}
		if r := auditStart(data, day); r.version != "" {
			if r.at.After(newest.at) {
				newest = r
				newest.source = path
			}
			break
		}
	}
	return newest
}

// auditDay is the day of an audit file, named amazon-ssm-agent-audit-YYYY-MM-DD.
func auditDay(name string, zone *time.Location) (time.Time, bool) {
	date, ok := strings.CutPrefix(name, "amazon-ssm-agent-audit-")
	if !ok {
		return time.Time{}, false
	}
	t, err := time.ParseInLocation(time.DateOnly, date, zone)
	return t, err == nil
}

// auditStart is the last start in an audit file. Its lines are: kind, event,
// version, time of day.
func auditStart(data []byte, day time.Time) record {
	var last record
	for line := range bytes.Lines(data) {
		f := strings.Fields(string(line))
		if len(f) != 4 || f[0] != "agent_telemetry" || f[1] != coreName+".start" || findVersion(f[2]) != f[2] {
			continue
		}
		if t, err := time.Parse(time.TimeOnly, f[3]); err == nil {
			last.version = f[2]
			last.at = day.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second)
		}
	}
	return last
}

// startLine is what the core program logs at its start: "amazon-ssm-agent - v"
// and the version. The time is local and has no zone.
var startLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? INFO .*\bamazon-ssm-agent - v([0-9.]+)\s*$`)

// logStart is the newest start in the tail of a log. Lines are not strictly in
// order, so the latest time counts.
func logStart(tail []byte, zone *time.Location) record {
	var newest record
	for line := range bytes.Lines(tail) {
		if !bytes.Contains(line, []byte(coreName+" - v")) {
			continue
		}
		m := startLine.FindStringSubmatch(strings.TrimRight(string(line), "\r\n"))
		if m == nil || findVersion(m[2]) != m[2] {
			continue
		}
		if t, err := time.ParseInLocation(time.DateTime, m[1], zone); err == nil && t.Year() > 2000 && !t.Before(newest.at) {
			newest.version, newest.at = m[2], t
		}
	}
	return newest
}

// notesVersion is the heading of the newest release in RELEASENOTES.md. A release
// names itself "Latest" there, and only a heading that is a version tells one.
func notesVersion(data []byte) string {
	for line := range bytes.Lines(data) {
		if s := strings.TrimSpace(strings.TrimLeft(string(line), "# ")); s != "" {
			if findVersion(s) == s {
				return s
			}
			return ""
		}
	}
	return ""
}

// ErrNoBinary says that the agent's program was not found.
var ErrNoBinary = errors.New("the SSM Agent's program was not found")

// GoVersion is the version of Go that the installed agent was built with, such as
// "go1.23.4". It decides what the agent sends in a TLS handshake. Only the parts
// of the program that tell are read.
func GoVersion(host platform.Host) (string, error) {
	facts := host.Facts()
	l := layoutOf(facts.OS.Family)
	var s probes.AgentState
	at := findInstall(&s, host, l, findProcesses(&s, host, facts, l))
	if at.binary == "" {
		return "", ErrNoBinary
	}
	var program io.ReaderAt
	if o, ok := host.(platform.Opener); ok {
		f, err := o.Open(at.binary)
		if err != nil {
			return "", err
		}
		defer f.Close()
		program = io.NewSectionReader(f, 0, maxBinary)
	} else {
		data, err := host.ReadFile(at.binary, maxBinary)
		if err != nil {
			return "", err
		}
		program = bytes.NewReader(data)
	}
	info, err := buildinfo.Read(program)
	if err != nil {
		return "", fmt.Errorf("read the build information of %s: %w", at.binary, err)
	}
	return info.GoVersion, nil
}
