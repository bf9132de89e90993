package netpath

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"agentctl/probes"
)

// script is a connection whose far side has said all it will say.
type script struct {
	net.Conn // nil: no other method may be called
	r        *bytes.Reader
}

func (s *script) Read(b []byte) (int, error)       { return s.r.Read(b) }
func (s *script) Write(b []byte) (int, error)      { return len(b), nil }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

func checkText(t *testing.T, limit int, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if len(s) > limit || !utf8.ValidString(s) || printable(s, limit) != s {
			t.Errorf("not fit for a report: %q", s)
		}
	}
}

func FuzzHTTPAnswer(f *testing.F) {
	for _, s := range []string{awsReply, "", "HTTP/1.1 200 OK\r\n\r\n<html><TITLE>x</title>", "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 403 x\r\nContent-Length: 60\r\n\r\n<Error><Code>AccessDenied</Code><RequestId>1</RequestId></Error>",
		"HTTP/1.1 400 x\r\nContent-Length: 20\r\n\r\n{\"__type\":\"a#b:c\"}  ", "HTTP/1.0 407 \r\nLocation: http://u:p@x/?y\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n\r\n", "SSH-2.0\r\n"} {
		f.Add([]byte(s))
	}
	kinds := []probes.Answer{probes.AnswerAWS, probes.AnswerS3, probes.AnswerS3Object}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, kind := range kinds {
			r := &probe{Prober: &Prober{}, target: probes.Target{URL: "https://a.example/", Answer: kind}, res: &probes.Result{}}
			r.parse()
			h, detail := r.request(t.Context(), &link{conn: &script{r: bytes.NewReader(in)}, genuine: true})
			if !slices.Contains(probes.Reasons(), h.Reason) {
				t.Errorf("reason %q", h.Reason)
			}
			if h.Reason == probes.OK && !h.AWSShaped {
				t.Errorf("accepted without a mark of AWS: %+v", h)
			}
			if h.Bytes > maxBody {
				t.Errorf("%d bytes", h.Bytes)
			}
			checkText(t, 400, h.Server, h.RequestID, h.ContentType, h.Code, h.Title, h.Snippet, detail)
		}
		// The same bytes as a proxy's answer to CONNECT.
		r := &probe{Prober: &Prober{}, host: "a.example", port: 443}
		if c := r.connectMethod(t.Context(), &script{r: bytes.NewReader(in)}, proxyWay{}, time.Now().Add(time.Second)); (c.conn != nil) != (c.reason == probes.OK) {
			t.Errorf("%+v", c)
		}
	})
}

// FuzzTLSAnswer gives a server's bytes to the handshake.
func FuzzTLSAnswer(f *testing.F) {
	ca := newAuthority(f, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(f, certOptions{names: []string{testHost}})}, MaxVersion: tls.VersionTLS12}
	f.Add(record(cfg))
	cfg.MaxVersion = tls.VersionTLS13
	f.Add(record(cfg))
	for _, s := range []string{"", "HTTP/1.1 400 x\r\n\r\n", "\x15\x03\x03\x00\x02\x02\x46", "\x16\x03\x03\x00\x04\x0b\xff\xff\xff", "\x16\x03\x01\x00\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := &probe{Prober: prober(ca.pool(), ca.pool()), res: &probes.Result{}}
		c, facts := r.handshake(t.Context(), &script{r: bytes.NewReader(in)}, testHost, hello{}, time.Time{})
		if c != nil || facts.Reason == probes.OK {
			t.Error("a recording completed a handshake")
		}
		if !slices.Contains(probes.Reasons(), facts.Reason) {
			t.Errorf("reason %q", facts.Reason)
		}
		if len(facts.Chain) > maxChain {
			t.Errorf("%d certificates", len(facts.Chain))
		}
		checkText(t, 300, facts.Error, facts.NotTLS)
		for _, c := range facts.Chain {
			checkText(t, maxNameLen, c.Subject, c.Issuer)
			checkText(t, maxNameLen, c.Names...)
		}
	})
}

// record returns what a server says in a handshake, up to where it needs more
// than the hello.
func record(cfg *tls.Config) []byte {
	client, server := net.Pipe()
	var said bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := tls.Server(server, cfg)
		s.SetDeadline(time.Now().Add(time.Second))
		s.Handshake()
		server.Close()
	}()
	tls.Client(tee{client, &said}, &tls.Config{InsecureSkipVerify: true}).Handshake()
	client.Close()
	<-done
	return said.Bytes()
}

type tee struct {
	net.Conn
	w io.Writer
}

func (c tee) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.w.Write(b[:n])
	return n, err
}
