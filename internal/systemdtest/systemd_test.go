//go:build linux

package systemdtest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentctl/probes"
)

// TestAgentUnit compares, for each condition of the service, what agentctl reads of it
// with what it must be, and with what systemctl shows.
func TestAgentUnit(t *testing.T) {
	table := slices.Concat(expectations(), exits(), proxies())
	var cases []Case
	for _, e := range table {
		c := e.Case
		c.Setup = tidy + c.Setup
		if c.Unit == "" {
			c.Unit = packaged
		}
		cases = append(cases, c)
	}
	observed := observe(t, cases)
	for _, e := range table {
		t.Run(e.Name, func(t *testing.T) {
			o, ok := observed[e.Name]
			if !ok || o.Error != "" {
				t.Fatalf("not observed: %s", o.Error)
			}
			ways := map[string]probes.AgentUnit{"direct": o.Direct, "bus": o.Bus, "nobody": o.Nobody, "rootfs": o.Rootfs}
			for way, u := range ways {
				t.Run(way, func(t *testing.T) {
					want := e
					if way == "nobody" && e.nobodyProxyUnknown {
						want.want.Proxy = probes.AgentProxy{Source: e.want.Proxy.Source}
						if u.Proxy.Known {
							t.Error("the proxy is known to one who may not read its file")
						}
					}
					want.check(t, u, o.Systemctl)
				})
			}
			t.Run("files", func(t *testing.T) { e.checkFiles(t, o.Files) })
		})
	}
}

func (e expectation) check(t *testing.T, u probes.AgentUnit, systemctl map[string]string) {
	t.Helper()
	if !u.Known || u.Source != probes.UnitFromDBus {
		t.Fatalf("unknown: %q, %s", u.Source, u.Why)
	}
	file := u.File
	// Where /lib is a link, systemd may have either name.
	u.File, u.Proxy.Source = strings.TrimPrefix(u.File, "/usr"), strings.TrimPrefix(u.Proxy.Source, "/usr")
	if diff := differences(e.want, u); diff != "" {
		t.Errorf("%s\nall of it: %+v", diff, u)
	}
	if loops, why := u.CrashLooping(time.Now()); loops != e.loops {
		t.Errorf("CrashLooping: %v (%s), want %v", loops, why, e.loops)
	}
	if u.Running() != e.running || u.Stopped() != e.stopped || u.OffAtBoot() != e.off {
		t.Errorf("Running %v, Stopped %v, OffAtBoot %v", u.Running(), u.Stopped(), u.OffAtBoot())
	}
	if u.Load == "not-found" {
		return // systemctl shows what systemd supposes of any service
	}
	for property, have := range map[string]string{
		"LoadState": u.Load, "ActiveState": u.Active, "SubState": u.Sub, "UnitFileState": u.Enabled, "Result": u.Result,
		"MainPID": strconv.Itoa(u.MainPID), "NRestarts": strconv.Itoa(*u.Restarts), "Restart": u.Restart, "User": u.User,
		"FragmentPath": file, "DropInPaths": strings.Join(u.DropIns, " "),
		"ActiveEnterTimestamp": stamp(u.ActiveSince), "InactiveEnterTimestamp": stamp(u.InactiveSince),
		"StateChangeTimestamp": stamp(u.StateChange), "ExecMainStartTimestamp": stamp(u.Started), "ExecMainExitTimestamp": stamp(u.Exited),
	} {
		if have != systemctl[property] {
			t.Errorf("%s: %q, systemctl has %q", property, have, systemctl[property])
		}
	}
}

// stamp is a time as systemctl --timestamp=us+utc has it.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("Mon 2006-01-02 15:04:05.000000 UTC")
}

func (e expectation) checkFiles(t *testing.T, u probes.AgentUnit) {
	t.Helper()
	if !u.Known || u.Source != probes.UnitFromFiles || u.Active != "" || u.Why == "" {
		t.Errorf("known %v from %q, active %q, why %q", u.Known, u.Source, u.Active, u.Why)
	}
	if diff := differences(e.files, u); diff != "" || u.Enabled != e.files.Enabled {
		t.Errorf("enabled %q, %s", u.Enabled, diff)
	}
}

// differences compares the fields that want sets, those of its proxy all where it says
// anything of one.
func differences(want, have probes.AgentUnit) string {
	var out []string
	w, h := reflect.ValueOf(want), reflect.ValueOf(have)
	for i := range w.NumField() {
		if name := w.Type().Field(i).Name; !w.Field(i).IsZero() && !reflect.DeepEqual(w.Field(i).Interface(), h.Field(i).Interface()) {
			out = append(out, name+": "+text(h.Field(i))+", want "+text(w.Field(i)))
		}
	}
	return strings.Join(out, "; ")
}

func text(v reflect.Value) string {
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return err.Error()
	}
	return string(b)
}
