package probes

import (
	"net/netip"
	"strings"
	"time"

	"agentctl/platform"
)

// Round is all that one round learned: the input of the diagnosis. It can be
// recorded as JSON and judged again later.
type Round struct {
	Started  time.Time      `json:"started"`
	Now      time.Time      `json:"now"` // local clock at the end of the measuring
	Host     platform.Facts `json:"host"`
	Groups   []Group        `json:"groups"`
	Region   Region         `json:"region"`
	Metadata Metadata       `json:"metadata"`
	Agent    AgentState     `json:"agent"`
	// Resolvers has every resolver that was asked, the VPC's own last.
	Resolvers []ResolverResult `json:"resolvers,omitempty"`
	Results   []Result         `json:"results,omitempty"`
	TimeSync  TimeSync         `json:"time_sync"`
	// RepoConfig is the package manager's configuration; Repos has a result for each
	// enabled repository, in its order. Their targets are called repo:ID.
	RepoConfig RepoConfig   `json:"repo_config,omitzero"`
	Repos      []RepoResult `json:"repos,omitempty"`
	// HostState is what of this machine decides whether the package manager can work.
	HostState HostState `json:"host_state,omitzero"`
	// PatchRuns is what earlier patch operations left on disk.
	PatchRuns PatchRuns `json:"patch_runs,omitzero"`
	Duration  float64   `json:"duration_seconds"` // of the measuring
	// Expect names the routes that the user says targets must take.
	Expect map[string]Route `json:"expect,omitempty"`
	// ConfigFile is where the reader would change the configuration.
	ConfigFile string `json:"config_file,omitempty"`
}

// Region is the region and where it was learned.
type Region struct {
	Name      string `json:"name"`
	Partition string `json:"partition"`
	Source    string `json:"source"` // imds, flag, config, agent, resolver; "" where unknown
}

// ResolverResult sums up one resolver over all questions of a round.
type ResolverResult struct {
	Addr       netip.AddrPort `json:"addr"`
	Configured bool           `json:"configured"` // a client on this host asks it
	VPC        bool           `json:"vpc"`        // the VPC's own resolver, under any of its addresses
	Questions  int            `json:"questions"`
	Answered   int            `json:"answered"` // any DNS message at all, with or without EDNS
	Usable     int            `json:"usable"`   // NOERROR, NXDOMAIN
	Failing    int            `json:"failing"`  // SERVFAIL, REFUSED
	// EDNSLost counts questions that were answered without EDNS and not with it
	// (silence or FORMERR); EDNSOK those answered with it.
	EDNSLost int     `json:"edns_lost"`
	EDNSOK   int     `json:"edns_ok"`
	Slow     int     `json:"slow"`            // answers that took over 2 s
	Median   float64 `json:"median_seconds"`  // of the answers
	Slowest  float64 `json:"slowest_seconds"` // of the answers
	// Worst says how the silent or failed questions failed, most common first.
	Worst  Reason     `json:"worst,omitempty"`
	Sender netip.Addr `json:"sender,omitzero"` // of an ICMP error
	Local  bool       `json:"local,omitempty"` // the error was made on this host
}

