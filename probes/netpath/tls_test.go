package netpath

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"agentctl/probes"
)

func TestChainJudged(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	ca, other, same := newAuthority(t, "root"), newAuthority(t, "other"), newAuthority(t, "root")
	good := certOptions{names: []string{testHost}}
	oldMiddle := ca.under(t, certOptions{subject: "middle", from: now.Add(-10 * day), to: now.Add(-day)})
	tests := []struct {
		name                             string
		cert                             tls.Certificate
		trust, service                   *x509.CertPool
		now                              time.Time
		reason                           probes.Reason
		trusted, genuine, nameOK, timeOK bool
	}{
		{"good", ca.server(t, good), ca.pool(), ca.pool(), now, probes.OK, true, true, true, true},
		{"inspected and trusted", ca.server(t, good), ca.pool(), other.pool(), now, probes.OK, true, false, true, true},
		{"intercepted", ca.server(t, good), other.pool(), other.pool(), now, probes.UntrustedIssuer, false, false, true, true},
		{"only the names of a service root", ca.server(t, good), same.pool(), same.pool(), now, probes.UntrustedIssuer, false, false, true, true},
		{"trust store outdated", ca.server(t, good), other.pool(), ca.pool(), now, probes.UntrustedIssuer, false, true, true, true},
		{"no store", ca.server(t, good), nil, nil, now, probes.UntrustedIssuer, false, false, true, true},
		{"another name", ca.server(t, certOptions{names: []string{"else.example"}}), ca.pool(), ca.pool(), now, probes.NameMismatch, true, true, false, true},
		{"expired", ca.server(t, certOptions{names: good.names, from: now.Add(-9 * day), to: now.Add(-day)}), ca.pool(), ca.pool(), now, probes.Expired, true, true, true, false},
		{"not yet valid", ca.server(t, certOptions{names: good.names, from: now.Add(day), to: now.Add(2 * day)}), ca.pool(), ca.pool(), now, probes.NotYetValid, true, true, true, false},
		{"untrusted outdoes expired", ca.server(t, certOptions{from: now.Add(-9 * day), to: now.Add(-day)}), other.pool(), other.pool(), now, probes.UntrustedIssuer, false, false, false, false},
		{"clock fast", ca.server(t, good), ca.pool(), ca.pool(), now.Add(50 * 365 * day), probes.Expired, true, true, true, false},
		{"clock at the epoch", ca.server(t, good), ca.pool(), ca.pool(), time.Unix(0, 0), probes.NotYetValid, true, true, true, false},
		{"intermediate expired", oldMiddle.server(t, certOptions{names: good.names, from: now.Add(-5 * day), to: now.Add(day)}), ca.pool(), ca.pool(), now, probes.Expired, true, true, true, false},
		{"intermediate expired before the leaf began", oldMiddle.server(t, good), ca.pool(), ca.pool(), now, probes.UntrustedIssuer, false, false, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{tt.cert}}, respond(awsReply))
			p := prober(tt.trust, tt.service)
			p.Now = func() time.Time { return tt.now }
			r := p.Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
			f := r.TLS
			if f.Reason != tt.reason || f.Trusted != tt.trusted || f.Genuine != tt.genuine || f.NameOK != tt.nameOK || f.TimeOK != tt.timeOK {
				t.Errorf("%+v", f)
			}
			if tt.reason == probes.OK {
				wantUp(t, r)
			} else {
				wantDown(t, r, probes.PhaseTLS, tt.reason)
				if last(t, r).Attempts != 2 {
					t.Error("not confirmed")
				}
			}
			// Who answers, and its Date, is learned in any case.
			if r.HTTP == nil || !r.HTTP.AWSShaped || r.HTTP.Date.IsZero() {
				t.Errorf("HTTP %+v", r.HTTP)
			}
			if len(r.Experiments) != 0 {
				t.Error("a certificate is no reason for experiments")
			}
		})
	}
}

