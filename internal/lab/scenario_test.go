//go:build linux

package lab

import (
	"strings"
	"testing"
)

// These need no root: they read the scenario files, and so run everywhere.

func TestScenarioFilesAreValid(t *testing.T) {
	scenarios, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) < 200 {
		t.Errorf("only %d scenarios", len(scenarios))
	}
	for _, s := range scenarios {
		critical := false
		for _, code := range s.Expect.Findings {
			critical = critical || s.Expect.Severity[code] != "warning" && code != "dns-resolver-degraded" && code != "dns-slow"
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
		"localhost": {"", "", false},
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
