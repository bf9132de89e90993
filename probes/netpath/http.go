package netpath

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"agentctl/probes"
)

// Bounds of one request. A body is read only to learn who wrote it.
const (
	headerTimeout = 4 * time.Second
	bodyTimeout   = time.Second
	maxHeader     = 32 << 10
	maxBody       = 16 << 10
	askAgain      = 500 * time.Millisecond
	maxInformal   = 4 // 1xx answers before the final one
)

// ask is the HTTP step: one unsigned request, and a second one on a new
// connection before a failure counts. Where the chain was not accepted the
// answer is recorded all the same, and is no step: the target is down already.
func (r *probe) ask(ctx context.Context, l *link) {
	begin := time.Now()
	facts, detail := r.request(ctx, l)
	r.res.HTTP = facts
	if l.refused {
		return
	}
	attempts := 1
	if facts.Reason != probes.OK && ctx.Err() == nil {
		r.late()
		if again, d := r.requestAgain(ctx); again != nil {
			attempts = 2
			if again.Status != 0 || facts.Status == 0 {
				facts, detail = again, d
				r.res.HTTP = facts
			}
		}
	}
	r.step(probes.PhaseHTTP, facts.Reason, time.Since(begin), detail, attempts)
}

// requestAgain asks on a new connection. Nil: it did not come to a request.
func (r *probe) requestAgain(ctx context.Context) (*probes.HTTP, string) {
	if !pause(ctx, askAgain) {
		return nil, ""
	}
	conn, reason, _ := r.way(ctx, DialOptions{})
	if reason != probes.OK {
		return nil, ""
	}
	l := &link{conn: conn, stop: closeWith(ctx, conn)}
	if r.url.Scheme == "https" {
		c, facts := r.handshake(ctx, conn, r.host, hello{}, time.Time{})
		if c == nil || facts.Reason != probes.OK {
			l.close()
			return nil, ""
		}
		l.conn, l.genuine = c, facts.Genuine && facts.NameOK
	}
	defer l.close()
	return r.request(ctx, l)
}

// request sends one GET and judges the answer. The connection is not used
// again.
func (r *probe) request(ctx context.Context, l *link) (*probes.HTTP, string) {
	begin := time.Now()
	facts := &probes.HTTP{}
	defer func() { facts.Duration = time.Since(begin).Seconds() }()
	_ = l.conn.SetDeadline(begin.Add(headerTimeout))
	if _, err := io.WriteString(l.conn, r.requestText(l)); err != nil {
		// The answer may be there before the request is gone: read on.
		if ctx.Err() != nil {
			facts.Reason = probes.Canceled
			return facts, ""
		}
	}
	sent := time.Now()
	a, err := readAnswer(l.conn, sent, r.now)
	if err != nil {
		facts.ReceivedAt = r.now()
		facts.Reason = readFailure(ctx, err)
		facts.Snippet = printable(a.head, snippetLen)
		return facts, printable(err.Error(), 200)
	}
	describeAnswer(facts, a)
	judgeAnswer(facts, r.target.Answer, l.genuine)
	if r.absolute && facts.Status == http.StatusProxyAuthRequired {
		facts.Reason = probes.ProxyAuth
	}
	if facts.Reason != probes.OK {
		facts.Snippet = printable(a.body, snippetLen)
	}
	return facts, answerDetail(facts)
}

func (r *probe) requestText(l *link) string {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nAccept: */*\r\n",
		r.requestTarget(l), r.url.Host, r.userAgent())
	if r.target.Answer == probes.AnswerS3Object {
		b.WriteString("Range: bytes=0-1023\r\n")
	}
	b.WriteString(r.proxyHeader)
	b.WriteString("Connection: close\r\n\r\n")
	return b.String()
}

// requestTarget is what is asked for. A query may hold a signature: where the
// other side is not trusted it is left out.
func (r *probe) requestTarget(l *link) string {
	path := r.url.RequestURI()
	if l.refused {
		path = r.url.EscapedPath()
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if r.absolute {
		return r.url.Scheme + "://" + r.url.Host + path
	}
	return path
}

func (r *probe) userAgent() string {
	if r.UserAgent != "" {
		return r.UserAgent
	}
	return "agentctl"
}

// answer is what was read of a response.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	head     []byte    // the first bytes as they came
	received time.Time // host clock, half a round trip taken off
}

// meter is a reader that ends after a number of bytes, with an error of its
// own, and keeps the first ones and the error that ended it: a parser reports
// half a line as such and not that the connection broke in it.
type meter struct {
	r    io.Reader
	left int
	head []byte
	err  error
}

var errTooLong = errors.New("the answer's header is too long")

func (m *meter) Read(b []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooLong
	}
	n, err := m.r.Read(b[:min(len(b), m.left)])
	m.left -= n
	m.err = err
	if room := snippetLen - len(m.head); room > 0 && n > 0 {
		m.head = append(m.head, b[:min(n, room)]...)
	}
	return n, err
}

// cause picks between the parser's error and the connection's: what begins like
// a response and breaks off is no malformed one.
func (m *meter) cause(parse error) error {
	const start = "HTTP/"
	n := min(len(m.head), len(start))
	if m.err != nil && string(m.head[:n]) == start[:n] {
		return m.err
	}
	return parse
}

// readAnswer reads a response's header and the start of its body. A body that
// does not end or comes in drips is cut off; that is no error. Nothing is
// decompressed and no redirect followed.
func readAnswer(conn net.Conn, sent time.Time, now func() time.Time) (answer, error) {
	m := &meter{r: conn, left: maxHeader}
	buf := bufio.NewReaderSize(m, 4<<10)
	_, err := buf.Peek(1)
	received := now().Add(-time.Since(sent) / 2)
	if err != nil {
		return answer{}, err
	}
	var resp *http.Response
	for range 1 + maxInformal {
		if resp, err = http.ReadResponse(buf, nil); err != nil {
			return answer{head: m.head}, m.cause(err)
		}
		if resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	a := answer{status: resp.StatusCode, header: resp.Header, head: m.head, received: received}
	m.left = maxBody + 4<<10 // the body's own framing counts too
	_ = conn.SetDeadline(time.Now().Add(bodyTimeout))
	a.body, _ = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	// The body is not closed: that would read on to its end.
	return a, nil
}

// readFailure says why no response could be read.
func readFailure(ctx context.Context, err error) probes.Reason {
	var remote *net.OpError
	switch {
	case ctx.Err() != nil:
		return probes.Canceled
	case isTimeout(err):
		return probes.Timeout
	case isReset(err):
		return probes.Reset
	case errors.As(err, &remote) && remote.Op == "remote error":
		return probes.TLSAlert
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return probes.Closed
	case isBroken(err):
		return probes.Unreachable
	}
	return probes.Malformed
}
