package version

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestLinkerValuesWin(t *testing.T) {
	build := &debug.BuildInfo{
		Main:     debug.Module{Version: "v9.9.9"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "fromgo"}, {Key: "vcs.time", Value: "2020-01-01T00:00:00Z"}},
	}
	got := read(build, "1.2.3", "abc", "2026-11-23T00:00:00Z")
	if got.Version != "1.2.3" || got.Revision != "abc" || got.BuildDate != "2026-11-23T00:00:00Z" {
		t.Errorf("the linker's values were lost: %+v", got)
	}
	if got = read(build, "", "", ""); got.Version != "9.9.9" || got.Revision != "fromgo" || got.BuildDate != "2020-01-01T00:00:00Z" {
		t.Errorf("what Go records was not used: %+v", got)
	}
}

func TestNothingKnown(t *testing.T) {
	for _, build := range []*debug.BuildInfo{nil, {}, {Main: debug.Module{Version: "(devel)"}}} {
		got := read(build, "", "", "")
		if got.Version != "dev" || got.Revision != "unknown" || got.BuildDate != "unknown" {
			t.Errorf("read(%v) = %+v", build, got)
		}
		for _, want := range []string{"agentctl dev", "go1.", got.OS + "/" + got.Arch, got.DataDate} {
			if !strings.Contains(got.String(), want) {
				t.Errorf("version text lacks %q:\n%s", want, got)
			}
		}
	}
}

func TestGetHasNoEmptyField(t *testing.T) {
	i := Get()
	for name, v := range map[string]string{"version": i.Version, "revision": i.Revision, "date": i.BuildDate,
		"go": i.GoVersion, "os": i.OS, "arch": i.Arch, "data": i.DataDate} {
		if v == "" {
			t.Errorf("%s is empty", name)
		}
	}
}
