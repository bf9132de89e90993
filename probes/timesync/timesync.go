// Package timesync asks Amazon Time Sync, the time service that every VPC has at
// a link-local address, how far off the local clock is.
package timesync

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/beevik/ntp"

	"agentctl/probes"
)

// Address is Amazon Time Sync's (EC2 User Guide, "Set the time reference on
// your EC2 instance").
const Address = "169.254.169.123:123"

// patience is how long one answer is waited for; the service is link-local and
// answers within a millisecond.
const patience = time.Second

// Ask asks the time service at most twice and ends with the context. No answer
// is no error: outside EC2 there is no such service.
func Ask(ctx context.Context, address string) probes.TimeSync {
	out := probes.TimeSync{Asked: true, Reason: probes.Timeout}
	for range 2 {
		if ctx.Err() != nil {
			return out
		}
		r, err := ntp.QueryWithOptions(address, ntp.QueryOptions{Timeout: patience, Dialer: dialer(ctx)})
		if err == nil {
			err = r.Validate()
		}
		if err == nil {
			return probes.TimeSync{Asked: true, OK: true, Offset: r.ClockOffset.Seconds(), Reason: probes.OK}
		}
		out.Reason = reasonOf(err)
	}
	return out
}

// dialer lets the context end a query that waits.
func dialer(ctx context.Context) func(local, remote string) (net.Conn, error) {
	return func(_, remote string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "udp", remote)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
		return &conn{c, stop}, nil
	}
}

type conn struct {
	net.Conn
	stop func() bool
}

func (c *conn) Close() error {
	c.stop()
	return c.Conn.Close()
}

func reasonOf(err error) probes.Reason {
	var ne net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return probes.Timeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return probes.Refused
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return probes.Prohibited
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return probes.NoRoute
	}
	return probes.Malformed
}
