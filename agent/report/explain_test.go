package report_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
)

// TestFindingsPage holds docs/findings.md against the catalogue; -update writes it.
func TestFindingsPage(t *testing.T) {
	const page = "../../docs/findings.md"
	want := report.CatalogueMarkdown(diagnosis.Catalogue())
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/findings.md is not what the catalogue says; run: make golden")
	}
}

func TestEveryEntryIsComplete(t *testing.T) {
	for _, e := range diagnosis.Catalogue() {
		if e.Title == "" || e.Meaning == "" || e.Recognised == "" || e.Fix == "" || e.Source == "" || e.Severity == "" || e.Block == "" {
			t.Errorf("%s lacks something: %+v", e.Code, e)
		}
		var b bytes.Buffer
		if err := report.WriteEntry(&b, e); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if len(line) > 80 && !strings.HasPrefix(line, string(e.Code)) {
				t.Errorf("%s: a line of %d columns: %s", e.Code, len(line), line)
			}
		}
	}
}
