package netpath

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"agentctl/probes"
)

// fetcher looks both test names up as loopback.
func fetcher(trust *x509.CertPool) *Prober {
	p := prober(trust, nil)
	p.Lookup = names{testHost: {netip.MustParseAddr("127.0.0.1")}, "other.example": {netip.MustParseAddr("127.0.0.1")}}
	return p
}

func document(address string) FetchRequest {
	return FetchRequest{Target: probes.Target{URL: address, Client: probes.ClientScript, Answer: probes.AnswerRepo}, Limit: 1000}
}

func TestFetchRedirects(t *testing.T) {
	var mu sync.Mutex
	var heads []string
	addr := serve(t, func(c net.Conn) {
		head := readRequest(c)
		mu.Lock()
		heads = append(heads, head)
		mu.Unlock()
		var n int
		if _, err := fmt.Sscanf(head, "GET /%d", &n); err != nil || n == 0 {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
			return
		}
		host := testHost
		if n == 1 {
			host = "other.example"
		}
		fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: http://u:p@%s:%d/%d#x\r\nContent-Length: 0\r\n\r\n", host, c.LocalAddr().(*net.TCPAddr).Port, n-1)
	})
	at := func(n int) string { return fmt.Sprintf("http://%s:%d/%d?token=x&repo=y", testHost, addr.Port(), n) }
	for n, want := range map[int]probes.Reason{0: probes.OK, 2: probes.OK, 6: probes.OK, 7: probes.Redirect} {
		r := fetcher(nil).Fetch(t.Context(), document(at(n)))
		if r.Reason != want || want == probes.OK && (string(r.Body) != "done" || len(r.Hops) != n) || r.Result.State == probes.Up != (want == probes.OK) {
			t.Errorf("%d redirects: %s %q, %d hops, %s", n, r.Reason, r.Body, len(r.Hops), r.Result.State)
		}
		for _, h := range r.Hops {
			if strings.Contains(h.URL, "@") || strings.Contains(h.URL, "token=x") {
				t.Errorf("a hop shows %s", h.URL)
			}
		}
	}
	heads = nil
	req := document(at(2))
	req.User, req.Password, req.Header = "user", "pass", http.Header{"X-Own": {"a\r\nX-More: b"}}
	req.Redirects = 5
	fetcher(nil).Fetch(t.Context(), req)
	for i, h := range heads {
		first := strings.Contains(h, "Host: "+testHost)
		if strings.Contains(h, "Authorization: Basic dXNlcjpwYXNz\r\n") != first || strings.Contains(h, "X-Own: aX-More: b\r\n") != first {
			t.Errorf("request %d:\n%s", i, h)
		}
	}
	req.Redirects = -1
	if r := fetcher(nil).Fetch(t.Context(), req); r.Reason != probes.Redirect || r.Status != 302 {
		t.Errorf("not followed: %s %d", r.Reason, r.Status)
	}
}

