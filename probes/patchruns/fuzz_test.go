package patchruns

import (
	"testing"
	"time"
	"unicode/utf8"

	"agentctl/probes"
)

func FuzzPatchOutput(f *testing.F) {
	f.Add([]byte(good("Scan", time.Hour)), []byte("failed to run commands: exit status 156"))
	f.Add([]byte("Unable to download payload: https://s3.x/y.\nError code returned from curl is 6\n"), []byte("--output truncated--"))
	f.Add([]byte("InstalledCount : -1\r\nOperationType : Scan\r\nHRESULT: 0x80072EE2\r\n"), []byte{0, 0xff})
	f.Add([]byte("99/99/2026 99:99:99 root [INFO]: x\n"), []byte("failed to run commands: exit status 0xffffffff"))
	f.Fuzz(func(t *testing.T, stdout, stderr []byte) {
		w := newWorld(nil)
		w.run(command, linuxScript("", "Scan", "NoReboot", ""), string(stdout), string(stderr), time.Hour)
		p := w.read()
		if len(p.Runs) != 1 {
			t.Fatalf("%d runs", len(p.Runs))
		}
		r := p.Runs[0]
		if r.End == "" || r.EndBy == "" || r.Method == "" || !utf8.ValidString(r.LastError) {
			t.Errorf("%+v", r)
		}
		for _, s := range append(r.Signatures, match([]source{{"f", stdout}, {"g", stderr}}, "windows")...) {
			if len(s.Line) > maxLine || !utf8.ValidString(s.Line) || s.Count < 1 {
				t.Errorf("%+v", s)
			}
			for k, v := range s.Captures {
				if len(v) > maxGroup || !utf8.ValidString(v) {
					t.Errorf("%s=%q", k, v)
				}
			}
		}
	})
}

func FuzzPatchState(f *testing.F) {
	f.Add([]byte(summary))
	f.Add([]byte(`{"Content":[{"MissingCount":1e300,"OperationEndTime":"1970-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"Content":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s probes.PatchState
		parseState(data, &s)
		if s.Known == (s.Invalid != "") {
			t.Errorf("known %v, invalid %q", s.Known, s.Invalid)
		}
		for _, n := range []*int{s.Missing, s.Installed, s.Failed, s.PendingReboot} {
			if n != nil && *n < 0 {
				t.Errorf("%d", *n)
			}
		}
	})
}

func FuzzPatchScript(f *testing.F) {
	f.Add(linuxScript(window, "Install", "NoReboot", policy))
	f.Add("Invoke-PatchBaselineOperation -Operation Scan -SnapshotId '' -BaselineOverride 'https://s3.x.amazonaws.com/b/k?s=1'\r\n")
	f.Fuzz(func(t *testing.T, script string) {
		p := readParameters(script)
		if p.operation != "" && p.operation != probes.PatchScan && p.operation != probes.PatchInstall {
			t.Errorf("operation %q", p.operation)
		}
		if o := overrideOf(p.override, "x"); o != nil && (o.Bucket == "" || o.Key == "" || o.Policy == (o.AccountID == "")) {
			t.Errorf("%+v", o)
		}
	})
}
