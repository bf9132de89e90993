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
	Command       []string
	Environment   []string
	UID           int
	OpenFiles     uint64        // limit of open files, 0 leaves the system's
	ReadAll       bool          // with CAP_DAC_READ_SEARCH, and nothing else of root's rights
	Limit         time.Duration // after which the command is killed
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
