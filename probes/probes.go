// Package probes is the vocabulary of a round: targets, steps, reasons and
// measured results. It measures nothing itself and judges nothing; the packages
// below it measure, and agent/diagnosis says what a measurement means.
package probes

import "net/netip"

// Phase is one step on the way to a target.
type Phase string

// The phases, in the order in which a client goes through them.
const (
	PhaseDNS    Phase = "dns"
	PhaseProxy  Phase = "proxy"
	PhaseTCP    Phase = "tcp"
	PhaseTLS    Phase = "tls"
	PhaseHTTP   Phase = "http"
	PhaseSigned Phase = "signed"
)

// State is how a target or a step stands.
type State string

// The states of a target and of a step.
const (
	Up      State = "up"
	Down    State = "down"
	Skipped State = "skipped"
	Unknown State = "unknown"
)

// Reason says why a step ended as it did. The set is closed.
type Reason string

// The reasons of the contract.
const (
	OK                 Reason = "ok"
	Timeout            Reason = "timeout"
	Refused            Reason = "refused"
	Unreachable        Reason = "unreachable"
	Prohibited         Reason = "prohibited"
	NoRoute            Reason = "no_route"
	Reset              Reason = "reset"
	Closed             Reason = "closed"
	NXDomain           Reason = "nxdomain"
	NoData             Reason = "nodata"
	ServFail           Reason = "servfail"
	DNSRefused         Reason = "dns_refused"
	FormErr            Reason = "formerr"
	Truncated          Reason = "truncated"
	Malformed          Reason = "malformed"
	UntrustedIssuer    Reason = "untrusted_issuer"
	Expired            Reason = "expired"
	NotYetValid        Reason = "not_yet_valid"
	NameMismatch       Reason = "name_mismatch"
	HandshakeTimeout   Reason = "handshake_timeout"
	HandshakeReset     Reason = "handshake_reset"
	TLSAlert           Reason = "tls_alert"
	ProtocolVersion    Reason = "protocol_version"
	PQBlocked          Reason = "pq_blocked"
	MTUBlackhole       Reason = "mtu_blackhole"
	ProxyUnreachable   Reason = "proxy_unreachable"
	ProxyAuth          Reason = "proxy_auth"
	ProxyDenied        Reason = "proxy_denied"
	NotAWS             Reason = "not_aws"
	AccessDenied       Reason = "access_denied"
	Unauthorized       Reason = "unauthorized"
	NotFound           Reason = "not_found"
	Throttled          Reason = "throttled"
	ServerError        Reason = "server_error"
	Redirect           Reason = "redirect"
	BadContent         Reason = "bad_content"
	Stale              Reason = "stale"
	SignatureExpired   Reason = "signature_expired"
	InvalidCredentials Reason = "invalid_credentials"
	Canceled           Reason = "canceled"
	SkippedReason      Reason = "skipped"
	Internal           Reason = "internal"
)

// Reasons lists the closed set, for the schema and its tests.
func Reasons() []Reason {
	return []Reason{OK, Timeout, Refused, Unreachable, Prohibited, NoRoute, Reset, Closed, NXDomain, NoData,
		ServFail, DNSRefused, FormErr, Truncated, Malformed, UntrustedIssuer, Expired, NotYetValid, NameMismatch,
		HandshakeTimeout, HandshakeReset, TLSAlert, ProtocolVersion, PQBlocked, MTUBlackhole, ProxyUnreachable,
		ProxyAuth, ProxyDenied, NotAWS, AccessDenied, Unauthorized, NotFound, Throttled, ServerError, Redirect,
		BadContent, Stale, SignatureExpired, InvalidCredentials, Canceled, SkippedReason, Internal}
}

// Step is one phase of a probe as the report shows it.
type Step struct {
	Phase    Phase   `json:"phase"`
	State    State   `json:"state"`
	Reason   Reason  `json:"reason"`
	Duration float64 `json:"duration_seconds"`
	Detail   string  `json:"detail,omitempty"`
	Attempts int     `json:"attempts"`
}

// Group is a set of targets and checks that can be asked for by name.
type Group string

// The groups of the contract.
const (
	GroupSSM           Group = "ssm"
	GroupS3            Group = "s3"
	GroupRepos         Group = "repos"
	GroupWindowsUpdate Group = "windowsupdate"
	GroupAgent         Group = "agent"
	GroupIdentity      Group = "identity"
	GroupHost          Group = "host"
	// GroupCustom are the targets of the user's own, where the configuration names
	// any.
	GroupCustom Group = "custom"
)

// Groups lists them in the order of the contract.
func Groups() []Group {
	return []Group{GroupSSM, GroupS3, GroupRepos, GroupWindowsUpdate, GroupAgent, GroupIdentity, GroupHost}
}

// Answer tells what the other side of a target must look like.
type Answer string

// The kinds of answers that a probe can check.
const (
	// AnswerAWS: any answer that an AWS API front end writes (x-amzn-RequestId).
	AnswerAWS Answer = "aws"
	// AnswerS3: any answer that S3 writes; 403 for an unknown key is fine.
	AnswerS3 Answer = "s3"
	// AnswerS3Object: a public object of S3 that is known to exist: 200 or 206.
	AnswerS3Object Answer = "s3_object"
	// AnswerHTTP: any answer below 500.
	AnswerHTTP Answer = "http"
	// AnswerConnect: only that the connection opens and TLS completes.
	AnswerConnect Answer = "connect"
)

// Client is the program whose view a probe takes.
type Client string

// The clients.
const (
	// ClientAgent: the SSM Agent. Go's resolver (EDNS, size 1232), its proxy
	// environment, SSL_CERT_FILE and AWS_CA_BUNDLE of its service.
	ClientAgent Client = "agent"
	// ClientScript: curl, wget or Python started by the patch script: libc's
	// resolver (no EDNS), the machine store, the agent's proxy environment.
	ClientScript Client = "script"
)

// Target is one thing that a client on this machine must reach.
type Target struct {
	Name     string `json:"name"`
	Group    Group  `json:"group"`
	URL      string `json:"url"`
	Required bool   `json:"required"`
	// Likely: that it is required rests on a table, not on this machine's own
	// last run or on the service.
	Likely bool `json:"likely,omitempty"`
	// Because says in a few words why it is or is not required.
	Because string `json:"because,omitempty"`
	Answer  Answer `json:"answer"`
	Client  Client `json:"client"`
	// AWS: the host is AWS's own name, so its roots are known.
	AWS bool `json:"aws"`
	// Control targets only help to tell causes apart; they never decide.
	Control bool `json:"control,omitempty"`
	// Skip: it is named in the report but not probed, with the reason in Because.
	Skip bool `json:"skip,omitempty"`
}

// Route is the way that packets take to a target.
type Route string

// The routes of the contract.
const (
	RouteInterface Route = "interface_endpoint"
	RouteCentral   Route = "central_endpoint"
	RouteGateway   Route = "gateway_endpoint"
	RouteNAT       Route = "nat"
	RouteInternet  Route = "internet"
	RouteProxy     Route = "proxy"
	RouteUnknown   Route = "unknown"
)

// Private tells whether an address is private in itself: RFC 1918, RFC 6598 or
// a unique local IPv6 address. Addresses inside the VPC's own CIDRs count as
// private too, which only the metadata can tell.
func Private(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || cgnat.Contains(a)
}

var cgnat = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
