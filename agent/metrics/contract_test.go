package metrics

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"agentctl/agent/metrics/metricstest"
	"agentctl/probes"
)

func TestContract(t *testing.T) {
	m := feed(metricstest.Blocked())
	m.Reloaded(true, metricstest.Started)
	got := gather(t, m)
	if len(got) != len(metricstest.Contract) {
		t.Errorf("%d metrics, and %d are promised", len(got), len(metricstest.Contract))
	}
	for _, f := range got {
		p, ok := metricstest.Contract[f.GetName()]
		if !ok {
			t.Errorf("%s is not promised", f.GetName())
			continue
		}
		if f.GetType() != p.Kind {
			t.Errorf("%s is a %s", f.GetName(), f.GetType())
		}
		for _, x := range f.GetMetric() {
			var names []string
			for _, l := range x.GetLabel() {
				names = append(names, l.GetName())
			}
			slices.Sort(names)
			if labels := strings.Join(names, " "); labels != p.Labels {
				t.Errorf("%s has the labels %q, not %q", f.GetName(), labels, p.Labels)
			}
		}
	}
}

// TestOneRoundHasGauges: the textfile has what the contract has, but what only
// several rounds can tell.
func TestOneRoundHasGauges(t *testing.T) {
	s := metricstest.Blocked()
	got := map[string]bool{}
	for _, f := range gather(t, single(build, s.Round, s.Report())) {
		got[f.GetName()] = true
		if f.GetType() != dto.MetricType_GAUGE {
			t.Errorf("%s is a %s", f.GetName(), f.GetType())
		}
	}
	onlyDaemon := []string{"agentctl_config_last_reload_successful", "agentctl_config_last_reload_success_timestamp_seconds", "agentctl_finding_since_timestamp_seconds"}
	for name, p := range metricstest.Contract {
		want := p.Kind == dto.MetricType_GAUGE && !slices.Contains(onlyDaemon, name)
		if got[name] != want {
			t.Errorf("%s: present %v, want %v", name, got[name], want)
		}
	}
}

// TestSeriesBudget counts what a scrape brings, this process's own metrics included.
func TestSeriesBudget(t *testing.T) {
	outage := func() *Metrics {
		return feed(metricstest.Healthy(),
			metricstest.Outage(probes.PhaseDNS, probes.ServFail), metricstest.Outage(probes.PhaseDNS, probes.Timeout),
			metricstest.Outage(probes.PhaseTCP, probes.Refused), metricstest.Outage(probes.PhaseTCP, probes.Timeout),
			metricstest.Outage(probes.PhaseTLS, probes.HandshakeTimeout), metricstest.Outage(probes.PhaseHTTP, probes.ServerError),
			metricstest.Outage(probes.PhaseSigned, probes.AccessDenied))
	}
	for _, tt := range []struct {
		name    string
		metrics *Metrics
		most    int
	}{
		{"healthy, 25 targets", feed(metricstest.Healthy(), metricstest.Healthy()), 450},
		{"the worst outage", outage(), 600},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.metrics.Reloaded(true, metricstest.Started)
			rec := httptest.NewRecorder()
			tt.metrics.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			all := samples(rec.Body.String())
			up := 0
			for _, l := range all {
				if strings.HasPrefix(l, "agentctl_target_up{") {
					up++
				}
			}
			t.Logf("%d series", len(all))
			if len(all) > tt.most || up != 25 {
				t.Errorf("%d series of %d targets; at most %d of 25 are wanted", len(all), up, tt.most)
			}
		})
	}
}
