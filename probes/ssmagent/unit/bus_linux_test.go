package unit

import (
	"context"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

var began = time.Date(2026, 11, 24, 10, 0, 0, 123456000, time.UTC)

func usec(t time.Time) uint64 { return uint64(t.UnixMicro()) }

// properties of a healthy service, as systemd 252 gives them, with changes on top.
func service(changes map[string]any) map[string]any {
	p := map[string]any{
		"LoadState": "loaded", "LoadError": loadError{}, "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled",
		"ActiveEnterTimestamp": usec(began), "InactiveEnterTimestamp": uint64(0), "StateChangeTimestamp": usec(began),
		"NeedDaemonReload": false, "FragmentPath": "/lib/systemd/system/amazon-ssm-agent.service", "DropInPaths": []string{},
		"Result": "success", "Restart": "always", "RestartUSec": uint64(90e6), "NRestarts": uint32(0), "User": "", "MainPID": uint32(612),
		"ExecMainCode": int32(0), "ExecMainStatus": int32(0), "ExecMainStartTimestamp": usec(began), "ExecMainExitTimestamp": uint64(0),
		"RestartPreventExitStatus": exitSet{Statuses: []int32{194}},
		"Environment":              []string{}, "UnsetEnvironment": []string{}, "EnvironmentFiles": []environmentFile{},
	}
	maps.Copy(p, changes)
	return p
}

type exitSet struct{ Statuses, Signals []int32 }

type loadError struct{ Name, Text string }

type environmentFile struct {
	Path     string
	Optional bool
}

// healthy is what the properties of service(nil) mean.
func healthy() probes.AgentUnit {
	zero := 0
	return probes.AgentUnit{Known: true, Source: "dbus", Name: probes.AgentUnitPackaged, Load: "loaded", Active: "active", Sub: "running",
		Enabled: "enabled", Result: "success", Restarts: &zero, Restart: "always", RestartDelay: 90, FinalExits: []int{194}, MainPID: 612,
		Started: began, ActiveSince: began, StateChange: began, File: "/lib/systemd/system/amazon-ssm-agent.service",
		Proxy: probes.AgentProxy{Known: true, Source: "/lib/systemd/system/amazon-ssm-agent.service"}}
}

func emptyHost() *platformtest.Host { return emptyFiles() }

func readFrom(host platform.Host, s ...Socket) probes.AgentUnit {
	return Read(context.Background(), host, host.Facts(), Options{Sockets: s, Timeout: 30 * time.Second})
}

func TestReadStates(t *testing.T) {
	three := 3
	for _, tt := range []struct {
		name   string
		change map[string]any
		want   func(u *probes.AgentUnit)
	}{
		{"running", nil, func(*probes.AgentUnit) {}},
		{"disabled but running", map[string]any{"UnitFileState": "disabled"}, func(u *probes.AgentUnit) { u.Enabled = "disabled" }},
		{"stopped", map[string]any{"ActiveState": "inactive", "SubState": "dead", "MainPID": uint32(0), "ExecMainCode": int32(1),
			"ExecMainExitTimestamp": usec(began.Add(time.Minute)), "InactiveEnterTimestamp": usec(began.Add(time.Minute))},
			func(u *probes.AgentUnit) {
				u.Active, u.Sub, u.MainPID, u.ExitKind = "inactive", "dead", 0, "exited"
				u.Exited, u.InactiveSince = began.Add(time.Minute), began.Add(time.Minute)
			}},
		{"waiting for its fourth restart", map[string]any{"ActiveState": "activating", "SubState": "auto-restart", "Result": "signal",
			"MainPID": uint32(0), "NRestarts": uint32(3), "ExecMainCode": int32(2), "ExecMainStatus": int32(9)},
			func(u *probes.AgentUnit) {
				u.Active, u.Sub, u.Result, u.MainPID, u.Restarts = "activating", "auto-restart", "signal", 0, &three
				u.ExitKind, u.ExitStatus = "killed", 9
			}},
		{"dumped core", map[string]any{"ActiveState": "failed", "SubState": "failed", "Result": "core-dump", "MainPID": uint32(0),
			"ExecMainCode": int32(3), "ExecMainStatus": int32(6)},
			func(u *probes.AgentUnit) {
				u.Active, u.Sub, u.Result, u.MainPID, u.ExitKind, u.ExitStatus = "failed", "failed", "core-dump", 0, "dumped", 6
			}},
		{"start limit", map[string]any{"ActiveState": "failed", "SubState": "failed", "Result": "start-limit-hit"},
			func(u *probes.AgentUnit) { u.Active, u.Sub, u.Result = "failed", "failed", "start-limit-hit" }},
		{"masked", map[string]any{"LoadState": "masked", "LoadError": loadError{"org.freedesktop.systemd1.UnitMasked", "Unit is masked."},
			"ActiveState": "inactive", "SubState": "dead", "UnitFileState": "masked", "FragmentPath": "/etc/systemd/system/amazon-ssm-agent.service"},
			func(u *probes.AgentUnit) {
				u.Load, u.Active, u.Sub, u.Enabled = "masked", "inactive", "dead", "masked"
				u.File = "/etc/systemd/system/amazon-ssm-agent.service"
				u.Proxy.Source = u.File
			}},
		{"bad unit", map[string]any{"LoadState": "bad-setting", "LoadError": loadError{"x", "Unit has a bad unit file setting."}},
			func(u *probes.AgentUnit) {
				u.Load, u.LoadError = "bad-setting", "Unit has a bad unit file setting."
			}},
		{"changed on disk, user, drop-ins", map[string]any{"NeedDaemonReload": true, "User": "ssm", "DropInPaths": []string{"/etc/a.conf", "/etc/b.conf"}},
			func(u *probes.AgentUnit) {
				u.NeedDaemonReload, u.User, u.DropIns = true, "ssm", []string{"/etc/a.conf", "/etc/b.conf"}
			}},
		{"never restarted automatically", map[string]any{"Restart": "no", "RestartUSec": uint64(math.MaxUint64)},
			func(u *probes.AgentUnit) { u.Restart, u.RestartDelay = "no", 0 }},
		{"an agent that systemd numbers beyond int32", map[string]any{"NRestarts": uint32(math.MaxUint32), "ActiveEnterTimestamp": uint64(math.MaxUint64)},
			func(u *probes.AgentUnit) {
				most := math.MaxInt32
				u.Restarts, u.ActiveSince = &most, time.Time{}
			}},
		{"properties of other types", map[string]any{"NRestarts": "3", "MainPID": int64(1), "ExecMainCode": "1", "Environment": "x",
			"EnvironmentFiles": []string{"/x"}, "RestartPreventExitStatus": "194", "FragmentPath": "relative"},
			func(u *probes.AgentUnit) {
				u.Restarts, u.MainPID, u.FinalExits, u.File, u.Proxy.Source = nil, 0, nil, "", ""
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &bus{units: map[string]map[string]any{probes.AgentUnitPackaged: service(tt.change)}}
			want := healthy()
			tt.want(&want)
			if diff := cmp.Diff(want, readFrom(emptyHost(), b.listen(t))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestReadOldSystemd: systemd 219 (Amazon Linux 2) has no NRestarts and no
// UnsetEnvironment.
func TestReadOldSystemd(t *testing.T) {
	p := service(map[string]any{"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "ExecMainCode": int32(1),
		"ExecMainStatus": int32(1), "ExecMainExitTimestamp": usec(began.Add(3 * time.Second))})
	delete(p, "NRestarts")
	delete(p, "UnsetEnvironment")
	b := &bus{units: map[string]map[string]any{probes.AgentUnitPackaged: p}}
	u := readFrom(emptyHost(), b.listen(t))
	if loop, why := u.CrashLooping(began.Add(time.Minute)); u.Restarts != nil || !loop || !strings.Contains(why, "3s") {
		t.Errorf("%v %q: %+v", loop, why, u)
	}
}

func TestReadChoosesUnit(t *testing.T) {
	state := func(load, active, enabled string) map[string]any {
		return service(map[string]any{"LoadState": load, "ActiveState": active, "UnitFileState": enabled})
	}
	for _, tt := range []struct {
		name           string
		packaged, snap map[string]any
		want           string
	}{
		{"none", nil, nil, probes.AgentUnitPackaged},
		{"packaged", state("loaded", "inactive", "disabled"), nil, probes.AgentUnitPackaged},
		{"snap", nil, state("loaded", "inactive", "disabled"), probes.AgentUnitSnap},
		{"both, snap runs", state("loaded", "inactive", "enabled"), state("loaded", "active", "disabled"), probes.AgentUnitSnap},
		{"both, snap waits for its restart", state("loaded", "failed", "enabled"), state("loaded", "activating", "enabled"), probes.AgentUnitSnap},
		{"both, snap enabled", state("loaded", "inactive", "disabled"), state("loaded", "inactive", "enabled"), probes.AgentUnitSnap},
		{"packaged masked, snap stopped", state("masked", "inactive", "masked"), state("loaded", "inactive", "disabled"), probes.AgentUnitSnap},
		{"both run", state("loaded", "active", "enabled"), state("loaded", "active", "enabled"), probes.AgentUnitPackaged},
		{"removed while it runs", state("not-found", "active", ""), nil, probes.AgentUnitPackaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &bus{units: map[string]map[string]any{}}
			if tt.packaged != nil {
				b.units[probes.AgentUnitPackaged] = tt.packaged
			}
			if tt.snap != nil {
				b.units[probes.AgentUnitSnap] = tt.snap
			}
			if got := readFrom(emptyHost(), b.listen(t)); got.Name != tt.want || !got.Known {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestCalls: nothing but properties is asked for, and nothing is started for it.
func TestCalls(t *testing.T) {
	b := &bus{before: signal("NameAcquired", ":1.7")}
	s := b.listen(t)
	readFrom(emptyHost(), s)
	b.mu.Lock()
	defer b.mu.Unlock()
	var members []string
	for _, m := range b.calls {
		member, _ := m.Headers[dbus.FieldMember].Value().(string)
		members = append(members, member)
		if m.Flags&dbus.FlagNoAutoStart == 0 {
			t.Errorf("%s may start a service", member)
		}
	}
	if members[0] != "Hello" || slices.ContainsFunc(members[1:], func(m string) bool { return m != "Get" }) {
		t.Errorf("called %v", members)
	}
	if got := unitPath(probes.AgentUnitPackaged); got != "/org/freedesktop/systemd1/unit/amazon_2dssm_2dagent_2eservice" {
		t.Errorf("path %s", got)
	}
}

// TestSocketBelowRoot: with a mounted root its sockets are asked, and no link leads out
// of it.
func TestSocketBelowRoot(t *testing.T) {
	b := &bus{units: map[string]map[string]any{probes.AgentUnitPackaged: service(nil)}}
	bound := b.listen(t)
	root := t.TempDir()
	dir := filepath.Join(root, "run", "dbus")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(bound.Path, filepath.Join(dir, "system_bus_socket")); err != nil {
		t.Fatal(err)
	}
	read := func(root string) probes.AgentUnit {
		host := platform.New(root)
		return Read(context.Background(), host, platform.Facts{}, Options{Root: root, Timeout: 30 * time.Second})
	}
	if u := read(root); !u.Known || u.Active != "active" {
		t.Errorf("got %+v", u)
	}
	other := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "run"), filepath.Join(other, "run")); err != nil {
		t.Fatal(err)
	}
	if u := read(other); u.Known {
		t.Errorf("another system's bus was asked: %+v", u)
	}
}

// TestSecondSocket: where systemd's own socket fails, the bus is asked.
func TestSecondSocket(t *testing.T) {
	b := &bus{units: map[string]map[string]any{probes.AgentUnitPackaged: service(nil)}}
	rejecting := (&bus{reject: true}).listen(t)
	rejecting.Direct = true
	if u := readFrom(emptyHost(), rejecting, b.listen(t)); !u.Known || u.Source != probes.UnitFromDBus {
		t.Errorf("got %+v", u)
	}
}
