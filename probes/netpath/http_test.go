package netpath

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentctl/probes"
)

const (
	s3Head  = "x-amz-request-id: R1\r\nx-amz-id-2: I2\r\nServer: AmazonS3\r\n"
	s3Error = "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>m</Message><RequestId>R1</RequestId></Error>"
)

func message(status, head, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, head, len(body), body)
}

func TestAnswerJudged(t *testing.T) {
	page := "<!DOCTYPE html><html><head><title>Access\n &amp; more\x1b</title></head></html>"
	denied := fmt.Sprintf(s3Error, "AccessDenied")
	tests := []struct {
		name    string
		want    probes.Answer
		genuine bool
		text    string
		reason  probes.Reason
		code    string
	}{
		{"API front end", probes.AnswerAWS, true, awsReply, probes.OK, "UnknownOperationException"},
		{"API by its body alone", probes.AnswerAWS, false, message("404 x", "", "<UnknownOperationException/>"), probes.OK, "UnknownOperationException"},
		{"API, JSON error", probes.AnswerAWS, false, message("400 x", "", `{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"m"}`), probes.OK, "MissingAuthenticationTokenException"},
		{"API, error header", probes.AnswerAWS, false, message("403 x", "x-amzn-RequestId: 1\r\nx-amzn-ErrorType: AccessDeniedException:http://x/\r\n", "{}"), probes.OK, "AccessDeniedException"},
		{"API throttles", probes.AnswerAWS, false, message("400 x", "", `{"__type":"ThrottlingException"}`), probes.Throttled, "ThrottlingException"},
		{"API 429", probes.AnswerAWS, false, message("429 x", "x-amzn-RequestId: 1\r\n", ""), probes.Throttled, ""},
		{"API fails", probes.AnswerAWS, false, message("500 x", "x-amzn-RequestId: 1\r\n", ""), probes.ServerError, ""},
		{"5xx, plain, genuine", probes.AnswerAWS, true, message("503 x", "", "busy"), probes.ServerError, ""},
		{"5xx, plain, not genuine", probes.AnswerAWS, false, message("503 x", "", "busy"), probes.NotAWS, ""},
		{"5xx, page", probes.AnswerAWS, true, message("503 x", "", page), probes.ServerError, ""},
		{"block page with 200", probes.AnswerAWS, false, message("200 OK", "Content-Type: text/html\r\n", page), probes.NotAWS, ""},
		{"captive portal", probes.AnswerS3, false, message("302 Found", "Location: http://login.example/?token=s3cret\r\n", ""), probes.NotAWS, ""},
		{"S3 denies an unsigned request", probes.AnswerS3, true, message("403 x", s3Head, denied), probes.OK, "AccessDenied"},
		{"S3 redirects", probes.AnswerS3, true, message("307 x", s3Head+"Location: https://s3.x/\r\n", ""), probes.OK, ""},
		{"S3 by its body alone", probes.AnswerS3, false, message("404 x", "", fmt.Sprintf(s3Error, "NoSuchBucket")), probes.OK, "NoSuchBucket"},
		{"S3 slows down", probes.AnswerS3, true, message("503 x", s3Head, fmt.Sprintf(s3Error, "SlowDown")), probes.Throttled, "SlowDown"},
		{"someone else's XML", probes.AnswerS3, false, message("403 x", "", "<Error><Code>403</Code></Error>"), probes.NotAWS, "403"},
		{"object", probes.AnswerS3Object, true, message("206 x", s3Head, "3.3.1"), probes.OK, ""},
		{"object, whole", probes.AnswerS3Object, true, message("200 x", s3Head, "3.3.1"), probes.OK, ""},
		{"object, empty", probes.AnswerS3Object, true, message("416 x", s3Head, fmt.Sprintf(s3Error, "InvalidRange")), probes.OK, "InvalidRange"},
		{"object denied", probes.AnswerS3Object, true, message("403 x", s3Head, denied), probes.AccessDenied, "AccessDenied"},
		{"object, denied by a proxy", probes.AnswerS3Object, false, message("403 x", "", "no"), probes.NotAWS, ""},
		{"object missing", probes.AnswerS3Object, true, message("404 x", s3Head, fmt.Sprintf(s3Error, "NoSuchKey")), probes.NotFound, "NoSuchKey"},
		{"object elsewhere", probes.AnswerS3Object, true, message("301 x", s3Head, ""), probes.Redirect, ""},
		{"object, 400", probes.AnswerS3Object, true, message("400 x", s3Head, ""), probes.BadContent, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			go func() { io.WriteString(server, tt.text); server.Close() }()
			a, err := readAnswer(client, time.Now(), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			f := &probes.HTTP{}
			describeAnswer(f, a)
			judgeAnswer(f, tt.want, tt.genuine)
			if f.Reason != tt.reason || f.Code != tt.code {
				t.Errorf("%+v", f)
			}
			if f.HTML && f.Title != "" && f.Title != "Access & more." {
				t.Errorf("title %q", f.Title)
			}
			if strings.Contains(f.Location, "s3cret") {
				t.Error("the location's query is shown")
			}
		})
	}
}

