package daemontest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

// peer is a program to compare with, in a namespace with nothing but loopback.
type peer struct {
	name    string
	command []string
	address string
	// probes makes so many probes of the program's own health check.
	probes func(p *running, n int) error
}

type running struct {
	*exec.Cmd
	peer
	cold time.Duration
}

// figures are what is compared.
type figures struct {
	cold, scrape, probe time.Duration // from the start to the first answer; CPU of one scrape; CPU of one probe
	rss                 int           // KiB, idle
}

// TestPeers compares the daemon with Debian's blackbox_exporter and node_exporter, in
// one run on one machine. PEERS=1 runs it (make bench); it asserts nothing.
func TestPeers(t *testing.T) {
	if os.Getenv("PEERS") != "1" {
		t.Skip("PEERS=1 runs this (make bench)")
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := "groups: {ssm: false, s3: false, repos: false, agent: false, host: false, identity: false}\nconfirm: {looks: 1}\ntargets:\n"
	for i := range 25 {
		config += fmt.Sprintf("- {name: t%d, url: \"http://127.0.0.1:9855/-/healthy\"}\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "agentctl.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	peers := []peer{
		{"agentctl", []string{bin, "run", "--config", filepath.Join(dir, "agentctl.yml"), "--state-dir", dir}, "127.0.0.1:9855", func(p *running, n int) error {
			for range n / 25 { // each reload has everything looked at
				if err := p.Process.Signal(syscall.SIGHUP); err != nil {
					return err
				}
				time.Sleep(300 * time.Millisecond)
			}
			return nil
		}},
		{"blackbox_exporter", []string{"prometheus-blackbox-exporter", "--config.file=/etc/prometheus/blackbox.yml", "--web.listen-address=127.0.0.1:9115"}, "127.0.0.1:9115", func(p *running, n int) error {
			for range n {
				if status, _ := p.get("/probe?module=http_2xx&target=http://127.0.0.1:9115/-/healthy"); status != http.StatusOK {
					return fmt.Errorf("status %d", status)
				}
			}
			return nil
		}},
		{"node_exporter", []string{"prometheus-node-exporter", "--web.listen-address=127.0.0.1:9100"}, "127.0.0.1:9100", nil},
	}
	all := map[string]figures{}
	for _, p := range peers {
		f, err := measure(p)
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		all[p.name] = f
		t.Logf("%-18s cold start %6.1f ms   RSS %5.1f MiB   CPU of a scrape %6.2f ms   CPU of a probe %6.2f ms", p.name, ms(f.cold), float64(f.rss)/1024, ms(f.scrape), ms(f.probe))
	}
	us := all["agentctl"]
	for _, name := range []string{"blackbox_exporter", "node_exporter"} {
		f := all[name]
		line := fmt.Sprintf("agentctl to %s: cold start %.2f, RSS %.2f, scrape %.2f", name, ms(us.cold)/ms(f.cold), float64(us.rss)/float64(f.rss), ms(us.scrape)/ms(f.scrape))
		if f.probe > 0 {
			line += fmt.Sprintf(", probe %.2f", ms(us.probe)/ms(f.probe))
		}
		t.Log(line)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func measure(p peer) (f figures, err error) {
	for i := range 5 { // the best of five: the first reads the program from the disk
		r, err := launch(p)
		if err != nil {
			return f, err
		}
		if i == 0 || r.cold < f.cold {
			f.cold = r.cold
		}
		r.stop()
	}
	r, err := launch(p)
	if err != nil {
		return f, err
	}
	defer r.stop()
	time.Sleep(4 * time.Second)
	f.rss = r.rss()
	before := r.cpu()
	const scrapes, probes = 200, 500
	for range scrapes {
		r.get("/metrics")
	}
	f.scrape = (r.cpu() - before) / scrapes
	if p.probes != nil {
		before = r.cpu()
		if err := p.probes(r, probes); err != nil {
			return f, err
		}
		f.probe = (r.cpu() - before) / probes
	}
	return f, nil
}

func launch(p peer) (*running, error) {
	r := &running{peer: p}
	r.Cmd = exec.Command("unshare", append([]string{"-n", "sh", "-c", `ip link set lo up && exec "$0" "$@"`}, p.command...)...)
	var log bytes.Buffer
	r.Stderr = &log
	began := time.Now()
	if err := r.Start(); err != nil {
		return nil, err
	}
	for time.Since(began) < 20*time.Second {
		if status, _ := r.get("/metrics"); status == http.StatusOK {
			r.cold = time.Since(began)
			return r, nil
		}
		time.Sleep(500 * time.Microsecond)
	}
	r.stop()
	return nil, fmt.Errorf("does not answer: %s", log.String())
}

func (r *running) stop() {
	_ = r.Process.Kill()
	_ = r.Wait()
}

// get asks on a thread in the program's own namespace.
func (r *running) get(path string) (status int, body string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ns, err := netns.GetFromPid(r.Process.Pid)
		if err != nil {
			return
		}
		defer func() { _ = ns.Close() }()
		if netns.Set(ns) != nil {
			return
		}
		c, err := net.DialTimeout("tcp", r.address, time.Second)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}}
		res, err := client.Get("http://" + r.address + path)
		if err != nil {
			return
		}
		defer func() { _ = res.Body.Close() }()
		data, _ := io.ReadAll(res.Body)
		status, body = res.StatusCode, string(data)
	}()
	<-done
	return status, body
}

func (r *running) rss() (kib int) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Process.Pid))
	if _, rest, ok := strings.Cut(string(data), "VmRSS:"); ok {
		_, _ = fmt.Sscan(rest, &kib)
	}
	return kib
}

// cpu is the processor time that the program has used, to 10 ms.
func (r *running) cpu() time.Duration {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.Process.Pid))
	_, rest, _ := strings.Cut(string(data), ") ")
	var user, system int
	fields := strings.Fields(rest)
	if len(fields) > 12 {
		_, _ = fmt.Sscan(fields[11], &user)
		_, _ = fmt.Sscan(fields[12], &system)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
