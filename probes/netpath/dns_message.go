package netpath

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"agentctl/probes"
)

// Bounds of what is read of an answer.
const (
	ednsSize     = 1232 // what Go's resolver offers, and the most it reads
	plainSize    = 4096 // libc reads more than the 512 bytes that it should get
	maxMessage   = 64 << 10
	maxHops      = 16 // of a CNAME chain
	maxAddresses = 16
	headerSize   = 12
)

// The neutral question: every resolver that resolves anything knows the root.
const (
	controlName = "."
	controlType = dns.TypeNS
)

// dnsReply is an answer as far as it matters here.
type dnsReply struct {
	reason probes.Reason // OK, NoData, NXDomain, ServFail, DNSRefused, FormErr, Truncated
	addrs  []netip.Addr
}

var errNotAnAnswer = errors.New("not an answer to this question")

// packQuery builds a query with ID zero.
func packQuery(name string, qtype uint16, edns bool) ([]byte, error) {
	var m dns.Msg
	m.SetQuestion(name, qtype)
	m.Id = 0
	if edns {
		m.SetEdns0(ednsSize, false)
	}
	return m.Pack()
}

// messageID reads the ID of what may be a message.
func messageID(b []byte) (uint16, bool) {
	if len(b) < headerSize {
		return 0, false
	}
	return binary.BigEndian.Uint16(b), true
}

// parseReply reads an answer to a question. An error means that the message is
// no such thing: broken, a query, or about something else.
func parseReply(b []byte, name string, qtype uint16) (dnsReply, error) {
	if len(b) < headerSize {
		return dnsReply{}, errNotAnAnswer
	}
	var m dns.Msg
	err := m.Unpack(b)
	if !m.Response || m.Opcode != dns.OpcodeQuery {
		return dnsReply{}, errNotAnAnswer
	}
	// A server that does not understand the query may leave the question out.
	refused := m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented
	if len(m.Question) == 0 && refused && err == nil {
		return dnsReply{reason: probes.FormErr}, nil
	}
	if len(m.Question) != 1 || m.Question[0].Qtype != qtype || m.Question[0].Qclass != dns.ClassINET ||
		!strings.EqualFold(m.Question[0].Name, name) {
		return dnsReply{}, errNotAnAnswer
	}
	if m.Truncated && m.Rcode == dns.RcodeSuccess { // what was cut off need not end with a record
		return dnsReply{reason: probes.Truncated}, nil
	}
	if err != nil {
		return dnsReply{}, err
	}
	return readReply(&m, name, qtype), nil
}

func readReply(m *dns.Msg, name string, qtype uint16) dnsReply {
	switch m.Rcode {
	case dns.RcodeSuccess:
	case dns.RcodeNameError:
		return dnsReply{reason: probes.NXDomain}
	case dns.RcodeRefused:
		return dnsReply{reason: probes.DNSRefused}
	case dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers:
		return dnsReply{reason: probes.FormErr}
	default:
		return dnsReply{reason: probes.ServFail}
	}
	// Clients take a bare referral, neither authoritative nor recursive, for a
	// failing server and go on to the next.
	if !m.Authoritative && !m.RecursionAvailable && len(m.Answer) == 0 && len(m.Extra) == 0 {
		return dnsReply{reason: probes.ServFail}
	}
	if qtype == controlType && len(m.Answer) > 0 {
		return dnsReply{reason: probes.OK}
	}
	if addrs := followChain(m.Answer, name, qtype); len(addrs) > 0 {
		return dnsReply{reason: probes.OK, addrs: addrs}
	}
	return dnsReply{reason: probes.NoData}
}

// followChain takes the addresses that follow from the name through CNAMEs.
func followChain(records []dns.RR, name string, qtype uint16) []netip.Addr {
	for range maxHops + 1 {
		var addrs []netip.Addr
		next := ""
		for _, rr := range records {
			if h := rr.Header(); h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) {
				continue
			}
			switch r := rr.(type) {
			case *dns.A:
				addrs = addAddress(addrs, r.A, qtype == dns.TypeA)
			case *dns.AAAA:
				addrs = addAddress(addrs, r.AAAA, qtype == dns.TypeAAAA)
			case *dns.CNAME:
				next = r.Target
			}
		}
		if len(addrs) > 0 || next == "" {
			return addrs
		}
		name = next
	}
	return nil
}

func addAddress(addrs []netip.Addr, ip []byte, wanted bool) []netip.Addr {
	a, ok := netip.AddrFromSlice(ip)
	if !ok || !wanted || len(addrs) >= maxAddresses {
		return addrs
	}
	if a = a.Unmap(); slices.Contains(addrs, a) {
		return addrs
	}
	return append(addrs, a)
}
