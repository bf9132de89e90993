package netpath

import (
	"errors"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/windows"

	"agentctl/probes"
)

// Socket options of ws2ipdef.h and ws2tcpip.h that x/sys does not name.
const (
	optIPUserMTU       = 76 // IP_USER_MTU, Windows 10 1809 and Server 2019
	optIPv6UserMTU     = 76 // IPV6_USER_MTU
	optTCPFailOnICMP   = 18 // TCP_FAIL_CONNECT_ON_ICMP_ERROR, Server 2022
	headersOfTCPOverIP = 40 // bytes of IPv4 and TCP headers in a packet
)

// atOnce is the time within which an error of connect is taken to be the host's
// own: ConnectEx does not tell.
const atOnce = 20 * time.Millisecond

// dialControl sets what has to be set before the connect. TCP_MAXSEG is read
// only on Windows; a small MTU on the socket clamps the segments instead.
// Options that this Windows does not know are passed over.
func dialControl(o DialOptions) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			h := windows.Handle(fd)
			_ = windows.SetsockoptInt(h, windows.IPPROTO_TCP, optTCPFailOnICMP, 1)
			if o.MaxSeg <= 0 {
				return
			}
			if network == "tcp6" {
				_ = windows.SetsockoptInt(h, windows.IPPROTO_IPV6, optIPv6UserMTU, max(o.MaxSeg+headersOfTCPOverIP+20, 1280))
				return
			}
			_ = windows.SetsockoptInt(h, windows.IPPROTO_IP, optIPUserMTU, o.MaxSeg+headersOfTCPOverIP)
		})
	}
}

var wsaNames = map[syscall.Errno]string{
	windows.WSAECONNREFUSED:  "WSAECONNREFUSED",
	windows.WSAECONNRESET:    "WSAECONNRESET",
	windows.WSAETIMEDOUT:     "WSAETIMEDOUT",
	windows.WSAEHOSTUNREACH:  "WSAEHOSTUNREACH",
	windows.WSAENETUNREACH:   "WSAENETUNREACH",
	windows.WSAENETDOWN:      "WSAENETDOWN",
	windows.WSAEACCES:        "WSAEACCES",
	windows.WSAEAFNOSUPPORT:  "WSAEAFNOSUPPORT",
	windows.WSAEADDRNOTAVAIL: "WSAEADDRNOTAVAIL",
}

// mapConnectError maps a connect's error code (Windows Sockets error codes).
func mapConnectError(info *probes.Conn, err error, took time.Duration) {
	var e syscall.Errno
	if !errors.As(err, &e) {
		info.Reason = probes.Internal
		return
	}
	if info.Errno = wsaNames[e]; info.Errno == "" {
		info.Errno = "error " + strconv.Itoa(int(e))
	}
	switch e {
	case windows.WSAECONNREFUSED:
		info.Reason = probes.Refused
	case windows.WSAECONNRESET:
		info.Reason = probes.Reset
	case windows.WSAETIMEDOUT:
		info.Reason = probes.Timeout
	case windows.WSAEACCES: // the Windows Firewall blocks the program or the port
		info.Reason, info.Local = probes.Prohibited, true
	case windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTUNREACH:
		info.Reason = probes.Unreachable
		if took < atOnce {
			info.Reason, info.Local = probes.NoRoute, true
		}
	case windows.WSAEAFNOSUPPORT:
		info.Reason, info.Local = probes.NoRoute, true
	default:
		info.Reason = probes.Internal
	}
}

// isReset tells whether the other side, or something on the way, cut the
// connection with a reset.
func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED)
}
