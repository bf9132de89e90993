package unit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Only the codec of the D-Bus library is used, and not its connection: that one reads
// in a goroutine of its own, which a malformed signal can make panic, and has no limit
// below 128 MiB. A few calls whose replies are read in turn need neither.
const (
	// maxRead bounds all that is read of a bus. What systemd answers for two units
	// is about 50 KB.
	maxRead = 1 << 20
	// maxMessages bounds the signals that may come between the replies.
	maxMessages = 64
	// maxAuthLine bounds the answer to the authentication.
	maxAuthLine = 256

	systemd        = "org.freedesktop.systemd1"
	systemdPath    = "/org/freedesktop/systemd1"
	unitInterface  = systemd + ".Unit"
	serviceIface   = systemd + ".Service"
	managerIface   = systemd + ".Manager"
	propertiesCall = "org.freedesktop.DBus.Properties"
	busName        = "org.freedesktop.DBus"
	busPath        = "/org/freedesktop/DBus"
)

// sockets are the places to ask, in the order of systemctl(1): systemd's own socket
// serves root alone and needs no bus; the bus lets everybody read properties.
func sockets(o Options) []Socket {
	if o.Sockets != nil {
		return o.Sockets
	}
	var out []Socket
	if os.Geteuid() == 0 {
		out = append(out, Socket{Path: "/run/systemd/private", Direct: true})
	}
	out = append(out, Socket{Path: "/run/dbus/system_bus_socket"})
	if o.Root == "" || filepath.Clean(o.Root) == "/" {
		return out
	}
	var below []Socket
	for _, s := range out {
		// A link that leaves the mounted root would lead to another system's bus.
		dir, err := filepath.EvalSymlinks(filepath.Join(o.Root, filepath.Dir(s.Path)))
		root, rootErr := filepath.EvalSymlinks(o.Root)
		if err == nil && rootErr == nil && strings.HasPrefix(dir, strings.TrimSuffix(root, "/")+"/") {
			below = append(below, Socket{filepath.Join(dir, filepath.Base(s.Path)), s.Direct})
		}
	}
	return below
}

// fromBus asks for both units at the first place that answers.
func fromBus(ctx context.Context, o Options) ([]loaded, error) {
	err := errNoBus
	for _, s := range sockets(o) {
		found, askErr := ask(ctx, s)
		if askErr == nil {
			return found, nil
		}
		if !errors.Is(askErr, fs.ErrNotExist) {
			err = askErr
		}
	}
	return nil, err
}

// ask sends all questions at once and reads until they are answered, the deadline
// passes, or the limit is reached.
func ask(ctx context.Context, s Socket) ([]loaded, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", s.Path)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	found, err := exchange(conn, s.Direct)
	if ctxErr := ctx.Err(); err != nil && ctxErr != nil {
		err = ctxErr
	}
	return found, err
}

// question is one method call and what becomes of its reply.
type question struct {
	path, iface, member string
	dest                string
	args                []any
	take                func(body []any) error
	optional            bool
}

func exchange(conn io.ReadWriter, direct bool) ([]loaded, error) {
	found := make([]loaded, len(names))
	questions := questionsFor(found)
	if !direct { // the bus wants to be greeted before anything else
		questions = append([]question{{path: busPath, iface: busName, member: "Hello", dest: busName}}, questions...)
	}
	var out bytes.Buffer
	// The form of EXTERNAL that every bus knows since the first: it checks the user
	// against the socket's own knowledge. BEGIN goes with it, as sd-bus does.
	out.WriteString("\x00AUTH EXTERNAL " + hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid()))) + "\r\nBEGIN\r\n")
	for i, q := range questions {
		if direct {
			q.dest = ""
		}
		if err := q.write(&out, uint32(i+1)); err != nil {
			return nil, err
		}
	}
	if _, err := conn.Write(out.Bytes()); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	in := bufio.NewReader(io.LimitReader(conn, maxRead))
	if err := readAuth(in); err != nil {
		return nil, err
	}
	return found, readReplies(in, questions)
}

