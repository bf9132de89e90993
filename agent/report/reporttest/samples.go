// Package reporttest has sample reports for the tests of every output, and the
// check of a document against the report's schema.
package reporttest

import (
	"fmt"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

// Sample is a report with the name of its golden files.
type Sample struct {
	Name   string
	Report *report.Report
}

// Samples lists all sample reports. Each call makes new ones.
func Samples() []Sample {
	return []Sample{
		{"broken", Broken()}, {"healthy", Healthy()}, {"degraded", Degraded()}, {"unknown", Unknown()},
		{"nowhere", Nowhere()}, {"many", Many()}, {"windows", Windows()}, {"hostile", Hostile()}, {"empty", &report.Report{}},
	}
}

// Broken is an instance whose endpoint for ssmmessages lets nothing in.
func Broken() *report.Report {
	r := base()
	r.Verdict.State = diagnosis.Blocked
	r.Verdict.Summary = "Patching cannot work on this instance. 1 cause."
	r.Verdict.Capabilities = capabilities(diagnosis.Blocked)
	r.Verdict.Capabilities[diagnosis.AgentUpdate] = diagnosis.Ready
	r.Findings = []diagnosis.Finding{EndpointBlocked()}
	r.Targets = []report.Target{
		target("ssm", at("10.0.1.51"), because("the SSM Agent registers and reports there")),
		target("ssmmessages", at("10.0.1.53"), because("the SSM Agent is sent its commands there"),
			failed(1, probes.PhaseTCP, probes.Timeout, 3, "10.0.1.53:443 does not answer"), explained("endpoint-blocked")),
		target("ec2messages", skipped, because("not used since SSM Agent 3.1.821.0")),
		target("s3", groupOf(probes.GroupS3), by(probes.RouteGateway), likelyRoute, steps(times(0.001, 0.001, 0.005, 0.009)...)),
		target("patch-payload", groupOf(probes.GroupS3), by(probes.RouteGateway), likelyRoute, steps(times(0.001, 0.001, 0.005, 0.007)...)),
		target("repo:amazonlinux", groupOf(probes.GroupRepos), by(probes.RouteGateway), likelyRoute, steps(times(0.001, 0.001, 0.005, 0.011)...)),
		target("kms", skipped), target("logs", skipped),
		target("internet", control, by(probes.RouteUnknown), at("54.230.18.9"), failed(1, probes.PhaseTCP, probes.Timeout, 3, "")),
	}
	r.Checks = []report.Check{
		agentCheck("version", "3.3.2299.0"), agentCheck("state", "running"),
		agentCheck("last-report", "to ssm 12 min ago"), agentCheck("next-try", "in 31 min"),
		{Name: "disk", Group: probes.GroupHost, State: probes.Up, Value: "/var 3.2 GB free"},
		{Name: "package-lock", Group: probes.GroupHost, State: probes.Unknown, Detail: "run as root to see it"},
	}
	return r
}

// EndpointBlocked is the finding of the broken sample.
func EndpointBlocked() diagnosis.Finding {
	return diagnosis.Finding{
		Code: "endpoint-blocked", Severity: diagnosis.Critical, Confidence: diagnosis.Certain,
		Summary: "The VPC endpoint for ssmmessages (10.0.1.53) does not accept connections from this instance.",
		Targets: []string{"ssmmessages"},
		Evidence: []diagnosis.Evidence{
			fact("ssmmessages.us-east-1.amazonaws.com", "10.0.1.53, inside the VPC"),
			fact("10.0.1.53 port 443", "no answer to two connects"),
			fact("ruled out", "this instance's own rules: ssm (10.0.1.51) and S3 answer on port 443"),
		},
		Fix: []diagnosis.Fix{
			{Text: "Find the endpoint's security group:", Command: "aws ec2 describe-vpc-endpoints --region us-east-1 \\\n" +
				"  --query 'VpcEndpoints[].[VpcEndpointId,Groups]' \\\n" +
				"  --filters Name=vpc-id,Values=vpc-0a1b2c3d4e5f60718 \\\n" +
				"            Name=service-name,Values=com.amazonaws.us-east-1.ssmmessages"},
			{Text: "Allow port 443 in it from this instance's group:", Command: "aws ec2 authorize-security-group-ingress --region us-east-1 --group-id <that group> \\\n" +
				"  --protocol tcp --port 443 --source-group sg-0123abcd4567ef890"},
			{Text: "Then restart the agent, or it may wait up to an hour:", Command: "sudo systemctl restart amazon-ssm-agent"},
		},
		Capabilities: []diagnosis.Capability{diagnosis.SSMManaged, diagnosis.RunCommand, diagnosis.SessionManager, diagnosis.PatchScan, diagnosis.PatchInstall},
		Since:        Started.Add(-26 * time.Hour),
	}
}

// Healthy has nothing to say but a design and a pending reboot.
func Healthy() *report.Report {
	r := base()
	r.Duration = 0.41
	r.Verdict.Summary = "Patching works on this instance: Systems Manager, S3, 2 repositories."
	r.Findings = []diagnosis.Finding{{
		Code: "host-reboot-pending", Severity: diagnosis.Info, Confidence: diagnosis.Certain,
		Summary:  "A reboot is pending for kernel 6.1.141, installed 3 days ago.",
		Evidence: []diagnosis.Evidence{fact("running kernel", "6.1.134")}, Since: Started,
		Fix: []diagnosis.Fix{{Text: "Reboot when it suits:", Command: "sudo systemctl reboot"}},
	}}
	r.Targets = []report.Target{
		target("ssm"), target("ssmmessages"), target("ec2messages", skipped, because("not used since SSM Agent 3.1.821.0")),
		target("s3", groupOf(probes.GroupS3), by(probes.RouteGateway), likelyRoute),
		target("repo:amazonlinux", groupOf(probes.GroupRepos), by(probes.RouteGateway), likelyRoute),
		target("repo:kernel-livepatch", groupOf(probes.GroupRepos), by(probes.RouteGateway), likelyRoute),
		target("internet", control, by(probes.RouteUnknown), failed(1, probes.PhaseTCP, probes.Timeout, 3, "")),
	}
	r.Checks = []report.Check{agentCheck("version", "3.3.2299.0"), agentCheck("state", "running")}
	r.Advice = []report.Advice{{Design: "VPC endpoints with S3 gateway, no internet", Because: "Cheapest for these repositories",
		MonthlyUSD: map[string]float64{"total": 14.61}}}
	return r
}

// Degraded works, with a dead second resolver and a lost extra repository.
func Degraded() *report.Report {
	r := base()
	r.Instance.OS = report.OS{Family: "linux", ID: "rhel", Version: "9.6", Arch: "x86_64", Name: "Red Hat Enterprise Linux 9.6 (Plow)"}
	r.Verdict = report.Verdict{State: diagnosis.Degraded, Capabilities: capabilities(diagnosis.Degraded)}
	r.Duration = 6.02
	r.Findings = []diagnosis.Finding{
		{Code: "dns-resolver-degraded", Severity: diagnosis.Warning, Confidence: diagnosis.Certain,
			Summary: "One of the two configured resolvers does not answer: each lookup that starts there waits 5 s.",
			Targets: []string{}, Since: Started, Capabilities: []diagnosis.Capability{diagnosis.PatchScan, diagnosis.PatchInstall},
			Evidence: []diagnosis.Evidence{fact("resolver 10.9.0.2", "no answer to 9 questions, each sent again (timeout)"), fact("resolver 10.0.0.2", "answers (1 ms)")},
			Fix:      []diagnosis.Fix{{Text: "Take 10.9.0.2 out of the VPC's DHCP option set, or ask the network team why it is silent to 10.0.1.20."}}},
		{Code: "repo-skipped-silently", Severity: diagnosis.Warning, Confidence: diagnosis.Likely,
			Summary: "dnf leaves out epel: its mirrors cannot be reached, and the repository allows that. Patching goes on without it and can say Compliant.",
			Targets: []string{"repo:epel"}, Since: Started, Capabilities: []diagnosis.Capability{diagnosis.PatchScan, diagnosis.PatchInstall},
			Evidence: []diagnosis.Evidence{fact("mirrors.fedoraproject.org", "no answer to two connects")},
			Fix: []diagnosis.Fix{{Text: "If epel is not wanted, turn it off:", Command: "sudo dnf config-manager --set-disabled epel"},
				{Text: "If it is, ask the network team: \"Please let 10.0.1.20 reach mirrors.fedoraproject.org on TCP port 443.\""}}},
	}
	r.Targets = []report.Target{
		target("ssm", by(probes.RouteNAT), likelyRoute, steps(times(5.004, 0.002, 0.008, 0.021)...)),
		target("ssmmessages", by(probes.RouteNAT), likelyRoute, steps(times(5.003, 0.002, 0.008, 0.021)...)),
		target("s3", groupOf(probes.GroupS3), by(probes.RouteGateway), likelyRoute),
		target("repo:rhel-9-appstream-rhui-rpms", groupOf(probes.GroupRepos), by(probes.RouteNAT), likelyRoute, steps(times(0.001, 0.002, 0.108, 0.4)...)),
		target("repo:rhel-9-baseos-rhui-rpms", groupOf(probes.GroupRepos), by(probes.RouteNAT), likelyRoute, steps(times(0.001, 0.002, 0.108, 0.4)...)),
		target("repo:epel", groupOf(probes.GroupRepos), optional, by(probes.RouteUnknown), failed(1, probes.PhaseTCP, probes.Timeout, 3, ""), explained("repo-skipped-silently")),
		target("repo:docker-ce-stable", groupOf(probes.GroupRepos), optional, by(probes.RouteNAT)),
		target("kms", optional, failed(3, probes.PhaseHTTP, probes.NotAWS, 0.02, "403, Server: proxy")),
		target("ec2messages", skipped), target("logs", skipped),
	}
	r.Checks = []report.Check{agentCheck("version", "3.3.1957.0"), agentCheck("state", "running"), agentCheck("last-report", "to ssm 2 min ago")}
	return r
}

// Unknown is a round that ran out of its time.
func Unknown() *report.Report {
	r := base()
	r.Duration = 20
	r.Verdict = report.Verdict{State: diagnosis.Unknown, Capabilities: capabilities(diagnosis.Unknown)}
	r.Targets = []report.Target{
		target("ssm", stateOf(probes.Unknown), by(""), steps(times(0.001)[0],
			probes.Step{Phase: probes.PhaseTCP, State: probes.Unknown, Reason: probes.Canceled, Duration: 19.9})),
		target("ssmmessages", stateOf(probes.Unknown), by(""), steps()),
		target("s3", groupOf(probes.GroupS3), by(probes.RouteGateway), likelyRoute),
	}
	return r
}

// Nowhere is a machine outside EC2 without any network.
func Nowhere() *report.Report {
	r := base()
	r.Instance = report.Instance{OS: report.OS{Family: "linux", ID: "debian", Version: "12", Arch: "aarch64"}}
	r.Duration = 0.013
	r.Verdict = report.Verdict{State: diagnosis.Blocked, Capabilities: capabilities(diagnosis.Blocked)}
	r.Findings = []diagnosis.Finding{{
		Code: "region-unknown", Severity: diagnosis.Critical, Confidence: diagnosis.Certain, Since: Started,
		Summary:      "Nothing on this machine tells its AWS region, so there is no name to look for.",
		Evidence:     []diagnosis.Evidence{fact("instance metadata (169.254.169.254)", "no route"), fact("SSM Agent", "not installed")},
		Fix:          []diagnosis.Fix{{Text: "Name the region:", Command: "agentctl probe --region <region>"}},
		Capabilities: diagnosis.Capabilities(),
	}}
	return r
}

// Many has eight findings and 25 targets.
func Many() *report.Report {
	r := base()
	r.Verdict = report.Verdict{State: diagnosis.Blocked, Capabilities: capabilities(diagnosis.Blocked)}
	codes := []struct {
		code string
		sev  diagnosis.Severity
	}{{"clock-skew", diagnosis.Warning}, {"dns-resolver-unreachable", diagnosis.Critical}, {"s3-dualstack-unreachable", diagnosis.Critical},
		{"repo-metadata-missing", diagnosis.Critical}, {"host-package-lock", diagnosis.Warning}, {"ssm-agent-crash-loop", diagnosis.Critical},
		{"host-unprivileged", diagnosis.Info}, {"host-release-locked", diagnosis.Info}}
	for n := range 24 {
		name := fmt.Sprintf("repo:team-%02d-with-a-name-of-its-own", n+1)
		o := []option{groupOf(probes.GroupRepos), by(probes.RouteGateway), likelyRoute}
		switch {
		case n%6 == 1:
			o = append(o, failed(3, probes.PhaseHTTP, probes.NotFound, 0.2, "404"), explained("repo-metadata-missing"))
		case n%6 == 2:
			o = append(o, failed(0, probes.PhaseDNS, probes.ServFail, 0.2, ""), explained("dns-resolver-unreachable"))
		}
		r.Targets = append(r.Targets, target(name, o...))
	}
	r.Targets = append(r.Targets, target("s3-dualstack", groupOf(probes.GroupS3),
		failed(1, probes.PhaseTCP, probes.Prohibited, 0.001, ""), explained("s3-dualstack-unreachable")))
	var names []string
	for _, t := range r.Targets {
		names = append(names, t.Name)
	}
	for n, c := range codes {
		f := EndpointBlocked()
		f.Code, f.Severity, f.Targets = diagnosis.Code(c.code), c.sev, names[:n*3]
		f.Summary, f.Confidence = "Something is the matter, and this sentence says what it is.", diagnosis.Likely
		f.Fix = f.Fix[1:2]
		r.Findings = append(r.Findings, f)
	}
	return r
}
