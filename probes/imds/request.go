package imds

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"agentctl/probes"
)

// Bounds of one answer. The longest real one, the identity document with its
// signature, has some 2 KiB.
const (
	maxHeader = 16 << 10
	maxBody   = 64 << 10
	// maxFraming is what chunk sizes and trailers may add to a body.
	maxFraming = 16 << 10
	maxInterim = 4 // 1xx answers before the real one
)

// errTooMuch says that an answer is longer than its bound.
var errTooMuch = errors.New("answer too long")

// answer is how one request ended. Reason is OK for any complete answer.
type answer struct {
	reason probes.Reason
	status int
	header http.Header
	body   []byte
	keep   bool // the connection can be used again
}

func (r answer) complete() bool { return r.reason == probes.OK }

// temporary tells whether the service asks to come again later.
func (r answer) temporary() bool {
	return r.complete() && (r.status >= 500 || r.status == http.StatusTooManyRequests)
}

// proxyMarks are headers that HTTP proxies and caches set and IMDS never does.
var proxyMarks = [...]string{"Via", "X-Squid-Error", "X-Cache", "Proxy-Authenticate", "Proxy-Connection"}

// proxied tells whether an HTTP proxy wrote or passed on the answer.
func (r answer) proxied() bool {
	if r.status == http.StatusProxyAuthRequired {
		return true
	}
	for _, h := range proxyMarks {
		if r.header.Get(h) != "" {
			return true
		}
	}
	return false
}

// failure is why two requests stayed without an answer: what is not mere silence
// says more.
func (r answer) failure(other answer) probes.Reason {
	for _, reason := range []probes.Reason{r.reason, other.reason} {
		switch reason {
		case probes.OK, probes.Timeout, probes.Canceled, "":
		default:
			return reason
		}
	}
	return probes.Timeout
}

// request makes one request on a connection of the pool. One that the service has
// closed meanwhile is replaced, which is no attempt of its own.
func (a *asker) request(ctx context.Context, method, path, token string, wait time.Duration) answer {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		c, how := a.pool.get(ctx)
		if c == nil {
			return answer{reason: how.Reason}
		}
		used := c.used
		r := c.roundTrip(ctx, method, path, token, a.pool.addr)
		a.pool.put(c, r.keep)
		stale := used && (r.reason == probes.Closed || r.reason == probes.Reset)
		if !stale || ctx.Err() != nil {
			return r
		}
	}
}

// conn is one connection to the service.
type conn struct {
	net.Conn
	in    *bufio.Reader
	bound *boundedReader
	used  bool
	slot  chan struct{} // given back when it is closed
}

func newConn(c net.Conn) *conn {
	b := &boundedReader{r: c}
	return &conn{Conn: c, bound: b, in: bufio.NewReader(b)}
}

// roundTrip writes a request and reads its answer, until the context ends.
func (c *conn) roundTrip(ctx context.Context, method, path, token string, addr netip.AddrPort) answer {
	c.used = true
	if d, ok := ctx.Deadline(); ok {
		c.SetDeadline(d)
	}
	// A canceled context ends the waiting, by a deadline that has passed.
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.Write(requestText(method, path, token, addr)); err != nil {
		return answer{reason: reasonOf(ctx, err)}
	}
	r, err := readAnswer(c.in, c.bound)
	if err != nil {
		return answer{reason: reasonOf(ctx, err)}
	}
	if !stop() {
		r.keep = false // its deadline has been spoiled
	}
	return r
}

func requestText(method, path, token string, addr netip.AddrPort) []byte {
	var b strings.Builder
	host := addr.Addr().WithZone("").String()
	if addr.Addr().Is6() {
		host = "[" + host + "]"
	}
	if addr.Port() != 80 {
		host = addr.String()
	}
	b.WriteString(method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: agentctl\r\nAccept: */*\r\n")
	if method == http.MethodPut {
		b.WriteString("X-aws-ec2-metadata-token-ttl-seconds: " + tokenTTL + "\r\nContent-Length: 0\r\n")
	}
	if token != "" {
		b.WriteString("X-aws-ec2-metadata-token: " + token + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// boundedReader gives out as many bytes as left says, then errTooMuch.
type boundedReader struct {
	r    io.Reader
	left int
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	if len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

// readAnswer reads one answer within its bounds.
func readAnswer(in *bufio.Reader, bound *boundedReader) (answer, error) {
	for range maxInterim {
		bound.left = maxHeader
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return answer{}, err
		}
		if res.StatusCode >= 100 && res.StatusCode < 200 {
			if res.StatusCode == http.StatusSwitchingProtocols {
				break
			}
			continue
		}
		bound.left = maxBody + maxFraming
		body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
		if err == nil && len(body) > maxBody {
			err = errTooMuch
		}
		if err != nil {
			return answer{}, err
		}
		return answer{reason: probes.OK, status: res.StatusCode, header: res.Header, body: body,
			keep: !res.Close && (res.ContentLength >= 0 || len(res.TransferEncoding) > 0) && in.Buffered() == 0}, nil
	}
	return answer{}, errMalformed
}

// errMalformed says that an answer is not HTTP.
var errMalformed = errors.New("malformed answer")

// reasonOf names why a request was not answered.
func reasonOf(ctx context.Context, err error) probes.Reason {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return probes.Canceled
	case errors.Is(err, os.ErrDeadlineExceeded), ctx.Err() != nil:
		return probes.Timeout
	case errors.Is(err, errTooMuch), errors.Is(err, errMalformed):
		return probes.Malformed
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.EPIPE):
		return probes.Closed
	case errors.As(err, new(*net.OpError)):
		if r := errnoReason(err); r != "" {
			return r
		}
		return probes.Reset
	default:
		return probes.Malformed // http.ReadResponse has no error type of its own
	}
}
