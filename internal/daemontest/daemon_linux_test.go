// Package daemontest runs the real daemon in a network namespace of its own: what
// it serves, what it tells systemd, how it ends, and what is left when it is killed.
package daemontest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"agentctl/agent/history"
)

// binary builds agentctl once, or takes the one that AGENTCTL_BIN names.
var binary = sync.OnceValues(func() (string, error) {
	if b := os.Getenv("AGENTCTL_BIN"); b != "" {
		return b, nil
	}
	dir, err := os.MkdirTemp("", "agentctl-daemontest-")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "agentctl")
	cmd := exec.Command("go", "build", "-o", out, "agentctl/cmd/agentctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return out, nil
})

// process is one daemon.
type process struct {
	*exec.Cmd
	dir, config string
	log         *bytes.Buffer
	ended       chan error
}

const address = "127.0.0.1:9855"

// start runs the daemon where there is nothing but loopback.
func start(t *testing.T, dir, config string, env ...string) *process {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root, to make a network namespace")
		}
		t.Skip("needs root, to make a network namespace")
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{dir: dir, config: filepath.Join(dir, "agentctl.yml"), log: &bytes.Buffer{}, ended: make(chan error, 1)}
	if err := os.WriteFile(p.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Cmd = exec.Command("unshare", "-n", "sh", "-c", `ip link set lo up && exec "$0" "$@"`, bin, "run", "--config", p.config, "--state-dir", dir, "--listen", address)
	p.Env = append(os.Environ(), env...)
	p.Stderr = p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			<-p.ended
		}
	})
	return p
}

// get asks the daemon from within its own namespace.
func (p *process) get(path string) (status int, body string) {
	return (&running{Cmd: p.Cmd, peer: peer{address: address}}).get(path)
}

// wait asks until the answer is as it should be; a busy machine may take long.
func (p *process) wait(t *testing.T, path string, good func(int, string) bool) string {
	t.Helper()
	var status int
	var body string
	for range 300 {
		if status, body = p.get(path); good(status, body) {
			return body
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: %d %.2000s\nlog:\n%s", path, status, body, p.log)
	return ""
}

func ok(status int, _ string) bool { return status == http.StatusOK }

// TestServes: what it serves, what systemd is told, and how it ends.
func TestServes(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var mu sync.Mutex
	told := ""
	go func() {
		buf := make([]byte, 4096)
		for {
			n, _, err := l.ReadFromUnix(buf)
			if err != nil {
				return
			}
			mu.Lock()
			told += string(buf[:n]) + "\n"
			mu.Unlock()
		}
	}()
	p := start(t, dir, "", "NOTIFY_SOCKET="+socket)
	p.wait(t, "/-/ready", ok)
	if status, _ := p.get("/-/healthy"); status != http.StatusOK {
		t.Errorf("healthy: %d", status)
	}
	var rep struct {
		Schema  string
		Verdict struct{ State string }
	}
	if err := json.Unmarshal([]byte(p.wait(t, "/api/v1/report", ok)), &rep); err != nil || rep.Schema != "agentctl/report/v1" || rep.Verdict.State == "" {
		t.Errorf("report %+v, %v", rep, err)
	}
	for path, must := range map[string]string{"/metrics": `agentctl_verdict{state="` + rep.Verdict.State + `"} 1`, "/": "<svg"} {
		if _, body := p.get(path); !strings.Contains(body, must) {
			t.Errorf("%s: no %s in %.3000s", path, must, body)
		}
	}
	if status, _ := p.get("/probe?target=example.com"); status != http.StatusNotFound {
		t.Errorf("a target of the caller's: %d", status)
	}
	// A configuration with a mistake leaves the old one in force.
	if err := os.WriteFile(p.config, []byte("regoin: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.wait(t, "/metrics", func(_ int, body string) bool {
		return strings.Contains(body, "agentctl_config_last_reload_successful 0")
	})
	if err := os.WriteFile(p.config, []byte("mute: [{code: dns-slow, reason: test}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = p.Process.Signal(syscall.SIGHUP)
	p.wait(t, "/metrics", func(_ int, body string) bool {
		return strings.Contains(body, "agentctl_config_last_reload_successful 1")
	})

	began := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("ended with %v\n%s", err, p.log)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("does not end")
	}
	t.Logf("ended after %s", time.Since(began).Round(time.Millisecond))
	if !strings.Contains(p.log.String(), p.config+":1: unknown key") {
		t.Errorf("the log does not name the mistake's line:\n%s", p.log)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, must := range []string{"READY=1", "STATUS=", "WATCHDOG=1", "STOPPING=1"} {
		if !strings.Contains(told, must) {
			t.Errorf("systemd was not told %s:\n%s", must, told)
		}
	}
}

// TestKilled: killed at any moment, the state is readable and another daemon goes on
// from it. KILLS is how often (20).
func TestKilled(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("KILLS"))
	if err != nil {
		kills = 20
	}
	dir := t.TempDir()
	states := 0
	for i := range kills {
		p := start(t, dir, "intervals: {network: 30s, agent: 6s, host: 6s}\nconfirm: {after: 1s}\n")
		time.Sleep(rand.N(1200 * time.Millisecond))
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.ended
		rep, err := history.In(dir).Last()
		if err != nil {
			t.Fatalf("kill %d: %v", i+1, err)
		}
		if rep != nil {
			states++
		}
		if strings.Contains(p.log.String(), "set aside") {
			t.Fatalf("kill %d: a state was corrupt:\n%s", i+1, p.log)
		}
	}
	if states == 0 {
		t.Error("no daemon lived long enough to save a state")
	}
	p := start(t, dir, "")
	p.wait(t, "/-/ready", ok)
	left, _ := filepath.Glob(filepath.Join(dir, ".state.json.*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Logf("%d kills, after %d of them there was a state", kills, states)
}
