package netpath

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentctl/probes"
)

// serveProxy is a proxy that opens tunnels to one address whatever is asked,
// once the request has the header.
func serveProxy(t *testing.T, to netip.AddrPort, header string, seen func(string)) func(net.Conn) {
	return func(c net.Conn) {
		text := readRequest(c)
		seen(text)
		if !strings.Contains(text, header) {
			io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
			return
		}
		up, err := net.Dial("tcp", to.String())
		if err != nil {
			io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			return
		}
		defer up.Close()
		io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		var wg sync.WaitGroup
		wg.Go(func() { io.Copy(unspliced{up}, c); up.Close() })
		io.Copy(unspliced{c}, up)
		c.Close()
		wg.Wait()
	}
}

// unspliced keeps io.Copy from using pipes that stay open in a pool.
type unspliced struct{ io.Writer }

func TestThroughProxy(t *testing.T) {
	noLeaks(t)
	ca := newAuthority(t, "root")
	srv := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}, respond(awsReply))
	var connect atomic.Value
	seen := func(s string) { connect.Store(s) }
	plain := serve(t, serveProxy(t, srv, "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n", seen)) // user:p@ss
	secureCfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{"proxy.example"}})}}
	secure := serveTLS(t, secureCfg, serveProxy(t, srv, "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n", seen))

	for _, setting := range []string{
		fmt.Sprintf("http://user:p%%40ss@127.0.0.1:%d", plain.Port()),
		fmt.Sprintf("user:p%%40ss@proxy.example:%d", plain.Port()),
		fmt.Sprintf("https://user:p%%40ss@proxy.example:%d/", secure.Port()),
	} {
		t.Run(setting, func(t *testing.T) {
			p := prober(ca.pool(), ca.pool())
			p.Lookup = names{"proxy.example": {netip.MustParseAddr("127.0.0.1")}} // and not the target
			p.Proxy = func(probes.Target) (probes.ProxyURL, string) { return probes.ProxyURL(setting), "a test" }
			r := p.Probe(t.Context(), target(443, probes.AnswerAWS))
			wantUp(t, r)
			want := fmt.Sprintf("CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\nUser-Agent: agentctl/test\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n", testHost, testHost)
			if got := connect.Load(); got != want {
				t.Errorf("%q", got)
			}
			if r.Proxy.Reason != probes.OK || r.Proxy.Status != 200 || len(r.Proxy.Conns) != 1 || r.Proxy.Source != "a test" || len(r.Conns) != 0 {
				t.Errorf("%+v", r.Proxy)
			}
			text, _ := json.Marshal(r)
			if strings.Contains(string(text), "p%40ss") || strings.Contains(string(text), "p@ss") || strings.Contains(string(text), "user") && !strings.Contains(string(text), "user_") {
				t.Errorf("the password is shown: %s", text)
			}
		})
	}
}

