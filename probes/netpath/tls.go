package netpath

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"time"

	"agentctl/probes"
)

// handshakeTimeout bounds one handshake: the contract's patience with a server
// that says nothing, or says it byte by byte.
const handshakeTimeout = 4 * time.Second

// classicGroups are the key exchanges without ML-KEM. Leaving out
// X25519MLKEM768 alone is not enough: Go then offers another hybrid, and the
// ClientHello stays above one segment.
var classicGroups = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}

// hello is how one handshake differs from the client's usual one.
type hello struct {
	noMLKEM bool
	noSNI   bool
	split   int
}

// handshake runs one TLS handshake and says how it went. The chain is judged
// here and not by crypto/tls, so that what was seen outlives a failure. The
// connection is nil where the handshake did not complete.
func (r *probe) handshake(ctx context.Context, conn net.Conn, host string, h hello, deadline time.Time) (*tls.Conn, *probes.TLS) {
	begin := time.Now()
	facts := &probes.TLS{ServerName: host}
	w := &wire{Conn: conn, split: h.split}
	var chain []*x509.Certificate
	cfg := &tls.Config{
		ServerName: host,
		NextProtos: []string{"http/1.1"},
		MinVersion: tls.VersionTLS12, // the SSM Agent's own minimum
		MaxVersion: tls.VersionTLS13,
		// The chain is verified by judge, against both stores and the host.
		InsecureSkipVerify:     true,
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			chain = s.PeerCertificates
			describe(facts, s)
			return nil
		},
	}
	if h.noSNI {
		cfg.ServerName, facts.ServerName = "", ""
	}
	if h.noMLKEM {
		cfg.CurvePreferences = classicGroups
	}
	c := tls.Client(w, cfg)
	if d := begin.Add(handshakeTimeout); d.Before(deadline) || deadline.IsZero() {
		deadline = d
	}
	_ = conn.SetDeadline(deadline)
	err := c.Handshake()
	if err == nil {
		describe(facts, c.ConnectionState())
	}
	r.judge(facts, chain, host)
	facts.Duration = time.Since(begin).Seconds()
	if err != nil {
		handshakeFailure(ctx, facts, w, err)
		return nil, facts
	}
	_ = conn.SetDeadline(time.Time{})
	return c, facts
}

// describe records what was negotiated.
func describe(facts *probes.TLS, s tls.ConnectionState) {
	facts.Version = tls.VersionName(s.Version)
	facts.Cipher = tls.CipherSuiteName(s.CipherSuite)
	if s.CurveID != 0 {
		facts.Group = s.CurveID.String()
	}
}

// handshakeFailure says why a handshake did not complete.
func handshakeFailure(ctx context.Context, facts *probes.TLS, w *wire, err error) {
	facts.Error = printable(err.Error(), 200)
	var remote *net.OpError
	switch {
	case ctx.Err() != nil:
		facts.Reason = probes.Canceled
	case w.foreign():
		facts.Reason, facts.NotTLS = probes.NotAWS, printable(w.first, firstBytes)
	case errors.As(err, &remote) && remote.Op == "remote error":
		facts.Reason, facts.Alert = probes.TLSAlert, alertNumber(remote.Err)
		if facts.Alert == alertProtocolVersion {
			facts.Reason = probes.ProtocolVersion
		}
	case isTimeout(err):
		facts.Reason = probes.HandshakeTimeout
	case isReset(err):
		facts.Reason = probes.HandshakeReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		facts.Reason = probes.Closed
	case w.alert == alertProtocolVersion:
		facts.Reason = probes.ProtocolVersion // the server chose one that we did not offer
	case isBroken(err):
		facts.Reason = probes.Unreachable
	default:
		facts.Reason = probes.Malformed
	}
}

// alertNumber reads the number of an alert that the server sent. crypto/tls
// keeps the type to itself; its kind is that of tls.AlertError.
func alertNumber(err error) int {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Uint8 {
		return int(v.Uint())
	}
	return 0
}

// handshakes is the TLS step: a handshake, and a second one on a new connection
// before a failure counts. Nil: there is no connection to go on with.
func (r *probe) handshakes(ctx context.Context, conn net.Conn) *link {
	begin := time.Now()
	stop := closeWith(ctx, conn)
	c, facts := r.handshake(ctx, conn, r.host, hello{}, time.Time{})
	r.res.TLS = facts
	attempts := 1
	if facts.Reason != probes.OK && ctx.Err() == nil {
		r.late()
		stop()
		conn.Close()
		attempts = 2
		c, conn, stop = r.handshakeAgain(ctx, facts)
	}
	facts = r.res.TLS
	r.step(probes.PhaseTLS, facts.Reason, time.Since(begin), tlsDetail(facts), attempts)
	if c == nil {
		stop()
		if conn != nil {
			conn.Close()
		}
		return nil
	}
	return &link{conn: c, genuine: facts.Genuine && facts.NameOK, refused: facts.Reason != probes.OK, stop: stop}
}

// handshakeAgain makes the second handshake, and at the same time the
// experiments that tell the explanations of the first one's failure apart.
func (r *probe) handshakeAgain(ctx context.Context, before *probes.TLS) (*tls.Conn, net.Conn, func() bool) {
	stop := func() bool { return false }
	trials := r.experiment(ctx, experimentsFor(before, r.host))
	deadline := time.Now().Add(handshakeTimeout)
	conn, reason, _ := r.way(ctx, DialOptions{Timeout: handshakeTimeout})
	if reason != probes.OK {
		r.res.Experiments = trials.results()
		return nil, nil, stop
	}
	stop = closeWith(ctx, conn)
	c, facts := r.handshake(ctx, conn, r.host, hello{}, deadline)
	if c != nil || before.Chain == nil {
		r.res.TLS = facts // it got at least as far as the first
	}
	if c != nil {
		trials.cancel() // the first failure was chance, or not the handshake's
	}
	r.res.Experiments = trials.results()
	return c, conn, stop
}

func tlsDetail(f *probes.TLS) string {
	switch {
	case f.Reason == probes.OK:
		return fmt.Sprintf("%s %s", f.Version, f.Group)
	case f.NotTLS != "":
		return "the answer is not TLS: " + f.NotTLS
	case f.Alert != 0:
		return fmt.Sprintf("alert %d: %s", f.Alert, f.Error)
	case f.Error != "":
		return f.Error
	case len(f.Chain) > 0:
		return "issued by " + f.Chain[0].Issuer
	}
	return ""
}
