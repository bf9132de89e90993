package repos

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"agentctl/probes"
	"agentctl/probes/netpath"
)

// stage is a loopback server that stands for every host, by TLS or without.
type stage struct {
	plain, secure netip.AddrPort
	ca            *x509.CertPool
	root          string // PEM of what is in ca
	mu            sync.Mutex
	seen          []*http.Request
}

// everyone looks any name up, but for those that begin with "no.".
type everyone struct{}

func (everyone) Lookup(_ context.Context, host string, _ probes.Client) probes.NameResult {
	if strings.HasPrefix(host, "no.") {
		return probes.NameResult{Host: host, Reason: probes.NXDomain}
	}
	addr := netip.MustParseAddr("203.0.113.7")
	if strings.HasPrefix(host, "inside.") {
		addr = netip.MustParseAddr("10.1.2.3")
	}
	return probes.NameResult{Host: host, Reason: probes.OK, Addrs: []netip.Addr{addr}}
}

func newStage(t *testing.T, handle http.HandlerFunc) *stage {
	t.Helper()
	s := &stage{ca: x509.NewCertPool()}
	cert, root := selfSigned(t, time.Now().Add(time.Hour))
	s.ca.AddCert(root)
	s.root = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	h := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, req.Clone(context.Background()))
		s.mu.Unlock()
		handle(rw, req)
	})
	s.plain = listen(t, h, nil)
	s.secure = listen(t, h, &tls.Config{Certificates: []tls.Certificate{cert}})
	return s
}

// selfSigned is a certificate for every name that the tests use.
func selfSigned(t *testing.T, until time.Time) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stage"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"*.eu-west-1.aws.ce.redhat.com", "*.example", "*.s3.eu-west-1.amazonaws.com"}}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, root
}

func listen(t *testing.T, h http.Handler, cfg *tls.Config) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return addr
}

// prober sends everything to the stage: 443 to its TLS side.
func (s *stage) prober() *netpath.Prober {
	return &netpath.Prober{Lookup: everyone{}, Trust: func(probes.Client) *x509.CertPool { return s.ca }, UserAgent: "test",
		Dial: func(ctx context.Context, a netip.AddrPort, o netpath.DialOptions) (net.Conn, probes.Conn) {
			to := s.plain
			switch a.Port() {
			case 443:
				to = s.secure
			case 9:
				return nil, probes.Conn{Addr: a, Reason: probes.Refused, Attempts: 1}
			}
			c, info := netpath.DialTCP(ctx, to, o)
			info.Addr = a
			return c, info
		}}
}

func (s *stage) requests(host string) []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*http.Request
	for _, r := range s.seen {
		if r.Host == host {
			out = append(out, r)
		}
	}
	return out
}

func goodRepomd(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, repomdText) }
