package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"agentctl/agent/metrics"
	"agentctl/agent/metrics/metricstest"
	"agentctl/internal/version"
)

// patience bounds each wait for Prometheus, which looks once a second.
const patience = 15 * time.Second

// TestPrometheus has a real Prometheus scrape the metrics: by OpenMetrics, as any
// does, and by protobuf, as those do that take native histograms.
func TestPrometheus(t *testing.T) {
	for _, tt := range []struct {
		name     string
		features []string
		check    func(*testing.T, *prometheus, *metrics.Metrics)
	}{
		{"openmetrics", nil, checkScraped},
		{"native histograms", []string{"--enable-feature=native-histograms"}, checkNative},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := metrics.New(version.Get())
			m.Reloaded(true, time.Now())
			feed(m, metricstest.Healthy())
			feed(m, metricstest.Blocked())
			feed(m, metricstest.Healthy())
			server := httptest.NewServer(m.Handler())
			t.Cleanup(server.Close)
			p := startPrometheus(t, server.Listener.Addr().String(), tt.features)
			p.until(t, "it is scraped", `up{job="agentctl"} == 1`)
			tt.check(t, p, m)
		})
	}
}

func feed(m *metrics.Metrics, s metricstest.Sample) { m.Round(s.Round, s.Report(), s.Round.Groups) }

// checkScraped: every promised metric is there with its value, and an alert comes
// and goes with a fault.
func checkScraped(t *testing.T, p *prometheus, m *metrics.Metrics) {
	for name, promise := range metricstest.Contract {
		if promise.Kind == dto.MetricType_HISTOGRAM {
			name += "_bucket"
		}
		if len(p.query(t, "count("+name+")")) == 0 {
			t.Errorf("Prometheus has no %s", name)
		}
	}
	for query, want := range map[string]float64{
		`agentctl_verdict{state="ready"}`:                                                                                                 1,
		`count(agentctl_target_up == 1)`:                                                                                                  25,
		`agentctl_probes_total{target="ssmmessages"}`:                                                                                     3,
		`agentctl_probe_failures_total{target="ssmmessages",phase="tcp",reason="timeout"}`:                                                1,
		`agentctl_probe_duration_seconds_bucket{group="ssm",le="2.5"}`:                                                                    17,
		`agentctl_probe_duration_seconds_count{group="ssm"}`:                                                                              18,
		`sum(agentctl_target_phase_duration_seconds{target="s3"})`:                                                                        0.046,
		`agentctl_ssm_agent_credentials_expire_timestamp_seconds - 1.785405605e9`:                                                         0,
		`scrape_samples_scraped{job="agentctl"} <= bool 450`:                                                                              1,
		`count(agentctl_finding_active * on(instance) group_left(instance_id) agentctl_instance_info{instance_id="i-0abc12345678def01"})`: 2,
	} {
		if got := p.query(t, query); len(got) != 1 || got[0] < want-1e-6 || got[0] > want+1e-6 {
			t.Errorf("%s is %v, want %v", query, got, want)
		}
	}
	if a := p.alerts(t); len(a) > 0 {
		t.Errorf("alerts on a healthy instance: %v", a)
	}
	feed(m, metricstest.Blocked())
	p.wait(t, "the alert fires", func() bool { return slices.Equal(p.alerts(t), []string{"firing endpoint-blocked"}) })
	feed(m, metricstest.Healthy())
	p.wait(t, "the alert is resolved", func() bool { return len(p.alerts(t)) == 0 })
}

// checkNative: the histogram is ingested with its native buckets, which know the
// quantiles better than the classic ones.
func checkNative(t *testing.T, p *prometheus, _ *metrics.Metrics) {
	p.until(t, "the native histogram is there", `histogram_count(agentctl_probe_duration_seconds{group="ssm"}) == 18`)
	for query, want := range map[string][2]float64{
		`histogram_quantile(0.5, agentctl_probe_duration_seconds{group="s3"})`: {0.046 / 1.1, 0.046 * 1.1},
		`histogram_quantile(1, agentctl_probe_duration_seconds{group="ssm"})`:  {3 / 1.1, 3 * 1.1},
		`agentctl_probes_total{target="ssmmessages"}`:                          {3, 3},
	} {
		if got := p.query(t, query); len(got) != 1 || got[0] < want[0] || got[0] > want[1] {
			t.Errorf("%s is %v, want %v to %v", query, got, want[0], want[1])
		}
	}
}

// prometheus is one that runs for a test.
type prometheus struct {
	base string
	log  string // file
}

