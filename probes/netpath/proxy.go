package netpath

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"agentctl/probes"
)

// proxyWay is how to go through one proxy. Its fields hold a password: nothing
// of it but host and port may be printed.
type proxyWay struct {
	host  string
	port  uint16
	tls   bool
	basic string // the Proxy-Authorization header line, "" without user info
}

// parseProxy reads a proxy setting the way clients do: without a scheme it is
// an HTTP proxy. The string says what is wrong, without the setting's text.
func parseProxy(p probes.ProxyURL) (proxyWay, string) {
	text := p.Reveal()
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return proxyWay{}, "the proxy's address cannot be used"
	}
	w := proxyWay{host: u.Hostname()}
	switch strings.ToLower(u.Scheme) {
	case "http":
		w.port = 80
	case "https":
		w.port, w.tls = 443, true
	default:
		return proxyWay{}, "proxies of type " + printable(u.Scheme, 20) + " are not supported"
	}
	if s := u.Port(); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return proxyWay{}, "the proxy's port cannot be used"
		}
		w.port = uint16(n)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		w.basic = "Proxy-Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)) + "\r\n"
	}
	return w, ""
}

// throughProxy is the proxy step. The target's own name is the proxy's to look
// up, and the connect to it the proxy's to make.
func (r *probe) throughProxy(ctx context.Context, setting probes.ProxyURL, source string) net.Conn {
	begin := time.Now()
	res := &probes.ProxyResult{URL: setting.String(), Source: source}
	r.res.Proxy = res
	r.step(probes.PhaseDNS, probes.SkippedReason, 0, "the proxy looks the name up", 0)
	done := func(reason probes.Reason, detail string, attempts int) {
		res.Reason, res.Duration = reason, time.Since(begin).Seconds()
		r.step(probes.PhaseProxy, reason, time.Since(begin), detail, attempts)
	}

	way, problem := parseProxy(setting)
	if problem != "" {
		done(probes.ProxyUnreachable, problem, 0)
		return nil
	}
	addrs, why := r.proxyAddrs(ctx, way)
	if len(addrs) == 0 {
		done(why.reason, why.detail, 1)
		return nil
	}
	race := r.race(ctx, addrs, &res.Conns)
	conn, info := race.first(ctx)
	if conn == nil {
		reason := probes.ProxyUnreachable
		if info.Reason == probes.Canceled || info.Reason == probes.Internal {
			reason = info.Reason
		}
		done(reason, string(info.Reason)+" "+connDetail(info), info.Attempts)
		return nil
	}
	attempts := 1
	out := r.tunnel(ctx, conn, way, time.Now().Add(headerTimeout))
	if out.conn == nil && out.reason != probes.ProxyAuth && ctx.Err() == nil {
		r.late()
		if again := r.tunnelAgain(ctx, info.Addr, way); again.reason != "" {
			out, attempts = again, 2
		}
	}
	res.Status = out.status
	done(out.reason, out.detail, attempts)
	if out.conn == nil {
		return nil
	}
	r.way = r.viaProxy(info.Addr, way)
	if r.url.Scheme == "http" {
		r.absolute, r.proxyHeader = true, way.basic
	}
	r.step(probes.PhaseTCP, probes.SkippedReason, 0, "the proxy connects", 0)
	return out.conn
}

// tunnelled is the outcome of asking a proxy for a tunnel.
type tunnelled struct {
	conn   net.Conn
	reason probes.Reason
	status int
	detail string
}

func (r *probe) proxyAddrs(ctx context.Context, way proxyWay) ([]netip.AddrPort, tunnelled) {
	if a, err := netip.ParseAddr(way.host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a, way.port)}, tunnelled{}
	}
	name := r.Lookup.Lookup(ctx, way.host, r.target.Client)
	reason := name.Reason
	if reason == probes.OK {
		if addrs := usable(name.Addrs, r.Facts.HasGlobalIPv6()); len(addrs) > 0 {
			return withPort(addrs, way.port), tunnelled{}
		}
		reason = probes.NoData
	}
	why := tunnelled{reason: probes.ProxyUnreachable, detail: "the proxy's name: " + string(reason)}
	if reason == probes.Canceled || ctx.Err() != nil {
		why.reason = probes.Canceled
	}
	return nil, why
}

