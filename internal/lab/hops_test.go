//go:build linux

package lab

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestHops holds the lab to what was recorded on AWS about packets with a small TTL: what agentctl concludes from hops is only
// worth something if these are true.
func TestHops(t *testing.T) {
	needLab(t)
	for _, test := range []struct {
		name, scenario, to string
		ttl                int
		want               string // ok, silence, or the address that answered with "time exceeded"
	}{
		{"an interface endpoint is reached without a hop", "endpoints-only", "10.0.1.51", 1, "ok"},
		{"S3 by gateway is not at the first hop", "endpoints-only", "52.219.10.10", 1, "silence"},
		{"the hops to S3 by gateway are silent", "endpoints-only", "52.219.10.10", 4, "silence"},
		{"S3 by gateway is at the fifth hop", "endpoints-only", "52.219.10.10", 5, "ok"},
		{"a NAT gateway answers at the first hop", "nat-only", "52.219.10.10", 1, natPrivateIP},
		{"behind a NAT gateway is silence", "nat-only", "52.219.10.10", 2, "silence"},
		{"behind that is S3", "nat-only", "52.219.10.10", 8, "ok"},
		{"another region's S3 goes by NAT", "nat-with-gateway-and-endpoints", otherRegionS3, 1, natPrivateIP},
		{"no NAT gateway, no answer", "endpoints-only", otherRegionS3, 1, "silence"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := ReadScenario(test.scenario)
			if err != nil {
				t.Fatal(err)
			}
			v, err := Build(s)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			got := ""
			if err := v.instance.do(func() (err error) {
				got, err = connectWithTTL(test.to, test.ttl)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("TTL %d to %s: got %s, want %s", test.ttl, test.to, got, test.want)
			}
		})
	}
}

// connectWithTTL says how a connect with a small TTL ends within a second and a half.
func connectWithTTL(to string, ttl int) (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	for option, value := range map[int]int{unix.IP_TTL: ttl, unix.IP_RECVERR: 1} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, option, value); err != nil {
			return "", err
		}
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 443, Addr: netip.MustParseAddr(to).As4()}); err != unix.EINPROGRESS {
		return "", err
	}
	deadline := time.Now().Add(1500 * time.Millisecond)
	for time.Now().Before(deadline) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if _, err := unix.Poll(poll, 100); err != nil && err != unix.EINTR {
			return "", err
		}
		control := make([]byte, 512)
		_, size, _, _, err := unix.Recvmsg(fd, make([]byte, 512), control, unix.MSG_ERRQUEUE)
		if err == nil {
			return offender(control[:size])
		}
		if poll[0].Revents&unix.POLLOUT != 0 {
			return "ok", nil
		}
	}
	return "silence", nil
}

// offender is the sender of the ICMP error in a message of the error queue: struct sock_extended_err, then its sockaddr_in.
func offender(control []byte) (string, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return "", err
	}
	const extendedErr, origin, icmp = 16, 4, 2
	for _, m := range messages {
		if m.Header.Type == unix.IP_RECVERR && len(m.Data) >= extendedErr+8 && m.Data[origin] == icmp {
			if family := binary.NativeEndian.Uint16(m.Data[extendedErr:]); family == unix.AF_INET {
				return netip.AddrFrom4([4]byte(m.Data[extendedErr+4 : extendedErr+8])).String(), nil
			}
		}
	}
	return "an error that is not ICMP", nil
}
