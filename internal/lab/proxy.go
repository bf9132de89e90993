//go:build linux

package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// ProxySpec is an HTTP proxy of the customer's, inside the VPC, with a way to the internet of its own.
type ProxySpec struct {
	Address string   `yaml:"address"` // its port is 3128
	Mode    string   `yaml:"mode"`    // "" works; auth asks for a password; deny answers 403; gone closes its port
	Deny    []string `yaml:"deny"`    // services that it refuses while others work
}

const proxyPort = "3128"

var proxyModes = []string{"", "auth", "deny", "gone"}

// proxy serves CONNECT, and requests for whole addresses of plain HTTP, as apt makes them.
type proxy struct {
	ProxySpec
	world *world
	way   *namespace // it connects from here, and knows names as the internet does
}

func (p *proxy) serve(ctx context.Context, wait *sync.WaitGroup, n *namespace) error {
	if p.Mode == "gone" {
		return nil
	}
	listener, err := n.listenTCP(net.JoinHostPort(p.Address, proxyPort))
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { p.handle(ctx, conn) })
		}
	})
	return nil
}

func (p *proxy) handle(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReader(conn)
	request, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	host, port, err := net.SplitHostPort(request.Host)
	if err != nil {
		host, port = request.Host, "80"
	}
	status := p.judge(host)
	plain := request.Method != http.MethodConnect
	if status == http.StatusOK && plain && request.URL.Scheme != "http" {
		status = http.StatusMethodNotAllowed
	}
	var onward net.Conn
	if status == http.StatusOK {
		if onward, err = p.connect(host, port); err != nil {
			status = http.StatusBadGateway
		}
	}
	if status != http.StatusOK {
		fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nVia: 1.1 proxy.example.net (squid)\r\nProxy-Authenticate: Basic realm=\"example\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			status, http.StatusText(status))
		return
	}
	defer onward.Close()
	if plain {
		request.Close = true // one request for each connection: the next may be for another host
		if err := request.Write(onward); err != nil {
			return
		}
	} else {
		fmt.Fprint(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	}
	go func() {
		_, _ = io.Copy(onward, in)
		onward.Close()
	}()
	_, _ = io.Copy(conn, onward)
}

func (p *proxy) judge(host string) int {
	switch {
	case p.Mode == "auth":
		return http.StatusProxyAuthRequired
	case p.Mode == "deny", slices.ContainsFunc(p.Deny, func(s string) bool { return p.world.hostName(s) == strings.ToLower(host) }):
		return http.StatusForbidden
	}
	return http.StatusOK
}

func (p *proxy) connect(host, port string) (conn net.Conn, err error) {
	addresses, _ := p.world.addresses(host, false, false)
	if len(addresses) == 0 {
		return nil, fmt.Errorf("no address for %s", host)
	}
	err = p.way.do(func() (err error) {
		dialer := net.Dialer{Timeout: 5 * time.Second}
		dialer.SetMultipathTCP(false)
		conn, err = dialer.Dial("tcp4", net.JoinHostPort(addresses[0], port))
		return err
	})
	return conn, err
}
