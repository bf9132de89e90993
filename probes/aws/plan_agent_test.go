package aws

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/probes"
)

// What the SSM Agent's configuration and the last run's script change.

func TestPlanOverrides(t *testing.T) {
	tests := []struct {
		name   string
		region string
		config probes.AgentConfig
		want   map[string]string // target to URL
	}{
		{"bare host names", "eu-west-1", probes.AgentConfig{
			SSMEndpoint: "vpce-1-2.ssm.eu-west-1.vpce.amazonaws.com", MGSEndpoint: "ssmmessages.example.internal", MDSEndpoint: "ec2.example:8443"},
			map[string]string{"ssm": "https://vpce-1-2.ssm.eu-west-1.vpce.amazonaws.com/", "ssmmessages": "https://ssmmessages.example.internal/",
				"ec2messages": "https://ec2.example:8443/"}},
		{"with scheme and port", "eu-west-1", probes.AgentConfig{SSMEndpoint: "https://ssm.example:443", MGSEndpoint: "http://127.0.0.1:8080/x"},
			map[string]string{"ssm": "https://ssm.example/", "ssmmessages": "http://127.0.0.1:8080/x"}},
		{"a region for ssmmessages alone", "eu-west-1", probes.AgentConfig{MGSRegion: "eu-central-1"},
			map[string]string{"ssm": "https://ssm.eu-west-1.amazonaws.com/", "ssmmessages": "https://ssmmessages.eu-central-1.amazonaws.com/"}},
		{"a region for the whole agent", "eu-west-1", probes.AgentConfig{Region: "cn-north-1"},
			map[string]string{"ssm": "https://ssm.cn-north-1.amazonaws.com.cn/", "s3": "https://s3.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/"}},
		{"a domain", "eu-west-1", probes.AgentConfig{ServiceDomain: "aws.example"},
			map[string]string{"ssm": "https://ssm.eu-west-1.aws.example/", "ssmmessages": "https://ssmmessages.eu-west-1.aws.example/"}},
		{"S3.Endpoint is not the script's", "eu-west-1", probes.AgentConfig{S3Endpoint: "s3.example"},
			map[string]string{"s3-dualstack": "https://s3.dualstack.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/"}},
		{"a file that cannot be parsed counts as none", "eu-west-1", probes.AgentConfig{Invalid: "line 3", SSMEndpoint: "ssm.example"},
			map[string]string{"ssm": "https://ssm.eu-west-1.amazonaws.com/"}},
		{"an endpoint that is none", "eu-west-1", probes.AgentConfig{SSMEndpoint: "ftp://ssm.example", MGSEndpoint: "https://", Region: "nowhere"},
			map[string]string{"ssm": "https://ssm.eu-west-1.amazonaws.com/", "ssmmessages": "https://ssmmessages.eu-west-1.amazonaws.com/"}},
		{"no region, but an endpoint", "", probes.AgentConfig{SSMEndpoint: "ssm.example"}, map[string]string{"ssm": "https://ssm.example/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			byName := map[string]probes.Target{}
			for _, target := range Plan(PlanInput{Region: tt.region, Agent: probes.AgentState{Config: tt.config}}) {
				byName[target.Name] = target
			}
			for name, want := range tt.want {
				if got := byName[name]; got.URL != want || got.AWS != strings.Contains(want, "amazonaws.com") {
					t.Errorf("%s: %q (AWS %v), want %q", name, got.URL, got.AWS, want)
				}
			}
		})
	}
}

func TestPlanPayload(t *testing.T) {
	const key = "/patchbaselineoperations/linux/payloads/patch-baseline-operations-1.170.tar.gz"
	tests := []struct {
		name, region, url string
		want              []string // of the first two S3 targets
	}{
		{"dual stack, path style", "eu-west-1", "https://s3.dualstack.eu-west-1.amazonaws.com/aws-ssm-eu-west-1" + key, []string{
			"required s3-dualstack https://s3.dualstack.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/",
			"required patch-payload https://s3.dualstack.eu-west-1.amazonaws.com/aws-ssm-eu-west-1" + key}},
		{"acceleration", "ap-southeast-5", "https://aws-patch-manager-ap-southeast-5.s3-accelerate.dualstack.amazonaws.com" + key, []string{
			"required s3-accelerate https://aws-patch-manager-ap-southeast-5.s3-accelerate.dualstack.amazonaws.com/",
			"required patch-payload https://aws-patch-manager-ap-southeast-5.s3-accelerate.dualstack.amazonaws.com" + key}},
		{"dash", "eu-west-1", "https://s3-eu-west-1.amazonaws.com/aws-ssm-eu-west-1/p.zip", []string{
			"required s3-dash https://s3-eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/",
			"required patch-payload https://s3-eu-west-1.amazonaws.com/aws-ssm-eu-west-1/p.zip"}},
		{"a copy on the owner's server", "eu-west-1", "https://mirror.example/p.tar.gz", []string{
			"required patch-payload https://mirror.example/p.tar.gz",
			"likely   bucket:patch-baseline-snapshot https://patch-baseline-snapshot-eu-west-1.s3.eu-west-1.amazonaws.com/"}},
		{"a signature in it stays out", "eu-west-1", "https://user:pw@s3.eu-west-1.amazonaws.com/b/p?X-Amz-Signature=1#f", []string{
			"required s3 https://s3.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/",
			"required patch-payload https://s3.eu-west-1.amazonaws.com/b/p"}},
		{"of another region: a cloned image", "eu-west-1", "https://s3.dualstack.us-east-1.amazonaws.com/aws-ssm-us-east-1" + key, []string{
			"likely   s3-dualstack https://s3.dualstack.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/",
			"likely   bucket:aws-ssm https://s3.dualstack.eu-west-1.amazonaws.com/aws-ssm-eu-west-1/"}},
		{"not a URL", "eu-west-1", "%zz", []string{
			"likely   s3-dualstack https://s3.dualstack.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/",
			"likely   bucket:aws-ssm https://s3.dualstack.eu-west-1.amazonaws.com/aws-ssm-eu-west-1/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Plan(PlanInput{Region: tt.region, Groups: []probes.Group{probes.GroupS3},
				Payload: tt.url})
			if diff := cmp.Diff(tt.want, lines(got)[1:3]); diff != "" { // after the control ssm
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
