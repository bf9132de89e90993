// Package metricstest has sample rounds for the tests of the metrics: recorded by
// nobody, but shaped as rounds are.
package metricstest

import (
	"fmt"
	"net/netip"
	"time"

	"agentctl/agent"
	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/platform"
	"agentctl/probes"
)

// Started is when the first sample round began.
var Started = time.Date(2026, time.July, 30, 9, 12, 5, 0, time.UTC)

// Sample is a round with the judgement on it.
type Sample struct {
	Round     *probes.Round
	Diagnosis diagnosis.Diagnosis
}

// Report is the report of the round.
func (s Sample) Report() *report.Report { return agent.Judge(s.Round, s.Diagnosis) }

// Groups are those of Linux, with targets of the user's own.
func Groups() []probes.Group {
	return []probes.Group{probes.GroupSSM, probes.GroupS3, probes.GroupRepos, probes.GroupAgent, probes.GroupIdentity, probes.GroupHost, probes.GroupCustom}
}

// Healthy is an instance of Amazon Linux with 25 targets, of which each was
// measured, where everything is known and all is well. Two things are worth
// knowing.
func Healthy() Sample {
	zero, running := 0, true
	r := &probes.Round{
		Started: Started, Now: Started.Add(600 * time.Millisecond), Duration: 0.412, Groups: Groups(),
		Host:   platform.Facts{OS: platform.OS{Family: "linux", ID: "amzn", Version: "2023", Arch: "x86_64"}},
		Region: probes.Region{Name: "eu-central-1", Partition: "aws", Source: "imds"},
		Metadata: probes.Metadata{State: probes.MetadataOK, InstanceID: "i-0abc12345678def01", ImageID: "ami-0123456789abcdef0", InstanceType: "t3.micro",
			VPCID: "vpc-0a1b2c3d4e5f60718", SubnetID: "subnet-0d4e5f60718293a4b", AZID: "euc1-az2"},
		TimeSync: probes.TimeSync{Asked: true, OK: true, Offset: -0.002, Reason: probes.OK},
		Agent: probes.AgentState{Install: "installed", Running: &running, Version: "3.3.2299.0",
			Identity: probes.AgentIdentity{FileState: probes.FileState{Exists: true}, Source: "EC2", Retrieved: Started.Add(-12 * time.Minute), Expires: Started.Add(48 * time.Minute)},
			Log:      probes.AgentLog{Known: true, LastLine: Started.Add(-40 * time.Second), LinesRead: 1200, ErrorsByClass: map[probes.LogClass]int64{probes.LogTLS: 7}}},
		PatchRuns: probes.PatchRuns{Known: true, Runs: []probes.PatchRun{
			{Operation: probes.PatchScan, Ended: Started.Add(-3 * time.Hour), ExitCode: &zero},
			{Operation: probes.PatchInstall, Started: Started.Add(-30 * time.Hour), Ended: Started.Add(-29 * time.Hour), ExitCode: &zero},
		}},
	}
	for i, a := range []string{"10.0.0.2", "10.0.0.3", "169.254.169.253"} {
		r.Resolvers = append(r.Resolvers, probes.ResolverResult{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 53), Configured: true,
			Questions: 40, Answered: 40, Usable: 40, Median: 0.001 * float64(i+1)})
	}
	d := diagnosis.Diagnosis{State: diagnosis.Ready, Capabilities: all(diagnosis.Ready), Routes: map[string]diagnosis.Route{},
		Findings: []diagnosis.Finding{finding("host-reboot-pending", diagnosis.Info), finding("host-release-locked", diagnosis.Info)}}
	s := Sample{r, d}
	for _, name := range []string{"ssm", "ssmmessages", "ec2messages", "kms", "logs"} {
		s.add(name, probes.GroupSSM, probes.RouteInterface)
	}
	for _, name := range []string{"s3", "s3-dualstack", "s3-dash", "bucket:aws-ssm", "bucket:patch-baseline-snapshot", "bucket:aws-patch-manager", "bucket:amazon-ssm", "patch-payload"} {
		s.add(name, probes.GroupS3, probes.RouteGateway)
	}
	for _, name := range []string{"jump-host", "wiki"} {
		s.add(name, probes.GroupCustom, probes.RouteInternet)
	}
	s.add("internet", probes.GroupSSM, probes.RouteNAT)
	control := &r.Results[len(r.Results)-1].Target
	control.Required, control.Control = false, true
	for n := len(r.Results); n < 25; n++ {
		s.add(fmt.Sprintf("repo:team-%02d", n), probes.GroupRepos, probes.RouteNAT)
	}
	return s
}

