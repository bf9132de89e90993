// Package systemdtest tests what agentctl reads of services against a real systemd,
// booted in a container of its own (systemd-nspawn). Its test needs Linux and root;
// with CI=true it fails where it cannot run, elsewhere it is skipped.
//
// All mounts are made in a mount namespace and all processes live in a process
// namespace of the test's child: when the test ends, or is killed, nothing is left but
// the root file system below .cache, which is built once.
package systemdtest

import "agentctl/probes"

// Case is one condition of the service and what brings it about.
type Case struct {
	Name string `json:"name"`
	// Setup is a shell script. Await is one that fails until the condition is there.
	Setup string `json:"setup"`
	Await string `json:"await,omitempty"`
	// Unit is whose properties systemctl is asked for, to compare with.
	Unit string `json:"unit"`
}

// Ways are those in which agentctl can look at a service.
type Ways struct {
	Direct probes.AgentUnit `json:"direct"` // root, systemd's own socket
	Bus    probes.AgentUnit `json:"bus"`    // root, the system bus
	Nobody probes.AgentUnit `json:"nobody"` // a user without rights
	Rootfs probes.AgentUnit `json:"rootfs"` // root, by the root as mounted elsewhere
	Files  probes.AgentUnit `json:"files"`  // root, no bus
}

// Observed is what the guest saw of one case.
type Observed struct {
	Error string `json:"error,omitempty"` // of the setup, or that the condition never came
	Ways
	// Systemctl has the properties as systemctl(1) shows them.
	Systemctl map[string]string `json:"systemctl"`
	Seconds   float64           `json:"seconds"`
}
