package ssmagent

import (
	"bytes"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

const (
	dpkgStatus    = "/var/lib/dpkg/status"
	dpkgList      = "/var/lib/dpkg/info/amazon-ssm-agent.list"
	maxDpkgStatus = 32 << 20 // 3,000 packages take some 3 MB
)

// rpmDatabases are where rpm keeps its database, old and new.
var rpmDatabases = [...]string{"/var/lib/rpm", "/usr/lib/sysimage/rpm"}

// install is what is known of the installed files.
type install struct {
	binary   string    // path of the core program; "" unknown
	modified time.Time // of the binary: when the package was built
	changed  time.Time // when dpkg last unpacked the package; zero unknown
	version  string    // by the package database
	source   string    // of version
}

// findInstall fills in whether the agent is installed, and by which package.
func findInstall(s *probes.AgentState, host platform.Host, l layout, core *platform.Process) install {
	var at install
	sure := true
	kind := ""
	if core != nil && core.Exe != "" {
		at.binary = core.Exe
	}
	for _, b := range l.binaries {
		info, err := host.Stat(b.path)
		switch {
		case err == nil && info.Mode().IsRegular():
			if at.binary == "" {
				at.binary = b.path
			}
			if at.binary == b.path || strings.HasPrefix(at.binary, "/snap/amazon-ssm-agent/") && b.kind == "snap" {
				at.modified, kind = info.ModTime(), b.kind
			}
		case err != nil && !absent(err):
			sure = false
		}
	}
	if at.modified.IsZero() && at.binary != "" {
		if info, err := host.Stat(at.binary); err == nil {
			at.modified = info.ModTime()
		}
	}
	if l.windows {
		s.Package = kind
	} else {
		sure = packageOf(s, host, &at, kind) && sure
	}
	switch {
	case at.binary != "" || core != nil || s.Package != "":
		s.Install = Installed
	case sure:
		s.Install = Absent
	}
	return at
}

// packageOf finds the package that the agent came by, and its version where a text
// file tells it; rpm's database is none. It is false where that could not be read.
func packageOf(s *probes.AgentState, host platform.Host, at *install, kind string) bool {
	if kind == "snap" {
		s.Package = "snap"
		name := snapDir + "/meta/snap.yaml"
		if data, err := readable(host, name, 64<<10); err == nil {
			at.version, at.source = snapVersion(data), name
		}
		return true
	}
	data, err := readable(host, dpkgStatus, maxDpkgStatus)
	if v, ok := dpkgVersion(data); ok {
		s.Package, at.version, at.source = "deb", v, dpkgStatus
		if info, err := host.Stat(dpkgList); err == nil {
			at.changed = info.ModTime()
		}
		return true
	}
	if at.binary != "" && (err != nil || len(data) == 0) {
		for _, db := range rpmDatabases {
			if _, err := host.Stat(db); err == nil {
				s.Package = "rpm"
				return true
			}
		}
	}
	return err == nil || absent(err)
}

// dpkgVersion finds the agent's version in dpkg's status file (deb-control(5)),
// where the package is unpacked or installed.
func dpkgVersion(data []byte) (string, bool) {
	i := bytes.Index(data, []byte("\nPackage: amazon-ssm-agent\n"))
	if i < 0 {
		if !bytes.HasPrefix(data, []byte("Package: amazon-ssm-agent\n")) {
			return "", false
		}
		i = 0
	}
	section := data[i:]
	if end := bytes.Index(section[1:], []byte("\n\n")); end >= 0 {
		section = section[:end+1]
	}
	version, there := "", false
	for line := range bytes.Lines(section) {
		switch name, value, _ := strings.Cut(string(line), ":"); name {
		case "Status":
			f := strings.Fields(value)
			there = len(f) == 3 && f[2] != "config-files" && f[2] != "not-installed"
		case "Version":
			version = findVersion(value)
		}
	}
	return version, there
}

// snapVersion is the version that a snap's snap.yaml names.
func snapVersion(data []byte) string {
	for line := range bytes.Lines(data) {
		if value, ok := strings.CutPrefix(string(line), "version:"); ok {
			return findVersion(value)
		}
	}
	return ""
}
