package aws

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/probes"
)

// line writes a target as a person would: marks, name, URL.
func line(t probes.Target) string {
	mark := "optional"
	switch {
	case t.Skip:
		mark = "skip"
	case t.Control:
		mark = "control"
	case t.Required && t.Likely:
		mark = "likely"
	case t.Required:
		mark = "required"
	}
	return fmt.Sprintf("%-8s %s %s", mark, t.Name, t.URL)
}

// lines leaves out what is the same in every plan.
func lines(ts []probes.Target) []string {
	var out []string
	for _, t := range ts {
		if !slices.Contains([]string{"kms", "logs", "sts", "internet"}, t.Name) {
			out = append(out, line(t))
		}
	}
	return out
}

const newAgent, oldAgent = "3.3.2299.0", "3.1.820.0"

func TestPlanByPlace(t *testing.T) {
	tests := []struct {
		name, region, family, agent string
		want                        []string
	}{
		{"commercial, Linux", "eu-west-1", "linux", newAgent, []string{
			"required ssm https://ssm.eu-west-1.amazonaws.com/",
			"required ssmmessages https://ssmmessages.eu-west-1.amazonaws.com/",
			"skip     ec2messages https://ec2messages.eu-west-1.amazonaws.com/",
			"likely   s3-dualstack https://s3.dualstack.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/",
			"likely   bucket:aws-ssm https://s3.dualstack.eu-west-1.amazonaws.com/aws-ssm-eu-west-1/",
			"likely   bucket:patch-baseline-snapshot https://patch-baseline-snapshot-eu-west-1.s3.eu-west-1.amazonaws.com/",
			"optional s3 https://s3.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/",
			"optional bucket:amazon-ssm https://s3.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/latest/VERSION",
		}},
		{"us-east-1, Linux, agent of before 3.1.821", "us-east-1", "linux", oldAgent, []string{
			"required ssm https://ssm.us-east-1.amazonaws.com/",
			"required ssmmessages https://ssmmessages.us-east-1.amazonaws.com/",
			"required ec2messages https://ec2messages.us-east-1.amazonaws.com/",
			"likely   s3-dualstack https://s3.dualstack.us-east-1.amazonaws.com/amazon-ssm-us-east-1/",
			"likely   bucket:aws-ssm https://s3.dualstack.us-east-1.amazonaws.com/aws-ssm-us-east-1/",
			"likely   bucket:patch-baseline-snapshot https://patch-baseline-snapshot-us-east-1.s3.us-east-1.amazonaws.com/",
			"optional s3 https://s3.us-east-1.amazonaws.com/amazon-ssm-us-east-1/",
			"optional bucket:amazon-ssm https://s3.us-east-1.amazonaws.com/amazon-ssm-us-east-1/latest/VERSION",
		}},
		{"us-east-1, Windows, version unknown", "us-east-1", "windows", "", []string{
			"required ssm https://ssm.us-east-1.amazonaws.com/",
			"required ssmmessages https://ssmmessages.us-east-1.amazonaws.com/",
			"optional ec2messages https://ec2messages.us-east-1.amazonaws.com/",
			"likely   s3-dash https://s3.amazonaws.com/amazon-ssm-us-east-1/",
			"likely   bucket:aws-ssm https://s3.amazonaws.com/aws-ssm-us-east-1/",
			"likely   bucket:patch-baseline-snapshot https://patch-baseline-snapshot-us-east-1.s3.us-east-1.amazonaws.com/",
			"optional s3 https://s3.us-east-1.amazonaws.com/amazon-ssm-us-east-1/",
			"optional bucket:amazon-ssm https://s3.us-east-1.amazonaws.com/amazon-ssm-us-east-1/latest/VERSION",
		}},
		{"me-south-1, Windows: dash and the other bucket", "me-south-1", "windows", newAgent, []string{
			"required ssm https://ssm.me-south-1.amazonaws.com/",
			"required ssmmessages https://ssmmessages.me-south-1.amazonaws.com/",
			"skip     ec2messages https://ec2messages.me-south-1.amazonaws.com/",
			"likely   s3-dash https://s3-me-south-1.amazonaws.com/amazon-ssm-me-south-1/",
			"likely   bucket:aws-patch-manager https://s3-me-south-1.amazonaws.com/aws-patch-manager-me-south-1-a53fc9dce/",
			"likely   bucket:patch-baseline-snapshot https://patch-baseline-snapshot-me-south-1-uduvl7q8.s3.me-south-1.amazonaws.com/",
			"optional s3 https://s3.me-south-1.amazonaws.com/amazon-ssm-me-south-1/",
			"optional bucket:amazon-ssm https://s3.me-south-1.amazonaws.com/amazon-ssm-me-south-1/latest/VERSION",
		}},
		{"a region of 2025: acceleration in the document, dual stack stands in", "ap-southeast-7", "linux", oldAgent, []string{
			"required ssm https://ssm.ap-southeast-7.amazonaws.com/",
			"required ssmmessages https://ssmmessages.ap-southeast-7.amazonaws.com/",
			"skip     ec2messages https://ec2messages.ap-southeast-7.amazonaws.com/",
			"likely   s3-dualstack https://s3.dualstack.ap-southeast-7.amazonaws.com/amazon-ssm-ap-southeast-7/",
			"likely   bucket:aws-patch-manager https://s3.dualstack.ap-southeast-7.amazonaws.com/aws-patch-manager-ap-southeast-7-c707c017a/",
			"likely   bucket:patch-baseline-snapshot https://patch-baseline-snapshot-ap-southeast-7-1699f14f.s3.ap-southeast-7.amazonaws.com/",
			"optional s3 https://s3.ap-southeast-7.amazonaws.com/amazon-ssm-ap-southeast-7/",
			"optional bucket:amazon-ssm https://s3.ap-southeast-7.amazonaws.com/amazon-ssm-ap-southeast-7/latest/VERSION",
		}},
		{"China", "cn-north-1", "linux", newAgent, []string{
			"required ssm https://ssm.cn-north-1.amazonaws.com.cn/",
			"required ssmmessages https://ssmmessages.cn-north-1.amazonaws.com.cn/",
			"skip     ec2messages https://ec2messages.cn-north-1.amazonaws.com.cn/",
			"likely   s3 https://s3.cn-north-1.amazonaws.com.cn/amazon-ssm-cn-north-1/",
			"likely   bucket:aws-ssm https://s3.cn-north-1.amazonaws.com.cn/aws-ssm-cn-north-1/",
			"skip     bucket:patch-baseline-snapshot https://s3.cn-north-1.amazonaws.com.cn/",
			"optional bucket:amazon-ssm https://s3.cn-north-1.amazonaws.com.cn/amazon-ssm-cn-north-1/latest/VERSION",
		}},
		{"GovCloud", "us-gov-west-1", "linux", newAgent, []string{
			"required ssm https://ssm.us-gov-west-1.amazonaws.com/",
			"required ssmmessages https://ssmmessages.us-gov-west-1.amazonaws.com/",
			"skip     ec2messages https://ec2messages.us-gov-west-1.amazonaws.com/",
			"likely   s3-dash https://s3-fips-us-gov-west-1.amazonaws.com/amazon-ssm-us-gov-west-1/",
			"likely   bucket:aws-ssm https://s3-fips-us-gov-west-1.amazonaws.com/aws-ssm-us-gov-west-1/",
			"skip     bucket:patch-baseline-snapshot https://s3.us-gov-west-1.amazonaws.com/",
			"optional s3 https://s3.us-gov-west-1.amazonaws.com/amazon-ssm-us-gov-west-1/",
			"optional bucket:amazon-ssm https://s3.us-gov-west-1.amazonaws.com/amazon-ssm-us-gov-west-1/latest/VERSION",
		}},
		{"GovCloud, Windows", "us-gov-east-1", "windows", newAgent, []string{
			"required ssm https://ssm.us-gov-east-1.amazonaws.com/",
			"required ssmmessages https://ssmmessages.us-gov-east-1.amazonaws.com/",
			"skip     ec2messages https://ec2messages.us-gov-east-1.amazonaws.com/",
			"likely   s3-dash https://s3-us-gov-east-1.amazonaws.com/amazon-ssm-us-gov-east-1/",
			"likely   bucket:aws-ssm https://s3-us-gov-east-1.amazonaws.com/aws-ssm-us-gov-east-1/",
			"skip     bucket:patch-baseline-snapshot https://s3.us-gov-east-1.amazonaws.com/",
			"optional s3 https://s3.us-gov-east-1.amazonaws.com/amazon-ssm-us-gov-east-1/",
			"optional bucket:amazon-ssm https://s3.us-gov-east-1.amazonaws.com/amazon-ssm-us-gov-east-1/latest/VERSION",
		}},
		{"European Sovereign Cloud", "eusc-de-east-1", "linux", "", []string{
			"required ssm https://ssm.eusc-de-east-1.amazonaws.eu/",
			"required ssmmessages https://ssmmessages.eusc-de-east-1.amazonaws.eu/",
			"skip     ec2messages https://ec2messages.eusc-de-east-1.amazonaws.eu/",
			"likely   s3-dualstack https://s3.dualstack.eusc-de-east-1.amazonaws.eu/amazon-ssm-eusc-de-east-1/",
			"skip     bucket:aws-patch-manager https://s3.eusc-de-east-1.amazonaws.eu/",
			"skip     bucket:patch-baseline-snapshot https://s3.eusc-de-east-1.amazonaws.eu/",
			"optional s3 https://s3.eusc-de-east-1.amazonaws.eu/amazon-ssm-eusc-de-east-1/",
			"optional bucket:amazon-ssm https://s3.eusc-de-east-1.amazonaws.eu/amazon-ssm-eusc-de-east-1/latest/VERSION",
		}},
		{"an isolated partition", "us-iso-east-1", "linux", newAgent, []string{
			"required ssm https://ssm.us-iso-east-1.c2s.ic.gov/",
			"required ssmmessages https://ssmmessages.us-iso-east-1.c2s.ic.gov/",
			"skip     ec2messages https://ec2messages.us-iso-east-1.c2s.ic.gov/",
			"likely   s3 https://s3.us-iso-east-1.c2s.ic.gov/amazon-ssm-us-iso-east-1/",
			"likely   bucket:aws-ssm https://s3.us-iso-east-1.c2s.ic.gov/aws-ssm-us-iso-east-1/",
			"skip     bucket:patch-baseline-snapshot https://s3.us-iso-east-1.c2s.ic.gov/",
			"optional bucket:amazon-ssm https://s3.us-iso-east-1.c2s.ic.gov/amazon-ssm-us-iso-east-1/latest/VERSION",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Plan(PlanInput{Region: tt.region, OS: platform.OS{Family: tt.family},
				Agent: probes.AgentState{Version: tt.agent}, Internet: DefaultInternet})
			if diff := cmp.Diff(tt.want, lines(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What holds for every plan, whatever the region, system and version.
func TestEveryPlan(t *testing.T) {
	for _, p := range Partitions() {
		for _, region := range p.Regions {
			for _, family := range []string{"linux", "windows"} {
				for _, version := range []string{"", newAgent, oldAgent, "3.2.1.0"} {
					checkPlan(t, region, Plan(PlanInput{Region: region, OS: platform.OS{Family: family},
						Agent: probes.AgentState{Version: version}, Internet: DefaultInternet}))
				}
			}
		}
	}
}

func checkPlan(t *testing.T, region string, ts []probes.Target) {
	t.Helper()
	names := map[string]bool{}
	for _, target := range ts {
		u, err := url.Parse(target.URL)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s: %s has the URL %q", region, target.Name, target.URL)
		}
		if !target.AWS || !IsAWSName(u.Hostname()) {
			t.Errorf("%s: %s is not marked as AWS's own", region, target.Name)
		}
		if target.Because == "" || target.Answer == "" || target.Client == "" {
			t.Errorf("%s: %s lacks a reason, an answer or a client: %+v", region, target.Name, target)
		}
		if names[target.Name] {
			t.Errorf("%s: %s twice", region, target.Name)
		}
		if target.Required && (target.Skip || target.Control) {
			t.Errorf("%s: %s is required and not probed", region, target.Name)
		}
		names[target.Name] = true
	}
	for _, must := range []string{"ssm", "ssmmessages", "ec2messages", "kms", "logs", "sts", "s3",
		"bucket:patch-baseline-snapshot", "bucket:amazon-ssm", "internet"} {
		if !names[must] {
			t.Errorf("%s: no %s", region, must)
		}
	}
}

func TestPlanGroups(t *testing.T) {
	plan := func(groups ...probes.Group) []string {
		var out []string
		for _, t := range Plan(PlanInput{Region: "eu-west-1", Groups: groups, Internet: "ip.example",
			Agent: probes.AgentState{Version: newAgent}}) {
			out = append(out, strings.Join(strings.Fields(line(t))[:2], " ")+" "+string(t.Group))
		}
		return out
	}
	ssm := []string{"required ssm ssm", "required ssmmessages ssm", "skip ec2messages ssm", "skip kms ssm", "skip logs ssm", "skip sts ssm"}
	s3 := []string{"likely s3-dualstack s3", "likely bucket:aws-ssm s3", "likely bucket:patch-baseline-snapshot s3", "optional s3 s3",
		"optional bucket:amazon-ssm s3"}
	tests := []struct {
		name   string
		groups []probes.Group
		want   []string
	}{
		{"all by default", nil, slices.Concat(ssm, s3, []string{"control internet ssm"})},
		{"ssm alone", []probes.Group{probes.GroupSSM}, slices.Concat(ssm, []string{"control s3 s3", "control internet ssm"})},
		{"s3 alone", []probes.Group{probes.GroupS3}, slices.Concat([]string{"control ssm ssm"}, s3, []string{"control internet s3"})},
		{"repos alone", []probes.Group{probes.GroupRepos}, slices.Concat([]string{"control ssm ssm", "control s3 s3"}, []string{"control internet repos"})},
		{"none that has targets here", []probes.Group{probes.GroupHost}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, plan(tt.groups...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPlanInternet(t *testing.T) {
	for in, want := range map[string]string{
		"checkip.amazonaws.com:443": "https://checkip.amazonaws.com/", "example.org": "https://example.org/",
		"example.org:8443": "https://example.org:8443/", "192.0.2.1:80": "http://192.0.2.1/", "[2001:db8::1]:443": "https://[2001:db8::1]/",
		"": "", ":443": "",
	} {
		var got string
		for _, target := range Plan(PlanInput{Internet: in}) {
			got = target.URL
		}
		if got != want {
			t.Errorf("Internet %q: %q, want %q", in, got, want)
		}
	}
}

func TestPlanForeignRegionOfKnownPartition(t *testing.T) {
	got := lines(Plan(PlanInput{Region: "moon-base-1", Partition: "aws-cn", Groups: []probes.Group{probes.GroupSSM}}))
	if len(got) == 0 || got[0] != "required ssm https://ssm.moon-base-1.amazonaws.com.cn/" {
		t.Errorf("%q", got)
	}
	if got := Plan(PlanInput{Region: "evil.example/x", Partition: "aws"}); got != nil {
		t.Errorf("a region that is no region made names: %v", got)
	}
}
