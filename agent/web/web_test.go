package web

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"agentctl/agent/config"
	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
)

// daemon is a Source that tests set.
type daemon struct {
	alive, ready bool
	report       *report.Report
}

func (d *daemon) Alive() bool { return d.alive }
func (d *daemon) Ready() bool { return d.ready }
func (d *daemon) Report(do func(*report.Report, *history.History)) {
	do(d.report, history.New())
}

func serve(t *testing.T, d *daemon, w config.Web) (*Server, string) {
	t.Helper()
	text := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
	}
	s := New(Options{Source: d, Metrics: text("metrics"), Page: text("page"), Log: slog.New(slog.DiscardHandler)})
	if err := s.Apply(w); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, s.Addresses()[0].String()
}

func get(t *testing.T, address, path, host string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	res, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func TestPaths(t *testing.T) {
	good := &daemon{alive: true, ready: true, report: &report.Report{Schema: report.Schema, Verdict: report.Verdict{State: diagnosis.Ready}}}
	fresh := &daemon{alive: true}
	dead := &daemon{ready: true, report: good.report}
	loopback := config.Web{Listen: []string{"127.0.0.1:0"}, Expose: "metrics"}
	outside := config.Web{Listen: []string{"0.0.0.0:0"}, Expose: "metrics"}
	all := config.Web{Listen: []string{"0.0.0.0:0"}, Expose: "all"}
	for _, c := range []struct {
		name   string
		d      *daemon
		web    config.Web
		path   string
		host   string
		status int
		body   string
	}{
		{"metrics", good, loopback, "/metrics", "", 200, "metrics"},
		{"page", good, loopback, "/", "", 200, "page"},
		{"report", good, loopback, "/api/v1/report", "", 200, `"agentctl/report/v1"`},
		{"alive", good, loopback, "/-/healthy", "", 200, "alive"},
		{"ready", good, loopback, "/-/ready", "", 200, "ready"},
		{"nothing else", good, loopback, "/probe?target=x", "", 404, ""},
		{"a dead loop", dead, loopback, "/-/healthy", "", 503, "does not turn"},
		{"before the first round", fresh, loopback, "/-/ready", "", 503, "under way"},
		{"no report yet", fresh, loopback, "/api/v1/report", "", 503, "under way"},
		{"another name on loopback", good, loopback, "/api/v1/report", "evil.example:9855", 421, "localhost"},
		{"the page under another name", good, loopback, "/", "evil.example", 421, "localhost"},
		{"localhost", good, loopback, "/", "localhost:1234", 200, "page"},
		{"localhost in capitals", good, loopback, "/", "LOCALHOST:1234", 200, "page"},
		{"IPv6 loopback's name", good, loopback, "/", "[::1]:9855", 200, "page"},
		{"metrics under any name", good, loopback, "/metrics", "node.example", 200, "metrics"},
		{"metrics outside", good, outside, "/metrics", "", 200, "metrics"},
		{"health outside", good, outside, "/-/healthy", "", 200, "alive"},
		{"no page outside", good, outside, "/", "", 404, "web.expose: all"},
		{"no report outside", good, outside, "/api/v1/report", "", 404, ""},
		{"all outside", good, all, "/api/v1/report", "host.example", 200, "report/v1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, address := serve(t, c.d, c.web)
			if _, port, _ := net.SplitHostPort(address); strings.HasPrefix(address, "[::]") {
				address = "127.0.0.1:" + port
			}
			status, body := get(t, address, c.path, c.host)
			if status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%d %q, want %d with %q", status, body, c.status, c.body)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	_, address := serve(t, &daemon{alive: true}, config.Web{Listen: []string{"127.0.0.1:0"}})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, "TRACE"} {
		req, _ := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/metrics", strings.NewReader("x"))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, res.StatusCode)
		}
	}
}

// A change of the configuration opens and closes listeners, or changes nothing.
func TestApply(t *testing.T) {
	s, first := serve(t, &daemon{alive: true}, config.Web{Listen: []string{"127.0.0.1:0"}})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	if err := s.Apply(config.Web{Listen: []string{"127.0.0.1:0", taken.Addr().String()}}); err == nil || !strings.Contains(err.Error(), "listen on "+taken.Addr().String()) {
		t.Errorf("a taken address: %v", err)
	}
	if status, _ := get(t, first, "/-/healthy", ""); status != 200 {
		t.Errorf("after a failed change: %d", status)
	}
	if err := s.Apply(config.Web{Listen: []string{"127.0.0.1:0"}, ConfigFile: "/does/not/exist.yml"}); err == nil {
		t.Error("a web configuration that is not there is taken")
	}
	if err := s.Apply(config.Web{Listen: []string{"127.0.0.1:0", "localhost:0"}}); err != nil {
		t.Fatal(err)
	}
	if got := s.Addresses(); len(got) != 2 || got[0].String() != first {
		t.Errorf("listening on %v; the first was %s", got, first)
	}
	if err := s.Apply(config.Web{}); err != nil || len(s.Addresses()) != 0 {
		t.Errorf("no listeners: %v, %v", err, s.Addresses())
	}
}

// certificate makes a key pair of its own for a test.
func certificate(t *testing.T, dir string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	leaf, _ := x509.ParseCertificate(der)
	pool.AddCert(leaf)
	return cert, key, pool
}

// TLS and basic auth come by an exporter-toolkit file, on every listener.
func TestTLSAndAuth(t *testing.T) {
	dir := t.TempDir()
	cert, key, pool := certificate(t, dir)
	file := filepath.Join(dir, "web.yml")
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("tls_server_config:\n  cert_file: %s\n  key_file: %s\nbasic_auth_users:\n  prometheus: %s\n", cert, key, hash)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := serve(t, &daemon{alive: true}, config.Web{Listen: []string{"127.0.0.1:0", "localhost:0"}, ConfigFile: file})
	for _, a := range s.Addresses() {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}}}
		res, err := client.Get("https://" + a.String() + "/metrics")
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d without a password", a, res.StatusCode)
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+a.String()+"/metrics", nil)
		req.SetBasicAuth("prometheus", "secret")
		if res, err = client.Do(req); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: with the password %v, %v", a, res, err)
		} else {
			_ = res.Body.Close()
		}
		if res, err := http.Get("http://" + a.String() + "/metrics"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				t.Errorf("%s answers plain HTTP", a)
			}
		}
		client.CloseIdleConnections()
	}
}

