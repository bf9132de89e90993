package hostcheck

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/probes"
)

// distribution is a healthy instance of one, as its image has it.
type distribution struct {
	id, version, kernel, manager string
	files                        map[string]string
	state                        probes.SupportState
	newer                        bool // its Python is newer than the table
}

var distributions = map[string]distribution{
	"Amazon Linux 2023": {"amzn", "2023", "6.1.158-178.288.amzn2023.x86_64", "dnf", map[string]string{
		"/usr/bin/dnf": "-> dnf-3", "/usr/bin/dnf-3": "", "/usr/bin/yum": "-> dnf-3", "/usr/bin/python3": "-> python3.9", "/usr/bin/python3.9": "x",
		"/etc/system-release": "Amazon Linux release 2023.9.20251117 (Amazon Linux)\n", "/var/lib/rpm/.rpm.lock": "", "/usr/bin/zstd": "", "/usr/bin/unxz": "", "/usr/bin/unzip": "",
		"/lib/modules/6.1.158-178.288.amzn2023.x86_64/vmlinuz": "",
	}, probes.SupportYes, false},
	"Amazon Linux 2": {"amzn", "2", "5.10.245-241.976.amzn2.x86_64", "yum", map[string]string{
		"/usr/bin/yum": "", "/usr/bin/python": "-> python2", "/usr/bin/python2": "-> python2.7", "/usr/bin/python2.7": "x", "/usr/bin/python3": "-> python3.7", "/usr/bin/python3.7": "x",
		"/usr/lib/python2.7/site-packages/yum/__init__.py": "", "/lib/modules/5.10.245-241.976.amzn2.x86_64/modules.dep": "", "/boot/vmlinuz-5.10.245-241.976.amzn2.x86_64": "",
	}, probes.SupportEnded, false},
	"Red Hat 9": {"rhel", "9.6", "5.14.0-570.el9_6.x86_64", "dnf", map[string]string{
		"/usr/bin/dnf": "", "/usr/bin/yum": "-> dnf", "/usr/bin/python3": "-> python3.9", "/usr/bin/python3.9": "x", "/usr/libexec/platform-python": "-> /usr/bin/python3.9",
		"/usr/bin/zstd": "", "/usr/bin/unxz": "", "/usr/bin/unzip": "", "/var/lib/dnf/rpmdb_lock.pid": "777",
	}, probes.SupportYes, false},
	"Ubuntu 24.04": {"ubuntu", "24.04", "6.14.0-1017-aws", "apt", map[string]string{
		"/usr/bin/apt-get": "", "/usr/bin/python3": "-> python3.12", "/usr/bin/python3.12": "x", "/var/lib/dpkg/lock-frontend": "", "/var/lib/dpkg/lock": "", "/var/lib/apt/lists/lock": "",
		"/lib/modules/6.14.0-1017-aws/modules.dep": "", "/boot/vmlinuz-6.14.0-1017-aws": "", "/lib/modules/6.8.0-1021-aws/modules.dep": "", "/boot/vmlinuz-6.8.0-1021-aws": "",
	}, probes.SupportYes, false},
	"Ubuntu 25.04": {"ubuntu", "25.04", "", "apt", map[string]string{
		"/usr/bin/apt-get": "", "/usr/bin/python3": "-> python3.13", "/usr/bin/python3.13": "x",
	}, probes.SupportEnded, true},
	"Debian 12": {"debian", "12", "6.1.0-41-cloud-amd64", "apt", map[string]string{
		"/usr/bin/apt-get": "", "/usr/bin/python3": "-> python3.11", "/usr/bin/python3.11": "x",
	}, probes.SupportYes, false},
	"SLES 15 SP7": {"sles", "15.7", "6.4.0-150700.53.22-default", "zypper", map[string]string{
		"/usr/bin/zypper": "", "/usr/bin/python3": "-> python3.6", "/usr/bin/python3.6": "x", "/run/zypp.pid": "",
	}, probes.SupportYes, false},
}

// Each of them is silent when it is healthy.
func TestHealthyDistributions(t *testing.T) {
	for name, d := range distributions {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"/proc/1/mountinfo": rootOnly + efi, "/proc/meminfo": meminfo, "/proc/vmstat": "oom_kill 0\n", "/proc/locks": "1: FLOCK ADVISORY WRITE 1 00:19:1 0 EOF\n",
				"/usr/bin/curl": "", "/usr/bin/tar": "", "/bin": "-> usr/bin", "/sbin": "-> usr/sbin", "/var/run": "-> ../run", "/usr/sbin/": "", "/run/": "",
			}
			maps.Copy(files, d.files)
			facts := linux(d.id, d.version)
			facts.OS.Kernel = d.kernel
			facts.Processes = []platform.Process{{PID: 1, Comm: "systemd", State: "S", Start: clock.Add(-time.Hour)}}
			s := reading(t, files, facts, In{Statfs: sizes(map[string]uint64{"/": 15 << 30, "/boot/efi": 8 * mb})})
			if s.Manager != d.manager || len(s.Unknown) != 0 {
				t.Errorf("manager %s, unknown %v", s.Manager, s.Unknown)
			}
			if want := map[bool]probes.PythonSupport{false: probes.PythonSupported, true: probes.PythonNewer}[d.newer]; s.Python.Support != want || !s.Python.Known {
				t.Errorf("python %+v", s.Python)
			}
			for _, tool := range s.Tools {
				if tool.Needed && isFalse(tool.Present) {
					t.Errorf("tool %+v", tool)
				}
			}
			if !s.Locks.Known || len(s.Locks.Held) != 0 || s.Reboot.Pending || s.OS.State != d.state || !s.Memory.Known || !s.DisksKnown {
				t.Errorf("locks %+v, reboot %+v, os %+v", s.Locks, s.Reboot, s.OS)
			}
			data, err := json.Marshal(s)
			must(t, err)
			var again probes.HostState
			must(t, json.Unmarshal(data, &again))
			if diff := cmp.Diff(s, again); diff != "" {
				t.Error(diff)
			}
		})
	}
}
