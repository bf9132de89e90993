// Package report is what a round tells its reader: one value, and the outputs
// that print it.
package report

import (
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/probes"
)

// Schema names the report's format. Names in it are stable: fields are added,
// never renamed.
const Schema = "agentctl/report/v1"

// Report is one round's result.
type Report struct {
	Schema    string    `json:"schema"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	Duration  float64   `json:"duration_seconds"`
	// DataDate is the date of the built-in tables, as YYYY-MM-DD.
	DataDate string              `json:"data_date"`
	Instance Instance            `json:"instance"`
	Verdict  Verdict             `json:"verdict"`
	Findings []diagnosis.Finding `json:"findings"`
	Targets  []Target            `json:"targets"`
	Checks   []Check             `json:"checks"`
	Advice   []Advice            `json:"advice"`
	// Pending are the daemon's findings that wait for another look, and Muted those
	// that the configuration silences. A single round has neither.
	Pending []Pending `json:"pending,omitempty"`
	Muted   []Muted   `json:"muted,omitempty"`
}

// Pending is a finding that is seen and not yet raised or, Clearing, raised and not
// seen any more. Looks of Of rounds in a row agree.
type Pending struct {
	Code     diagnosis.Code     `json:"code"`
	Severity diagnosis.Severity `json:"severity"`
	Targets  []string           `json:"targets"`
	Looks    int                `json:"looks"`
	Of       int                `json:"of"`
	Clearing bool               `json:"clearing,omitempty"`
}

// Muted is a finding that holds and is not reported, with the reason that the
// configuration gives.
type Muted struct {
	Code     diagnosis.Code     `json:"code"`
	Severity diagnosis.Severity `json:"severity"`
	Reason   string             `json:"reason"`
}

// Instance is where the round ran.
type Instance struct {
	ID               string   `json:"id"`
	Region           string   `json:"region"`
	Partition        string   `json:"partition"`
	AvailabilityZone string   `json:"availability_zone"`
	ZoneID           string   `json:"availability_zone_id"`
	Type             string   `json:"type"`
	VPCID            string   `json:"vpc_id"`
	SubnetID         string   `json:"subnet_id"`
	SecurityGroupIDs []string `json:"security_group_ids"`
	VPCCIDRs         []string `json:"vpc_cidrs"`
	PrivateIPs       []string `json:"private_ips"`
	PublicIP         string   `json:"public_ip"`
	AccountID        string   `json:"account_id"`
	OS               OS       `json:"os"`
	Source           string   `json:"source"` // of the region: imds, flag, config, agent, resolver; "" unknown
}

// OS is the operating system as the report names it.
type OS struct {
	Family  string `json:"family"`
	ID      string `json:"id"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
	Name    string `json:"name,omitempty"`
}

// Verdict is the answer to "will patching work here?".
type Verdict struct {
	State        diagnosis.State                          `json:"state"`
	Summary      string                                   `json:"summary"`
	Capabilities map[diagnosis.Capability]diagnosis.State `json:"capabilities"`
}

// Target is one probed target.
type Target struct {
	Name     string       `json:"name"`
	Group    probes.Group `json:"group"`
	URL      string       `json:"url"`
	Required bool         `json:"required"`
	// Control targets only help to tell causes apart; that one is down is no fault.
	Control     bool           `json:"control,omitempty"`
	State       probes.State   `json:"state"`
	ExplainedBy diagnosis.Code `json:"explained_by,omitempty"`
	Route       probes.Route   `json:"route"`
	RouteLikely bool           `json:"route_likely,omitempty"`
	Because     string         `json:"because,omitempty"`
	Addresses   []string       `json:"addresses"`
	Steps       []probes.Step  `json:"steps"`
}

// Check is one fact about the host that is not a network target.
type Check struct {
	Name   string       `json:"name"`
	Group  probes.Group `json:"group"`
	State  probes.State `json:"state"`
	Value  string       `json:"value"`
	Detail string       `json:"detail"`
}

// Advice is one network design for this instance.
type Advice struct {
	Design     string             `json:"design"`
	Because    string             `json:"because"`
	MonthlyUSD map[string]float64 `json:"monthly_usd"`
	Changes    []string           `json:"changes"`
}
