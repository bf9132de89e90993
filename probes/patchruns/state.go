package patchruns

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

const (
	inventoryName = "patch-inventory-from-last-operation.json"
	maxState      = 1 << 20
	maxLockFile   = 4 << 10
)

// state reads Patch Manager's record of the last operation: a summary as it is sent
// to the inventory (patch_common/inventory_uploader.py).
func (r *reader) state() probes.PatchState {
	s := probes.PatchState{Path: r.w.l.join(r.w.l.logs, "patch-configuration", inventoryName)}
	data, err := r.host.ReadFile(s.Path, maxState)
	if err != nil && !errors.Is(err, platform.ErrTooLarge) {
		if !errors.Is(err, fs.ErrNotExist) {
			r.w.problem(s.Path, err)
			return s
		}
		return probes.PatchState{}
	}
	if info, err := r.host.Stat(s.Path); err == nil {
		s.At = info.ModTime().UTC()
	}
	if err != nil {
		s.Invalid = err.Error()
		return s
	}
	parseState(data, &s)
	return s
}

// parseState fills in what a summary says.
func parseState(data []byte, s *probes.PatchState) {
	var doc struct {
		Content []map[string]any
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		s.Invalid = tidy([]byte(err.Error()), maxGroup)
		return
	}
	if len(doc.Content) == 0 {
		s.Invalid = "it has no content"
		return
	}
	s.Known = true
	c := doc.Content[0]
	text := func(name string) string {
		v, _ := c[name].(string)
		return tidy([]byte(v), maxGroup)
	}
	when := func(name string) time.Time {
		t, err := time.Parse(time.RFC3339, text(name))
		if err != nil || t.Year() < 2000 {
			return time.Time{} // a run that failed early says 1970
		}
		return t.UTC()
	}
	number := func(name string) *int {
		var n int
		var err error
		switch v := c[name].(type) {
		case string:
			n, err = strconv.Atoi(v)
		case float64:
			n = int(v)
		default:
			return nil
		}
		if err != nil || n < 0 {
			return nil
		}
		return &n
	}
	s.Operation = operationOf(text("OperationType"))
	s.OperationStart, s.OperationEnd = when("OperationStartTime"), when("OperationEndTime")
	s.ExecutionID, s.SnapshotID, s.BaselineID = text("ExecutionId"), text("SnapshotId"), text("BaselineId")
	s.PatchGroup, s.RebootOption = text("PatchGroup"), text("RebootOption")
	s.Missing, s.Installed, s.Failed = number("MissingCount"), number("InstalledCount"), number("FailedCount")
	s.PendingReboot = number("InstalledPendingRebootCount")
}

// markers are the directories by which Patch Manager remembers a reboot that it asked
// for: 195 and 196 say that some patches failed.
func (r *reader) markers() []probes.PatchReboot {
	var out []probes.PatchReboot
	for _, code := range []int{194, 195, 196} {
		name := r.w.l.join(r.w.l.logs, "patch-baseline-operations-reboot-"+strconv.Itoa(code))
		info, err := r.host.Stat(name)
		switch {
		case err == nil && info.IsDir():
			out = append(out, probes.PatchReboot{Path: name, Code: code, At: info.ModTime().UTC()})
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			r.w.problem(name, err)
		}
	}
	return out
}

// lockFile reads Patch Manager's lock file: {"commandId": "...", "rebootCount": 0}.
func (r *reader) lockFile() *probes.PatchLock {
	info, err := r.host.Stat(r.w.l.lock)
	if err != nil {
		return nil
	}
	l := &probes.PatchLock{Path: r.w.l.lock, At: info.ModTime().UTC()}
	data, err := r.host.ReadFile(l.Path, maxLockFile)
	if err != nil {
		return l
	}
	_, rest, ok := strings.Cut(string(data), `"commandId"`)
	if !ok {
		return l
	}
	// Its JSON may end in a comma too many, so it is not parsed as such.
	if m := quotedText.FindStringSubmatch(rest); m != nil && uuidForm.MatchString(m[1]) {
		l.CommandID = m[1]
	}
	return l
}
