package probes

import "time"

// HostState is what of this machine decides whether a package manager can work:
// disks, Python, tools, memory, locks, release. It measures; thresholds are the
// diagnosis's. The zero value is a host that nobody has looked at. It can be
// recorded as JSON.
//
// A fact that could not be read has Known false (or is nil), and Unknown says why.
type HostState struct {
	// Manager is the package manager that the facts are for: dnf, yum, apt,
	// zypper; "" where there is none (Windows).
	Manager string `json:"manager,omitempty"`

	// Disks are the file systems that hold the paths that patching writes to or
	// runs from, each once, in the order of their mount points.
	Disks      []Disk `json:"disks,omitempty"`
	DisksKnown bool   `json:"disks_known"`

	Python  HostPython  `json:"python"`
	Tools   []HostTool  `json:"tools,omitempty"`
	Memory  HostMemory  `json:"memory"`
	Locks   HostLocks   `json:"locks"`
	OS      OSSupport   `json:"os_support"`
	Reboot  HostReboot  `json:"reboot"`
	Release ReleaseLock `json:"release"`

	// Unknown lists what could not be read.
	Unknown []HostUnknown `json:"unknown,omitempty"`
}

// HostUnknown is a fact that could not be read.
type HostUnknown struct {
	What   string `json:"what"` // a file, or what it would have told
	Why    string `json:"why"`
	Denied bool   `json:"denied,omitempty"` // for lack of rights
}

// DiskUse is what a file system matters for.
type DiskUse string

// The uses. A file system of none of them (/boot/efi, /tmp) is listed, and no
// rule looks at it.
const (
	// DiskSpace holds /var or /usr, or Windows's system drive: packages are
	// downloaded to the one and unpacked in the other.
	DiskSpace DiskUse = "space"
	// DiskLogs is a file system of its own below /var that a patch run fills: the
	// payload and the SSM Agent's logs in /var/log, the package manager's cache in
	// /var/cache, the agent's data in /var/lib/amazon.
	DiskLogs DiskUse = "below_var"
	// DiskBoot is /boot on a file system of its own.
	DiskBoot DiskUse = "boot"
	// DiskExec holds /var/lib/amazon, where the patch script is executed.
	DiskExec DiskUse = "exec"
)

// Disk is one mounted file system.
type Disk struct {
	Mount  string `json:"mount"` // "/", "/var", `C:\`
	Device string `json:"device,omitempty"`
	FSType string `json:"fs_type,omitempty"`
	// Paths are those of the paths looked at that lie on it.
	Paths []string  `json:"paths"`
	Uses  []DiskUse `json:"uses,omitempty"`

	// Known: sizes are known; else Why.
	Known bool   `json:"known"`
	Why   string `json:"why,omitempty"`
	// Total, Free and Available are in bytes; Available is Free without what is
	// reserved for root. Package managers run as root and can use Free.
	Total     uint64 `json:"total_bytes"`
	Free      uint64 `json:"free_bytes"`
	Available uint64 `json:"available_bytes"`
	// Inodes are zero where the file system has no fixed number (btrfs).
	Inodes     uint64 `json:"inodes,omitempty"`
	FreeInodes uint64 `json:"free_inodes,omitempty"`

	NoExec   bool   `json:"noexec,omitempty"`
	ReadOnly bool   `json:"read_only,omitempty"`
	Source   string `json:"source,omitempty"` // file that told the flags
}

// For tells whether the file system matters for a use.
func (d Disk) For(use DiskUse) bool {
	for _, u := range d.Uses {
		if u == use {
			return true
		}
	}
	return false
}

// DiskAt returns the file system that a looked-at path lies on.
func (s HostState) DiskAt(path string) (Disk, bool) {
	for i := range s.Disks {
		for _, p := range s.Disks[i].Paths {
			if p == path {
				return s.Disks[i], true
			}
		}
	}
	return Disk{}, false
}

// PythonSupport tells how a Python stands to Patch Manager's table.
type PythonSupport string

