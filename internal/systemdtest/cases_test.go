//go:build linux

package systemdtest

import (
	"strings"

	"agentctl/probes"
)

const (
	packaged = probes.AgentUnitPackaged
	snap     = probes.AgentUnitSnap
	unitAt   = "/lib/systemd/system/" + packaged // on merged systems /usr/lib is the same
	dropIn   = "/etc/systemd/system/" + packaged + ".d/override.conf"
	envFile  = "/etc/sysconfig/amazon-ssm-agent"
)

// expectation is what one case must show. Fields of want that are zero are not
// compared; the cases' systemctl is, in every case.
type expectation struct {
	Case
	want    probes.AgentUnit
	loops   bool
	running bool
	stopped bool
	off     bool
	// nobodyProxyUnknown: the proxy stands in a file that only root may read.
	nobodyProxyUnknown bool
	// files is what the unit files alone tell.
	files probes.AgentUnit
}

// write is a script that writes a file.
func write(name, content string) string {
	return "mkdir -p $(dirname " + name + ")\ncat >" + name + " <<'EOF'\n" + strings.TrimSpace(content) + "\nEOF\n"
}

// service is the packaged unit as the agent's source has it
// (packaging/linux/amazon-ssm-agent.service), with the program's arguments and more
// settings.
func service(name, args string, more ...string) string {
	return write(name, `
[Unit]
Description=amazon-ssm-agent
After=network-online.target

[Service]
Type=simple
WorkingDirectory=/usr/bin/
ExecStart=/usr/bin/amazon-ssm-agent `+args+`
KillMode=process
Restart=always
RestartPreventExitStatus=194
RestartSec=90
`+strings.Join(more, "\n")+`

[Install]
WantedBy=multi-user.target`) + "systemctl daemon-reload\n"
}

// tidy takes everything away that an earlier case left, links by systemctl included:
// a `systemctl disable` reads all units anew, which takes longer than the case.
const tidy = `
units="amazon-ssm-agent.service snap.amazon-ssm-agent.amazon-ssm-agent.service"
systemctl stop $units 2>/dev/null || true
for u in $units; do
	rm -rf /lib/systemd/system/$u /etc/systemd/system/$u /etc/systemd/system/$u.d
	rm -f /etc/systemd/system/*.wants/$u /run/systemd/system/*.wants/$u
done
rm -f /etc/sysconfig/amazon-ssm-agent
systemctl unset-environment https_proxy
systemctl daemon-reload
systemctl reset-failed
`

const (
	enable = "systemctl enable -q " + packaged + "\n"
	start  = "systemctl start " + packaged + "\n"
	runs   = "is SubState running"
)

func count(n int) *int { return &n }

// loaded is what the files tell of an installed unit.
func loaded(enabled string) probes.AgentUnit {
	return probes.AgentUnit{Name: packaged, Load: "loaded", Enabled: enabled}
}

