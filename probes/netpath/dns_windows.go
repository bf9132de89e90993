package netpath

import (
	"errors"
	"net"
	"unsafe"

	"golang.org/x/sys/windows"

	"agentctl/probes"
)

// icmpError is never seen on Windows, which tells no sender.
type icmpError struct{}

func (*icmpError) hostUnreachable() bool { return false }

func icmpOutcome(*icmpError) dnsOutcome { return dnsOutcome{reason: probes.Unreachable} }

func queuedError(*net.UDPConn) *icmpError { return nil }

// armErrors has ICMP errors reported to the socket, which Go's net turns off.
func armErrors(conn *net.UDPConn, _ bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for _, code := range []uint32{windows.SIO_UDP_CONNRESET, windows.SIO_UDP_NETRESET} {
			on, n := uint32(1), uint32(0)
			_ = windows.WSAIoctl(windows.Handle(fd), code, (*byte)(unsafe.Pointer(&on)), uint32(unsafe.Sizeof(on)), nil, 0, &n, nil, 0) //nolint:gosec // WSAIoctl takes its argument by address
		}
	})
}

// tooBig: a datagram that does not fit the buffer is passed over.
func tooBig(err error) bool { return errors.Is(err, windows.WSAEMSGSIZE) }

// localError maps an error of a connect or send: the route table or the
// Windows Firewall.
func localError(err error) dnsOutcome {
	switch {
	case errors.Is(err, windows.WSAEACCES):
		return dnsOutcome{reason: probes.Prohibited, local: true}
	case errors.Is(err, windows.WSAENETUNREACH), errors.Is(err, windows.WSAEHOSTUNREACH), errors.Is(err, windows.WSAENETDOWN),
		errors.Is(err, windows.WSAEAFNOSUPPORT), errors.Is(err, windows.WSAEADDRNOTAVAIL):
		return dnsOutcome{reason: probes.NoRoute, local: true}
	default:
		return remoteError(err)
	}
}

// remoteError maps an error that came while waiting. Windows gives a port
// unreachable as a reset.
func remoteError(err error) dnsOutcome {
	switch {
	case errors.Is(err, windows.WSAECONNRESET), errors.Is(err, windows.WSAECONNREFUSED):
		return dnsOutcome{reason: probes.Refused}
	case errors.Is(err, windows.WSAEHOSTUNREACH), errors.Is(err, windows.WSAENETUNREACH), errors.Is(err, windows.WSAENETRESET):
		return dnsOutcome{reason: probes.Unreachable}
	default:
		return dnsOutcome{reason: probes.Internal}
	}
}
