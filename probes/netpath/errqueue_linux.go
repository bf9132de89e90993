package netpath

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"agentctl/probes"
)

// icmpError is an ICMP error that the system queued for a socket. Kernels
// before 5.8 queue none for TCP.
type icmpError struct {
	errno  uint32
	v6     bool
	typ    uint8
	code   uint8
	sender netip.Addr
}

// The ICMP codes that say "forbidden" rather than "not there" (RFC 1812
// 5.2.7.1, RFC 4443 3.1). A port unreachable for TCP is not what a host's
// stack sends, it resets: nftables and iptables reject with it by default.
const (
	icmpUnreachable  = 3
	icmp6Unreachable = 1
)

func (e *icmpError) reason() probes.Reason {
	if e.v6 {
		if e.typ == icmp6Unreachable {
			switch e.code {
			case 1, 4, 5, 6: // prohibited, port, source policy, reject route
				return probes.Prohibited
			}
		}
		return probes.Unreachable
	}
	if e.typ == icmpUnreachable {
		switch e.code {
		case 3, 9, 10, 13: // port, network, host, communication prohibited
			return probes.Prohibited
		}
	}
	return probes.Unreachable
}

// readErrorQueue takes one ICMP error off the socket's queue, if there is one.
func readErrorQueue(fd int) *icmpError {
	var data [64]byte
	var oob [256]byte
	for range 4 { // errors of other origin are passed over
		_, n, _, _, err := unix.Recvmsg(fd, data[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			return nil
		}
		msgs, err := unix.ParseSocketControlMessage(oob[:n])
		if err != nil {
			return nil
		}
		for _, m := range msgs {
			v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
			v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
			if v4 || v6 {
				if e := parseExtendedErr(m.Data); e != nil {
					return e
				}
			}
		}
	}
	return nil
}

// parseExtendedErr reads struct sock_extended_err and the sender's address that
// stands behind it (ip(7), IP_RECVERR).
func parseExtendedErr(b []byte) *icmpError {
	const head = 16
	if len(b) < head {
		return nil
	}
	origin := b[4]
	if origin != unix.SO_EE_ORIGIN_ICMP && origin != unix.SO_EE_ORIGIN_ICMP6 {
		return nil
	}
	e := &icmpError{
		errno: binary.NativeEndian.Uint32(b),
		v6:    origin == unix.SO_EE_ORIGIN_ICMP6,
		typ:   b[5],
		code:  b[6],
	}
	if sa := b[head:]; len(sa) >= 2 {
		switch binary.NativeEndian.Uint16(sa) {
		case unix.AF_INET:
			if len(sa) >= 8 {
				e.sender = netip.AddrFrom4([4]byte(sa[4:8]))
			}
		case unix.AF_INET6:
			if len(sa) >= 24 {
				e.sender = netip.AddrFrom16([16]byte(sa[8:24])).Unmap()
			}
		}
	}
	return e
}
