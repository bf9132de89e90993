//go:build linux

// Package guest is the inside of the lab's instance: the first process of a private PID and mount namespace, which lays out a
// root file system in memory, starts stand-ins for the SSM Agent, runs agentctl and tells what it used.
package guest

import (
	"time"
)

// File descriptors that the lab hands to the first process.
const (
	SpecFD    = 3 // JSON of Spec
	OutcomeFD = 4 // JSON of Outcome
	ProgramFD = 5 // the binary under test; becomes /usr/bin/agentctl
	SelfFD    = 6 // this program; becomes the SSM Agent's binaries
)

// Spec says what to lay out and run.
type Spec struct {
	Hostname string
	Files    []File
	// Agents starts amazon-ssm-agent and its worker, with this environment.
	Agents           bool
	AgentEnvironment []string
	// AgentBinaries puts the SSM Agent's programs in place, running or not.
	AgentBinaries bool
	AgentFolder   string // where they lie
	AgentGo       string // the version of Go that they claim: "" their own, "none" none that can be read
	Disks         []Disk
	// Uptime is how long the machine has been up: its processes live in a time namespace that began then.
	Uptime time.Duration
	// Proc replaces files below /proc, as lxcfs does in containers, where the real ones tell of the machine that the lab runs on.
	Proc []File
	// Processes are started before the command, in this order, and live as long as the guest.
	Processes   []Process
	Command     []string
	Environment []string
	UID         int
	OpenFiles   uint64        // limit of open files, 0 leaves the system's
	ReadAll     bool          // with CAP_DAC_READ_SEARCH, and nothing else of root's rights
	Limit       time.Duration // after which the command is killed
}

// Disk is a file system of its own.
type Disk struct {
	Mount    string // a folder
	Size     string // as tmpfs takes it: 60m
	NoExec   bool
	ReadOnly bool // once everything is laid out
}

// Process is a stand-in that does nothing but be there, and perhaps hold a lock.
type Process struct {
	Name string // of its program, by which others know it, or the path of one that is there
	Args []string
	// Age is how long it has been running, as /proc tells.
	Age time.Duration
	// Lock is a file that it holds, by fcntl or flock, or by writing its process id into it (pid); Kind says how.
	Lock, Kind string
}

// File is one file, folder or link of the instance. Folders that a path needs are made with mode 0755.
type File struct {
	Path     string
	Content  []byte
	Link     string // makes a symbolic link
	Folder   bool
	Mode     uint32
	Modified time.Time // zero is now
}

// Outcome is what the command did.
type Outcome struct {
	Error  string // the guest itself failed
	Exit   int    // -1 when killed
	Wall   time.Duration
	CPU    time.Duration // user and system
	MaxRSS int64         // KiB
}
