//go:build linux

// Command guest is what runs in the container: it brings each case about and looks at
// it in all ways (run), looks at it as another user (read), or is the service itself
// (agent). Nothing but systemd and a shell need be there.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"agentctl/internal/systemdtest"
	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/ssmagent/unit"
)

const (
	casesFile  = "cases.json"
	resultFile = "observed.json"

	progressFile = "progress"
	mountedAt    = "/mnt/root" // where the root is mounted once more
	nobody       = 65534
	patience     = 30 * time.Second
	// timeout of a read: how fast systemd answers is not what is tested here.
	timeout = 10 * time.Second
)

func main() {
	var err error
	switch {
	case filepath.Base(os.Args[0]) == "amazon-ssm-agent":
		agent(os.Args[1:])
	case len(os.Args) == 3 && os.Args[1] == "run":
		err = run(context.Background(), os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "read":
		err = json.NewEncoder(os.Stdout).Encode(read(unit.Options{}))
	default:
		err = fmt.Errorf("usage: guest run FOLDER | guest read")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// agent is the service: it runs until it is told to stop, or ends by itself as its
// arguments say: exit=STATUS or signal=NUMBER, and after=DURATION.
func agent(args []string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	_ = os.WriteFile("/run/agent."+strconv.Itoa(os.Getpid()), nil, 0o600) // from now on it can be stopped
	var end <-chan time.Time
	after, status, sig := time.Duration(0), -1, 0
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "after":
			after, _ = time.ParseDuration(value)
		case "exit":
			status, _ = strconv.Atoi(value)
		case "signal":
			sig, _ = strconv.Atoi(value)
		}
	}
	if status >= 0 || sig > 0 {
		end = time.After(after)
	}
	select {
	case <-stop:
	case <-end:
		if sig > 0 {
			_ = syscall.Kill(os.Getpid(), syscall.Signal(sig))
			time.Sleep(time.Second)
		}
		os.Exit(status)
	}
}

// run does the cases of a folder one after the other.
func run(ctx context.Context, dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, casesFile))
	if err != nil {
		return err
	}
	var cases []systemdtest.Case
	if err := json.Unmarshal(data, &cases); err != nil {
		return err
	}
	if err := os.MkdirAll(mountedAt, 0o755); err != nil {
		return err
	}
	// With /run, where the sockets are.
	if err := syscall.Mount("/", mountedAt, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	observed := map[string]systemdtest.Observed{}
	for _, c := range cases {
		start := time.Now()
		_ = os.WriteFile(filepath.Join(dir, progressFile), []byte(c.Name), 0o644) // for whoever looks why it hangs
		o, err := observe(ctx, c)
		if err != nil {
			o.Error = err.Error()
		}
		o.Seconds = time.Since(start).Seconds()
		observed[c.Name] = o
	}
	out, err := json.MarshalIndent(observed, "", "\t")
	if err != nil {
		return err
	}
	// Whole or not at all: the test takes what is there.
	temp := filepath.Join(dir, "."+resultFile)
	if err := os.WriteFile(temp, out, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, resultFile))
}

func observe(ctx context.Context, c systemdtest.Case) (o systemdtest.Observed, err error) {
	if out, err := shell(ctx, "set -e\n"+c.Setup); err != nil {
		status, _ := exec.CommandContext(ctx, "systemctl", "status", "--no-pager", "-l", c.Unit).CombinedOutput()
		return o, fmt.Errorf("setup: %w\n%s\n%s", err, out, status)
	}
	if c.Await != "" {
		deadline := time.Now().Add(patience)
		for {
			if _, err := shell(ctx, c.Await); err == nil {
				break
			}
			if time.Now().After(deadline) {
				out, _ := exec.CommandContext(ctx, "systemctl", "status", "--no-pager", "-l", c.Unit).CombinedOutput()
				return o, fmt.Errorf("the condition never came: %s\n%s", c.Await, out)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	o.Direct = read(unit.Options{})
	o.Bus = read(unit.Options{Sockets: []unit.Socket{{Path: "/run/dbus/system_bus_socket"}}})
	o.Rootfs = read(unit.Options{Root: mountedAt})
	o.Files = read(unit.Options{Sockets: []unit.Socket{{Path: "/run/no-such-socket"}}})
	if o.Nobody, err = readAsNobody(ctx); err != nil {
		return o, err
	}
	o.Systemctl, err = systemctl(ctx, c.Unit)
	return o, err
}

func read(o unit.Options) probes.AgentUnit {
	o.Timeout = timeout
	host := platform.New(o.Root)
	return unit.Read(context.Background(), host, host.Facts(), o)
}

func readAsNobody(ctx context.Context) (u probes.AgentUnit, err error) {
	self, err := os.Executable()
	if err != nil {
		return u, err
	}
	cmd := exec.CommandContext(ctx, self, "read")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	if err != nil {
		return u, fmt.Errorf("read as nobody: %w", err)
	}
	return u, json.Unmarshal(out, &u)
}

// systemctl is the other opinion.
func systemctl(ctx context.Context, name string) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--timestamp=us+utc", name).Output()
	if err != nil {
		return nil, fmt.Errorf("systemctl show: %w", err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if k, v, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			all[k] = v
		}
	}
	return all, nil
}

// shell runs a script with the words that the cases are written in.
func shell(ctx context.Context, script string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", words+script)
	cmd.WaitDelay = time.Second // what it started may hold its output
	return cmd.CombinedOutput()
}

// words: is PROPERTY VALUE [UNIT] and atleast PROPERTY NUMBER [UNIT] ask systemctl;
// ready waits until the program has come so far that it ends by itself when told to.
const words = `
unit=amazon-ssm-agent.service
is() { [ "$(systemctl show -P "$1" "${3:-$unit}")" = "$2" ]; }
atleast() { [ "$(systemctl show -P "$1" "${3:-$unit}")" -ge "$2" ]; }
ready() { until [ -e /run/agent.$(systemctl show -P MainPID $unit) ]; do sleep 0.01; done; }
`
