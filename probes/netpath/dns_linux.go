package netpath

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"

	"agentctl/probes"
)

// armErrors has the system queue ICMP errors with their senders (ip(7),
// IP_RECVERR) and report also those that it takes for passing.
func armErrors(conn *net.UDPConn, v4 bool) {
	onUDPSocket(conn, func(fd int) {
		if v4 {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	})
}

// queuedError empties the socket's error queue and returns the last ICMP error
// that says more than that a packet was too big.
func queuedError(conn *net.UDPConn) (last *icmpError) {
	onUDPSocket(conn, func(fd int) {
		for range maxTrouble {
			e := readErrorQueue(fd)
			if e == nil {
				return
			}
			if e.errno != uint32(unix.EMSGSIZE) {
				last = e
			}
		}
	})
	return last
}

func onUDPSocket(conn *net.UDPConn, do func(fd int)) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { do(int(fd)) })
	}
}

// tooBig tells whether the error only lowers the path's packet size.
func tooBig(err error) bool { return errors.Is(err, unix.EMSGSIZE) }

// localError maps an error that the system gave at once to a connect or send
// and that no ICMP error explains: its route table or its packet filter.
func localError(err error) dnsOutcome {
	switch {
	case errors.Is(err, unix.EPERM): // dropped in the output hook, or by a cgroup's rules
		return dnsOutcome{reason: probes.Prohibited, local: true}
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), // no route, unreachable
		errors.Is(err, unix.EACCES), errors.Is(err, unix.EINVAL), // prohibit, blackhole
		errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENETDOWN):
		return dnsOutcome{reason: probes.NoRoute, local: true}
	default:
		return remoteError(err)
	}
}

// remoteError maps an error that came while waiting, its ICMP error unseen.
func remoteError(err error) dnsOutcome {
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return dnsOutcome{reason: probes.Refused}
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return dnsOutcome{reason: probes.Unreachable}
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return dnsOutcome{reason: probes.Prohibited}
	default:
		return dnsOutcome{reason: probes.Internal}
	}
}

// icmpOutcome maps an ICMP error to a query. Unlike for TCP, a port unreachable
// is what a host without a resolver sends.
func icmpOutcome(e *icmpError) dnsOutcome {
	out := dnsOutcome{reason: e.reason(), sender: e.sender}
	if e.v6 && e.typ == icmp6Unreachable && e.code == 4 || !e.v6 && e.typ == icmpUnreachable && e.code == 3 {
		out.reason = probes.Refused
	}
	return out
}

// hostUnreachable tells whether it is the error that a dead neighbour gives.
func (e *icmpError) hostUnreachable() bool {
	return e.v6 && e.typ == icmp6Unreachable && e.code == 3 || !e.v6 && e.typ == icmpUnreachable && e.code == 1
}
