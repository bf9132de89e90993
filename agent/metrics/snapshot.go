package metrics

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/internal/version"
	"agentctl/probes"
)

// build adds what is known of the program.
func (s *sheet) build(v version.Info) {
	s.gauge(buildInfo, 1, v.Version, v.Revision, v.GoVersion, v.OS, v.Arch)
	if date, err := time.Parse(time.DateOnly, v.DataDate); err == nil {
		s.time(dataTime, date)
	}
}

// take adds what one round and its report say.
func (s *sheet) take(r *probes.Round, rep *report.Report) {
	s.instance(r)
	s.judgement(rep)
	s.targets(rep)
	s.certificates(r)
	s.network(r)
	if slices.Contains(r.Groups, probes.GroupAgent) {
		s.agent(r.Agent)
	}
	s.patching(r)
}

func (s *sheet) instance(r *probes.Round) {
	if m := r.Metadata; m.InstanceID != "" {
		s.gauge(instanceInfo, 1, label(m.InstanceID), label(m.VPCID), label(m.SubnetID), label(m.AZID), label(m.ImageID), label(m.InstanceType))
	}
}

func (s *sheet) judgement(rep *report.Report) {
	states(s, verdict, rep.Verdict.State, diagnosis.Ready, diagnosis.Degraded, diagnosis.Blocked, diagnosis.Unknown)
	for _, c := range diagnosis.Capabilities() {
		if state, ok := rep.Verdict.Capabilities[c]; ok && state != diagnosis.Unknown {
			s.flag(capabilityReady, state == diagnosis.Ready, string(c))
		}
	}
	for _, f := range rep.Findings {
		s.gauge(findingActive, 1, string(f.Code), string(f.Severity))
	}
}

// since adds since when the findings hold, which only the daemon knows. Of two with
// one code the older counts.
func (s *sheet) since(rep *report.Report) {
	first := map[diagnosis.Code]time.Time{}
	for _, f := range rep.Findings {
		if at, ok := first[f.Code]; !f.Since.IsZero() && (!ok || f.Since.Before(at)) {
			first[f.Code] = f.Since
		}
	}
	for code, at := range first {
		s.time(findingSince, at, string(code))
	}
}

// targets adds what was measured of each target. What was not asked, or asked
// without a result, is not known.
func (s *sheet) targets(rep *report.Report) {
	seen := map[string]bool{}
	for i := range rep.Targets {
		t := &rep.Targets[i]
		name := label(t.Name)
		if seen[name] || t.State != probes.Up && t.State != probes.Down {
			continue
		}
		seen[name] = true
		s.flag(targetUp, t.State == probes.Up, name, string(t.Group), strconv.FormatBool(t.Required))
		if t.Route != "" && t.Route != probes.RouteUnknown {
			s.gauge(targetRoute, 1, name, string(t.Route))
		}
		s.phases(name, t.Steps)
	}
}

// phases adds how long each phase took. A phase that was gone through twice, as
// after a redirect, took as long as both.
func (s *sheet) phases(name string, steps []probes.Step) {
	took := map[probes.Phase]float64{}
	for _, step := range steps {
		if step.State == probes.Up || step.State == probes.Down {
			took[step.Phase] += step.Duration
		}
	}
	for phase, seconds := range took {
		s.seconds(phaseDuration, seconds, name, string(phase))
	}
}

// certificates adds when the server certificates end. The leaf's end counts: a
// server may send an older cross-signed root along, which no client needs.
func (s *sheet) certificates(r *probes.Round) {
	for _, res := range results(r) {
		if res.TLS != nil && len(res.TLS.Chain) > 0 {
			s.time(certificateEnd, res.TLS.Chain[0].NotAfter, label(res.Target.Name))
		}
	}
}

func (s *sheet) network(r *probes.Round) {
	for _, rr := range r.Resolvers {
		if !rr.Configured || rr.Questions == 0 {
			continue // asked for comparison, and its silence harms nobody
		}
		name := rr.Addr.Addr().String()
		s.flag(resolverUp, rr.Usable > 0, name)
		if rr.Answered > 0 {
			s.seconds(resolverDuration, rr.Median, name)
		}
	}
	if r.TimeSync.OK {
		s.seconds(clockOffset, r.TimeSync.Offset)
	}
}

func (s *sheet) agent(a probes.AgentState) {
	state := "unknown"
	switch {
	case a.Install == "absent":
		state = "not_installed"
	case a.Running != nil && *a.Running:
		state = "running"
	case a.Running != nil:
		state = "stopped"
	}
	states(s, agentState, state, "running", "stopped", "not_installed", "unknown")
	if a.Version != "" {
		s.gauge(agentInfo, 1, label(a.Version))
	}
	if a.Identity.Exists {
		s.time(credentialsFrom, a.Identity.Retrieved)
		s.time(credentialsTill, a.Identity.Expires)
	}
	s.time(logLastLine, a.Log.LastLine)
}

func (s *sheet) patching(r *probes.Round) {
	if r.Host.OS.Family == "linux" && slices.Contains(r.Groups, probes.GroupRepos) {
		s.gauge(updateSource, 1, "repos")
	}
	for _, operation := range []string{probes.PatchScan, probes.PatchInstall} {
		run, ok := r.PatchRuns.Last(operation)
		if !ok {
			continue
		}
		name := strings.ToLower(operation)
		at := run.Ended
		if at.IsZero() {
			at = run.Started
		}
		s.time(patchLastRun, at, name)
		if run.ExitCode != nil {
			s.gauge(patchLastRunEnd, float64(*run.ExitCode), name)
		}
	}
}

// outcome is how one target fared. A repository can fail before anything is sent:
// Why then says it, and no step does.
type outcome struct {
	*probes.Result
	Why probes.Reason
}

// results are those of all targets, the repositories last.
func results(r *probes.Round) []outcome {
	out := make([]outcome, 0, len(r.Results)+len(r.Repos))
	for i := range r.Results {
		out = append(out, outcome{Result: &r.Results[i]})
	}
	for i := range r.Repos {
		out = append(out, outcome{&r.Repos[i].Result, r.Repos[i].Reason})
	}
	return out
}
