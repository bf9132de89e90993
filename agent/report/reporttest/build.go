package reporttest

import (
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

// Started is when the samples' rounds began.
var Started = time.Date(2026, time.July, 30, 9, 12, 5, 0, time.UTC)

// base is an instance of Amazon Linux with nothing measured yet.
func base() *report.Report {
	return &report.Report{
		Schema:    report.Schema,
		Version:   "0.1.0",
		StartedAt: Started,
		Duration:  2.312,
		DataDate:  "2026-07-01",
		Instance: report.Instance{
			ID: "i-0abc12345678def01", Region: "us-east-1", Partition: "aws",
			AvailabilityZone: "us-east-1a", ZoneID: "use1-az4", Type: "t3.micro",
			VPCID: "vpc-0a1b2c3d4e5f60718", SubnetID: "subnet-0d4e5f60718293a4b",
			SecurityGroupIDs: []string{"sg-0123abcd4567ef890"}, VPCCIDRs: []string{"10.0.0.0/16"},
			PrivateIPs: []string{"10.0.1.20"}, AccountID: "123456789012",
			OS:     report.OS{Family: "linux", ID: "amzn", Version: "2023", Arch: "x86_64", Name: "Amazon Linux 2023"},
			Source: "imds",
		},
		Verdict: report.Verdict{State: diagnosis.Ready, Capabilities: capabilities(diagnosis.Ready)},
	}
}

func capabilities(st diagnosis.State) map[diagnosis.Capability]diagnosis.State {
	m := map[diagnosis.Capability]diagnosis.State{}
	for _, c := range diagnosis.Capabilities() {
		m[c] = st
	}
	return m
}

// Option changes a target that is being built.
type option func(*report.Target)

func optional(t *report.Target)    { t.Required = false }
func control(t *report.Target)     { t.Required, t.Control = false, true }
func likelyRoute(t *report.Target) { t.RouteLikely = true }
func because(s string) option      { return func(t *report.Target) { t.Because = s } }
func at(addrs ...string) option    { return func(t *report.Target) { t.Addresses = addrs } }
func by(r probes.Route) option     { return func(t *report.Target) { t.Route = r } }
func explained(code string) option {
	return func(t *report.Target) { t.ExplainedBy = diagnosis.Code(code) }
}
func stateOf(s probes.State) option { return func(t *report.Target) { t.State = s } }
func steps(s ...probes.Step) option { return func(t *report.Target) { t.Steps = s } }
func skipped(t *report.Target) {
	t.State, t.Required, t.Route, t.Steps = probes.Skipped, false, "", nil
}
func groupOf(g probes.Group) option { return func(t *report.Target) { t.Group = g } }

// target is one that is up unless an option says otherwise.
func target(name string, opts ...option) report.Target {
	t := report.Target{Name: name, Group: probes.GroupSSM, URL: "https://" + name + ".us-east-1.amazonaws.com/",
		Required: true, State: probes.Up, Route: probes.RouteInterface,
		Steps: times(0.001, 0.001, 0.004, 0.006)}
	for _, o := range opts {
		o(&t)
	}
	return t
}

var phases = []probes.Phase{probes.PhaseDNS, probes.PhaseTCP, probes.PhaseTLS, probes.PhaseHTTP}

// times are steps that went well, in seconds each.
func times(d ...float64) []probes.Step {
	var out []probes.Step
	for i, s := range d {
		out = append(out, probes.Step{Phase: phases[i], State: probes.Up, Reason: probes.OK, Duration: s, Attempts: 1})
	}
	return out
}

// failed are n steps that went well, and one that did not.
func failed(n int, phase probes.Phase, reason probes.Reason, seconds float64, detail string) option {
	return func(t *report.Target) {
		t.State = probes.Down
		t.Steps = append(times(0.001, 0.001, 0.004, 0.006)[:n],
			probes.Step{Phase: phase, State: probes.Down, Reason: reason, Duration: seconds, Detail: detail, Attempts: 2})
	}
}

func agentCheck(name, value string) report.Check {
	return report.Check{Name: name, Group: probes.GroupAgent, State: probes.Up, Value: value}
}

func fact(what, value string) diagnosis.Evidence { return diagnosis.Evidence{What: what, Value: value} }
