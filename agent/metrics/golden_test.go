package metrics

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"

	"agentctl/agent/metrics/metricstest"
)

var update = flag.Bool("update", false, "write the golden files")

// expositions are what a daemon and a single round write.
func expositions(t *testing.T) map[string]string {
	t.Helper()
	m := feed(metricstest.Healthy(), metricstest.Blocked())
	m.Reloaded(true, metricstest.Started)
	families := gather(t, m)
	var open bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToOpenMetrics(&open, f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := expfmt.FinalizeOpenMetrics(&open); err != nil {
		t.Fatal(err)
	}
	s := metricstest.Blocked()
	var one bytes.Buffer
	if err := writeText(&one, build, s.Round, s.Report()); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"daemon.prom": exposition(t, families), "daemon.openmetrics": open.String(), "round.prom": one.String()}
}

func TestGolden(t *testing.T) {
	for name, got := range expositions(t) {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v (go test -update writes it)", err)
		}
		if d := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestOrder: the same round gives the same text, byte for byte, and no time stamps.
func TestOrder(t *testing.T) {
	first := expositions(t)
	for range 5 {
		if d := cmp.Diff(first, expositions(t)); d != "" {
			t.Fatal(d)
		}
	}
	for _, l := range samples(first["round.prom"]) {
		if rest := l[strings.LastIndexByte(l, '}')+1:]; len(strings.Fields(rest)) > 2 || strings.Contains(l, "}") && len(strings.Fields(rest)) != 1 {
			t.Errorf("a line with more than a value: %s", l)
		}
	}
}

func TestLint(t *testing.T) {
	m := feed(metricstest.Healthy(), metricstest.Blocked())
	m.Reloaded(true, metricstest.Started)
	problems, err := promlint.NewWithMetricFamilies(gather(t, m)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestPromtool has Prometheus's own tool read and check what is written.
func TestPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("promtool is missing (make setup installs it)")
	default:
		t.Skip("promtool is missing (make setup installs it)")
	}
	for name, text := range expositions(t) {
		if strings.HasSuffix(name, ".openmetrics") {
			continue // it reads the text form alone
		}
		cmd := exec.CommandContext(t.Context(), tool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
