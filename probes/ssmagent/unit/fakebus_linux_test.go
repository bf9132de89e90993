package unit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// bus is a systemd on a socket of its own: it knows the properties of some units.
type bus struct {
	units   map[string]map[string]any // by name
	manager []string                  // Environment of systemd itself
	// instead, where set, is what happens after the greeting in place of answers.
	instead func(c net.Conn)
	reject  bool
	// refuse answers each call about a unit by an error of that name.
	refuse string
	// before is sent before the first answer.
	before []byte

	mu    sync.Mutex
	calls []*dbus.Message
}

// listen serves the bus until the test ends, and makes sure that every connection is
// closed by then.
func (b *bus) listen(t *testing.T) Socket {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				b.serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait() // hangs where the client leaks its connection
	})
	return Socket{Path: path}
}

func (b *bus) serve(c net.Conn) {
	in := bufio.NewReader(c)
	auth, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(auth, "\x00AUTH EXTERNAL ") {
		return
	}
	if b.reject {
		_, _ = c.Write([]byte("REJECTED EXTERNAL\r\n"))
		return
	}
	if begin, err := in.ReadString('\n'); err != nil || begin != "BEGIN\r\n" {
		return
	}
	if b.instead != nil {
		b.instead(c)
		_, _ = in.WriteTo(discard{}) // until the client goes away
		return
	}
	_, _ = c.Write([]byte("OK 0123456789abcdef0123456789abcdef\r\n"))
	_, _ = c.Write(b.before)
	for {
		m, serial, err := receive(in)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.calls = append(b.calls, m)
		b.mu.Unlock()
		_, _ = c.Write(b.answer(m, serial))
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// receive reads a call and its serial, which the library does not show.
func receive(in *bufio.Reader) (*dbus.Message, uint32, error) {
	head, err := in.Peek(12)
	if err != nil {
		return nil, 0, err
	}
	serial := binary.LittleEndian.Uint32(head[8:])
	m, err := dbus.DecodeMessage(in)
	return m, serial, err
}

func (b *bus) answer(m *dbus.Message, serial uint32) []byte {
	member, _ := m.Headers[dbus.FieldMember].Value().(string)
	path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	switch {
	case member == "Hello":
		return reply(serial, ":1.7")
	case b.refuse != "":
		return fail(serial, b.refuse)
	case path == systemdPath:
		return reply(serial, dbus.MakeVariant(b.manager))
	}
	iface, _ := m.Body[0].(string)
	property, _ := m.Body[1].(string)
	unit := map[string]any{"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead", "UnitFileState": ""}
	for name, known := range b.units {
		if string(path) == unitPath(name) {
			unit = known
		}
	}
	v, ok := unit[property]
	if !ok || unitProperty[property] != (iface == unitInterface) {
		return fail(serial, "org.freedesktop.DBus.Error.UnknownProperty")
	}
	return reply(serial, dbus.MakeVariant(v))
}

func fail(serial uint32, name string) []byte {
	return encode(&dbus.Message{Type: dbus.TypeError, Body: []any{"no"}, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldErrorName: dbus.MakeVariant(name), dbus.FieldReplySerial: dbus.MakeVariant(serial),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(""))}})
}

// unitProperty are those of the interface Unit; all others are the Service's.
var unitProperty = map[string]bool{"LoadState": true, "LoadError": true, "ActiveState": true, "SubState": true, "UnitFileState": true,
	"ActiveEnterTimestamp": true, "InactiveEnterTimestamp": true, "StateChangeTimestamp": true, "NeedDaemonReload": true,
	"FragmentPath": true, "DropInPaths": true}

func reply(serial uint32, body any) []byte {
	return encode(&dbus.Message{Type: dbus.TypeMethodReply, Body: []any{body}, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(serial), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body))}})
}

func signal(member string, body ...any) []byte {
	return encode(&dbus.Message{Type: dbus.TypeSignal, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(busPath)), dbus.FieldInterface: dbus.MakeVariant(busName),
		dbus.FieldSender: dbus.MakeVariant(busName), dbus.FieldMember: dbus.MakeVariant(member),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...))}})
}

// encode gives a message in wire format. Its serial must not be zero.
func encode(m *dbus.Message) []byte {
	var out bytes.Buffer
	if err := m.EncodeTo(&out, binary.LittleEndian); err != nil {
		panic(err)
	}
	binary.LittleEndian.PutUint32(out.Bytes()[8:], 1)
	return out.Bytes()
}