const scrapeConfig = `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs: [{job_name: agentctl, static_configs: [{targets: ["%s"]}]}]
`

const alertRules = `groups:
- name: agentctl
  rules: [{alert: PatchingBlocked, expr: 'agentctl_finding_active{severity="critical"}'}]
`

func startPrometheus(t *testing.T, target string, flags []string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(scrapeConfig, target))
	write(t, filepath.Join(dir, "rules.yml"), alertRules)
	p := &prometheus{}
	p.base, p.log = start(t, "prometheus", "--web.listen-address=", append([]string{"--config.file=" + filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path=" + filepath.Join(dir, "data"), "--log.level=warn"}, flags...), "/-/ready")
	return p
}

// start runs a server on a free port of loopback until the test ends.
func start(t *testing.T, name, listen string, args []string, ready string) (base, log string) {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(name + " is missing (make setup installs it)")
	default:
		t.Skip(name + " is missing (make setup installs it)")
	}
	for range 3 { // somebody else may take the port first
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		log = filepath.Join(t.TempDir(), "log")
		out, err := os.Create(log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, path, append(args, listen+address)...)
		cmd.Stdout, cmd.Stderr = out, out
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = 5 * time.Second
		err = cmd.Start()
		out.Close()
		if err != nil {
			cancel()
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		stop := func() { cancel(); <-ended }
		for begun := time.Now(); time.Since(begun) < patience; time.Sleep(20 * time.Millisecond) {
			if res, err := http.Get("http://" + address + ready); err == nil {
				res.Body.Close()
				if res.StatusCode == http.StatusOK {
					t.Cleanup(stop)
					return "http://" + address, log
				}
			}
			select {
			case <-ended:
				begun = time.Time{}
			default:
			}
		}
		stop()
	}
	t.Fatalf("%s does not start:\n%s", name, read(log))
	return "", ""
}

func read(file string) []byte {
	data, _ := os.ReadFile(file)
	return data
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// get asks Prometheus's API.
func (p *prometheus) get(t *testing.T, path string, into any) {
	t.Helper()
	res, err := http.Get(p.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %s", path, err, body)
	}
}

// query gives the values of an expression.
func (p *prometheus) query(t *testing.T, expr string) []float64 {
	t.Helper()
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	p.get(t, "/api/v1/query?query="+url.QueryEscape(expr), &answer)
	var out []float64
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%s: %v", expr, r)
		}
		out = append(out, v)
	}
	return out
}

// alerts are those that are pending or firing.
func (p *prometheus) alerts(t *testing.T) []string {
	t.Helper()
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	p.get(t, "/api/v1/alerts", &answer)
	var out []string
	for _, a := range answer.Data.Alerts {
		out = append(out, a.State+" "+a.Labels["code"])
	}
	return out
}

func (p *prometheus) until(t *testing.T, what, expr string) {
	t.Helper()
	p.wait(t, what, func() bool { return len(p.query(t, expr)) == 1 })
}

func (p *prometheus) wait(t *testing.T, what string, good func() bool) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(50 * time.Millisecond) {
		if good() {
			return
		}
	}
	t.Fatalf("waited in vain until %s; Prometheus's log:\n%s", what, read(p.log))
}

// TestTextfile has node_exporter read what `probe --output prometheus` writes.
func TestTextfile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := metricstest.Blocked()
	var text bytes.Buffer
	if err := metrics.WriteText(&text, s.Round, s.Report()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "agentctl.prom"), text.String())
	base, log := start(t, "prometheus-node-exporter", "--web.listen-address=", []string{"--collector.disable-defaults", "--collector.textfile", "--collector.textfile.directory=" + dir}, "/")
	scrape := func() []string {
		res, err := http.Get(base + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d %v\n%s\n%s", res.StatusCode, err, body, read(log))
		}
		return strings.Split(string(body), "\n")
	}
	got := scrape()
	for _, line := range append(strings.Split(strings.TrimSpace(text.String()), "\n"), "node_textfile_scrape_error 0") {
		if !slices.Contains(got, line) {
			t.Errorf("node_exporter does not say %s", line)
		}
	}
	// A counter-check: what it refuses does show.
	write(t, filepath.Join(dir, "second.prom"), "agentctl_verdict{state=\"ready\"} 1 1700000000000\n")
	if !slices.Contains(scrape(), "node_textfile_scrape_error 1") {
		t.Error("node_exporter takes time stamps, so that it takes agentctl's file says little")
	}
}
