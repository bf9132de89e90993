//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// resolver is one DNS server of the lab. It answers over UDP and TCP, from the VPC's view of names or the public one.
type resolver struct {
	address     string
	privateView bool
	world       *world
	ctx         context.Context

	mu     sync.Mutex
	faults []DNSFault
	used   map[string]int // questions that a fault with times has hit, by fault, name and type
}

// serve answers until the context ends.
func (r *resolver) serve(wait *sync.WaitGroup, n *namespace) error {
	hostPort := net.JoinHostPort(r.address, "53")
	packets, err := n.listenUDP(hostPort)
	if err != nil {
		return err
	}
	listener, err := n.listenTCP(hostPort)
	if err != nil {
		packets.Close()
		return err
	}
	context.AfterFunc(r.ctx, func() { packets.Close(); listener.Close() })
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: r}, {Listener: listener, Handler: r}} {
		wait.Go(func() { _ = server.ActivateAndServe() }) // ends with an error when its socket is closed: that is how it stops
	}
	return nil
}

func (r *resolver) addFault(fault DNSFault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fault)
}

// mend forgets all faults.
func (r *resolver) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

func (r *resolver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.used)
}

// fault is the first fault that is about this question.
func (r *resolver) fault(question dns.Question, query *dns.Msg, tcp bool) DNSFault {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := strings.TrimSuffix(strings.ToLower(question.Name), ".")
	for i, f := range r.faults {
		if len(f.Resolvers) > 0 && !slices.Contains(f.Resolvers, r.address) {
			continue
		}
		if len(f.Names) > 0 && !slices.ContainsFunc(f.Names, func(n string) bool { return r.matches(n, name) }) {
			continue
		}
		if len(f.Types) > 0 && !slices.Contains(f.Types, dns.TypeToString[question.Qtype]) {
			continue
		}
		if f.Mode == "truncated" && tcp || strings.HasPrefix(f.Mode, "edns-") && query.IsEdns0() == nil {
			continue
		}
		if f.Times > 0 {
			key := fmt.Sprint(i, " ", name, " ", question.Qtype)
			if r.used == nil {
				r.used = map[string]int{}
			}
			if r.used[key] >= f.Times {
				continue
			}
			r.used[key]++
		}
		return f
	}
	return DNSFault{}
}

// matches tells whether a scenario's word ("aws", "ssm", a full name) means this name.
func (r *resolver) matches(word, name string) bool {
	if word == "aws" { // every service of this region, as a forwarder without a rule for amazonaws.com sees it
		h, ok := r.world.parseHost(name)
		return ok && h.service != "internet" && !h.packages
	}
	if zone, wild := strings.CutPrefix(word, "*"); wild {
		return strings.HasSuffix(name, zone)
	}
	return r.world.hostName(word) == name
}

// ServeDNS implements dns.Handler.
func (r *resolver) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	if len(query.Question) != 1 {
		return
	}
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	question := query.Question[0]
	f := r.fault(question, query, tcp)
	if !pause(r.ctx, f.Delay.Duration) {
		return
	}
	reply := new(dns.Msg).SetReply(query)
	reply.RecursionAvailable = true
	if opt := query.IsEdns0(); opt != nil {
		reply.SetEdns0(1232, opt.Do())
	}
	switch f.Mode {
	case "drop", "edns-silent":
		return
	case "garbage":
		_, _ = w.Write([]byte("this is not a DNS message, whatever its port says"))
		return
	case "wrong-id":
		reply.Id ^= 0x5555
		r.answer(reply, question, r.privateView)
	case "nxdomain":
		reply.Rcode = dns.RcodeNameError
	case "nodata":
	case "servfail":
		reply.Rcode = dns.RcodeServerFailure
	case "refused":
		reply.Rcode = dns.RcodeRefused
	case "edns-formerr":
		reply.Rcode, reply.Extra = dns.RcodeFormatError, nil
	case "truncated":
		reply.Truncated = true
	case "public":
		r.answer(reply, question, false)
	case "answer":
		answerWith(reply, question, f.Addresses)
	case "cname-chain":
		answerChain(reply, question)
	case "huge":
		r.answer(reply, question, r.privateView)
		if tcp {
			pad(reply)
		} else {
			reply.Answer, reply.Truncated = nil, true
		}
	default:
		r.answer(reply, question, r.privateView)
	}
	_ = w.WriteMsg(reply)
}

func (r *resolver) answer(reply *dns.Msg, question dns.Question, privateView bool) {
	name := strings.TrimSuffix(strings.ToLower(question.Name), ".")
	if name == "" || name == r.world.suffix || name == "amazonaws.com" { // the root and the zone exist, and hold nothing we serve
		return
	}
	if strings.HasSuffix(name, ".compute.internal") && strings.HasPrefix(name, "ip-") && privateView {
		answerWith(reply, question, []string{instanceIP})
		return
	}
	answers, exists := r.world.addresses(name, privateView, question.Qtype == dns.TypeAAAA)
	if !exists {
		reply.Rcode = dns.RcodeNameError
		return
	}
	answerWith(reply, question, answers)
}

// answerWith adds those addresses that are of the question's type.
func answerWith(reply *dns.Msg, question dns.Question, addresses []string) {
	header := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET, Ttl: 60}
	for _, address := range addresses {
		ip, v6 := net.ParseIP(address), strings.Contains(address, ":")
		switch {
		case question.Qtype == dns.TypeA && !v6:
			reply.Answer = append(reply.Answer, &dns.A{Hdr: header, A: ip})
		case question.Qtype == dns.TypeAAAA && v6:
			reply.Answer = append(reply.Answer, &dns.AAAA{Hdr: header, AAAA: ip})
		}
	}
}

// answerChain is a chain of aliases that leads to no address, as a loop in a zone makes one.
func answerChain(reply *dns.Msg, question dns.Question) {
	name := question.Name
	for i := range 8 {
		next := fmt.Sprintf("a%d.loop.example.", i%4)
		reply.Answer = append(reply.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 60}, Target: next})
		name = next
	}
}

// pad fills a reply to nearly the 64 KB that DNS over TCP can carry.
func pad(reply *dns.Msg) {
	text := strings.Repeat("x", 250)
	for range 230 {
		reply.Extra = append(reply.Extra, &dns.TXT{Hdr: dns.RR_Header{Name: "padding.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{text}})
	}
}
