package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// settling is how long a started agent may take until it has reported once: it
// asks the metadata, registers and calls ssm within seconds; some retries are
// allowed for.
const settling = 3 * time.Minute

func (v *view) agentRuns() bool { r := v.r.Agent.Running; return r != nil && *r }

// settled tells whether the agent has run long enough to have reported. Its log
// knows best when it started; without one the process's age tells.
func (v *view) settled() bool {
	a := v.r.Agent
	started := a.Started
	if a.Log.Known {
		started = a.Log.Started
	}
	return started.IsZero() || v.r.Now.Sub(started) >= settling
}

func ruleAgentInstalled(v *view) {
	if !v.has(probes.GroupAgent) || v.r.Agent.Install != "absent" {
		return
	}
	v.add(Finding{Code: "ssm-agent-not-installed", Severity: Critical, Capabilities: Capabilities(),
		Summary:  "The SSM Agent is not installed on this machine.",
		Evidence: []Evidence{{"amazon-ssm-agent", "no program, no package and no process of it"}},
		Fix:      fixInstallAgent(v)}, subjectRunning, subjectCredentials)
}

// ruleAgentConfig: since August 2020 the agent does not start with a file that it
// cannot parse (core/app/bootstrap/bootstrap.go). One that runs has read the file
// when it was still good, or is older and runs on its defaults.
func ruleAgentConfig(v *view) {
	c := v.r.Agent.Config
	if !v.has(probes.GroupAgent) || c.Invalid == "" || v.r.Agent.Install == "absent" {
		return
	}
	path := orText(c.Path, "amazon-ssm-agent.json")
	f := Finding{Code: "ssm-agent-config-invalid", Severity: Warning, Capabilities: Capabilities(),
		Summary:  "The SSM Agent's configuration cannot be parsed. It runs on what it read before, or on its defaults, and may not start again.",
		Evidence: []Evidence{{path, c.Invalid}}, Fix: fixAgentConfig(v, path)}
	loop, why := v.r.Agent.Unit.CrashLooping(v.r.Now)
	var hit []*probes.Result
	if c.Overrides {
		f.Evidence = append(f.Evidence, Evidence{path, "names endpoints of its own, which are not in force"})
		hit = where(v.probed(), func(r *probes.Result) bool { return isSSM(r) && r.Target.Required && r.State == probes.Down })
	}
	switch {
	case loop || (v.r.Agent.Running != nil && !v.agentRuns() && v.free(subjectRunning)):
		f.Severity = Critical
		f.Summary = "The SSM Agent's configuration cannot be parsed, so it does not start."
		if loop {
			f.Evidence = append(f.Evidence, Evidence{"systemd", why})
		}
	case len(hit) > 0:
		f.Severity = Critical
		f.Targets = names(hit)
		f.Summary = "The SSM Agent's configuration cannot be parsed, and the defaults that it falls back to do not work here."
	}
	if f.Severity == Critical {
		v.add(f, subjectRunning, subjectCredentials)
		return
	}
	v.add(f)
}

func ruleAgentCrashLoop(v *view) {
	u := v.r.Agent.Unit
	loop, why := u.CrashLooping(v.r.Now)
	if !v.has(probes.GroupAgent) || !loop || !v.free(subjectRunning) {
		return
	}
	v.add(Finding{Code: "ssm-agent-crash-loop", Severity: Critical, Capabilities: Capabilities(),
		Summary:  "The SSM Agent ends again and again; systemd keeps restarting it.",
		Evidence: append([]Evidence{{orText(u.Name, "amazon-ssm-agent.service"), why}}, v.lastWords()...),
		Fix:      fixCrashLoop(v)}, subjectRunning, subjectCredentials)
}

// lastWords are the newest errors of the agent's log that are not past.
func (v *view) lastWords() []Evidence {
	var out []Evidence
	cur := v.r.Agent.Log.Current()
	for i := len(cur) - 1; i >= 0 && len(out) < 2; i-- {
		if cur[i].Level != "INFO" {
			out = append(out, v.logEvidence(cur[i]))
		}
	}
	return out
}

