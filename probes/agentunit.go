package probes

import (
	"fmt"
	"slices"
	"time"
)

// The names that the SSM Agent's service has in systemd.
const (
	AgentUnitPackaged = "amazon-ssm-agent.service"                       // of the rpm and the deb
	AgentUnitSnap     = "snap.amazon-ssm-agent.amazon-ssm-agent.service" // of the snap
)

// Words for AgentUnit.Source.
const (
	UnitFromDBus  = "dbus"  // systemd itself was asked
	UnitFromFiles = "files" // the unit files tell Load and Enabled, and nothing else
)

// AgentUnit is the SSM Agent's service as the service manager has it. The words of
// Load, Active, Sub, Enabled and Result are systemd's own, as they are documented in
// org.freedesktop.systemd1(5) and systemctl(1).
type AgentUnit struct {
	// Known: the state could be read. A service that is not there is known too: its
	// Load is "not-found".
	Known  bool   `json:"known"`
	Source string `json:"source,omitempty"`
	Why    string `json:"why,omitempty"` // why it is not known, or not from systemd
	Name   string `json:"name,omitempty"`

	Load      string `json:"load,omitempty"`       // loaded, not-found, masked, bad-setting, error
	LoadError string `json:"load_error,omitempty"` // of bad-setting and error
	Active    string `json:"active,omitempty"`     // active, inactive, failed, activating, deactivating, reloading; "" unknown
	Sub       string `json:"sub,omitempty"`        // running, dead, auto-restart, exited, failed, ...
	Enabled   string `json:"enabled,omitempty"`    // enabled, enabled-runtime, disabled, masked, static, indirect, alias, ...; "" unknown
	Result    string `json:"result,omitempty"`     // success, exit-code, signal, core-dump, watchdog, timeout, oom-kill, start-limit-hit, ...

	// Restarts counts systemd's own restarts since somebody last started the unit.
	// Nil: unknown, as before systemd 235 (Amazon Linux 2, RHEL 7).
	Restarts *int `json:"restarts,omitempty"`
	// Restart is the unit's policy: always, on-failure, no, ...
	Restart string `json:"restart,omitempty"`
	// RestartDelay is how long systemd waits between two processes, in seconds.
	RestartDelay float64 `json:"restart_delay_seconds,omitempty"`
	// FinalExits are the exit statuses after which systemd does not restart it.
	FinalExits []int `json:"final_exits,omitempty"`

	MainPID int `json:"main_pid,omitempty"`
	// ExitKind tells how the last main process ended: exited, killed, dumped; "" while
	// it runs or when there was none. ExitStatus is its status, or the signal's number.
	ExitKind   string `json:"exit_kind,omitempty"`
	ExitStatus int    `json:"exit_status,omitempty"`
	// Started and Exited are those of the last main process.
	Started time.Time `json:"started,omitzero"`
	Exited  time.Time `json:"exited,omitzero"`
	// ActiveSince, InactiveSince and StateChange are when the unit last became active,
	// last became inactive or failed, and last changed its state. A restart passes
	// through inactive when its wait is over: then that is not when the process ended.
	ActiveSince   time.Time `json:"active_since,omitzero"`
	InactiveSince time.Time `json:"inactive_since,omitzero"`
	StateChange   time.Time `json:"state_change,omitzero"`

	User string `json:"user,omitempty"` // "" is root
	// NeedDaemonReload: the unit's files were changed since systemd read them.
	NeedDaemonReload bool     `json:"need_daemon_reload,omitempty"`
	File             string   `json:"file,omitempty"`
	DropIns          []string `json:"drop_ins,omitempty"`

	// Proxy is what the next process of the unit gets: the manager's environment,
	// Environment= and EnvironmentFile=. A running one may still have another.
	Proxy AgentProxy `json:"proxy"`
}

// What tells a crash loop from a restart. The packaged unit restarts after 90 s for
// ever (RestartSec=90, Restart=always, and no start limit is reached at that pace), so
// a loop shows as one short life after another:
//
//   - crashRestarts: the count of restarts from which it is one. Updates do not count:
//     they stop and start the unit, which sets the count to zero, and exit status 194
//     (RestartPreventExitStatus=) is not restarted. A single crash is 1.
//   - shortLife: a process that lived longer was working. The agent gives up on finding
//     its identity within a minute or two.
//   - The count alone says little: an agent that crashes once a month is at 12 after a
//     year. Hence a count only counts beside a short life.
const (
	crashRestarts = 2
	shortLife     = 5 * time.Minute
)

