package unit

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

func TestFromFiles(t *testing.T) {
	const (
		etc    = "/etc/systemd/system/"
		lib    = "/usr/lib/systemd/system/"
		wants  = "multi-user.target.wants/"
		normal = "[Service]\nExecStart=/usr/bin/amazon-ssm-agent\n[Install]\nWantedBy=multi-user.target\n"
	)
	null := platformtest.File{Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666}
	file := func(s string) platformtest.File { return platformtest.File{Data: []byte(s)} }
	link := platformtest.File{Mode: fs.ModeSymlink | 0o777}
	for _, tt := range []struct {
		name  string
		files map[string]platformtest.File
		want  probes.AgentUnit
	}{
		{"none", nil, probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "not-found"}},
		{"enabled", map[string]platformtest.File{lib + probes.AgentUnitPackaged: file(normal), etc + wants + probes.AgentUnitPackaged: link},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "loaded", Enabled: "enabled", File: lib + probes.AgentUnitPackaged}},
		{"required by a target", map[string]platformtest.File{lib + probes.AgentUnitPackaged: file(normal), etc + "x.target.requires/" + probes.AgentUnitPackaged: link},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "loaded", Enabled: "enabled", File: lib + probes.AgentUnitPackaged}},
		{"enabled until the next boot", map[string]platformtest.File{lib + probes.AgentUnitPackaged: file(normal), "/run/systemd/system/" + wants + probes.AgentUnitPackaged: link},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "loaded", Enabled: "enabled-runtime", File: lib + probes.AgentUnitPackaged}},
		{"disabled", map[string]platformtest.File{lib + probes.AgentUnitPackaged: file(normal)},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "loaded", Enabled: "disabled", File: lib + probes.AgentUnitPackaged}},
		{"static", map[string]platformtest.File{lib + probes.AgentUnitPackaged: file("[Service]\nExecStart=/x\n")},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "loaded", Enabled: "static", File: lib + probes.AgentUnitPackaged}},
		{"masked", map[string]platformtest.File{lib + probes.AgentUnitPackaged: file(normal), etc + probes.AgentUnitPackaged: null},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "masked", Enabled: "masked", File: etc + probes.AgentUnitPackaged}},
		{"masked by an empty file", map[string]platformtest.File{lib + probes.AgentUnitPackaged: file(normal), etc + probes.AgentUnitPackaged: file("")},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "masked", Enabled: "masked", File: etc + probes.AgentUnitPackaged}},
		{"masked until the next boot", map[string]platformtest.File{lib + probes.AgentUnitPackaged: file(normal), "/run/systemd/system/" + probes.AgentUnitPackaged: null},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "masked", Enabled: "masked-runtime", File: "/run/systemd/system/" + probes.AgentUnitPackaged}},
		{"snap", map[string]platformtest.File{etc + probes.AgentUnitSnap: file(normal), etc + wants + probes.AgentUnitSnap: link},
			probes.AgentUnit{Name: probes.AgentUnitSnap, Load: "loaded", Enabled: "enabled", File: etc + probes.AgentUnitSnap}},
		{"a folder of the name", map[string]platformtest.File{lib + probes.AgentUnitPackaged: {Mode: fs.ModeDir | 0o755}},
			probes.AgentUnit{Name: probes.AgentUnitPackaged, Load: "error", File: lib + probes.AgentUnitPackaged}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := emptyFiles()
			for name, f := range tt.files {
				host.Files[name] = f
			}
			got := Read(context.Background(), host, host.Facts(), Options{Sockets: []Socket{}})
			tt.want.Known, tt.want.Source, tt.want.Why = true, probes.UnitFromFiles, "there is no system bus"
			if got.Name != tt.want.Name || got.Load != tt.want.Load || got.Enabled != tt.want.Enabled || got.File != tt.want.File ||
				got.Known != tt.want.Known || got.Source != tt.want.Source || got.Why != tt.want.Why || got.Active != "" || got.Proxy.Known {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// emptyFiles is a host that systemd has booted.
func emptyFiles() *platformtest.Host {
	return platformtest.New(map[string]string{"/run/systemd/system/.keep": ""})
}

func TestUnknown(t *testing.T) {
	read := func(h *platformtest.Host) probes.AgentUnit {
		return Read(context.Background(), h, h.Facts(), Options{Sockets: []Socket{}})
	}
	unit := map[string]string{"/lib/systemd/system/amazon-ssm-agent.service": "[Service]\n"}
	host := platformtest.New(unit)
	host.FactsValue.Processes = []platform.Process{{PID: 1, Comm: "init"}}
	if u := read(host); u.Known || u.Source != "" || u.Why != "systemd does not run here" {
		t.Errorf("a container with the unit's file and without systemd: %+v", u)
	}
	host.FactsValue.Processes[0].Comm = "systemd"
	if u := read(host); !u.Known || u.Load != "loaded" {
		t.Errorf("below a mounted root without /run: %+v", u)
	}
	host = emptyFiles()
	host.Files["/etc/systemd/system/amazon-ssm-agent.service"] = platformtest.File{Err: errors.New("input/output error")}
	if u := read(host); u.Known || u.Why == "" || u.Load != "" {
		t.Errorf("unreadable: %+v", u)
	}
	host = platformtest.New(unit)
	host.FactsValue.OS.Family = "windows"
	if u := read(host); u.Known || u.Why == "" {
		t.Errorf("Windows: %+v", u)
	}
}
