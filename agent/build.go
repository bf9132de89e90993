package agent

import (
	"fmt"
	"strings"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

// buildReport puts a round and its diagnosis into the form of the contract.
func buildReport(r *probes.Round, d diagnosis.Diagnosis) *report.Report {
	m, os := r.Metadata, r.Host.OS
	rep := &report.Report{
		Schema: report.Schema, StartedAt: r.Started.UTC(),
		Instance: report.Instance{
			ID: m.InstanceID, Region: r.Region.Name, Partition: r.Region.Partition, AvailabilityZone: m.AZ, ZoneID: m.AZID,
			Type: m.InstanceType, VPCID: m.VPCID, SubnetID: m.SubnetID, SecurityGroupIDs: m.SecurityGroupIDs, VPCCIDRs: m.VPCCIDRs,
			PrivateIPs: m.PrivateIPs, PublicIP: m.PublicIP, AccountID: m.AccountID, Source: r.Region.Source,
			OS: report.OS{Family: os.Family, ID: os.ID, Version: os.Version, Arch: os.Arch, Name: os.Name},
		},
		Findings: d.Findings,
		Verdict:  report.Verdict{State: d.State, Capabilities: d.Capabilities, Summary: summary(r, d)},
	}
	for i := range r.Results {
		res := &r.Results[i]
		route := d.Routes[res.Target.Name]
		t := report.Target{Name: res.Target.Name, Group: res.Target.Group, URL: res.Target.URL, Required: res.Target.Required,
			State: res.State, ExplainedBy: d.ExplainedBy[res.Target.Name], Route: route.Route, RouteLikely: route.Likely,
			Because: res.Target.Because, Steps: res.Steps}
		for _, a := range res.Addresses {
			t.Addresses = append(t.Addresses, a.String())
		}
		rep.Targets = append(rep.Targets, t)
	}
	rep.Checks = checks(r)
	return rep
}

// summary is the one sentence beside the verdict.
func summary(r *probes.Round, d diagnosis.Diagnosis) string {
	causes, warnings := 0, 0
	for _, f := range d.Findings {
		switch f.Severity {
		case diagnosis.Critical:
			causes++
		case diagnosis.Warning:
			warnings++
		}
	}
	switch d.State {
	case diagnosis.Blocked:
		return fmt.Sprintf("Patching cannot work on this %s. %s.", machine(r), count(causes, "cause"))
	case diagnosis.Degraded:
		return fmt.Sprintf("Patching works on this %s, with %s.", machine(r), count(warnings, "warning"))
	case diagnosis.Unknown:
		return "Whether patching works cannot be said: not everything that it needs could be tested."
	}
	var what []string
	repos := 0
	for _, g := range []struct {
		group probes.Group
		name  string
	}{{probes.GroupSSM, "Systems Manager"}, {probes.GroupS3, "S3"}} {
		for _, res := range r.Results {
			if res.Target.Group == g.group && res.Target.Required {
				what = append(what, g.name)
				break
			}
		}
	}
	for _, res := range r.Results {
		if res.Target.Group == probes.GroupRepos && res.State == probes.Up {
			repos++
		}
	}
	if repos > 0 {
		what = append(what, count(repos, "repository"))
	}
	if len(what) == 0 {
		return "Nothing that was tested stands in the way."
	}
	return fmt.Sprintf("Everything that patching needs from this %s works: %s.", machine(r), strings.Join(what, ", "))
}

func machine(r *probes.Round) string {
	if r.Metadata.InstanceID != "" {
		return "instance"
	}
	return "machine"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "y") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(what, "y"))
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// checks are the facts about the host that are no network targets.
func checks(r *probes.Round) []report.Check {
	var out []report.Check
	has := func(g probes.Group) bool {
		for _, x := range r.Groups {
			if x == g {
				return true
			}
		}
		return false
	}
	if has(probes.GroupAgent) {
		out = append(out, agentCheck(r))
	}
	if has(probes.GroupIdentity) && r.Metadata.State != probes.MetadataNotAsked {
		c := report.Check{Name: "imds", Group: probes.GroupIdentity, State: probes.Down, Value: string(r.Metadata.State), Detail: r.Metadata.Detail}
		if r.Metadata.State == probes.MetadataOK {
			c.State, c.Detail = probes.Up, fmt.Sprintf("answered within %d ms", int(r.Metadata.Duration*1000+0.5))
		}
		out = append(out, c)
		if r.Metadata.State == probes.MetadataOK {
			role := report.Check{Name: "role", Group: probes.GroupIdentity, State: probes.Unknown, Value: r.Metadata.RoleName}
			switch r.Metadata.Role {
			case probes.RoleOK:
				role.State = probes.Up
				if !r.Metadata.RoleExpires.IsZero() {
					role.Detail = "credentials expire at " + r.Metadata.RoleExpires.UTC().Format(time.RFC3339)
				}
			case probes.RoleNone:
				role.State, role.Value = probes.Down, "none"
				if r.Agent.Identity.Source == "SSM" {
					role.State, role.Value = probes.Up, "Default Host Management"
				}
			case probes.RoleFailing:
				role.State, role.Detail = probes.Down, r.Metadata.RoleCode
			case probes.RoleUnknown:
			}
			out = append(out, role)
		}
	}
	for _, rr := range r.Resolvers {
		c := report.Check{Name: "resolver " + rr.Addr.Addr().String(), Group: probes.GroupHost, State: probes.Up,
			Value: fmt.Sprintf("%d of %d answered", rr.Answered, rr.Questions)}
		switch {
		case rr.Answered == 0:
			c.State, c.Detail = probes.Down, string(rr.Worst)
			if !rr.Configured {
				continue // asked for comparison only
			}
		case rr.Usable == 0:
			c.State, c.Detail = probes.Down, string(rr.Worst)
		default:
			c.Detail = fmt.Sprintf("median %d ms", int(rr.Median*1000+0.5))
		}
		if !rr.Configured {
			c.Detail = strings.TrimPrefix(c.Detail+", not configured here, asked for comparison", ", ")
		}
		out = append(out, c)
	}
	return out
}

func agentCheck(r *probes.Round) report.Check {
	a := r.Agent
	c := report.Check{Name: "ssm-agent", Group: probes.GroupAgent, State: probes.Unknown, Value: "state not known"}
	switch {
	case a.Install == "absent":
		c.State, c.Value = probes.Down, "not installed"
	case a.Running != nil && *a.Running:
		c.State, c.Value = probes.Up, strings.TrimSpace(a.Version+" running")
	case a.Running != nil:
		c.State, c.Value = probes.Down, strings.TrimSpace(a.Version+" not running")
	}
	var detail []string
	if id := a.Identity; id.Exists && id.Source != "" && !id.Retrieved.IsZero() {
		detail = append(detail, fmt.Sprintf("last reported to ssm %s ago", ago(r.Now.Sub(id.Retrieved))))
	} else if id.Exists && !id.Unknown {
		detail = append(detail, "never reported to ssm")
	}
	if a.Worker != nil && !*a.Worker && a.Running != nil && *a.Running {
		detail = append(detail, "its worker does not run, so it waits for credentials")
	}
	if a.Proxy.HTTPS != "" {
		detail = append(detail, "proxy "+a.Proxy.HTTPS.String())
	}
	c.Detail = strings.Join(detail, ", ")
	return c
}

func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
