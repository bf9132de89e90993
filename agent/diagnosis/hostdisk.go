package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/agent/words"
	"agentctl/probes"
)

// The contract's limits, in bytes.
const (
	mb       = 1 << 20
	diskFull = 100 * mb  // /var or /usr: critical
	diskLow  = 1024 * mb // /var or /usr: warning
	bootLow  = 150 * mb  // a kernel with its initial RAM disk
	// belowFull is as good as nothing: not even the output of a script fits.
	belowFull = 1 * mb
)

// Inodes, which the contract counts as space. A package of a few files needs dozens,
// one of a kernel's modules thousands.
const (
	inodesGone = 100
	inodesFew  = 1000
)

// room is what package managers reckon with: though they run as root, rpm and apt
// leave what the file system reserves for it out of their check (f_bavail in rpm's
// lib/rpmts.c and apt's apt-private/private-download.cc).
func room(d probes.Disk) uint64 { return min(d.Free, d.Available) }

// lowDisk is a file system without room, with what it takes away.
type lowDisk struct {
	probes.Disk
	severity Severity
	inodes   bool // it is inodes that lack
	lost     []Capability
}

// judgeDisk tells whether a file system has too little room; "" if not. What is
// mounted read-only may be full by design.
func judgeDisk(d probes.Disk) lowDisk {
	low := lowDisk{Disk: d}
	if !d.Known || d.ReadOnly {
		return low
	}
	space, below, boot := d.For(probes.DiskSpace), d.For(probes.DiskLogs), d.For(probes.DiskBoot)
	left := room(d)
	switch {
	case space && left < diskFull, below && left < belowFull:
		low.severity = Critical
	case space && left < diskLow, below && left < diskFull, boot && left < bootLow:
		low.severity = Warning
	}
	if d.Inodes > 0 && (space || below) && low.severity != Critical { // btrfs has no number of them
		switch {
		case d.FreeInodes < inodesGone:
			low.severity, low.inodes = Critical, true
		case space && d.FreeInodes < inodesFew:
			low.severity, low.inodes = Warning, true
		}
	}
	switch {
	case low.severity == Critical && slices.Contains(d.Paths, "/var/lib/amazon") && (low.inodes || left < belowFull):
		// The SSM Agent keeps each command and its output there.
		low.lost = []Capability{RunCommand, SessionManager, PatchScan, PatchInstall, AgentUpdate}
	case low.severity == Critical, below && low.severity != "":
		low.lost = patching()
	case low.severity != "":
		low.lost = []Capability{PatchInstall}
	}
	return low
}

// ruleDiskLow: one finding for all file systems without room, the worst first.
func ruleDiskLow(v *view) {
	if !v.has(probes.GroupHost) {
		return
	}
	var low []lowDisk
	for _, d := range v.r.HostState.Disks {
		if l := judgeDisk(d); l.severity != "" {
			low = append(low, l)
		}
	}
	if len(low) == 0 {
		return
	}
	slices.SortStableFunc(low, func(a, b lowDisk) int { return rank(a.severity) - rank(b.severity) })
	f := Finding{Code: "host-disk-low", Severity: low[0].severity, Summary: diskSummary(low), Fix: fixDisk(v, low)}
	lost := map[Capability]bool{}
	for _, l := range low {
		f.Evidence = append(f.Evidence, diskEvidence(l))
		for _, c := range l.lost {
			lost[c] = true
		}
	}
	for _, c := range Capabilities() {
		if lost[c] {
			f.Capabilities = append(f.Capabilities, c)
		}
	}
	v.add(f)
}

// diskSummary says what the worst file system keeps from working.
func diskSummary(low []lowDisk) string {
	worst := low[0]
	what := fmt.Sprintf("%s has %s left of %s", diskName(worst.Disk), words.Bytes(room(worst.Disk)), words.Bytes(worst.Total))
	if worst.inodes {
		what = fmt.Sprintf("%s has only %s left: its room is of no use", diskName(worst.Disk), words.Count(int(worst.FreeInodes), "inode"))
		return what + ", because each new file needs one."
	}
	switch {
	case worst.severity == Warning && worst.For(probes.DiskBoot):
		what += ": a new kernel may not fit"
	case worst.severity == Warning && !worst.For(probes.DiskSpace):
		what += ": what a patch run writes there may not fit"
	case worst.severity == Warning:
		what += ": a larger set of updates will not fit"
	case worst.For(probes.DiskSpace):
		what += ": updates can be neither downloaded nor unpacked"
	default:
		what += ": a patch run cannot write there"
	}
	if n := len(low) - 1; n > 0 {
		what += fmt.Sprintf("; %s more", words.Count(n, "file system"))
	}
	return what + "."
}

// diskName is the file system in words: its mount point, and for the root what else
// lies on it.
func diskName(d probes.Disk) string {
	if d.Mount != "/" {
		if strings.HasPrefix(d.Mount, "/") {
			return d.Mount
		}
		return "Drive " + d.Mount
	}
	var on []string
	for _, p := range []string{"/var", "/usr"} {
		if slices.Contains(d.Paths, p) {
			on = append(on, p)
		}
	}
	if len(on) == 0 {
		return "The root file system"
	}
	return "The root file system, with " + words.List(on) + " on it,"
}

func diskEvidence(l lowDisk) Evidence {
	value := fmt.Sprintf("%s available of %s", words.Bytes(room(l.Disk)), words.Bytes(l.Total))
	if l.Free >= l.Available+mb {
		value += ", " + words.Bytes(l.Free) + " with what is reserved for root"
	}
	if l.inodes {
		value += fmt.Sprintf(", %d of %d inodes free", l.FreeInodes, l.Inodes)
	}
	about := strings.Trim(strings.Join([]string{l.FSType, l.Device}, ", "), ", ")
	if about != "" {
		value += " (" + about + ")"
	}
	return Evidence{"file system " + l.Mount, value}
}

// ruleNoExec: the SSM Agent executes the script of a command where it wrote it.
func ruleNoExec(v *view) {
	if !v.has(probes.GroupHost) {
		return
	}
	for _, d := range v.r.HostState.Disks {
		if !d.NoExec || !d.For(probes.DiskExec) {
			continue
		}
		f := Finding{Code: "host-noexec", Severity: Critical, Capabilities: []Capability{RunCommand, PatchScan, PatchInstall, AgentUpdate},
			Summary:  fmt.Sprintf("Nothing may be executed in /var/lib/amazon: %s is mounted noexec, and the SSM Agent executes its scripts there.", d.Mount),
			Evidence: []Evidence{{orText(d.Source, "mountinfo"), fmt.Sprintf("%s is mounted with noexec", d.Mount)}},
			Fix:      fixNoExec(d)}
		if d.Source != ofInit {
			// Our own service may have a stricter view of the mounts than the SSM Agent.
			f.Confidence = Likely
		}
		v.add(f)
	}
}

// ofInit is the file in which the mounts are everybody's.
const ofInit = "/proc/1/mountinfo"
