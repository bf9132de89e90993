package diagnosis

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/hostcheck"
	"agentctl/probes/patchruns"
)

// image is a machine as an image has it: files below a root, and what statfs says.
type image struct {
	os    platform.OS
	files map[string]string // "-> x" is a symbolic link
	disks map[string]uint64 // free bytes by mount point
	now   time.Time
}

const (
	rootMount = "22 1 259:1 / / rw,noatime shared:1 - xfs /dev/nvme0n1p1 rw,seclabel\n"
	efiMount  = "30 22 259:2 / /boot/efi rw,relatime shared:9 - vfat /dev/nvme0n1p128 rw,fmask=0077\n"
	bootMount = "31 22 259:3 / /boot rw,relatime shared:9 - ext4 /dev/nvme0n1p16 rw\n"
)

// images are healthy instances, each at a time at which it was supported.
func images() map[string]image {
	apt := map[string]string{"/usr/bin/apt-get": "", "/var/lib/dpkg/lock-frontend": "", "/var/lib/dpkg/lock": "", "/var/lib/apt/lists/lock": ""}
	with := func(more map[string]string) map[string]string {
		m := maps.Clone(apt)
		maps.Copy(m, more)
		return m
	}
	linux := func(id, version, kernel string) platform.OS {
		return platform.OS{Family: "linux", ID: id, Version: version, Kernel: kernel, Arch: "x86_64"}
	}
	return map[string]image{
		"Amazon Linux 2023": {linux("amzn", "2023", "6.1.158-178.288.amzn2023.x86_64"), map[string]string{
			"/usr/bin/dnf": "-> dnf-3", "/usr/bin/dnf-3": "", "/usr/bin/yum": "-> dnf-3", "/usr/bin/python3": "-> python3.9", "/usr/bin/python3.9": "x",
			"/etc/system-release": "Amazon Linux release 2023.12.20260817 (Amazon Linux)\n", "/lib/modules/6.1.158-178.288.amzn2023.x86_64/vmlinuz": "",
		}, nil, noon},
		"Amazon Linux 2": {linux("amzn", "2", "5.10.245-241.976.amzn2.x86_64"), map[string]string{
			"/usr/bin/yum": "", "/usr/bin/python": "-> python2", "/usr/bin/python2": "-> python2.7", "/usr/bin/python2.7": "x", "/usr/bin/python3": "-> python3.7", "/usr/bin/python3.7": "x",
			"/usr/lib/python2.7/site-packages/yum/__init__.py": "", "/boot/vmlinuz-5.10.245-241.976.amzn2.x86_64": "", "/lib/modules/5.10.245-241.976.amzn2.x86_64/modules.dep": "",
		}, nil, time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)},
		"Red Hat 9": {linux("rhel", "9.6", "5.14.0-570.el9_6.x86_64"), map[string]string{
			"/usr/bin/dnf": "", "/usr/bin/yum": "-> dnf", "/usr/bin/python3": "-> python3.9", "/usr/bin/python3.9": "x", "/var/lib/dnf/rpmdb_lock.pid": "777", "/proc/1/mountinfo": rootMount + bootMount + efiMount,
		}, map[string]uint64{"/boot": 700 * mb}, noon},
		"Ubuntu 22.04": {linux("ubuntu", "22.04", "6.8.0-1021-aws"), with(map[string]string{
			"/usr/bin/python3": "-> python3.10", "/usr/bin/python3.10": "x", "/boot/vmlinuz-6.8.0-1021-aws": "", "/lib/modules/6.8.0-1021-aws/modules.dep": "",
		}), nil, noon},
		"Debian 12": {linux("debian", "12", "6.1.0-41-cloud-amd64"), with(map[string]string{"/usr/bin/python3": "-> python3.11", "/usr/bin/python3.11": "x"}), nil, noon},
		"SLES 15 SP7": {linux("sles", "15.7", "6.4.0-150700.53.22-default"), map[string]string{
			"/usr/bin/zypper": "", "/usr/bin/python3": "-> python3.6", "/usr/bin/python3.6": "x", "/run/zypp.pid": "", "/etc/products.d/SLES.prod": "",
		}, nil, noon},
	}
}

// round reads the machine, as a round does.
func (m image) round(t *testing.T) *probes.Round {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"/proc/1/mountinfo": rootMount + efiMount, "/proc/meminfo": "MemTotal: 965432 kB\nMemAvailable: 640000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n", "/proc/vmstat": "oom_kill 0\n", "/proc/locks": "",
		"/usr/bin/curl": "", "/bin": "-> usr/bin", "/sbin": "-> usr/sbin", "/var/run": "-> ../run", "/var/lib/amazon/ssm/i-0abc/document/orchestration/x/y": "",
	}
	maps.Copy(files, m.files)
	for name, content := range files {
		p := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(p), 0o750)
		if to, ok := strings.CutPrefix(content, "-> "); err == nil && ok {
			err = os.Symlink(to, p)
		} else if err == nil {
			err = os.WriteFile(p, []byte(content), 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, m.now.Add(-time.Hour), m.now.Add(-time.Hour)); err != nil && !strings.HasPrefix(content, "-> ") {
			t.Fatal(err)
		}
	}
	host := platform.New(root, platform.WithClock(func() time.Time { return m.now }))
	r := healthyRound()
	r.Started, r.Now = m.now, m.now
	shift(r, m.now.Sub(noon))
	r.TimeSync.Offset = 0
	each(r, func(x *probes.Result) {
		x.HTTP.ReceivedAt = m.now.Add(500 * time.Millisecond)
		x.TLS.Chain[0].NotBefore = m.now.AddDate(0, -3, 0)
	})
	r.Host.OS = m.os
	r.Host.Processes = []platform.Process{{PID: 1, Comm: "systemd", State: "S", Start: m.now.Add(-48 * time.Hour)}}
	r.HostState = hostcheck.Read(host, r.Host, hostcheck.In{Root: root, Statfs: func(p string) (hostcheck.Usage, error) {
		left := uint64(5 * gb)
		switch n, ok := m.disks[p]; {
		case ok:
			left = n
		case p == "/boot/efi":
			left = 8 * mb
		}
		return hostcheck.Usage{Total: 8 * gb, Free: left, Available: left, Inodes: 1 << 20, FreeInodes: 1 << 19}, nil
	}})
	r.PatchRuns = patchruns.Read(host, r.Host, patchruns.In{InstanceID: "i-0abc", Region: "us-east-1"})
	return r
}

