package unit

import (
	"bufio"
	"context"
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
)

// Only the codec of the D-Bus library is used, and not its connection: that one reads
// in a goroutine of its own, which a malformed signal can make panic, and has no limit
// below 128 MiB. A few calls whose replies are read in turn need neither.
const (
	// maxRead bounds all that is read of a bus. What systemd answers is a few KB; an
	// environment may be long.
	maxRead = 512 << 10
	// maxMessages bounds the replies, of which there are some 40, and the signals that
	// may come between them.
	maxMessages = 128
	// maxAuthLine bounds the answer to the authentication.
	maxAuthLine = 256

	systemd             = "org.freedesktop.systemd1"
	systemdPath         = "/org/freedesktop/systemd1"
	unitInterface       = systemd + ".Unit"
	serviceInterface    = systemd + ".Service"
	managerInterface    = systemd + ".Manager"
	propertiesInterface = "org.freedesktop.DBus.Properties"
	busName             = "org.freedesktop.DBus"
	busPath             = "/org/freedesktop/DBus"
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

// exchange asks for the state of both units, and then for all that is wanted of the one
// that counts. Single properties cost systemd a third of what all of a service's do,
// for which it reads the control group's counters.
func exchange(conn io.ReadWriter, direct bool) ([]loaded, error) {
	s := &session{conn: conn, in: bufio.NewReader(io.LimitReader(conn, maxRead)), direct: direct, left: maxMessages}
	// The form of EXTERNAL that every bus knows since the first: it checks the user
	// against the socket's own knowledge. BEGIN goes with it, as sd-bus does.
	s.out.WriteString("\x00AUTH EXTERNAL " + hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid()))) + "\r\nBEGIN\r\n")
	found := make([]loaded, len(names))
	states := make([]properties, len(names))
	var qs []question
	if !direct { // the bus wants to be greeted by name before anything else
		qs = append(qs, question{path: busPath, iface: busName, member: "Hello", dest: busName})
	}
	for i := range found {
		found[i].Name, states[i] = names[i], properties{}
		qs = append(qs, states[i].questions(names[i], unitInterface, stateProperties[:])...)
	}
	if err := s.ask(qs, readAuth); err != nil {
		return nil, err
	}
	for i := range found {
		if found[i].take(states[i]); found[i].Load == "" || found[i].Active == "" {
			return nil, errors.New("read the state of " + names[i] + ": unexpected type")
		}
	}
	at := chosen(found)
	if rank(&found[at].AgentUnit) == 0 {
		return found, nil
	}
	p, manager := properties{}, properties{}
	qs = append(p.questions(names[at], unitInterface, unitProperties[:]), p.questions(names[at], serviceInterface, serviceProperties[:])...)
	qs = append(qs, manager.get(systemdPath, managerInterface, "Environment"))
	if err := s.ask(qs, nil); err != nil {
		return nil, err
	}
	found[at].take(p)
	found[at].manager, _ = manager["Environment"].([]string)
	return found, nil
}