// tunnelAgain asks on a new connection. An empty reason: it did not come to it.
func (r *probe) tunnelAgain(ctx context.Context, addr netip.AddrPort, way proxyWay) tunnelled {
	if !pause(ctx, askAgain) {
		return tunnelled{}
	}
	conn, info := r.dial(ctx, addr, DialOptions{})
	if conn == nil {
		return tunnelled{detail: connDetail(info)}
	}
	return r.tunnel(ctx, conn, way, time.Now().Add(headerTimeout))
}

// viaProxy opens further connections to the target through the same proxy.
func (r *probe) viaProxy(addr netip.AddrPort, way proxyWay) opener {
	return func(ctx context.Context, o DialOptions) (net.Conn, probes.Reason, string) {
		deadline := time.Now().Add(o.timeout())
		conn, info := r.dial(ctx, addr, o)
		if conn == nil {
			return nil, info.Reason, connDetail(info)
		}
		t := r.tunnel(ctx, conn, way, deadline)
		return t.conn, t.reason, t.detail
	}
}

// tunnel makes a connection to the proxy one to the target: TLS to the proxy
// where it wants that, then CONNECT. It closes the connection on failure. For
// an http target there is no tunnel, the request itself goes to the proxy.
func (r *probe) tunnel(ctx context.Context, conn net.Conn, way proxyWay, deadline time.Time) (t tunnelled) {
	stop := closeWith(ctx, conn)
	defer stop()
	defer func() {
		if t.conn == nil {
			conn.Close()
		}
	}()
	secure := conn
	if way.tls {
		c, facts := r.handshake(ctx, conn, way.host, hello{}, deadline)
		switch {
		case facts.Reason == probes.Canceled:
			return tunnelled{reason: probes.Canceled}
		case c == nil, facts.Reason != probes.OK: // no password for a stranger
			return tunnelled{reason: probes.ProxyUnreachable,
				detail: "TLS to the proxy: " + string(facts.Reason) + " " + tlsDetail(facts)}
		}
		secure = c
	}
	if r.url.Scheme == "http" {
		return tunnelled{conn: secure, reason: probes.OK}
	}
	return r.connectMethod(ctx, secure, way, deadline)
}

// connectMethod sends CONNECT (RFC 9110 9.3.6) and reads the answer.
func (r *probe) connectMethod(ctx context.Context, conn net.Conn, way proxyWay, deadline time.Time) tunnelled {
	_ = conn.SetDeadline(deadline)
	authority := net.JoinHostPort(r.host, strconv.Itoa(int(r.port)))
	_, werr := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n%s\r\n",
		authority, authority, r.userAgent(), way.basic)
	m := &meter{r: conn, left: maxHeader}
	buf := bufio.NewReaderSize(m, 1<<10)
	resp, err := http.ReadResponse(buf, &http.Request{Method: http.MethodConnect})
	if err != nil {
		err = m.cause(err)
		if werr != nil && ctx.Err() == nil && isReset(werr) {
			err = werr
		}
		return tunnelled{reason: readFailure(ctx, err), detail: "answer to CONNECT: " + printable(err.Error(), snippetLen)}
	}
	t := tunnelled{status: resp.StatusCode, detail: fmt.Sprintf("HTTP %d", resp.StatusCode)}
	switch resp.StatusCode {
	case http.StatusOK:
		_ = conn.SetDeadline(time.Time{})
		t.reason, t.conn = probes.OK, conn
		if n := buf.Buffered(); n > 0 { // the far side spoke first
			early, _ := buf.Peek(n)
			t.conn = &earlyConn{Conn: conn, early: bytes.NewReader(bytes.Clone(early))}
		}
		return t
	case http.StatusProxyAuthRequired:
		t.reason = probes.ProxyAuth
	default:
		t.reason = probes.ProxyDenied
	}
	m.left = maxBody
	_ = conn.SetDeadline(time.Now().Add(bodyTimeout))
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if page := title(body); page != "" {
		t.detail += ": " + page
	}
	return t
}

// earlyConn gives back the bytes that came right behind the proxy's answer.
type earlyConn struct {
	net.Conn
	early *bytes.Reader
}

func (c *earlyConn) Read(b []byte) (int, error) {
	if c.early.Len() > 0 {
		return c.early.Read(b)
	}
	return c.Conn.Read(b)
}
