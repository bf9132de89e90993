package diagnosis

import (
	"slices"
	"strings"
	"testing"

	"agentctl/probes"
	"agentctl/probes/patchruns"
)

// TestRunIsEvidence: a run that a finding explains is that one's evidence.
func TestRunIsEvidence(t *testing.T) {
	for name, want := range map[string]string{
		"disk full, then and now":                                 "no-space",
		"S3 unreachable, then and now":                            "payload-curl",
		"a wrong clock, then and now":                             "clock",
		"the last run was killed, and the kernel counts kills":    "killed",
		"zstd is missing, and the last run failed for want of it": "tool-missing",
	} {
		t.Run(name, func(t *testing.T) {
			all := slices.Concat(hostCases, runCases)
			c := all[slices.IndexFunc(all, func(c roundCase) bool { return c.name == name })]
			r := healthyRound()
			c.mod(r)
			d := Diagnose(r)
			f := d.Findings[slices.IndexFunc(d.Findings, func(f Finding) bool { return string(f.Code) == c.want })]
			last := f.Evidence[len(f.Evidence)-1]
			if !strings.HasPrefix(last.What, "the last patch ") || !strings.Contains(last.Value, want) {
				t.Errorf("evidence %+v", f.Evidence)
			}
		})
	}
}

// TestRunApart: a finding about other targets has no part in a run whose own target
// works.
func TestRunApart(t *testing.T) {
	r := healthyRound()
	c := runCases[slices.IndexFunc(runCases, func(c roundCase) bool {
		return c.name == "the service that it could not reach works, and another is blocked"
	})]
	c.mod(r)
	got := map[Code]Severity{}
	for _, f := range Diagnose(r).Findings {
		got[f.Code] = f.Severity
	}
	if got["endpoint-blocked"] != Critical || got["patch-last-run-failed"] != Info {
		t.Errorf("%v", got)
	}
}

// TestRunFindings holds severity, confidence, words, capabilities and commands.
func TestRunFindings(t *testing.T) {
	for name, c := range map[string]struct {
		severity   Severity
		confidence Confidence
		summary    string
		evidence   string
		fix        string
		lost       []Capability
	}{
		"failed, and nothing is known of it":                              {Warning, Likely, "The last patch scan failed 1 h ago; its output shows no cause that is known.", "something of its own", "sudo tail -n 50 /var/lib/amazon/ssm/i-0abc/stderr", patching()},
		"disk was full":                                                   {Info, Certain, "failed 1 h ago (a file system was full); that is gone now.", "5.0 GB left", "Operation=Scan", []Capability{}},
		"S3 refused the payload, and answers":                             {Warning, Certain, "The last patch scan failed", "nothing in this round shows", "aws ssm send-command --region us-east-1 --instance-ids i-0abc", patching()},
		"the installation failed, and scans go well since":                {Warning, Certain, "The last patch installation failed 3 h ago: an earlier installation was broken off.", "dpkg-interrupted", "sudo dpkg --configure -a", []Capability{PatchInstall}},
		"the installation failed for want of S3, and scans go well since": {Info, Certain, "that is gone now", "a patch scan, which needs the same, went well", "", []Capability{}},
		"broken off by a reboot":                                          {Warning, Likely, "The last patch installation was broken off", "likely a maintenance window: it is a command with a snapshot id", "", []Capability{PatchInstall}},
		"failed six weeks ago":                                            {Info, Likely, "failed 42 days ago", "no newer run", "", []Capability{}},
		"waited for yum, then a dependency":                               {Warning, Certain, "could not resolve its dependencies", "dependency", "", []Capability{PatchInstall}},
		"failed, and the next one is under way":                           {Warning, Certain, "failed 3 h ago", "a patch installation is under way", "", []Capability{PatchInstall}},
	} {
		t.Run(name, func(t *testing.T) {
			f := findingOf(t, runCases, name)
			if f.Severity != c.severity || f.Confidence != c.confidence || !strings.Contains(f.Summary, c.summary) || !slices.Equal(f.Capabilities, c.lost) {
				t.Errorf("%s, %s: %q, %v", f.Severity, f.Confidence, f.Summary, f.Capabilities)
			}
			if !slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return strings.Contains(e.Value, c.evidence) }) {
				t.Errorf("no evidence with %q: %+v", c.evidence, f.Evidence)
			}
			if !slices.ContainsFunc(f.Fix, func(x Fix) bool { return strings.Contains(x.Command, c.fix) }) {
				t.Errorf("no command with %q: %+v", c.fix, f.Fix)
			}
		})
	}
}

// TestLeadSignature: the one that the failure is about.
func TestLeadSignature(t *testing.T) {
	for name, c := range map[string]struct {
		ids  []string
		want string
	}{
		"none":                             {nil, ""},
		"a warning alone":                  {[]string{"sni-warning"}, ""},
		"one":                              {[]string{"no-space"}, "no-space"},
		"the first fatal one":              {[]string{"no-space", "payload-extract"}, "no-space"},
		"a wait before what failed":        {[]string{"yum-locked", "dependency"}, "dependency"},
		"a wait alone":                     {[]string{"yum-locked"}, "yum-locked"},
		"a repository before the despair":  {[]string{"repo-curl", "no-more-mirrors"}, "repo-curl"},
		"an optional repository beside it": {[]string{"repo-curl", "policy-bucket", "entrance-module"}, "policy-bucket"},
		"a repository's error alone":       {[]string{"repo-status", "sni-warning"}, "repo-status"},
		"credentials before what failed without them": {[]string{"imds-credentials", "entrance-module"}, "imds-credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			var run probes.PatchRun
			for _, id := range c.ids {
				run.Signatures = append(run.Signatures, sign(id, nil))
			}
			if got, _ := leadSignature(run); got.ID != c.want {
				t.Errorf("got %q, want %q", got.ID, c.want)
			}
		})
	}
}

// TestSignaturesAreKnownHere: each signature that names findings names ones of the
// contract, and each proof and each sign that a scan does not disprove is one of the
// table.
func TestSignaturesAreKnownHere(t *testing.T) {
	ids := map[string]bool{"interrupted-by-reboot": true}
	for _, s := range patchruns.Signatures() {
		ids[s.ID] = true
	}
	for id := range proofs() {
		if !ids[id] {
			t.Errorf("a proof of %s, which is no signature", id)
		}
	}
	for _, id := range installs {
		if !ids[id] {
			t.Errorf("%s is no signature", id)
		}
	}
}
