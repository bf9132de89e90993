package netpath

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"agentctl/probes"
)

// DialTCP makes one connect and says how it went. The socket is our own: only
// so can an error of connect itself (the host's route table or a hook) be told
// from one that comes later, and the ICMP error behind it be read.
//
// The connection is nil unless the Reason is OK.
func DialTCP(ctx context.Context, addr netip.AddrPort, o DialOptions) (net.Conn, probes.Conn) {
	info := probes.Conn{Addr: addr, Attempts: 1}
	begin := time.Now()
	conn := dialLinux(ctx, addr, o, begin, &info)
	info.Duration = time.Since(begin).Seconds()
	return conn, info
}

func dialLinux(ctx context.Context, addr netip.AddrPort, o DialOptions, begin time.Time, info *probes.Conn) net.Conn {
	if ctx.Err() != nil {
		info.Reason = probes.Canceled
		return nil
	}
	fd, err := newSocket(addr.Addr().Is4() || addr.Addr().Is4In6(), o)
	if err != nil {
		socketFailure(info, err)
		return nil
	}
	err = unix.Connect(fd, sockaddr(addr))
	if err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.EINTR) {
		unix.Close(fd)
		localFailure(info, addr, err)
		return nil
	}

	// Only now does the descriptor join the runtime's poller: an unconnected
	// socket would report a hangup at once.
	file := os.NewFile(uintptr(fd), "tcp "+addr.String())
	defer file.Close()
	errno, icmp, err := awaitConnect(ctx, file, begin.Add(o.timeout()))
	info.Retransmits = retransmits(file)
	switch {
	case err == nil && errno == 0 && icmp == nil:
		return fileConn(file, info)
	case err == nil:
		lateFailure(info, errno, icmp)
		if icmp != nil && icmp.hostUnreachable() && time.Since(begin) > firewallSpeed && ownAddr(file) == info.Sender {
			// The host reports a neighbour that does not answer in its own
			// name; a firewall of its own would have been quick.
			info.Sender = netip.Addr{}
		}
	case ctx.Err() != nil:
		info.Reason = probes.Canceled
	case errors.Is(err, os.ErrDeadlineExceeded):
		info.Reason = probes.Timeout
	default:
		info.Reason, info.Errno = probes.Internal, errnoName(err)
	}
	return nil
}

// newSocket makes a non-blocking TCP socket that queues ICMP errors.
func newSocket(v4 bool, o DialOptions) (int, error) {
	family := unix.AF_INET6
	if v4 {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, err
	}
	recvErrors(fd, v4, 1) // without it the sender of an error stays unknown, no more
	if o.MaxSeg > 0 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, o.MaxSeg); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// recvErrors turns the queue of ICMP errors on or off; off empties it.
func recvErrors(fd int, v4 bool, on int) {
	if v4 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, on)
		return
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, on)
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	a := addr.Addr().Unmap()
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: int(addr.Port()), Addr: a.As16(), ZoneId: zoneID(a.Zone())}
}

// zoneID is the interface's index behind an address's zone, 0 where unknown.
func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(n)
}

// awaitConnect waits until the connect has ended one way or the other. It ends
// early on a queued ICMP error: where our own firewall rejects, the error comes
// while connect still owns the socket, and the system would act on it only when
// it repeats the SYN a second later.
func awaitConnect(ctx context.Context, file *os.File, deadline time.Time) (errno unix.Errno, icmp *icmpError, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	if err := file.SetWriteDeadline(deadline); err != nil {
		return 0, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	waitErr := raw.Write(func(fd uintptr) bool {
		icmp = readErrorQueue(int(fd))
		n, e := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case e != nil:
			err = e
			return true
		case n != 0:
			errno = unix.Errno(n)
			return true
		case icmp != nil:
			errno = unix.Errno(icmp.errno)
			return true
		}
		// No error and no peer: woken too early.
		_, e = unix.Getpeername(int(fd))
		return e == nil
	})
	if err == nil {
		err = waitErr
	}
	return errno, icmp, err
}

// fileConn makes the connected socket a net.Conn.
func fileConn(file *os.File, info *probes.Conn) net.Conn {
	onSocket(file, func(fd int) {
		// From here on an ICMP error is the system's to weigh: with the queue on
		// each one would end the connection.
		recvErrors(fd, info.Addr.Addr().Unmap().Is4(), 0)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	})
	conn, err := net.FileConn(file)
	if err != nil {
		info.Reason, info.Errno = probes.Internal, errnoName(err)
		return nil
	}
	info.Reason = probes.OK
	return conn
}

// ownAddr is the socket's own address.
func ownAddr(file *os.File) (own netip.Addr) {
	onSocket(file, func(fd int) {
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return
		}
		switch sa := sa.(type) {
		case *unix.SockaddrInet4:
			own = netip.AddrFrom4(sa.Addr)
		case *unix.SockaddrInet6:
			own = netip.AddrFrom16(sa.Addr)
		}
	})
	return own
}

// retransmits counts how often the SYN was sent again.
func retransmits(file *os.File) int {
	n := 0
	onSocket(file, func(fd int) {
		if ti, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n = int(ti.Total_retrans)
		}
	})
	return n
}

func onSocket(file *os.File, do func(fd int)) {
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { do(int(fd)) })
	}
}

// socketFailure maps an error that came before connect.
func socketFailure(info *probes.Conn, err error) {
	info.Reason, info.Local, info.Errno = probes.Internal, true, errnoName(err)
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT): // IPv6 switched off
		info.Reason = probes.NoRoute
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		info.Reason = probes.Prohibited
	}
}

// localFailure maps an error that connect gave at once: nothing left this host.
func localFailure(info *probes.Conn, addr netip.AddrPort, err error) {
	info.Local, info.Errno = true, errnoName(err)
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		info.Reason, info.Local = probes.Refused, false
	case errors.Is(err, unix.EPERM):
		info.Reason = probes.Prohibited // a filter hook, such as eBPF
	case errors.Is(err, unix.ENETUNREACH), // no route
		errors.Is(err, unix.EHOSTUNREACH), // an unreachable route
		errors.Is(err, unix.EACCES),       // a prohibit route
		errors.Is(err, unix.EINVAL),       // a blackhole route
		errors.Is(err, unix.EADDRNOTAVAIL) && !addr.Addr().Unmap().Is4():
		info.Reason = probes.NoRoute
	default:
		info.Reason = probes.Internal
	}
}

// lateFailure maps an error that came after connect had begun.
func lateFailure(info *probes.Conn, errno unix.Errno, icmp *icmpError) {
	info.Errno = errnoName(errno)
	if icmp != nil {
		info.Reason, info.Sender = icmp.reason(), icmp.sender
		return
	}
	switch errno {
	case unix.ECONNREFUSED:
		info.Reason = probes.Refused
	case unix.ECONNRESET:
		info.Reason = probes.Reset
	case unix.ETIMEDOUT:
		info.Reason = probes.Timeout
	case unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOPROTOOPT:
		info.Reason = probes.Unreachable
	case unix.EACCES:
		info.Reason = probes.Prohibited
	case unix.EPERM:
		info.Reason, info.Local = probes.Prohibited, true
	default:
		info.Reason = probes.Internal
	}
}

func errnoName(err error) string {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return ""
	}
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return "errno " + strconv.Itoa(int(e))
}

// isReset tells whether the other side, or something on the way, cut the
// connection with a reset.
func isReset(err error) bool {
	return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNABORTED)
}
