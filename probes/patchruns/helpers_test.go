package patchruns

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

var clock = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const (
	self    = "i-0123456789abcdef0"
	command = "11111111-2222-4333-8444-555555555555"
	assoc   = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	window  = "99999999-8888-4777-8666-555555555555"
	runs    = "/var/lib/amazon/ssm/" + self + "/document/orchestration/"
	policy  = "s3://aws-quicksetup-patchpolicy-123456789012-abcde/baseline_overrides.json"
	payload = "https://s3.dualstack.eu-central-1.amazonaws.com/aws-ssm-eu-central-1/patchbaselineoperations/linux/payloads/patch-baseline-operations-1.163.tar.gz"
)

// linuxScript is the end of a script of PatchLinux with its parameters.
func linuxScript(snapshot, operation, reboot, override string) string {
	return fmt.Sprintf("#!/bin/bash\necho '\nimport os\ntry:\n    import common_startup_entrance\n"+
		"    common_startup_entrance.execute(\"os_selector\", \"PatchLinux\", \"%s\",\\\n            \"%s\", \"\", \\\n            \"%s\", \"%s\")\n"+
		"except Exception as e:\n    sys.exit(156)\n' | $PYTHON_CMD\n", snapshot, operation, reboot, override)
}

// line is a line of the payload, seconds before the clock.
func line(level, text string, before time.Duration) string {
	return clock.Add(-before).Format("01/02/2006 15:04:05") + " root [" + level + "]: " + text + "\n"
}

// beginning is how the output of every run begins that got its payload.
func beginning(operation string, before time.Duration) string {
	return "/usr/bin/python3\n/usr/bin/dnf\nUsing python binary: 'python3'\nUsing Python Version: Python 3.9.16\n" +
		line("INFO", "Downloading payload from "+payload, before) +
		line("INFO", "Attempting to import entrance file os_selector", before) +
		line("INFO", "Running with snapshot id =  and operation = "+operation, before) +
		line("INFO", "Operation type: "+operation, before) +
		line("INFO", "Snapshot Id: "+window, before)
}

func good(operation string, before time.Duration) string {
	return beginning(operation, before) + line("INFO", "Report upload successful.", before) + line("INFO", "Reboot is not permitted for scan operation", before)
}

// world is a host with runs in it.
type world struct{ *platformtest.Host }

func newWorld(files map[string]string) world {
	h := platformtest.New(files)
	h.Clock = clock
	h.FactsValue.Processes = []platform.Process{{PID: 1, Comm: "systemd", State: "S"}}
	return world{h}
}

// put adds a file that was written some time before the clock.
func (w world) put(name, data string, before time.Duration) world {
	w.Files[name] = platformtest.File{Data: []byte(data), Mode: 0o600, ModTime: clock.Add(-before)}
	return w
}

// run adds a Run Command's run with its script, as the agent lays it out.
func (w world) run(id, script, stdout, stderr string, before time.Duration) world {
	w.put(runs+id+"/PatchLinux/_script.sh", script, before+time.Minute)
	w.put(runs+id+"/awsrunShellScript/PatchLinux/stdout", stdout, before)
	return w.put(runs+id+"/awsrunShellScript/PatchLinux/stderr", stderr, before)
}

func (w world) read() probes.PatchRuns {
	return Read(w.Host, w.FactsValue, In{InstanceID: self, Region: "eu-central-1"})
}

// one is the only run.
func (w world) one(t *testing.T) probes.PatchRun {
	t.Helper()
	p := w.read()
	if !p.Known || len(p.Runs) != 1 {
		t.Fatalf("known %v, %d runs, problems %v", p.Known, len(p.Runs), p.Problems)
	}
	return p.Runs[0]
}

func ids(r probes.PatchRun) string {
	var out []string
	for i := range r.Signatures {
		out = append(out, r.Signatures[i].ID)
	}
	return strings.Join(out, " ")
}