// add adds a target that is up.
func (s Sample) add(name string, g probes.Group, route probes.Route) {
	res := probes.Result{Target: probes.Target{Name: name, Group: g, URL: "https://" + name + ".example/", Required: true}, State: probes.Up, Duration: 0.046,
		TLS: &probes.TLS{Reason: probes.OK, Chain: []probes.Cert{{NotAfter: Started.AddDate(0, 3, 0)}, {NotAfter: Started.AddDate(0, 0, 1)}}}}
	for i, phase := range []probes.Phase{probes.PhaseDNS, probes.PhaseTCP, probes.PhaseTLS, probes.PhaseHTTP} {
		res.Steps = append(res.Steps, probes.Step{Phase: phase, State: probes.Up, Reason: probes.OK, Duration: 0.001 + 0.007*float64(i), Attempts: 1})
	}
	s.Diagnosis.Routes[name] = diagnosis.Route{Route: route}
	if g == probes.GroupRepos {
		s.Round.Repos = append(s.Round.Repos, probes.RepoResult{Repo: probes.Repo{ID: name, Required: true}, Result: res, Reason: probes.OK})
		return
	}
	s.Round.Results = append(s.Round.Results, res)
}

// Each calls do with every result.
func (s Sample) Each(do func(*probes.Result)) {
	for i := range s.Round.Results {
		do(&s.Round.Results[i])
	}
	for i := range s.Round.Repos {
		do(&s.Round.Repos[i].Result)
	}
}

// Blocked is the same instance after the endpoint for ssmmessages was shut.
func Blocked() Sample {
	s := Healthy()
	s.Each(func(res *probes.Result) {
		if res.Target.Name == "ssmmessages" {
			Fail(res, probes.PhaseTCP, probes.Timeout, 3)
		}
	})
	s.Round.Duration = 3.41
	s.Diagnosis.State, s.Diagnosis.Capabilities = diagnosis.Blocked, all(diagnosis.Blocked)
	s.Diagnosis.Capabilities[diagnosis.AgentUpdate] = diagnosis.Ready
	s.Diagnosis.Findings = append([]diagnosis.Finding{finding("endpoint-blocked", diagnosis.Critical)}, s.Diagnosis.Findings...)
	delete(s.Diagnosis.Routes, "ssmmessages")
	return s
}

// Outage is an instance where every target fails in its last phase, so that all is
// known of the way there, with more findings than any fault has.
func Outage(phase probes.Phase, reason probes.Reason) Sample {
	s := Healthy()
	s.Diagnosis.State, s.Diagnosis.Capabilities = diagnosis.Blocked, all(diagnosis.Blocked)
	s.Each(func(res *probes.Result) {
		res.Steps = append(res.Steps, probes.Step{Phase: probes.PhaseSigned, State: probes.Up, Reason: probes.OK, Duration: 0.02, Attempts: 1})
		Fail(res, phase, reason, 5)
	})
	for n := range 23 {
		s.Diagnosis.Findings = append(s.Diagnosis.Findings, finding(fmt.Sprintf("sample-%02d", n), diagnosis.Critical))
	}
	return s
}

// Fail has a result fail in a phase, with nothing after it.
func Fail(res *probes.Result, phase probes.Phase, reason probes.Reason, seconds float64) {
	res.State, res.Duration = probes.Down, seconds
	for i := range res.Steps {
		if res.Steps[i].Phase == phase {
			res.Steps = append(res.Steps[:i:i], probes.Step{Phase: phase, State: probes.Down, Reason: reason, Duration: seconds, Attempts: 2, Detail: "no answer from 10.0.1.53"})
			break
		}
	}
	if phase == probes.PhaseDNS || phase == probes.PhaseTCP {
		res.TLS = nil
	}
}

func all(st diagnosis.State) map[diagnosis.Capability]diagnosis.State {
	m := map[diagnosis.Capability]diagnosis.State{}
	for _, c := range diagnosis.Capabilities() {
		m[c] = st
	}
	return m
}

func finding(code string, severity diagnosis.Severity) diagnosis.Finding {
	return diagnosis.Finding{Code: diagnosis.Code(code), Severity: severity, Summary: "A summary.", Since: Started.Add(-time.Hour),
		Evidence: []diagnosis.Evidence{{What: "what", Value: "value"}}, Confidence: diagnosis.Certain}
}
