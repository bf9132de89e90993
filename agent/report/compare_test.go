package report_test

import (
	"bytes"
	"strings"
	"testing"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

func TestCompare(t *testing.T) {
	finding := func(c diagnosis.Code, s diagnosis.Severity, targets ...string) diagnosis.Finding {
		return diagnosis.Finding{Code: c, Severity: s, Summary: "why", Targets: targets}
	}
	target := func(name string, s probes.State, route probes.Route, addrs ...string) report.Target {
		out := report.Target{Name: name, State: s, Route: route, Addresses: addrs}
		if s == probes.Down {
			out.Steps = []probes.Step{{Phase: probes.PhaseTCP, State: probes.Down, Reason: probes.Timeout}}
		}
		return out
	}
	base := func(change func(*report.Report)) *report.Report {
		r := &report.Report{Schema: report.Schema, Instance: report.Instance{ID: "i-1"}, Verdict: report.Verdict{State: diagnosis.Ready},
			Targets: []report.Target{target("ssm", probes.Up, probes.RouteInterface, "10.0.1.5"), target("s3", probes.Up, probes.RouteGateway, "52.1.1.1"), target("kms", probes.Skipped, "")}}
		change(r)
		return r
	}
	same := func(*report.Report) {}
	for _, c := range []struct {
		name     string
		old, now func(*report.Report)
		want     []string
	}{
		{"nothing", same, same, []string{"nothing has changed"}},
		{"another address of S3", same, func(r *report.Report) { r.Targets[1].Addresses = []string{"52.2.2.2"} }, []string{"nothing has changed"}},
		{"another endpoint", same, func(r *report.Report) { r.Targets[0].Addresses = []string{"10.0.1.6"} }, []string{"~ ssm: at 10.0.1.6, before at 10.0.1.5"}},
		{"broken", same, func(r *report.Report) {
			r.Verdict.State = diagnosis.Blocked
			r.Findings = []diagnosis.Finding{finding("endpoint-blocked", diagnosis.Critical, "ssm")}
			r.Targets[0] = target("ssm", probes.Down, probes.RouteInterface, "10.0.1.5")
		}, []string{"~ verdict: blocked, was ready", "+ endpoint-blocked (critical): why", "~ ssm: down (tcp: timeout), was up"}},
		{"mended", func(r *report.Report) {
			r.Findings = []diagnosis.Finding{finding("endpoint-blocked", diagnosis.Critical, "ssm")}
		}, same, []string{"- endpoint-blocked is gone"}},
		{"worse", func(r *report.Report) { r.Findings = []diagnosis.Finding{finding("clock-skew", diagnosis.Warning)} },
			func(r *report.Report) { r.Findings = []diagnosis.Finding{finding("clock-skew", diagnosis.Critical)} }, []string{"~ clock-skew: critical, was warning"}},
		{"another route", same, func(r *report.Report) { r.Targets[0].Route = probes.RouteNAT }, []string{"~ ssm: by NAT, before by endpoint (VPC)"}},
		{"a new target", same, func(r *report.Report) { r.Targets = append(r.Targets, target("repo:epel", probes.Down, "")) }, []string{"+ repo:epel: down"}},
		{"a target less", same, func(r *report.Report) { r.Targets = r.Targets[:1] }, []string{"- s3 is not probed any more"}},
		{"another instance", func(r *report.Report) { r.Instance.ID = "i-2" }, same, []string{"of another instance (i-2)", "nothing has changed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := report.WriteCompare(&b, base(c.old), base(c.now), report.TextOptions{}); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(b.String()), "\n")
			if n := len(lines) - 1; n != len(c.want) && !strings.Contains(c.want[0], "another instance") {
				t.Errorf("%d lines, want %d:\n%s", n, len(c.want), b.String())
			}
			for _, w := range c.want {
				if !strings.Contains(b.String(), w) {
					t.Errorf("no %q in\n%s", w, b.String())
				}
			}
		})
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"schema":"agentctl/report/v1","findings":[{"code":"x"}],"targets":[{"name":"a","steps":[{}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := report.ReadJSON(data)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := report.WriteCompare(&b, r, &report.Report{}, report.TextOptions{}); err != nil {
			t.Error(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\x00\r") {
			t.Errorf("control characters in %q", b.String())
		}
	})
}
