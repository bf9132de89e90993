//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"agentctl/internal/lab/guest"
)

// Proof shows, with a small client of the lab's own in the instance's namespace, that a fault is really there before agentctl is
// judged by it. Exactly one of the first group is set.
type Proof struct {
	TCP  string `yaml:"tcp"`  // connect: a service, name or address
	TLS  string `yaml:"tls"`  // handshake and verification
	HTTP string `yaml:"http"` // GET
	DNS  string `yaml:"dns"`  // one question
	IMDS string `yaml:"imds"` // token, plain (a GET without token) or a path below /latest/
	NTP  string `yaml:"ntp"`  // "offset"
	// Guest is a check inside the instance, such as "space /var": guest.CheckPath lists them.
	Guest string `yaml:"guest"`

	Want string `yaml:"want"`

	At         string   `yaml:"at"`         // tcp, tls, http: this address instead of the VPC resolver's answer
	PQ         *bool    `yaml:"pq"`         // tls: offer ML-KEM groups (default yes, as Go does)
	MSS        int      `yaml:"mss"`        // tcp, tls, http: clamp the segment size
	Path       string   `yaml:"path"`       // http
	Plain      bool     `yaml:"plain"`      // http: without TLS, on port 80
	Login      string   `yaml:"login"`      // http: user:password
	Entitled   bool     `yaml:"entitled"`   // http: with Red Hat's client certificate and the instance's identity
	Via        string   `yaml:"via"`        // http: this proxy, as ADDRESS:PORT
	Port       int      `yaml:"port"`       // tcp: default 443
	AsUser     bool     `yaml:"as_user"`    // guest: with the rights of the run
	Resolver   string   `yaml:"resolver"`   // dns: default the instance's first nameserver
	Type       string   `yaml:"type"`       // dns: A (default) or AAAA
	EDNS       *bool    `yaml:"edns"`       // dns: default yes
	OverTCP    bool     `yaml:"over_tcp"`   // dns
	AtLeast    Duration `yaml:"at_least"`   // the answer takes this long
	Everywhere bool     `yaml:"everywhere"` // tcp: of several addresses, all and not only the first
}

// silence is how long nothing must come for a proof of silence: longer than one lost SYN needs, and short enough for a hundred
// scenarios. patience is the wait where an answer is wanted, which a busy machine may delay.
const (
	silence  = 1600 * time.Millisecond
	patience = 6 * time.Second
)

func (p *Proof) timeout() time.Duration {
	if p.Want == "timeout" {
		return silence
	}
	return patience
}

func (p *Proof) check() error {
	set := 0
	for _, field := range []string{p.TCP, p.TLS, p.HTTP, p.DNS, p.IMDS, p.NTP, p.Guest} {
		if field != "" {
			set++
		}
	}
	if set != 1 || p.Want == "" {
		return errors.New("a proof has exactly one of tcp, tls, http, dns, imds, ntp, guest, and a want")
	}
	return nil
}

func (p *Proof) String() string {
	var out strings.Builder
	value := reflect.ValueOf(*p)
	for i := range value.NumField() {
		if !value.Field(i).IsZero() {
			name := value.Type().Field(i).Tag.Get("yaml")
			fmt.Fprintf(&out, "%s: %v  ", name, reflect.Indirect(value.Field(i)))
		}
	}
	return strings.TrimSpace(out.String())
}

// Prove runs all proofs of the scenario and says which are not met.
func (v *VPC) Prove() error {
	failures := make([]error, len(v.scenario.Proof))
	done := make(chan struct{})
	for i, proof := range v.scenario.Proof {
		go func() {
			defer func() { done <- struct{}{} }()
			if err := v.prove(proof); err != nil {
				failures[i] = fmt.Errorf("the fault is not there: %s: %w", proof.String(), err)
			}
		}()
	}
	for range v.scenario.Proof {
		<-done
	}
	return errors.Join(append(failures, v.forget())...)
}

func (v *VPC) prove(p Proof) error {
	began := time.Now()
	var got string
	var err error
	if p.Guest != "" {
		got, err = v.checkGuest(p)
	} else {
		err = v.instance.do(func() (err error) {
			got, err = v.observe(p)
			return err
		})
	}
	if err != nil {
		return err
	}
	if !agrees(got, p.Want) {
		return fmt.Errorf("got %s", got)
	}
	if took := time.Since(began); took < p.AtLeast.Duration {
		return fmt.Errorf("took only %s", took.Round(time.Millisecond))
	}
	return nil
}

