package agent

import (
	"strings"

	"agentctl/agent/config"
	"agentctl/probes"
	"agentctl/probes/aws"
)

// localRegion is the region as this machine knows it without the metadata:
// flag, configuration, the SSM Agent's files, the resolver's search domain.
func localRegion(flag string, c config.Config, a probes.AgentState, search []string) probes.Region {
	for _, s := range []struct{ name, source string }{
		{flag, "flag"}, {c.Region, "config"}, {a.Config.Region, "agent"}, {a.LogRegion, "agent"}, {searchRegion(search), "resolver"},
	} {
		if s.name != "" && aws.ValidRegion(s.name) {
			return named(s.name, s.source)
		}
	}
	return probes.Region{}
}

func named(region, source string) probes.Region {
	r := probes.Region{Name: region, Source: source}
	if p, ok := aws.PartitionOf(region); ok {
		r.Partition = p.ID
	}
	return r
}

// searchRegion reads the region from the search domain that a VPC's DHCP hands
// out: ec2.internal is us-east-1, all others are REGION.compute.internal (VPC
// User Guide, "DNS attributes for your VPC").
func searchRegion(search []string) string {
	for _, s := range search {
		s = strings.TrimSuffix(strings.ToLower(s), ".")
		if s == "ec2.internal" {
			return "us-east-1"
		}
		if r, ok := strings.CutSuffix(s, ".compute.internal"); ok && aws.ValidRegion(r) {
			return r
		}
	}
	return ""
}

// settle chooses between the metadata's region and the local one. A flag is the
// user's will; otherwise the metadata knows best: an image may carry another
// region's files.
func settle(local probes.Region, m probes.Metadata) probes.Region {
	if local.Source == "flag" || m.Region == "" || !aws.ValidRegion(m.Region) {
		return local
	}
	return named(m.Region, "imds")
}
