package ssmagent

import (
	"os"
	"strings"
)

// layout is where the agent keeps what, by operating system (agent/appconfig,
// constants_unix.go and constants_windows.go).
type layout struct {
	windows  bool
	binaries []binary
	// config is used unless configBeside exists below the binary's directory,
	// where that is not the usual one.
	config       string
	configBeside string
	usualDir     string
	identity     string
	dhmc         string
	stray        string // credentials file of the agent's own user
	data         string // holds one directory for each instance id
	log          string
	audits       string // directory of one small file a day
	notes        []string
	units        []string // systemd's names of the service
}

// binary is a place where a package puts the core program.
type binary struct {
	path string
	kind string // of package; "" where the package database must tell
}

const (
	coreName   = "amazon-ssm-agent"
	workerName = "ssm-agent-worker"
	snapDir    = "/snap/amazon-ssm-agent/current"
	// maxComm is the length at which Linux cuts a process's name (proc_pid_comm(5)).
	maxComm = 15
)

func layoutOf(family string) layout {
	if family == "windows" {
		return windowsLayout()
	}
	const data, config = "/var/lib/amazon/ssm/", "/etc/amazon/ssm/"
	return layout{
		binaries: []binary{
			{"/usr/bin/amazon-ssm-agent", ""},
			{snapDir + "/amazon-ssm-agent", "snap"},
			{"/usr/sbin/amazon-ssm-agent", ""}, // SUSE's own package
		},
		config:       config + "amazon-ssm-agent.json",
		configBeside: "/configuration/amazon-ssm-agent.json",
		usualDir:     "/usr/bin",
		identity:     data + "runtimeconfig/identity_config.json",
		dhmc:         data + "credentials",
		stray:        "/root/.aws/credentials",
		data:         data,
		log:          "/var/log/amazon/ssm/amazon-ssm-agent.log",
		audits:       "/var/log/amazon/ssm/audits",
		notes:        []string{config + "RELEASENOTES.md", snapDir + "/RELEASENOTES.md"},
		units:        []string{"amazon-ssm-agent.service", "snap.amazon-ssm-agent.amazon-ssm-agent.service"},
	}
}

func windowsLayout() layout {
	programs, data := folder("ProgramFiles", `C:\Program Files`)+`\Amazon\SSM\`, folder("ProgramData", `C:\ProgramData`)+`\Amazon\SSM\`
	return layout{
		windows:      true,
		binaries:     []binary{{programs + "amazon-ssm-agent.exe", "msi"}},
		config:       programs + "amazon-ssm-agent.json",
		configBeside: `\configuration\amazon-ssm-agent.json`,
		identity:     data + `runtimeconfig\identity_config.json`,
		dhmc:         programs + "credentials",
		stray:        folder("SystemRoot", `C:\Windows`) + `\System32\config\systemprofile\.aws\credentials`,
		data:         data + `InstanceData\`,
		log:          data + `Logs\amazon-ssm-agent.log`,
		audits:       data + `Logs\audits`,
		notes:        []string{programs + "RELEASENOTES.md"},
	}
}

// folder is one of Windows's known folders, by the environment that the agent
// itself asks, and by its usual name elsewhere.
func folder(name, usual string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return usual
}

// baseName is the last part of a path of either system.
func baseName(p string) string {
	return p[strings.LastIndexAny(p, `/\`)+1:]
}

// dirName is a path without its last part.
func dirName(p string) string {
	if i := strings.LastIndexAny(p, `/\`); i > 0 {
		return p[:i]
	}
	return ""
}