func ruleAgentStopped(v *view) {
	a := v.r.Agent
	if !v.has(probes.GroupAgent) || a.Install == "absent" || a.Running == nil || *a.Running || !v.free(subjectRunning) {
		return
	}
	f := Finding{Code: "ssm-agent-stopped", Severity: Critical, Capabilities: Capabilities(),
		Summary:  "The SSM Agent is installed but does not run.",
		Evidence: []Evidence{{"process table", "no amazon-ssm-agent process"}},
		Fix:      fixStartAgent(v)}
	if u := a.Unit; u.Known && u.Name != "" {
		state := strings.Trim(strings.Join([]string{u.Load, u.Active, u.Sub, u.Enabled}, ", "), ", ")
		f.Evidence = append(f.Evidence, Evidence{u.Name, strings.ReplaceAll(state, ", , ", ", ")})
		if u.Load == "masked" || u.Enabled == "masked" {
			f.Summary = "The SSM Agent is installed, but its service is masked, so it cannot be started."
		}
		if u.Active == "failed" {
			f.Evidence = append(f.Evidence, Evidence{"its last process", u.Exit()})
		}
	}
	f.Evidence = append(f.Evidence, v.lastWords()...)
	v.add(f, subjectRunning, subjectCredentials)
}

// ruleAgentIdentity: an image that was made of a registered machine carries that
// machine's identity with it.
func ruleAgentIdentity(v *view) {
	id, m := v.r.Agent.Identity, v.r.Metadata
	if !v.has(probes.GroupAgent) || m.State != probes.MetadataOK || m.InstanceID == "" || !id.Exists {
		return
	}
	f := Finding{Code: "ssm-agent-identity-mismatch", Severity: Critical, Capabilities: Capabilities(), Fix: fixAgentIdentity(v)}
	switch {
	case id.IdentityType == "OnPrem" || strings.HasPrefix(id.InstanceID, "mi-"):
		f.Summary = "The SSM Agent is still registered as a hybrid machine, though this is an EC2 instance: the registration is left over in the image."
	case id.InstanceID != "" && id.InstanceID != m.InstanceID && id.IdentityType != "ECS":
		f.Summary = fmt.Sprintf("The SSM Agent takes itself for %s, but this is %s: the image was made of a machine that was registered.", id.InstanceID, m.InstanceID)
	default:
		return
	}
	f.Evidence = []Evidence{{orText(id.Path, "identity_config.json"), fmt.Sprintf("InstanceId %s, IdentityType %s", orNone(id.InstanceID), orNone(id.IdentityType))},
		{"instance metadata", m.InstanceID}}
	v.add(f, subjectCredentials)
}

func ruleAgentDisabled(v *view) {
	u := v.r.Agent.Unit
	if !v.has(probes.GroupAgent) || !u.Known || !v.agentRuns() || (u.Enabled != "disabled" && u.Enabled != "masked") {
		return
	}
	v.add(Finding{Code: "ssm-agent-disabled", Severity: Warning, Capabilities: Capabilities(),
		Summary:  "The SSM Agent runs, but will not be started at the next boot.",
		Evidence: []Evidence{{u.Name, "running, " + u.Enabled}}, Fix: fixEnableAgent(v)})
}

