package unit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/godbus/dbus/v5"
)

// session is a conversation on one connection: questions go out together, and their
// replies are read in turn.
type session struct {
	conn   io.Writer
	in     *bufio.Reader
	out    bytes.Buffer // is sent with the next questions
	direct bool
	serial uint32 // of the last call
	left   int    // messages that may still come
}

// question is one method call and what becomes of its reply.
type question struct {
	path, iface, member string
	dest                string
	args                []any
	take                func(body []any)
	// lacking: an older systemd may not have the property.
	lacking bool
}

// questions are those for some properties of a unit; the answers fill p in.
func (p properties) questions(name, iface string, want []string) []question {
	qs := make([]question, len(want))
	for i, property := range want {
		qs[i] = p.get(unitPath(name), iface, property)
		qs[i].lacking = iface == serviceInterface
	}
	return qs
}

func (p properties) get(path, iface, property string) question {
	return question{path: path, iface: propertiesInterface, member: "Get", dest: systemd, args: []any{iface, property}, take: func(body []any) {
		if v, ok := first(body).(dbus.Variant); ok {
			p[property] = v.Value()
		}
	}}
}

// ask sends questions and reads until each is answered.
func (s *session) ask(qs []question, before func(*bufio.Reader) error) error {
	from := s.serial + 1
	for _, q := range qs {
		if s.direct {
			q.dest = ""
		}
		s.serial++
		if err := q.write(&s.out, s.serial); err != nil {
			return err
		}
	}
	if _, err := s.out.WriteTo(s.conn); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if before != nil {
		if err := before(s.in); err != nil {
			return err
		}
	}
	return s.read(qs, from)
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

// read hands each question its reply. Serials count up in the order of the questions.
func (s *session) read(qs []question, from uint32) error {
	answered := make([]bool, len(qs))
	for open := len(qs); open > 0; s.left-- {
		if s.left == 0 {
			return errors.New("read a reply: too many other messages")
		}
		m, err := dbus.DecodeMessage(s.in)
		if err != nil {
			return fmt.Errorf("read a reply: %w", err)
		}
		serial, ok := m.Headers[dbus.FieldReplySerial].Value().(uint32)
		i := int64(serial) - int64(from)
		if !ok || i < 0 || i >= int64(len(qs)) || answered[i] || m.Type != dbus.TypeMethodReply && m.Type != dbus.TypeError {
			continue
		}
		answered[i] = true
		open--
		switch {
		case m.Type == dbus.TypeError:
			if err := refusal(m); !qs[i].lacking || errors.Is(err, fs.ErrPermission) {
				return err
			}
		case qs[i].take != nil:
			qs[i].take(m.Body)
		}
	}
	return nil
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
