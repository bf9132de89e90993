package pagetest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentctl/agent/report/reporttest"
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
			for _, line := range complaints(log) {
				t.Errorf("the browser says: %s", line)
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

// complaints are what the page made the browser write to its console: errors of the
// script, and what the policy forbade.
func complaints(log string) []string {
	var out []string
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, "CONSOLE") && !strings.Contains(line, "favicon") {
			out = append(out, line)
		}
	}
	return out
}

// The checks above find what they look for: a page that breaks its policy, whose script
// fails, and one that asks for more than itself.
func TestChecksCanFail(t *testing.T) {
	browser(t)
	page, err := Page(Healthy())
	if err != nil {
		t.Fatal(err)
	}
	foreign := func(s string) []byte { return bytes.Replace(page, []byte("</main>"), []byte(s+"</main>"), 1) }
	for name, broken := range map[string][]byte{"a style of its own": foreign(`<p style="color:red">x</p>`), "a script of its own": foreign(`<script>alert(1)</script>`), "a picture": foreign(`<img src="/x.png" alt="x">`)} {
		site, err := serve(broken)
		if err != nil {
			t.Fatal(err)
		}
		_, log, err := Run(site.URL, "--dump-dom")
		site.Close()
		if err != nil {
			t.Fatalf("%v: %s", err, log)
		}
		if len(complaints(log)) == 0 {
			t.Errorf("%s: the browser complains of nothing", name)
		}
	}
	wide, err := scrollWidth(foreign(`<div style="width:500px">x</div>`), 360)
	if err != nil || wide == 360 {
		t.Errorf("a page of 500 pixels is %d wide, %v", wide, err)
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
		page, err := Page(s.Report)
		if err != nil {
			t.Fatal(err)
		}
		// A phone, and between the two folds of the style.
		for _, screen := range []int{360, 700} {
			if wide, err := scrollWidth(page, screen); err != nil || wide != screen {
				t.Errorf("%s: %d pixels wide, not %d, %v", s.Name, wide, screen, err)
			}
		}
	}
}

// scrollWidth is how wide a page is on a screen, in pixels: in a frame of the screen's
// width, with a script of the test's own that measures.
func scrollWidth(page []byte, screen int) (int, error) {
	outer := fmt.Sprintf(`<!doctype html><title>?</title><iframe src="/inner" style="width:%dpx;height:800px;border:0"></iframe><script>addEventListener("message",e=>{document.title="width "+e.data})</script>`, screen)
	inner := bytes.Replace(page, []byte("</body>"), []byte(`<script>parent.postMessage(document.documentElement.scrollWidth,"*")</script></body>`), 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/inner" {
			_, _ = w.Write(inner)
			return
		}
		_, _ = w.Write([]byte(outer))
	})}
	go func() { _ = srv.Serve(l) }()
	defer func() { _ = srv.Close() }()
	dom, log, err := Run("http://"+l.Addr().String()+"/", "--dump-dom")
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, log)
	}
	_, wide, _ := strings.Cut(dom, "<title>width ")
	wide, _, _ = strings.Cut(wide, "</title>")
	return strconv.Atoi(wide)
}

// The pictures of the documentation are there and small.
func TestPictures(t *testing.T) {
	for _, s := range Shots() {
		info, err := os.Stat(filepath.Join("..", "..", "docs", "img", s.Name+".png"))
		if err != nil {
			t.Error(err)
		} else if info.Size() > 150_000 {
			t.Errorf("%s has %d bytes", s.Name, info.Size())
		}
	}
}

// A picture of few colours is the same after it was made small.
func TestReduce(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for y := range 30 {
		for x := range 40 {
			img.Set(x, y, color.RGBA{R: uint8(x / 10 * 60), G: uint8(y / 10 * 80), B: 9, A: 255})
		}
	}
	small := Reduce(img)
	for y := range 30 {
		for x := range 40 {
			if rgba(small.At(x, y)) != rgba(img.At(x, y)) {
				t.Fatalf("pixel %d, %d is %v, not %v", x, y, small.At(x, y), img.At(x, y))
			}
		}
	}
}

// A colour of few pixels stays what it is among many shades: an amber line must not
// come out red.
func TestReduceKeepsRareColours(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 250, 40))
	for y := range 40 {
		for x := range 250 {
			img.Set(x, y, color.RGBA{R: 180, G: uint8(x / 5), B: uint8(x / 2), A: 255})
		}
	}
	amber := color.RGBA{R: 0x8a, G: 0x53, A: 255}
	img.Set(7, 7, amber)
	if got := rgba(Reduce(img).At(7, 7)); got != amber {
		t.Errorf("amber became %v", got)
	}
}
