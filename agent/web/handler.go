package web

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"agentctl/agent/history"
	"agentctl/agent/report"
)

// handler is what one listener serves.
func (s *Server) handler(l *listening) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", s.o.Metrics)
	mux.HandleFunc("/-/healthy", health(s.o.Source.Alive, "alive", "the probe loop does not turn"))
	mux.HandleFunc("/-/ready", health(s.o.Source.Ready, "ready", "the first round is under way"))
	if l.full() {
		private := func(h http.Handler) http.Handler {
			if l.web.Expose == "all" {
				return h
			}
			return localOnly(h)
		}
		mux.Handle("/api/v1/report", private(http.HandlerFunc(s.report)))
		mux.Handle("/{$}", private(s.o.Page))
	} else {
		mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
			plain(w, http.StatusNotFound, "agentctl: this listener serves /metrics and /-/healthy; the status page is on loopback, or here with web.expose: all\n")
		})
	}
	return safe(mux)
}

// safe takes reading methods only, no bodies, and marks answers as what they are.
func safe(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			plain(w, http.StatusMethodNotAllowed, "agentctl: only GET and HEAD\n")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// localOnly refuses requests for another name than this machine's own: a page in
// somebody's browser could have its own name resolve to loopback and read the report
// (DNS rebinding).
func localOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if len(host) > 2 && host[0] == '[' {
			host = host[1 : len(host)-1]
		}
		if _, err := netip.ParseAddr(host); err != nil && !strings.EqualFold(host, "localhost") {
			plain(w, http.StatusMisdirectedRequest, "agentctl: ask for localhost or an address; this listener answers to no other name\n")
			return
		}
		h.ServeHTTP(w, r)
	})
}

func health(ok func() bool, good, bad string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if !ok() {
			plain(w, http.StatusServiceUnavailable, bad+"\n")
			return
		}
		plain(w, http.StatusOK, good+"\n")
	}
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// report is the last report.
func (s *Server) report(w http.ResponseWriter, _ *http.Request) {
	var last *report.Report
	s.o.Source.Report(func(r *report.Report, _ *history.History) { last = r })
	if last == nil {
		w.Header().Set("Retry-After", "5")
		plain(w, http.StatusServiceUnavailable, "the first round is under way\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = report.WriteJSON(w, last) // the client has gone
}
