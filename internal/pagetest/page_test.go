package pagetest

import (
	"bytes"
	"image/png"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agentctl/agent/report/reporttest"
	"agentctl/agent/statuspage"
)

// browser skips without BROWSER=1; with it a missing Chromium is a failure.
func browser(t *testing.T) {
	t.Helper()
	if os.Getenv("BROWSER") != "1" {
		t.Skip("BROWSER=1 runs this (make soak)")
	}
	if Browser() == "" {
		t.Fatal("no Chromium here; scripts/setup.sh browser installs it")
	}
}

// In a real browser the page complains of nothing, asks for nothing but itself, and
// says the same without JavaScript.
func TestInChromium(t *testing.T) {
	browser(t)
	for _, s := range reporttest.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			site, err := Serve(s.Report)
			if err != nil {
				t.Fatal(err)
			}
			defer site.Close()
			dom, log, err := Run(site.URL, "--dump-dom")
			if err != nil {
				t.Fatalf("%v: %s", err, log)
			}
			for _, line := range strings.Split(log, "\n") {
				if strings.Contains(line, "CONSOLE") && !strings.Contains(line, "favicon") {
					t.Errorf("the browser says: %s", line)
				}
			}
			for _, must := range []string{"<h1>", "<footer>"} {
				if !strings.Contains(dom, must) {
					t.Errorf("no %s in the page", must)
				}
			}
			// Chromium takes no pictures with its scripts switched off, so the policy forbids them.
			with, without := ink(t, site.URL), ink(t, site.URL+"noscript")
			if without < with*85/100 {
				t.Errorf("without JavaScript %d pixels are drawn, with it %d", without, with)
			}
			for _, path := range site.Asked() {
				if path != "/" && path != "/noscript" && path != "/favicon.ico" {
					t.Errorf("asked for %s", path)
				}
			}
			if !slices.Contains(site.Asked(), "/") {
				t.Error("the page was not asked for")
			}
		})
	}
}

// ink counts the pixels of a page that are not its background.
func ink(t *testing.T, url string) int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.png")
	if _, log, err := Run(url, "--screenshot="+file, "--window-size=1000,1200"); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	n, b := 0, img.Bounds()
	ground := img.At(b.Min.X, b.Max.Y-1)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if img.At(x, y) != ground {
				n++
			}
		}
	}
	return n
}

// On a phone nothing sticks out at the side.
func TestPhone(t *testing.T) {
	browser(t)
	for _, s := range reporttest.Samples() {
		var page bytes.Buffer
		if err := statuspage.Render(&page, statuspage.View{Report: s.Report, History: Day(s.Report), Now: Now}); err != nil {
			t.Fatal(err)
		}
		// In a frame of a phone's width, with a script of the test's own that measures.
		inner := strings.Replace(page.String(), "</body>", `<script>parent.postMessage(document.documentElement.scrollWidth,"*")</script></body>`, 1)
		outer := `<!doctype html><title>?</title><iframe src="/inner" style="width:360px;height:800px;border:0"></iframe><script>addEventListener("message",e=>{document.title="width "+e.data})</script>`
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if r.URL.Path == "/inner" {
				_, _ = w.Write([]byte(inner))
				return
			}
			_, _ = w.Write([]byte(outer))
		})}
		go func() { _ = srv.Serve(l) }()
		dom, log, err := Run("http://"+l.Addr().String()+"/", "--dump-dom")
		_ = srv.Close()
		if err != nil {
			t.Fatalf("%v: %s", err, log)
		}
		if !strings.Contains(dom, "<title>width 360</title>") {
			from := strings.Index(dom, "<title>")
			t.Errorf("%s: %.40s, not 360", s.Name, dom[max(from, 0):])
		}
	}
}