// A root may be known by its own certificate or by one that an older root
// signed: the same chain then ends in different roots for different stores.
func TestCrossSignedRoot(t *testing.T) {
	old, root := newAuthority(t, "old root"), newAuthority(t, "root")
	cross := old.cross(t, root)
	cert := cross.server(t, certOptions{names: []string{testHost}})
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, respond(awsReply))
	for name, trust := range map[string]*x509.CertPool{"old": old.pool(), "new": root.pool()} {
		r := prober(trust, root.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
		if wantUp(t, r); r.TLS != nil && !r.TLS.Genuine {
			t.Errorf("%s store: %+v", name, r.TLS)
		}
	}
}

// readHello reads one TLS record.
func readHello(c net.Conn) []byte {
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	io.ReadFull(c, body)
	return append(head[:], body...)
}

func reset(c net.Conn) {
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func hang(c net.Conn) { io.Copy(io.Discard, c) }

func alert(n byte) func(net.Conn) {
	return func(c net.Conn) {
		readHello(c)
		c.Write([]byte{21, 3, 3, 0, 2, 2, n})
		hang(c)
	}
}

func TestHandshakeFailures(t *testing.T) {
	t.Parallel()
	serverHello10 := append([]byte{22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1}, make([]byte, 33)...)
	serverHello10 = append(serverHello10, 0xc0, 0x13, 0) // no session, ECDHE-RSA-AES128-SHA, no compression
	tests := []struct {
		name        string
		handle      func(net.Conn)
		reason      probes.Reason
		experiments int
		check       func(*testing.T, *probes.TLS)
	}{
		{"silence", hang, probes.HandshakeTimeout, 5, nil},
		{"one byte a second", func(c net.Conn) {
			readHello(c)
			for _, b := range []byte{22, 3, 3, 0, 100, 2, 0, 0, 96, 3} {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, probes.HandshakeTimeout, 5, nil},
		{"reset", func(c net.Conn) { readHello(c); reset(c) }, probes.HandshakeReset, 5, nil},
		{"close", func(c net.Conn) { readHello(c) }, probes.Closed, 5, nil},
		{"alert", alert(40), probes.TLSAlert, 2, func(t *testing.T, f *probes.TLS) {
			if f.Alert != 40 {
				t.Errorf("%+v", f)
			}
		}},
		{"alert for the version", alert(70), probes.ProtocolVersion, 0, nil},
		{"an old version chosen", func(c net.Conn) { readHello(c); c.Write(serverHello10); hang(c) }, probes.ProtocolVersion, 0, nil},
		{"close_notify", func(c net.Conn) { readHello(c); c.Write([]byte{21, 3, 3, 0, 2, 1, 0}); hang(c) }, probes.Closed, 5, nil},
		{"not TLS", func(c net.Conn) {
			readHello(c)
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n\x1b[2J")
		}, probes.NotAWS, 0, func(t *testing.T, f *probes.TLS) {
			if f.NotTLS != "HTTP/1.1 400 Bad Request .[2J" {
				t.Errorf("%q", f.NotTLS)
			}
		}},
		{"a short answer that is not TLS", func(c net.Conn) { readHello(c); io.WriteString(c, "no") }, probes.NotAWS, 0, nil},
		{"garbage in a record", func(c net.Conn) {
			readHello(c)
			c.Write(append([]byte{22, 3, 3, 0, 64}, bytes.Repeat([]byte{7}, 64)...))
			hang(c)
		}, probes.Malformed, 0, nil},
		{"a message too large", func(c net.Conn) {
			readHello(c)
			c.Write([]byte{22, 3, 3, 0, 4, 11, 0xff, 0xff, 0xff})
			for range 700 {
				if _, err := c.Write(append([]byte{22, 3, 3, 0x3f, 0}, make([]byte, 0x3f00)...)); err != nil {
					return
				}
			}
		}, probes.Malformed, 0, nil},
		{"empty records without end", func(c net.Conn) {
			readHello(c)
			for {
				if _, err := c.Write([]byte{22, 3, 3, 0, 0}); err != nil {
					return
				}
			}
		}, probes.Malformed, 0, nil},
	}
	results := together(len(tests), func(i int) timed {
		addr := serve(t, tests[i].handle)
		return prober(nil, nil).timed(t, target(addr.Port(), probes.AnswerAWS))
	})
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := results[i].Result
			if took := results[i].took; took > 12*time.Second {
				t.Errorf("took %v", took)
			}
			wantDown(t, r, probes.PhaseTLS, tt.reason)
			if len(r.Experiments) != tt.experiments {
				t.Errorf("experiments %+v", r.Experiments)
			}
			for _, e := range r.Experiments {
				if e.Reason != tt.reason {
					t.Errorf("%+v", e)
				}
			}
			if last(t, r).Attempts != 2 || results[i].late == 0 {
				t.Errorf("attempts %d, late %d", last(t, r).Attempts, results[i].late)
			}
			if tt.check != nil {
				tt.check(t, r.TLS)
			}
		})
	}
}

// replay gives a server the bytes that were read to look at them.
type replay struct {
	net.Conn
	r io.Reader
}

func (c replay) Read(b []byte) (int, error) { return c.r.Read(b) }

func TestExperimentsTellCausesApart(t *testing.T) {
	ca := newAuthority(t, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	tests := []struct {
		name string
		pass func(firstRead, hello []byte) bool
		ok   string // the experiments that complete
	}{
		{"large hellos are lost", func(_, hello []byte) bool { return len(hello) < 1000 }, "no_mlkem clamped_no_mlkem"},
		{"a filter on the name", func(_, hello []byte) bool { return !bytes.Contains(hello, []byte(testHost)) }, "no_sni"},
		{"a filter that reads one segment", func(first, _ []byte) bool { return !bytes.Contains(first, []byte(testHost)) }, "split_hello no_sni"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, func(c net.Conn) {
				first := make([]byte, 4096)
				n, _ := c.Read(first)
				first = first[:n]
				hello := readHello(replay{c, io.MultiReader(bytes.NewReader(first), c)})
				if !tt.pass(first, hello) {
					reset(c)
					return
				}
				s := tls.Server(replay{c, io.MultiReader(bytes.NewReader(hello), c)}, cfg)
				s.Handshake()
				hang(s)
			})
			r := prober(ca.pool(), ca.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
			wantDown(t, r, probes.PhaseTLS, probes.HandshakeReset)
			var ok []string
			for _, e := range r.Experiments {
				if e.Reason == probes.OK {
					ok = append(ok, string(e.Kind))
				}
			}
			if got := strings.Join(ok, " "); got != tt.ok {
				t.Errorf("completed: %s, want %s\n%+v", got, tt.ok, r.Experiments)
			}
		})
	}
}

func TestSecondHandshakeCounts(t *testing.T) {
	ca := newAuthority(t, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	var n atomic.Int32
	addr := serve(t, func(c net.Conn) {
		if n.Add(1) == 1 {
			readHello(c)
			reset(c)
			return
		}
		s := tls.Server(c, cfg)
		if s.Handshake() == nil {
			respond(awsReply)(s)
		}
	})
	r := prober(ca.pool(), ca.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
	wantUp(t, r)
	if s := r.Steps[2]; s.Phase != probes.PhaseTLS || s.Attempts != 2 || len(r.Experiments) != 0 {
		t.Errorf("%+v %+v", s, r.Experiments)
	}
}

// A chain that was seen survives a handshake that fails after it.
func TestChainOutlivesFailure(t *testing.T) {
	ca := newAuthority(t, "root")
	cert := ca.server(t, certOptions{names: []string{testHost}})
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAnyClientCert}, respond(awsReply))
	r := prober(ca.pool(), ca.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
	wantDown(t, r, probes.PhaseTLS, probes.TLSAlert)
	if f := r.TLS; len(f.Chain) != 1 || !f.Trusted || !f.Genuine || f.Version != "TLS 1.2" {
		t.Errorf("%+v", f)
	}
}

// With TLS 1.3 the server refuses the client after its handshake has ended.
func TestAlertAfterHandshake(t *testing.T) {
	ca := newAuthority(t, "root")
	cert := ca.server(t, certOptions{names: []string{testHost}})
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}, respond(awsReply))
	r := prober(ca.pool(), ca.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
	wantDown(t, r, probes.PhaseHTTP, probes.TLSAlert)
}
