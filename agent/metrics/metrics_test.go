package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/metrics/metricstest"
	"agentctl/platform"
	"agentctl/probes"
)

// at writes a time as the exposition does.
func at(t time.Time) string { return fmt.Sprintf("%v", float64(t.UnixMilli())/1000) }

func TestBeforeTheFirstRound(t *testing.T) {
	m := New(build)
	data := "agentctl_data_timestamp_seconds " + at(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	if got := lines(t, m); len(got) != 2 {
		t.Errorf("something is said before anything is known: %q", got)
	}
	m.Reloaded(true, metricstest.Started)
	got := lines(t, m)
	expect(t, got, data, `agentctl_build_info{goarch="amd64",goos="linux",goversion="go1.26.0",revision="abcdef012345",version="1.2.3"} 1`,
		"agentctl_config_last_reload_successful 1", "agentctl_config_last_reload_success_timestamp_seconds "+at(metricstest.Started))
	if len(got) != 4 {
		t.Errorf("got %q", got)
	}
}

func TestReload(t *testing.T) {
	m := feed(metricstest.Healthy())
	m.Reloaded(true, metricstest.Started)
	m.Reloaded(false, metricstest.Started.Add(time.Hour))
	expect(t, lines(t, m), "agentctl_config_last_reload_successful 0",
		"agentctl_config_last_reload_success_timestamp_seconds "+at(metricstest.Started), `agentctl_target_up{group="ssm",required="true",target="ssm"} 1`)
	m.Reloaded(true, metricstest.Started.Add(2*time.Hour))
	expect(t, lines(t, m), "agentctl_config_last_reload_successful 1", "agentctl_config_last_reload_success_timestamp_seconds "+at(metricstest.Started.Add(2*time.Hour)))
}

// change changes the healthy sample.
type change func(s *metricstest.Sample)

func target(name string, do func(*probes.Result)) change {
	return func(s *metricstest.Sample) {
		s.Each(func(res *probes.Result) {
			if res.Target.Name == name {
				do(res)
			}
		})
	}
}

func TestGaugesOfARound(t *testing.T) {
	no, two := false, 2
	for _, tt := range []struct {
		name   string
		change change
		want   []string
	}{
		{"healthy", func(*metricstest.Sample) {}, []string{
			`agentctl_verdict{state="ready"} 1`, `agentctl_verdict{state="degraded"} 0`, `agentctl_verdict{state="blocked"} 0`, `agentctl_verdict{state="unknown"} 0`,
			`agentctl_capability_ready{capability="patch_install"} 1`, `agentctl_finding_active{code="host-reboot-pending",severity="info"} 1`,
			`agentctl_instance_info{image_id="ami-0123456789abcdef0",instance_id="i-0abc12345678def01",instance_type="t3.micro",subnet_id="subnet-0d4e5f60718293a4b",vpc_id="vpc-0a1b2c3d4e5f60718",zone_id="euc1-az2"} 1`,
			`agentctl_target_route_info{route="interface_endpoint",target="ssm"} 1`, `agentctl_target_up{group="repos",required="true",target="repo:team-20"} 1`,
			`agentctl_target_up{group="ssm",required="false",target="internet"} 1`, `agentctl_target_phase_duration_seconds{phase="tls",target="ssm"} 0.015`,
			`agentctl_tls_certificate_not_after_timestamp_seconds{target="s3"} ` + at(metricstest.Started.AddDate(0, 3, 0)), // the leaf's
			`agentctl_dns_resolver_up{resolver="10.0.0.2"} 1`, `agentctl_dns_resolver_duration_seconds{resolver="10.0.0.3"} 0.002`, "agentctl_clock_offset_seconds -0.002",
			`agentctl_ssm_agent_state{state="running"} 1`, `agentctl_ssm_agent_state{state="stopped"} 0`, `agentctl_ssm_agent_info{version="3.3.2299.0"} 1`,
			"agentctl_ssm_agent_credentials_expire_timestamp_seconds " + at(metricstest.Started.Add(48*time.Minute)),
			`agentctl_update_source_info{source="repos"} 1`, `agentctl_patch_last_run_exit_code{operation="scan"} 0`,
			`agentctl_patch_last_run_timestamp_seconds{operation="install"} ` + at(metricstest.Started.Add(-29*time.Hour)),
			`agentctl_round_last_success_timestamp_seconds{group="s3"} ` + at(metricstest.Started.Add(600*time.Millisecond)), `agentctl_round_duration_seconds{group="agent"} 0.412`,
		}},
		{"degraded is not ready, unknown is left out", func(s *metricstest.Sample) {
			s.Diagnosis.Capabilities = map[diagnosis.Capability]diagnosis.State{diagnosis.SSMManaged: diagnosis.Degraded, diagnosis.RunCommand: diagnosis.Unknown}
		}, []string{`agentctl_capability_ready{capability="ssm_managed"} 0`, `!agentctl_capability_ready{capability="run_command"}`}},
		{"a finding twice", func(s *metricstest.Sample) {
			f := s.Diagnosis.Findings[0]
			f.Since = f.Since.Add(-time.Hour)
			s.Diagnosis.Findings = append(s.Diagnosis.Findings, f)
		}, []string{`agentctl_finding_active{code="host-reboot-pending",severity="info"} 1`,
			`agentctl_finding_since_timestamp_seconds{code="host-reboot-pending"} ` + at(metricstest.Started.Add(-2*time.Hour))}},
		{"no metadata", func(s *metricstest.Sample) { s.Round.Metadata = probes.Metadata{State: probes.MetadataDisabled} }, []string{"!agentctl_instance_info"}},
		{"an old round without a zone id", func(s *metricstest.Sample) { s.Round.Metadata.AZID = "" }, []string{
			`agentctl_instance_info{image_id="ami-0123456789abcdef0",instance_id="i-0abc12345678def01",instance_type="t3.micro",subnet_id="subnet-0d4e5f60718293a4b",vpc_id="vpc-0a1b2c3d4e5f60718",zone_id=""} 1`}},
		{"a target that is down", target("ssm", func(r *probes.Result) { metricstest.Fail(r, probes.PhaseTCP, probes.Timeout, 3) }), []string{
			`agentctl_target_up{group="ssm",required="true",target="ssm"} 0`, `agentctl_target_phase_duration_seconds{phase="tcp",target="ssm"} 3`,
			`!agentctl_target_phase_duration_seconds{phase="tls",target="ssm"}`, `!agentctl_tls_certificate_not_after_timestamp_seconds{target="ssm"}`}},
		{"a target that was not asked", target("kms", func(r *probes.Result) { *r = probes.Result{Target: r.Target, State: probes.Skipped} }), []string{
			`!agentctl_target_up{group="ssm",required="true",target="kms"}`, `!agentctl_target_phase_duration_seconds{phase="dns",target="kms"}`,
			`!agentctl_target_route_info{route="interface_endpoint",target="kms"}`, `!agentctl_probes_total{target="kms"}`}},
		{"a target that was cut short", target("s3", func(r *probes.Result) {
			metricstest.Fail(r, probes.PhaseTCP, probes.Canceled, 12)
			r.State = probes.Unknown
		}), []string{`!agentctl_target_up{group="s3",required="true",target="s3"}`, `!agentctl_probes_total{target="s3"}`, `!agentctl_probe_failures_total{`,
			`!agentctl_round_last_success_timestamp_seconds{group="s3"}`, `agentctl_rounds_total{group="s3"} 1`}},
		{"a repository that cannot be asked is no round cut short", target("repo:team-20", func(r *probes.Result) { *r = probes.Result{Target: r.Target, State: probes.Unknown} }),
			[]string{`!agentctl_target_up{group="repos",required="true",target="repo:team-20"}`,
				`agentctl_round_last_success_timestamp_seconds{group="repos"} ` + at(metricstest.Started.Add(600*time.Millisecond))}},
		{"a phase that was gone through twice", target("s3", func(r *probes.Result) { r.Steps = append(r.Steps, r.Steps[3]) }),
			[]string{`agentctl_target_phase_duration_seconds{phase="http",target="s3"} 0.044`}},
		{"an unknown route", func(s *metricstest.Sample) { s.Diagnosis.Routes["s3"] = diagnosis.Route{Route: probes.RouteUnknown} }, []string{
			`!agentctl_target_route_info{route="unknown"`, `!agentctl_target_route_info{route="gateway_endpoint",target="s3"}`}},
		{"two targets of one name: the first counts", func(s *metricstest.Sample) {
			twin := s.Round.Results[0]
			metricstest.Fail(&twin, probes.PhaseTCP, probes.Timeout, 3)
			twin.Target.Group, twin.Target.Required = probes.GroupCustom, false
			s.Round.Results = append(s.Round.Results, twin)
		}, []string{`agentctl_target_up{group="ssm",required="true",target="ssm"} 1`, `!agentctl_target_up{group="custom",required="false",target="ssm"}`,
			`agentctl_probes_total{target="ssm"} 1`, `!agentctl_probe_failures_total`}},
		{"resolvers", func(s *metricstest.Sample) {
			rs := s.Round.Resolvers
			rs[0].Answered, rs[0].Usable = 0, 0
			rs[1].Usable = 0
			rs[2].Configured = false
			s.Round.Resolvers = append(rs, probes.ResolverResult{Addr: netip.MustParseAddrPort("10.0.0.9:53"), Configured: true})
		}, []string{`agentctl_dns_resolver_up{resolver="10.0.0.2"} 0`, `!agentctl_dns_resolver_duration_seconds{resolver="10.0.0.2"}`,
			`agentctl_dns_resolver_up{resolver="10.0.0.3"} 0`, `agentctl_dns_resolver_duration_seconds{resolver="10.0.0.3"} 0.002`,
			`!agentctl_dns_resolver_up{resolver="169.254.169.253"}`, `!agentctl_dns_resolver_up{resolver="10.0.0.9"}`}},
		{"no time service", func(s *metricstest.Sample) { s.Round.TimeSync = probes.TimeSync{Asked: true, Reason: probes.Timeout} }, []string{"!agentctl_clock_offset_seconds"}},
		{"SSM Agent stopped", func(s *metricstest.Sample) { s.Round.Agent.Running = &no }, []string{`agentctl_ssm_agent_state{state="stopped"} 1`, `agentctl_ssm_agent_state{state="running"} 0`}},
		{"SSM Agent absent", func(s *metricstest.Sample) { s.Round.Agent = probes.AgentState{Install: "absent", Running: &no} }, []string{
			`agentctl_ssm_agent_state{state="not_installed"} 1`, "!agentctl_ssm_agent_info", "!agentctl_ssm_agent_credentials", "!agentctl_ssm_agent_log"}},
		{"SSM Agent of unknown state", func(s *metricstest.Sample) { s.Round.Agent.Running = nil }, []string{`agentctl_ssm_agent_state{state="unknown"} 1`}},
		{"group agent not asked for", func(s *metricstest.Sample) { s.Round.Groups = []probes.Group{probes.GroupSSM} }, []string{
			"!agentctl_ssm_agent_state", "!agentctl_ssm_agent_info", "!agentctl_update_source_info", `!agentctl_rounds_total{group="agent"}`}},
		{"Windows", func(s *metricstest.Sample) { s.Round.Host = platform.Facts{OS: platform.OS{Family: "windows"}} }, []string{"!agentctl_update_source_info"}},
		{"patch runs", func(s *metricstest.Sample) {
			s.Round.PatchRuns.Runs = []probes.PatchRun{{Operation: probes.PatchInstall, Started: metricstest.Started, ExitCode: &two}, {Started: metricstest.Started}}
		}, []string{`agentctl_patch_last_run_timestamp_seconds{operation="install"} ` + at(metricstest.Started), `agentctl_patch_last_run_exit_code{operation="install"} 2`,
			`!agentctl_patch_last_run_timestamp_seconds{operation="scan"}`}},
		{"a run whose exit code is not written down", func(s *metricstest.Sample) { s.Round.PatchRuns.Runs[0].ExitCode = nil }, []string{`!agentctl_patch_last_run_exit_code{operation="scan"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := metricstest.Healthy()
			tt.change(&s)
			expect(t, lines(t, feed(s)), tt.want...)
		})
	}
}

// TestStaleSeriesVanish: what is over or not planned any more leaves the exposition.
func TestStaleSeriesVanish(t *testing.T) {
	m := feed(metricstest.Blocked())
	expect(t, lines(t, m), `agentctl_finding_active{code="endpoint-blocked",severity="critical"} 1`, `agentctl_verdict{state="blocked"} 1`,
		`agentctl_probe_failures_total{phase="tcp",reason="timeout",target="ssmmessages"} 1`, `agentctl_probes_total{target="wiki"} 1`,
		`agentctl_probe_duration_seconds_count{group="custom"} 2`, `!agentctl_target_route_info{route="interface_endpoint",target="ssmmessages"}`)
	s := metricstest.Healthy()
	s.Round.Groups = s.Round.Groups[:6] // without the user's own
	var rest []probes.Result
	for _, res := range s.Round.Results {
		if res.Target.Group != probes.GroupCustom {
			rest = append(rest, res)
		}
	}
	s.Round.Results = rest
	m.Round(s.Round, s.Report(), s.Round.Groups)
	expect(t, lines(t, m), "!agentctl_finding_active{code=\"endpoint-blocked\"", "!agentctl_finding_since_timestamp_seconds{code=\"endpoint-blocked\"", `agentctl_verdict{state="blocked"} 0`,
		`agentctl_probe_failures_total{phase="tcp",reason="timeout",target="ssmmessages"} 1`, `!agentctl_probes_total{target="wiki"}`,
		`!agentctl_probe_duration_seconds_count{group="custom"}`, `!agentctl_rounds_total{group="custom"}`,
		`agentctl_target_route_info{route="interface_endpoint",target="ssmmessages"} 1`)
}

// TestHostileNames: no name that a file of this machine can hold costs the other
// series.
func TestHostileNames(t *testing.T) {
	names := []string{"repo:\xff\xfe", "repo:a\"b\\c\nd", "repo:" + strings.Repeat("漢", 5000), "repo:\x1b[2J", "repo:", "", "ssm", "repo:a\xff", "repo:a\xfe"}
	s := metricstest.Healthy()
	for _, n := range names {
		res := s.Round.Results[0]
		res.Target.Name = n
		s.Round.Results = append(s.Round.Results, res)
	}
	s.Round.Metadata.VPCID = "vpc-\xff"
	s.Round.Agent.Version = "3\xff"
	m := feed(s, s)
	reg := m.Registry()
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
	got := lines(t, m)
	expect(t, got, `agentctl_probes_total{target="ssm"} 2`, `agentctl_probes_total{target="s3"} 2`, `agentctl_target_up{group="ssm",required="true",target="ssm"} 1`,
		`agentctl_probes_total{target="repo:a\"b\\c d"} 2`, `agentctl_ssm_agent_info{version="3�"} 1`)
	for _, l := range got {
		if len(l) > 600 {
			t.Errorf("a line of %d bytes: %.200s", len(l), l)
		}
	}
}

// TestScrapesWhileRoundsEnd: under the race detector.
func TestScrapesWhileRoundsEnd(t *testing.T) {
	m := New(build)
	h := m.Handler()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				if rec.Code != http.StatusOK {
					t.Errorf("status %d: %s", rec.Code, rec.Body)
				}
			}
		})
	}
	healthy, blocked := metricstest.Healthy(), metricstest.Blocked()
	for n := range 50 {
		s := healthy
		if n%2 == 1 {
			s = blocked
		}
		m.Round(s.Round, s.Report(), s.Round.Groups)
		m.Reloaded(n%2 == 0, metricstest.Started)
	}
	wg.Wait()
	expect(t, lines(t, m), `agentctl_probes_total{target="ssm"} 50`, `agentctl_probe_failures_total{phase="tcp",reason="timeout",target="ssmmessages"} 25`)
}

// TestHandlerForms: the scraper chooses.
func TestHandlerForms(t *testing.T) {
	h := feed(metricstest.Healthy()).Handler()
	for accept, want := range map[string]string{
		"": "text/plain; version=0.0.4",
		"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1":                                                 "application/openmetrics-text; version=1.0.0",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;q=0.1": "application/vnd.google.protobuf",
	} {
		req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		req.Header.Set("Accept", accept)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if got := rec.Header().Get("Content-Type"); rec.Code != http.StatusOK || !strings.HasPrefix(got, want) {
			t.Errorf("Accept %q: %d %s", accept, rec.Code, got)
		}
		body := rec.Body.String()
		if strings.Contains(want, "openmetrics") && (!strings.HasSuffix(body, "# EOF\n") || strings.Contains(body, "_created")) {
			t.Error("OpenMetrics without its end, or with series that cost and say nothing")
		}
	}
}
