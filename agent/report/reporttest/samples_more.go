package reporttest

import (
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

// Windows is a server behind a proxy that inspects TLS.
func Windows() *report.Report {
	r := base()
	r.Instance.OS = report.OS{Family: "windows", ID: "windows", Version: "10.0.20348", Arch: "x86_64", Name: "Windows Server 2022 Datacenter"}
	r.Instance.AvailabilityZone, r.Instance.Region, r.Instance.Type = "eu-central-1b", "eu-central-1", "m7i.large"
	r.Verdict = report.Verdict{State: diagnosis.Blocked, Capabilities: capabilities(diagnosis.Blocked)}
	r.Findings = []diagnosis.Finding{{
		Code: "tls-intercepted", Severity: diagnosis.Critical, Confidence: diagnosis.Certain, Since: Started,
		Summary: "Something between here and AWS opens the encrypted connection and closes it again with a certificate of its own, which this machine does not trust.",
		Targets: []string{"ssm", "ssmmessages", "s3"},
		Evidence: []diagnosis.Evidence{fact("certificate for ssm.eu-central-1.amazonaws.com", "issued by \"ACME Web Gateway CA 3\", SHA-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
			fact("proxy", "http://***@proxy.corp.example:3128"), fact("ruled out", "a wrong clock (0.2 s off)")},
		Fix: []diagnosis.Fix{{Text: "Ask the security team: \"Please exempt *.amazonaws.com from TLS inspection for 10.0.1.20; the SSM Agent cannot accept another certificate.\""},
			{Text: "Or trust the inspecting CA on this machine:", Command: "Import-Certificate -FilePath <CA.cer> -CertStoreLocation Cert:\\LocalMachine\\Root\nRestart-Service AmazonSSMAgent"}},
		Capabilities: diagnosis.Capabilities(),
	}}
	viaProxy := func(n int, last ...probes.Step) option {
		return func(t *report.Target) {
			t.Route = probes.RouteProxy
			t.Steps = append([]probes.Step{{Phase: probes.PhaseProxy, State: probes.Up, Reason: probes.OK, Duration: 0.012, Attempts: 1}}, last...)
			if n > 0 {
				t.State, t.ExplainedBy = probes.Down, "tls-intercepted"
			}
		}
	}
	bad := probes.Step{Phase: probes.PhaseTLS, State: probes.Down, Reason: probes.UntrustedIssuer, Duration: 0.03, Attempts: 1, Detail: "issuer CN=ACME Web Gateway CA 3"}
	r.Targets = []report.Target{
		target("ssm", viaProxy(1, bad)), target("ssmmessages", viaProxy(1, bad)), target("s3", groupOf(probes.GroupS3), viaProxy(1, bad)),
		target("wsus", groupOf(probes.GroupWindowsUpdate), by(probes.RouteUnknown), steps(times(0.001, 0.001, 0.02, 0.2)...)),
		target("wu:download.windowsupdate.com", groupOf(probes.GroupWindowsUpdate), optional, by(probes.RouteProxy),
			failed(0, probes.PhaseProxy, probes.ProxyAuth, 0.01, "407")),
	}
	r.Checks = []report.Check{{Name: "ssm-agent", Group: probes.GroupAgent, State: probes.Up, Value: "3.3.2299.0 running",
		Detail: "last reported to ssm 12 min ago, proxy http://***@proxy.corp.example:3128"}}
	return r
}

// Hostile holds what a malicious server or file could put into a report.
func Hostile() *report.Report {
	r := base()
	const esc = "\x1b[2J\x1b]0;owned\x07\x9b31m\u009b1m\u202egnp.exe\u200b\r\nX: y\x00\x7f"
	r.Instance.ID = "i-" + esc
	r.Instance.OS.Name = "日本語リナックス" + esc
	r.Verdict = report.Verdict{State: diagnosis.Blocked, Summary: "Summary" + esc, Capabilities: capabilities(diagnosis.Blocked)}
	f := EndpointBlocked()
	f.Code = "http-not-aws"
	f.Targets = []string{"repo:" + esc}
	f.Summary = "An answer that AWS did not write: \"" + esc + "Ze" + strings.Repeat("\u0301", 40) + "\"."
	f.Evidence = []diagnosis.Evidence{fact("title", esc), fact("title", strings.Repeat("A", 300)+strings.Repeat("漢字", 500)),
		fact("server\nname", "ネットワーク管理者に連絡してください。このページへのアクセスは組織の方針により禁止されています。 \U0001F512 blocked"),
		fact("\xff\xfe", "latin-1: \xe9t\xe9")}
	f.Fix = []diagnosis.Fix{{Text: "Do" + esc, Command: "echo one" + esc + " \\\n\t--two\n\n"},
		{Command: "cat <<EOF\nhere\nEOF"}}
	r.Findings = []diagnosis.Finding{f}
	r.Targets = []report.Target{target("repo:"+esc, failed(3, probes.PhaseHTTP, probes.NotAWS, 0.1, esc), explained("http-not-aws")),
		target("repo:"+strings.Repeat("long-", 30), groupOf(probes.GroupRepos)),
		target("repo:日本語の名前のリポジトリ", groupOf(probes.GroupRepos), optional, failed(2, probes.PhaseTLS, probes.PQBlocked, 0.1, ""))}
	r.Checks = []report.Check{agentCheck("version"+esc, "3.3"+esc)}
	return r
}
