//go:build linux

package lab

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// front is everything that accepts TCP 443 (and 80) in one namespace: interface endpoints in the VPC, or the world outside.
// One listener serves every address there; the address and the server name tell which service is meant.
type front struct {
	world       *world
	authorities *authorities
	ctx         context.Context
	wait        *sync.WaitGroup
	inVPC       bool // interface endpoints: S3 here speaks TLS 1.2 at most (S3 user guide, PrivateLink considerations)

	tls, http serverFaults

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// serve accepts on every address of the namespace until the context ends.
func (f *front) serve(n *namespace, addresses ...string) error {
	for _, address := range addresses {
		listener, err := n.listenTCP(address)
		if err != nil {
			return err
		}
		context.AfterFunc(f.ctx, func() { listener.Close() })
		plain := strings.HasSuffix(address, ":80")
		f.wait.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				f.wait.Go(func() { f.handle(conn, plain) })
			}
		})
	}
	return nil
}

// serviceAt tells which service lives at a local address, for clients that send no server name.
func (f *front) serviceAt(address net.Addr) string {
	ip := address.(*net.TCPAddr).IP.String()
	for service, addresses := range f.world.endpoints {
		if slices.Contains(addresses, ip) || f.world.ipv6 && len(addresses) > 0 && endpointAddress6(addresses[0]) == ip {
			return service
		}
	}
	for service, addresses := range publicAddresses {
		if slices.Contains(addresses, ip) {
			return strings.TrimSuffix(service, "-dualstack")
		}
	}
	if server, ok := packageAt(ip); ok {
		return server.service
	}
	switch ip {
	case s3Address6, otherRegionS3:
		return "s3"
	case blockPageIP:
		return "block-page"
	}
	return "other" // another region's services, or any service over IPv6: the server name tells
}

func (f *front) handle(conn net.Conn, plain bool) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(f.ctx, 2*time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	service, address := f.serviceAt(conn.LocalAddr()), conn.LocalAddr().(*net.TCPAddr).IP.String()
	early := f.tls.early(service, address)
	switch {
	case early.Mode == "plain-http" || early.Mode == "portal":
		answerPlain(conn, early.Mode)
		return
	case plain:
		f.serveHTTP(conn, peer{service: service, address: address})
		return
	case early.Mode == "drip":
		conn = &drip{Conn: conn, ctx: ctx}
	}
	config := &tls.Config{MaxVersion: tls.VersionTLS13}
	if f.inVPC && service == "s3" {
		config.MaxVersion = tls.VersionTLS12
	}
	if strings.HasPrefix(service, "rhui") {
		config.ClientAuth = tls.RequestClientCert // whether it is good is the HTTP server's matter, as Red Hat's has it
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		fault := f.tls.handshake(service, address, hello.ServerName)
		if !pause(ctx, fault.Delay.Duration) {
			return nil, ctx.Err()
		}
		if err := misbehave(hello, fault.Mode); err != nil {
			return nil, err
		}
		chosen := config.Clone()
		if fault.Mode == "tls-1.1" {
			chosen.MinVersion, chosen.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}
		certificate, err := f.certificate(service, hello.ServerName, fault.Mode)
		if err != nil {
			return nil, err
		}
		chosen.Certificates = []tls.Certificate{*certificate}
		return chosen, nil
	}
	secure := tls.Server(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return
	}
	defer secure.Close()
	f.serveHTTP(secure, peer{service, address, secure.ConnectionState().PeerCertificates})
}

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// mlkem are the hybrid post-quantum groups, as IANA numbers them: X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024.
var mlkem = []tls.CurveID{4588, 4587, 4589}

// misbehave plays a filter that has just read the ClientHello. It returns an error where the handshake must not go on.
func misbehave(hello *tls.ClientHelloInfo, mode string) error {
	reset := func() {
		tcp, ok := hello.Conn.(*net.TCPConn)
		if ok {
			_ = tcp.SetLinger(0) // close sends a reset
		}
		hello.Conn.Close()
	}
	if strings.HasPrefix(mode, "pq-") {
		if !slices.ContainsFunc(hello.SupportedCurves, func(c tls.CurveID) bool { return slices.Contains(mlkem, c) }) {
			return nil
		}
		mode = strings.TrimPrefix(mode, "pq-")
	}
	switch mode {
	case "reset":
		reset()
	case "close":
		hello.Conn.Close()
	case "silent":
		_, _ = io.Copy(io.Discard, hello.Conn) // until the client gives up
	default:
		return nil
	}
	return net.ErrClosed
}

// certificate is the leaf for a server name, made once.
func (f *front) certificate(service, serverName, mode string) (*tls.Certificate, error) {
	names := []string{f.world.hostName(service)}
	if service == "block-page" {
		names, mode = []string{"blockpage.example.net"}, "corporate"
	}
	switch h, ok := f.world.parseHost(serverName); {
	case ok && service == "other":
		names = []string{strings.ToLower(serverName)}
	case ok && h.service == service && serverName != names[0]:
		names = append(names, strings.ToLower(serverName))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := service + " " + strings.Join(names, " ") + " " + mode
	if leaf := f.leaves[key]; leaf != nil {
		return leaf, nil
	}
	now := f.world.now()
	from, to := now.AddDate(0, -1, 0), now.AddDate(0, 11, 0)
	mode, late := strings.CutSuffix(mode, "-expired")
	if mode == "expired" || late {
		from, to = now.AddDate(-1, 0, 0), now.AddDate(0, 0, -3)
	}
	issuer := f.authorities.amazon
	if server, ok := packageService(service); ok {
		issuer = f.authorities.public
		for _, name := range server.names {
			if name = f.world.fill(name); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if strings.HasPrefix(service, "rhui") { // Red Hat's update servers have an authority of their own
			issuer = f.authorities.redHat
		}
	}
	switch mode {
	case "corporate":
		issuer = f.authorities.corporate
	case "copied-names":
		issuer = f.authorities.impostor
	case "not-yet-valid":
		from, to = now.AddDate(0, 0, 3), now.AddDate(1, 0, 0)
	case "wrong-name":
		names = []string{"proxy.example.net", "*.proxy.example.net"}
	}
	leaf, err := issuer.leaf(f.authorities.leafKey, names, from, to)
	if err != nil {
		return nil, err
	}
	if mode == "huge-chain" {
		padding := make([]byte, 10<<20)
		_, _ = rand.Read(padding)
		leaf.Certificate = append(leaf.Certificate, padding)
	}
	if f.leaves == nil {
		f.leaves = map[string]*tls.Certificate{}
	}
	f.leaves[key] = leaf
	return leaf, nil
}

// answerPlain plays a device that answers on 443 without TLS.
func answerPlain(conn net.Conn, mode string) {
	if _, err := bufio.NewReader(conn).ReadByte(); err != nil {
		return
	}
	if mode == "portal" {
		_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	} else {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"+
			"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>\r\n")
	}
	// Half-close and wait for the client, or its unread ClientHello would turn our close into a reset.
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
}

// drip sends one byte a second: a server that keeps a careless client for hours.
type drip struct {
	net.Conn
	ctx context.Context
}

func (d *drip) Write(data []byte) (int, error) {
	for i := range data {
		select {
		case <-time.After(time.Second):
		case <-d.ctx.Done():
			return i, d.ctx.Err()
		}
		if _, err := d.Conn.Write(data[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(data), nil
}
