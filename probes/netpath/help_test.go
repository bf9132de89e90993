package netpath

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentctl/probes"
)

// authority is a certificate authority of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	up   []*x509.Certificate // issuers that a server sends along
}

var serial = struct {
	sync.Mutex
	n int64
}{n: 1}

type certOptions struct {
	names    []string
	from, to time.Time
	ca       bool
	subject  string
}

func (a *authority) issue(t testing.TB, o certOptions) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial.Lock()
	serial.n++
	n := serial.n
	serial.Unlock()
	if o.from.IsZero() {
		o.from = time.Now().Add(-time.Hour)
	}
	if o.to.IsZero() {
		o.to = time.Now().Add(24 * time.Hour)
	}
	if o.subject == "" {
		o.subject = "leaf"
	}
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: o.subject},
		NotBefore: o.from, NotAfter: o.to, DNSNames: o.names,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if o.ca {
		tpl.IsCA, tpl.KeyUsage, tpl.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	}
	parent, signer := tpl, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func newAuthority(t testing.TB, name string) *authority {
	cert, key := (*authority)(nil).issue(t, certOptions{ca: true, subject: name,
		from: time.Now().Add(-20 * 365 * 24 * time.Hour), to: time.Now().Add(20 * 365 * 24 * time.Hour)})
	return &authority{cert: cert, key: key}
}

// under makes an intermediate.
func (a *authority) under(t testing.TB, o certOptions) *authority {
	o.ca = true
	cert, key := a.issue(t, o)
	return &authority{cert: cert, key: key, up: append([]*x509.Certificate{cert}, a.up...)}
}

// cross is the other authority with a certificate that a has signed.
func (a *authority) cross(t testing.TB, other *authority) *authority {
	tpl := *other.cert
	tpl.SerialNumber = big.NewInt(99)
	der, err := x509.CreateCertificate(rand.Reader, &tpl, a.cert, &other.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, key: other.key, up: []*x509.Certificate{cert}}
}

func (a *authority) server(t testing.TB, o certOptions) tls.Certificate {
	cert, key := a.issue(t, o)
	out := tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	for _, c := range a.up {
		out.Certificate = append(out.Certificate, c.Raw)
	}
	return out
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	if a != nil {
		p.AddCert(a.cert)
	}
	return p
}

// serve runs handle for every connection to a loopback listener until the test
// ends, and waits for all of them.
func serve(t testing.TB, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	return serveOn(t, "127.0.0.1:0", handle)
}

func serveOn(t testing.TB, addr string, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer func() {
					c.Close()
					mu.Lock()
					delete(open, c)
					mu.Unlock()
				}()
				handle(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// serveTLS answers every request over TLS with the given text.
func serveTLS(t testing.TB, cfg *tls.Config, answer func(net.Conn)) netip.AddrPort {
	return serve(t, func(c net.Conn) {
		s := tls.Server(c, cfg)
		if s.Handshake() == nil {
			answer(s)
			s.Close()
		}
	})
}

// respond reads a request's header and writes the text.
func respond(text string) func(net.Conn) {
	return func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, text)
	}
}

func readRequest(c net.Conn) string {
	var b [1]byte
	var all strings.Builder
	for !strings.HasSuffix(all.String(), "\r\n\r\n") && all.Len() < 8<<10 {
		if _, err := c.Read(b[:]); err != nil {
			break
		}
		all.WriteByte(b[0])
	}
	return all.String()
}

const awsReply = "HTTP/1.1 404 Not Found\r\nx-amzn-RequestId: abc-1\r\nDate: Mon, 02 Jan 2034 15:04:05 GMT\r\nContent-Length: 29\r\n\r\n<UnknownOperationException/>\n"

// names answers lookups from a map.
type names map[string][]netip.Addr

func (n names) Lookup(_ context.Context, host string, _ probes.Client) probes.NameResult {
	r := probes.NameResult{Host: host, Reason: probes.OK, Addrs: n[host]}
	if r.Addrs == nil {
		r.Reason = probes.NXDomain
	}
	return r
}

const testHost = "ssm.test.example"

// prober looks testHost up as loopback, and trusts what it is given.
func prober(trust, service *x509.CertPool) *Prober {
	return &Prober{
		Lookup:       names{testHost: {netip.MustParseAddr("127.0.0.1")}},
		Trust:        func(probes.Client) *x509.CertPool { return trust },
		ServiceRoots: service,
		UserAgent:    "agentctl/test",
	}
}

func target(port uint16, answer probes.Answer) probes.Target {
	return probes.Target{Name: "t", URL: fmt.Sprintf("https://%s:%d/", testHost, port), Answer: answer, Client: probes.ClientAgent, AWS: true}
}

func last(t testing.TB, r probes.Result) probes.Step {
	t.Helper()
	if len(r.Steps) == 0 {
		t.Fatal("no step")
	}
	return r.Steps[len(r.Steps)-1]
}

// wantDown checks the step that stopped a probe.
func wantDown(t testing.TB, r probes.Result, phase probes.Phase, reason probes.Reason) {
	t.Helper()
	s, ok := r.Failed()
	if !ok || r.State != probes.Down || s.Phase != phase || s.Reason != reason {
		t.Errorf("state %s, failed step %+v; want %s down by %s\nTLS %+v\nHTTP %+v", r.State, s, phase, reason, r.TLS, r.HTTP)
	}
	if l := last(t, r); l.Phase != phase {
		t.Errorf("a step follows the one that failed: %+v", l)
	}
}

func wantUp(t testing.TB, r probes.Result) {
	t.Helper()
	if r.State != probes.Up {
		t.Errorf("state %s: steps %+v\nTLS %+v\nHTTP %+v", r.State, r.Steps, r.TLS, r.HTTP)
	}
}

// together runs f for every index at the same time: probes that wait for a
// hostile server need no processor.
func together[T any](n int, f func(i int) T) []T {
	out := make([]T, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { out[i] = f(i) })
	}
	wg.Wait()
	return out
}

// timed is a result, how long the probe took, and how often it called Late.
type timed struct {
	probes.Result
	took time.Duration
	late int32
}

func (p *Prober) timed(t testing.TB, tgt probes.Target) timed {
	var late atomic.Int32
	p.Late = func() { late.Add(1) }
	begin := time.Now()
	r := p.Probe(t.Context(), tgt)
	return timed{r, time.Since(begin), late.Load()}
}

// noLeaks fails the test where goroutines or descriptors are left at its end.
func noLeaks(t testing.TB) {
	t.Helper()
	before, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		var now, open int
		for range 100 {
			now, open = runtime.NumGoroutine(), openFiles()
			if now <= before && open <= files {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		buf := make([]byte, 64<<10)
		t.Errorf("goroutines %d -> %d, descriptors %d -> %d\n%s", before, now, files, open, buf[:runtime.Stack(buf, true)])
	})
}

func openFiles() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(d)
}
