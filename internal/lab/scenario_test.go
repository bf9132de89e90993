//go:build linux

package lab

import (
	"slices"
	"strings"
	"testing"
)

// These need no root: they read the scenario files, and so run everywhere.

// warnings are the codes that are never critical (contract, section 3).
var warnings = []string{"dns-resolver-degraded", "dns-slow", "repo-skipped-silently", "host-tool-missing", "host-memory-low", "host-package-lock",
	"host-os-unsupported", "patch-last-run-failed"}

func TestScenarioFilesAreValid(t *testing.T) {
	scenarios, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) < 500 {
		t.Errorf("only %d scenarios", len(scenarios))
	}
	for _, s := range scenarios {
		critical := false
		for _, code := range s.Expect.Findings {
			critical = critical || s.Expect.Severity[code] != "warning" && !slices.Contains(warnings, code)
		}
		want, exit := "ready", 0
		switch {
		case !critical && s.Expect.Verdict == "unknown": // what could not be probed makes no finding
			want, exit = "unknown", 3
		case critical:
			want, exit = "blocked", 1
		case len(s.Expect.Findings) > 0:
			want = "degraded"
		}
		if s.Expect.Verdict != want || s.Expect.Exit != exit {
			t.Errorf("%s: verdict %s and exit %d do not follow from findings %v", s.Name, s.Expect.Verdict, s.Expect.Exit, s.Expect.Findings)
		}
	}
}

// TestEveryCodeIsRaised: a code that no scenario raises is one that nobody has seen work. Every other scenario is its neighbour
// that must stay silent, since a scenario passes only with exactly its findings.
func TestEveryCodeIsRaised(t *testing.T) {
	scenarios, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	raised := map[string]int{}
	for _, s := range scenarios {
		for _, code := range append(slices.Clone(s.Expect.Findings), s.Expect.Info...) {
			raised[code]++
		}
	}
	for _, code := range []string{
		// Package repositories
		"repo-none-enabled", "repo-config-invalid", "repo-unreachable", "repo-access-denied", "repo-metadata-missing", "repo-metadata-invalid",
		"repo-mirrorlist-empty", "repo-client-certificate", "repo-tls-untrusted", "repo-skipped-silently", "internet-required",
		// Host and patch runs; host-network-allowance needs the ENA driver, which nothing here can stand in for
		"host-disk-low", "host-noexec", "host-python-missing", "host-tool-missing", "host-memory-low", "host-package-lock", "host-os-unsupported",
		"host-release-locked", "host-reboot-pending", "host-unprivileged", "patch-last-run-failed",
	} {
		if raised[code] == 0 {
			t.Errorf("no scenario raises %s", code)
		}
	}
}