// Metadata is the instance metadata service (IMDS) and what it told.
type Metadata struct {
	State  MetadataState `json:"state"`
	Reason Reason        `json:"reason,omitempty"` // of the failure
	Detail string        `json:"detail,omitempty"`
	Sender netip.Addr    `json:"sender,omitzero"` // of an ICMP error
	Local  bool          `json:"local,omitempty"` // the error was made on this host
	V1     bool          `json:"v1"`              // answers without a token too
	// Denied is the path that answered 403 or 401.
	Denied   string  `json:"denied,omitempty"`
	Duration float64 `json:"duration_seconds"`

	InstanceID       string   `json:"instance_id,omitempty"`
	ImageID          string   `json:"image_id,omitempty"`
	InstanceType     string   `json:"instance_type,omitempty"`
	Region           string   `json:"region,omitempty"`
	Partition        string   `json:"partition,omitempty"`
	AZ               string   `json:"availability_zone,omitempty"`
	AZID             string   `json:"availability_zone_id,omitempty"`
	AccountID        string   `json:"account_id,omitempty"`
	VPCID            string   `json:"vpc_id,omitempty"`
	SubnetID         string   `json:"subnet_id,omitempty"`
	SubnetCIDR       string   `json:"subnet_cidr,omitempty"`
	SecurityGroupIDs []string `json:"security_group_ids,omitempty"`
	VPCCIDRs         []string `json:"vpc_cidrs,omitempty"`
	PrivateIPs       []string `json:"private_ips,omitempty"`
	PublicIP         string   `json:"public_ip,omitempty"`
	MAC              string   `json:"mac,omitempty"`

	// Role is how the instance profile stands; its keys are never kept.
	Role RoleState `json:"role"`
	// RoleName is the instance profile's role, RoleCode IMDS's word for it
	// ("Success", "AssumeRoleUnauthorizedAccess").
	RoleName    string    `json:"role_name,omitempty"`
	RoleCode    string    `json:"role_code,omitempty"`
	RoleMessage string    `json:"role_message,omitempty"`
	RoleExpires time.Time `json:"role_expires,omitzero"`
}

// MetadataState tells the ways apart in which the metadata service fails.
type MetadataState string

// The states of the metadata service.
const (
	MetadataNotAsked    MetadataState = ""
	MetadataOK          MetadataState = "ok"
	MetadataUnreachable MetadataState = "unreachable" // no connection, or a connection and no answer at all
	MetadataTokenLost   MetadataState = "token_lost"  // the token PUT gets no answer, a plain GET does
	MetadataDisabled    MetadataState = "disabled"    // 403
	MetadataForeign     MetadataState = "foreign"     // something answers that is not the EC2 metadata service
)

// RoleState is how the instance profile stands.
type RoleState string

// The states of the instance profile.
const (
	RoleUnknown RoleState = ""
	RoleNone    RoleState = "none"    // 404
	RoleOK      RoleState = "ok"      // Code Success; RoleExpires may lie in the past all the same
	RoleFailing RoleState = "failing" // another Code
)

// TimeSync is Amazon Time Sync's answer (SNTP).
type TimeSync struct {
	Asked  bool    `json:"asked"`
	OK     bool    `json:"ok"`
	Offset float64 `json:"offset_seconds"` // positive: the local clock is behind
	Reason Reason  `json:"reason,omitempty"`
}