// The ways a Python stands to the table.
const (
	PythonSupported PythonSupport = "supported"
	PythonTooOld    PythonSupport = "too_old"
	PythonNewer     PythonSupport = "newer" // than the table that we have
	// PythonWrong: the package manager cannot use it: no yum module, or Python 2
	// where 3 is needed.
	PythonWrong   PythonSupport = "wrong_kind"
	PythonUnknown PythonSupport = "unknown" // its version cannot be told
)

// HostPython is the Python that the patch script would find.
type HostPython struct {
	Known bool `json:"known"` // the directories of the search path could be listed
	// Needs says in words what this package manager needs ("Python 3.0 to 3.12").
	Needs string `json:"needs,omitempty"`
	// Candidates are in the order in which the patch script tries them.
	Candidates []Python `json:"candidates,omitempty"`
	// Best is the candidate that the script takes, by its index; -1: none.
	Best int `json:"best"`
	// Support is the best candidate's, "" where there is none.
	Support PythonSupport `json:"support,omitempty"`
	// TableDate is the date of the table of supported versions.
	TableDate string `json:"table_date,omitempty"`
}

// Python is one interpreter.
type Python struct {
	Name    string        `json:"name"` // as the script calls it: python3
	Path    string        `json:"path"`
	Version string        `json:"version,omitempty"` // "3.9"; "" unknown
	Source  string        `json:"source,omitempty"`  // of the version
	Support PythonSupport `json:"support"`
	Detail  string        `json:"detail,omitempty"` // "no yum module for Python 2.7"
}

// HostTool is one program that a patch run may call.
type HostTool struct {
	Name string `json:"name"`
	Path string `json:"path,omitempty"` // "" absent
	// Present is nil where the search path cannot be read.
	Present *bool `json:"present"`
	// Needed: the payload needs it with this package manager, and Because of what.
	Needed  bool   `json:"needed"`
	Because string `json:"because,omitempty"`
	// Sure: data on this host, or the patch script, shows the need; else AWS's page
	// says that there may be one.
	Sure bool `json:"sure,omitempty"`
	// Package has it, in this distribution's words.
	Package string `json:"package,omitempty"`
	// Snap: the one that is found first is a snap, which may not write where the
	// payload is put (curl's exit code 23).
	Snap bool `json:"snap,omitempty"`
}

// Tool returns the tool of a name.
func (s HostState) Tool(name string) (HostTool, bool) {
	for i := range s.Tools {
		if s.Tools[i].Name == name {
			return s.Tools[i], true
		}
	}
	return HostTool{}, false
}

// HostMemory is memory in bytes, and what the kernel killed for want of it.
type HostMemory struct {
	Known     bool   `json:"known"`
	Total     uint64 `json:"total_bytes"`
	Available uint64 `json:"available_bytes"`
	SwapTotal uint64 `json:"swap_total_bytes"`
	SwapFree  uint64 `json:"swap_free_bytes"`
	// OOMKills counts processes that were killed since boot (/proc/vmstat); nil:
	// the kernel does not say (before 4.13) or it may not be read.
	OOMKills *uint64 `json:"oom_kills,omitempty"`
	// AgentOOMKills counts those in the SSM Agent's own control group.
	AgentOOMKills *uint64 `json:"agent_oom_kills,omitempty"`
	// Kills are the kernel log's lines, newest last, where it may be read.
	Kills []OOMKill `json:"kills,omitempty"`
}

// OOMKill is one line of the kernel's log.
type OOMKill struct {
	PID     int       `json:"pid,omitempty"`
	Comm    string    `json:"comm,omitempty"`
	At      time.Time `json:"at,omitzero"`
	Line    string    `json:"line"`
	Source  string    `json:"source"`
	Package bool      `json:"package,omitempty"` // a package manager, Python or the SSM Agent
}

// HostLocks are the package manager's locks.
type HostLocks struct {
	// Known: what is held could be told. A lock file alone does not hold anything.
	Known bool       `json:"known"`
	Held  []HostLock `json:"held,omitempty"`
	// Stale are lock files of processes that are gone.
	Stale []string `json:"stale,omitempty"`
}

// LockKind is how a lock is held.
type LockKind string