func TestParseScenarioRefuses(t *testing.T) {
	const good = "description: d\nblock: path\nexpect: {findings: [], verdict: ready, exit: 0}\n"
	if _, err := parseScenario([]byte(good)); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"an unknown key":            {good + "colour: red\n", "field colour not found"},
		"an unknown key in a fault": {good + "faults:\n  - drop: {too: [ssm]}\n", "field too not found"},
		"two faults in one":         {good + "proof: [{tcp: ssm, want: ok}]\nfaults:\n  - {drop: {to: [ssm]}, imds: {mode: no-role}}\n", "2 kinds of fault"},
		"a fault without proof":     {good + "faults:\n  - drop: {to: [ssm]}\n", "without a proof"},
		"an unknown DNS mode":       {good + "proof: [{tcp: ssm, want: ok}]\nfaults:\n  - dns: {mode: lie}\n", `unknown mode "lie"`},
		"a proof of two things":     {good + "proof: [{tcp: ssm, tls: ssm, want: ok}]\n", "exactly one"},
		"an unknown block":          {strings.Replace(good, "path", "sky", 1), `unknown block "sky"`},
		"an unknown server":         {good + "proof: [{tcp: ssm, want: ok}]\nfaults:\n  - http: {services: [epell], mode: stale}\n", `unknown service "epell"`},
		"a disk of no size":         {good + "instance: {disks: [{mount: /var, size: small}]}\n", `disk "/var" of size "small"`},
		"a lock without a holder":   {good + "instance: {locks: [{path: /run/zypp.pid}]}\n", "needs an absolute path, a holder"},
		"a mode without its file":   {good + "instance: {modes: {/etc/x: 0600}}\n", "not among the files"},
		"a patch run without age":   {good + "agent: {runs: [{operation: Scan}]}\n", "needs an age"},
		"two runs of one number":    {good + "agent: {runs: [{age: 1h}, {age: 2h}]}\n", "a number of its own"},
		"a host without proof":      {strings.Replace(good, "path", "host", 1), "a host scenario needs a proof"},
		"an unknown service":        {good + "topology: {endpoints: [ssn]}\n", `unknown endpoint service "ssn"`},
		"two documents":             {good + "---\n" + good, "more than one document"},
	} {
		if _, err := parseScenario([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestWorldNames(t *testing.T) {
	w := newWorld(Topology{Region: "us-west-2", Endpoints: Endpoints{"ssm": nil, "s3": nil}})
	for name, want := range map[string]struct {
		private, public string
		exists          bool
	}{
		"ssm.us-west-2.amazonaws.com":                                                 {"10.0.1.51", "52.46.133.10", true},
		"SSM.us-west-2.amazonaws.com.":                                                {"10.0.1.51", "52.46.133.10", true},
		"ssmmessages.us-west-2.amazonaws.com":                                         {"52.46.140.20", "52.46.140.20", true},
		"vpce-0abc-xyz.ssm.us-west-2.vpce.amazonaws.com":                              {"10.0.1.51", "10.0.1.51", true},
		"s3.us-west-2.amazonaws.com":                                                  {"10.0.1.54", "52.219.10.10", true},
		"amazon-ssm-us-west-2.s3.us-west-2.amazonaws.com":                             {"10.0.1.54", "52.219.10.10", true},
		"s3.dualstack.us-west-2.amazonaws.com":                                        {"52.219.20.10", "52.219.20.10", true},
		"al2023-repos-us-west-2-de612dc2.s3.dualstack.us-west-2.amazonaws.com":        {"52.219.20.10", "52.219.20.10", true},
		"s3.eu-west-1.amazonaws.com":                                                  {otherRegionS3, otherRegionS3, true},
		"s3.amazonaws.com":                                                            {otherRegionS3, otherRegionS3, true},
		"s3-us-west-2.amazonaws.com":                                                  {"10.0.1.54", "52.219.10.10", true},
		"aws-patch-manager-us-west-2-34d7f99f8.s3-accelerate.dualstack.amazonaws.com": {accelerateIP, accelerateIP, true},
		"sts.eu-west-1.amazonaws.com":                                                 {otherRegionIP, otherRegionIP, true},
		"checkip.amazonaws.com":                                                       {internetIP, internetIP, true},
		"nosuch.us-west-2.amazonaws.com":                                              {"", "", false},
		"ssm.us-west-2.amazonaws.com.us-west-2.compute.internal":                      {"", "", false},
		"localhost":                        {"", "", false},
		"mirrors.fedoraproject.org":        {"38.145.32.20", "38.145.32.20", true},
		"us-west-2.ec2.archive.ubuntu.com": {"54.191.55.41", "54.191.55.41", true},
		"rhui.us-west-2.aws.ce.redhat.com": {"35.160.10.10", "35.160.10.10", true},
		"rhui.REGION.aws.ce.redhat.com":    {"", "", false},
		"smt-ec2.susecloud.net":            {"", "", false}, // in the hosts file alone
		"mirror.corp.example":              {mirrorIP, "", true},
		"aws-quicksetup-patchpolicy-1-ab1cd.s3.us-east-1.amazonaws.com": {otherRegionS3, otherRegionS3, true},
	} {
		first := func(private bool) (string, bool) {
			answers, exists := w.addresses(name, private, false)
			if len(answers) == 0 {
				return "", exists
			}
			return answers[0], exists
		}
		private, exists := first(true)
		public, _ := first(false)
		if private != want.private || public != want.public || exists != want.exists {
			t.Errorf("%s: got %s, %s, %v; want %s, %s, %v", name, private, public, exists, want.private, want.public, want.exists)
		}
	}
}

func TestLookupListsFolders(t *testing.T) {
	tree := map[string]string{"meta-data/mac": "m", "meta-data/placement/region": "r", "meta-data/placement/availability-zone": "z"}
	for path, want := range map[string]string{"meta-data/": "mac\nplacement/", "meta-data/placement": "availability-zone\nregion", "meta-data/mac": "m"} {
		if got, ok := lookup(tree, path); !ok || got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if _, ok := lookup(tree, "meta-data/nothing"); ok {
		t.Error("found what is not there")
	}
}
