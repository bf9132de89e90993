package netpath

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"agentctl/probes"
)

// inNamespace runs f on a thread in a network namespace of its own that setup
// (commands for ip and nft) has filled. Sockets made directly by f are in it;
// those of other goroutines are not, so f must use DialTCP itself.
func inNamespace(t *testing.T, f func(), setup ...string) {
	t.Helper()
	needRoot(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Errorf("unshare: %v", err)
			return
		}
		for _, line := range setup {
			if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
				t.Errorf("%s: %v %s", line, err, out)
				return
			}
		}
		f()
	}()
	<-done
}

func TestDialLocalErrors(t *testing.T) {
	tests := []struct {
		name, route string
		errno       string
	}{
		{"no route", "true", "ENETUNREACH"},
		{"unreachable", "ip route add unreachable 198.51.100.0/24", "EHOSTUNREACH"},
		{"prohibit", "ip route add prohibit 198.51.100.0/24", "EACCES"},
		{"blackhole", "ip route add blackhole 198.51.100.0/24", "EINVAL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inNamespace(t, func() {
				conn, c := DialTCP(context.Background(), netip.MustParseAddrPort("198.51.100.7:443"), DialOptions{})
				if conn != nil || c.Reason != probes.NoRoute || !c.Local || c.Errno != tt.errno || c.Sender.IsValid() {
					t.Errorf("%+v", c)
				}
			}, "ip link set lo up", tt.route)
		})
	}
	t.Run("IPv6", func(t *testing.T) {
		inNamespace(t, func() {
			_, c := DialTCP(context.Background(), netip.MustParseAddrPort("[2001:db8::1]:443"), DialOptions{})
			if c.Reason != probes.NoRoute || !c.Local {
				t.Errorf("%+v", c)
			}
		}, "ip link set lo up")
	})
}

// The namespace has an interface whose packets go nowhere: nobody answers.
func TestDialInSilentNetwork(t *testing.T) {
	base := []string{
		"ip link set lo up", "ip link add d0 type veth peer name d1", "ip link set d1 up", "ip addr add 10.9.0.2/24 dev d0", "ip link set d0 up",
		"ip -6 addr add 2001:db8:9::2/64 dev d0 nodad",
		"ip neigh add 10.9.0.1 lladdr 02:00:00:00:00:01 dev d0", "ip route add default via 10.9.0.1",
		"ip -6 neigh add 2001:db8:9::1 lladdr 02:00:00:00:00:01 dev d0", "ip -6 route add default via 2001:db8:9::1",
	}
	dial := func(addr string, timeout time.Duration) (c probes.Conn) {
		conn, c := DialTCP(context.Background(), netip.MustParseAddrPort(addr), DialOptions{Timeout: timeout})
		if conn != nil {
			conn.Close()
		}
		return c
	}
	own := netip.MustParseAddr("10.9.0.2")
	own6 := netip.MustParseAddr("2001:db8:9::2")

	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		inNamespace(t, func() {
			if c := dial("198.51.100.7:443", 1300*time.Millisecond); c.Reason != probes.Timeout || c.Local || c.Retransmits != 1 {
				t.Errorf("%+v", c)
			}
		}, base...)
	})
	t.Run("dead neighbour", func(t *testing.T) {
		t.Parallel()
		inNamespace(t, func() {
			c := dial("10.9.0.77:443", 5*time.Second)
			if c.Reason != probes.Unreachable || c.Local || c.Errno != "EHOSTUNREACH" || c.Sender.IsValid() {
				t.Errorf("%+v", c)
			}
		}, base...)
	})
	t.Run("dead neighbour IPv6", func(t *testing.T) {
		t.Parallel()
		inNamespace(t, func() {
			c := dial("[2001:db8:9::77]:443", 5*time.Second)
			if c.Reason != probes.Unreachable || c.Local || c.Errno != "EHOSTUNREACH" || c.Sender.IsValid() {
				t.Errorf("%+v", c)
			}
		}, base...)
	})
	rejects := []struct {
		name, rule, addr string
		reason           probes.Reason
		sender           netip.Addr
	}{
		{"default", "reject", "198.51.100.7:443", probes.Prohibited, own},
		{"admin", "reject with icmp type admin-prohibited", "198.51.100.7:443", probes.Prohibited, own},
		{"host unreachable", "reject with icmp type host-unreachable", "198.51.100.7:443", probes.Unreachable, own},
		{"reset", "reject with tcp reset", "198.51.100.7:443", probes.Refused, netip.Addr{}},
		{"IPv6 default", "reject", "[2001:db8:1::7]:443", probes.Prohibited, own6},
		{"IPv6 admin", "reject with icmpv6 type admin-prohibited", "[2001:db8:1::7]:443", probes.Prohibited, own6},
	}
	for _, tt := range rejects {
		t.Run("nft "+tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("nft"); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal("CI has nft")
				}
				t.Skip("no nft")
			}
			nft := "nft 'add table inet f; add chain inet f o { type filter hook output priority 0; }; add rule inet f o tcp dport 443 " + tt.rule + "'"
			inNamespace(t, func() {
				c := dial(tt.addr, 3*time.Second)
				if c.Reason != tt.reason || c.Sender != tt.sender || c.Local {
					t.Errorf("%+v", c)
				}
				// The repeated SYN would bring the error too, a second later. Once
				// in a while the system loses the first one.
				for range 3 {
					if c.Duration < 0.9 {
						return
					}
					c = dial(tt.addr, 3*time.Second)
				}
				t.Errorf("not ended early: %v s", c.Duration)
			}, append(append([]string{}, base...), nft)...)
		})
	}
}

