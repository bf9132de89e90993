package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
)

func blocked(summary string) *report.Report {
	return &report.Report{Schema: report.Schema, Version: "1.2.3", StartedAt: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
		Instance: report.Instance{ID: "i-0abc", Region: "us-east-1"},
		Verdict: report.Verdict{State: diagnosis.Blocked, Summary: summary,
			Capabilities: map[diagnosis.Capability]diagnosis.State{diagnosis.PatchScan: diagnosis.Blocked, diagnosis.SSMManaged: diagnosis.Ready}},
		Findings: []diagnosis.Finding{{Code: "egress-blocked", Severity: diagnosis.Critical, Summary: summary, Fix: []diagnosis.Fix{{Text: "open it"}}},
			{Code: "dns-slow", Severity: diagnosis.Warning}},
		Targets: []report.Target{{Name: "ssm", State: "down"}, {Name: "internet", State: "down", Control: true}}}
}

// The SSM Agent's own rules for the file.
func TestDocument(t *testing.T) {
	for _, summary := range []string{"Patching cannot work.", strings.Repeat("ü", 5000), "", "a\x00b \"quoted\""} {
		data, err := Document(blocked(summary))
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			SchemaVersion, TypeName string
			Content                 map[string]any
		}
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^[0-9]{1,6}\.[0-9]{1,6}$`).MatchString(d.SchemaVersion) || !strings.HasPrefix(d.TypeName, "Custom:") || len(d.TypeName) > 100 {
			t.Errorf("%s %s", d.SchemaVersion, d.TypeName)
		}
		if len(d.Content) > 50 {
			t.Errorf("%d attributes", len(d.Content))
		}
		for name, value := range d.Content {
			s, ok := value.(string)
			if !ok || s == "" || len(s) > 4096 || !utf8.ValidString(s) || !regexp.MustCompile(`^[A-Za-z]{1,64}$`).MatchString(name) {
				t.Errorf("%s: %T of %d bytes", name, value, len(s))
			}
		}
		if d.Content["Critical"] != "egress-blocked" || d.Content["CanPatchScan"] != "blocked" || d.Content["TargetsDown"] != "1" {
			t.Errorf("%v", d.Content)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := Write(filepath.Join(dir, "absent"), blocked("x")); !errors.Is(err, ErrNoFolder) {
		t.Errorf("no folder: %v", err)
	}
	for range 2 {
		if err := Write(dir, blocked("x")); err != nil {
			t.Fatal(err)
		}
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 || entries[0].Name() != FileName {
		t.Errorf("%v", entries)
	}
	for i := range maxFiles {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.json", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(dir, blocked("x")); err == nil || !strings.Contains(err.Error(), "reads none") {
		t.Errorf("a full folder: %v", err)
	}
}
