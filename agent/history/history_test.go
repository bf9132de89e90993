package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// seen is a report with one target and some findings.
func seen(target probes.State, codes ...diagnosis.Code) *report.Report {
	r := &report.Report{Schema: report.Schema, Verdict: report.Verdict{State: diagnosis.Ready}, Targets: []report.Target{{Name: "ssm", State: target},
		{Name: "internet", State: probes.Down, Control: true}, {Name: "kms", State: probes.Skipped}}}
	for _, c := range codes {
		r.Findings = append(r.Findings, diagnosis.Finding{Code: c})
		r.Verdict.State = diagnosis.Blocked
	}
	return r
}

func TestNote(t *testing.T) {
	h := New()
	steps := []struct {
		name    string
		after   time.Duration
		report  *report.Report
		changes string
		since   time.Duration // of the first finding, after noon
	}{
		{"the first look", 0, seen(probes.Up), "verdict :>ready target ssm:>up", 0},
		{"nothing new", time.Minute, seen(probes.Up), "", 0},
		{"a fault", 5 * time.Minute, seen(probes.Down, "dns-slow"), "verdict :ready>blocked finding dns-slow:>active target ssm:up>down", 5 * time.Minute},
		{"it lasts", 10 * time.Minute, seen(probes.Down, "dns-slow"), "", 5 * time.Minute},
		{"it is over", 15 * time.Minute, seen(probes.Up), "verdict :blocked>ready finding dns-slow:active> target ssm:down>up", 0},
		{"it comes back", 16 * time.Minute, seen(probes.Down, "dns-slow"), "verdict :ready>blocked finding dns-slow:>active target ssm:up>down", 16 * time.Minute},
		{"the clock is set back", 6 * time.Minute, seen(probes.Down, "dns-slow"), "", 6 * time.Minute},
	}
	for _, s := range steps {
		var got []string
		for _, c := range h.Note(s.report, noon.Add(s.after)) {
			got = append(got, fmt.Sprintf("%s %s:%s>%s", c.Kind, c.Name, c.From, c.To))
		}
		if diff := strings.Join(got, " "); diff != s.changes {
			t.Errorf("%s: changes %q, want %q", s.name, diff, s.changes)
		}
		if len(s.report.Findings) > 0 && !s.report.Findings[0].Since.Equal(noon.Add(s.since)) {
			t.Errorf("%s: since %s", s.name, s.report.Findings[0].Since)
		}
	}
	if _, ok := h.Targets["internet"]; ok {
		t.Error("a control target is remembered")
	}
}

func TestStrip(t *testing.T) {
	h := New()
	begin := noon.Add(-6 * time.Hour)
	for m := 0; m <= 360; m += 5 {
		r := seen(probes.Up)
		if m >= 60 && m < 90 {
			r = seen(probes.Down, "dns-slow")
		}
		if m > 180 && m < 300 {
			continue // the machine slept
		}
		h.Note(r, begin.Add(time.Duration(m)*time.Minute))
	}
	var got strings.Builder
	for _, s := range h.Strip(KindTarget, "ssm", noon, 24) {
		got.WriteString(map[string]string{"": ".", "up": "u", "down": "D"}[s.State])
	}
	if want := strings.Repeat(".", 18) + "uDu" + "..u"; got.String() != want && got.String() != strings.Repeat(".", 18)+"uDu.uu" {
		t.Errorf("strip %s, want %s", got.String(), want)
	}
	if n := h.Flaps(KindFinding, "dns-slow"); n != 1 {
		t.Errorf("%d flaps", n)
	}
}

// A year of a target that flaps in every round stays small.
func TestBounded(t *testing.T) {
	h, at := New(), noon
	for i := range 4000 {
		state, code := probes.Up, diagnosis.Code(fmt.Sprintf("code-%d", i))
		if i%2 == 0 {
			state = probes.Down
		}
		h.Note(seen(state, code), at)
		at = at.Add(5 * time.Second)
	}
	if len(h.Changes) > maxChanges || len(h.Findings) > maxNames || len(h.Targets) > maxNames {
		t.Errorf("%d changes, %d findings, %d targets", len(h.Changes), len(h.Findings), len(h.Targets))
	}
	h.Note(seen(probes.Up), at.Add(48*time.Hour))
	if len(h.Changes) > 5 {
		t.Errorf("%d changes after two days of silence", len(h.Changes))
	}
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := In(dir)
	if r, h, warning := s.Load(); r != nil || h == nil || warning != "" {
		t.Fatalf("no file: %v, %v, %q", r, h, warning)
	}
	h := New()
	r := seen(probes.Down, "dns-slow")
	h.Note(r, noon)
	for range 3 {
		if err := s.Save(r, h, noon); err != nil {
			t.Fatal(err)
		}
	}
	again, h2, warning := s.Load()
	if warning != "" || again == nil || again.Findings[0].Code != "dns-slow" || !h2.Findings["dns-slow"].Since.Equal(noon) {
		t.Errorf("%+v, %+v, %q", again, h2, warning)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files in the directory", len(left))
	}
	for name, text := range map[string]string{"cut off": `{"schema":"agentctl/state/v1","history":{"verd`, "another form": `{"schema":"x/v9","history":{}}`,
		"no history": `{"schema":"agentctl/state/v1"}`, "empty": "", "binary": "\x00\x01"} {
		if err := os.WriteFile(s.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, h, warning := s.Load(); r != nil || len(h.Changes) != 0 || !strings.Contains(warning, "set aside as "+s.Path()+".corrupt") {
			t.Errorf("%s: %v, %q", name, r, warning)
		}
		if data, err := os.ReadFile(s.Path() + ".corrupt"); err != nil || string(data) != text {
			t.Errorf("%s: set aside as %q, %v", name, data, err)
		}
	}
	if _, h, warning := In("/dev/null/x").Load(); h == nil || warning == "" {
		t.Errorf("a path that cannot be read: %q", warning)
	}
	if err := In("/dev/null/x").Save(nil, New(), noon); err == nil {
		t.Error("saved below a device")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"schema":"agentctl/state/v1","history":{"findings":{"a":{"state":"active"}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := In(t.TempDir())
		if err := os.WriteFile(s.Path(), data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, h, _ := s.Load()
		h.Note(seen(probes.Down, "dns-slow"), noon)
		h.Strip(KindTarget, "ssm", noon, 48)
		if err := s.Save(seen(probes.Up), h, noon); err != nil {
			t.Error(err)
		}
	})
}