// questionsFor asks for the units' properties at the paths that their names have:
// systemd loads a unit that is asked for there, as `systemctl show` has it do, and a
// unit without file is not an error but "not-found".
func questionsFor(found []loaded) []question {
	qs := []question{{path: systemdPath, iface: propertiesCall, member: "Get", dest: systemd, optional: true,
		args: []any{managerIface, "Environment"}, take: func(body []any) error {
			if v, ok := first(body).(dbus.Variant); ok {
				found[0].manager, _ = v.Value().([]string)
			}
			return nil
		}}}
	for i := range found {
		found[i].Name = names[i]
		for _, iface := range []string{unitInterface, serviceIface} {
			qs = append(qs, question{path: unitPath(names[i]), iface: propertiesCall, member: "GetAll", dest: systemd,
				args: []any{iface}, take: func(body []any) error {
					all, ok := first(body).(map[string]dbus.Variant)
					if !ok {
						return errors.New("read properties: unexpected type")
					}
					p := make(properties, len(all))
					for k, v := range all {
						p[k] = v.Value()
					}
					found[i].take(p)
					return nil
				}})
		}
	}
	return qs
}

func first(body []any) any {
	if len(body) == 0 {
		return nil
	}
	return body[0]
}

// unitPath is the object of a unit: what is no letter or digit is written as _ and
// two hexadecimal digits (sd_bus_path_encode(3)); no name here begins with a digit.
func unitPath(name string) string {
	var b strings.Builder
	b.WriteString(systemdPath + "/unit/")
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// write appends the call in wire format. The library keeps the serial to itself; it
// stands at a fixed place (D-Bus specification, "Message Format").
func (q question) write(out *bytes.Buffer, serial uint32) error {
	m := dbus.Message{
		Type: dbus.TypeMethodCall, Flags: dbus.FlagNoAutoStart, Body: q.args,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath(q.path)),
			dbus.FieldInterface: dbus.MakeVariant(q.iface),
			dbus.FieldMember:    dbus.MakeVariant(q.member),
		},
	}
	if q.dest != "" {
		m.Headers[dbus.FieldDestination] = dbus.MakeVariant(q.dest)
	}
	if len(q.args) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(q.args...))
	}
	const serialAt = 8
	start := out.Len()
	if err := m.EncodeTo(out, binary.LittleEndian); err != nil {
		return fmt.Errorf("encode %s: %w", q.member, err)
	}
	binary.LittleEndian.PutUint32(out.Bytes()[start+serialAt:], serial)
	return nil
}

func readAuth(in *bufio.Reader) error {
	var line []byte
	for len(line) < maxAuthLine {
		c, err := in.ReadByte()
		if err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		if c == '\n' {
			break
		}
		line = append(line, c)
	}
	if !bytes.HasPrefix(line, []byte("OK")) {
		return fmt.Errorf("authenticate: %w", fs.ErrPermission)
	}
	return nil
}

// readReplies hands each question its reply. Serials count from 1 in the order of the
// questions.
func readReplies(in io.Reader, questions []question) error {
	open := len(questions)
	answered := make([]bool, len(questions))
	for range maxMessages {
		m, err := dbus.DecodeMessage(in)
		if err != nil {
			return fmt.Errorf("read a reply: %w", err)
		}
		serial, ok := m.Headers[dbus.FieldReplySerial].Value().(uint32)
		if !ok || serial < 1 || int(serial) > len(questions) || answered[serial-1] ||
			m.Type != dbus.TypeMethodReply && m.Type != dbus.TypeError {
			continue
		}
		q := questions[serial-1]
		answered[serial-1] = true
		switch {
		case m.Type == dbus.TypeError && !q.optional:
			return refusal(m)
		case m.Type == dbus.TypeMethodReply && q.take != nil:
			if err := q.take(m.Body); err != nil && !q.optional {
				return err
			}
		}
		if open--; open == 0 {
			return nil
		}
	}
	return errors.New("read a reply: too many other messages")
}

// refusal is an error reply as an error.
func refusal(m *dbus.Message) error {
	name, _ := m.Headers[dbus.FieldErrorName].Value().(string)
	text, _ := first(m.Body).(string)
	if name == "org.freedesktop.DBus.Error.AccessDenied" {
		return fmt.Errorf("%w: %s", fs.ErrPermission, text)
	}
	return fmt.Errorf("%s: %s", name, text)
}
