package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/agent/words"
	"agentctl/probes"
	"agentctl/probes/netpath"
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
		Verdict:  report.Verdict{State: d.State, Capabilities: d.Capabilities},
	}
	results := slices.Clone(r.Results)
	for i := range r.Repos {
		results = append(results, r.Repos[i].Result)
	}
	slices.SortStableFunc(results, func(a, b probes.Result) int { // what is for comparison only comes last
		switch {
		case a.Target.Control == b.Target.Control:
			return 0
		case a.Target.Control:
			return 1
		}
		return -1
	})
	for i := range results {
		res := &results[i]
		route := d.Routes[res.Target.Name]
		t := report.Target{Name: res.Target.Name, Group: res.Target.Group, URL: netpath.ShowURL(res.Target.URL), Required: res.Target.Required,
			State: res.State, ExplainedBy: d.ExplainedBy[res.Target.Name], Route: route.Route, RouteLikely: route.Likely,
			Because: res.Target.Because, Control: res.Target.Control, Steps: res.Steps}
		for _, a := range res.Addresses {
			t.Addresses = append(t.Addresses, a.String())
		}
		rep.Targets = append(rep.Targets, t)
	}
	rep.Checks = checks(r)
	rep.Verdict.Summary = report.Summarize(rep)
	return rep
}

// checks are the facts about the host that are no network targets.
func checks(r *probes.Round) []report.Check {
	var out []report.Check
	has := func(g probes.Group) bool { return slices.Contains(r.Groups, g) }
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
	if has(probes.GroupRepos) {
		out = append(out, repoCheck(r))
	}
	if has(probes.GroupHost) {
		out = append(out, hostChecks(r)...)
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
		detail = append(detail, "last report to ssm "+words.Ago(id.Retrieved, r.Now))
	} else if id.Exists && !id.Unknown {
		detail = append(detail, "never reported to ssm")
	}
	if a.Worker != nil && !*a.Worker && a.Running != nil && *a.Running {
		detail = append(detail, "its worker does not run, so it waits for credentials")
	}
	if a.Proxy.HTTPS != "" {
		detail = append(detail, "proxy "+a.Proxy.HTTPS.String())
	}
	log := a.Log
	if s := log.Sleep; s != nil && s.Until.After(r.Now) {
		detail = append(detail, "sleeps; next try in "+words.Duration(s.Until.Sub(r.Now))+" at the latest")
	} else if log.Hibernate != nil {
		detail = append(detail, "hibernates since "+words.Time(log.Hibernate.Since))
	} else if log.Known && !log.LastHealth.IsZero() {
		detail = append(detail, "last health report "+words.Ago(log.LastHealth, r.Now))
	}
	if log.Channel != "" {
		detail = append(detail, "connected by "+log.Channel)
	}
	c.Detail = strings.Join(detail, ", ")
	return c
}
