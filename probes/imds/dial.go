package imds

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"agentctl/probes"
)

// dialPlain is the system's own connect, for callers without a dialer of theirs.
// It does not see who sent an ICMP error.
func dialPlain(ctx context.Context, addr netip.AddrPort) (net.Conn, probes.Conn) {
	started := time.Now()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr.String())
	how := probes.Conn{Addr: addr, Reason: probes.OK, Attempts: 1, Duration: time.Since(started).Seconds()}
	if err == nil {
		return c, how
	}
	var errno syscall.Errno
	switch {
	case ctx.Err() == context.Canceled:
		how.Reason = probes.Canceled
	case errors.As(err, &errno):
		how.Reason, how.Errno = errnoReason(err), errno.Error()
		how.Local = how.Reason == probes.NoRoute || how.Reason == probes.Prohibited
	case errors.Is(err, os.ErrDeadlineExceeded), ctx.Err() != nil:
		how.Reason = probes.Timeout
	}
	if how.Reason == "" || how.Reason == probes.OK {
		how.Reason = probes.Internal
	}
	return nil, how
}