// checkGuest runs a check where the files, file systems and processes of the instance are.
func (v *VPC) checkGuest(p Proof) (string, error) {
	programs, err := binaries()
	if err != nil {
		return "", err
	}
	spec := v.guestSpec(nil)
	spec.Command = append([]string{guest.CheckPath}, strings.Fields(v.fill(p.Guest))...)
	spec.OpenFiles = 0
	if !p.AsUser {
		spec.UID, spec.ReadAll = 0, false
	}
	result, err := v.runGuest(programs, spec)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(result.Stdout)), nil
}

// agrees compares word by word: "status 403 html" is met by "status 403 html not-aws".
func agrees(got, want string) bool {
	words := strings.Fields(got)
	for _, word := range strings.Fields(want) {
		if !slices.Contains(words, word) {
			return false
		}
	}
	return true
}

// observe says in a few words what the client saw.
func (v *VPC) observe(p Proof) (string, error) {
	switch {
	case p.DNS != "":
		return v.observeDNS(p)
	case p.IMDS != "":
		return observeIMDS(p.IMDS, p.timeout()), nil
	case p.NTP != "":
		return observeTime(p.timeout()), nil
	}
	target := p.TCP + p.TLS + p.HTTP // one is set
	addresses := v.world.targetAddresses(target)
	if p.At != "" {
		addresses = []string{p.At}
	}
	if len(addresses) == 0 {
		return "", fmt.Errorf("no address for %s", target)
	}
	if !p.Everywhere {
		addresses = addresses[:1]
	}
	got := ""
	for _, address := range addresses {
		c := client{world: v.world, authorities: v.authorities, address: address, name: v.world.hostName(target), mss: p.MSS,
			pq: p.PQ == nil || *p.PQ, timeout: p.timeout()}
		switch {
		case p.TCP != "":
			got = c.observeTCP(p.Port)
		case p.TLS != "":
			got = c.observeTLS()
		default:
			got = v.observeHTTP(c, p)
		}
		if !agrees(got, p.Want) {
			break
		}
	}
	return got, nil
}

func (v *VPC) observeDNS(p Proof) (string, error) {
	server := p.Resolver
	switch {
	case server == "" && len(v.scenario.Instance.Nameservers) > 0:
		server = v.scenario.Instance.Nameservers[0]
	case server == "":
		server = vpcResolverIP
	}
	kind := dns.TypeA
	if p.Type == "AAAA" {
		kind = dns.TypeAAAA
	}
	query := new(dns.Msg).SetQuestion(dns.Fqdn(v.world.hostName(p.DNS)), kind)
	if p.EDNS == nil || *p.EDNS {
		query.SetEdns0(1232, false)
	}
	// Not dns.Client: it hides answers with a wrong id.
	network := "udp4"
	if p.OverTCP {
		network = "tcp4"
	}
	raw, err := net.DialTimeout(network, net.JoinHostPort(server, "53"), p.timeout())
	if err != nil {
		return networkError(err), nil
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(p.timeout()))
	conn := dns.Conn{Conn: raw}
	if err := conn.WriteMsg(query); err != nil {
		return networkError(err), nil
	}
	reply, err := conn.ReadMsg()
	switch {
	case err != nil && isNetError(err):
		return networkError(err), nil
	case err != nil, reply.Id != query.Id:
		return "malformed", nil
	case reply.Truncated:
		return "truncated", nil
	case reply.Rcode != dns.RcodeSuccess:
		return strings.ToLower(dns.RcodeToString[reply.Rcode]), nil
	case len(reply.Answer) == 0:
		return "nodata", nil
	}
	words := []string{"address"}
	for _, answer := range reply.Answer {
		switch a := answer.(type) {
		case *dns.A:
			words = append(words, where(a.A), a.A.String())
		case *dns.AAAA:
			words = append(words, "ipv6", a.AAAA.String())
		}
	}
	return strings.Join(words, " "), nil
}

func where(ip net.IP) string {
	if ip.IsPrivate() {
		return "private"
	}
	return "public"
}

func isNetError(err error) bool {
	var network net.Error
	return errors.As(err, &network)
}
