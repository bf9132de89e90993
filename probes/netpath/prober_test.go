package netpath

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"agentctl/probes"
)

func TestProbeHealthy(t *testing.T) {
	noLeaks(t)
	ca := newAuthority(t, "root")
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}, respond(awsReply))
	p := prober(ca.pool(), ca.pool())
	lates := 0
	p.Late = func() { lates++ }
	r := p.Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
	wantUp(t, r)
	var phases []probes.Phase
	for _, s := range r.Steps {
		phases = append(phases, s.Phase)
		if s.State != probes.Up || s.Attempts != 1 {
			t.Errorf("step %+v", s)
		}
	}
	if len(phases) != 4 {
		t.Errorf("phases %v", phases)
	}
	if lates != 0 {
		t.Error("a healthy probe is late")
	}
	if f := r.TLS; !f.Trusted || !f.Genuine || !f.NameOK || !f.TimeOK || f.Version != "TLS 1.3" || f.Group != "X25519MLKEM768" || len(f.Chain) != 1 {
		t.Errorf("TLS %+v", f)
	}
	h := r.HTTP
	if !h.AWSShaped || h.Status != 404 || h.RequestID != "abc-1" || h.Code != "UnknownOperationException" {
		t.Errorf("HTTP %+v", h)
	}
	if !h.Date.Equal(time.Date(2034, 1, 2, 15, 4, 5, 0, time.UTC)) || time.Since(h.ReceivedAt) > time.Minute {
		t.Errorf("date %v, received %v", h.Date, h.ReceivedAt)
	}
	if len(r.Conns) != 1 || r.Conns[0].Reason != probes.OK || r.Addresses[0] != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("conns %+v, addresses %v", r.Conns, r.Addresses)
	}
}

func TestProbeWithoutAddress(t *testing.T) {
	p := prober(nil, nil)
	p.Lookup = names{"six.example": {netip.MustParseAddr("2001:db8::1")}}
	at := func(url string) probes.Result {
		return p.Probe(t.Context(), probes.Target{URL: url, Answer: probes.AnswerAWS})
	}
	wantDown(t, at("https://no.example/"), probes.PhaseDNS, probes.NXDomain)
	// An address of a family that this host has not is none.
	r := at("https://six.example/")
	wantDown(t, r, probes.PhaseDNS, probes.NoData)
	if len(r.Addresses) != 0 || r.Name == nil {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"", "https://", "ftp://a.example/", "https://a.example:99999/", "https://a.example:0/", "::"} {
		if r := at(bad); r.State != probes.Unknown || last(t, r).Reason != probes.Internal {
			t.Errorf("%q: %+v", bad, r)
		}
	}
	if r := p.Probe(t.Context(), probes.Target{Skip: true}); r.State != probes.Skipped || len(r.Steps) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestProbeRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := prober(nil, nil).Probe(t.Context(), target(l.Addr().(*net.TCPAddr).AddrPort().Port(), probes.AnswerAWS))
	wantDown(t, r, probes.PhaseTCP, probes.Refused)
	if last(t, r).Attempts != 2 || len(r.Conns) != 1 || r.Conns[0].Attempts != 2 {
		t.Errorf("%+v", r)
	}
}

func TestProbeLiteralAddress(t *testing.T) {
	ca := newAuthority(t, "root")
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{"127.0.0.1"}})}}, respond(awsReply))
	r := prober(ca.pool(), nil).Probe(t.Context(), probes.Target{URL: "https://" + addr.String(), Answer: probes.AnswerAWS})
	if r.Steps[0].State != probes.Skipped || r.Name != nil || r.TLS == nil || r.TLS.Reason != probes.NameMismatch {
		t.Errorf("%+v %+v", r, r.TLS)
	}
}

// A context that ends stops the probe at once, wherever it is, and leaves the
// verdict open.
func TestProbeCanceled(t *testing.T) {
	noLeaks(t)
	ca := newAuthority(t, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	places := []struct {
		name   string
		handle func(net.Conn)
		phase  probes.Phase
		after  time.Duration
	}{
		{"handshake", hang, probes.PhaseTLS, 200 * time.Millisecond},
		{"second handshake", hang, probes.PhaseTLS, 4200 * time.Millisecond},
		{"answer", func(c net.Conn) { s := tls.Server(c, cfg); s.Handshake(); hang(s) }, probes.PhaseHTTP, 200 * time.Millisecond},
	}
	for _, tt := range places {
		t.Run(tt.name, func(t *testing.T) {
			addr := serve(t, tt.handle)
			ctx, cancel := context.WithTimeout(t.Context(), tt.after)
			defer cancel()
			begin := time.Now()
			r := prober(ca.pool(), ca.pool()).Probe(ctx, target(addr.Port(), probes.AnswerAWS))
			if took := time.Since(begin); took > tt.after+time.Second {
				t.Errorf("took %v", took)
			}
			if s := last(t, r); s.Phase != tt.phase || s.State == probes.Up || tt.phase == probes.PhaseHTTP && r.State != probes.Unknown {
				t.Errorf("%s %+v", r.State, s)
			}
		})
	}
}

// Many probes that fail in many ways leave nothing behind.
func TestFailingProbesLeaveNothing(t *testing.T) {
	noLeaks(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	ca := newAuthority(t, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	ports := []uint16{
		closed.Addr().(*net.TCPAddr).AddrPort().Port(),
		serve(t, func(c net.Conn) { readHello(c); reset(c) }).Port(),
		serve(t, func(c net.Conn) { readHello(c) }).Port(),
		serve(t, func(c net.Conn) { readHello(c); c.Write([]byte("SSH-2.0-x\r\n")) }).Port(),
		serveTLS(t, cfg, respond(message("403 x", "", "no"))).Port(),
		serve(t, hang).Port(),
	}
	p := prober(nil, nil)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if r := p.Probe(ctx, target(ports[i%len(ports)], probes.AnswerAWS)); r.State == probes.Up {
				t.Errorf("%+v", r)
			}
		})
	}
	wg.Wait()
}

// BenchmarkProbe is a healthy probe with both ends in this process: a new
// handshake of both sides, the chain verified twice, and one answer.
func BenchmarkProbe(b *testing.B) {
	root := newAuthority(b, "root")
	middle := root.under(b, certOptions{subject: "middle"})
	cfg := &tls.Config{Certificates: []tls.Certificate{middle.server(b, certOptions{names: []string{testHost}})}, SessionTicketsDisabled: true}
	addr := serveTLS(b, cfg, respond(awsReply))
	p := prober(root.pool(), root.pool())
	b.ReportAllocs()
	for b.Loop() {
		if r := p.Probe(b.Context(), target(addr.Port(), probes.AnswerAWS)); r.State != probes.Up {
			b.Fatalf("%+v", r)
		}
	}
}
