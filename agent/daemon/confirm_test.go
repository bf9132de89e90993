package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentctl/agent/config"
	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

// TestSwitchedOff: a finding of a group that is no longer measured does not stay.
func TestSwitchedOff(t *testing.T) {
	for name, on := range map[string]bool{"measured": true, "switched off": false} {
		t.Run(name, func(t *testing.T) {
			last := &report.Report{Targets: []report.Target{{Name: "repo", Group: probes.GroupRepos}},
				Findings: []diagnosis.Finding{{Code: "x", Severity: diagnosis.Critical, Targets: []string{"repo"}}}}
			c := newConfirm(2, last)
			c.on = func(probes.Group) bool { return on }
			raised, _ := c.look(diagnosis.Diagnosis{}, &probes.Round{}, []probes.Group{probes.GroupHost})
			if (len(raised) == 1) != on {
				t.Errorf("raised %v", raised)
			}
		})
	}
}

// TestHurryDuringRound: what calls for another look while a round runs is not lost
// when that round ends.
func TestHurryDuringRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Daemon{schedule: newSchedule(map[probes.Group]time.Duration{probes.GroupSSM: time.Hour}, jitter)}
		d.o.Log = slog.New(slog.DiscardHandler)
		d.running.Store(1)
		d.hurryAll()
		d.running.Store(0)
		d.finish(finished{err: context.Canceled, due: []probes.Group{probes.GroupSSM}})
		if wait := d.schedule.wait(time.Now()); wait != 0 {
			t.Errorf("the next look is in %s", wait)
		}
		d.finish(finished{err: context.Canceled, due: []probes.Group{probes.GroupSSM}})
		if wait := d.schedule.wait(time.Now()); wait == 0 {
			t.Error("it is looked at once more")
		}
	})
}

// A new daemon whose first look sees a fault does not say that all is well.
func TestFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.faults = [][2]time.Duration{{0, time.Hour}}
		var log bytes.Buffer
		_, seen := start(t, w, config.Default(), &log, sleep(time.Minute))
		if s := seen.reports[0]; s.state != diagnosis.Unknown || s.findings != "" || s.pending == "" {
			t.Errorf("the first look: %+v", s)
		}
		if s := seen.reports[len(seen.reports)-1]; s.state != diagnosis.Blocked {
			t.Errorf("the last look: %+v", s)
		}
		if strings.Contains(log.String(), "state=ready") || strings.Contains(log.String(), "Patching works") {
			t.Errorf("it says that all is well:\n%s", log.String())
		}
	})
}