func (m image) add(files map[string]string) image {
	m.files = maps.Clone(m.files)
	maps.Copy(m.files, files)
	return m
}

// Each of them is silent when it is healthy, and what is broken in it is said.
func TestImages(t *testing.T) {
	ofBlock := func(t *testing.T, m image) string {
		r := m.round(t)
		d := Diagnose(recorded(t, r))
		honest(t, r, d)
		var got []string
		for _, f := range d.Findings {
			if e, _ := Lookup(f.Code); e.Block == BlockHost {
				got = append(got, string(f.Code))
			} else if f.Severity != Info {
				t.Errorf("%s: %s", f.Code, f.Summary)
			}
		}
		slices.Sort(got)
		return strings.Join(got, " ")
	}
	for name, m := range images() {
		t.Run(name, func(t *testing.T) {
			if got := ofBlock(t, m); got != "" {
				t.Errorf("healthy: %q", got)
			}
			full := m
			full.disks = maps.Clone(m.disks)
			if full.disks == nil {
				full.disks = map[string]uint64{}
			}
			full.disks["/"] = 20 * mb
			if got := ofBlock(t, full); got != "host-disk-low" {
				t.Errorf("full: %q", got)
			}
			if got := ofBlock(t, m.add(map[string]string{"/proc/1/mountinfo": "22 1 259:1 / / rw,noexec shared:1 - xfs /dev/nvme0n1p1 rw\n"})); got != "host-noexec" {
				t.Errorf("noexec: %q", got)
			}
			bare := m.add(nil)
			maps.DeleteFunc(bare.files, func(name, _ string) bool { return strings.Contains(name, "bin/python") })
			if got := ofBlock(t, bare); got != "host-python-missing" {
				t.Errorf("without Python: %q", got)
			}
			if got := ofBlock(t, m.failed("Unable to download payload: "+payload+".", 156)); got != "patch-last-run-failed" {
				t.Errorf("failed run: %q", got)
			}
		})
	}
	al2 := images()["Amazon Linux 2"]
	al2.now = noon
	if got := ofBlock(t, al2); got != "host-os-unsupported" {
		t.Errorf("Amazon Linux 2 past its end: %q", got)
	}
	old := images()["Amazon Linux 2023"].add(map[string]string{"/etc/system-release": "Amazon Linux release 2023.9.20251117 (Amazon Linux)\n"})
	if got := ofBlock(t, old); got != "host-release-locked" {
		t.Errorf("Amazon Linux 2023 of last year: %q", got)
	}
}

// failed adds a run with an error in its output.
func (m image) failed(line string, code int) image {
	const run = "/var/lib/amazon/ssm/i-0abc/document/orchestration/" + runID
	return m.add(map[string]string{
		run + "/PatchLinux/_script.sh":               "#!/bin/bash\n",
		run + "/awsrunShellScript/PatchLinux/stdout": "11/24/2026 10:59:00 root [INFO]: Operation type: Scan\n11/24/2026 10:59:01 root [ERROR]: " + line + "\n",
		run + "/awsrunShellScript/PatchLinux/stderr": fmt.Sprintf("failed to run commands: exit status %d", code),
	})
}

// From the output of a run to what is said of it.
func TestRunsFromTheirOutput(t *testing.T) {
	m := images()["Amazon Linux 2023"]
	for name, c := range map[string]struct {
		line     string
		code     int
		severity Severity
		summary  string
	}{
		"noexec, mended since":   {"/var/lib/amazon/ssm/x/_script.sh: Permission denied", 126, Info, "(the patch script may not be executed: /var/lib/amazon is mounted noexec); that is gone now."},
		"Python, mended since":   {"An unsupported package manager and python version combination was found.", 1, Info, "finds no Python"},
		"curl, mended since":     {"Error code returned from curl is 28", 156, Warning, "no connection to S3"}, // its payload's host is not known
		"dpkg":                   {"E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", 2, Warning, "an earlier installation was broken off"},
		"something of its own":   {"the moon is full", 7, Warning, "no cause that is known"},
		"a password in the line": {"the moon is full at https://user:secret@example.com/x", 7, Warning, "no cause that is known"},
	} {
		t.Run(name, func(t *testing.T) {
			r := m.failed(c.line, c.code).round(t)
			d := Diagnose(recorded(t, r))
			honest(t, r, d)
			i := slices.IndexFunc(d.Findings, func(f Finding) bool { return f.Code == "patch-last-run-failed" })
			if i < 0 {
				t.Fatalf("%+v; runs %+v", d.Findings, r.PatchRuns)
			}
			if f := d.Findings[i]; f.Severity != c.severity || !strings.Contains(f.Summary, c.summary) {
				t.Errorf("%s: %s %+v", f.Severity, f.Summary, f.Evidence)
			}
		})
	}
}
