//go:build linux

package lab

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// client is one connection attempt of a proof.
type client struct {
	world         *world
	authorities   *authorities
	address, name string
	port          string // "" 443
	via           string // a proxy
	certificate   *tls.Certificate
	mss           int
	pq            bool
	timeout       time.Duration
}

// dialer makes sockets on the calling thread, which is in the instance's namespace.
func (c *client) dial() (net.Conn, error) {
	dialer := net.Dialer{Timeout: c.timeout, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if c.mss == 0 {
			return nil
		}
		_ = raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, c.mss)
		})
		return err
	}}
	dialer.SetMultipathTCP(false)
	return dialer.Dial("tcp", net.JoinHostPort(c.address, cmp.Or(c.port, "443")))
}

func (c *client) observeTCP(port int) string {
	if port != 0 {
		c.port = strconv.Itoa(port)
	}
	conn, err := c.dial()
	if err != nil {
		return networkError(err)
	}
	conn.Close()
	return "ok"
}

// handshake returns a connection whose certificate has not been verified, or a word for the failure.
func (c *client) handshake() (*tls.Conn, string) {
	conn, failure := c.open()
	if conn == nil {
		return nil, failure
	}
	config := &tls.Config{ServerName: c.name, InsecureSkipVerify: true} // verified by observeTLS, where the result is a word
	if c.certificate != nil {
		config.Certificates = []tls.Certificate{*c.certificate}
	}
	if !c.pq {
		config.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(context.Background()); err != nil {
		conn.Close()
		var record tls.RecordHeaderError
		var alert tls.AlertError
		switch {
		case errors.As(err, &record):
			return nil, "not-tls"
		case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
			return nil, "alert " + strings.ReplaceAll(err.Error(), " ", "-")
		case strings.HasPrefix(err.Error(), "tls:"):
			return nil, "handshake-failed " + strings.ReplaceAll(err.Error(), " ", "-")
		}
		return nil, networkError(err)
	}
	return secure, ""
}

func (c *client) observeTLS() string {
	conn, failure := c.handshake()
	if conn == nil {
		return failure
	}
	defer conn.Close()
	state := conn.ConnectionState()
	words := []string{tlsVersion(state.Version)}
	chain := state.PeerCertificates
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	for _, root := range []struct {
		word string
		of   *authority
	}{{"amazon", c.authorities.amazon}, {"corporate", c.authorities.corporate}, {"impostor", c.authorities.impostor}, {"public-ca", c.authorities.public}, {"red-hat", c.authorities.redHat}} {
		pool := x509.NewCertPool()
		pool.AddCert(root.of.root)
		// Checked at a time when it is valid: validity is a word of its own.
		middle := chain[0].NotBefore.Add(chain[0].NotAfter.Sub(chain[0].NotBefore) / 2)
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates, CurrentTime: middle}); err == nil {
			words = append(words, root.word)
		}
	}
	now := time.Now() // the instance's clock
	switch {
	case now.Before(chain[0].NotBefore):
		words = append(words, "not-yet-valid")
	case now.After(chain[0].NotAfter):
		words = append(words, "expired")
	}
	if chain[0].VerifyHostname(c.name) != nil {
		words = append(words, "wrong-name")
	} else {
		words = append(words, "ok")
	}
	return strings.Join(words, " ")
}

func tlsVersion(version uint16) string {
	if version == tls.VersionTLS13 {
		return "tls1.3"
	}
	return "tls1.2"
}

// networkError is a word for how a socket failed.
func networkError(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, syscall.EACCES):
		return "prohibited"
	case errors.Is(err, syscall.EPERM):
		return "not-permitted"
	case errors.Is(err, syscall.EINVAL):
		return "blackhole"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return "error: " + err.Error()
}

// observeIMDS asks the metadata service for a token, for something without a token, or for a path with one.
func observeIMDS(what string, timeout time.Duration) string {
	method, path, token := http.MethodGet, what, ""
	switch what {
	case "token":
		method, path = http.MethodPut, "api/token"
	case "plain":
		path = "meta-data/"
	default:
		token = sessionToken
	}
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.Dial("tcp4", imdsIP+":80")
	if err != nil {
		return networkError(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(timeout))
	fmt.Fprintf(conn, "%s /latest/%s HTTP/1.1\r\nHost: %s\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\nX-Aws-Ec2-Metadata-Token: %s\r\nConnection: close\r\n\r\n", method, path, imdsIP, token)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return networkError(err)
	}
	defer response.Body.Close()
	const limit = 1 << 18
	body, err := io.ReadAll(io.LimitReader(response.Body, limit))
	words := []string{"status", fmt.Sprint(response.StatusCode)}
	if len(body) == limit || err != nil {
		words = append(words, "endless")
	}
	for _, word := range []string{"AssumeRoleUnauthorizedAccess", "AWS-HMAC"} {
		if strings.Contains(string(body), word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// observeTime asks Amazon Time Sync how far the world's clock is ahead.
func observeTime(timeout time.Duration) string {
	conn, err := net.DialTimeout("udp4", timeSyncIP+":123", timeout)
	if err != nil {
		return networkError(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(timeout))
	query := make([]byte, 48)
	query[0] = 4<<3 | 3 // version 4, mode client
	if _, err := conn.Write(query); err != nil {
		return networkError(err)
	}
	if _, err := io.ReadFull(conn, query); err != nil {
		return networkError(err)
	}
	seconds := int64(binary.BigEndian.Uint32(query[40:])) - ntpEpoch
	return time.Until(time.Unix(seconds, 0)).Round(5 * time.Second).String()
}
