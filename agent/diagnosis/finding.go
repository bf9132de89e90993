// Package diagnosis turns what a round measured into few root causes. It is a
// pure function of the round: the same measurements give the same findings.
package diagnosis

import (
	"time"

	"agentctl/probes"
)

// Code names a finding. The set is the catalogue's.
type Code string

// Severity is how much a finding matters to patching.
type Severity string

// The severities of the contract.
const (
	Critical Severity = "critical" // blocks something that patching needs
	Warning  Severity = "warning"  // degrades it, or will break it
	Info     Severity = "info"     // worth knowing
)

// Confidence tells a measured cause from an inferred one.
type Confidence string

// The confidences of the contract.
const (
	Certain Confidence = "certain"
	Likely  Confidence = "likely"
)

// Capability is something that a user wants Systems Manager to do here.
type Capability string

// The capabilities of the contract.
const (
	SSMManaged     Capability = "ssm_managed"
	RunCommand     Capability = "run_command"
	SessionManager Capability = "session_manager"
	PatchScan      Capability = "patch_scan"
	PatchInstall   Capability = "patch_install"
	AgentUpdate    Capability = "agent_update"
)

// Capabilities lists them in the order of the contract.
func Capabilities() []Capability {
	return []Capability{SSMManaged, RunCommand, SessionManager, PatchScan, PatchInstall, AgentUpdate}
}

// State is the verdict on the instance or on one capability.
type State string

// The states of a verdict.
const (
	Ready    State = "ready"
	Degraded State = "degraded"
	Blocked  State = "blocked"
	Unknown  State = "unknown"
)

// Finding is one root cause.
type Finding struct {
	Code         Code         `json:"code"`
	Severity     Severity     `json:"severity"`
	Summary      string       `json:"summary"`
	Targets      []string     `json:"targets"`
	Evidence     []Evidence   `json:"evidence"`
	Fix          []Fix        `json:"fix"`
	Confidence   Confidence   `json:"confidence"`
	Capabilities []Capability `json:"capabilities"`
	Since        time.Time    `json:"since"`
}

// Evidence is one fact that led to a finding, or that ruled another out.
type Evidence struct {
	What  string `json:"what"`
	Value string `json:"value"`
}

// Fix is one thing to do: a sentence, and a command to paste where there is one.
// A command may have several lines.
type Fix struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
}

// Diagnosis is the judgement on one round.
type Diagnosis struct {
	State        State
	Capabilities map[Capability]State
	Findings     []Finding
	// ExplainedBy names for each failing target the finding that explains it.
	ExplainedBy map[string]Code
	// Routes is the way to each target that was told from the addresses.
	Routes map[string]Route
}

// Route is a target's route and whether it is an inference.
type Route struct {
	Route  probes.Route
	Likely bool
}
