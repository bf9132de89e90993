//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// ntpEpoch is the NTP era 0 in Unix seconds (RFC 5905, section 6).
const ntpEpoch = 2208988800

func ntpTime(t time.Time) uint64 {
	seconds := uint64(t.Unix() + ntpEpoch)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}

// timeServer is the Amazon Time Sync Service: it tells the world's time.
type timeServer struct {
	world *world

	mu    sync.Mutex
	fault TimeFault
}

func (t *timeServer) setFault(f TimeFault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = f
}

func (t *timeServer) mode() TimeFault {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fault
}

func (t *timeServer) serve(ctx context.Context, wait *sync.WaitGroup, n *namespace) error {
	conn, err := n.listenUDP(net.JoinHostPort(timeSyncIP, "123"))
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	wait.Go(func() {
		query := make([]byte, 512)
		for {
			size, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			fault := t.mode()
			if size < 48 || fault.Silent {
				continue
			}
			now := t.world.now().Add(fault.Offset.Duration)
			reply := make([]byte, 48)
			reply[0] = query[0]&0x38 | 4             // no leap warning, the client's version, mode server
			reply[1], reply[2], reply[3] = 4, 4, 236 // stratum 4, poll 16 s, precision 1 µs
			copy(reply[12:], "\xa9\xfe\xa9\x7a")     // reference id 169.254.169.122
			binary.BigEndian.PutUint64(reply[16:], ntpTime(now.Add(-10*time.Second)))
			copy(reply[24:32], query[40:48]) // origin: the client's transmit time
			binary.BigEndian.PutUint64(reply[32:], ntpTime(now))
			binary.BigEndian.PutUint64(reply[40:], ntpTime(now))
			_, _ = conn.WriteTo(reply, from)
		}
	})
	return nil
}
