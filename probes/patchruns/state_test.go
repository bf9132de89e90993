package patchruns

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

const summary = `{"TypeName": "AWS:PatchSummary", "SchemaVersion": "1.0", "ContentHash": "x", "CaptureTime": "2026-11-24T04:17:28Z", "Content": [{
 "BaselineId": "pb-0c7e89f711c3095f4", "PatchGroup": "web", "SnapshotId": "7c64b8b8-1274-47db-8f0d-e26f6c0aae7b", "ExecutionId": "a7f84bef-2aa8-4853-a28f-e6e0108c8285",
 "InstalledCount": "198", "InstalledPendingRebootCount": "2", "MissingCount": 3, "FailedCount": "-1",
 "OperationType": "Install", "OperationStartTime": "2026-11-24T04:15:51Z", "OperationEndTime": "2026-11-24T04:17:28Z", "RebootOption": "RebootIfNeeded"}]}`

func ptr(n int) *int { return &n }

func TestState(t *testing.T) {
	path := "/var/log/amazon/ssm/patch-configuration/" + inventoryName
	w := newWorld(nil).put(path, summary, time.Hour)
	want := probes.PatchState{
		Known: true, Path: path, At: clock.Add(-time.Hour), Operation: probes.PatchInstall,
		OperationStart: time.Date(2026, 11, 24, 4, 15, 51, 0, time.UTC), OperationEnd: time.Date(2026, 11, 24, 4, 17, 28, 0, time.UTC),
		ExecutionID: "a7f84bef-2aa8-4853-a28f-e6e0108c8285", SnapshotID: "7c64b8b8-1274-47db-8f0d-e26f6c0aae7b", BaselineID: "pb-0c7e89f711c3095f4",
		PatchGroup: "web", RebootOption: "RebootIfNeeded", Missing: ptr(3), Installed: ptr(198), PendingReboot: ptr(2),
	}
	if diff := cmp.Diff(want, w.read().State); diff != "" {
		t.Error(diff)
	}
	for name, data := range map[string]string{
		"not JSON": "\x00\x00", "empty": "", "a list": "[]", "no content": `{"Content": []}`, "too deep": strings.Repeat("[", 100000),
		"too large": strings.Repeat(" ", maxState+1),
	} {
		if s := newWorld(nil).put(path, data, time.Hour).read().State; s.Known || s.Invalid == "" || s.At.IsZero() {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := newWorld(nil).read().State; s != (probes.PatchState{}) {
		t.Errorf("none: %+v", s)
	}
}

func TestMarkersAndLock(t *testing.T) {
	w := newWorld(nil)
	w.Files["/var/log/amazon/ssm/patch-baseline-operations-reboot-195"] = platformtest.File{Mode: fs.ModeDir | 0o755, ModTime: clock.Add(-time.Hour)}
	w.put("/var/log/amazon/ssm/patch-baseline-concurrent.lock", "{\n    \"commandId\": \""+command+"\",\n    \"rebootCount\": 0,\n}\n", time.Minute)
	p := w.read()
	if len(p.Reboots) != 1 || p.Reboots[0].Code != 195 || !p.Reboots[0].At.Equal(clock.Add(-time.Hour)) {
		t.Errorf("%+v", p.Reboots)
	}
	if p.Lock == nil || p.Lock.CommandID != command || !p.Lock.At.Equal(clock.Add(-time.Minute)) {
		t.Errorf("%+v", p.Lock)
	}
}

// A recorded read is the same when it is read again.
func TestRecorded(t *testing.T) {
	w := newWorld(nil).run(command, linuxScript("", "Install", "NoReboot", policy), beginning("Install", time.Hour)+"Error code returned from curl is 6\n", "failed to run commands: exit status 156", time.Hour)
	p := w.put("/var/log/amazon/ssm/patch-configuration/"+inventoryName, summary, time.Hour).read()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var again probes.PatchRuns
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, again); diff != "" {
		t.Error(diff)
	}
}

func TestParameters(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   parameters
	}{
		"linux":      {linuxScript(window, "Install", "NoReboot", policy), parameters{operation: "Install", snapshotID: window, override: policy}},
		"lower case": {linuxScript("", "scan", "", ""), parameters{operation: "Scan"}},
		"with an association": {`x_entrance.execute("os_selector", "PatchLinux", "", "Install", "s3://list/of.yaml", "NoReboot", "` + policy + `", "` + assoc + `")` + "\n",
			parameters{operation: "Install", override: policy, associationID: assoc}},
		"a list is no override": {`x_entrance.execute("os_selector", "PatchLinux", "", "Install", "s3://list/of.yaml", "NoReboot", "")` + "\n", parameters{operation: "Install"}},
		"no call":               {"echo Install\n", parameters{}},
		"an open call":          {`entrance.execute("a", "b", "` + strings.Repeat("c", 9000), parameters{}},
		"windows":               {"Invoke-PatchBaselineOperation -Operation Scan -SnapshotId '' -InstallOverrideList '' -BaselineOverride '' -RebootOption 'NoReboot'\r\n", parameters{operation: "Scan"}},
		"windows by association": {"Invoke-PatchBaselineOperation -Operation Scan -SnapshotId '' -AssociationId '" + assoc + "' -BaselineTags ''\r\n",
			parameters{operation: "Scan", associationID: assoc, byAssociation: true}},
	} {
		if got := readParameters(c.script); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
