//go:build linux

package lab

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed scenarios/*.yaml
var scenarioFiles embed.FS

// Scenario is one file below scenarios/: a network, what is wrong with it, and what agentctl must say.
type Scenario struct {
	Name        string   `yaml:"-"` // the file's
	Description string   `yaml:"description"`
	Block       string   `yaml:"block"`
	Topology    Topology `yaml:"topology"`
	Instance    Instance `yaml:"instance"`
	Agent       Agent    `yaml:"agent"`
	Faults      []Fault  `yaml:"faults"`
	Run         Run      `yaml:"run"`
	Proof       []Proof  `yaml:"proof"`
	Expect      Expect   `yaml:"expect"`
	// Note says why an expectation is what it is, where that is not obvious.
	Note string `yaml:"note"`
}

// Topology is the network as its owner built it.
type Topology struct {
	Region string `yaml:"region"` // default us-west-2
	// Endpoints are the interface endpoints by service: a list of services, or a map to their addresses.
	Endpoints Endpoints `yaml:"endpoints"`
	// Central puts endpoints without explicit addresses into a peered VPC, 10.9.0.0/16.
	Central bool `yaml:"central"`
	// NoPrivateDNS leaves the standard names public: only the vpce-... names lead to the endpoints.
	NoPrivateDNS bool `yaml:"no_private_dns"`
	// S3 says how S3 is reached: gateway, nat, interface, interface+gateway, none.
	S3   string `yaml:"s3"`
	NAT  bool   `yaml:"nat"`
	IPv6 bool   `yaml:"ipv6"` // dual-stack subnet, endpoints and egress
	AAAA bool   `yaml:"aaaa"` // names have AAAA answers that lead nowhere from here
	// Container puts one more router, as a container's bridge, between the instance's processes and the subnet.
	Container bool `yaml:"container"`
	// Latency is the round-trip time to everything beyond the subnet's router; the link-local services stay near.
	Latency Duration `yaml:"latency"`
	MTU     int      `yaml:"mtu"`
	// WorldClock is how far the world's clock is ahead of the instance's.
	WorldClock Duration `yaml:"world_clock"`
	// Resolvers are DNS servers of the customer's own, inside the VPC.
	Resolvers []ResolverSpec `yaml:"resolvers"`
	// VPCCIDRs are the VPC's address blocks as its metadata name them, default 10.0.0.0/16.
	VPCCIDRs []string  `yaml:"vpc_cidrs"`
	Proxy    ProxySpec `yaml:"proxy"`
	// PolicyBucket is the region of the patch policy's bucket, default the instance's own.
	PolicyBucket string `yaml:"policy_bucket"`
}

// ResolverSpec is one DNS server: whether it sees names as the VPC does (private) or as the internet does (public).
type ResolverSpec struct {
	Address string `yaml:"address"`
	View    string `yaml:"view"`
}

// Run says how agentctl is started.
type Run struct {
	Args []string `yaml:"args"` // default [probe]
	UID  int      `yaml:"uid"`
	// OpenFiles is its limit of open files, as ulimit -n sets it.
	OpenFiles uint64 `yaml:"open_files"`
	// ReadAll gives the user CAP_DAC_READ_SEARCH, as the packaged service has it.
	ReadAll bool `yaml:"read_all"`
	// Limit is how long it may run, where that is more than a minute; for the long runs.
	Limit Duration `yaml:"-"`
}

// Expect is the whole verdict. Findings are all critical and warning codes; Info must be among the informational ones.
type Expect struct {
	Findings   []string          `yaml:"findings"`
	Severity   map[string]string `yaml:"severity"` // code to critical, warning
	Info       []string          `yaml:"info"`
	Verdict    string            `yaml:"verdict"`
	Exit       int               `yaml:"exit"`
	Explained  map[string]string `yaml:"explained"`  // target to code
	Routes     map[string]string `yaml:"routes"`     // target to route
	States     map[string]string `yaml:"states"`     // target to up, down, skipped, unknown
	Reasons    map[string]string `yaml:"reasons"`    // target to the reason of the step that failed
	NoInfo     []string          `yaml:"no_info"`    // codes that must not be there, not even as information
	Evidence   map[string]string `yaml:"evidence"`   // code to a text that its finding holds
	Checks     map[string]string `yaml:"checks"`     // check to a text that its value and detail hold
	Confidence map[string]string `yaml:"confidence"` // code to certain, likely
	MaxSeconds float64           `yaml:"max_seconds"`
}

// Scenarios reads every scenario file, in the order of their names.
func Scenarios() ([]Scenario, error) {
	entries, err := scenarioFiles.ReadDir("scenarios")
	if err != nil {
		return nil, err
	}
	var all []Scenario
	var failures []error
	for _, entry := range entries {
		s, err := ReadScenario(strings.TrimSuffix(entry.Name(), ".yaml"))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		all = append(all, s)
	}
	return all, errors.Join(failures...)
}

// ReadScenario reads one scenario by its name.
func ReadScenario(name string) (Scenario, error) {
	file := path.Join("scenarios", name+".yaml")
	data, err := scenarioFiles.ReadFile(file)
	if err != nil {
		return Scenario{}, err
	}
	s, err := parseScenario(data)
	s.Name = name
	if err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

func parseScenario(data []byte) (Scenario, error) {
	s := Scenario{
		Topology: Topology{Region: "us-west-2", S3: "none", MTU: linkMTU},
		Agent:    Agent{Source: "EC2", Identity: "EC2", Version: agentVersion, Retrieved: Duration{10 * time.Minute}, Valid: Duration{time.Hour}},
		Run:      Run{Args: []string{"probe"}},
		Expect:   Expect{MaxSeconds: 14}, // the slowest honest round, TLS stalling everywhere, may take 12 s; more is a wait that nobody ends
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&s); err != nil {
		return s, err
	}
	if err := decoder.Decode(&Scenario{}); !errors.Is(err, io.EOF) {
		return s, errors.New("more than one document")
	}
	return s, s.check()
}

var blocks = []string{"healthy", "identity", "dns", "path", "tls", "hostile", "agent", "repos", "host", "pair"}

// check finds the mistakes that the decoder cannot.
func (s *Scenario) check() error {
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if s.Description == "" {
		complain("no description")
	}
	if !slices.Contains(blocks, s.Block) {
		complain("unknown block %q", s.Block)
	}
	if !slices.Contains([]string{"ready", "degraded", "blocked", "unknown"}, s.Expect.Verdict) {
		complain("unknown verdict %q", s.Expect.Verdict)
	}
	if s.Topology.S3 == "nat" && !s.Topology.NAT {
		complain("s3: nat without nat: true")
	}
	if !slices.Contains(proxyModes, s.Topology.Proxy.Mode) {
		complain("unknown proxy mode %q", s.Topology.Proxy.Mode)
	}
	if _, known := flavours[s.Instance.OS]; !known {
		complain("unknown operating system %q", s.Instance.OS)
	}
	if !slices.Contains([]string{"gateway", "nat", "interface", "interface+gateway", "none"}, s.Topology.S3) {
		complain("unknown s3 way %q", s.Topology.S3)
	}
	if _, interfaced := s.Topology.Endpoints["s3"]; interfaced != strings.HasPrefix(s.Topology.S3, "interface") {
		complain("s3: %s does not agree with the endpoints", s.Topology.S3)
	}
	if len(s.Faults) > 0 && len(s.Proof) == 0 {
		complain("faults without a proof that they are there")
	}
	if slices.Contains([]string{"healthy", "repos", "host"}, s.Block) && len(s.Proof) == 0 {
		complain("a %s scenario needs a proof: that what is special in it is there", s.Block)
	}
	for _, err := range append(s.Instance.check(), s.Agent.check()...) {
		complain("%w", err)
	}
	for i, fault := range s.Faults {
		if err := fault.check(); err != nil {
			complain("fault %d: %w", i+1, err)
		}
	}
	for i, proof := range s.Proof {
		if err := proof.check(); err != nil {
			complain("proof %d: %w", i+1, err)
		}
	}
	return errors.Join(wrong...)
}
