// Package metrics shows what the daemon knows to Prometheus: gauges of the last
// round, and counters and histograms over all of them. All of it is made when a
// round ends, so that a scrape computes little and waits for nothing.
package metrics

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"agentctl/agent/report"
	"agentctl/internal/version"
	"agentctl/probes"
)

// Metrics is a collector over the last round. It is safe for concurrent use.
type Metrics struct {
	durations *prometheus.HistogramVec

	mu     sync.Mutex // of those who write
	tally  *tally
	build  []prometheus.Metric // known from the start
	round  []prometheus.Metric // of the last round
	config []prometheus.Metric // of the last reload
	loaded time.Time           // when a configuration was last read that could be used

	shown atomic.Pointer[[]prometheus.Metric]
}

// New makes a collector that knows of no round yet.
func New(v version.Info) *Metrics {
	m := &Metrics{tally: newTally(), durations: newDurations()}
	var s sheet
	s.build(v)
	m.build = s.metrics
	m.publish()
	return m
}

// newDurations is native and classic in one. The classic buckets are few, as each
// costs a series for each group: a healthy probe takes some tens of milliseconds, a
// lost SYN one second, a connect without an answer three, a slow resolver five.
func newDurations() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: durationName, Help: durationHelp,
		Buckets:                     []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5},
		NativeHistogramBucketFactor: 1.1,
		// Durations from 1 ms to 20 s fall into 115 buckets of that width; a group's
		// own are far fewer.
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"group"})
}

// Round takes in a round, its report, and which groups it measured; what else the
// round holds is taken over from rounds before.
func (m *Metrics) Round(r *probes.Round, rep *report.Report, measured []probes.Group) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.note(r, measured, func(g probes.Group, seconds float64) {
		m.durations.WithLabelValues(string(g)).Observe(seconds)
	})
	for _, g := range m.tally.forget(r) {
		m.durations.DeleteLabelValues(string(g))
	}
	var s sheet
	s.take(r, rep)
	s.since(rep)
	m.tally.show(&s)
	m.round = s.metrics
	m.publish()
}

// Reloaded takes in an attempt to read the configuration.
func (m *Metrics) Reloaded(ok bool, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ok {
		m.loaded = at
	}
	var s sheet
	s.flag(reloadSuccessful, ok)
	s.time(reloadSuccessfulEnd, m.loaded)
	m.config = s.metrics
	m.publish()
}

// publish puts before the scrapes what is known now.
func (m *Metrics) publish() {
	all := slices.Concat(m.build, m.config, m.round)
	m.shown.Store(&all)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descs() {
		ch <- d
	}
	m.durations.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, metric := range *m.shown.Load() {
		ch <- metric
	}
	m.durations.Collect(ch)
}

// Registry makes a registry with these metrics and those of this process.
func (m *Metrics) Registry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// maxScrapes is how many are answered at once; more are told to come again. One
// listener has no more connections than that.
const maxScrapes = 64

// Handler serves a registry of its own, as OpenMetrics, text or protobuf, whichever
// the scraper prefers.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry(), promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		ErrorHandling:       promhttp.ContinueOnError, // one bad series must not hide the others
		MaxRequestsInFlight: maxScrapes,
	})
}
