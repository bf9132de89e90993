package hostcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/probes"
)

// held writes locks down as "PATH KIND PID COMM SINCEBY AGE".
func held(l probes.HostLocks) []string {
	var out []string
	for _, h := range l.Held {
		line := fmt.Sprintf("%s %s %d %s", h.Path, h.Kind, h.PID, h.Comm)
		if !h.Since.IsZero() {
			line += fmt.Sprintf(" %s %s", h.SinceBy, clock.Sub(h.Since))
		}
		out = append(out, line)
	}
	for _, s := range l.Stale {
		out = append(out, s+" stale")
	}
	return out
}

func TestLocks(t *testing.T) {
	proc := func(pid int, comm string, age time.Duration) platform.Process {
		return platform.Process{PID: pid, Comm: comm, State: "S", Start: clock.Add(-age)}
	}
	dpkg := "/var/lib/dpkg/lock-frontend"
	for name, c := range map[string]struct {
		manager string
		files   map[string]string
		age     time.Duration // of the files
		procs   []platform.Process
		kernel  string // %s: MAJOR:MINOR:INODE of the file
		of      string
		want    []string
	}{
		"dnf holds, for an hour": {"dnf", map[string]string{"/var/lib/dnf/rpmdb_lock.pid": "4321"}, time.Hour,
			[]platform.Process{proc(4321, "dnf", time.Hour)}, "", "", []string{"/var/lib/dnf/rpmdb_lock.pid pid_file 4321 dnf file 1h0m0s"}},
		"dnf's file of a process that is gone": {"dnf", map[string]string{"/var/cache/dnf/metadata_lock.pid": "4321\n"}, time.Hour,
			[]platform.Process{proc(1, "systemd", time.Hour)}, "", "", []string{"/var/cache/dnf/metadata_lock.pid stale"}},
		"the number belongs to another program now": {"yum", map[string]string{"/var/run/yum.pid": "4321"}, time.Hour,
			[]platform.Process{proc(4321, "nginx", 2*time.Hour)}, "", "", []string{"/var/run/yum.pid stale"}},
		"or to a later run": {"yum", map[string]string{"/var/run/yum.pid": "4321"}, time.Hour,
			[]platform.Process{proc(4321, "yum", time.Minute)}, "", "", []string{"/var/run/yum.pid stale"}},
		"a zombie holds nothing": {"yum", map[string]string{"/var/run/yum.pid": "4321"}, time.Hour,
			[]platform.Process{{PID: 4321, Comm: "yum", State: "Z"}}, "", "", []string{"/var/run/yum.pid stale"}},
		"rubbish in the file": {"yum", map[string]string{"/var/run/yum.pid": "\x00\xff\n"}, time.Hour,
			[]platform.Process{proc(1, "systemd", time.Hour)}, "", "", []string{"/var/run/yum.pid stale"}},
		"zypper": {"zypper", map[string]string{"/run/zypp.pid": "77"}, 40 * time.Minute,
			[]platform.Process{proc(77, "zypper", 41*time.Minute)}, "", "", []string{"/run/zypp.pid pid_file 77 zypper file 40m0s"}},
		"apt's files are always there": {"apt", map[string]string{dpkg: "", "/var/lib/dpkg/lock": ""}, time.Hour, nil, "", "", nil},
		"apt holds": {"apt", map[string]string{dpkg: ""}, 100 * time.Hour,
			[]platform.Process{proc(900, "unattended-upgr", 45*time.Minute)}, "1: POSIX  ADVISORY  WRITE 900 %s 0 EOF\n", dpkg,
			[]string{dpkg + " kernel 900 unattended-upgr process 45m0s"}},
		"one who waits holds nothing": {"apt", map[string]string{dpkg: ""}, time.Hour,
			[]platform.Process{proc(900, "apt-get", time.Hour)}, "1: -> POSIX  ADVISORY  WRITE 900 %s 0 EOF\n", dpkg, nil},
		"a reader keeps nobody out": {"dnf", map[string]string{"/var/lib/rpm/.rpm.lock": ""}, time.Hour,
			[]platform.Process{proc(900, "rpm", time.Hour)}, "1: POSIX  ADVISORY  READ 900 %s 0 EOF\n", "/var/lib/rpm/.rpm.lock", nil},
		"a daemon that lives on, by the file": {"dnf", map[string]string{"/var/lib/rpm/.rpm.lock": ""}, 10 * time.Minute,
			[]platform.Process{proc(900, "packagekitd", 48*time.Hour)}, "7: POSIX  ADVISORY  WRITE 900 %s 0 EOF\n", "/var/lib/rpm/.rpm.lock",
			[]string{"/var/lib/rpm/.rpm.lock kernel 900 packagekitd file 10m0s"}},
		"a daemon, and the file is older than it": {"dnf", map[string]string{"/var/lib/rpm/.rpm.lock": ""}, 480 * time.Hour,
			[]platform.Process{proc(900, "packagekitd", 48*time.Hour)}, "7: POSIX  ADVISORY  WRITE 900 %s 0 EOF\n", "/var/lib/rpm/.rpm.lock",
			[]string{"/var/lib/rpm/.rpm.lock kernel 900 packagekitd"}},
		"of another process namespace": {"dnf", map[string]string{"/var/lib/rpm/.rpm.lock": ""}, time.Hour,
			[]platform.Process{proc(1, "init", time.Hour)}, "7: OFDLCK ADVISORY  WRITE -1 %s 0 EOF\n", "/var/lib/rpm/.rpm.lock",
			[]string{"/var/lib/rpm/.rpm.lock kernel 0 "}},
		"Patch Manager's own": {"apt", map[string]string{patchLock: "{}"}, 90 * time.Minute,
			[]platform.Process{proc(900, "python3", 90*time.Minute)}, "7: FLOCK  ADVISORY  WRITE 900 %s 0 EOF\n", patchLock,
			[]string{patchLock + " kernel 900 python3 process 1h30m0s"}},
		"the lock of apt's timer keeps no apt-get out": {"apt", map[string]string{"/var/lib/apt/daily_lock": ""}, time.Hour,
			[]platform.Process{proc(900, "apt.systemd.dai", 45*time.Minute)}, "1: FLOCK  ADVISORY  WRITE 900 %s 0 EOF\n", "/var/lib/apt/daily_lock", nil},
		"an inode of another file system": {"apt", map[string]string{dpkg: ""}, time.Hour,
			[]platform.Process{proc(900, "apt-get", time.Hour)}, "1: POSIX  ADVISORY  WRITE 900 ff:ff:1 0 EOF\n", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := dir(t, c.files)
			for f := range c.files {
				must(t, os.Chtimes(filepath.Join(root, f), clock.Add(-c.age), clock.Add(-c.age)))
			}
			text := c.kernel + "9: LEASE ACTIVE READ 3 00:05:7 0 EOF\n"
			if c.of != "" {
				info, err := os.Stat(filepath.Join(root, c.of))
				must(t, err)
				device, inode := fileID(info)
				var major, minor int
				_, err = fmt.Sscanf(device, "%d:%d", &major, &minor)
				must(t, err)
				text = fmt.Sprintf(strings.Replace(text, "%s", "%02x:%02x:%s", 1), major, minor, inode)
			}
			must(t, os.MkdirAll(filepath.Join(root, "proc"), 0o755))
			must(t, os.WriteFile(filepath.Join(root, "proc/locks"), []byte(text), 0o644))
			facts := linux("x", "1")
			facts.Processes = c.procs
			l := Read(hostAt(root), facts, In{Manager: c.manager}).Locks
			if diff := cmp.Diff(c.want, held(l)); diff != "" {
				t.Error(diff)
			}
			if !l.Known {
				t.Error("not known")
			}
		})
	}
}

// On btrfs a file's device is not the one that /proc/locks names.
func TestLockOnSubvolume(t *testing.T) {
	r := reader{mounts: []mount{{point: "/", number: "0:30", fsType: "btrfs"}}}
	if !r.sameDevice("/var/lib/rpm/.rpm.lock", "0:45", "0:30") || r.sameDevice("/x", "0:45", "0:31") {
		t.Error("the mount's number decides")
	}
}

func TestLocksUnreadable(t *testing.T) {
	if l := reading(t, nil, linux("x", "1"), In{Manager: "apt"}).Locks; l.Known {
		t.Error("known without /proc/locks")
	}
}
