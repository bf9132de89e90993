package aws

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"agentctl/probes"
)

// ssmTargets are the names that the SSM Agent itself calls. The last three are
// named so that a reader sees they were thought of.
func (b builder) ssmTargets() []probes.Target {
	ts := b.ssm()
	ts = append(ts, b.agentService("ssmmessages", "Mgs.Endpoint", b.config().MGSEndpoint, b.config().MGSRegion)...)
	ts = append(ts, b.messages()...)
	return append(ts, b.unneeded()...)
}

// config is the SSM Agent's configuration as the agent takes it: a file that
// cannot be parsed counts as none.
func (b builder) config() probes.AgentConfig {
	if b.in.Agent.Config.Invalid != "" {
		return probes.AgentConfig{}
	}
	return b.in.Agent.Config
}

// ssm is the main target of its group.
func (b builder) ssm() []probes.Target {
	return b.agentService("ssm", "Ssm.Endpoint", b.config().SSMEndpoint, "")
}

// agentService is one API that the agent calls, with the overrides of its
// configuration. setting names the override for the reader; ownRegion is a
// region for this service alone.
func (b builder) agentService(service, setting, override, ownRegion string) []probes.Target {
	t := probes.Target{
		Name: service, Group: probes.GroupSSM, Required: true,
		Because: "the SSM Agent reports and gets its work here",
		Answer:  probes.AnswerAWS, Client: probes.ClientAgent,
	}
	if service == "ssmmessages" {
		t.Because = "the SSM Agent's channel for commands and sessions"
	}
	if override != "" {
		u, err := endpointURL(override)
		if err == nil {
			t.URL = u
			t.Because += "; " + setting + " of its configuration names this host"
			return finish(t)
		}
		t.Because += "; " + setting + " of its configuration is not usable: " + err.Error()
	}
	host, why, ok := b.agentHost(service, ownRegion)
	if !ok {
		return nil
	}
	t.URL = "https://" + host + "/"
	t.Because += why
	return finish(t)
}

// agentHost builds a name as the agent does, service.region.domain, and says
// which setting of its configuration had a part in it.
func (b builder) agentHost(service, ownRegion string) (host, why string, ok bool) {
	c, region, p := b.config(), b.in.Region, b.partition
	known := b.known
	for _, r := range []string{ownRegion, c.Region} {
		if r == "" || r == region {
			continue
		}
		if other, valid := PartitionOf(r); valid {
			region, p, known = r, other, true
			why = "; its configuration names the region " + r
			break
		}
	}
	if !known {
		return "", "", false
	}
	if domain := strings.Trim(c.ServiceDomain, "."); domainForm.MatchString(domain) {
		return service + "." + region + "." + domain, why + "; its configuration names the domain " + domain, true
	}
	host, err := p.hostname(service, region, Variant{})
	return host, why, err == nil
}

// messages is ec2messages, by the rule of MessagesNeeded.
func (b builder) messages() []probes.Target {
	region := b.in.Region
	if c := b.config(); ValidRegion(c.Region) {
		region = c.Region
	}
	need, because := MessagesNeeded(b.in.Agent.Version, region)
	ts := b.agentService("ec2messages", "Mds.Endpoint", b.config().MDSEndpoint, "")
	for i := range ts {
		ts[i].Required = need == NeedRequired
		ts[i].Skip = need == NeedNone
		ts[i].Because = because
	}
	return ts
}

// unneeded are services that people open endpoints for and patching never
// calls.
func (b builder) unneeded() []probes.Target {
	if !b.known {
		return nil
	}
	var ts []probes.Target
	for _, service := range []string{"kms", "logs", "sts"} {
		host, err := b.partition.hostname(service, b.in.Region, Variant{})
		if err != nil {
			continue
		}
		ts = append(ts, probes.Target{
			Name: service, Group: probes.GroupSSM, URL: "https://" + host + "/", Because: "not needed for patching",
			Answer: probes.AnswerAWS, Client: probes.ClientAgent, AWS: true, Skip: true,
		})
	}
	return ts
}

// finish fills in what follows from the URL.
func finish(t probes.Target) []probes.Target {
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil
	}
	t.AWS = IsAWSName(u.Hostname())
	return []probes.Target{t}
}

// domainForm is what may stand in a host name, here for text that others wrote.
var domainForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// endpointURL makes a URL of an endpoint override, which people write with or
// without a scheme and a port. The agent's SDK takes https where none is given.
func endpointURL(override string) (string, error) {
	s := strings.TrimSpace(override)
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", fmt.Errorf("not a URL")
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return "", fmt.Errorf("scheme %q", u.Scheme)
	}
	host := u.Hostname()
	if !domainForm.MatchString(host) && !strings.Contains(host, ":") {
		return "", fmt.Errorf("no usable host in it")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + joinPort(host, port, u.Scheme) + path, nil
}