func TestHTTPFailures(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	tests := []struct {
		name   string
		answer func(net.Conn)
		reason probes.Reason
		within time.Duration
	}{
		{"silence", hang, probes.Timeout, 13 * time.Second},
		{"reset", func(c net.Conn) { readRequest(c); reset(c.(*tls.Conn).NetConn()) }, probes.Reset, 6 * time.Second},
		{"close", func(c net.Conn) { readRequest(c) }, probes.Closed, 6 * time.Second},
		{"close in the header", respond("HTTP/1.1 200 OK\r\nServ"), probes.Closed, 6 * time.Second},
		{"HTTP/0.9", respond("<html>hello</html>\n"), probes.Malformed, 6 * time.Second},
		{"garbage", respond("\x00\xff\xfe\r\n\r\n"), probes.Malformed, 6 * time.Second},
		{"a header of 10 MB", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			junk := strings.Repeat("a", 64<<10)
			for range 160 {
				if _, err := io.WriteString(c, junk); err != nil {
					return
				}
			}
		}, probes.Malformed, 6 * time.Second},
		{"interim answers without end", func(c net.Conn) {
			readRequest(c)
			for range 10000 {
				if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
					return
				}
			}
		}, probes.NotAWS, 6 * time.Second},
		{"header in drips", func(c net.Conn) {
			readRequest(c)
			for _, b := range []byte("HTTP/1.1 200 OK\r\nServer: as slow as can be and slower still") {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		}, probes.Timeout, 13 * time.Second},
		{"not AWS", respond(message("200 OK", "", "hello")), probes.NotAWS, 6 * time.Second},
		{"fails", respond(message("500 x", "x-amzn-RequestId: 1\r\n", "")), probes.ServerError, 6 * time.Second},
	}
	results := together(len(tests), func(i int) timed {
		addr := serveTLS(t, cfg, tests[i].answer)
		return prober(ca.pool(), ca.pool()).timed(t, target(addr.Port(), probes.AnswerAWS))
	})
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := results[i].Result
			if took := results[i].took; took > tt.within {
				t.Errorf("took %v", took)
			}
			wantDown(t, r, probes.PhaseHTTP, tt.reason)
			if last(t, r).Attempts != 2 {
				t.Error("not confirmed")
			}
		})
	}
}

// What a body does costs at most a second and 16 KiB, and fails nothing.
func TestHostileBodies(t *testing.T) {
	ca := newAuthority(t, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	tests := []struct {
		name, head string
		chunk      string
		pause      time.Duration
	}{
		{"without end", "", strings.Repeat("a", 8<<10), 0},
		{"chunks without end", "Transfer-Encoding: chunked\r\n", "1000\r\n" + strings.Repeat("a", 0x1000) + "\r\n", 0},
		{"in drips", "Content-Length: 100000\r\n", "a", 100 * time.Millisecond},
		{"compressed", "Content-Encoding: gzip\r\n", strings.Repeat("\x1f\x8b", 4<<10), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := serveTLS(t, cfg, func(c net.Conn) {
				readRequest(c)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nx-amzn-RequestId: 1\r\n"+tt.head+"\r\n")
				for {
					if _, err := io.WriteString(c, tt.chunk); err != nil {
						return
					}
					time.Sleep(tt.pause)
				}
			})
			begin := time.Now()
			r := prober(ca.pool(), ca.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerAWS))
			wantUp(t, r)
			if took := time.Since(begin); took > 4*time.Second || r.HTTP.Bytes > maxBody {
				t.Errorf("took %v, read %d bytes", took, r.HTTP.Bytes)
			}
		})
	}
}