// CrashLooping tells whether systemd restarts the service over and over, and what
// shows it. The clock is the host's, as the unit's times are.
func (u AgentUnit) CrashLooping(now time.Time) (bool, string) {
	if !u.Known || u.Source != UnitFromDBus {
		return false, ""
	}
	life := u.lastLife()
	switch {
	case u.Active == "failed" && (u.Result == "start-limit-hit" || u.Result == "start-limit"):
		return true, "systemd gave up: it was started too often in a short time (" + u.Result + ")"
	case u.Active == "failed":
		// systemd keeps the result of the last process when it gives up for the start
		// limit. A unit that is always restarted ends up here in two other ways only: by
		// an exit status that forbids it, and by a stop that went wrong.
		if u.Restart != "always" || !u.restartedOften() || u.finalExit() || life < 0 || life > shortLife {
			return false, ""
		}
		return true, fmt.Sprintf("systemd gave up after %d restarts; the last process ended after %s (%s)", *u.Restarts, seconds(life), u.Exit())
	case u.Sub == "auto-restart" || u.Sub == "auto-restart-queued":
		if life < 0 || life > shortLife {
			return false, ""
		}
		if u.Restarts == nil { // it would be a rare chance to see the only one
			return u.Result != "success", fmt.Sprintf("waiting to be restarted; its last process ended after %s (%s)", seconds(life), u.Exit())
		}
		// The count rises when the wait is over: at 1 the second process has ended.
		if *u.Restarts < crashRestarts {
			return false, ""
		}
		return true, fmt.Sprintf("restarted %d times; the last process ended after %s (%s)", *u.Restarts, seconds(life), u.Exit())
	case u.Active == "activating", u.Active == "active", u.Active == "reloading":
		return u.restartedJustNow(now)
	}
	return false, ""
}

// restartedJustNow judges a service that runs: the count, and a process that is
// younger than a healthy one would be seen to be. What its predecessor's life was
// systemd does not keep, so one more restart is asked for, and half the time.
func (u AgentUnit) restartedJustNow(now time.Time) (bool, string) {
	since := u.Started
	if since.IsZero() {
		since = u.ActiveSince
	}
	up := now.Sub(since)
	if u.Restarts == nil || *u.Restarts <= crashRestarts || since.IsZero() || up < 0 || up > shortLife/2 {
		return false, ""
	}
	return true, fmt.Sprintf("restarted %d times, the last time %s ago", *u.Restarts, seconds(up))
}

// Running tells whether the unit's process runs, as far as systemd knows.
func (u AgentUnit) Running() bool {
	return u.Known && u.Source == UnitFromDBus && (u.Active == "active" || u.Active == "reloading") && u.Sub != "exited"
}

// Stopped tells whether the unit is there and does not run, and will not by itself.
func (u AgentUnit) Stopped() bool {
	return u.Known && u.Source == UnitFromDBus && (u.Active == "inactive" || u.Active == "failed") && u.Load != "not-found"
}

// OffAtBoot tells whether nothing starts the unit at the next boot. What cannot be
// told, such as "static" or "indirect", is not off.
func (u AgentUnit) OffAtBoot() bool {
	switch u.Enabled {
	case "disabled", "enabled-runtime", "masked", "linked", "linked-runtime":
		return u.Known
	}
	return false
}

// Exit is how the last main process ended, in words; "" while it runs.
func (u AgentUnit) Exit() string {
	switch u.ExitKind {
	case "":
		if u.Result != "success" && u.Result != "" {
			return u.Result
		}
		return ""
	case "exited":
		if name, ok := setupExits[u.ExitStatus]; ok {
			return fmt.Sprintf("exit status %d, %s", u.ExitStatus, name)
		}
		return fmt.Sprintf("exit status %d", u.ExitStatus)
	}
	return fmt.Sprintf("%s by signal %d", u.ExitKind, u.ExitStatus)
}

// setupExits are statuses by which systemd itself says why it could not start the
// program (systemd.exec(5), "Process Exit Codes").
var setupExits = map[int]string{
	200: "its working directory cannot be entered", 203: "its program cannot be executed",
	216: "its group is not there", 217: "its user is not there", 226: "its mount namespace cannot be set up",
}

// lastLife is how long the last main process lived; negative: unknown. One that
// could not even be started lived for no time.
func (u AgentUnit) lastLife() time.Duration {
	switch {
	case u.Started.IsZero() && u.Result != "" && u.Result != "success":
		return 0
	case u.Started.IsZero() || u.Exited.IsZero():
		return -1
	}
	return u.Exited.Sub(u.Started)
}

func (u AgentUnit) restartedOften() bool { return u.Restarts != nil && *u.Restarts >= crashRestarts }

// finalExit tells whether the last process asked by its status not to be restarted.
func (u AgentUnit) finalExit() bool {
	return u.ExitKind == "exited" && slices.Contains(u.FinalExits, u.ExitStatus)
}

func seconds(d time.Duration) time.Duration { return d.Round(time.Second) }
