package netpath

import (
	"errors"
	"net"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// wire is the connection below a TLS handshake. It keeps what crypto/tls does
// not tell: the first bytes of the answer, and an alert that we sent in the
// clear. It can send the first message in two pieces.
type wire struct {
	net.Conn
	split int // bytes of the first write that go alone; 0: all at once

	wrote bool
	first []byte // of the answer, at most firstBytes
	alert byte   // the alert that we sent before encryption; 0: none
}

const firstBytes = 64

// splitPause lets the first piece leave as a segment of its own, and arrive
// before the second.
const splitPause = 20 * time.Millisecond

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if room := firstBytes - len(w.first); room > 0 && n > 0 {
		w.first = append(w.first, b[:min(n, room)]...)
	}
	return n, err
}

// The record layer's numbers that we look for (RFC 8446 5.1 and 6).
const (
	recordLowest  = 20 // change_cipher_spec
	recordAlert   = 21
	recordHighest = 23 // application_data
	majorVersion  = 3

	alertProtocolVersion = 70
)

func (w *wire) Write(b []byte) (int, error) {
	if len(b) == 7 && b[0] == recordAlert {
		w.alert = b[6]
	}
	if w.wrote || w.split <= 0 || w.split >= len(b) {
		w.wrote = true
		return w.Conn.Write(b)
	}
	w.wrote = true
	n, err := w.Conn.Write(b[:w.split])
	if err != nil {
		return n, err
	}
	time.Sleep(splitPause)
	m, err := w.Conn.Write(b[w.split:])
	return n + m, err
}

// foreign tells whether the answer is something other than TLS.
func (w *wire) foreign() bool {
	if len(w.first) == 0 {
		return false
	}
	if t := w.first[0]; t < recordLowest || t > recordHighest {
		return true
	}
	return len(w.first) > 1 && w.first[1] != majorVersion
}

// isTimeout tells whether an error is a deadline's.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// isBroken tells whether the system itself ended the connection, such as for an
// ICMP error that came while it waited. Timeouts and resets have their own tests.
func isBroken(err error) bool {
	var s *os.SyscallError
	return errors.As(err, &s)
}

// printable makes bytes that others sent fit for a report: at most limit bytes
// of text, with a dot for everything that does not print (control and
// direction characters among them), and white space run together.
func printable[T string | []byte](in T, limit int) string {
	var out strings.Builder
	space := false
	s := string(in[:min(len(in), 4*limit)])
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		if unicode.IsSpace(c) {
			space = out.Len() > 0
			continue
		}
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			c = '.'
		}
		need := utf8.RuneLen(c)
		if space {
			need++
		}
		if out.Len()+need > limit {
			break
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteRune(c)
	}
	return out.String()
}
