package metrics

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"agentctl/agent/metrics/metricstest"
)

// BenchmarkScrape is held to 1.5 ms of CPU with 25 targets (budgets in
// docs/architecture.md); the forms are those that Prometheus asks for.
func BenchmarkScrape(b *testing.B) {
	h := feed(metricstest.Healthy(), metricstest.Blocked()).Handler()
	for _, form := range []struct{ name, accept, encoding string }{
		{"text", "", ""},
		{"openmetrics+gzip", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", "gzip"},
		{"protobuf+gzip", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "gzip"},
	} {
		b.Run(form.name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
				req.Header.Set("Accept", form.accept)
				req.Header.Set("Accept-Encoding", form.encoding)
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, req)
				size = rec.Body.Len()
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

// BenchmarkRound is what a round costs more for the metrics.
func BenchmarkRound(b *testing.B) {
	m := New(build)
	s := metricstest.Healthy()
	rep := s.Report()
	b.ReportAllocs()
	for b.Loop() {
		m.Round(s.Round, rep, s.Round.Groups)
	}
}

func BenchmarkWriteText(b *testing.B) {
	s := metricstest.Healthy()
	rep := s.Report()
	b.ReportAllocs()
	for b.Loop() {
		var buf bytes.Buffer
		if err := WriteText(&buf, s.Round, rep); err != nil {
			b.Fatal(err)
		}
	}
}
