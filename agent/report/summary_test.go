package report_test

import (
	"testing"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/agent/report/reporttest"
	"agentctl/probes"
)

func TestSummarize(t *testing.T) {
	for name, c := range map[string]struct {
		r    *report.Report
		want string
	}{
		"healthy":  {reporttest.Healthy(), "Patching works on this instance: Systems Manager, S3, 2 repositories."},
		"broken":   {reporttest.Broken(), "Patching cannot work on this instance. 1 cause."},
		"many":     {reporttest.Many(), "Patching cannot work on this instance. 4 causes, 2 warnings."},
		"degraded": {reporttest.Degraded(), "Patching works on this instance, with 2 warnings."},
		"unknown":  {reporttest.Unknown(), "This round cannot tell whether patching works on this instance: ssm and ssmmessages could not be probed."},
		"nowhere":  {reporttest.Nowhere(), "Patching cannot work from this machine. 1 cause."},
	} {
		if got := report.Summarize(c.r); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// Every reason has words of its own, short enough for a table.
func TestReasonWords(t *testing.T) {
	seen := map[string]probes.Reason{}
	for _, r := range probes.Reasons() {
		w := report.ReasonWords(r)
		if w == "" || len(w) > 26 {
			t.Errorf("%s: %q is long", r, w)
		}
		if other, ok := seen[w]; ok {
			t.Errorf("%s and %s are both %q", r, other, w)
		}
		seen[w] = r
	}
}

func TestRouteWords(t *testing.T) {
	for _, c := range []struct {
		r      probes.Route
		likely bool
		want   string
	}{
		{probes.RouteInterface, false, "endpoint (VPC)"},
		{probes.RouteInterface, true, "endpoint (VPC, likely)"},
		{probes.RouteCentral, false, "endpoint (central)"},
		{probes.RouteGateway, true, "S3 gateway (likely)"},
		{probes.RouteNAT, false, "NAT"},
		{probes.RouteUnknown, true, ""},
		{"", false, ""},
	} {
		if got := report.RouteWords(c.r, c.likely); got != c.want {
			t.Errorf("%s: got %q, want %q", c.r, got, c.want)
		}
	}
}

func TestCapabilityWords(t *testing.T) {
	got := report.CapabilityWords([]diagnosis.Capability{diagnosis.PatchInstall, diagnosis.SSMManaged, diagnosis.PatchScan})
	if len(got) != 2 || got[0] != "managed node" || got[1] != "patching" {
		t.Errorf("%q", got)
	}
	if got := report.CapabilityWords([]diagnosis.Capability{diagnosis.PatchScan}); len(got) != 1 || got[0] != "patch scans" {
		t.Errorf("%q", got)
	}
}