// ruleAgentVersion: AWS-RunPatchBaseline refuses agents before 2.0.834.0; from
// 3.1.821.0 to before 3.3.40.0 an agent uses ec2messages beside ssmmessages, so
// that its loss degrades and no more (contract, Required).
func ruleAgentVersion(v *view) {
	a := v.r.Agent
	if !v.has(probes.GroupAgent) || a.Version == "" || a.Install == "absent" {
		return
	}
	if olderThan(a.Version, [4]int{2, 0, 834, 0}) {
		v.add(Finding{Code: "ssm-agent-outdated", Severity: Critical, Capabilities: []Capability{PatchScan, PatchInstall},
			Summary:  fmt.Sprintf("SSM Agent %s is too old for Patch Manager, which needs 2.0.834.0.", a.Version),
			Evidence: []Evidence{{"SSM Agent", a.Version + " (" + a.VersionSource + ")"}}, Fix: fixUpdateAgent(v)})
		return
	}
	r := v.result("ec2messages")
	if r == nil || r.Target.Skip || r.Target.Required || r.State != probes.Down || !v.free(r.Target.Name) {
		return
	}
	s, _ := r.Failed()
	v.add(Finding{Code: "ssm-agent-outdated", Severity: Warning, Targets: []string{"ec2messages"},
		Summary: fmt.Sprintf("SSM Agent %s still uses ec2messages, which does not work here; from 3.3.40.0 on it does without.", a.Version),
		Evidence: []Evidence{{"ec2messages", fmt.Sprintf("%s: %s", s.Phase, tcpWords(s.Reason))},
			{"SSM Agent", a.Version + " (" + a.VersionSource + ")"}},
		Fix: fixUpdateAgent(v)})
}

// olderThan compares a version of four numbers; one that cannot be read is not
// older than anything.
func olderThan(version string, than [4]int) bool {
	var got [4]int
	if n, err := fmt.Sscanf(version, "%d.%d.%d.%d", &got[0], &got[1], &got[2], &got[3]); n != 4 || err != nil {
		return false
	}
	for i := range got {
		if got[i] != than[i] {
			return got[i] < than[i]
		}
	}
	return false
}

func ruleStrayCredentials(v *view) {
	s := v.r.Agent.Stray
	if !v.has(probes.GroupAgent) || !s.Exists || v.r.Agent.Install == "absent" {
		return
	}
	v.add(Finding{Code: "ssm-agent-stray-credentials", Severity: Warning, Capabilities: Capabilities(),
		Summary:  "The SSM Agent's own user has a credentials file, which it prefers over the instance profile.",
		Evidence: []Evidence{{s.Path, "holds keys, changed " + words.Ago(s.Modified, v.r.Now)}}, Fix: fixStray(v, s.Path)})
}

// ruleEndpointOverride: the overridden names are the ones that were probed.
func ruleEndpointOverride(v *view) {
	c := v.r.Agent.Config
	f := Finding{Code: "ssm-agent-endpoint-override", Severity: Info, Capabilities: []Capability{}, Targets: []string{},
		Summary: "The SSM Agent's configuration names endpoints of its own; those were tested.",
		Fix:     []Fix{{Text: "nothing to do while they work; without the override the agent uses the region's own names"}}}
	for _, e := range []struct{ target, key, value string }{
		{"ssm", "Ssm.Endpoint", c.SSMEndpoint}, {"ssmmessages", "Mgs.Endpoint", c.MGSEndpoint}, {"ec2messages", "Mds.Endpoint", c.MDSEndpoint},
		{"", "S3.Endpoint", c.S3Endpoint}, {"", "Kms.Endpoint", c.KMSEndpoint}, {"", "Agent.ServiceDomain", c.ServiceDomain}, {"", "Agent.Region", otherRegion(v, c.Region)},
	} {
		if e.value == "" {
			continue
		}
		if e.target != "" {
			f.Targets = append(f.Targets, e.target)
		}
		f.Evidence = append(f.Evidence, Evidence{orText(c.Path, "amazon-ssm-agent.json") + ", " + e.key, e.value})
	}
	if len(f.Evidence) > 0 && v.has(probes.GroupAgent) {
		v.addInfo(f)
	}
}

// otherRegion is a configured region that is not the instance's own.
func otherRegion(v *view, region string) string {
	if region == v.r.Metadata.Region {
		return ""
	}
	return region
}