func expectations() []expectation {
	return []expectation{
		{Case: Case{Name: "not installed"},
			want:  probes.AgentUnit{Name: packaged, Load: "not-found", Active: "inactive", Sub: "dead"},
			files: probes.AgentUnit{Name: packaged, Load: "not-found"}},
		{Case: Case{Name: "installed and running", Setup: service(unitAt, "") + enable + start, Await: runs},
			want: probes.AgentUnit{Name: packaged, Load: "loaded", Active: "active", Sub: "running", Enabled: "enabled", Result: "success",
				Restarts: count(0), Restart: "always", RestartDelay: 90, FinalExits: []int{194}, File: unitAt,
				Proxy: probes.AgentProxy{Known: true, Source: unitAt}},
			running: true, files: loaded("enabled")},
		{Case: Case{Name: "stopped", Setup: service(unitAt, "") + enable + start + "ready\nsystemctl stop " + packaged, Await: "is ActiveState inactive"},
			want: probes.AgentUnit{Load: "loaded", Active: "inactive", Sub: "dead", Enabled: "enabled", Result: "success",
				ExitKind: "exited", ExitStatus: 0},
			stopped: true, files: loaded("enabled")},
		{Case: Case{Name: "never started", Setup: service(unitAt, "")},
			want:    probes.AgentUnit{Load: "loaded", Active: "inactive", Sub: "dead", Enabled: "disabled"},
			stopped: true, off: true, files: loaded("disabled")},
		{Case: Case{Name: "disabled but running", Setup: service(unitAt, "") + start, Await: runs},
			want:    probes.AgentUnit{Load: "loaded", Active: "active", Sub: "running", Enabled: "disabled"},
			running: true, off: true, files: loaded("disabled")},
		{Case: Case{Name: "enabled until the next boot only", Setup: service(unitAt, "") + "systemctl enable -q --runtime " + packaged + "\n" + start, Await: runs},
			want:    probes.AgentUnit{Active: "active", Enabled: "enabled-runtime"},
			running: true, off: true, files: loaded("enabled-runtime")},
		{Case: Case{Name: "masked", Setup: service(unitAt, "") + "systemctl mask -q " + packaged},
			want:    probes.AgentUnit{Name: packaged, Load: "masked", Active: "inactive", Sub: "dead", Enabled: "masked"},
			stopped: true, off: true, files: probes.AgentUnit{Name: packaged, Load: "masked", Enabled: "masked"}},
		{Case: Case{Name: "masked while it runs", Setup: service(unitAt, "") + start + "systemctl mask -q " + packaged, Await: runs},
			want:    probes.AgentUnit{Load: "masked", Active: "active", Sub: "running", Enabled: "masked"},
			running: true, off: true, files: probes.AgentUnit{Name: packaged, Load: "masked", Enabled: "masked"}},
		{Case: Case{Name: "bad unit", Setup: write(unitAt, "[Service]\nRestart=always\n") + "systemctl daemon-reload"},
			want:    probes.AgentUnit{Load: "bad-setting", Active: "inactive", Enabled: "static"},
			stopped: true, files: loaded("static")},
		{Case: Case{Name: "without install section", Setup: write(unitAt, "[Service]\nExecStart=/usr/bin/amazon-ssm-agent\n") + "systemctl daemon-reload\n" + start, Await: runs},
			want:    probes.AgentUnit{Load: "loaded", Active: "active", Enabled: "static"},
			running: true, files: loaded("static")},
		{Case: Case{Name: "changed on disk", Setup: service(unitAt, "") + enable + start + "touch -d 2030-01-01 " + unitAt, Await: runs},
			want:    probes.AgentUnit{Active: "active", NeedDaemonReload: true},
			running: true, files: loaded("enabled")},
		{Case: Case{Name: "another user", Setup: service(unitAt, "", "User=daemon") + enable + start, Await: runs},
			want:    probes.AgentUnit{Active: "active", User: "daemon"},
			running: true, files: loaded("enabled")},
		{Case: Case{Name: "snap", Unit: snap, Setup: service("/etc/systemd/system/"+snap, "") + "systemctl enable -q " + snap + "\nsystemctl start " + snap,
			Await: "is SubState running " + snap},
			want: probes.AgentUnit{Name: snap, Load: "loaded", Active: "active", Sub: "running", Enabled: "enabled",
				File: "/etc/systemd/system/" + snap},
			running: true, files: probes.AgentUnit{Name: snap, Load: "loaded", Enabled: "enabled"}},
		{Case: Case{Name: "snap runs, packaged one stopped", Unit: snap, Setup: service(unitAt, "") + service("/etc/systemd/system/"+snap, "") +
			enable + "systemctl start " + snap, Await: "is SubState running " + snap},
			want:    probes.AgentUnit{Name: snap, Load: "loaded", Active: "active", Sub: "running", Enabled: "disabled"},
			running: true, off: true, files: loaded("enabled")}, // files cannot tell which of them runs
		{Case: Case{Name: "both stopped, snap enabled", Unit: snap, Setup: service(unitAt, "") + service("/etc/systemd/system/"+snap, "") +
			"systemctl enable -q " + snap},
			want:    probes.AgentUnit{Name: snap, Active: "inactive", Enabled: "enabled"},
			stopped: true, files: probes.AgentUnit{Name: snap, Load: "loaded", Enabled: "enabled"}},
	}
}

