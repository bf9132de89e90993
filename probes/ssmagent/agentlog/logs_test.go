package agentlog

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

var update = flag.Bool("update", false, "write what was read as wanted")

// logCase is one condition: an archive whose comment says what happened, with the
// logs as files and what must be read of them as "want".
type logCase struct {
	host  *platformtest.Host
	paths Paths
	zone  *time.Location
	since time.Time
	want  string
	// alone: what a follower knows depends on when it looked.
	alone bool
}

// loadCase reads an archive. Lines of its comment "now:", "window:", "zone:",
// "system:" and "denied:" set the scene; \xNN in a file's text is a byte.
func loadCase(t *testing.T, ar *txtar.Archive) logCase {
	t.Helper()
	c := logCase{host: platformtest.New(nil), paths: Usual("linux"), zone: time.UTC}
	window := 6 * time.Hour
	now := time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC)
	dir := "/var/log/amazon/ssm/"
	for line := range strings.Lines(string(ar.Comment)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		var err error
		switch name {
		case "now":
			now, err = time.Parse(time.RFC3339, value)
		case "window":
			window, err = time.ParseDuration(value)
		case "zone":
			c.zone, err = time.LoadLocation(value)
		case "system":
			dir = `C:\ProgramData\Amazon\SSM\Logs\`
			c.paths = In(dir)
			c.paths.Worker = dir + "ssm-agent-worker.log"
			c.host.FactsValue.OS.Family = value
		case "alone":
			c.alone = true
		case "denied":
			c.host.FactsValue.Privileged = false
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c.host.Clock, c.since = now, now.Add(-window)
	for _, f := range ar.Files {
		if f.Name == "want" {
			c.want = string(f.Data)
			continue
		}
		mode := fs.FileMode(0o644)
		name, secret := strings.CutSuffix(f.Name, " (0600)")
		if secret {
			mode = 0o600
		}
		c.host.Files[dir+name] = platformtest.File{Data: unescape(f.Data), Mode: mode, ModTime: now}
	}
	return c
}

func unescape(b []byte) []byte {
	s := string(b)
	for _, e := range []struct{ from, to string }{{`\x00`, "\x00"}, {`\xff`, "\xff"}, {`\xe4`, "\xe4"}, {`\x1b`, "\x1b"}, {`\r`, "\r"}, {`\t`, "\t"}, {"\\<cut>\n", ""}} {
		s = strings.ReplaceAll(s, e.from, e.to)
	}
	return []byte(s)
}

func TestLogs(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/logs/*.txt")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d archives, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c := loadCase(t, ar)
			got := summary(Read(c.host, c.paths, c.since, Options{Zone: c.zone}))
			// A follower that reads the same, cut anywhere, knows the same.
			if !c.alone {
				if d := cmp.Diff(got, summary(byFollower(t, c))); d != "" {
					t.Errorf("the follower knows (-read +followed):\n%s", d)
				}
			}
			if *update {
				rewrite(t, name, ar, got)
				return
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func rewrite(t *testing.T, name string, ar *txtar.Archive, want string) {
	t.Helper()
	ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool { return f.Name == "want" })
	ar.Files = append(ar.Files, txtar.File{Name: "want", Data: []byte(want)})
	if err := os.WriteFile(name, txtar.Format(ar), 0o600); err != nil {
		t.Fatal(err)
	}
}

// byFollower reads a case's files bit by bit, as if they grew.
func byFollower(t *testing.T, c logCase) probes.AgentLog {
	t.Helper()
	whole := maps.Clone(c.host.Files)
	f := NewFollower(c.paths, Options{Zone: c.zone, Window: c.host.Clock.Sub(c.since)})
	var got probes.AgentLog
	for _, part := range []int{0, 3, 5, 8, 10} {
		for name, file := range whole {
			grown := file
			if live := filepath.Ext(name) == ".log"; live {
				grown.Data = file.Data[:len(file.Data)*part/10]
				grown.ModTime = file.ModTime.Add(time.Duration(part) * time.Second)
			}
			c.host.Files[name] = grown
		}
		got = f.Poll(c.host)
		data, err := f.State()
		if err != nil {
			t.Fatal(err)
		}
		if part == 5 { // the daemon starts anew
			f = NewFollower(c.paths, Options{Zone: c.zone, Window: c.host.Clock.Sub(c.since)})
			if err := f.Restore(data); err != nil {
				t.Fatal(err)
			}
		}
	}
	return got
}

// summary is what a log says, for people. Counters are left out: a follower's
// begin anew with each start.
func summary(l probes.AgentLog) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	at := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	since := func(name string, t time.Time) {
		if !t.IsZero() {
			say("%s %s", name, at(t))
		}
	}
	switch {
	case l.Known:
		say("known, last line %s", at(l.LastLine))
	case l.Absent:
		say("absent")
	default:
		say("unknown: %s, denied %t", l.Why, l.Denied)
	}
	for _, p := range l.Problems {
		say("problem %s: %s, denied %t", p.Path[strings.LastIndexAny(p.Path, `/\`)+1:], p.Why, p.Denied)
	}
	since("started "+l.Version, l.Started)
	if l.Starts > 1 {
		say("starts %d", l.Starts)
	}
	since("stopped", l.Stopped)
	if l.Identity != "" {
		say("identity %s", l.Identity)
	}
	since("health", l.LastHealth)
	since("health ok", l.HealthOK)
	since("credentials "+l.Credentials, l.CredentialsAt)
	if l.Channel != "" {
		since("channel "+l.Channel, l.ChannelSince)
	}
	since("connected "+l.Peer, l.ConnectedAt)
	since("closed", l.Closed)
	if s := l.Sleep; s != nil {
		say("sleeps since %s for %v, try %d since %s, until %s, estimated %t, longest %v", at(s.Since), s.Duration, s.Tries, at(s.First), at(s.Until), s.Estimated, s.Longest)
	}
	if h := l.Hibernate; h != nil {
		say("hibernates since %s, every %v, checked %s: %s", at(h.Since), h.Interval, at(h.Checked), strings.ReplaceAll(h.Reason, "\n", " | "))
	}
	for _, e := range l.Events {
		state := "now"
		if e.Past {
			state = "past"
		}
		say("%s %s (%s, %s, %s, %s) %d from %s to %s", state, e.ID, e.Class, e.Subject, e.Severity, e.Level, e.Count, at(e.First), at(e.Last))
		for _, k := range slices.Sorted(maps.Keys(e.Captures)) {
			say("  %s = %s", k, strings.ReplaceAll(e.Captures[k], "\n", " | "))
		}
		if len(e.Line) > maxLine {
			say("  a line of %d bytes", len(e.Line))
		}
	}
	return b.String()
}
