package metrics

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"agentctl/agent/metrics/metricstest"
	"agentctl/internal/version"
)

// build is the program of the tests.
var build = version.Info{Version: "1.2.3", Revision: "abcdef012345", GoVersion: "go1.26.0", OS: "linux", Arch: "amd64", DataDate: "2026-07-01"}

// feed makes metrics that have seen rounds, all groups measured.
func feed(samples ...metricstest.Sample) *Metrics {
	m := New(build)
	for _, s := range samples {
		m.Round(s.Round, s.Report(), s.Round.Groups)
	}
	return m
}

// gather collects from a registry that checks everything.
func gather(t testing.TB, c prometheus.Collector) []*dto.MetricFamily {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// exposition is the text form.
func exposition(t testing.TB, families []*dto.MetricFamily) string {
	t.Helper()
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// samples are the lines of an exposition without its comments.
func samples(text string) []string {
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(l string) bool { return l == "" || l[0] == '#' })
}

func lines(t testing.TB, c prometheus.Collector) []string {
	t.Helper()
	return samples(exposition(t, gather(t, c)))
}

// expect wants each line, and none that begins as those after an exclamation mark.
func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	for _, w := range want {
		if absent, no := strings.CutPrefix(w, "!"); no {
			for _, l := range got {
				if strings.HasPrefix(l, absent) {
					t.Errorf("there is %s", l)
				}
			}
			continue
		}
		if !slices.Contains(got, w) {
			name, _, _ := strings.Cut(w, "{")
			name, _, _ = strings.Cut(name, " ")
			near := slices.DeleteFunc(slices.Clone(got), func(l string) bool { return !strings.HasPrefix(l, name) })
			t.Errorf("there is no %s among\n%s", w, strings.Join(near, "\n"))
		}
	}
}
