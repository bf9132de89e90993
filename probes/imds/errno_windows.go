package imds

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"

	"agentctl/probes"
)

// errnoReason translates a system error; "" for one that means nothing here.
func errnoReason(err error) probes.Reason {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return ""
	}
	switch e {
	case windows.WSAECONNREFUSED:
		return probes.Refused
	case windows.WSAEHOSTUNREACH:
		return probes.Unreachable
	case windows.WSAENETUNREACH:
		return probes.NoRoute
	case windows.WSAEACCES:
		return probes.Prohibited
	case windows.WSAECONNRESET:
		return probes.Reset
	case windows.WSAECONNABORTED:
		return probes.Closed
	case windows.WSAETIMEDOUT:
		return probes.Timeout
	}
	return ""
}
