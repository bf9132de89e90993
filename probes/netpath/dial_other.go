//go:build !linux

package netpath

import (
	"context"
	"net"
	"net/netip"
	"time"

	"agentctl/probes"
)

// DialTCP makes one connect and says how it went. Outside Linux the sender of
// an ICMP error and the count of retransmits stay unknown.
//
// The connection is nil unless the Reason is OK.
func DialTCP(ctx context.Context, addr netip.AddrPort, o DialOptions) (net.Conn, probes.Conn) {
	info := probes.Conn{Addr: addr, Attempts: 1, Reason: probes.OK}
	begin := time.Now()
	d := net.Dialer{Timeout: o.timeout(), KeepAlive: -1, Control: dialControl(o)}
	conn, err := d.DialContext(ctx, "tcp", addr.String())
	took := time.Since(begin)
	info.Duration = took.Seconds()
	switch {
	case err == nil:
		return conn, info
	case ctx.Err() != nil:
		info.Reason = probes.Canceled
	case isTimeout(err):
		info.Reason = probes.Timeout
	default:
		mapConnectError(&info, err, took)
	}
	return nil, info
}
