// Package ssmagent reads the state of the SSM Agent from its files and the process
// table. It asks no network and no service manager, and runs nothing.
//
// Names, formats and orders follow the agent's public source
// (github.com/aws/amazon-ssm-agent); comments name the file.
package ssmagent

import (
	"errors"
	"io/fs"

	"agentctl/platform"
	"agentctl/probes"
)

// Words for AgentState.Install.
const (
	Installed = "installed"
	Absent    = "absent"
)

// Read reads the SSM Agent's state. What may not be read is unknown, never an
// error.
func Read(host platform.Host) probes.AgentState {
	return ReadWith(host, host.Facts())
}

// ReadWith is Read for a caller that has the host's facts already.
func ReadWith(host platform.Host, facts platform.Facts) probes.AgentState {
	l := layoutOf(facts.OS.Family)
	var s probes.AgentState
	core := findProcesses(&s, host, facts, l)
	at := findInstall(&s, host, l, core)
	s.Config = readConfig(host, l, at.binary)
	s.Identity = readIdentity(host, l.identity)
	s.DHMC = fileState(host, l.dhmc)
	s.Stray = readStray(host, l, s.Identity.ShareFile)
	readEnvironment(&s, host, l)
	readVersion(&s, host, l, at)
	log, _ := host.ReadTail(l.log, maxLogTail)
	s.LogRegion = logRegion(log)
	return s
}

// fileState looks at a file without opening it.
func fileState(host platform.Host, name string) probes.FileState {
	s := probes.FileState{Path: name}
	info, err := host.Stat(name)
	switch {
	case err == nil:
		s.Exists = info.Mode().IsRegular()
		s.Modified = info.ModTime().UTC()
	case !absent(err):
		s.Unknown = true
	}
	return s
}

// absent tells whether an error means that a file is surely not there.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// readable is the content of a file as far as the limit reaches, without an error
// for its being longer.
func readable(host platform.Host, name string, limit int64) ([]byte, error) {
	data, err := host.ReadFile(name, limit)
	if errors.Is(err, platform.ErrTooLarge) {
		err = nil
	}
	return data, err
}
