package metrics

import (
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentctl/agent/words"
)

// sheet is a list of series, each once: a registry that meets one twice refuses
// them all.
type sheet struct {
	metrics []prometheus.Metric
	seen    map[series]bool
}

type series struct {
	desc   *prometheus.Desc
	labels string
}

// fresh tells whether a series is not there yet, and notes it.
func (s *sheet) fresh(d *prometheus.Desc, labels []string) bool {
	k := series{d, strings.Join(labels, "\xff")}
	if s.seen[k] {
		return false
	}
	if s.seen == nil {
		s.seen = map[series]bool{}
	}
	s.seen[k] = true
	return true
}

// gauge adds a value.
func (s *sheet) gauge(d *prometheus.Desc, value float64, labels ...string) {
	if !s.fresh(d, labels) {
		return
	}
	// The only error is a wrong number of labels or text that is not UTF-8.
	if m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, value, labels...); err == nil {
		s.metrics = append(s.metrics, m)
	}
}

// seconds adds a duration, to the microsecond: more digits only cost.
func (s *sheet) seconds(d *prometheus.Desc, value float64, labels ...string) {
	s.gauge(d, math.Round(value*1e6)/1e6, labels...)
}

// counter adds a count, with the time at which it was zero.
func (s *sheet) counter(d *prometheus.Desc, count int64, since time.Time, labels ...string) {
	if !s.fresh(d, labels) {
		return
	}
	if m, err := prometheus.NewConstMetricWithCreatedTimestamp(d, prometheus.CounterValue, float64(count), since, labels...); err == nil {
		s.metrics = append(s.metrics, m)
	}
}

// flag adds 1 or 0.
func (s *sheet) flag(d *prometheus.Desc, yes bool, labels ...string) {
	value := 0.0
	if yes {
		value = 1
	}
	s.gauge(d, value, labels...)
}

// time adds a time; an unknown one is left out.
func (s *sheet) time(d *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		s.gauge(d, float64(t.UnixMilli())/1000, labels...)
	}
}

// states adds a state set: 1 for the one that holds, 0 for the others.
func states[S ~string](s *sheet, d *prometheus.Desc, now S, all ...S) {
	for _, state := range all {
		s.flag(d, state == now, string(state))
	}
}

// maxLabel is how long the name of a target can be, in columns.
const maxLabel = 120

// label makes a name from this machine's files fit for a label.
func label(name string) string { return words.Fit(words.Clean(name), maxLabel, "…") }
