package netpath

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"agentctl/probes"
)

// bodyPatience bounds the wait for a document's body. Lists and metadata
// indexes have some kilobytes.
const bodyPatience = 4 * time.Second

// hop is the way to one host of a fetch.
type hop struct {
	*fetch
	*probe
}

// walk goes through the phases until one fails.
func (h *hop) walk(ctx context.Context) (next string) {
	r := h.probe
	var conn net.Conn
	if proxy, source := r.proxyFor(r.target); proxy != "" {
		conn = r.throughProxy(ctx, proxy, source)
	} else if addrs := r.lookup(ctx); addrs != nil {
		conn = r.connect(ctx, addrs)
	}
	if conn == nil {
		return ""
	}
	l := &link{conn: conn, stop: closeWith(ctx, conn)}
	if r.url.Scheme == "https" {
		if l = h.secure(ctx, conn); l == nil {
			return ""
		}
	}
	defer l.close()
	if l.refused {
		return ""
	}
	return h.ask(ctx, l)
}

// secure is the TLS step: a handshake with the fetch's own authorities and
// certificate, and a second one before a failure counts.
func (h *hop) secure(ctx context.Context, conn net.Conn) *link {
	r, begin := h.probe, time.Now()
	stop := closeWith(ctx, conn)
	c, facts := h.handshake(ctx, conn)
	r.res.TLS = facts
	attempts := 1
	if !h.accepts(facts) && ctx.Err() == nil {
		r.late()
		stop()
		conn.Close()
		attempts = 2
		c, conn, stop = h.again(ctx, facts)
	}
	facts = r.res.TLS
	reason, detail := facts.Reason, tlsDetail(facts)
	accepted := h.accepts(facts)
	if accepted && reason != probes.OK {
		reason, detail = probes.OK, "not verified: "+string(facts.Reason)
	}
	r.step(probes.PhaseTLS, reason, time.Since(begin), detail, attempts)
	if c == nil {
		stop()
		if conn != nil {
			conn.Close()
		}
		return nil
	}
	return &link{conn: c, genuine: facts.Genuine && facts.NameOK, refused: !accepted, stop: stop}
}

// again makes the second handshake, with the experiments beside it.
func (h *hop) again(ctx context.Context, before *probes.TLS) (*tls.Conn, net.Conn, func() bool) {
	r, stop := h.probe, func() bool { return false }
	trials := r.experiment(ctx, experimentsFor(before, r.host))
	conn, reason, _ := r.way(ctx, DialOptions{Timeout: handshakeTimeout})
	if reason != probes.OK {
		r.res.Experiments = trials.results()
		return nil, nil, stop
	}
	stop = closeWith(ctx, conn)
	c, facts := h.handshake(ctx, conn)
	if c != nil || before.Chain == nil {
		r.res.TLS = facts
	}
	if c != nil {
		trials.cancel()
	}
	r.res.Experiments = trials.results()
	return c, conn, stop
}

// accepts tells whether the client goes on after this handshake.
func (h *hop) accepts(f *probes.TLS) bool {
	switch f.Reason {
	case probes.OK:
		return true
	case probes.NameMismatch:
		return f.Version != "" && (h.req.Insecure || h.req.AnyName && f.TimeOK)
	case probes.UntrustedIssuer, probes.Expired, probes.NotYetValid:
		return h.req.Insecure && f.Version != ""
	}
	return false
}

// handshake runs one handshake. It differs from the probe's own in the client
// certificate; the chain is judged in the same place.
func (h *hop) handshake(ctx context.Context, conn net.Conn) (*tls.Conn, *probes.TLS) {
	r, begin := h.probe, time.Now()
	facts := &probes.TLS{ServerName: r.host}
	w := &wire{Conn: conn}
	var chain []*x509.Certificate
	cfg := &tls.Config{
		ServerName: r.host, NextProtos: []string{"http/1.1"},
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13,
		InsecureSkipVerify: true, SessionTicketsDisabled: true, // the chain is verified by judge
		VerifyConnection: func(s tls.ConnectionState) error {
			chain = s.PeerCertificates
			describe(facts, s)
			return nil
		},
	}
	if c := h.req.Certificate; c != nil {
		// Offered whatever authorities the server names, as curl does.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	c := tls.Client(w, cfg)
	_ = conn.SetDeadline(begin.Add(handshakeTimeout))
	err := c.Handshake()
	if err == nil {
		describe(facts, c.ConnectionState())
	}
	r.judge(facts, chain, r.host)
	facts.Duration = time.Since(begin).Seconds()
	if err != nil {
		handshakeFailure(ctx, facts, w, err)
		return nil, facts
	}
	_ = conn.SetDeadline(time.Time{})
	return c, facts
}

// ask is the HTTP step, with a second request on a new connection before a
// failure counts.
func (h *hop) ask(ctx context.Context, l *link) (next string) {
	r, begin := h.probe, time.Now()
	got := h.get(ctx, l)
	attempts := 1
	if got.reason != probes.OK && got.next == "" && ctx.Err() == nil {
		r.late()
		if again, ok := h.askAgain(ctx); ok {
			attempts = 2
			if again.facts.Status != 0 || got.facts.Status == 0 {
				got = again
			}
		}
	}
	r.res.HTTP = got.facts
	got.facts.Reason = got.reason
	h.out.Status, h.out.Header, h.out.Body, h.out.Cut = got.facts.Status, got.header, got.body, got.cut
	r.step(probes.PhaseHTTP, got.reason, time.Since(begin), got.detail, attempts)
	return got.next
}

func (h *hop) askAgain(ctx context.Context) (got, bool) {
	r := h.probe
	if !pause(ctx, askAgain) {
		return got{}, false
	}
	conn, reason, _ := r.way(ctx, DialOptions{})
	if reason != probes.OK {
		return got{}, false
	}
	l := &link{conn: conn, stop: closeWith(ctx, conn)}
	defer func() { l.close() }()
	if r.url.Scheme == "https" {
		c, facts := h.handshake(ctx, conn)
		if c == nil || !h.accepts(facts) {
			return got{}, false
		}
		l.conn = c
	}
	return h.get(ctx, l), true
}
