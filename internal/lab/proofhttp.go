//go:build linux

package lab

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// open connects, by the proxy if there is one, and says in a word what failed.
func (c *client) open() (net.Conn, string) {
	target := net.JoinHostPort(c.name, "443")
	if c.via != "" {
		host, port, err := net.SplitHostPort(c.via)
		if err != nil {
			return nil, err.Error()
		}
		c.address, c.port = host, port
	}
	conn, err := c.dial()
	if err != nil {
		return nil, "tcp-" + networkError(err)
	}
	_ = conn.SetDeadline(time.Now().Add(c.timeout))
	if c.via == "" {
		return conn, ""
	}
	fmt.Fprintf(conn, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", target)
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // what follows is the tunnel
	switch {
	case err != nil:
		conn.Close()
		return nil, "proxy-" + networkError(err)
	case answer.StatusCode != http.StatusOK:
		conn.Close()
		return nil, fmt.Sprint("proxy ", answer.StatusCode)
	}
	return conn, ""
}

// observeHTTP asks for one document and says what came: its status, who wrote it, and what it is.
func (v *VPC) observeHTTP(c client, p Proof) string {
	c.via = p.Via
	if p.Entitled {
		certificate, key := v.clientCertificate("content-rhel9")
		if pair, err := tls.X509KeyPair([]byte(certificate), []byte(key)); err == nil {
			c.certificate = &pair
		}
	}
	path := p.Path
	if path == "" {
		path = "/"
	}
	scheme := "https"
	if p.Plain {
		scheme, c.port = "http", "80"
	}
	request, err := http.NewRequest(http.MethodGet, scheme+"://"+c.name+v.fill(path), nil)
	if err != nil {
		return err.Error()
	}
	request.Close = true
	if user, password, found := strings.Cut(p.Login, ":"); found {
		request.SetBasicAuth(user, password)
	}
	if p.Entitled {
		request.Header.Set("X-RHUI-ID", base64.URLEncoding.EncodeToString([]byte(`{"instanceId": "`+instanceID+`"}`)))
		request.Header.Set("X-RHUI-SIGNATURE", base64.URLEncoding.EncodeToString([]byte(identitySignature)))
	}
	var conn net.Conn
	var failure string
	switch {
	case p.Plain && p.Via != "": // a proxy is asked for the whole address
		if c.address, c.port, err = net.SplitHostPort(p.Via); err != nil {
			return err.Error()
		}
		conn, err = c.dial()
	case p.Plain:
		conn, err = c.dial()
	default:
		var secure *tls.Conn
		if secure, failure = c.handshake(); secure != nil {
			conn = secure
		}
	}
	switch {
	case err != nil:
		return "tcp-" + networkError(err)
	case conn == nil:
		return failure
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(c.timeout))
	write := request.Write
	if p.Plain && p.Via != "" {
		write = request.WriteProxy
	}
	if err := write(conn); err != nil {
		return networkError(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return networkError(err)
	}
	defer response.Body.Close()
	return strings.Join(describe(response), " ")
}

func describe(response *http.Response) []string {
	words := []string{"status", fmt.Sprint(response.StatusCode)}
	aws := response.Header.Get("x-amzn-RequestId") != "" || response.Header.Get("x-amz-request-id") != ""
	words = append(words, map[bool]string{true: "aws", false: "not-aws"}[aws])
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		words = append(words, "date"+time.Until(date).Round(5*time.Second).String())
	}
	if to, err := url.Parse(response.Header.Get("Location")); err == nil && to.Host != "" {
		words = append(words, "to", to.Host)
	}
	if region := response.Header.Get("x-amz-bucket-region"); region != "" {
		words = append(words, "region", region)
	}
	const limit = 1 << 20
	body, err := io.ReadAll(io.LimitReader(response.Body, limit))
	switch {
	case len(body) == limit:
		words = append(words, "endless")
	case err != nil:
		words = append(words, "endless", "broken") // "endless" is the older word for both
	case len(body) == 0:
		words = append(words, "empty")
	}
	return append(words, contents(body)...)
}

// contents are words for what a document is.
func contents(body []byte) []string {
	var words []string
	for _, sign := range []struct{ word, mark string }{{"html", "<html"}, {"repomd", "<repomd"}, {"whole", "</repomd>"}, {"metalink", "<metalink"},
		{"release", "\nSHA256:"}, {"ends", "\nValid-Until:"}} {
		if bytes.Contains(body, []byte(sign.mark)) {
			words = append(words, sign.word)
		}
	}
	if mirrors := bytes.Count(body, []byte("://")) - bytes.Count(body, []byte("xmlns")); bytes.HasPrefix(body, []byte("http")) || bytes.HasPrefix(body, []byte("#")) {
		words = append(words, fmt.Sprintf("mirrors-%d", mirrors))
	}
	if bytes.HasPrefix(body, []byte("\x1f\x8b")) {
		words = append(words, "gzip")
	}
	return words
}
