package metrics

import (
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"agentctl/agent/report"
	"agentctl/internal/version"
	"agentctl/probes"
)

// WriteText writes one round as node_exporter's textfile collector reads it: gauges
// alone, since a single round has nothing to count, in the order of their names.
func WriteText(w io.Writer, r *probes.Round, rep *report.Report) error {
	return writeText(w, version.Get(), r, rep)
}

func writeText(w io.Writer, v version.Info, r *probes.Round, rep *report.Report) error {
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(single(v, r, rep)); err != nil {
		return err
	}
	families, err := reg.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

// list is a collector of what does not change.
type list []prometheus.Metric

// single is one round on its own.
func single(v version.Info, r *probes.Round, rep *report.Report) list {
	var s sheet
	s.build(v)
	s.take(r, rep)
	t := newTally()
	t.note(r, r.Groups, func(probes.Group, float64) {})
	for g, k := range t.groups {
		s.seconds(roundDuration, k.duration, string(g))
		s.time(roundSuccess, k.success, string(g))
	}
	return s.metrics
}

// Describe implements prometheus.Collector.
func (list) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descs() {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (l list) Collect(ch chan<- prometheus.Metric) {
	for _, m := range l {
		ch <- m
	}
}