// loop has systemd restart the service at once and over and over, and then changes the
// unit: the state that follows stays as long as it is looked at.
func loop(args, change string, more ...string) string {
	more = append(more, "RestartSec=10ms", "StartLimitBurst=0")
	return service(unitAt, args, more...) + enable + "systemctl start --no-block " + packaged + `
until atleast NRestarts 3; do sleep 0.01; done
sed -i '` + change + `' ` + unitAt + `
systemctl daemon-reload
`
}

// exits are the cases of a process that ends by itself.
func exits() []expectation {
	return []expectation{
		{Case: Case{Name: "restarting over and over", Setup: loop("exit=1", "s/RestartSec=.*/RestartSec=90/"), Await: "is SubState auto-restart"},
			want:  probes.AgentUnit{Active: "activating", Sub: "auto-restart", Result: "exit-code", ExitKind: "exited", ExitStatus: 1},
			loops: true, files: loaded("enabled")},
		{Case: Case{Name: "restarting over and over, seen while it runs", Setup: loop("exit=1", "s/exit=1//"), Await: runs},
			want:  probes.AgentUnit{Active: "active", Sub: "running", Result: "success"},
			loops: true, running: true, files: loaded("enabled")},
		{Case: Case{Name: "restarted once after a crash", Setup: service(unitAt, "", "RestartSec=10ms") + enable + start + "systemctl kill -s KILL " + packaged,
			Await: runs + " && is NRestarts 1"},
			want:    probes.AgentUnit{Active: "active", Sub: "running", Restarts: count(1)},
			running: true, files: loaded("enabled")},
		{Case: Case{Name: "restarted by an update", Setup: service(unitAt, "") + enable + start + strings.Repeat("systemctl restart "+packaged+"\n", 3), Await: runs},
			want:    probes.AgentUnit{Active: "active", Sub: "running", Restarts: count(0), Result: "success"},
			running: true, files: loaded("enabled")},
		{Case: Case{Name: "killed, waiting for its first restart", Setup: service(unitAt, "") + enable + start + "systemctl kill -s KILL " + packaged,
			Await: "is SubState auto-restart"},
			want:  probes.AgentUnit{Active: "activating", Sub: "auto-restart", Result: "signal", ExitKind: "killed", ExitStatus: 9, Restarts: count(0)},
			files: loaded("enabled")},
		{Case: Case{Name: "failed by the start limit", Setup: service(unitAt, "exit=2", "RestartSec=10ms") + enable + start, Await: "is ActiveState failed"},
			want:  probes.AgentUnit{Active: "failed", Sub: "failed", ExitKind: "exited", ExitStatus: 2},
			loops: true, stopped: true, files: loaded("enabled")},
		{Case: Case{Name: "failed by the start limit, without error", Setup: service(unitAt, "exit=0", "RestartSec=10ms") + enable + start, Await: "is ActiveState failed"},
			want:  probes.AgentUnit{Active: "failed", Sub: "failed", Result: "start-limit-hit"},
			loops: true, stopped: true, files: loaded("enabled")},
		{Case: Case{Name: "exited with 194", Setup: service(unitAt, "exit=194") + enable + start, Await: "is ActiveState failed"},
			want:    probes.AgentUnit{Active: "failed", Sub: "failed", Result: "exit-code", ExitKind: "exited", ExitStatus: 194, Restarts: count(0)},
			stopped: true, files: loaded("enabled")},
		{Case: Case{Name: "exited with 194 after restarts", Setup: loop("exit=1", "s/exit=1/exit=194/"), Await: "is ActiveState failed"},
			want:    probes.AgentUnit{Active: "failed", Sub: "failed", ExitKind: "exited", ExitStatus: 194},
			stopped: true, files: loaded("enabled")},
		{Case: Case{Name: "dumped core", Setup: service(unitAt, "", "ExecStart=", "ExecStart=/bin/sh -c 'kill -ABRT $$$$'") + enable + start, Await: "is SubState auto-restart"},
			want:  probes.AgentUnit{Active: "activating", Sub: "auto-restart", ExitStatus: 6, Restarts: count(0)},
			files: loaded("enabled")},
		{Case: Case{Name: "program missing", Setup: loop("", "s/RestartSec=.*/RestartSec=90/", "ExecStart=", "ExecStart=/nowhere/agent"),
			Await: "is SubState auto-restart"},
			want:  probes.AgentUnit{Active: "activating", Result: "exit-code", ExitKind: "exited", ExitStatus: 203},
			loops: true, files: loaded("enabled")},
		{Case: Case{Name: "environment file missing", Setup: loop("", "s/RestartSec=.*/RestartSec=90/", "EnvironmentFile=/nowhere/env"),
			Await: "is SubState auto-restart"},
			want:  probes.AgentUnit{Active: "activating", Result: "resources"},
			loops: true, files: loaded("enabled")},
	}
}

