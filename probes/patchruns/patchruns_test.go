package patchruns

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

func TestGoodScan(t *testing.T) {
	r := newWorld(nil).run(command, linuxScript("", "Scan", "NoReboot", ""), good("Scan", time.Hour), "", time.Hour).one(t)
	zero := 0
	want := probes.PatchRun{
		ID: command, Step: "PatchLinux", Operation: probes.PatchScan,
		Method: probes.MethodRunCommand, MethodBy: "it is a command without a snapshot id", MethodSure: true,
		Started: clock.Add(-61 * time.Minute), Ended: clock.Add(-time.Hour),
		End: probes.PatchSucceeded, EndBy: "its output ends well", ExitCode: &zero,
		PayloadURL: payload, SnapshotID: window, Python: "3.9.16",
		Script: runs + command + "/PatchLinux/_script.sh",
		Stdout: runs + command + "/awsrunShellScript/PatchLinux/stdout", Stderr: runs + command + "/awsrunShellScript/PatchLinux/stderr",
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestMethods(t *testing.T) {
	daily := assoc + "/2026-11-24T02-00-01.123Z"
	association := strings.Replace(linuxScript("", "Scan", "", ""), `"os_selector"`, `"os_selector_association"`, 1)
	for name, c := range map[string]struct {
		dir, script, stdout string
		want                probes.PatchMethod
		sure                bool
	}{
		"patch policy":                              {daily, linuxScript("", "Install", "RebootIfNeeded", policy), "", probes.MethodPolicy, true},
		"patch policy, by its output alone":         {daily, "", line("INFO", "Downloading Baseline Override from "+policy, time.Hour), probes.MethodPolicy, true},
		"host management":                           {daily, association, "", probes.MethodHostManagement, false},
		"host management, by its output":            {daily, linuxScript("", "Scan", "", ""), line("INFO", "Searching for baselines with tags x", time.Hour), probes.MethodHostManagement, false},
		"another association":                       {daily, linuxScript("", "Scan", "", ""), "", probes.MethodAssociation, false},
		"an association of older agents":            {assoc + ".2026-11-24T02-00-01.123Z", linuxScript("", "Scan", "", ""), "", probes.MethodAssociation, false},
		"maintenance window":                        {command, linuxScript(window, "Install", "RebootIfNeeded", ""), "", probes.MethodMaintenanceWindow, false},
		"run command":                               {command, linuxScript("", "Scan", "NoReboot", ""), "", probes.MethodRunCommand, true},
		"run command with an override of one's own": {command, linuxScript("", "Scan", "NoReboot", "s3://my-bucket/override.json"), "", probes.MethodRunCommand, true},
		"a directory of another kind":               {"odd", linuxScript("", "Scan", "NoReboot", ""), "", probes.MethodUnknown, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(nil)
			if c.script != "" {
				w.put(runs+c.dir+"/PatchLinux/_script.sh", c.script, time.Hour)
			}
			w.put(runs+c.dir+"/awsrunShellScript/PatchLinux/stdout", beginning("Scan", time.Hour)+c.stdout, time.Hour)
			r := w.one(t)
			if r.Method != c.want || r.MethodSure != c.sure || r.MethodBy == "" {
				t.Errorf("got %s (%v) by %q, want %s", r.Method, r.MethodSure, r.MethodBy, c.want)
			}
			if strings.HasPrefix(c.dir, assoc) && (r.ID != assoc || r.Execution != "2026-11-24T02-00-01.123Z" || !r.Started.Equal(time.Date(2026, 11, 24, 2, 0, 1, 0, time.UTC))) {
				t.Errorf("id %s, execution %s, started %s", r.ID, r.Execution, r.Started)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	w := newWorld(nil).run(command, linuxScript("", "Scan", "NoReboot", ""), good("Scan", time.Hour), "", time.Hour)
	w.run(window, linuxScript("", "Install", "RebootIfNeeded", policy), good("Install", 2*time.Hour), "", 2*time.Hour)
	p := w.read()
	want := &probes.PatchOverride{
		URL: policy, Bucket: "aws-quicksetup-patchpolicy-123456789012-abcde", Key: "baseline_overrides.json",
		Policy: true, AccountID: "123456789012", ConfigID: "abcde", Source: runs + window + "/PatchLinux/_script.sh",
	}
	if diff := cmp.Diff(want, p.Policy); diff != "" {
		t.Error(diff)
	}
	if r, ok := p.Last(probes.PatchInstall); !ok || r.ID != window {
		t.Errorf("last install %+v", r)
	}
	if r, ok := p.Last(""); !ok || r.ID != command {
		t.Errorf("last of all %+v", r)
	}
}

func TestOverrideAddresses(t *testing.T) {
	for in, want := range map[string]string{
		policy: "aws-quicksetup-patchpolicy-123456789012-abcde  policy",
		"https://aws-quicksetup-patchpolicy-123456789012-abcde.s3.us-east-1.amazonaws.com/o.json?X-Amz-Signature=abc": "aws-quicksetup-patchpolicy-123456789012-abcde us-east-1 policy",
		"https://s3.eu-west-1.amazonaws.com/my-bucket/o.json":                                                         "my-bucket eu-west-1",
		"https://s3.dualstack.eu-west-1.amazonaws.com/my-bucket/o.json":                                               "my-bucket eu-west-1",
		"https://s3.amazonaws.com/my-bucket/o.json":                                                                   "my-bucket ",
		"https://s3-eu-west-1.amazonaws.com/my-bucket/o.json":                                                         "my-bucket eu-west-1",
		"https://s3.cn-north-1.amazonaws.com.cn/my-bucket/o.json":                                                     "my-bucket cn-north-1",
		"s3://aws-quicksetup-patchpolicy-access-log-123456789012-a/k":                                                 "aws-quicksetup-patchpolicy-access-log-123456789012-a ",
		"https://example.com/o.json":                                                                                  "-", "s3://": "-", "": "-", "s3://UPPER/k": "-", "s3://b-c/": "-",
	} {
		got := "-"
		if o := overrideOf(in, "x"); o != nil {
			got = o.Bucket + " " + o.Region
			if o.Policy {
				got += " policy"
			}
			if strings.Contains(o.URL, "abc") && strings.Contains(o.URL, "Signature") {
				t.Errorf("%s: a secret stays", o.URL)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestEnds(t *testing.T) {
	scan := linuxScript("", "Install", "RebootIfNeeded", "")
	worker := platform.Process{PID: 9, Comm: "ssm-document-wo", State: "S", Args: []string{"/usr/bin/ssm-document-worker", command}}
	for name, c := range map[string]struct {
		stdout, stderr string
		before         time.Duration
		procs          []platform.Process
		files          map[string]string
		reboot         time.Duration // since the marker; 0: none
		want           probes.PatchEnd
		code           int // -1: none
		ids            string
	}{
		"well":                         {good("Scan", time.Hour), "", time.Hour, nil, nil, 0, probes.PatchSucceeded, 0, ""},
		"exit status":                  {beginning("Scan", time.Hour), "failed to run commands: exit status 1", time.Hour, nil, nil, 0, probes.PatchFailed, 1, ""},
		"wrapped as the console shows": {beginning("Scan", time.Hour), "failed  to run commands: exit status 156\n", time.Hour, nil, nil, 0, probes.PatchFailed, 156, ""},
		"the payload says that it failed": {beginning("Install", time.Hour) + line("INFO", "Reboot is not required", time.Hour) +
			line("ERROR", "Failure occurred in the operation, patching exit code is 1 and inventory exit code is 1", time.Hour), "", time.Hour, nil, nil, 0, probes.PatchFailed, -1, ""},
		"a worker works on it":                   {beginning("Install", time.Minute), "", 30 * time.Minute, []platform.Process{worker}, nil, 0, probes.PatchRunning, -1, ""},
		"a worker of another document":           {beginning("Install", time.Hour), "", time.Hour, []platform.Process{{PID: 9, Comm: "ssm-document-wo", Args: []string{"w", assoc}}}, nil, 0, probes.PatchInterrupted, -1, ""},
		"a worker whose document cannot be seen": {beginning("Install", time.Hour), "", 5 * time.Minute, []platform.Process{{PID: 9, Comm: "ssm-document-wo"}}, nil, 0, probes.PatchEndUnknown, -1, ""},
		"just now":                               {beginning("Install", time.Minute), "", 10 * time.Second, nil, nil, 0, probes.PatchRunning, -1, ""},
		"no end and no process":                  {beginning("Install", time.Hour), "", time.Hour, nil, nil, 0, probes.PatchInterrupted, -1, ""},
		"rebooted by somebody else":              {beginning("Install", time.Hour), "", time.Hour, nil, map[string]string{"/proc/uptime": "3500.00 7000.0\n"}, 0, probes.PatchInterrupted, -1, "interrupted-by-reboot"},
		"it waits for its reboot": {beginning("Install", time.Hour) + line("INFO", "Reboot is required with patching exit code 0", time.Hour), "", time.Hour, nil,
			map[string]string{"/proc/uptime": "9000.00 7000.0\n"}, time.Hour, probes.PatchRebooting, -1, ""},
		"its reboot came": {beginning("Install", time.Hour) + line("INFO", "Reboot is required with patching exit code 0", time.Hour), "", time.Hour, nil,
			map[string]string{"/proc/uptime": "3400.00 7000.0\n"}, 0, probes.PatchSucceeded, 0, ""},
		"its reboot came, and it has not gone on": {beginning("Install", time.Hour) + line("INFO", "Reboot is required with patching exit code 0", time.Hour), "", time.Hour, nil,
			map[string]string{"/proc/uptime": "3400.00 7000.0\n"}, time.Hour, probes.PatchRebooting, -1, ""},
		"failed and wants a reboot": {beginning("Install", time.Hour) + line("ERROR", "Patching Operation failed with exit code 1 but instance needs reboot", time.Hour), "", time.Hour, nil, nil, 0, probes.PatchFailed, -1, ""},
		"cut by the agent":          {beginning("Install", time.Hour) + strings.Repeat("x", 22000) + "--output truncated--", "", time.Hour, nil, nil, 0, probes.PatchEndUnknown, -1, ""},
		"cut by the agent, and the error has its end": {beginning("Install", time.Hour) + strings.Repeat("x", 22000) + "--output truncated--",
			"Unable to create dir: /var/log/x failed to run commands: exit status 154", time.Hour, nil, nil, 0, probes.PatchFailed, 154, "payload-directory"},
		"nothing but a script":             {"", "", time.Hour, nil, nil, 0, probes.PatchEndUnknown, -1, ""},
		"warnings of a run that went well": {good("Scan", time.Hour) + "Status code: 404 for https://x.example/repodata/repomd.xml\n", "SNIMissingWarning: x\n", time.Hour, nil, nil, 0, probes.PatchSucceeded, 0, "repo-status sni-warning"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(c.files).run(command, scan, c.stdout, c.stderr, c.before)
			if name == "nothing but a script" {
				delete(w.Files, runs+command+"/awsrunShellScript/PatchLinux/stdout")
				delete(w.Files, runs+command+"/awsrunShellScript/PatchLinux/stderr")
			}
			w.FactsValue.Processes = append(w.FactsValue.Processes, c.procs...)
			if c.reboot != 0 {
				w.Files["/var/log/amazon/ssm/patch-baseline-operations-reboot-194"] = platformtest.File{Mode: fs.ModeDir | 0o755, ModTime: clock.Add(-c.reboot)}
			}
			r := w.one(t)
			code := -1
			if r.ExitCode != nil {
				code = *r.ExitCode
			}
			if r.End != c.want || code != c.code || ids(r) != c.ids || r.EndBy == "" {
				t.Errorf("got %s by %q, code %d, %q; want %s, %d, %q", r.End, r.EndBy, code, ids(r), c.want, c.code, c.ids)
			}
			if open := r.End == probes.PatchRunning || r.End == probes.PatchRebooting || r.End == probes.PatchEndUnknown; r.Ended.IsZero() != open {
				t.Errorf("%s ended %s", r.End, r.Ended)
			}
			for _, s := range r.Signatures {
				if s.Fatal && r.End == probes.PatchSucceeded {
					t.Errorf("%s is fatal in a run that went well", s.ID)
				}
			}
		})
	}
}

func TestRace(t *testing.T) {
	w := newWorld(nil)
	w.run(command, linuxScript("", "Install", "NoReboot", ""), beginning("Install", time.Hour)+
		"IOError: [Errno 2] No such file or directory: 'patch-baseline-operations-1.163.tar.gz'\n", "failed to run commands: exit status 156", time.Hour)
	w.run(window, linuxScript("", "Scan", "NoReboot", ""), good("Scan", time.Hour), "", time.Hour+10*time.Second)
	w.run(assoc, linuxScript("", "Scan", "NoReboot", ""), good("Scan", 9*time.Hour), "", 9*time.Hour)
	p := w.read()
	if len(p.Runs) != 3 || ids(p.Runs[0]) != "payload-race" {
		t.Fatalf("%+v", p.Runs)
	}
	if diff := cmp.Diff([][]string{{window}, {command}, nil}, [][]string{p.Runs[0].Overlaps, p.Runs[1].Overlaps, p.Runs[2].Overlaps}); diff != "" {
		t.Error(diff)
	}
}

// The last install is found behind many scans.
func TestLastOfEach(t *testing.T) {
	w := newWorld(nil)
	for i := range 20 {
		id := strings.Replace(command, "1111111", "111111"+string(rune('a'+i)), 1)
		w.run(id, linuxScript("", "Scan", "NoReboot", ""), good("Scan", time.Hour), "", time.Duration(i+1)*time.Hour)
	}
	w.run(window, linuxScript("", "Install", "NoReboot", ""), good("Install", time.Hour), "", 21*time.Hour)
	p := w.read()
	if r, ok := p.Last(probes.PatchInstall); !ok || r.ID != window || len(p.Runs) != maxRuns+1 {
		t.Errorf("%d runs, install %v", len(p.Runs), ok)
	}
}

func TestHooksAndOtherDocuments(t *testing.T) {
	w := newWorld(nil)
	w.put(runs+command+"/PreInstallHook/awsrunDocument/stdout", "x", time.Hour)
	w.put(runs+command+"/RunPatch/PatchLinux/_script.sh", linuxScript("", "Install", "NoReboot", ""), time.Hour)
	w.put(runs+command+"/RunPatch/awsrunShellScript/PatchLinux/stdout", good("Install", time.Hour), time.Hour)
	for i := range 40 {
		w.put(runs+assoc+"/2026-11-24T0"+string(rune('0'+i/10))+"-1"+string(rune('0'+i%10))+"-00.000Z/awssoftwareInventory/stdout", "x", time.Hour)
	}
	r := w.one(t)
	if !r.Hooks || r.ID != command || r.Operation != probes.PatchInstall || r.End != probes.PatchSucceeded {
		t.Errorf("%+v", r)
	}
	looked := 0
	for _, name := range w.Reads() {
		if strings.Contains(name, assoc) {
			looked++
		}
	}
	if looked > 0 {
		t.Errorf("%d files of another document were read", looked)
	}
}

func TestWindowsRun(t *testing.T) {
	h := platformtest.New(nil)
	h.Clock = clock
	h.FactsValue.OS.Family = "windows"
	h.FactsValue.Processes = []platform.Process{{PID: 4, Comm: "System"}}
	dir := `C:\ProgramData\Amazon\SSM\InstanceData\` + self + `\document\orchestration\` + command
	put := func(name, data string) {
		h.Files[name] = platformtest.File{Data: []byte(data), ModTime: clock.Add(-time.Hour)}
	}
	put(dir+`\PatchWindows\_script.ps1`, "$x = 1\r\n$response = Invoke-PatchBaselineOperation -Operation Install -SnapshotId '"+window+"' -InstallOverrideList '' -BaselineOverride '"+policy+"' -RebootOption 'RebootIfNeeded' -InstanceId $env:AWS_SSM_INSTANCE_ID -Region $env:AWS_SSM_REGION_NAME\r\n")
	put(dir+`\awsrunPowerShellScript\PatchWindows\stdout`, "Downloading PatchBaselineOperations PowerShell module from https://s3.eu-central-1.amazonaws.com/aws-ssm-eu-central-1/patchbaselineoperations/Amazon.PatchBaselineOperations-1.33.zip to C:\\Windows\\TEMP\\x.zip.\r\n\r\n"+
		"Patch Summary for i-1\r\n\r\nSnapshotId         : \r\nOperationType      : Install\r\nInstalledCount                : 12\r\nInstalledRejectedCount : 0\r\nMissingCount : 3\r\nFailedCount : 1\r\n\r\nEC2AMAZ - PatchBaselineOperations Assessment Results - 2026-11-24\r\n")
	p := Read(h, h.FactsValue, In{InstanceID: self})
	if len(p.Runs) != 1 {
		t.Fatalf("%+v", p)
	}
	r := p.Runs[0]
	if r.Operation != probes.PatchInstall || r.Method != probes.MethodPolicy || r.SnapshotID != window || r.End != probes.PatchSucceeded ||
		*r.Installed != 12 || *r.Missing != 3 || *r.Failed != 1 || !strings.HasSuffix(r.PayloadURL, "1.33.zip") {
		t.Errorf("%+v", r)
	}
	// The module's own log tells more.
	put(dir+`\awsrunPowerShellScript\PatchWindows\stdout`, "x\r\n")
	put(dir+`\awsrunPowerShellScript\PatchWindows\stderr`, "failed to run commands: exit status 4294967295")
	put(`C:\ProgramData\Amazon\PatchBaselineOperations\Logs\a.log`, "11/24/2026 11:00:00 UTC | Error | Searching for updates resulted in error: Exception from HRESULT: 0x80072EE2\r\n")
	r = Read(h, h.FactsValue, In{InstanceID: self}).Runs[0]
	if ids(r) != "windows-hresult" || *r.ExitCode != 4294967295 || r.Signatures[0].Codes[0] != "wsus-unreachable" {
		t.Errorf("%s %+v", ids(r), r.Signatures)
	}
}

func TestUnreadable(t *testing.T) {
	w := newWorld(nil).run(command, linuxScript("", "Scan", "NoReboot", ""), good("Scan", time.Hour), "", time.Hour)
	w.FactsValue.Privileged = false
	w.Files["/var/lib/amazon/ssm/"+self] = platformtest.File{Mode: fs.ModeDir | 0o700}
	p := w.read()
	if p.Known || !p.Denied || p.Why == "" || len(p.Runs) != 0 {
		t.Errorf("%+v", p)
	}
	if p = newWorld(nil).read(); !p.Known || len(p.Runs) != 0 || len(p.Problems) != 0 {
		t.Errorf("an empty host: %+v", p)
	}
	// One file that may not be read leaves the rest.
	w = newWorld(nil).run(command, linuxScript("", "Scan", "NoReboot", ""), good("Scan", time.Hour), "", time.Hour)
	w.Files[runs+command+"/PatchLinux/_script.sh"] = platformtest.File{Err: fs.ErrPermission}
	if p = w.read(); len(p.Runs) != 1 || len(p.Problems) == 0 || p.Runs[0].Operation != probes.PatchScan {
		t.Errorf("%+v", p)
	}
}

// An image of another instance left its directory behind: it counts only where ours
// has none.
func TestOtherInstance(t *testing.T) {
	w := newWorld(nil).run(command, linuxScript("", "Scan", "NoReboot", ""), good("Scan", time.Hour), "", time.Hour)
	other := strings.Replace(runs, self, "i-0fedcba9876543210", 1)
	w.put(other+window+"/PatchLinux/stdout", good("Install", time.Minute), time.Minute)
	if p := w.read(); len(p.Runs) != 1 || p.Runs[0].ID != command {
		t.Errorf("%+v", p.Runs)
	}
	if p := Read(w.Host, w.FactsValue, In{}); len(p.Runs) != 2 {
		t.Errorf("%+v", p.Runs)
	}
}
