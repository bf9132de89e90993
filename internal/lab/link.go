//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const linkMTU = 1500

// connectVeth lays a cable between two namespaces: the device nameA in a, nameB in b. It is never seen in the root namespace.
func connectVeth(a *namespace, nameA string, b *namespace, nameB string, mtu int) error {
	veth := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: nameA, MTU: mtu},
		PeerName:      nameB,
		PeerMTU:       uint32(mtu),
		PeerNamespace: netlink.NsFd(int(b.handle)),
	}
	if err := a.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("connect %s to %s: %w", a.name, b.name, err)
	}
	for _, end := range []struct {
		n    *namespace
		name string
	}{{a, nameA}, {b, nameB}} {
		link, err := end.n.links.LinkByName(end.name)
		if err == nil {
			err = end.n.links.LinkSetUp(link)
		}
		if err == nil {
			err = end.n.withoutOffload(end.name)
		}
		if err != nil {
			return fmt.Errorf("bring up %s in %s: %w", end.name, end.n.name, err)
		}
	}
	if err := a.waitUp(nameA); err != nil {
		return err
	}
	return b.waitUp(nameB)
}

// waitUp waits until the kernel calls the link operational: a veth drops packets between "up" and then.
func (n *namespace) waitUp(name string) error {
	for range 2000 {
		link, err := n.links.LinkByName(name)
		if err != nil {
			return err
		}
		if link.Attrs().OperState == netlink.OperUp {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("link %s in %s did not come up", name, n.name)
}

// withoutOffload switches segmentation and checksum offload off, so that nft sees packets of the size that a wire would carry.
func (n *namespace) withoutOffload(name string) error {
	const setTxChecksum, setTSO, setGSO, setGRO = 0x17, 0x1f, 0x24, 0x2c // include/uapi/linux/ethtool.h
	return n.do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, command := range []uint32{setTSO, setGSO, setGRO, setTxChecksum} {
			value := struct{ command, data uint32 }{command, 0}
			request := struct {
				name [unix.IFNAMSIZ]byte
				data unsafe.Pointer
				_    [16]byte
			}{data: unsafe.Pointer(&value)}
			copy(request.name[:], name)
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
				return fmt.Errorf("ethtool %#x on %s: %w", command, name, errno)
			}
		}
		return nil
	})
}

// connectSlow lays a cable that delivers every packet after a delay, in order. The kernel's netem is often not built in, so
// both ends are TUN devices and two goroutines carry the packets.
func connectSlow(ctx context.Context, wait *sync.WaitGroup, a *namespace, nameA string, b *namespace, nameB string, delay time.Duration) error {
	endA, err := a.openTUN(nameA)
	if err != nil {
		return err
	}
	endB, err := b.openTUN(nameB)
	if err != nil {
		endA.Close()
		return err
	}
	context.AfterFunc(ctx, func() { endA.Close(); endB.Close() })
	carry(wait, endA, endB, delay)
	carry(wait, endB, endA, delay)
	return nil
}

func carry(wait *sync.WaitGroup, from, to *os.File, delay time.Duration) {
	type packet struct {
		data []byte
		due  time.Time
	}
	queue := make(chan packet, 4096) // more than a second of any scenario's traffic
	wait.Add(2)
	go func() {
		defer wait.Done()
		defer close(queue)
		buffer := make([]byte, 65536)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			select {
			case queue <- packet{append([]byte(nil), buffer[:n]...), time.Now().Add(delay)}:
			default: // a full queue drops, as a router's does
			}
		}
	}()
	go func() {
		defer wait.Done()
		for p := range queue {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.data) // a packet that cannot be delivered is a lost packet
		}
	}()
}

func (n *namespace) openTUN(name string) (*os.File, error) {
	var file *os.File
	err := n.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			unix.Close(fd)
			return err
		}
		file = os.NewFile(uintptr(fd), "tun-"+name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open TUN %s in %s: %w", name, n.name, err)
	}
	link, err := n.links.LinkByName(name)
	if err == nil {
		err = n.links.LinkSetUp(link)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("bring up %s in %s: %w", name, n.name, err)
	}
	return file, nil
}