// proxies are the cases of a proxy for the service. What is compared came through the
// guest's JSON, where passwords must be masked.
func proxies() []expectation {
	running := func(name, setup string, p probes.AgentProxy) expectation {
		p.Known = true
		return expectation{Case: Case{Name: name, Setup: setup + enable + start, Await: runs},
			want: probes.AgentUnit{Active: "active", Proxy: p}, running: true, files: loaded("enabled")}
	}
	const reload = "systemctl daemon-reload\n"
	byFile := service(unitAt, "", "EnvironmentFile=-"+envFile)
	secret := running("proxy in a file that only root may read", byFile+write(envFile, "https_proxy=http://user:hunter2@10.0.0.3:3128")+"chmod 600 "+envFile+"\n",
		probes.AgentProxy{Source: envFile, HTTPS: "http://***@10.0.0.3:3128"})
	secret.nobodyProxyUnknown = true
	return []expectation{
		running("proxy by drop-in", service(unitAt, "")+write(dropIn, `
[Service]
Environment="http_proxy=http://10.0.0.1:3128"
Environment="https_proxy=http://user:hunter2@10.0.0.1:3129" no_proxy=169.254.169.254,.internal`)+reload,
			probes.AgentProxy{Source: dropIn, HTTP: "http://10.0.0.1:3128", HTTPS: "http://***@10.0.0.1:3129", NoProxy: "169.254.169.254,.internal"}),
		running("proxy by environment file", byFile+write(envFile, "# ours\nhttps_proxy=\"http://10.0.0.2:3128\"\nno_proxy=169.254.169.254\n"),
			probes.AgentProxy{Source: envFile, HTTPS: "http://10.0.0.2:3128", NoProxy: "169.254.169.254"}),
		secret,
		running("environment file that need not be there", byFile, probes.AgentProxy{Source: unitAt}),
		running("environment file over drop-in", byFile+write(envFile, "https_proxy=http://10.0.0.5:1")+
			write(dropIn, "[Service]\nEnvironment=https_proxy=http://10.0.0.6:1\n")+reload,
			probes.AgentProxy{Source: envFile, HTTPS: "http://10.0.0.5:1"}),
		running("proxy unset again", service(unitAt, "", "Environment=https_proxy=http://10.0.0.4:3128")+
			write(dropIn, "[Service]\nUnsetEnvironment=https_proxy\n")+reload, probes.AgentProxy{Source: unitAt}),
		running("proxy of systemd itself", service(unitAt, "")+"systemctl set-environment https_proxy=http://10.0.0.7:3128\n",
			probes.AgentProxy{Source: "the environment of systemd itself", HTTPS: "http://10.0.0.7:3128"}),
	}
}
