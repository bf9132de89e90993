//go:build linux

package lab

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// Agent is the SSM Agent's state. The default is installed, running and connected.
type Agent struct {
	Absent      bool              `yaml:"absent"`  // not installed
	Stopped     bool              `yaml:"stopped"` // installed, no process
	Environment map[string]string `yaml:"environment"`
	Config      string            `yaml:"config"`      // amazon-ssm-agent.json
	Source      string            `yaml:"source"`      // EC2 (default) or SSM for Default Host Management
	Retrieved   Duration          `yaml:"retrieved"`   // age of its credentials, default 10m
	Valid       Duration          `yaml:"valid"`       // how long they are good after that, default 1h
	Version     string            `yaml:"version"`     // default agentVersion
	Go          string            `yaml:"go"`          // what its binary says it was built with: none, or such as go1.20.1
	Identity    string            `yaml:"identity"`    // EC2 (default) or OnPrem, by a hybrid activation
	Payload     string            `yaml:"payload"`     // URL that the script of an earlier patch run names
	InstanceID  string            `yaml:"instance_id"` // that it takes itself for; default this instance's
	Log         []string          `yaml:"log"`         // lines after the healthy ones: "10m ERROR text" is ten minutes old
	LogOnly     bool              `yaml:"log_only"`    // without the healthy ones
	Hibernate   []string          `yaml:"hibernate"`   // lines of hibernate.log
	Disabled    bool              `yaml:"disabled"`    // its unit is not enabled, on a machine that systemd booted
	Runs        []PatchRun        `yaml:"runs"`        // earlier patch operations
}

// Duration reads "10m" or "-2h".
type Duration struct{ time.Duration }

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(node *yaml.Node) (err error) {
	d.Duration, err = time.ParseDuration(node.Value)
	return err
}

// Endpoints reads a list of services or a map from service to addresses.
type Endpoints map[string][]string

// UnmarshalYAML implements yaml.Unmarshaler.
func (e *Endpoints) UnmarshalYAML(node *yaml.Node) error {
	*e = Endpoints{}
	if node.Kind == yaml.SequenceNode {
		var services []string
		if err := node.Decode(&services); err != nil {
			return err
		}
		for _, service := range services {
			(*e)[service] = nil
		}
		return e.check()
	}
	var addresses map[string][]string
	if err := node.Decode(&addresses); err != nil {
		return err
	}
	*e = addresses
	return e.check()
}

func (e *Endpoints) check() error {
	for service := range *e {
		if endpointNumbers[service] == "" {
			return fmt.Errorf("unknown endpoint service %q", service)
		}
	}
	return nil
}
