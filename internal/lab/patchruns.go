//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"agentctl/internal/lab/guest"
)

// PatchRun is an earlier patch operation, with the files that the SSM Agent and AWS-RunPatchBaseline left of it.
type PatchRun struct {
	Age       Duration `yaml:"age"`       // since it began
	Took      Duration `yaml:"took"`      // default 3m
	Operation string   `yaml:"operation"` // Scan (default) or Install
	// Method is how it was started: run_command (default), maintenance_window, association, policy, host_management.
	Method string `yaml:"method"`
	Exit   int    `yaml:"exit"` // of the script; 0: it ended well
	// Stdout follows the lines with which every run begins. A line that begins with INFO, WARN or ERROR is the payload's and gets
	// its stamp. Without any, and with exit 0, the usual good end is written.
	Stdout []string `yaml:"stdout"`
	Stderr []string `yaml:"stderr"`
	// Bare leaves the payload's first lines out: it never came so far.
	Bare    bool `yaml:"bare"`
	Running bool `yaml:"running"` // the agent's worker is at it
	// Number tells runs of one scenario apart; it makes their ids.
	Number int `yaml:"number"`
	// Payload is the address that the script names; without one, it is put together there as the real one does it.
	Payload string `yaml:"payload"`
	// PolicyBucket is the bucket of method policy, default one of this account.
	PolicyBucket string `yaml:"policy_bucket"`
}

var runMethods = []string{"", "run_command", "maintenance_window", "association", "policy", "host_management"}

const (
	labPolicyBucket = policyBucket + accountID + "-ab1cd"
	labPayload      = "https://s3.dualstack.${REGION}.${SUFFIX}/aws-ssm-${REGION}/patchbaselineoperations/linux/payloads/patch-baseline-operations-1.163.tar.gz"
)

func (a *Agent) check() (wrong []error) {
	seen := map[int]bool{}
	for _, r := range a.Runs {
		if r.Age.Duration <= 0 || !slices.Contains(runMethods, r.Method) || !slices.Contains([]string{"", "Scan", "Install"}, r.Operation) || seen[r.Number] {
			wrong = append(wrong, fmt.Errorf("patch run %d needs an age, a known method and operation, and a number of its own", r.Number))
		}
		seen[r.Number] = true
	}
	return wrong
}

// id is the command's or the association's.
func (r *PatchRun) id() string { return fmt.Sprintf("4a1b2c3d-1111-4222-8333-%012d", r.Number) }

// runFiles lays a run out: a command's below its id, an association's below its id and the time of the run. The script lies in the
// step's own folder, the output in the plugin's.
func (v *VPC) runFiles(r *PatchRun, orchestration string, now time.Time) []guest.File {
	began := now.Add(-r.Age.Duration)
	took := r.Took.Duration
	if took == 0 {
		took = 3 * time.Minute
	}
	ended := began.Add(min(took, r.Age.Duration))
	folder := orchestration + r.id() + "/"
	if slices.Contains([]string{"association", "policy", "host_management"}, r.Method) {
		folder += began.Format("2006-01-02T15-04-05.000Z") + "/"
	}
	stderr := strings.Join(r.Stderr, "\n")
	if r.Exit != 0 { // the SSM Agent's own line, at the end (agent/plugins/runscript)
		stderr += fmt.Sprintf("\nfailed to run commands: exit status %d", r.Exit)
	}
	return []guest.File{
		{Path: folder + "PatchLinux/_script.sh", Content: []byte(v.runScript(r)), Mode: 0o700, Modified: began},
		{Path: folder + "awsrunShellScript/PatchLinux/stdout", Content: []byte(v.fill(r.output(began, ended))), Mode: 0o600, Modified: ended},
		{Path: folder + "awsrunShellScript/PatchLinux/stderr", Content: []byte(v.fill(strings.TrimPrefix(stderr, "\n"))), Mode: 0o600, Modified: ended},
	}
}

func (r *PatchRun) operation() string {
	if r.Operation == "" {
		return "Scan"
	}
	return r.Operation
}

func (r *PatchRun) override() string {
	switch {
	case r.Method != "policy":
		return ""
	case r.PolicyBucket != "":
		return "s3://" + r.PolicyBucket + "/baseline_overrides.json"
	}
	return "s3://" + labPolicyBucket + "/baseline_overrides.json"
}

// runScript is the end of AWS-RunPatchBaseline's script, where the document's parameters stand.
func (v *VPC) runScript(r *PatchRun) string {
	snapshot := ""
	if r.Method == "maintenance_window" {
		snapshot = "7d6c5b4a-9999-4888-8777-666655554444"
	}
	fetch := ""
	if r.Payload != "" {
		fetch = v.fill("download_to \"" + r.Payload + "\" /var/log/amazon/ssm/patch-baseline-operations\n")
	}
	return "#!/usr/bin/env bash\nset -e\n" + fetch +
		"echo '\nimport sys\ntry:\n    import common_startup_entrance\n    common_startup_entrance.execute(\"os_selector\", \"PatchLinux\", \"" + snapshot + "\",\\\n" +
		"            \"" + r.operation() + "\", \"\", \\\n            \"RebootIfNeeded\", \"" + r.override() + "\")\nexcept Exception as e:\n    sys.exit(156)\n' | $PYTHON_CMD\n"
}

// output is what the run printed.
func (r *PatchRun) output(began, ended time.Time) string {
	var out strings.Builder
	line := func(at time.Time, level, text string) {
		fmt.Fprintf(&out, "%s root [%s]: %s\n", at.Format("01/02/2006 15:04:05"), level, text)
	}
	if !r.Bare {
		out.WriteString("/usr/bin/python3\n/usr/bin/dnf\nUsing python binary: 'python3'\nUsing Python Version: Python 3.9.16\n")
		line(began, "INFO", "Downloading payload from "+cmp.Or(r.Payload, labPayload))
		line(began.Add(time.Second), "INFO", "Attempting to import entrance file os_selector")
		line(began.Add(time.Second), "INFO", "Running with snapshot id =  and operation = "+r.operation())
		line(began.Add(2*time.Second), "INFO", "Operation type: "+r.operation())
		if r.Method == "host_management" { // AWS-RunPatchBaselineAssociation finds its baseline by tags
			line(began.Add(2*time.Second), "INFO", "Searching for baselines with tags")
		}
		if override := r.override(); override != "" {
			line(began.Add(2*time.Second), "INFO", "Downloading Baseline Override from "+override)
		}
	}
	for _, text := range r.Stdout {
		level, rest, _ := strings.Cut(text, " ")
		if slices.Contains([]string{"INFO", "WARN", "ERROR"}, level) {
			line(ended, level, rest)
		} else {
			out.WriteString(text + "\n")
		}
	}
	if len(r.Stdout) == 0 && r.Exit == 0 && !r.Running {
		line(ended, "INFO", "Report upload successful.")
		if r.operation() == "Scan" {
			line(ended, "INFO", "Reboot is not permitted for scan operation")
		} else {
			line(ended, "INFO", "Reboot is not required")
		}
	}
	return out.String()
}
