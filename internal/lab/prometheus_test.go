//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const prometheusConfig = `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: agentctl
    static_configs: [{targets: ["127.0.0.1:9855"]}]
`

const prometheusRules = `groups:
  - name: agentctl
    rules:
      - alert: PatchingBlocked
        expr: agentctl_finding_active{severity="critical"} == 1
`

// TestPrometheus has a real Prometheus scrape the daemon inside a VPC: an alert fires when the endpoint for ssmmessages stops
// answering, names the finding, and resolves when it answers again. PROMETHEUS=1 runs it; AGENTCTL_BIN is labsoak, the daemon
// with short intervals.
func TestPrometheus(t *testing.T) {
	if os.Getenv("PROMETHEUS") != "1" {
		t.Skip("PROMETHEUS=1 runs this (make oracle)")
	}
	program, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no prometheus here; make setup installs it")
		}
		t.Skip("no prometheus here; make setup installs it")
	}
	s, err := ReadScenario("endpoints-only")
	if err != nil {
		t.Fatal(err)
	}
	s.Run.Args = []string{"300", "90"}
	s.Run.Limit = Duration{3 * time.Minute}
	v, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{"prometheus.yml": prometheusConfig, "rules.yml": prometheusRules} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:9090", "--log.level=error")
	if err := v.Inside(cmd.Start); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	ended := make(chan error, 1)
	go func() {
		_, err := v.Run()
		ended <- err
	}()
	wait := func(what, query string, good func([]map[string]string) bool) {
		t.Helper()
		var got []map[string]string
		for range 300 {
			if err := v.Inside(func() (err error) { got, err = promQuery(t.Context(), query); return err }); err == nil && good(got) {
				t.Logf("%s", what)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatalf("%s: %s gives %v", what, query, got)
	}
	firing := `ALERTS{alertname="PatchingBlocked",alertstate="firing"}`
	wait("scraped", `up{job="agentctl"} == 1`, func(r []map[string]string) bool { return len(r) == 1 })
	wait("ready", `agentctl_verdict{state="ready"} == 1`, func(r []map[string]string) bool { return len(r) == 1 })
	wait("no alert", firing, func(r []map[string]string) bool { return len(r) == 0 })
	if err := v.Break(Fault{Drop: &PacketFault{To: []string{"ssmmessages"}}}); err != nil {
		t.Fatal(err)
	}
	wait("the alert fires, and names the finding", firing, func(r []map[string]string) bool {
		return slices.ContainsFunc(r, func(m map[string]string) bool { return m["code"] == "endpoint-blocked" })
	})
	wait("the target is down", `agentctl_target_up{target="ssmmessages"} == 0`, func(r []map[string]string) bool { return len(r) == 1 })
	if err := v.Mend(); err != nil {
		t.Fatal(err)
	}
	wait("the alert resolves", firing, func(r []map[string]string) bool { return len(r) == 0 })
	wait("ready again", `agentctl_verdict{state="ready"} == 1`, func(r []map[string]string) bool { return len(r) == 1 })
	v.cancel()
}

// promQuery asks Prometheus, and returns the labels of each series.
func promQuery(ctx context.Context, query string) ([]map[string]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:9090/api/v1/query?query="+url.QueryEscape(query), nil)
	if err != nil {
		return nil, err
	}
	// A transport dials on a thread of its own, which is in no namespace of ours.
	conn, err := net.DialTimeout("tcp4", "127.0.0.1:9090", time.Second)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Status string
		Data   struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(body)))
	}
	var out []map[string]string
	for _, r := range answer.Data.Result {
		out = append(out, r.Metric)
	}
	return out, nil
}
