package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"agentctl/agent/config"
	agentd "agentctl/agent/daemon"
	"agentctl/agent/history"
	"agentctl/agent/metrics"
	"agentctl/agent/report"
	"agentctl/agent/statuspage"
	"agentctl/agent/web"
	"agentctl/internal/version"
	"agentctl/platform"
	"agentctl/probes"
)

// runFlags are the flags of `agentctl run`; they go before the configuration file.
type runFlags struct {
	listen    []string
	webConfig string
	stateDir  string
}

func newRun(g *globals) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "The daemon: rounds on a schedule, metrics, status page",
		Long: `Makes rounds on a schedule and serves what they found: Prometheus metrics at
/metrics, a status page at /, the last report at /api/v1/report. Listens on
` + config.DefaultListen + ` unless told otherwise. SIGHUP, or a change of the file,
has the configuration read anew.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDaemon(cmd.Context(), g, f, cmd.ErrOrStderr())
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.listen, "listen", nil, "`ADDRESS` to serve on, instead of the configured ones; may be repeated")
	fl.StringVar(&f.webConfig, "web.config.file", "", "exporter-toolkit `FILE` with TLS and authentication")
	fl.StringVar(&f.stateDir, "state-dir", "", "`DIR` for the last report and the history")
	return cmd
}

// load reads the configuration and lays the flags over it.
func (f *runFlags) load(file string) (config.Config, error) {
	c, err := config.Load(file)
	if err != nil {
		return c, err
	}
	if len(f.listen) > 0 {
		c.Web.Listen = f.listen
	}
	if f.webConfig != "" {
		if c.Web.ConfigFile, err = filepath.Abs(f.webConfig); err != nil {
			return c, err
		}
	}
	if f.stateDir != "" {
		if c.StateDir, err = filepath.Abs(f.stateDir); err != nil {
			return c, err
		}
	}
	return c, nil
}

func runDaemon(ctx context.Context, g *globals, f *runFlags, stderr io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // between rounds hardly anything is made; the instance is small
	}
	log, err := newLog(stderr, g.logLevel, g.logFormat)
	if err != nil {
		return err
	}
	cfg, err := f.load(g.config)
	if err != nil {
		return err
	}
	m := metrics.New(version.Get())
	var server *web.Server
	reload := func() (config.Config, error) {
		c, err := f.load(g.config)
		if err == nil {
			err = server.Apply(c.Web)
		}
		return c, err
	}
	d := agentd.New(agentd.Options{Host: platform.New(g.rootfs), RootFS: g.rootfs, Config: cfg, Reload: reload, Log: log,
		Watch: []agentd.Watcher{m}, Notify: func(state string) { _, _ = daemon.SdNotify(false, state) }})
	server = web.New(web.Options{Source: d, Metrics: m.Handler(), Page: statusPage(d), Log: log})
	if err := server.Apply(cfg.Web); err != nil {
		return err
	}
	defer server.Close()
	m.Reloaded(true, time.Now())
	log.Info("agentctl runs", "version", version.Get().Version, "config", cfg.Path, "state", cfg.StateDir)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	again := make(chan struct{}, 1)
	go func() {
		for range hangup {
			select {
			case again <- struct{}{}:
			default:
			}
		}
	}()
	d.Run(ctx, again)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	log.Info("agentctl ends")
	return nil
}

// statusPage draws the page from the daemon's last round.
func statusPage(d *agentd.Daemon) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var b bytes.Buffer
		var err error
		d.View(func(rep *report.Report, round *probes.Round, past *history.History) {
			err = statuspage.Render(&b, statuspage.View{Report: rep, Round: round, History: past, Now: time.Now(), Version: version.Get().Version})
		})
		if err != nil {
			http.Error(w, "the page cannot be drawn", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", statuspage.CSP())
		_, _ = b.WriteTo(w)
	})
}

var errNotText = errors.New("--compare works with --output text")

// compareWith reads the report that --compare names.
func compareWith(name string) (*report.Report, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("--compare %s: %w", name, plain(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxReport {
		return nil, fmt.Errorf("--compare %s: is not a report", name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--compare %s: %w", name, plain(err))
	}
	old, err := report.ReadJSON(data)
	if err != nil {
		return nil, fmt.Errorf("--compare %s: %w", name, err)
	}
	return old, nil
}

// maxReport is above any report (bytes).
const maxReport = 8 << 20
