package report_test

import (
	"strings"
	"testing"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/agent/report/reporttest"
	"agentctl/probes"
)

// FuzzText: whatever a server or a file puts into a report, the text is printable
// and well laid out, and the JSON is valid and holds nothing that a terminal obeys.
func FuzzText(f *testing.F) {
	f.Add("plain", 80, false, false)
	f.Add("\x1b[2J\x1b]0;title\x07\u009b31m", 60, true, false)
	f.Add("\u202egnp\u200b\ufeff\x00\xff\xfe", 40, false, true)
	f.Add("日本語\t\r\n"+strings.Repeat("a\u0301", 50), 1, true, true)
	f.Add(strings.Repeat("word ", 300), 200, false, false)
	f.Add("\x1b\x1b[[31m31m\x1b", 0, false, false)
	f.Fuzz(func(t *testing.T, s string, width int, verbose, ascii bool) {
		r := reporttest.Hostile()
		r.Instance.ID, r.Instance.OS.Name, r.Instance.AvailabilityZone, r.Instance.VPCID = s, s, s, s
		r.Version, r.Verdict.Summary = s, s
		for i := range r.Findings {
			fi := &r.Findings[i]
			fi.Code, fi.Summary, fi.Targets = diagnosis.Code(s), s, []string{s, "ssm", s}
			fi.Evidence = []diagnosis.Evidence{{What: s, Value: s}, {What: s}}
			fi.Fix = []diagnosis.Fix{{Text: s, Command: s}, {Command: s}}
		}
		r.Findings = append(r.Findings, diagnosis.Finding{Code: diagnosis.Code(s), Severity: diagnosis.Info, Summary: s})
		for i := range r.Targets {
			tg := &r.Targets[i]
			tg.Name, tg.URL, tg.Because, tg.ExplainedBy, tg.Addresses = s+tg.Name, s, s, diagnosis.Code(s), []string{s}
			tg.Route = probes.Route(s)
			for j := range tg.Steps {
				tg.Steps[j].Detail, tg.Steps[j].Reason = s, probes.Reason(s)
			}
		}
		r.Checks = append(r.Checks, report.Check{Name: s, Group: probes.GroupAgent, Value: s, Detail: s})
		r.Advice = []report.Advice{{Design: s, Because: s, Changes: []string{s}}}
		checkPlain(t, text(t, r, report.TextOptions{Width: width, Verbose: verbose, ASCII: ascii}))
		for _, c := range string(jsonOf(t, r)) {
			if c < ' ' && c != '\n' || c >= 0x7f && c <= 0x9f {
				t.Fatalf("%U in the JSON", c)
			}
		}
	})
}