func TestProxyFailures(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "root")
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	closed.Close()
	stranger := newAuthority(t, "stranger")
	var asked atomic.Bool
	secure := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{stranger.server(t, certOptions{names: []string{"proxy.example"}})}},
		func(c net.Conn) { asked.Store(readRequest(c) != "") })
	at := func(a netip.AddrPort) string { return "http://user:s3cret@" + a.String() }
	tests := []struct {
		name, setting string
		reason        probes.Reason
		status        int
		attempts      int
	}{
		{"closed", "http://user:s3cret@" + closed.Addr().String(), probes.ProxyUnreachable, 0, 2},
		{"no name", "http://user:s3cret@nowhere.example:3128", probes.ProxyUnreachable, 0, 1},
		{"no URL", "http://user:s3cret@[::1", probes.ProxyUnreachable, 0, 0},
		{"bad port", "http://user:s3cret@127.0.0.1:0", probes.ProxyUnreachable, 0, 0},
		{"SOCKS", "socks5://user:s3cret@127.0.0.1:1080", probes.ProxyUnreachable, 0, 0},
		{"not trusted", fmt.Sprintf("https://user:s3cret@proxy.example:%d", secure.Port()), probes.ProxyUnreachable, 0, 2},
		{"407", at(serve(t, respond("HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n"))), probes.ProxyAuth, 407, 1},
		{"403", at(serve(t, respond("HTTP/1.1 403 x\r\nContent-Length: 46\r\n\r\n<html><head><title>ERROR: no</title></head></html>"))), probes.ProxyDenied, 403, 2},
		{"503", at(serve(t, respond("HTTP/1.1 503 x\r\n\r\n"))), probes.ProxyDenied, 503, 2},
		{"204", at(serve(t, respond("HTTP/1.1 204 x\r\n\r\n"))), probes.ProxyDenied, 204, 2},
		{"silence", at(serve(t, hang)), probes.Timeout, 0, 2},
		{"closes", at(serve(t, func(c net.Conn) { readRequest(c) })), probes.Closed, 0, 2},
		{"resets", at(serve(t, func(c net.Conn) { readRequest(c); reset(c) })), probes.Reset, 0, 2},
		{"not HTTP", at(serve(t, func(c net.Conn) { io.WriteString(c, "SSH-2.0-x\r\n\r\n"); hang(c) })), probes.Malformed, 0, 2},
	}
	results := together(len(tests), func(i int) timed {
		p := prober(ca.pool(), ca.pool())
		p.Lookup = names{"proxy.example": {netip.MustParseAddr("127.0.0.1")}}
		p.Proxy = func(probes.Target) (probes.ProxyURL, string) { return probes.ProxyURL(tests[i].setting), "a test" }
		return p.timed(t, target(443, probes.AnswerAWS))
	})
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := results[i].Result
			if took := results[i].took; took > 13*time.Second {
				t.Errorf("took %v", took)
			}
			wantDown(t, r, probes.PhaseProxy, tt.reason)
			if r.Proxy.Reason != tt.reason || r.Proxy.Status != tt.status || last(t, r).Attempts != tt.attempts {
				t.Errorf("%+v %+v", r.Proxy, last(t, r))
			}
			text, _ := json.Marshal(r)
			if strings.Contains(string(text), "s3cret") {
				t.Errorf("the password is shown: %s", text)
			}
		})
	}
	if asked.Load() {
		t.Error("the password went to a proxy that is not trusted")
	}
}

func TestPlainHTTPThroughProxy(t *testing.T) {
	var got atomic.Value
	addr := serve(t, func(c net.Conn) {
		got.Store(readRequest(c))
		io.WriteString(c, message("407 x", "", ""))
	})
	p := prober(nil, nil)
	p.Proxy = func(probes.Target) (probes.ProxyURL, string) {
		return probes.ProxyURL("http://u:p@" + addr.String()), ""
	}
	tgt := target(80, probes.AnswerS3)
	tgt.URL = "http://repo.example/x?y"
	r := p.Probe(t.Context(), tgt)
	wantDown(t, r, probes.PhaseHTTP, probes.ProxyAuth)
	if s := got.Load().(string); !strings.HasPrefix(s, "GET http://repo.example/x?y HTTP/1.1\r\nHost: repo.example\r\n") || !strings.Contains(s, "Proxy-Authorization: Basic dTpw\r\n") {
		t.Errorf("%q", s)
	}
}

// A server behind the proxy that speaks first must not lose its bytes.
func TestEarlyBytesBehindTunnel(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n220 mail ready\r\n")
		hang(c)
	})
	p := prober(nil, nil)
	p.Proxy = func(probes.Target) (probes.ProxyURL, string) { return probes.ProxyURL("http://" + addr.String()), "" }
	r := p.Probe(t.Context(), target(443, probes.AnswerAWS))
	wantDown(t, r, probes.PhaseTLS, probes.NotAWS)
	if r.TLS.NotTLS != "220 mail ready" {
		t.Errorf("%+v", r.TLS)
	}
}
