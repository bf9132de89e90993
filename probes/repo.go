package probes

import "time"

// Repo is one configured package repository, as its package manager reads it.
type Repo struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Manager is the package manager that uses it: dnf, yum, apt, zypper.
	Manager string `json:"manager"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Enabled bool   `json:"enabled"`
	// Own: it is the distribution's own (by id and host), which patching needs in
	// any case.
	Own bool `json:"own,omitempty"`
	// Skip is the effective skip_if_unavailable: the package manager goes on
	// without it. Apt and zypper have no such option; there it is false.
	Skip bool `json:"skip_if_unavailable"`
	// Required: its loss stops the package manager, or it is the distribution's own.
	Required bool   `json:"required"`
	Because  string `json:"because,omitempty"`

	// Base, MirrorList and MetaLink are the addresses with all variables filled in.
	Base       []string `json:"base,omitempty"`
	MirrorList string   `json:"mirrorlist,omitempty"`
	MetaLink   string   `json:"metalink,omitempty"`
	// Metadata are the paths below a base address that prove the repository, in the
	// order in which the package manager asks: repodata/repomd.xml, or
	// dists/SUITE/InRelease.
	Metadata []string `json:"metadata,omitempty"`
	// Open are variables that have no value here.
	Open []string `json:"open,omitempty"`

	Proxy       ProxyURL `json:"proxy,omitempty"`
	ProxySource string   `json:"proxy_source,omitempty"`
	NoProxy     bool     `json:"no_proxy,omitempty"` // proxy=_none_
	SSLVerify   bool     `json:"sslverify"`
	CAFile      string   `json:"ca_file,omitempty"`
	ClientCert  string   `json:"client_cert,omitempty"`
	ClientKey   string   `json:"client_key,omitempty"`
	User        string   `json:"-"` // user and password never leave this process
	Password    string   `json:"-"`
	// RHUI: the request bears the instance's identity document (amazon-id plugin).
	RHUI bool `json:"rhui,omitempty"`
	// AnyName: the certificate's chain is verified, the name in it is not
	// (Acquire::https::Verify-Host "false", ssl_verify=peer).
	AnyName bool   `json:"any_name,omitempty"`
	CADir   string `json:"ca_dir,omitempty"` // ssl_capath of zypper
	// AuthUnknown: there are credentials that this run may not read, so an answer
	// of 401 says nothing.
	AuthUnknown bool `json:"auth_unknown,omitempty"`
	// ProxyUnknown says why the proxy cannot be known, such as a command that apt
	// asks for it.
	ProxyUnknown string `json:"proxy_unknown,omitempty"`
	// Query is what every request bears after the path: SUSE's own repositories have
	// their token there. It never leaves.
	Query string `json:"-"`
	// Unprobed says why the repository cannot be asked as its package manager does,
	// such as a transport of its own. It is neither up nor down.
	Unprobed string `json:"unprobed,omitempty"`
	// NoExpiry: apt takes metadata past its Valid-Until and before its Date.
	// ValidMin and ValidMax are how long after its Date it is valid at least and at
	// most, in seconds; 0: only Valid-Until counts.
	NoExpiry bool  `json:"no_expiry,omitempty"`
	ValidMin int64 `json:"valid_min_seconds,omitempty"`
	ValidMax int64 `json:"valid_max_seconds,omitempty"`
	// Unsigned: apt takes it without a signature (trusted=yes, allow-insecure=yes,
	// Acquire::AllowInsecureRepositories).
	Unsigned bool `json:"unsigned,omitempty"`
	// NoRedirect: redirects are not followed (Acquire::http::AllowRedirect "false").
	NoRedirect bool `json:"no_redirect,omitempty"`
	// Sources: it holds source packages only, from which nothing is patched.
	Sources bool `json:"sources_only,omitempty"`
	// Internet: its host is not AWS's, so it needs a way to the internet.
	Internet bool `json:"internet"`
	// Problem says why an enabled section has no usable address.
	Problem string `json:"problem,omitempty"`
}

// RepoConfig is the package manager's configuration.
type RepoConfig struct {
	Known   bool   `json:"known"`
	Why     string `json:"why,omitempty"`
	Manager string `json:"manager,omitempty"`
	Repos   []Repo `json:"repos,omitempty"`
	// Problems are files that cannot be parsed, with what the manager does then.
	Problems  []RepoProblem     `json:"problems,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
}

// RepoProblem is a fault in a repository file.
type RepoProblem struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
	// Fatal: the package manager refuses to run.
	Fatal bool `json:"fatal"`
	// Denied: this run may not read the file; the package manager, as root, may.
	Denied bool `json:"denied,omitempty"`
}

// RepoResult is what was measured of one repository.
type RepoResult struct {
	Repo Repo `json:"repo"`
	// Result is the way to the request that decided: the mirrorlist's or the
	// metadata's.
	Result Result `json:"result"`
	// Stage is where it ended: mirrorlist, metalink, metadata.
	Stage string `json:"stage"`
	// URL is the metadata's address that answered, or the last that was tried.
	URL    string `json:"url,omitempty"`
	Reason Reason `json:"reason"`
	Status int    `json:"status,omitempty"`
	// Mirrors is how many usable ones the list named, Tried how many were asked.
	Mirrors int `json:"mirrors,omitempty"`
	Tried   int `json:"tried,omitempty"`
	// KnownGood is how a key that exists on the same host fared, where one is known:
	// it tells a policy from a missing key.
	KnownGood Reason `json:"known_good,omitempty"`
	// Revision is the metadata's own time; Bytes its size.
	Revision time.Time `json:"revision,omitzero"`
	Bytes    int       `json:"bytes,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	// Certificate is how the client certificate that the repository names stands; ""
	// where it names none.
	Certificate CertificateState `json:"certificate,omitempty"`
	// Redirects are the addresses that led elsewhere, in order, masked.
	Redirects []string `json:"redirects,omitempty"`
	// Direct is the outcome without the SSM Agent's proxy, where one was used and the
	// package manager run by hand would not use it; "" not tried.
	Direct Reason `json:"direct,omitempty"`
}

// AnswerRepo is a repository's own document, checked by the package manager's
// rules: a list of mirrors, or the metadata's index.
const AnswerRepo Answer = "repo"

// CertificateState is how a client certificate and its key stand.
type CertificateState string

// The states of a client certificate.
const (
	CertificateOK         CertificateState = "ok"
	CertificateMissing    CertificateState = "missing"    // the certificate's file or the key's is not there
	CertificateUnreadable CertificateState = "unreadable" // there, and not a certificate with its key
	CertificateDenied     CertificateState = "denied"     // this run may not read it
	CertificateExpired    CertificateState = "expired"
	CertificateEarly      CertificateState = "not_yet_valid"
)
