package agent

import (
	"testing"

	"agentctl/agent/config"
	"agentctl/probes"
)

func TestRegionSources(t *testing.T) {
	agentState := probes.AgentState{LogRegion: "eu-west-2", Config: probes.AgentConfig{Region: "eu-west-1"}}
	for _, c := range []struct {
		name, flag string
		cfg        config.Config
		agent      probes.AgentState
		search     []string
		imds       string
		want       probes.Region
	}{
		{name: "nothing", want: probes.Region{}},
		{name: "metadata", imds: "us-west-2", want: probes.Region{Name: "us-west-2", Partition: "aws", Source: "imds"}},
		{name: "flag before metadata", flag: "cn-north-1", imds: "us-west-2", want: probes.Region{Name: "cn-north-1", Partition: "aws-cn", Source: "flag"}},
		{name: "metadata before a copied image's files", agent: agentState, imds: "us-west-2", want: probes.Region{Name: "us-west-2", Partition: "aws", Source: "imds"}},
		{name: "configuration before the agent", cfg: config.Config{Region: "ca-central-1"}, agent: agentState, want: probes.Region{Name: "ca-central-1", Partition: "aws", Source: "config"}},
		{name: "agent's configuration before its log", agent: agentState, want: probes.Region{Name: "eu-west-1", Partition: "aws", Source: "agent"}},
		{name: "search domain", search: []string{"corp.example", "eu-central-1.compute.internal"}, want: probes.Region{Name: "eu-central-1", Partition: "aws", Source: "resolver"}},
		{name: "search domain of us-east-1", search: []string{"ec2.internal"}, want: probes.Region{Name: "us-east-1", Partition: "aws", Source: "resolver"}},
		{name: "search domain that is no region", search: []string{"evil.compute.internal", "x.y.compute.internal"}, want: probes.Region{}},
		{name: "metadata with garbage", imds: "<html>", search: []string{"ec2.internal"}, want: probes.Region{Name: "us-east-1", Partition: "aws", Source: "resolver"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := settle(localRegion(c.flag, c.cfg, c.agent, c.search), probes.Metadata{Region: c.imds})
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