func TestFetchHeaderTo(t *testing.T) {
	var seen []string
	addr := serve(t, func(c net.Conn) {
		seen = append(seen, readRequest(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	req := document(fmt.Sprintf("http://%s:%d/", testHost, addr.Port()))
	req.Header, req.HeaderTo = http.Header{"X-Id": {"secret"}}, func(u *url.URL) bool { return u.Scheme == "https" }
	fetcher(nil).Fetch(t.Context(), req)
	if len(seen) != 1 || strings.Contains(seen[0], "secret") {
		t.Errorf("%q", seen)
	}
}

func TestFetchTLS(t *testing.T) {
	ca, stranger := newAuthority(t, "CA"), newAuthority(t, "stranger")
	old, good := certOptions{names: []string{testHost}, to: time.Now().Add(-time.Minute)}, certOptions{names: []string{testHost}}
	client := ca.server(t, certOptions{names: []string{"client"}})
	ok := respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	offer := func(o certOptions, auth tls.ClientAuthType) uint16 {
		return serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.server(t, o)}, ClientAuth: auth}, ok).Port()
	}
	plain, expired, demanding := offer(good, tls.NoClientCert), offer(old, tls.NoClientCert), offer(good, tls.RequireAnyClientCert)
	tests := []struct {
		name   string
		port   uint16
		host   string
		change func(*FetchRequest)
		want   probes.Reason
	}{
		{"trusted", plain, testHost, func(*FetchRequest) {}, probes.OK},
		{"own authority", plain, testHost, func(r *FetchRequest) { r.Roots = stranger.pool() }, probes.UntrustedIssuer},
		{"not verified", plain, testHost, func(r *FetchRequest) { r.Roots, r.Insecure = stranger.pool(), true }, probes.OK},
		{"another name", plain, "other.example", func(*FetchRequest) {}, probes.NameMismatch},
		{"any name", plain, "other.example", func(r *FetchRequest) { r.AnyName = true }, probes.OK},
		{"any name, unknown authority", plain, "other.example", func(r *FetchRequest) { r.AnyName, r.Roots = true, stranger.pool() }, probes.UntrustedIssuer},
		{"expired", expired, testHost, func(r *FetchRequest) { r.AnyName = true }, probes.Expired},
		{"expired under any name", expired, "other.example", func(r *FetchRequest) { r.AnyName = true }, probes.NameMismatch},
		{"client certificate", demanding, testHost, func(r *FetchRequest) { r.Certificate = &client }, probes.OK},
	}
	for _, tt := range tests {
		req := document(fmt.Sprintf("https://%s:%d/", tt.host, tt.port))
		tt.change(&req)
		r := fetcher(ca.pool()).Fetch(t.Context(), req)
		if r.Reason != tt.want || tt.want == probes.OK && string(r.Body) != "ok" {
			t.Errorf("%s: %s (%s)", tt.name, r.Reason, r.Detail)
		}
		if tt.want != probes.OK && (r.Status != 0 || len(r.Result.TLS.Chain) == 0) {
			t.Errorf("%s: status %d, TLS %+v", tt.name, r.Status, r.Result.TLS)
		}
	}
	req := document(fmt.Sprintf("https://%s:%d/", testHost, demanding))
	if r := fetcher(ca.pool()).Fetch(t.Context(), req); r.Reason != probes.TLSAlert {
		t.Errorf("no certificate where one is wanted: %s (%s)", r.Reason, r.Detail)
	}
}

func TestFetchBodies(t *testing.T) {
	noLeaks(t)
	long := strings.Repeat("x", 5000)
	answers := []struct {
		name, text string
		want       probes.Reason
		cut        bool
	}{
		{"plain", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", probes.OK, false},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", probes.OK, false},
		{"to the end of the connection", "HTTP/1.1 200 OK\r\n\r\nok", probes.OK, false},
		{"longer than the limit", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + long, probes.OK, true},
		{"broken off", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nok", probes.Closed, true},
		{"a broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok", probes.Malformed, false},
		{"no HTTP", "hello\n\n", probes.Malformed, false},
		{"an endless header", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 20000), probes.Malformed, false},
		{"nothing", "", probes.Closed, false},
		{"teapot", "HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n", probes.BadContent, false},
		{"to nowhere", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", probes.Redirect, false},
		{"to another scheme", "HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\nContent-Length: 0\r\n\r\n", probes.Redirect, false},
	}
	together(len(answers), func(i int) bool {
		a := answers[i]
		addr := serve(t, respond(a.text))
		r := fetcher(nil).Fetch(t.Context(), document(fmt.Sprintf("http://%s:%d/", testHost, addr.Port())))
		if r.Reason != a.want || r.Cut != a.cut || int64(len(r.Body)) > 1000 {
			t.Errorf("%s: %s (%s), cut %v, %d bytes", a.name, r.Reason, r.Detail, r.Cut, len(r.Body))
		}
		return true
	})
}

func TestShowURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://u:p@h/x":                     "https://h/x",
		"https://h/x?repo=epel-9&arch=x86_64": "https://h/x?repo=epel-9&arch=x86_64",
		"https://h/x?key=abc&repo=y&secret":   "https://h/x?key=***&repo=y&***",
		"https://u:p@a{b/":                    "https://***@a{b/",
	} {
		if got := ShowURL(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestSecrets(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "repo=epel-9&arch=x86_64": "", "dlauth=abc&repo=x&v=d": "abc d", "exp=1~hmac=2": "1~hmac=2", "bare": "bare", "empty=": "",
	} {
		if got := strings.Join(Secrets(query), " "); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}
