package metrics

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"agentctl/agent/metrics/metricstest"
	"agentctl/probes"
)

// TestOnlyWhatWasMeasuredCounts: a partial round holds the results of the others.
func TestOnlyWhatWasMeasuredCounts(t *testing.T) {
	m := New(build)
	s := metricstest.Blocked()
	rep := s.Report()
	m.Round(s.Round, rep, s.Round.Groups)
	for range 9 {
		m.Round(s.Round, rep, []probes.Group{probes.GroupAgent, probes.GroupHost})
	}
	later := *s.Round
	later.Now, later.Duration = s.Round.Now.Add(1e9), 0.2
	m.Round(&later, rep, []probes.Group{probes.GroupRepos})
	expect(t, lines(t, m),
		`agentctl_rounds_total{group="agent"} 10`, `agentctl_rounds_total{group="ssm"} 1`, `agentctl_rounds_total{group="repos"} 2`,
		`agentctl_round_duration_seconds{group="repos"} 0.2`, `agentctl_round_duration_seconds{group="ssm"} 3.41`,
		`agentctl_round_last_success_timestamp_seconds{group="repos"} `+at(later.Now), `agentctl_round_last_success_timestamp_seconds{group="ssm"} `+at(s.Round.Now),
		`agentctl_probes_total{target="ssm"} 1`, `agentctl_probes_total{target="repo:team-20"} 2`,
		`agentctl_probe_failures_total{phase="tcp",reason="timeout",target="ssmmessages"} 1`,
		`agentctl_probe_duration_seconds_count{group="ssm"} 6`, `agentctl_probe_duration_seconds_count{group="repos"} 18`,
		`agentctl_probe_duration_seconds_bucket{group="ssm",le="0.05"} 5`, `agentctl_probe_duration_seconds_bucket{group="ssm",le="5"} 6`)
}

// TestFailuresAreBounded: what has not happened for longest goes first.
func TestFailuresAreBounded(t *testing.T) {
	m := New(build)
	fail := func(reason probes.Reason) {
		s := metricstest.Healthy()
		target("ssm", func(r *probes.Result) { metricstest.Fail(r, probes.PhaseTCP, reason, 3) })(&s)
		m.Round(s.Round, s.Report(), s.Round.Groups)
	}
	for _, reason := range []probes.Reason{probes.Timeout, probes.Refused, probes.Reset, probes.Prohibited, probes.Timeout, probes.NoRoute} {
		fail(reason)
	}
	of := func(reason probes.Reason) string {
		return `agentctl_probe_failures_total{phase="tcp",reason="` + string(reason) + `",target="ssm"}`
	}
	expect(t, lines(t, m), of(probes.Timeout)+" 2", "!"+of(probes.Refused), of(probes.Reset)+" 1", of(probes.Prohibited)+" 1", of(probes.NoRoute)+" 1",
		`agentctl_probes_total{target="ssm"} 6`)
}

// TestRepositoryThatFailsBeforeAnythingIsSent has a reason and no phase.
func TestRepositoryThatFailsBeforeAnythingIsSent(t *testing.T) {
	s := metricstest.Healthy()
	last := &s.Round.Repos[len(s.Round.Repos)-1]
	last.Reason, last.Result.State, last.Result.Steps = probes.NotFound, probes.Down, nil
	expect(t, lines(t, feed(s)), `agentctl_probe_failures_total{phase="",reason="not_found",target="`+last.Result.Target.Name+`"} 1`)
}

func TestLogErrors(t *testing.T) {
	read := func(lines int64, dns, tls int64) probes.AgentLog {
		return probes.AgentLog{Known: true, LinesRead: lines, ErrorsByClass: map[probes.LogClass]int64{probes.LogDNS: dns, probes.LogTLS: tls}}
	}
	for _, tt := range []struct {
		name     string
		logs     []probes.AgentLog
		dns, tls string // "": no series
	}{
		{"never read", []probes.AgentLog{{}}, "", ""},
		{"may not be read", []probes.AgentLog{{Denied: true, LinesRead: 3}}, "", ""},
		{"what was there at the start does not count", []probes.AgentLog{read(100, 5, 0)}, "0", "0"},
		{"what comes does", []probes.AgentLog{read(100, 5, 0), read(110, 7, 1)}, "2", "1"},
		{"a round that takes the log over counts nothing", []probes.AgentLog{read(100, 5, 0), read(110, 7, 1), read(110, 7, 1)}, "2", "1"},
		{"a round without the log counts nothing", []probes.AgentLog{read(100, 5, 0), {}, read(110, 6, 0)}, "1", "0"},
		{"a log that is there later counts from its beginning", []probes.AgentLog{{Absent: true}, read(10, 2, 1)}, "2", "1"},
		{"an error that turns out to be of another class is not taken back", []probes.AgentLog{read(100, 5, 0), read(110, 6, 0), read(111, 5, 1)}, "1", "1"},
		{"nor is the next one lost or counted twice", []probes.AgentLog{read(100, 5, 0), read(110, 6, 0), read(111, 5, 1), read(120, 6, 1)}, "1", "1"},
		{"a reader that begins anew", []probes.AgentLog{read(100, 5, 0), read(110, 6, 0), read(20, 3, 0), read(30, 5, 0)}, "3", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New(build)
			for _, l := range tt.logs {
				s := metricstest.Healthy()
				s.Round.Agent.Log = l
				m.Round(s.Round, s.Report(), s.Round.Groups)
			}
			for class, want := range map[string]string{"dns": tt.dns, "tls": tt.tls} {
				line := `agentctl_ssm_agent_log_errors_total{class="` + class + `"} ` + want
				if want == "" {
					line = "!" + line[:len(line)-1]
				}
				expect(t, lines(t, m), line)
			}
		})
	}
}

// TestLogClasses: a class that the reader learns is a class of the metric.
func TestLogClasses(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../probes/agentlog.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "LogClass" {
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared[text] = true
		}
		return true
	})
	for _, c := range logClasses() {
		if !declared[string(c)] {
			t.Errorf("%s is no class, or is listed twice", c)
		}
		delete(declared, string(c))
	}
	if len(declared) > 0 {
		t.Errorf("not listed: %v", declared)
	}
}

// TestNativeHistogram: the protobuf form carries the native buckets beside the
// classic ones.
func TestNativeHistogram(t *testing.T) {
	m := feed(metricstest.Healthy(), metricstest.Blocked())
	for _, f := range gather(t, m) {
		if f.GetName() != durationName {
			continue
		}
		for _, x := range f.GetMetric() {
			h := x.GetHistogram()
			if h.Schema == nil || len(h.GetPositiveSpan()) == 0 || len(h.GetBucket()) == 0 || h.GetSampleCount() == 0 {
				t.Errorf("not native and classic: %v", x)
			}
		}
		return
	}
	t.Error("no histogram")
}
