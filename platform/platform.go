// Package platform reads what the operating system knows about itself: release,
// resolvers, hosts file, routes, trust store, processes. It measures nothing
// over the network and imports nothing else of agentctl.
package platform

import (
	"crypto/x509"
	"io/fs"
	"net/netip"
	"time"
)

// Host is one operating system, read below a root directory. Every method is
// safe for concurrent use and bounded: no read returns more than its limit.
//
// A fact that may not be read is reported as unknown in Facts.Unreadable and
// never as an error of the round.
type Host interface {
	// Facts reads everything that is cheap to read, once.
	Facts() Facts
	// ReadFile returns at most limit bytes of the file at the absolute path
	// name, taken below the host's root. Longer files give ErrTooLarge together
	// with the first limit bytes.
	ReadFile(name string, limit int64) ([]byte, error)
	// ReadTail returns at most the last limit bytes of a file.
	ReadTail(name string, limit int64) ([]byte, error)
	// ReadDir lists at most limit entries of a directory.
	ReadDir(name string, limit int) ([]fs.DirEntry, error)
	// Stat is os.Stat below the root.
	Stat(name string) (fs.FileInfo, error)
	// TrustStore loads the machine's certificate store. Extra files (such as an
	// agent's SSL_CERT_FILE) replace it when given and readable.
	TrustStore(files ...string) (TrustStore, error)
	// ProcessEnv returns the environment of a process, where it may be read.
	ProcessEnv(pid int) (map[string]string, error)
	// Now is the host's wall clock.
	Now() time.Time
}

// Facts is what the machine says of itself. It can be recorded as JSON.
type Facts struct {
	OS         OS          `json:"os"`
	Privileged bool        `json:"privileged"` // may read other users' files (root, CAP_DAC_READ_SEARCH, SYSTEM)
	Resolver   Resolver    `json:"resolver"`
	Hosts      []HostsLine `json:"hosts,omitempty"`
	Interfaces []Interface `json:"interfaces,omitempty"`
	Routes     []Route     `json:"routes,omitempty"`
	Processes  []Process   `json:"processes,omitempty"`
	// Unreadable lists what could not be read and why, for host-unprivileged.
	Unreadable []Unreadable `json:"unreadable,omitempty"`
}

// Unreadable is one thing that this run may not or could not read.
type Unreadable struct {
	What   string `json:"what"`
	Why    string `json:"why"`
	Denied bool   `json:"denied"` // for lack of rights, rather than absent or broken
}

// OS names the operating system, in the words of os-release or the registry.
type OS struct {
	Family  string   `json:"family"` // linux or windows
	ID      string   `json:"id"`     // amzn, rhel, ubuntu, sles, debian, windows
	Like    []string `json:"like,omitempty"`
	Version string   `json:"version"`
	Name    string   `json:"name,omitempty"` // pretty name
	Arch    string   `json:"arch"`           // as uname: x86_64, aarch64
	Kernel  string   `json:"kernel,omitempty"`
}

// Resolver is how names are looked up here.
type Resolver struct {
	// Servers are the nameservers that a client asks, in order.
	Servers []netip.AddrPort `json:"servers"`
	// Upstream are the servers behind a local stub such as systemd-resolved.
	Upstream []netip.AddrPort `json:"upstream,omitempty"`
	Stub     bool             `json:"stub,omitempty"`
	// Implied: no nameserver is configured, and clients then ask loopback.
	Implied  bool          `json:"implied,omitempty"`
	Search   []string      `json:"search,omitempty"`
	Ndots    int           `json:"ndots"`
	Timeout  time.Duration `json:"timeout"`
	Attempts int           `json:"attempts"`
	Rotate   bool          `json:"rotate,omitempty"`
	UseTCP   bool          `json:"use_tcp,omitempty"`
	// IgnoreHosts: nsswitch.conf leaves "files" out for hosts.
	IgnoreHosts bool   `json:"ignore_hosts,omitempty"`
	Source      string `json:"source,omitempty"` // file, or "registry"
	Problem     string `json:"problem,omitempty"`
}

// HostsLine is one entry of the hosts file.
type HostsLine struct {
	Addr  netip.Addr `json:"addr"`
	Names []string   `json:"names"` // lower case, without trailing dot
	Line  int        `json:"line"`
	// Vendor names the tool that manages the block this line stands in, such as
	// SUSE's registration; "" for a line of the owner's own.
	Vendor string `json:"vendor,omitempty"`
}

// Interface is one network interface.
type Interface struct {
	Name     string         `json:"name"`
	Index    int            `json:"index"`
	MTU      int            `json:"mtu"` // bytes
	Up       bool           `json:"up"`
	Loopback bool           `json:"loopback,omitempty"`
	MAC      string         `json:"mac,omitempty"`
	Addrs    []netip.Prefix `json:"addrs,omitempty"`
}

// Route is one entry of the main route table.
type Route struct {
	Dst     netip.Prefix `json:"dst"`
	Gateway netip.Addr   `json:"gateway"`
	Dev     string       `json:"dev,omitempty"`
	Kind    string       `json:"kind"` // unicast, blackhole, unreachable, prohibit
	Metric  int          `json:"metric,omitempty"`
}

// Process is one running process.
type Process struct {
	PID   int       `json:"pid"`
	PPID  int       `json:"ppid"`
	UID   int       `json:"uid"`
	Comm  string    `json:"comm"`            // at most 15 bytes on Linux
	State string    `json:"state,omitempty"` // Linux's letter: R, S, D, T, Z (a zombie), ...
	Exe   string    `json:"exe,omitempty"`   // "" where it may not be read
	Args  []string  `json:"args,omitempty"`
	Start time.Time `json:"start,omitzero"`
	// NetShared tells whether it lives in our network namespace; nil: unknown.
	NetShared *bool `json:"net_shared,omitempty"`
}

// TrustStore is a set of root certificates and the files they came from.
type TrustStore struct {
	Pool  *x509.CertPool
	Files []string
	Count int
}

// HasGlobalIPv6 tells whether the host has a global IPv6 address and an IPv6
// route that leaves the link: only then do AAAA answers count.
func (f Facts) HasGlobalIPv6() bool {
	addr := false
	for _, i := range f.Interfaces {
		if !i.Up || i.Loopback {
			continue
		}
		for _, p := range i.Addrs {
			a := p.Addr()
			if a.Is6() && !a.Is4In6() && a.IsGlobalUnicast() && !a.IsPrivate() {
				addr = true
			}
		}
	}
	if !addr {
		return false
	}
	for _, r := range f.Routes {
		if r.Dst.IsValid() && r.Dst.Addr().Is6() && r.Kind == "unicast" && r.Gateway.IsValid() {
			return true
		}
	}
	return false
}

// HasIPv4 tells whether any interface but loopback has an IPv4 address.
func (f Facts) HasIPv4() bool {
	for _, i := range f.Interfaces {
		if i.Loopback {
			continue
		}
		for _, p := range i.Addrs {
			if p.Addr().Is4() {
				return true
			}
		}
	}
	return false
}

// OwnsAddr tells whether the address is one of this host's own.
func (f Facts) OwnsAddr(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	if a.IsLoopback() {
		return true
	}
	for _, i := range f.Interfaces {
		for _, p := range i.Addrs {
			if p.Addr() == a.Unmap() {
				return true
			}
		}
	}
	return false
}
