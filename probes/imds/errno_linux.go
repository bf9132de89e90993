package imds

import (
	"errors"
	"syscall"

	"agentctl/probes"
)

// errnoReason translates a system error; "" for one that means nothing here.
func errnoReason(err error) probes.Reason {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return ""
	}
	switch e {
	case syscall.ECONNREFUSED:
		return probes.Refused
	case syscall.EHOSTUNREACH:
		return probes.Unreachable
	case syscall.ENETUNREACH, syscall.EINVAL: // EINVAL: a blackhole route
		return probes.NoRoute
	case syscall.EPERM, syscall.EACCES: // EACCES: a prohibit route
		return probes.Prohibited
	case syscall.ECONNRESET:
		return probes.Reset
	case syscall.EPIPE:
		return probes.Closed
	case syscall.ETIMEDOUT:
		return probes.Timeout
	}
	return ""
}
