//go:build linux

// Command labsoak is the daemon of agentctl with a clock that runs fast: the same
// scheduler, rounds, metrics and listener, and intervals of which one day passes in
// minutes. The lab runs it in agentctl's place.
//
//	labsoak SPEED SECONDS    as agentctl run for a while, with every interval divided by SPEED
//
// It writes a line of JSON each second: rounds, memory, goroutines, descriptors.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"agentctl/agent/config"
	"agentctl/agent/daemon"
	"agentctl/agent/metrics"
	"agentctl/agent/report"
	"agentctl/agent/web"
	"agentctl/internal/version"
	"agentctl/platform"
	"agentctl/probes"
)

// sample is one line of output.
type sample struct {
	Rounds      int64  `json:"rounds"`
	RSS         int    `json:"rss_kib"`
	Goroutines  int    `json:"goroutines"`
	Descriptors int    `json:"descriptors"`
	CPU         int64  `json:"cpu_ms"`
	Verdict     string `json:"verdict"`
}

// counter counts rounds.
type counter struct {
	rounds  atomic.Int64
	verdict atomic.Value
}

func (c *counter) Round(_ *probes.Round, rep *report.Report, _ []probes.Group) {
	c.rounds.Add(1)
	c.verdict.Store(string(rep.Verdict.State))
}

func (*counter) Reloaded(bool, time.Time) {}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "labsoak:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: labsoak SPEED SECONDS")

func run() error {
	if len(os.Args) != 3 {
		return errUsage
	}
	speed, err := strconv.Atoi(os.Args[1])
	if err != nil || speed < 1 {
		return errUsage
	}
	seconds, err := strconv.Atoi(os.Args[2])
	if err != nil || seconds < 1 {
		return errUsage
	}
	_ = os.Unsetenv("GODEBUG")
	c, err := config.Load("")
	if err != nil {
		return err
	}
	for _, d := range []*config.Duration{&c.Intervals.Network, &c.Intervals.Repos, &c.Intervals.Agent, &c.Intervals.Host, &c.Intervals.Quiet, &c.Confirm.After} {
		d.Duration /= time.Duration(speed)
	}
	c.StateDir = "/tmp/agentctl-state"
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	m, count := metrics.New(version.Get()), &counter{}
	d := daemon.New(daemon.Options{Host: platform.New(""), Config: c, Log: log, Watch: []daemon.Watcher{m, count},
		Reload: func() (config.Config, error) { return c, nil }})
	server := web.New(web.Options{Source: d, Metrics: m.Handler(), Page: http.NotFoundHandler(), Log: log})
	if err := server.Apply(c.Web); err != nil {
		return err
	}
	defer server.Close()
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		out := json.NewEncoder(os.Stdout)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = out.Encode(measure(count))
			}
		}
	}()
	d.Run(ctx, nil)
	return nil
}

func measure(c *counter) sample {
	s := sample{Rounds: c.rounds.Load(), Goroutines: runtime.NumGoroutine()}
	s.Verdict, _ = c.verdict.Load().(string)
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.Descriptors = len(fds)
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		if _, rest, ok := bytes.Cut(status, []byte("VmRSS:")); ok {
			_, _ = fmt.Sscan(string(rest), &s.RSS)
		}
	}
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) == nil {
		s.CPU = (used.Utime.Nano() + used.Stime.Nano()) / 1e6
	}
	return s
}
