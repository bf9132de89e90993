package diagnosis

import "agentctl/probes"

// hostRules judge what the machine itself lacks, and what the last patch run says.
func hostRules() []func(*view) {
	return []func(*view){
		ruleDiskLow, ruleNoExec, rulePython, ruleTools, ruleMemory, rulePackageLock,
		ruleOSSupport, ruleReleaseLocked, ruleRebootPending, rulePatchRuns,
	}
}

const (
	srcPrerequisites = "AWS: Patch Manager prerequisites"
	srcPatching      = "AWS: Troubleshooting Patch Manager"
	srcScript        = "AWS-RunPatchBaseline, step PatchLinux"
)

// hostEntries are the catalogue's entries of the block.
func hostEntries() []Entry {
	ends := []Code{"patch-last-run-failed"}
	return []Entry{
		{"host-disk-low", BlockHost, "critical below 100 MB on /var or /usr (Windows: the system drive), or where a file system that a patch run fills is full; else warning", "A file system is full, or nearly",
			"Packages are downloaded to /var and unpacked in /usr; the patch payload and the SSM Agent's output lie in /var. A new kernel lies in /boot. Without room a run breaks off in the middle.",
			"The file system of /var or /usr has less than 1 GB left, a separate one below /var (/var/log, /var/cache, /var/lib/amazon) less than 100 MB, a separate /boot less than 150 MB, or one has no inodes left. What counts is what df calls available, because rpm and apt leave what is reserved for root out of their check. /boot/efi never counts.",
			"Clean the package manager's cache, old kernels and journals, or enlarge the volume.", "rpm: lib/rpmts.c; apt: apt-private/private-download.cc; " + srcPatching, ends},
		{"host-noexec", BlockHost, "critical", "Scripts may not be executed in /var/lib/amazon",
			"The SSM Agent writes the script of a command to /var/lib/amazon and executes it there. Hardened images mount /var with noexec.",
			"The mount that holds /var/lib/amazon has the option noexec.", "Mount it with exec, or give /var/lib/amazon a file system of its own.", srcPatching, ends},
		{"host-python-missing", BlockHost, "critical; info where the only ones are newer than our table", "No Python that Patch Manager can use",
			"On Linux, Patch Manager is a Python program: it takes Python 3 with apt, Python 2 with the yum module with yum, either with dnf and zypper.",
			"The names that the patch script looks for are absent from the search path of a service, or are too old, or cannot import yum.", "Install it with the package manager.", srcPrerequisites + "; " + srcScript, ends},
		{"host-tool-missing", BlockHost, "warning; critical where neither curl nor wget is there", "A program that a patch run calls is missing",
			"The payload reads compressed repository data with zstd and xz, and archives with unzip; the patch script downloads it with curl or wget.",
			"A repository's data in dnf's cache is compressed with it, or the last patch run failed for want of it, and it is not on the search path.", "Install it.", srcPrerequisites + "; " + srcScript, ends},
		{"host-memory-low", BlockHost, "warning", "Too little memory for the package manager",
			"dnf and yum hold the data of all repositories in memory; on small instances the kernel kills them in the middle of a run.",
			"Less than 400 MB are available, free swap included, while no package manager works; or the kernel killed one, Python, or the SSM Agent in the last week and no installation went well since.", "Add swap, or take an instance type with more memory.", srcPatching, ends},
		{"host-package-lock", BlockHost, "warning", "The package manager's lock is held for long",
			"One package manager works at a time. While another holds the lock, a patch run waits or fails.",
			"A living process holds the lock for over 30 minutes; one that belongs to a patch operation under way, for over the two hours after which that one is ended. A lock file that nobody holds does not count.", "Let its holder end, or end it. Do not remove the file.", srcPatching + "; proc_locks(5)", ends},
		{"host-os-unsupported", BlockHost, "warning; info where it is newer than our table, or its extended support cannot be seen", "Patch Manager does not support this release, or nobody does any more",
			"A release that is not on Patch Manager's list is refused. One past its end of support gets no updates: nothing is missing, so it is reported Compliant.",
			"os-release against a dated table of Patch Manager's list and the vendors' last days.", "Move to a supported release, or join the extended support.", srcPrerequisites + "; vendors' lifecycle pages", ends},
		{"host-release-locked", BlockHost, "info", "Amazon Linux 2023 is locked to an older release",
			"Its repositories are versioned: without another word dnf asks for the release that is installed, so that nothing is missing although newer updates exist.",
			"The release that dnf asks for is older than the newest one known.", "Move the lock on with --releasever, or set it to latest.", "AWS: Deterministic upgrades through versioned repositories on AL2023", nil},
		{"host-reboot-pending", BlockHost, "info", "A reboot is pending", "Updates that are installed take effect with the next boot; until then Patch Manager counts them as pending.",
			"A marker of the package manager or of Patch Manager, a newer kernel on disk than the one that runs, or a library that process 1 still has open although it was replaced.", "Reboot when it suits.", srcPatching, nil},
		{"host-unprivileged", BlockHost, "info", "Run without the rights to read everything", "Some of the SSM Agent's files may be read by root only.", "What could not be read is listed.", "Run as root.", "agentctl", nil},
		{"patch-last-run-failed", BlockHost, "warning; info where this round shows that its cause is gone, or it was over five weeks ago", "The last patch operation failed",
			"What a patch run leaves on disk says how it ended and mostly why, also when Systems Manager shows no more than an exit code.",
			"Its exit status or its output says that it failed, and no later run went better. A known line names the cause. While a present finding explains it, it is that one's evidence.", "As the cause says; then run a scan.", srcPatching, nil},
	}
}

// patching is what a package manager that cannot work takes away.
func patching() []Capability { return []Capability{PatchScan, PatchInstall} }

// manager is this machine's package manager; "" none, or nobody has looked.
func (v *view) manager() string { return v.r.HostState.Manager }

// atWork tells whether a package manager works at this moment, or a patch run does:
// what it uses is then no lack of the machine.
func (v *view) atWork() bool {
	if len(v.r.HostState.Locks.Held) > 0 {
		return true
	}
	_, ok := v.runUnderWay()
	return ok
}

// runUnderWay is the patch run that works now.
func (v *view) runUnderWay() (probes.PatchRun, bool) {
	for _, run := range v.r.PatchRuns.Runs {
		if run.End == probes.PatchRunning {
			return run, true
		}
	}
	return probes.PatchRun{}, false
}
