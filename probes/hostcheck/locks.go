package hostcheck

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentctl/probes"
)

// lockFile is a file by which package managers keep each other out.
type lockFile struct {
	path string
	pid  bool // it holds its owner's process id; else the kernel knows who holds it
}

// rpmLocks are rpm's own, of old and new places, and dnf 5's.
var rpmLocks = []lockFile{
	{path: "/var/lib/rpm/.rpm.lock"},
	{path: "/usr/lib/sysimage/rpm/.rpm.lock"},
	{path: "/run/dnf/rpmtransaction.lock"},
}

// lockFiles by package manager: dnf/lock.py, yum's LOCKFILE (yum/constants.py), apt
// (apt-pkg/aptconfiguration; daily_lock keeps its timer's script apart, not apt),
// libzypp's zypp.pid.
var lockFiles = map[string][]lockFile{
	"dnf": append([]lockFile{
		{"/var/lib/dnf/rpmdb_lock.pid", true},
		{"/var/cache/dnf/metadata_lock.pid", true},
		{"/var/cache/dnf/download_lock.pid", true},
		{"/var/run/yum.pid", true},
	}, rpmLocks...),
	"yum": append([]lockFile{{"/var/run/yum.pid", true}}, rpmLocks...),
	"apt": {
		{path: "/var/lib/dpkg/lock-frontend"},
		{path: "/var/lib/dpkg/lock"},
		{path: "/var/lib/apt/lists/lock"},
		{path: "/var/cache/apt/archives/lock"},
	},
	"zypper": append([]lockFile{{"/run/zypp.pid", true}, {"/run/zypp-rpm.pid", true}}, rpmLocks...),
}

// patchLock is Patch Manager's own, against two runs at once.
const patchLock = "/var/log/amazon/ssm/patch-baseline-concurrent.lock"

// kernelLock is one line of /proc/locks.
type kernelLock struct {
	pid           int
	device, inode string // MAJOR:MINOR in decimal, and a decimal number
}

const maxLocks = 10000

// parseLocks reads /proc/locks (proc_locks(5)): held ones, not those who wait ("->").
//
//	1: POSIX  ADVISORY  WRITE 4321 fd:00:393222 0 EOF
func parseLocks(data []byte) []kernelLock {
	var out []kernelLock
	for line := range bytes.Lines(data) {
		if len(line) > 512 {
			continue
		}
		f := strings.Fields(string(line))
		if len(f) < 8 || f[1] == "->" || len(out) == maxLocks {
			continue
		}
		switch f[1] {
		case "POSIX", "OFDLCK", "FLOCK":
		default:
			continue
		}
		if f[3] != "WRITE" { // a reader keeps nobody from reading
			continue
		}
		pid, err := strconv.Atoi(f[4])
		id := strings.Split(f[5], ":")
		if err != nil || len(id) != 3 {
			continue
		}
		major, err1 := strconv.ParseUint(id[0], 16, 32)
		minor, err2 := strconv.ParseUint(id[1], 16, 32)
		if _, ok := number(id[2]); err1 != nil || err2 != nil || !ok {
			continue
		}
		out = append(out, kernelLock{pid: max(pid, 0), device: strconv.FormatUint(major, 10) + ":" + strconv.FormatUint(minor, 10), inode: id[2]})
	}
	return out
}

// locks are those that are held. A lock file by itself holds nothing: apt's are
// always there, and a killed yum leaves its own behind.
func (r *reader) locks() probes.HostLocks {
	var out probes.HostLocks
	files := lockFiles[r.in.Manager]
	if files == nil {
		return out
	}
	data, ok := r.text("/proc/locks", maxTable)
	if ok && data == nil {
		r.note("/proc/locks", errForm)
	}
	out.Known = ok && data != nil
	held := parseLocks(data)
	for _, f := range append(slices.Clone(files), lockFile{path: patchLock}) {
		info, err := r.host.Stat(f.path)
		if err != nil {
			if !absent(err) {
				r.note(f.path, err)
				out.Known = false
			}
			continue
		}
		if f.pid {
			r.pidLock(f.path, info.ModTime(), &out)
			continue
		}
		device, inode := fileID(info)
		for _, k := range held {
			if k.inode == inode && inode != "" && r.sameDevice(f.path, device, k.device) {
				out.Held = append(out.Held, r.lockOf(f.path, k.pid, info.ModTime()))
				break
			}
		}
	}
	return out
}

// sameDevice compares the device of a file with that of a lock. On btrfs a file's own
// is one of its subvolume, so that of its mount counts too.
func (r *reader) sameDevice(name, device, lock string) bool {
	if device == lock {
		return true
	}
	i := holding(r.mounts, name)
	return i >= 0 && r.mounts[i].number == lock
}

// pidLock looks at a lock file that names its owner.
func (r *reader) pidLock(name string, written time.Time, out *probes.HostLocks) {
	data, ok := r.text(name, 64)
	if !ok {
		out.Known = false
		return
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid < 1 {
		out.Stale = append(out.Stale, name)
		return
	}
	comm, start, alive := r.process(pid)
	// A process of another kind, or one that began after the file was written, has
	// the number of the owner, who is gone.
	if !alive || !patching(comm) || !start.IsZero() && start.After(written.Add(time.Minute)) {
		out.Stale = append(out.Stale, name)
		return
	}
	l := probes.HostLock{Path: name, Kind: probes.LockPIDFile, PID: pid, Comm: comm, HolderStart: start}
	if !written.After(r.now.Add(time.Minute)) {
		l.Since, l.SinceBy = written.UTC(), "file"
	}
	out.Held = append(out.Held, l)
}

// runsOnce are programs that run for one operation: they hold their lock about as
// long as they live. Others (packagekitd, aptd, snapd) live on.
var runsOnce = []string{"apt", "dpkg", "unattended-upgr", "dnf", "yum", "rpm", "zypper", "Zypp", "python", "frontend", "needrestart", "debconf"}

// lockOf is a lock that the kernel knows.
func (r *reader) lockOf(name string, pid int, written time.Time) probes.HostLock {
	comm, start, _ := r.process(pid)
	l := probes.HostLock{Path: name, Kind: probes.LockKernel, PID: pid, Comm: comm, HolderStart: start, Patching: path.Base(name) == path.Base(patchLock)}
	if start.IsZero() {
		return l
	}
	for _, p := range runsOnce {
		if strings.HasPrefix(comm, p) && comm != "aptd" {
			l.Since, l.SinceBy = start, "process"
			return l
		}
	}
	// A file that was written while the holder lived was most likely written by it.
	if written.After(start) && !written.After(r.now) {
		l.Since, l.SinceBy = written.UTC(), "file"
	}
	return l
}

// process is a living process.
func (r *reader) process(pid int) (comm string, start time.Time, alive bool) {
	for i := range r.facts.Processes {
		if p := &r.facts.Processes[i]; p.PID == pid {
			return show(p.Comm), p.Start.UTC(), p.State != "Z" && p.State != "X"
		}
	}
	if len(r.facts.Processes) > 0 || pid < 1 {
		return "", time.Time{}, false
	}
	// Nobody listed the processes: this one can be asked for.
	data, err := r.host.ReadFile("/proc/"+strconv.Itoa(pid)+"/comm", 64)
	return show(string(data)), time.Time{}, err == nil
}
