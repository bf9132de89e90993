package unit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

func TestHostileBus(t *testing.T) {
	const limit, patience = 500 * time.Millisecond, 5 * time.Second // the machine may be busy
	ok := []byte("OK 0123456789abcdef0123456789abcdef\r\n")
	send := func(parts ...[]byte) func(net.Conn) {
		return func(c net.Conn) { _, _ = c.Write(bytes.Join(parts, nil)) }
	}
	toAll := func(answer func(serial uint32) []byte) (out []byte) {
		for serial := range uint32(20) {
			out = append(out, answer(serial+1)...)
		}
		return out
	}
	endless := func(part []byte) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Write(ok)
			for {
				if _, err := c.Write(part); err != nil {
					return
				}
			}
		}
	}
	many := map[string]dbus.Variant{}
	for i := range 15000 { // nearly as much as is read
		many[strconv.Itoa(i)] = dbus.MakeVariant([]string{"a"})
	}
	for _, tt := range []struct {
		name string
		bus  *bus
		why  string
	}{
		{"says nothing", &bus{instead: func(net.Conn) {}}, "in time"},
		{"greets and says nothing", &bus{instead: send(ok)}, "in time"},
		{"closes at once", &bus{instead: func(c net.Conn) { c.Close() }}, "authenticate"},
		{"closes after the greeting", &bus{instead: func(c net.Conn) { _, _ = c.Write(ok); c.Close() }}, "read a reply"},
		{"rejects us", &bus{reject: true}, "may not be used"},
		{"refuses", &bus{refuse: "org.freedesktop.DBus.Error.AccessDenied"}, "may not be used"},
		{"has no systemd", &bus{refuse: "org.freedesktop.DBus.Error.NameHasNoOwner"}, "NameHasNoOwner"},
		{"greets without end", &bus{instead: func(c net.Conn) {
			for {
				if _, err := c.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
					return
				}
			}
		}}, "may not be used"},
		{"garbage", &bus{instead: endless([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))}, "read a reply"},
		{"zeros", &bus{instead: endless(make([]byte, 4096))}, "read a reply"},
		{"a message of 128 MB", &bus{instead: send(ok, []byte{'l', 2, 0, 1, 0xf0, 0xff, 0xff, 7, 1, 0, 0, 0, 0, 0, 0, 0})}, ""},
		{"a message of 4 GB", &bus{instead: send(ok, []byte{'l', 2, 0, 1, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})}, ""},
		{"signals without end", &bus{instead: endless(signal("NameOwnerChanged", "a", "b", "c"))}, "too many"},
		{"signals without their arguments", &bus{instead: endless(encode(&dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(busPath)), dbus.FieldInterface: dbus.MakeVariant(busName),
			dbus.FieldSender: dbus.MakeVariant(busName), dbus.FieldMember: dbus.MakeVariant("NameLost")}}))}, "too many"},
		{"replies to nobody", &bus{instead: endless(reply(99, "x"))}, "too many"},
		{"replies of another type", &bus{instead: send(ok, toAll(func(serial uint32) []byte { return reply(serial, "x") }))}, "unexpected type"},
		{"replies without body", &bus{instead: send(ok, toAll(func(serial uint32) []byte {
			return encode(&dbus.Message{Type: dbus.TypeMethodReply,
				Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(serial)}})
		}))}, "unexpected type"},
		{"a large value", &bus{instead: send(ok, reply(2, dbus.MakeVariant(many)))}, ""},
		{"a byte now and then", &bus{instead: func(c net.Conn) {
			for _, b := range bytes.Join([][]byte{ok, reply(3, many)}, nil) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		}}, "in time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.bus.listen(t)
			start := time.Now()
			host := emptyHost()
			u := Read(context.Background(), host, host.Facts(), Options{Sockets: []Socket{s}})
			if took := time.Since(start); took > limit+patience {
				t.Errorf("took %v", took)
			}
			if u.Source != probes.UnitFromFiles || u.Active != "" || !strings.Contains(u.Why, tt.why) || u.Why == "" || len(u.Why) > 2*maxWhy {
				t.Errorf("got %+v", u)
			}
			if _, err := json.Marshal(u); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCanceled: who asks may give up sooner.
func TestCanceled(t *testing.T) {
	s := (&bus{instead: func(net.Conn) {}}).listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	start := time.Now()
	host := emptyHost()
	u := Read(ctx, host, host.Facts(), Options{Sockets: []Socket{s}, Timeout: time.Minute})
	if took := time.Since(start); took > 5*time.Second || !strings.Contains(u.Why, "interrupted") {
		t.Errorf("after %v: %+v", took, u)
	}
}

// TestNothingLeaks: no descriptor stays open, whatever the bus does.
func TestNothingLeaks(t *testing.T) {
	good := (&bus{units: map[string]map[string]any{probes.AgentUnitPackaged: service(nil)}}).listen(t)
	bad := (&bus{instead: func(c net.Conn) { _, _ = c.Write([]byte("OK x\r\nx")) }}).listen(t)
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	host := emptyHost()
	read := func() {
		for _, s := range []Socket{good, bad, {Path: "/nowhere"}} {
			Read(context.Background(), host, host.Facts(), Options{Sockets: []Socket{s}, Timeout: 20 * time.Millisecond})
		}
	}
	read()
	before := open()
	for range 20 {
		read()
	}
	deadline := time.Now().Add(5 * time.Second)
	for open() > before+2 { // the fake closes its ends a moment later
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors, %d before", open(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func FuzzProperties(f *testing.F) {
	known := service(map[string]any{"EnvironmentFiles": []environmentFile{{"/etc/x*", true}}, "Environment": []string{"https_proxy=http://u:p@h:1"}})
	wanted := []string{"LoadState", "LoadError", "DropInPaths", "RestartPreventExitStatus", "NRestarts", "EnvironmentFiles"} // one of each kind
	var seed []byte
	for i, name := range wanted {
		seed = append(seed, reply(uint32(i+1), dbus.MakeVariant(known[name]))...)
	}
	f.Add(seed)
	f.Add([]byte("l\x02\x00\x01"))
	host := platformtest.New(map[string]string{"/etc/xyz": "https_proxy=a"})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := properties{}
		s := session{in: bufio.NewReader(bytes.NewReader(data)), left: maxMessages}
		_ = s.read(p.questions(probes.AgentUnitPackaged, unitInterface, wanted), 1)
		var u loaded
		u.take(p)
		u.Proxy = proxyOf(host, &u)
		if _, err := json.Marshal(u.AgentUnit); err != nil {
			t.Fatal(err)
		}
		u.CrashLooping(time.Now())
	})
}

func BenchmarkRead(b *testing.B) {
	host := platform.New("")
	facts := host.Facts()
	b.ReportAllocs()
	for b.Loop() {
		if u := Read(context.Background(), host, facts, Options{}); u.Source != probes.UnitFromDBus {
			b.Skip(u.Why)
		}
	}
}
