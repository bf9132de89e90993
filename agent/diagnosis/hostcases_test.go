package diagnosis

import (
	"slices"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

const gb = 1 << 30

func is(b bool) *bool { return &b }

func number(n uint64) *uint64 { return &n }

// healthyHost is an Amazon Linux 2023 with nothing amiss.
func healthyHost(r *probes.Round) *probes.HostState {
	all := []string{"/", "/usr", "/var", "/var/cache", "/var/log", "/var/lib/amazon", "/tmp"}
	r.HostState = probes.HostState{
		Manager: "dnf", DisksKnown: true,
		Disks: []probes.Disk{
			{Mount: "/", Device: "/dev/nvme0n1p1", FSType: "xfs", Paths: all, Uses: []probes.DiskUse{probes.DiskSpace, probes.DiskExec},
				Known: true, Total: 8 * gb, Free: 5 * gb, Available: 5 * gb, Inodes: 4 << 20, FreeInodes: 4 << 20, Source: ofInit},
			{Mount: "/boot/efi", FSType: "vfat", Paths: []string{"/boot/efi"}, Known: true, Total: 10 * mb, Free: 8 * mb, Available: 8 * mb, Source: ofInit},
		},
		Python: probes.HostPython{Known: true, Needs: "Python 2.6 to 3.12", TableDate: "2026-08-22", Support: probes.PythonSupported,
			Candidates: []probes.Python{{Name: "python3", Path: "/usr/bin/python3", Version: "3.9", Source: "same as /usr/bin/python3.9", Support: probes.PythonSupported}}},
		Tools: []probes.HostTool{{Name: "curl", Path: "/usr/bin/curl", Present: is(true), Package: "curl"}, {Name: "zstd", Path: "/usr/bin/zstd", Present: is(true), Package: "zstd"},
			{Name: "xz", Path: "/usr/bin/unxz", Present: is(true), Package: "xz"}, {Name: "unzip", Present: is(false), Needed: true, Because: "Patch Manager may need it with dnf", Package: "unzip"}},
		Memory: probes.HostMemory{Known: true, Total: 940 * mb, Available: 620 * mb, OOMKills: number(0), AgentOOMKills: number(0)},
		Locks:  probes.HostLocks{Known: true},
		OS: probes.OSSupport{State: probes.SupportYes, ID: "amzn", Version: "2023", Name: "Amazon Linux 2023", Listed: true,
			Ends: time.Date(2029, 6, 30, 0, 0, 0, 0, time.UTC), TableDate: "2026-08-22"},
		Reboot:  probes.HostReboot{Known: true},
		Release: probes.ReleaseLock{Applies: true, Known: true, Locked: true, Installed: "2023.12.20260817", Repository: "2023.12.20260817", Newest: "2023.12.20260817"},
	}
	return &r.HostState
}

// on changes a healthy host.
func on(change func(*probes.HostState)) func(*probes.Round) {
	return func(r *probes.Round) { change(healthyHost(r)) }
}

// free sets the room of the root file system, in bytes.
func free(n uint64) func(*probes.Round) {
	return on(func(s *probes.HostState) { s.Disks[0].Free, s.Disks[0].Available = n, n })
}

// with adds a file system.
func with(d probes.Disk) func(*probes.Round) {
	return on(func(s *probes.HostState) {
		d.Known, d.Source, d.Available = true, ofInit, d.Free
		s.Disks = append(s.Disks, d)
	})
}

func lock(path, comm string, held time.Duration) probes.HostLock {
	return probes.HostLock{Path: path, Kind: probes.LockPIDFile, PID: 4321, Comm: comm, Since: noon.Add(-held), SinceBy: "file", Patching: strings.Contains(path, "concurrent")}
}

func locked(ls ...probes.HostLock) func(*probes.Round) {
	return on(func(s *probes.HostState) { s.Locks.Held = ls })
}

const (
	dnfLock   = "/var/lib/dnf/rpmdb_lock.pid"
	patchLock = "/var/log/amazon/ssm/patch-baseline-concurrent.lock"
)

// killed is a line of the kernel's log.
func killed(comm string, ago time.Duration, pkg bool) func(*probes.Round) {
	return on(func(s *probes.HostState) {
		s.Memory.OOMKills = number(1)
		s.Memory.Kills = []probes.OOMKill{{PID: 900, Comm: comm, At: noon.Add(-ago), Line: "Out of memory: Killed process 900 (" + comm + ")", Source: "/var/log/messages", Package: pkg}}
	})
}

var hostCases = []roundCase{
	{"healthy host", on(func(*probes.HostState) {}), ""},
	{"nobody looked at the host", func(*probes.Round) {}, ""},
	{"everything is wrong, and the group was not asked for", func(r *probes.Round) {
		s := healthyHost(r)
		s.Disks[0].Free, s.Disks[0].NoExec, s.Python.Best, s.Memory.Available = 0, true, -1, 0
		s.OS.State, s.Reboot.Pending, s.Release.Behind = probes.SupportNo, true, true
		s.Locks.Held = []probes.HostLock{lock(dnfLock, "dnf", 9*time.Hour)}
		r.Groups = slices.DeleteFunc(r.Groups, func(g probes.Group) bool { return g == probes.GroupHost })
	}, ""},
	{"nothing may be read", func(r *probes.Round) {
		r.HostState = probes.HostState{Manager: "dnf", Python: probes.HostPython{Best: -1}, Tools: []probes.HostTool{{Name: "zstd", Needed: true, Sure: true, Because: "x"}},
			Disks: []probes.Disk{{Mount: "/", Paths: []string{"/"}, Uses: []probes.DiskUse{probes.DiskSpace}, Why: "permission denied"}}}
	}, ""},

	// Disks
	{"root with 99 MB", free(99 * mb), "host-disk-low"},
	{"root with 100 MB", free(100 * mb), "host-disk-low"},
	{"root with 1 GB", free(1 * gb), ""},
	{"room for root alone", on(func(s *probes.HostState) { s.Disks[0].Available = 0 }), "host-disk-low"},
	{"/boot/efi of 10 MB, full", on(func(s *probes.HostState) { s.Disks[1].Free, s.Disks[1].Available = 0, 0 }), ""},
	{"/boot of 500 MB, 149 left", with(probes.Disk{Mount: "/boot", FSType: "xfs", Paths: []string{"/boot"}, Uses: []probes.DiskUse{probes.DiskBoot}, Total: 500 * mb, Free: 149 * mb}), "host-disk-low"},
	{"/boot of 700 MB, half full", with(probes.Disk{Mount: "/boot", FSType: "xfs", Paths: []string{"/boot"}, Uses: []probes.DiskUse{probes.DiskBoot}, Total: 700 * mb, Free: 350 * mb}), ""},
	{"/boot without inodes of its own count", with(probes.Disk{Mount: "/boot", FSType: "vfat", Paths: []string{"/boot"}, Uses: []probes.DiskUse{probes.DiskBoot}, Total: 700 * mb, Free: 350 * mb, Inodes: 9, FreeInodes: 1}), ""},
	{"/var/log of its own, 99 MB left", with(probes.Disk{Mount: "/var/log", FSType: "xfs", Paths: []string{"/var/log"}, Uses: []probes.DiskUse{probes.DiskLogs}, Total: 2 * gb, Free: 99 * mb}), "host-disk-low"},
	{"/var/log of its own, 101 MB left", with(probes.Disk{Mount: "/var/log", FSType: "xfs", Paths: []string{"/var/log"}, Uses: []probes.DiskUse{probes.DiskLogs}, Total: 2 * gb, Free: 101 * mb}), ""},
	{"/tmp is full", with(probes.Disk{Mount: "/tmp", FSType: "tmpfs", Paths: []string{"/tmp"}, Total: 100 * mb}), ""},
	{"no inodes", on(func(s *probes.HostState) { s.Disks[0].FreeInodes = 0 }), "host-disk-low"},
	{"btrfs has no number of inodes", on(func(s *probes.HostState) { s.Disks[0].FSType, s.Disks[0].Inodes, s.Disks[0].FreeInodes = "btrfs", 0, 0 }), ""},
	{"a read-only /usr is full by design", with(probes.Disk{Mount: "/usr", FSType: "squashfs", Paths: []string{"/usr"}, Uses: []probes.DiskUse{probes.DiskSpace}, Total: 700 * mb, ReadOnly: true, Inodes: 900}), ""},
	{"small volume, nearly empty", on(func(s *probes.HostState) {
		s.Disks[0].Total, s.Disks[0].Free, s.Disks[0].Available = 900*mb, 850*mb, 850*mb
	}), "host-disk-low"},
	{"Windows, 50 MB left", windows(50 * mb), "host-disk-low"},
	{"Windows, 20 GB left", windows(20 * gb), ""},
	{"/var mounted noexec", on(func(s *probes.HostState) { s.Disks[0].NoExec = true }), "host-noexec"},
	{"/tmp mounted noexec", with(probes.Disk{Mount: "/tmp", Paths: []string{"/tmp"}, Total: gb, Free: gb, NoExec: true}), ""},

	// Python
	{"no Python", on(func(s *probes.HostState) { s.Python.Best, s.Python.Candidates, s.Python.Support = -1, nil, "" }), "host-python-missing"},
	{"yum without its Python 2", on(func(s *probes.HostState) {
		s.Manager, s.Python.Needs, s.Python.Best, s.Python.Support = "yum", "Python 2.6 or 2.7 with the yum module", -1, probes.PythonWrong
		s.Python.Candidates = []probes.Python{{Name: "python2.7", Path: "/usr/local/bin/python2.7", Version: "2.7", Support: probes.PythonWrong, Detail: "no yum module for Python 2.7"}}
	}), "host-python-missing"},
	{"only a newer Python", on(func(s *probes.HostState) {
		s.Python.Candidates[0].Version, s.Python.Candidates[0].Support, s.Python.Support = "3.14", probes.PythonNewer, probes.PythonNewer
	}), "i:host-python-missing"},
	{"a Python of unknown version", on(func(s *probes.HostState) {
		s.Python.Candidates[0].Version, s.Python.Candidates[0].Support, s.Python.Support = "", probes.PythonUnknown, probes.PythonUnknown
	}), ""},
	{"the search path may not be read", on(func(s *probes.HostState) { s.Python.Known, s.Python.Best, s.Python.Candidates = false, -1, nil }), ""},
	{"a machine without package manager", on(func(s *probes.HostState) { s.Manager, s.Python.Best, s.Python.Candidates = "", -1, nil }), ""},

	// Tools
	{"zstd is missing, and a repository uses it", on(func(s *probes.HostState) {
		s.Tools[1] = probes.HostTool{Name: "zstd", Present: is(false), Needed: true, Sure: true, Because: "the update notices of a repository here are compressed with it", Package: "zstd"}
	}), "host-tool-missing"},
	{"zstd is missing, and may be needed", on(func(s *probes.HostState) {
		s.Tools[1] = probes.HostTool{Name: "zstd", Present: is(false), Needed: true, Because: "Patch Manager may need it with dnf", Package: "zstd"}
	}), ""},
	{"zstd is missing, and the last run failed for want of it", func(r *probes.Round) {
		healthyHost(r).Tools[1] = probes.HostTool{Name: "zstd", Present: is(false), Needed: true, Because: "Patch Manager may need it with dnf", Package: "zstd"}
		leftRuns(r, failedRun(probes.PatchScan, 2*time.Hour, sign("tool-missing", map[string]string{"tool": "zstd"})))
	}, "host-tool-missing"},
	{"neither curl nor wget", on(func(s *probes.HostState) {
		s.Tools[0] = probes.HostTool{Name: "curl", Present: is(false), Needed: true, Sure: true, Because: "the patch script downloads its payload with curl, or with wget", Package: "curl"}
	}), "host-tool-missing"},
	{"curl is a snap", on(func(s *probes.HostState) { s.Tools[0].Path, s.Tools[0].Snap = "/snap/bin/curl", true }), "host-tool-missing"},

	// Memory
	{"399 MB available", on(func(s *probes.HostState) { s.Memory.Available = 399 * mb }), "host-memory-low"},
	{"400 MB available", on(func(s *probes.HostState) { s.Memory.Available = 400 * mb }), ""},
	{"t3.nano", on(func(s *probes.HostState) { s.Memory.Total, s.Memory.Available = 418*mb, 250*mb }), "host-memory-low"},
	{"t3.nano with swap", on(func(s *probes.HostState) {
		s.Memory.Total, s.Memory.Available, s.Memory.SwapTotal, s.Memory.SwapFree = 418*mb, 250*mb, gb, gb
	}), ""},
	{"little memory while dnf works", on(func(s *probes.HostState) {
		s.Memory.Available, s.Locks.Held = 200*mb, []probes.HostLock{lock(dnfLock, "dnf", time.Minute)}
	}), ""},
	{"little memory while a patch run works", func(r *probes.Round) {
		healthyHost(r).Memory.Available = 200 * mb
		leftRuns(r, aRun(probes.PatchInstall, probes.PatchRunning, time.Minute))
	}, ""},
	{"dnf was killed yesterday", killed("dnf", 24*time.Hour, true), "host-memory-low"},
	{"dnf was killed ten days ago", killed("dnf", 240*time.Hour, true), ""},
	{"another program was killed", killed("java", time.Hour, false), ""},
	{"dnf was killed, and an installation went well since", func(r *probes.Round) {
		killed("dnf", 24*time.Hour, true)(r)
		leftRuns(r, aRun(probes.PatchInstall, probes.PatchSucceeded, time.Hour))
	}, ""},
	{"a command of the SSM Agent was killed", func(r *probes.Round) {
		healthyHost(r).Memory.AgentOOMKills = number(2)
		r.Agent.Started = noon.Add(-24 * time.Hour)
	}, "host-memory-low"},
	{"a command of the SSM Agent was killed, nobody knows when", on(func(s *probes.HostState) { s.Memory.AgentOOMKills = number(2) }), ""},
	{"the last run was killed, and the kernel counts kills", func(r *probes.Round) {
		healthyHost(r).Memory.OOMKills = number(3)
		leftRuns(r, failedRun(probes.PatchInstall, 2*time.Hour, sign("killed", nil, "host-memory-low")))
	}, "host-memory-low"},

	// Locks
	{"dnf's lock for 31 minutes", locked(lock(dnfLock, "dnf", 31*time.Minute)), "host-package-lock"},
	{"dnf's lock for 29 minutes", locked(lock(dnfLock, "dnf", 29*time.Minute)), ""},
	{"a lock of unknown age", on(func(s *probes.HostState) {
		s.Locks.Held = []probes.HostLock{{Path: "/var/lib/rpm/.rpm.lock", Kind: probes.LockKernel, PID: 900, Comm: "packagekitd", HolderStart: noon.Add(-48 * time.Hour)}}
	}), ""},
	{"a stale lock file", on(func(s *probes.HostState) { s.Locks.Stale = []string{"/var/run/yum.pid"} }), ""},
	{"a patch run for an hour", locked(lock(patchLock, "python3", time.Hour), lock(dnfLock, "python3", 50*time.Minute)), ""},
	{"a patch run for an hour, seen by its output", func(r *probes.Round) {
		locked(lock(dnfLock, "python3", time.Hour))(r)
		leftRuns(r, aRun(probes.PatchInstall, probes.PatchRunning, time.Hour))
	}, ""},
	{"a patch run for three hours", locked(lock(patchLock, "python3", 3*time.Hour)), "host-package-lock"},
	{"a patch run waits for an older lock", locked(lock(patchLock, "python3", 10*time.Minute), lock(dnfLock, "dnf", 50*time.Minute)), "host-package-lock"},

	// Release
	{"past its end", on(func(s *probes.HostState) {
		s.OS.State, s.OS.Name, s.OS.Ends = probes.SupportEnded, "Amazon Linux 2", time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	}), "host-os-unsupported"},
	{"past its end, without Pro", on(func(s *probes.HostState) {
		s.OS = probes.OSSupport{State: probes.SupportEnded, ID: "ubuntu", Version: "20.04", Name: "Ubuntu 20.04 LTS", Listed: true, Ends: noon.AddDate(-1, 0, 0),
			Extended: noon.AddDate(4, 0, 0), ExtendedName: "Ubuntu Pro", ExtendedActive: is(false)}
	}), "host-os-unsupported"},
	{"past its end, and extended support cannot be seen", on(func(s *probes.HostState) {
		s.OS = probes.OSSupport{State: probes.SupportEnded, ID: "rhel", Version: "7.9", Name: "Red Hat Enterprise Linux 7", Listed: true, Ends: noon.AddDate(-2, 0, 0),
			Extended: noon.AddDate(2, 0, 0), ExtendedName: "Extended Life Cycle Support"}
	}), "i:host-os-unsupported"},
	{"extended support has ended too", on(func(s *probes.HostState) {
		s.OS = probes.OSSupport{State: probes.SupportEnded, ID: "rhel", Version: "6.10", Listed: true, Ends: noon.AddDate(-6, 0, 0), Extended: noon.AddDate(-2, 0, 0), ExtendedName: "Extended Life Cycle Support"}
	}), "host-os-unsupported"},
	{"not on the list", on(func(s *probes.HostState) {
		s.OS = probes.OSSupport{State: probes.SupportNo, ID: "fedora", Version: "42"}
	}), "host-os-unsupported"},
	{"newer than the list", on(func(s *probes.HostState) {
		s.OS = probes.OSSupport{State: probes.SupportNewer, ID: "debian", Version: "13", Name: "Debian 13", TableDate: "2026-08-22"}
	}), "i:host-os-unsupported"},
	{"a release that nobody knows", on(func(s *probes.HostState) { s.OS = probes.OSSupport{State: probes.SupportUnknown} }), ""},
	{"locked to an older release", on(func(s *probes.HostState) {
		s.Release = probes.ReleaseLock{Applies: true, Known: true, Locked: true, Behind: true, Installed: "2023.9.20251117", Repository: "2023.9.20251117", Source: "/etc/system-release",
			Newest: "2023.12.20260817", NewestSource: "known on 2026-08-22"}
	}), "i:host-release-locked"},
	{"follows the newest release", on(func(s *probes.HostState) { s.Release.Repository, s.Release.Locked = "latest", false }), ""},
	{"reboot pending", on(func(s *probes.HostState) {
		s.Reboot = probes.HostReboot{Known: true, Pending: true, Reasons: []probes.RebootReason{{Kind: "kernel", Detail: "6.1.2 is installed and 6.1.1 runs", Source: "/boot/vmlinuz-6.1.2"}}}
	}), "i:host-reboot-pending"},
	{"Patch Manager waits for its reboot", on(func(s *probes.HostState) {
		s.Reboot = probes.HostReboot{Known: true, Pending: true, Reasons: []probes.RebootReason{{Kind: "patching", Detail: "194", Source: "/var/log/amazon/ssm/patch-baseline-operations-reboot-194"}}}
	}), "i:host-reboot-pending"},

	// Pairs
	{"disk full and no Python", on(func(s *probes.HostState) {
		s.Disks[0].Free, s.Disks[0].Available, s.Python.Best, s.Python.Candidates = 0, 0, -1, nil
	}), "host-disk-low host-python-missing"},
	{"disk full and S3 unreachable", func(r *probes.Round) {
		free(0)(r)
		each3(r, func(x *probes.Result) { connect(x, probes.Timeout) })
		internetIs(r, probes.Timeout)
	}, "host-disk-low s3-unreachable"},
}

func windows(left uint64) func(*probes.Round) {
	return func(r *probes.Round) {
		r.Host.OS = platform.OS{Family: "windows", ID: "windows", Version: "10.0.20348"}
		r.HostState = probes.HostState{DisksKnown: true, Python: probes.HostPython{Best: -1}, OS: probes.OSSupport{State: probes.SupportYes},
			Disks: []probes.Disk{{Mount: `C:\`, Paths: []string{`C:\`}, Uses: []probes.DiskUse{probes.DiskSpace}, Known: true, Total: 30 * gb, Free: left, Available: left}}}
	}
}
