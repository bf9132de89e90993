// Package pagetest shows the status page to a real Chromium.
package pagetest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/report/reporttest"
	"agentctl/agent/statuspage"
	"agentctl/probes"
)

// Shot is one picture.
type Shot struct {
	Name   string
	Report func() *report.Report
	Width  int
	Dark   bool
}

// Widths of the pictures in pixels: of a desk and of a phone.
const (
	desk  = 1100
	phone = 390
)

// Shots are the pictures of the documentation.
func Shots() []Shot {
	var out []Shot
	for _, s := range []struct {
		name   string
		report func() *report.Report
	}{{"broken", Broken}, {"healthy", Healthy}} {
		out = append(out, Shot{s.name + "-light", s.report, desk, false}, Shot{s.name + "-dark", s.report, desk, true}, Shot{s.name + "-phone", s.report, phone, false})
	}
	return out
}

// Broken and Healthy are the samples with the facts of a machine as a round reports them.
func Broken() *report.Report { return measured(reporttest.Broken()) }

// Healthy is an instance on which all is well.
func Healthy() *report.Report { return measured(reporttest.Healthy()) }

func measured(r *report.Report) *report.Report {
	for i := range r.Targets {
		if t := &r.Targets[i]; t.State == probes.Up && t.Route == probes.RouteInterface && len(t.Addresses) == 0 {
			t.Addresses = []string{map[string]string{"ssm": "10.0.1.51", "ssmmessages": "10.0.1.53"}[t.Name]}
		}
	}
	r.Checks = []report.Check{
		{Name: "ssm-agent", Group: probes.GroupAgent, State: probes.Up, Value: "3.3.2299.0 running", Detail: "last reported to ssm 2 min ago"},
		{Name: "imds", Group: probes.GroupIdentity, State: probes.Up, Value: "ok", Detail: "answered within 1 ms"},
		{Name: "role", Group: probes.GroupIdentity, State: probes.Up, Value: "patching-role", Detail: "credentials expire at 2026-11-24T17:10:00Z"},
		{Name: "resolver 10.0.0.2", Group: probes.GroupHost, State: probes.Up, Value: "14 of 14 answered", Detail: "median 1 ms"},
	}
	return r
}

// Now is the time on the pictures.
var Now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Site serves the page on loopback, and remembers what it was asked for.
type Site struct {
	URL string
	mu  sync.Mutex
	got []string
	srv *http.Server
}

// Serve opens a site that shows a report.
func Serve(r *report.Report) (*Site, error) {
	page, err := Page(r)
	if err != nil {
		return nil, err
	}
	return serve(page)
}

// Page is the status page of a report that was made a moment ago.
func Page(r *report.Report) ([]byte, error) {
	var page bytes.Buffer
	r.StartedAt = Now.Add(-40 * time.Second)
	for i := range r.Findings {
		r.Findings[i].Since = Now.Add(-25 * time.Minute)
	}
	err := statuspage.Render(&page, statuspage.View{Report: r, History: Day(r), Now: Now, Version: "0.1.0"})
	return page.Bytes(), err
}

// serve opens a site with one page.
func serve(page []byte) (*Site, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Site{URL: "http://" + l.Addr().String() + "/"}
	s.srv = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.got = append(s.got, r.URL.Path)
		s.mu.Unlock()
		w.Header().Set("Content-Security-Policy", statuspage.CSP())
		if r.URL.Path == "/noscript" {
			w.Header().Add("Content-Security-Policy", "script-src 'none'")
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})}
	go func() { _ = s.srv.Serve(l) }()
	return s, nil
}

// Asked are the paths that were asked for.
func (s *Site) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

// Close ends the site.
func (s *Site) Close() { _ = s.srv.Close() }

// Day is a history in which a report's faults began half an hour ago, and were there
// for a while in the night.
func Day(r *report.Report) *history.History {
	h := history.New()
	good := &report.Report{Verdict: report.Verdict{State: diagnosis.Ready}}
	for _, t := range r.Targets {
		if t.State != probes.Skipped {
			t.State = probes.Up
		}
		good.Targets = append(good.Targets, t)
	}
	for m := -1430; m <= 0; m += 5 {
		x := good
		if m > -30 || m > -620 && m < -560 {
			x = r
		}
		h.Note(x, Now.Add(time.Duration(m)*time.Minute))
	}
	return h
}

// Browser is the name of the browser's program; "" where there is none.
func Browser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

// Run has the browser open a page, without a screen, and returns what it printed.
func Run(url string, args ...string) (stdout, stderr string, err error) {
	b := Browser()
	if b == "" {
		return "", "", fmt.Errorf("no Chromium here; scripts/setup.sh browser installs it")
	}
	home, err := os.MkdirTemp("", "agentctl-browser-")
	if err != nil {
		return "", "", err
	}
	defer func() { _ = os.RemoveAll(home) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	base := []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--disable-background-networking",
		"--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + home, "--enable-logging=stderr", "--virtual-time-budget=3000"}
	cmd := exec.CommandContext(ctx, b, append(append(base, args...), url)...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	return out.String(), log.String(), err
}
