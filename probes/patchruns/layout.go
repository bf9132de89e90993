package patchruns

import (
	"os"
	"strings"
)

// layout is where the SSM Agent and Patch Manager keep what, by operating system
// (agent/appconfig, constants_unix.go and constants_windows.go; the patch scripts).
type layout struct {
	sep  string
	data string // one directory for each instance id
	logs string // of Patch Manager: configuration, reboot markers
	lock string
	// module holds the logs of Windows's PowerShell module.
	module string
	// step, plugin and script are the names of a patch step, of the directory that its
	// output lies in, and of its script.
	step, plugin, script string
}

func layoutOf(family string) layout {
	if family != "windows" {
		return layout{
			sep:  "/",
			data: "/var/lib/amazon/ssm",
			logs: "/var/log/amazon/ssm",
			lock: "/var/log/amazon/ssm/patch-baseline-concurrent.lock",
			step: "PatchLinux", plugin: "awsrunShellScript", script: "_script.sh",
		}
	}
	base := os.Getenv("ProgramData")
	if base == "" {
		base = `C:\ProgramData`
	}
	return layout{
		sep:    `\`,
		data:   base + `\Amazon\SSM\InstanceData`,
		logs:   base + `\Amazon\SSM\Logs`,
		lock:   base + `\Amazon\SSM\patch-baseline-concurrent.lock`,
		module: base + `\Amazon\PatchBaselineOperations\Logs`,
		step:   "PatchWindows", plugin: "awsrunPowerShellScript", script: "_script.ps1",
	}
}

// The agent writes a step's script to RUN/STEP/_script.sh and its output to
// RUN/PLUGIN/STEP/stdout (agent/plugins/runscript; agent/framework/runpluginutil,
// output.Init). Windows does not tell large and small letters apart.
func (l layout) isStep(name string) bool   { return strings.EqualFold(name, l.step) }
func (l layout) isPlugin(name string) bool { return strings.EqualFold(name, l.plugin) }

func (l layout) join(parts ...string) string { return strings.Join(parts, l.sep) }
