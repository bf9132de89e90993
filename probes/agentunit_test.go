package probes

import (
	"testing"
	"time"
)

func TestAgentUnitCrashLooping(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	n := func(i int) *int { return &i }
	unit := func(active, sub, result string, restarts *int) AgentUnit {
		return AgentUnit{Known: true, Source: UnitFromDBus, Load: "loaded", Active: active, Sub: sub, Result: result, Restarts: restarts,
			Restart: "always", FinalExits: []int{194}}
	}
	// ended is a unit whose last process began some time ago, lived for a while and
	// ended with a status.
	ended := func(u AgentUnit, began, life time.Duration, status int) AgentUnit {
		u.Started, u.Exited = ago(began), ago(began-life)
		u.ExitKind, u.ExitStatus = "exited", status
		return u
	}
	runsFor := func(u AgentUnit, up time.Duration) AgentUnit {
		u.Started, u.ActiveSince = ago(up), ago(up)
		return u
	}
	waiting := func(restarts *int) AgentUnit { return unit("activating", "auto-restart", "exit-code", restarts) }
	running := func(restarts *int) AgentUnit { return unit("active", "running", "success", restarts) }
	for _, tt := range []struct {
		name string
		unit AgentUnit
		want bool
	}{
		{"unknown", AgentUnit{}, false},
		{"from files", AgentUnit{Known: true, Source: UnitFromFiles, Load: "loaded", Enabled: "enabled"}, false},
		{"not installed", unit("inactive", "dead", "success", n(0)), false},
		{"runs since yesterday, restarted often before", runsFor(running(n(12)), 24*time.Hour), false},
		{"third restart a minute ago", runsFor(running(n(3)), time.Minute), true},
		{"third restart ten minutes ago", runsFor(running(n(3)), 10*time.Minute), false},
		{"first restart a minute ago", runsFor(running(n(1)), time.Minute), false},
		{"updated a minute ago: the count is zero", runsFor(running(n(0)), time.Minute), false},
		{"started in the future: the clock was set back", runsFor(running(n(9)), -time.Hour), false},
		{"runs, count unknown", runsFor(running(nil), time.Second), false},
		{"waits after its first crash", ended(waiting(n(0)), time.Minute, time.Second, 1), false},
		{"waits after its second crash", ended(waiting(n(1)), time.Minute, time.Second, 1), false},
		{"waits after its third crash", ended(waiting(n(2)), time.Minute, time.Second, 1), true},
		{"ends without error each time", ended(unit("activating", "auto-restart", "success", n(2)), time.Minute, time.Second, 0), true},
		{"crashed after a month, as it does every month", ended(waiting(n(12)), 720*time.Hour, 720*time.Hour-time.Minute, 2), false},
		{"never could be started", unit("activating", "auto-restart", "resources", n(4)), true},
		{"queued for its restart (systemd 254)", ended(unit("activating", "auto-restart-queued", "exit-code", n(4)), time.Minute, time.Second, 1), true},
		{"waits, count unknown", ended(waiting(nil), time.Minute, 5*time.Second, 1), true},
		{"waits, count unknown, ended without error", ended(unit("activating", "auto-restart", "success", nil), time.Minute, 5*time.Second, 0), false},
		{"waits, count unknown, had run for long", ended(waiting(nil), time.Hour, 59*time.Minute, 1), false},
		{"start limit", unit("failed", "failed", "start-limit-hit", n(5)), true},
		{"start limit, systemd before 230", unit("failed", "failed", "start-limit", nil), true},
		{"start limit, result of the last process", ended(unit("failed", "failed", "exit-code", n(5)), time.Hour, time.Second, 1), true},
		{"asked not to be restarted", ended(unit("failed", "failed", "exit-code", n(0)), time.Hour, time.Second, 194), false},
		{"asked not to be restarted, after crashes", ended(unit("failed", "failed", "exit-code", n(5)), time.Hour, time.Second, 194), false},
		{"stopped by hand, and that went wrong", ended(unit("failed", "failed", "timeout", n(5)), 30*time.Hour, 29*time.Hour, 1), false},
		{"is being stopped", unit("deactivating", "stop-sigterm", "success", n(5)), false},
		{"stopped", ended(unit("inactive", "dead", "success", n(5)), time.Minute, time.Second, 0), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := tt.unit.CrashLooping(now)
			if got != tt.want || got && why == "" {
				t.Errorf("got %v (%q), want %v", got, why, tt.want)
			}
		})
	}
}

func TestAgentUnitWords(t *testing.T) {
	u := AgentUnit{Known: true, Source: UnitFromDBus, Load: "loaded", Active: "active", Sub: "running", Enabled: "disabled"}
	if !u.Running() || u.Stopped() || !u.OffAtBoot() {
		t.Error("a disabled unit that runs")
	}
	u = AgentUnit{Known: true, Source: UnitFromFiles, Load: "loaded", Enabled: "masked"}
	if u.Running() || u.Stopped() || !u.OffAtBoot() {
		t.Error("files alone do not tell what runs")
	}
	if (AgentUnit{Enabled: "disabled"}).OffAtBoot() || (AgentUnit{Known: true, Enabled: "static"}).OffAtBoot() {
		t.Error("what is not known is not off")
	}
	for _, tt := range []struct {
		unit AgentUnit
		want string
	}{
		{AgentUnit{Result: "success"}, ""},
		{AgentUnit{Result: "resources"}, "resources"},
		{AgentUnit{Result: "exit-code", ExitKind: "exited", ExitStatus: 1}, "exit status 1"},
		{AgentUnit{Result: "exit-code", ExitKind: "exited", ExitStatus: 203}, "exit status 203, its program cannot be executed"},
		{AgentUnit{Result: "signal", ExitKind: "killed", ExitStatus: 9}, "killed by signal 9"},
	} {
		if got := tt.unit.Exit(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
