//go:build linux

package lab

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"
)

// Fault is one thing that is broken. Exactly one field is set.
type Fault struct {
	Drop      *PacketFault `yaml:"drop"`       // packets vanish
	Reject    *PacketFault `yaml:"reject"`     // packets are answered with ICMP or a reset
	Oversize  *PacketFault `yaml:"oversize"`   // packets over a size vanish, without the ICMP that would tell
	LoseFirst *PacketFault `yaml:"lose_first"` // the first packet to each address and port vanishes, once
	Route     *RouteFault  `yaml:"route"`      // the instance's route table
	DNS       *DNSFault    `yaml:"dns"`
	TLS       *ServerFault `yaml:"tls"`
	HTTP      *ServerFault `yaml:"http"`
	IMDS      *IMDSFault   `yaml:"imds"`
	Time      *TimeFault   `yaml:"time"` // Amazon Time Sync alone
}

// PacketFault says which packets, and where. The defaults are TCP port 443 at the subnet's router, on the way out.
type PacketFault struct {
	At    string   `yaml:"at"`    // instance, router (default: what security groups and endpoints do), nat
	To    []string `yaml:"to"`    // services, names, addresses, prefixes; [everything] is all but link-local and DNS
	Proto string   `yaml:"proto"` // tcp (default), udp, tcp+udp
	Port  int      `yaml:"port"`  // default 443; -1 is every port
	With  string   `yaml:"with"`  // reject: tcp-reset or an ICMP type (admin-prohibited, host-unreachable, port-unreachable, ...)
	Over  int      `yaml:"over"`  // oversize: bytes of the IP packet
	Back  bool     `yaml:"back"`  // the answers, on their way to the instance, instead
	Once  bool     `yaml:"once"`  // drop, reject: only the first connect to each address and port
	Every int      `yaml:"every"` // drop: only every n-th packet
	// NotRoot hits only what other users than root send; at the instance.
	NotRoot bool `yaml:"not_root"`
}

// RouteFault is a route in the instance that leads nowhere, or one that is missing.
type RouteFault struct {
	To   []string `yaml:"to"`
	Type string   `yaml:"type"` // blackhole, unreachable, prohibit; no-default (to keeps a route of its own), no-address
}

// TimeFault is the time service telling another time than the world, or nothing.
type TimeFault struct {
	Offset Duration `yaml:"offset"`
	Silent bool     `yaml:"silent"`
}

// DNSFault is a resolver's behaviour for some names. The first fault that matches a question decides.
type DNSFault struct {
	Resolvers []string `yaml:"resolvers"` // addresses; empty is all
	Names     []string `yaml:"names"`     // services, names, "*.zone", "aws" for every service of the region; empty is all
	Types     []string `yaml:"types"`     // A, AAAA; empty is all
	Mode      string   `yaml:"mode"`
	Delay     Duration `yaml:"delay"`
	Times     int      `yaml:"times"`     // the first n questions for each name and type only
	Addresses []string `yaml:"addresses"` // of mode answer
}

// ServerFault is how a service's servers misbehave, inside the VPC and outside. The first fault that fits decides.
type ServerFault struct {
	Services  []string `yaml:"services"`  // "*" is every service
	Names     []string `yaml:"names"`     // tls: only with these server names
	URLs      []string `yaml:"urls"`      // http: only where host and path contain one of these
	Addresses []string `yaml:"addresses"` // only at these addresses
	Mode      string   `yaml:"mode"`
	Delay     Duration `yaml:"delay"`
	Offset    Duration `yaml:"offset"` // http: of the Date
	Times     int      `yaml:"times"`  // the first n handshakes or requests of each service only
}

// IMDSFault is how the instance metadata service misbehaves.
type IMDSFault struct {
	Mode  string   `yaml:"mode"`
	Delay Duration `yaml:"delay"` // before each answer
	Times int      `yaml:"times"` // the first n requests only
}

var (
	routeTypes = map[string]int{"blackhole": syscall.RTN_BLACKHOLE, "unreachable": syscall.RTN_UNREACHABLE, "prohibit": syscall.RTN_PROHIBIT,
		"no-default": syscall.RTN_UNICAST, "no-address": syscall.RTN_UNSPEC}
	dnsModes = []string{"", "drop", "garbage", "wrong-id", "nxdomain", "nodata", "servfail", "refused", "edns-silent", "edns-formerr", "truncated", "public",
		"answer", "cname-chain", "huge"}
	// earlyModes are decided before a server name is known, so they cannot depend on one.
	earlyModes = []string{"plain-http", "portal", "drip"}
	tlsModes   = append([]string{"slow", "corporate", "copied-names", "expired", "not-yet-valid", "wrong-name", "reset", "pq-reset", "pq-silent", "close",
		"silent", "tls-1.1", "huge-chain", "wrong-name-expired", "corporate-expired"}, earlyModes...)
	httpModes = []string{"slow", "date", "block-page-403", "block-page-200", "503", "429", "404", "elb-503", "long-header", "garbage", "close", "endless", "deny", "deny-agent-updates",
		"401", "403", "500", "redirect", "moved", "empty", "truncated", "cut", "gzip-garbage", "wrong-document", "bomb", "stale", "no-mirrors", "metalink-garbage"}
	imdsModes = []string{"", "forbidden", "no-role", "role-unusable", "credentials-expired", "hop-limit", "endless-document", "v1-allowed", "no-region",
		"garbage-cidrs", "503"}
)

