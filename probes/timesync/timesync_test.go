package timesync

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"agentctl/probes"
)

// serve answers SNTP on loopback with a clock that is off by skew.
func serve(t *testing.T, skew time.Duration, answer func(req, resp []byte) []byte) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			now := time.Now().Add(skew)
			resp := make([]byte, 48)
			resp[0], resp[1], resp[2], resp[3] = 0x24, 1, 6, 0xe9 // v4, server, stratum 1
			stamp(resp[16:], now)
			copy(resp[24:32], buf[40:48]) // originate = client's transmit
			stamp(resp[32:], now)
			stamp(resp[40:], now)
			if out := answer(buf[:n], resp); out != nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	}()
	return pc.LocalAddr().String()
}

func stamp(b []byte, t time.Time) {
	binary.BigEndian.PutUint32(b, uint32(t.Unix()+2208988800))
	binary.BigEndian.PutUint32(b[4:], uint32(float64(t.Nanosecond())/1e9*(1<<32)))
}

func TestAsk(t *testing.T) {
	ok := func(_, resp []byte) []byte { return resp }
	for _, c := range []struct {
		name   string
		skew   time.Duration
		answer func(req, resp []byte) []byte
		want   bool
	}{
		{"right", 0, ok, true},
		{"ten minutes behind", 10 * time.Minute, ok, true},
		{"an hour ahead", -time.Hour, ok, true},
		{"garbage", 0, func(_, _ []byte) []byte { return []byte("hello") }, false},
		{"unsynchronised server", 0, func(_, resp []byte) []byte { resp[0] |= 0xc0; return resp }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Ask(context.Background(), serve(t, c.skew, c.answer))
			if got.OK != c.want {
				t.Fatalf("OK = %v (%s), want %v", got.OK, got.Reason, c.want)
			}
			if d := got.Offset - c.skew.Seconds(); c.want && (d > 2 || d < -2) {
				t.Errorf("offset = %.1f s, want %.1f s", got.Offset, c.skew.Seconds())
			}
		})
	}
}

func TestAskEndsWithTheContext(t *testing.T) {
	addr := serve(t, 0, func(_, _ []byte) []byte { return nil })
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	done := make(chan probes.TimeSync)
	go func() { done <- Ask(ctx, addr) }()
	select {
	case got := <-done:
		if got.OK {
			t.Error("a silent server gave a time")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still waiting after the context ended")
	}
}