// The kinds.
const (
	LockPIDFile LockKind = "pid_file" // the file names a process that lives
	LockKernel  LockKind = "kernel"   // fcntl or flock, as /proc/locks tells
)

// HostLock is one lock that is held.
type HostLock struct {
	Path string   `json:"path"`
	Kind LockKind `json:"kind"`
	// PID is 0 where the kernel names none (another process namespace, or a lock of
	// an open file description).
	PID  int    `json:"pid,omitempty"`
	Comm string `json:"comm,omitempty"`
	// HolderStart is when that process started: the lock cannot be older.
	HolderStart time.Time `json:"holder_start,omitzero"`
	// Since is when it was taken, as far as can be told; zero: unknown. SinceBy
	// says by what: "file" (written when the lock was taken) or "process" (a
	// program that runs for this purpose alone).
	Since   time.Time `json:"since,omitzero"`
	SinceBy string    `json:"since_by,omitempty"`
	// Patching: it is Patch Manager's own lock against two runs at once.
	Patching bool `json:"patching,omitempty"`
}

// SupportState is how the operating system stands to the table.
type SupportState string

// The states.
const (
	SupportYes     SupportState = "supported"
	SupportEnded   SupportState = "ended"    // on Patch Manager's list, past its end of support
	SupportNo      SupportState = "unlisted" // known, and not on Patch Manager's list
	SupportNewer   SupportState = "newer"    // a newer release than our table knows
	SupportUnknown SupportState = "unknown"  // not in our table at all
)

// OSSupport is Patch Manager's and the vendor's support of this release.
type OSSupport struct {
	State   SupportState `json:"state"`
	ID      string       `json:"id,omitempty"`      // as os-release has it
	Version string       `json:"version,omitempty"` // likewise
	Name    string       `json:"name,omitempty"`    // of the table: "Amazon Linux 2"
	Listed  bool         `json:"listed"`            // on Patch Manager's list
	// Ends is the last day of the vendor's support for everyone; zero: none known.
	Ends time.Time `json:"ends,omitzero"`
	// Extended is the last day of support that must be bought or joined, with its
	// name ("Ubuntu Pro (ESM)", "ELS", "LTSS").
	Extended     time.Time `json:"extended,omitzero"`
	ExtendedName string    `json:"extended_name,omitempty"`
	// ExtendedActive: this host has it. Nil: unknown.
	ExtendedActive *bool  `json:"extended_active,omitempty"`
	ActiveSource   string `json:"active_source,omitempty"`
	Source         string `json:"source,omitempty"`     // of the dates
	TableDate      string `json:"table_date,omitempty"` // 2006-01-02
}

// HostReboot is whether a reboot is pending.
type HostReboot struct {
	Known   bool           `json:"known"`
	Pending bool           `json:"pending"`
	Reasons []RebootReason `json:"reasons,omitempty"`
}

// RebootReason is one sign of a pending reboot.
type RebootReason struct {
	// Kind: "marker" (reboot-required, reboot-needed), "kernel" (an installed one
	// is newer), "library" (process 1 runs on a file that was replaced), "patching"
	// (Patch Manager's own marker, with its exit code in Detail).
	Kind   string    `json:"kind"`
	Detail string    `json:"detail"`
	Source string    `json:"source"`
	At     time.Time `json:"at,omitzero"`
}

// ReleaseLock is Amazon Linux 2023's lock to one release of its repositories.
type ReleaseLock struct {
	// Applies: this is a distribution with such a lock.
	Applies bool `json:"applies"`
	Known   bool `json:"known"`
	// Installed is the release on disk, Repository the one that dnf asks for
	// ("latest" follows), both like 2023.9.20251117.
	Installed  string `json:"installed,omitempty"`
	Repository string `json:"repository,omitempty"`
	Source     string `json:"source,omitempty"`
	// Locked: dnf asks for one fixed release.
	Locked bool `json:"locked"`
	// Newest is the newest release that is known here, by NewestSource; "" none
	// newer. Behind: the repository's is older than that.
	Newest       string `json:"newest,omitempty"`
	NewestSource string `json:"newest_source,omitempty"`
	Behind       bool   `json:"behind"`
}