func (f *Fault) check() error {
	set := 0
	value := reflect.ValueOf(*f)
	for i := range value.NumField() {
		if !value.Field(i).IsNil() {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("%d kinds of fault in one entry", set)
	}
	mode, known := "", []string{""}
	switch {
	case f.Route != nil:
		if _, ok := routeTypes[f.Route.Type]; !ok {
			return fmt.Errorf("unknown route type %q", f.Route.Type)
		}
	case f.DNS != nil && (f.DNS.Mode == "answer") != (len(f.DNS.Addresses) > 0):
		return errors.New("mode answer needs addresses, and no other has them")
	case f.DNS != nil:
		mode, known = f.DNS.Mode, dnsModes
	case f.TLS != nil && slices.Contains(earlyModes, f.TLS.Mode) && (len(f.TLS.Names) > 0 || f.TLS.Times > 0):
		return fmt.Errorf("mode %s cannot depend on names or times", f.TLS.Mode)
	case f.TLS != nil && len(f.TLS.URLs) > 0, f.HTTP != nil && len(f.HTTP.Names) > 0:
		return errors.New("names are for tls, urls for http")
	case f.TLS != nil:
		mode, known = f.TLS.Mode, tlsModes
	case f.HTTP != nil:
		mode, known = f.HTTP.Mode, httpModes
	case f.IMDS != nil:
		mode, known = f.IMDS.Mode, imdsModes
	case f.Reject != nil && f.Reject.With == "":
		return errors.New("reject needs with")
	case f.Oversize != nil && f.Oversize.Over == 0:
		return errors.New("oversize needs over")
	}
	if !slices.Contains(known, mode) {
		return fmt.Errorf("unknown mode %q", mode)
	}
	for _, server := range []*ServerFault{f.TLS, f.HTTP} {
		if server == nil {
			continue
		}
		for _, service := range server.Services {
			_, aws := publicAddresses[service]
			if _, packages := packageService(service); !aws && !packages && !slices.Contains([]string{"*", "other"}, service) {
				return fmt.Errorf("unknown service %q", service)
			}
		}
	}
	return nil
}

// rule writes the fault as nft statements. set is the name of the set that remembers first packets, if only those are hit.
func (p *PacketFault) rule(w *world, verdict, set string) []string {
	protocols := strings.Split(p.Proto, "+")
	if p.Proto == "" {
		protocols = []string{"tcp"}
	}
	address, port := "daddr", "dport"
	if p.Back {
		address, port = "saddr", "sport"
	}
	var rules []string
	for _, protocol := range protocols {
		match := "meta l4proto " + protocol
		if p.NotRoot {
			match = "meta skuid != 0 " + match
		}
		switch {
		case p.Port == 0:
			match += " " + protocol + " " + port + " 443"
		case p.Port > 0:
			match += fmt.Sprintf(" %s %s %d", protocol, port, p.Port)
		}
		if set != "" && protocol == "tcp" {
			match += " tcp flags & (syn|ack) == syn"
		}
		if p.Over > 0 {
			match += fmt.Sprintf(" meta length > %d", p.Over)
		}
		action := verdict
		if set != "" {
			action = fmt.Sprintf("ip daddr . %[1]s dport != @%[2]s add @%[2]s { ip daddr . %[1]s dport } %[3]s", protocol, set, verdict)
		} else if p.Every > 0 {
			action = fmt.Sprintf("numgen inc mod %d == 0 %s", p.Every, verdict)
		}
		var v4, v6 []string
		for _, target := range p.To {
			if target == "everything" {
				rules = append(rules, fmt.Sprintf("%s ip %s != { 169.254.0.0/16, 127.0.0.0/8, %s } %s", match, address, vpcResolverIP, action))
				continue
			}
			for _, a := range w.targetAddresses(target) {
				if strings.Contains(a, ":") {
					v6 = append(v6, a)
				} else if !slices.Contains(v4, a) {
					v4 = append(v4, a)
				}
			}
		}
		if len(v4) > 0 {
			rules = append(rules, fmt.Sprintf("%s ip %s { %s } %s", match, address, strings.Join(v4, ", "), action))
		}
		if len(v6) > 0 {
			rules = append(rules, fmt.Sprintf("%s ip6 %s { %s } %s", match, address, strings.Join(v6, ", "), action))
		}
	}
	return rules
}

// packetRules are the nft rules of all packet faults in one place, and the sets that they need.
func packetRules(w *world, faults []Fault, at string) (out, back, sets []string) {
	add := func(p *PacketFault, verdict string, once bool) {
		if p == nil || p.At != at && !(p.At == "" && at == "router") {
			return
		}
		set := ""
		if once {
			set = fmt.Sprintf("seen%d", len(sets))
			sets = append(sets, set)
		}
		if p.Back {
			back = append(back, p.rule(w, verdict, set)...)
		} else {
			out = append(out, p.rule(w, verdict, set)...)
		}
	}
	for _, f := range faults {
		if f.Drop != nil {
			add(f.Drop, "drop", f.Drop.Once)
		}
		add(f.Oversize, "drop", false)
		add(f.LoseFirst, "drop", true)
		if f.Reject != nil {
			verdict := "reject with icmp type " + f.Reject.With
			if f.Reject.With == "tcp-reset" {
				verdict = "reject with tcp reset"
			}
			add(f.Reject, verdict, f.Reject.Once)
		}
	}
	return out, back, sets
}

// faultTable is one nft table with the packet faults of a namespace. hook is where the way out passes there.
func faultTable(out, back, sets []string, hook, backHook string) string {
	var declared strings.Builder
	for _, set := range sets {
		fmt.Fprintf(&declared, " set %s { type ipv4_addr . inet_service; flags dynamic; size 4096; }\n", set)
	}
	return fmt.Sprintf("table inet faults {\n%s"+
		" chain out {\n  type filter hook %s priority 0;\n  %s\n }\n chain back {\n  type filter hook %s priority 0;\n  %s\n }\n}\n",
		declared.String(), hook, strings.Join(out, "\n  "), backHook, strings.Join(back, "\n  "))
}