func TestSecondRequestCounts(t *testing.T) {
	ca := newAuthority(t, "root")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	var n atomic.Int32
	addr := serveTLS(t, cfg, func(c net.Conn) {
		if n.Add(1) == 1 {
			respond(message("503 x", s3Head, ""))(c)
			return
		}
		respond(message("206 x", s3Head, "3.3"))(c)
	})
	r := prober(ca.pool(), ca.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerS3Object))
	wantUp(t, r)
	if s := last(t, r); s.Attempts != 2 || r.HTTP.Status != 206 {
		t.Errorf("%+v %+v", s, r.HTTP)
	}
}

func TestRequestText(t *testing.T) {
	ca, other := newAuthority(t, "root"), newAuthority(t, "other")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}
	var mu sync.Mutex
	var got string
	addr := serveTLS(t, cfg, func(c net.Conn) {
		text := readRequest(c)
		mu.Lock()
		got = text
		mu.Unlock()
		io.WriteString(c, message("206 x", s3Head, "3.3"))
	})
	tgt := target(addr.Port(), probes.AnswerS3Object)
	tgt.URL += "a%20b/c?X-Amz-Signature=s3cret"
	ask := func(p *Prober) string {
		p.Probe(t.Context(), tgt)
		mu.Lock()
		defer mu.Unlock()
		return got
	}
	want := fmt.Sprintf("GET /a%%20b/c?X-Amz-Signature=s3cret HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: agentctl/test\r\n"+
		"Accept: */*\r\nRange: bytes=0-1023\r\nConnection: close\r\n\r\n", testHost, addr.Port())
	if text := ask(prober(ca.pool(), ca.pool())); text != want {
		t.Errorf("%q", text)
	}
	if text := ask(prober(other.pool(), nil)); strings.Contains(text, "s3cret") || !strings.HasPrefix(text, "GET /a%20b/c HTTP/1.1\r\n") {
		t.Errorf("told a stranger: %q", text)
	}
}

func TestConnectAnswerStopsBeforeHTTP(t *testing.T) {
	ca := newAuthority(t, "root")
	var asked atomic.Bool
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.server(t, certOptions{names: []string{testHost}})}}, func(c net.Conn) {
		asked.Store(readRequest(c) != "")
	})
	r := prober(ca.pool(), ca.pool()).Probe(t.Context(), target(addr.Port(), probes.AnswerConnect))
	wantUp(t, r)
	if r.HTTP != nil || asked.Load() || last(t, r).Phase != probes.PhaseTLS {
		t.Errorf("%+v", r)
	}
}

func TestPlainHTTP(t *testing.T) {
	addr := serve(t, respond(message("200 OK", s3Head, "x")))
	tgt := target(addr.Port(), probes.AnswerS3Object)
	tgt.URL = strings.Replace(tgt.URL, "https", "http", 1)
	r := prober(nil, nil).Probe(t.Context(), tgt)
	wantUp(t, r)
	if len(r.Steps) != 3 || r.TLS != nil {
		t.Errorf("%+v", r.Steps)
	}
}

// The memory that hostile answers cost must not grow with them.
func TestHostileMemory(t *testing.T) {
	junk := bytes.Repeat([]byte("a"), 256<<10)
	addr := serve(t, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nx-amzn-RequestId: 1\r\n\r\n")
		for {
			if _, err := c.Write(junk); err != nil {
				return
			}
		}
	})
	tgt := target(addr.Port(), probes.AnswerAWS)
	tgt.URL = strings.Replace(tgt.URL, "https", "http", 1)
	p := prober(nil, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 50
	for range rounds {
		wantUp(t, p.Probe(t.Context(), tgt))
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / rounds; each > 128<<10 {
		t.Errorf("%d bytes allocated for one probe", each)
	}
}
