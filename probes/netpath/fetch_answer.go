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

// got is the outcome of one request.
type got struct {
	facts  *probes.HTTP
	header http.Header
	body   []byte
	cut    bool
	reason probes.Reason
	detail string
	next   string
}

// get sends one request and judges the answer.
func (h *hop) get(ctx context.Context, l *link) (g got) {
	r, begin := h.probe, time.Now()
	g.facts = &probes.HTTP{}
	defer func() { g.facts.Duration = time.Since(begin).Seconds() }()
	_ = l.conn.SetDeadline(begin.Add(headerTimeout))
	if _, err := io.WriteString(l.conn, h.requestText(l)); err != nil && ctx.Err() != nil {
		g.reason = probes.Canceled
		return g
	}
	a, cut, err := readDocument(l.conn, time.Now(), r.now, h.req.Limit)
	if err != nil {
		g.facts.ReceivedAt = r.now()
		g.reason, g.detail = readFailure(ctx, err), printable(err.Error(), snippetLen)
		g.facts.Snippet = printable(a.head, snippetLen)
		return g
	}
	describeAnswer(g.facts, a)
	g.header, g.body, g.cut = a.header, a.body, cut
	if cut && ctx.Err() != nil && int64(len(a.body)) < h.req.Limit {
		g.reason = probes.Canceled // the round ended, not the other side
		return g
	}
	h.judge(&g)
	if g.reason != probes.OK {
		g.facts.Snippet = printable(a.body, snippetLen)
	}
	return g
}

func (h *hop) requestText(l *link) string {
	r := h.probe
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nAccept: */*\r\n%s%sConnection: close\r\n\r\n",
		r.requestTarget(l), r.url.Host, r.userAgent(), h.headerLines(r.url), r.proxyHeader)
}

// judge says what an answer means for a client that wants a document.
func (h *hop) judge(g *got) {
	g.reason = statusReason(g.facts, h.probe.target.AWS)
	g.detail = answerDetail(g.facts)
	switch {
	case h.absolute && g.facts.Status == http.StatusProxyAuthRequired:
		g.reason = probes.ProxyAuth
	case g.facts.Status/100 == 3:
		g.next = h.follow(g)
	case g.reason == probes.OK && g.cut && int64(len(g.body)) < h.req.Limit:
		g.reason, g.detail = probes.Closed, g.detail+", the body broke off"
	case g.reason == probes.OK && h.req.Check != nil:
		var why string
		if g.reason, why = h.req.Check(g.facts.Status, g.body); why != "" {
			g.detail += ", " + why
		}
		if g.reason == probes.BadContent && h.probe.target.AWS && g.facts.HTML && !g.facts.AWSShaped {
			g.reason = probes.NotAWS
		}
	}
}

// follow returns where a redirect leads; "" where it is not followed.
func (h *hop) follow(g *got) string {
	if h.req.Redirects < 0 {
		return ""
	}
	where := strings.TrimSpace(g.header.Get("Location"))
	u, err := h.probe.url.Parse(where)
	if where == "" || err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return ""
	}
	if h.req.KeepTLS && h.probe.url.Scheme == "https" && u.Scheme == "http" {
		g.detail += ", to plain http, which is not followed"
		return ""
	}
	g.reason = probes.OK
	u.User, u.Fragment = nil, ""
	return u.String()
}

// statusReason judges a status the way librepo does: whatever is not 2xx is a
// failure (downloader.c, check_transfer_statuses).
func statusReason(f *probes.HTTP, aws bool) probes.Reason {
	foreign := aws && !f.AWSShaped && f.HTML
	switch {
	case f.Status/100 == 2:
		return probes.OK
	case f.Status/100 == 3:
		return probes.Redirect
	case foreign:
		return probes.NotAWS
	case isThrottle(f):
		return probes.Throttled
	case f.Status >= 500:
		return probes.ServerError
	case f.Status == http.StatusUnauthorized:
		return probes.Unauthorized
	case f.Status == http.StatusForbidden:
		return probes.AccessDenied
	case f.Status == http.StatusNotFound, f.Status == http.StatusGone:
		return probes.NotFound
	}
	return probes.BadContent
}

// readDocument reads a response with a body of at most limit bytes. cut: there
// is more, or the connection ended before the body did.
func readDocument(conn net.Conn, sent time.Time, now func() time.Time, limit int64) (answer, bool, error) {
	m := &meter{r: conn, left: maxHeader}
	buf := bufio.NewReaderSize(m, 4<<10)
	_, err := buf.Peek(1)
	received := now().Add(-time.Since(sent) / 2)
	if err != nil {
		return answer{}, false, err
	}
	var resp *http.Response
	for range 1 + maxInformal {
		if resp, err = http.ReadResponse(buf, nil); err != nil {
			return answer{head: m.head}, false, m.cause(err)
		}
		if resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	a := answer{status: resp.StatusCode, header: resp.Header, head: m.head, received: received}
	if resp.StatusCode/100 != 2 {
		limit = maxBody
	}
	m.left = int(2*limit) + 64<<10 // the body's own framing counts too
	_ = conn.SetDeadline(time.Now().Add(bodyPatience))
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	cut := err != nil || int64(len(body)) > limit
	a.body = body[:min(int64(len(body)), limit)]
	if resp.StatusCode/100 == 2 && err != nil && len(body) == 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
		return a, true, err
	}
	return a, cut, nil
}
