package aws

import (
	"net"
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// DefaultInternet is the control target: Amazon's own what-is-my-address
// service, which stands outside every VPC endpoint.
const DefaultInternet = "checkip.amazonaws.com:443"

// PlanInput is what decides which targets this machine needs.
type PlanInput struct {
	Region string
	// Partition is the partition's id where the instance metadata told it; it
	// only counts for a region that no table and no pattern knows.
	Partition string
	Agent     probes.AgentState
	OS        platform.OS
	// Groups asked for; none: all. Of ssm, s3 and repos, the main target of
	// one that is not asked for comes along as a control.
	Groups []probes.Group
	// Internet is the control target, host or host:port; "" leaves it out.
	Internet string
	// Payload is the address from which the last patch run fetched its payload; ""
	// where none is known.
	Payload string
	// Policy is the baseline override of a patch policy in use; nil: none is known.
	Policy *probes.PatchOverride
}

// wants tells whether a group was asked for.
func (in PlanInput) wants(g probes.Group) bool {
	return len(in.Groups) == 0 || slices.Contains(in.Groups, g)
}

// Plan returns the targets that this machine's own clients need, with why, in
// a stable order: all but the repositories, which the package manager's own
// configuration names. Without a usable region only those remain that need none.
func Plan(in PlanInput) []probes.Target {
	ssm, s3, repos := in.wants(probes.GroupSSM), in.wants(probes.GroupS3), in.wants(probes.GroupRepos)
	if !ssm && !s3 && !repos {
		return nil
	}
	p, known := PartitionOf(in.Region)
	if !known && regionForm.MatchString(in.Region) {
		p, known = partitionByID(in.Partition)
	}
	b := builder{in: in, partition: p, known: known}

	var ts []probes.Target
	if ssm {
		ts = append(ts, b.ssmTargets()...)
	} else {
		ts = append(ts, asControl(b.ssm())...)
	}
	if s3 {
		ts = append(ts, b.s3Targets()...)
	} else {
		ts = append(ts, asControl(b.s3Regional())...)
	}
	return append(ts, b.internet()...)
}

// builder makes the targets of one plan.
type builder struct {
	in        PlanInput
	partition Partition
	known     bool // partition and region are usable
}

// asControl turns targets into controls, which tell causes apart and decide
// nothing.
func asControl(ts []probes.Target) []probes.Target {
	for i := range ts {
		ts[i].Required, ts[i].Likely, ts[i].Control = false, false, true
		ts[i].Because = "control: its group was not asked for"
	}
	return ts
}

// internet is the control target that needs a way to the internet.
func (b builder) internet() []probes.Target {
	if b.in.Internet == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(b.in.Internet)
	if err != nil {
		host, port = b.in.Internet, "443"
	}
	if host == "" {
		return nil
	}
	scheme := "https"
	if port == "80" {
		scheme = "http"
	}
	group := probes.GroupSSM
	if len(b.in.Groups) > 0 && !b.in.wants(group) {
		group = probes.GroupRepos
		if b.in.wants(probes.GroupS3) {
			group = probes.GroupS3
		}
	}
	return []probes.Target{{
		Name: "internet", Group: group, URL: scheme + "://" + joinPort(host, port, scheme) + "/",
		Because: "control: tells whether there is a way to the internet at all",
		Answer:  probes.AnswerConnect, Client: probes.ClientScript, AWS: IsAWSName(host), Control: true,
	}}
}

// joinPort writes host:port as in a URL, without the scheme's own port.
func joinPort(host, port, scheme string) string {
	if (scheme == "https" && port == "443") || (scheme == "http" && port == "80") {
		if strings.Contains(host, ":") { // an IPv6 address
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}
