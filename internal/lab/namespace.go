//go:build linux

package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// namespace is one unnamed network namespace. Only our file descriptor, our sockets and our children keep it alive, so it
// cannot outlive us.
type namespace struct {
	name   string
	handle netns.NsHandle
	links  *netlink.Handle
}

func newNamespace(name string) (*namespace, error) {
	n := &namespace{name: name}
	created := make(chan error, 1)
	go func() {
		// Never unlocked: Go then ends the thread with the goroutine, and no other goroutine runs in the wrong namespace.
		runtime.LockOSThread()
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			created <- fmt.Errorf("create network namespace %s: %w", name, err)
			return
		}
		handle, err := netns.Get()
		n.handle = handle
		created <- err
	}()
	if err := <-created; err != nil {
		return nil, err
	}
	links, err := netlink.NewHandleAt(n.handle)
	if err != nil {
		n.handle.Close()
		return nil, fmt.Errorf("open netlink in %s: %w", name, err)
	}
	n.links = links
	lo, err := links.LinkByName("lo")
	if err == nil {
		err = links.LinkSetUp(lo)
	}
	if err != nil {
		n.close()
		return nil, fmt.Errorf("bring up lo in %s: %w", name, err)
	}
	return n, nil
}

func (n *namespace) close() {
	if n == nil {
		return
	}
	n.links.Close()
	n.handle.Close()
}

// do runs f on a thread that is inside the namespace. Sockets and processes that f makes stay there for life.
func (n *namespace) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(n.handle); err != nil {
			done <- fmt.Errorf("enter %s: %w", n.name, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// sysctl writes settings such as "net.ipv4.ip_forward=1".
func (n *namespace) sysctl(settings ...string) error {
	return n.do(func() error {
		for _, setting := range settings {
			key, value, _ := strings.Cut(setting, "=")
			file := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
			if err := os.WriteFile(file, []byte(value), 0); err != nil {
				return fmt.Errorf("set %s in %s: %w", setting, n.name, err)
			}
		}
		return nil
	})
}

// nft loads a rule set in one transaction.
func (n *namespace) nft(rules string) error {
	if strings.TrimSpace(rules) == "" {
		return nil
	}
	return n.do(func() error {
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(rules)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("nft in %s: %w: %s\n%s", n.name, err, bytes.TrimSpace(out), rules)
		}
		return nil
	})
}

func (n *namespace) listenTCP(address string) (net.Listener, error) {
	var listener net.Listener
	err := n.do(func() (err error) {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp6"
		}
		config := net.ListenConfig{}
		config.SetMultipathTCP(false) // a plain server, whatever Go's default becomes
		listener, err = config.Listen(context.Background(), network, address)
		return err
	})
	return listener, err
}

func (n *namespace) listenUDP(address string) (net.PacketConn, error) {
	var conn net.PacketConn
	err := n.do(func() (err error) {
		network := "udp4"
		if strings.HasPrefix(address, "[") {
			network = "udp6"
		}
		conn, err = net.ListenPacket(network, address)
		return err
	})
	return conn, err
}

// addAddress puts an address such as "10.0.1.1/24" on a link.
func (n *namespace) addAddress(link, address string) error {
	l, err := n.links.LinkByName(link)
	if err != nil {
		return fmt.Errorf("link %s in %s: %w", link, n.name, err)
	}
	parsed, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if parsed.IP.To4() == nil {
		parsed.Flags = syscall.IFA_F_NODAD
	}
	if err := n.links.AddrAdd(l, parsed); err != nil {
		return fmt.Errorf("add %s to %s in %s: %w", address, link, n.name, err)
	}
	return nil
}

// addRoute adds a route to a prefix, through a link and optionally a gateway. With kind other than unicast the link is ignored.
func (n *namespace) addRoute(prefix, link, gateway string, kind int) error {
	_, dst, err := net.ParseCIDR(prefix)
	if err != nil {
		return err
	}
	route := &netlink.Route{Dst: dst, Type: kind}
	if link != "" {
		l, err := n.links.LinkByName(link)
		if err != nil {
			return fmt.Errorf("link %s in %s: %w", link, n.name, err)
		}
		route.LinkIndex = l.Attrs().Index
	}
	if gateway != "" {
		route.Gw = net.ParseIP(gateway)
		route.SetFlag(netlink.FLAG_ONLINK)
	} else if link != "" {
		route.Scope = netlink.SCOPE_LINK
	}
	if kind == syscall.RTN_LOCAL {
		route.Table = syscall.RT_TABLE_LOCAL
		route.Scope = netlink.SCOPE_HOST
	}
	if err := n.links.RouteAdd(route); err != nil {
		return fmt.Errorf("route %s via %s %s in %s: %w", prefix, gateway, link, n.name, err)
	}
	return nil
}

// setMAC gives a link the hardware address that the instance's metadata name it by.
func (n *namespace) setMAC(link, address string) error {
	l, err := n.links.LinkByName(link)
	if err != nil {
		return fmt.Errorf("link %s in %s: %w", link, n.name, err)
	}
	mac, err := net.ParseMAC(address)
	if err != nil {
		return err
	}
	return n.links.LinkSetHardwareAddr(l, mac)
}