// Clients that send a byte now and then, headers of 10 MB, bad TLS and hundreds of
// scrapes at once cost a bounded amount, and others are still answered.
func TestHostileClients(t *testing.T) {
	_, address := serve(t, &daemon{alive: true}, config.Web{Listen: []string{"127.0.0.1:0"}})
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithCancel(t.Context())
	var hostile sync.WaitGroup
	dial := func(talk func(net.Conn)) {
		hostile.Go(func() {
			c, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer func() { _ = c.Close() }()
			stop := context.AfterFunc(ctx, func() { _ = c.Close() })
			defer stop()
			talk(c)
		})
	}
	for range 20 {
		dial(func(c net.Conn) { // slow loris
			for _, b := range []byte("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ") {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				select {
				case <-time.After(50 * time.Millisecond):
				case <-ctx.Done():
					return
				}
			}
		})
		dial(func(c net.Conn) { // a header without end
			_, _ = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ")
			chunk := bytes.Repeat([]byte("x"), 64<<10)
			for range 160 {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		})
		dial(func(c net.Conn) { _, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}) }) // TLS where there is none
	}
	var good, bad atomic.Int32
	var scrapes sync.WaitGroup
	transport := &http.Transport{DisableKeepAlives: true}
	for range 500 {
		scrapes.Go(func() {
			res, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get("http://" + address + "/metrics")
			if err != nil {
				bad.Add(1)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			good.Add(1)
		})
	}
	scrapes.Wait()
	var during runtime.MemStats
	runtime.ReadMemStats(&during)
	cancel()
	hostile.Wait()
	if good.Load() != 500 {
		t.Errorf("%d of 500 scrapes were answered, %d failed", good.Load(), bad.Load())
	}
	if grown := int64(during.HeapInuse) - int64(before.HeapInuse); grown > 48<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// TestApplySamePort: a port moves to another address, and comes back where the
// change cannot be made as a whole.
func TestApplySamePort(t *testing.T) {
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)
	s, _ := serve(t, &daemon{alive: true}, config.Web{Listen: []string{address}, Expose: "metrics"})
	if err := s.Apply(config.Web{Listen: []string{address, busy.Addr().String()}, Expose: "all"}); err == nil {
		t.Error("a port that is taken was opened")
	}
	if status, _ := get(t, address, "/-/healthy", ""); status != http.StatusOK {
		t.Errorf("after a change that failed: %d", status)
	}
	if err := s.Apply(config.Web{Listen: []string{"0.0.0.0:" + port}, Expose: "metrics"}); err != nil {
		t.Error(err)
	}
	if status, _ := get(t, address, "/-/healthy", ""); status != http.StatusOK {
		t.Errorf("on all addresses: %d", status)
	}
}