// AgentState is the SSM Agent as its files and processes show it.
type AgentState struct {
	// Install: "installed", "absent", or "" where it cannot be told.
	Install string `json:"install"`
	Package string `json:"package,omitempty"` // rpm, deb, snap, msi
	// Running: the core process is there. Nil: the process table cannot tell.
	Running *bool  `json:"running,omitempty"`
	Worker  *bool  `json:"worker,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Version string `json:"version,omitempty"` // "3.3.2299.0"; "" unknown
	// VersionSource is the file that told the version.
	VersionSource string `json:"version_source,omitempty"`
	// GoVersion is that of the agent's binary ("go1.23.4"), where readable.
	GoVersion string `json:"go_version,omitempty"`
	// NetShared: it lives in our network namespace. Nil: unknown.
	NetShared *bool `json:"net_shared,omitempty"`

	Config  AgentConfig `json:"config"`
	Proxy   AgentProxy  `json:"proxy"`
	CAFiles []string    `json:"ca_files,omitempty"` // SSL_CERT_FILE, AWS_CA_BUNDLE of its service
	// RepoVars are those of its environment that dnf and yum take for variables of
	// their own (YUM0 to YUM9, DNF_VAR_...): the patch script inherits them.
	RepoVars map[string]string `json:"repo_vars,omitempty"`

	// Identity is identity_config.json.
	Identity AgentIdentity `json:"identity"`
	// DHMC is the Default Host Management credentials file.
	DHMC FileState `json:"dhmc"`
	// LogRegion is the region that the agent's log names; "" none.
	LogRegion string `json:"log_region,omitempty"`
	// Started is when the core process started; zero: unknown.
	Started time.Time `json:"started,omitzero"`
	// Stray is a credentials file of the agent's own user that it prefers over the
	// instance profile. Only its presence is kept.
	Stray FileState `json:"stray_credentials"`

	Unit AgentUnit `json:"unit"`
	Log  AgentLog  `json:"log"`
}

// FileState is a file's presence as far as we may see.
type FileState struct {
	Path     string    `json:"path,omitempty"`
	Exists   bool      `json:"exists"`
	Unknown  bool      `json:"unknown,omitempty"` // may not be read
	Modified time.Time `json:"modified,omitzero"`
}

// AgentIdentity is what the agent last believed of itself and its credentials.
type AgentIdentity struct {
	FileState
	Invalid      string    `json:"invalid,omitempty"` // why it cannot be parsed
	InstanceID   string    `json:"instance_id,omitempty"`
	IdentityType string    `json:"identity_type,omitempty"` // EC2, OnPrem
	Source       string    `json:"source,omitempty"`        // EC2: role; SSM: Default Host Management; "": never succeeded
	ShareFile    string    `json:"share_file,omitempty"`    // where it shares its credentials with others
	Retrieved    time.Time `json:"retrieved,omitzero"`
	Expires      time.Time `json:"expires,omitzero"`
}

// Fresh tells whether the credentials are within their life at the given time.
func (i AgentIdentity) Fresh(now time.Time) bool {
	return i.Exists && i.Source != "" && i.Expires.After(now) && !i.Retrieved.IsZero()
}

// AgentConfig is amazon-ssm-agent.json as far as it decides what to probe.
type AgentConfig struct {
	FileState
	// Invalid says why it cannot be parsed. The agent then does not start (before
	// August 2020 it used its defaults: core/app/bootstrap/bootstrap.go).
	Invalid string `json:"invalid,omitempty"`
	// Overrides: the text of a broken file names endpoints of its own.
	Overrides     bool   `json:"overrides,omitempty"`
	Region        string `json:"region,omitempty"`
	ServiceDomain string `json:"service_domain,omitempty"`
	SSMEndpoint   string `json:"ssm_endpoint,omitempty"`
	MDSEndpoint   string `json:"mds_endpoint,omitempty"` // ec2messages
	MGSEndpoint   string `json:"mgs_endpoint,omitempty"` // ssmmessages
	MGSRegion     string `json:"mgs_region,omitempty"`
	S3Endpoint    string `json:"s3_endpoint,omitempty"`
	S3Region      string `json:"s3_region,omitempty"`
	KMSEndpoint   string `json:"kms_endpoint,omitempty"`
}

// AgentProxy is the proxy environment of the SSM Agent's service. The URLs
// keep their passwords in memory only: String and JSON mask them.
type AgentProxy struct {
	Known   bool     `json:"known"` // false: neither process nor unit may be read
	Source  string   `json:"source,omitempty"`
	HTTP    ProxyURL `json:"http,omitempty"`
	HTTPS   ProxyURL `json:"https,omitempty"`
	NoProxy string   `json:"no_proxy,omitempty"`
	// UpperHTTP: http_proxy is set in upper case alone. Go takes it; libcurl and apt
	// do not, for fear of CGI (curl(1), "Environment").
	UpperHTTP bool `json:"upper_http,omitempty"`
	// UpperHTTPS and UpperNoProxy: likewise. libcurl takes these, apt does not.
	UpperHTTPS   bool `json:"upper_https,omitempty"`
	UpperNoProxy bool `json:"upper_no_proxy,omitempty"`
}

// NoteCase fills in which variables of an environment are set in upper case alone.
func (p *AgentProxy) NoteCase(env map[string]string) {
	upper := func(name string) bool { return env[name] == "" && env[strings.ToUpper(name)] != "" }
	p.UpperHTTP, p.UpperHTTPS, p.UpperNoProxy = upper("http_proxy"), upper("https_proxy"), upper("no_proxy")
}
