package probes

import (
	"net/netip"
	"time"
)

// Result is everything that was measured on the way to one target.
type Result struct {
	Target Target `json:"target"`
	State  State  `json:"state"`
	Steps  []Step `json:"steps,omitempty"`
	// Name is the lookup of the target's host; nil for a literal address.
	Name *NameResult `json:"name,omitempty"`
	// Addresses are those that a client would try, in its order.
	Addresses []netip.Addr `json:"addresses,omitempty"`
	// Proxy is the proxy that the client uses for this target; nil: none.
	Proxy *ProxyResult `json:"proxy,omitempty"`
	// Conns has one entry for each address that was tried.
	Conns []Conn `json:"conns,omitempty"`
	TLS   *TLS   `json:"tls,omitempty"`
	HTTP  *HTTP  `json:"http,omitempty"`
	// Experiments are further handshakes after one that failed.
	Experiments []Experiment `json:"experiments,omitempty"`
	Duration    float64      `json:"duration_seconds"`
}

// Failed returns the step that stopped the probe, if one did.
func (r *Result) Failed() (Step, bool) {
	for _, s := range r.Steps {
		if s.State == Down {
			return s, true
		}
	}
	return Step{}, false
}

// NameResult is one name, asked of every resolver.
type NameResult struct {
	Host string `json:"host"`
	// Reason is how the lookup ends for the client: OK, or why not.
	Reason Reason `json:"reason"`
	// By is the resolver whose answer counts: the first configured one whose
	// answer stops the client's search. Invalid where the hosts file answers.
	By netip.AddrPort `json:"by"`
	// Addrs is the answer as the client gets it, both families, unfiltered.
	Addrs []netip.Addr `json:"addrs,omitempty"`
	// Pinned is the hosts file's answer, with its line.
	Pinned     []netip.Addr `json:"pinned,omitempty"`
	PinnedLine int          `json:"pinned_line,omitempty"`
	PinVendor  string       `json:"pin_vendor,omitempty"`
	// Answers has one entry per resolver, question name and type.
	Answers  []DNSAnswer `json:"answers,omitempty"`
	Duration float64     `json:"duration_seconds"`
}

// DNSAnswer is the outcome of one question put to one resolver.
type DNSAnswer struct {
	Resolver netip.AddrPort `json:"resolver"`
	Question string         `json:"question"` // fully qualified
	Type     string         `json:"type"`     // A or AAAA
	Reason   Reason         `json:"reason"`
	Addrs    []netip.Addr   `json:"addrs,omitempty"`
	Duration float64        `json:"duration_seconds"`
	Attempts int            `json:"attempts"`
	// EDNS tells how the query with EDNS fared; Plain the one without. An empty
	// reason: that form was not asked.
	EDNS  Reason `json:"edns,omitempty"`
	Plain Reason `json:"plain,omitempty"`
	// TCP is set where a truncated answer made us ask again over TCP.
	TCP Reason `json:"tcp,omitempty"`
	// Sender is who sent the ICMP error, where there was one.
	Sender netip.Addr `json:"sender,omitzero"`
	// Local: the error was made on this host (no route, EPERM), not on the way.
	Local bool `json:"local,omitempty"`
}

// Conn is one address, connected to at most twice.
type Conn struct {
	Addr     netip.AddrPort `json:"addr"`
	Reason   Reason         `json:"reason"`
	Duration float64        `json:"duration_seconds"` // of the attempt that counts
	Attempts int            `json:"attempts"`
	// Sender is the ICMP error's sender; invalid: none was seen (no ICMP, or a
	// kernel before 5.8, which queues none for TCP).
	Sender netip.Addr `json:"sender,omitzero"`
	// Local: connect failed at once on this host (its own route table, EPERM).
	Local bool `json:"local,omitempty"`
	// Errno is the system's own word for the error, such as EHOSTUNREACH.
	Errno       string `json:"errno,omitempty"`
	Retransmits int    `json:"retransmits,omitempty"` // of the SYN, from TCP_INFO
}

// TLS is what a handshake showed, whether or not it was accepted.
type TLS struct {
	Reason     Reason  `json:"reason"`
	ServerName string  `json:"server_name"`
	Version    string  `json:"version,omitempty"` // "TLS 1.3"
	Cipher     string  `json:"cipher,omitempty"`
	Group      string  `json:"group,omitempty"` // key exchange, such as X25519MLKEM768
	Chain      []Cert  `json:"chain,omitempty"`
	Trusted    bool    `json:"trusted"`           // chains to the store of the client
	Genuine    bool    `json:"genuine"`           // chains to a service root
	NameOK     bool    `json:"name_ok"`           // the leaf is for the host
	TimeOK     bool    `json:"time_ok"`           // valid by the local clock
	Error      string  `json:"error,omitempty"`   // alert or error, for evidence only
	Alert      int     `json:"alert,omitempty"`   // TLS alert number, 0: none
	NotTLS     string  `json:"not_tls,omitempty"` // first bytes of an answer that is not TLS, printable
	Duration   float64 `json:"duration_seconds"`
}

// Cert is one certificate as it was received.
type Cert struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Names     []string  `json:"names,omitempty"` // at most 20
	SHA256    string    `json:"sha256"`          // hex, of the DER form
}

// HTTP is the answer to one unsigned request.
type HTTP struct {
	Reason      Reason `json:"reason"`
	Status      int    `json:"status,omitempty"`
	Server      string `json:"server,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Location    string `json:"location,omitempty"`
	Code        string `json:"code,omitempty"` // AWS's error code, such as AccessDenied
	// BucketRegion is where S3 says that the bucket lies (x-amz-bucket-region).
	BucketRegion string    `json:"bucket_region,omitempty"`
	AWSShaped    bool      `json:"aws_shaped"`     // bears the marks of an AWS front end
	HTML         bool      `json:"html,omitempty"` // a page for people
	Title        string    `json:"title,omitempty"`
	Date         time.Time `json:"date,omitzero"`     // the answer's Date header
	ReceivedAt   time.Time `json:"received_at"`       // local clock, half a round trip taken off
	Bytes        int       `json:"bytes,omitempty"`   // of the body that was read
	Snippet      string    `json:"snippet,omitempty"` // start of a body that is not as expected
	Duration     float64   `json:"duration_seconds"`
}

// ProxyResult is how the way through a proxy went.
type ProxyResult struct {
	URL      string  `json:"url"` // password masked
	Source   string  `json:"source,omitempty"`
	Reason   Reason  `json:"reason"`
	Status   int     `json:"status,omitempty"` // of the CONNECT
	Conns    []Conn  `json:"conns,omitempty"`
	Duration float64 `json:"duration_seconds"`
}

// ExperimentKind names a handshake that was changed in one thing.
type ExperimentKind string

// The experiments after a handshake that failed.
const (
	ExpClamp      ExperimentKind = "clamped_segments" // TCP_MAXSEG set low
	ExpNoMLKEM    ExperimentKind = "no_mlkem"         // no hybrid or ML-KEM group offered
	ExpSplitHello ExperimentKind = "split_hello"      // the ClientHello in two segments
	ExpNoSNI      ExperimentKind = "no_sni"
	ExpClassic    ExperimentKind = "clamped_no_mlkem" // both
)

// Experiment is the outcome of one changed handshake.
type Experiment struct {
	Kind     ExperimentKind `json:"kind"`
	Reason   Reason         `json:"reason"` // OK: the handshake completed
	Detail   string         `json:"detail,omitempty"`
	Duration float64        `json:"duration_seconds"`
}
