// Package web serves the metrics, the status page, the last report and the health
// checks. Nothing in it takes a target from the caller.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"

	"agentctl/agent/config"
	"agentctl/agent/history"
	"agentctl/agent/report"
)

// Bounds of one client and of all of them. A scrape takes milliseconds, and nobody
// has more to say than a request line.
const (
	headerTime     = 5 * time.Second
	readTime       = 10 * time.Second
	writeTime      = 15 * time.Second
	idleTime       = 75 * time.Second // above Prometheus's usual scrape interval
	maxHeader      = 16 << 10
	maxConnections = 64 // on one listener; more wait
)

// Source is what is served.
type Source interface {
	Alive() bool
	Ready() bool
	Report(func(*report.Report, *history.History))
}

// Options are what a server needs.
type Options struct {
	Source  Source
	Metrics http.Handler
	Page    http.Handler // the status page
	Log     *slog.Logger
}

// Server has any number of listeners, each with a server of its own: exporter-
// toolkit changes the one that it is given.
type Server struct {
	o       Options
	mu      sync.Mutex
	open    []*listening
	closing bool
	done    sync.WaitGroup
}

// listening is one listener at work.
type listening struct {
	address string // as configured
	web     config.Web
	server  *http.Server
	addr    net.Addr
}

// New makes a server without listeners.
func New(o Options) *Server { return &Server{o: o} }

// Apply opens the listeners that a configuration names and closes the others. Where
// one cannot be opened, nothing is changed.
func (s *Server) Apply(w config.Web) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil
	}
	if w.ConfigFile != "" {
		if err := toolkit.Validate(w.ConfigFile); err != nil {
			return fmt.Errorf("web configuration %s: %w", w.ConfigFile, err)
		}
	}
	var keep, fresh, ended []*listening
	var sockets []net.Listener
	var later []string
	open := func(address string) error {
		socket, err := listen(address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", address, err)
		}
		sockets = append(sockets, socket)
		fresh = append(fresh, &listening{address: address, web: w, addr: socket.Addr()})
		return nil
	}
	leaving := slices.Clone(s.open)
	var wanted []string
	for _, address := range w.Listen {
		i := slices.IndexFunc(leaving, func(l *listening) bool {
			return l.address == address && l.web.ConfigFile == w.ConfigFile && l.web.Expose == w.Expose
		})
		if i < 0 {
			wanted = append(wanted, address)
			continue
		}
		keep = append(keep, leaving[i])
		leaving = slices.Delete(leaving, i, i+1)
	}
	err := error(nil)
	for _, address := range wanted {
		if slices.ContainsFunc(leaving, func(l *listening) bool { return samePort(l.address, address) }) {
			later = append(later, address)
		} else if err = open(address); err != nil {
			break
		}
	}
	// A listener gives its port up first where another takes it.
	for i := 0; i < len(later) && err == nil; i++ {
		for _, l := range leaving {
			if samePort(l.address, later[i]) && !slices.Contains(ended, l) {
				s.end(l)
				ended = append(ended, l)
			}
		}
		err = open(later[i])
	}
	if err != nil {
		for _, l := range sockets {
			_ = l.Close()
		}
		s.reopen(ended)
		return err
	}
	for _, l := range leaving {
		if !slices.Contains(ended, l) {
			s.end(l)
		}
	}
	for i, l := range fresh {
		s.serve(l, sockets[i])
	}
	s.open = append(keep, fresh...)
	return nil
}

// reopen brings back listeners that gave their ports up for nothing.
func (s *Server) reopen(ended []*listening) {
	for _, l := range ended {
		socket, err := listen(l.address)
		if err != nil {
			s.o.Log.Error("listener is lost", "address", l.address, "err", err)
			s.open = slices.DeleteFunc(s.open, func(x *listening) bool { return x == l })
			continue
		}
		s.serve(l, socket)
	}
}

// samePort tells whether two addresses may be in each other's way; port 0 is a new
// one each time.
func samePort(a, b string) bool {
	_, x, _ := net.SplitHostPort(a)
	_, y, _ := net.SplitHostPort(b)
	return x == y && x != "0"
}

func listen(address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	return netutil.LimitListener(l, maxConnections), nil
}

// serve starts one listener.
func (s *Server) serve(l *listening, socket net.Listener) {
	l.server = &http.Server{Handler: s.handler(l), ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug)}
	none, file := false, l.web.ConfigFile
	flags := &toolkit.FlagConfig{WebListenAddresses: &[]string{l.address}, WebSystemdSocket: &none, WebConfigFile: &file}
	s.o.Log.Info("listening", "address", l.addr.String(), "config", file, "shows", l.shows())
	s.done.Go(func() {
		if err := toolkit.Serve(socket, l.server, flags, quiet(s.o.Log)); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("listener ended", "address", l.address, "err", err)
		}
	})
}

// quiet leaves out what the toolkit says of each listener: it is said already.
func quiet(l *slog.Logger) *slog.Logger { return slog.New(errorsOnly{l.Handler()}) }

type errorsOnly struct{ slog.Handler }

// Enabled implements slog.Handler.
func (errorsOnly) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// full tells whether a listener shows the page and the report too.
func (l *listening) full() bool {
	return l.web.Expose == config.ExposeAll || config.Loopback(l.address)
}

func (l *listening) shows() string {
	if l.full() {
		return "everything"
	}
	return "metrics and health"
}

// end closes a listener; what it is answering is answered.
func (s *Server) end(l *listening) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close()
	}
}

// Close ends all listeners, within about three seconds.
func (s *Server) Close() {
	s.mu.Lock()
	s.closing = true
	var ends sync.WaitGroup
	for _, l := range s.open {
		ends.Go(func() { s.end(l) })
	}
	s.open = nil
	s.mu.Unlock()
	ends.Wait()
	s.done.Wait()
}

// Addresses are those that are listened on, as the system gave them.
func (s *Server) Addresses() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []net.Addr
	for _, l := range s.open {
		out = append(out, l.addr)
	}
	return out
}