func TestDialTCP(t *testing.T) {
	noLeaks(t)
	addr := serve(t, func(c net.Conn) { c.Read(make([]byte, 1)) })
	conn, c := DialTCP(t.Context(), addr, DialOptions{MaxSeg: 536})
	if conn == nil || c.Reason != probes.OK || c.Retransmits != 0 || c.Attempts != 1 {
		t.Fatalf("%+v", c)
	}
	if conn.RemoteAddr().String() != addr.String() {
		t.Error(conn.RemoteAddr())
	}
	raw, _ := conn.(*net.TCPConn).SyscallConn()
	raw.Control(func(fd uintptr) {
		if n, _ := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG); n > 536 {
			t.Errorf("segments of %d bytes", n)
		}
		if n, _ := unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR); n != 0 {
			t.Error("ICMP errors would end the connection")
		}
	})
	conn.Close()

	l, _ := net.Listen("tcp", "127.0.0.1:0")
	closed := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	if _, c := DialTCP(t.Context(), closed, DialOptions{}); c.Reason != probes.Refused || c.Local || c.Sender.IsValid() || c.Errno != "ECONNREFUSED" {
		t.Errorf("%+v", c)
	}
}

// segmentSize is the TCP_MAXSEG of a connection that was accepted.
func segmentSize(c net.Conn) (n int) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { n, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG) })
	}
	return n
}

func TestClampedExperiment(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	addr := serve(t, func(c net.Conn) {
		if segmentSize(c) > 600 {
			hang(c)
			return
		}
		s := tls.Server(c, cfg)
		s.Handshake()
		hang(s)
	})
	r := prober(ca.pool(), ca.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
	wantDown(t, r, probes.PhaseTLS, probes.HandshakeTimeout)
	for _, e := range r.Experiments {
		clamped := e.Kind == probes.ExpClamp || e.Kind == probes.ExpClassic
		if clamped != (e.Reason == probes.OK) {
			t.Errorf("%+v", e)
		}
	}
}

// needRoot skips a test that needs its own network namespace; in CI that must
// not happen.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI runs these tests as root")
	}
	t.Skip("needs root for a network namespace")
}
