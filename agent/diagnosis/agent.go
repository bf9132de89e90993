package diagnosis

import (
	"fmt"

	"agentctl/probes"
)

func ruleAgentInstalled(v *view) {
	if !v.has(probes.GroupAgent) || v.r.Agent.Install != "absent" {
		return
	}
	v.add(Finding{Code: "ssm-agent-not-installed", Severity: Critical, Capabilities: Capabilities(),
		Summary:  "The SSM Agent is not installed on this machine.",
		Evidence: []Evidence{{"amazon-ssm-agent", "no program, no package and no process of it"}},
		Fix:      fixInstallAgent(v)}, subjectRunning)
}

func ruleAgentStopped(v *view) {
	a := v.r.Agent
	if !v.has(probes.GroupAgent) || a.Install == "absent" || a.Running == nil || *a.Running || !v.free(subjectRunning) {
		return
	}
	v.add(Finding{Code: "ssm-agent-stopped", Severity: Critical, Capabilities: Capabilities(),
		Summary:  "The SSM Agent is installed but does not run.",
		Evidence: []Evidence{{"process table", "no amazon-ssm-agent process"}},
		Fix:      fixStartAgent(v)}, subjectRunning)
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

// ruleAgentEC2Messages: from 3.1.821.0 to 3.3.39 the agent uses ec2messages
// beside ssmmessages, so its loss degrades and no more (contract, Required).
func ruleAgentEC2Messages(v *view) {
	r := v.result("ec2messages")
	if r == nil || r.Target.Skip || r.Target.Required || r.State != probes.Down || v.r.Agent.Version == "" {
		return
	}
	if _, explained := v.claimed[r.Target.Name]; explained {
		return
	}
	s, _ := r.Failed()
	v.add(Finding{Code: "ssm-agent-outdated", Severity: Warning, Targets: []string{"ec2messages"},
		Summary: fmt.Sprintf("SSM Agent %s still uses ec2messages, which does not work here; from 3.3.40.0 on it does without.", v.r.Agent.Version),
		Evidence: []Evidence{{"ec2messages", fmt.Sprintf("%s: %s", s.Phase, s.Reason)},
			{"SSM Agent", v.r.Agent.Version + " (" + v.r.Agent.VersionSource + ")"}},
		Fix: fixUpdateAgent(v)})
}
