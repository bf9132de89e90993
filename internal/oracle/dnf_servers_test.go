package oracle

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dnfWorld is the loopback servers of the differential test, one for each way in
// which a repository can be offered or broken.
type dnfWorld struct {
	plain  string // http://127.0.0.1:port
	tls    string // https://localhost:port, signed by the CA
	client string // the same, for clients with a certificate alone
	proxy  string // an HTTP proxy; proxyAuth one that wants a password
	closed string // a port where nobody listens
	dir    string // files: ca.pem, client.pem, ...
	repomd []byte
}

func newDNFWorld(t *testing.T) *dnfWorld {
	t.Helper()
	w := &dnfWorld{dir: t.TempDir()}
	tree := filepath.Join(w.dir, "repo")
	dnfMkdir(t, tree)
	if out, err := exec.CommandContext(t.Context(), "/usr/bin/createrepo_c", "-q", tree).CombinedOutput(); err != nil {
		t.Fatalf("createrepo_c: %v\n%s", err, out)
	}
	var err error
	if w.repomd, err = os.ReadFile(filepath.Join(tree, "repodata/repomd.xml")); err != nil {
		t.Fatal(err)
	}
	ca := newDNFIssuer(t, "agentctl test CA")
	w.write(t, "ca.pem", dnfPEM(ca.der))
	w.write(t, "other-ca.pem", dnfPEM(newDNFIssuer(t, "another CA").der))
	w.write(t, "empty.pem", []byte("nothing\n"))
	now := time.Now()
	w.pair(t, "client", ca, now.Add(-time.Hour), now.Add(time.Hour))
	w.pair(t, "expired", ca, now.Add(-2*time.Hour), now.Add(-time.Hour))
	w.pair(t, "stranger", newDNFIssuer(t, "a stranger"), now.Add(-time.Hour), now.Add(time.Hour))

	handler := w.handler(tree)
	w.plain = "http://" + dnfServe(t, handler, nil)
	server := tls.Certificate{}
	server.Certificate, server.PrivateKey = ca.leaf(t, "localhost", now.Add(-time.Hour), now.Add(time.Hour))
	w.tls = "https://" + strings.Replace(dnfServe(t, handler, &tls.Config{Certificates: []tls.Certificate{server}}), "127.0.0.1", "localhost", 1)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	w.client = "https://" + strings.Replace(dnfServe(t, handler, &tls.Config{Certificates: []tls.Certificate{server},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}), "127.0.0.1", "localhost", 1)
	w.proxy = dnfServe(t, http.HandlerFunc(dnfForward), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.closed = l.Addr().String()
	l.Close()
	return w
}

func dnfServe(t *testing.T, h http.Handler, cfg *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return addr
}

// dnfForward is a proxy for plain requests and tunnels. With "auth" as its user it
// wants the password "secret".
func dnfForward(rw http.ResponseWriter, req *http.Request) {
	if strings.HasSuffix(req.URL.Path, "/wants-password/repodata/repomd.xml") && req.Header.Get("Proxy-Authorization") != "Basic dTpw" {
		rw.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		rw.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if req.Method == http.MethodConnect {
		far, err := net.Dial("tcp", req.Host)
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		defer far.Close()
		rw.WriteHeader(http.StatusOK)
		near, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer near.Close()
		go func() { _, _ = io.Copy(far, near); far.Close() }()
		_, _ = io.Copy(near, far)
		return
	}
	out, err := http.NewRequestWithContext(req.Context(), http.MethodGet, req.URL.String(), http.NoBody)
	if err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	rw.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(rw, resp.Body)
}

// handler serves the repository below every first part of a path; that part
// says what is wrong with it.
func (w *dnfWorld) handler(tree string) http.Handler {
	files := http.FileServer(http.Dir(tree))
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		kind, rest, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		index := strings.HasSuffix(rest, "repomd.xml")
		switch {
		case strings.HasPrefix(kind, "status-"):
			var code int
			_, _ = fmt.Sscanf(kind, "status-%d", &code)
			rw.WriteHeader(code)
			return
		case strings.HasPrefix(kind, "redirect-"): // redirect-3: three of them
			var n int
			_, _ = fmt.Sscanf(kind, "redirect-%d", &n)
			next := fmt.Sprintf("/redirect-%d/%s", n-1, rest)
			if n <= 1 {
				next = "/good/" + rest
			}
			http.Redirect(rw, req, next, http.StatusFound)
			return
		case kind == "away":
			http.Redirect(rw, req, "file://"+tree+"/"+rest, http.StatusFound)
			return
		case kind == "to-tls":
			http.Redirect(rw, req, w.tls+"/good/"+rest, http.StatusMovedPermanently)
			return
		case kind == "auth":
			if user, pass, ok := req.BasicAuth(); !ok || user != "u" || pass != "p" {
				rw.Header().Set("WWW-Authenticate", `Basic realm="repo"`)
				rw.WriteHeader(http.StatusUnauthorized)
				return
			}
		case kind == "list":
			w.list(rw, rest)
			return
		case index && w.brokenIndex(rw, kind):
			return
		}
		http.StripPrefix("/"+kind, files).ServeHTTP(rw, req)
	})
}

// brokenIndex serves a repomd.xml that is not what it should be.
func (w *dnfWorld) brokenIndex(rw http.ResponseWriter, kind string) bool {
	switch kind {
	case "html":
		_, _ = io.WriteString(rw, "<!DOCTYPE html><html><head><title>Login</title></head><body><p>Welcome<br></body></html>")
	case "xhtml":
		_, _ = io.WriteString(rw, "<html><head><title>Login</title></head><body></body></html>")
	case "text":
		_, _ = io.WriteString(rw, "It works!\n")
	case "truncated":
		_, _ = rw.Write(w.repomd[:len(w.repomd)/2])
	case "cut":
		rw.Header().Set("Content-Length", fmt.Sprint(len(w.repomd)+100))
		_, _ = rw.Write(w.repomd)
	case "empty":
		rw.WriteHeader(http.StatusOK)
	case "gzip":
		rw.Header().Set("Content-Encoding", "gzip")
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(w.repomd)
		z.Close()
		_, _ = rw.Write(b.Bytes())
	case "older":
		_, _ = rw.Write(bytes.Replace(w.repomd, []byte("<revision>"), []byte("<!-- older --><revision>"), 1))
	default:
		return false
	}
	return true
}

// list serves mirror lists and metalinks.
func (w *dnfWorld) list(rw http.ResponseWriter, name string) {
	good, bad := w.plain+"/good/", w.plain+"/status-404/"
	sum := sha256.Sum256(w.repomd)
	digest := hex.EncodeToString(sum[:])
	link := func(file, digest, extra string, mirrors ...string) string {
		var b strings.Builder
		fmt.Fprintf(&b, `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files><file name="%s"><mm0:timestamp>1700000000</mm0:timestamp><size>%d</size>
  <verification><hash type="sha256">%s</hash></verification>%s
  <resources maxconnections="1">`, file, len(w.repomd), digest, extra)
		for i, m := range mirrors {
			fmt.Fprintf(&b, "\n   <url protocol=\"http\" type=\"http\" preference=\"%d\">%srepodata/repomd.xml</url>", 100-i, m)
		}
		return b.String() + "\n  </resources></file></files></metalink>\n"
	}
	wrong := strings.Repeat("0", 64)
	lists := map[string]string{
		"one": good + "\n", "dead-first": "http://" + w.closed + "/\n" + good + "\n", "missing-first": bad + "\n" + good + "\n",
		"comments": "# " + good + "\n\n", "empty": "", "html": "<html><body>no list</body></html>\n", "dead": "http://" + w.closed + "/\n" + bad + "\n",
		"indented": "\t  " + good + "  \n", "windows": good + "\r\n", "odd": "rsync://127.0.0.1/x\nnonsense\n" + good + "\n",
		"local": w.dir + "/repo\n", "variable": w.plain + "/$kind/\n",
		"metalink": link("repomd.xml", digest, "", good), "metalink-dead-first": link("repomd.xml", digest, "", "http://"+w.closed+"/", good),
		"metalink-wrong-hash": link("repomd.xml", wrong, "", good), "metalink-other-file": link("primary.xml", digest, "", good),
		"metalink-no-mirror": link("repomd.xml", digest, ""), "metalink-stale-first": link("repomd.xml", digest, "", w.plain+"/older/", good),
		"metalink-alternate": link("repomd.xml", wrong, `<mm0:alternates><mm0:alternate><mm0:timestamp>1600000000</mm0:timestamp><size>1</size><verification><hash type="sha256">`+digest+`</hash></verification></mm0:alternate></mm0:alternates>`, good),
		"metalink-no-hash":   strings.Replace(link("repomd.xml", digest, "", good), `<hash type="sha256">`+digest+`</hash>`, "", 1),
	}
	lists["metalink-cut"] = lists["metalink"][:300]
	text, ok := lists[name]
	if !ok {
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = io.WriteString(rw, text)
}

func (w *dnfWorld) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// makecache runs the real dnf over one root. Nothing of this machine's own
// configuration takes part, and every folder lies below the root.
func makecache(ctx context.Context, root string, env ...string) (ok bool, output string) {
	if err := os.MkdirAll(filepath.Join(root, "log"), 0o755); err != nil {
		return false, err.Error()
	}
	cmd := exec.CommandContext(ctx, "/usr/bin/dnf", "--installroot="+root, "--noplugins", "-y",
		"--setopt=cachedir="+root+"/cache", "--setopt=persistdir="+root+"/persist", "--setopt=logdir="+root+"/log", "--setopt=retries=1", "makecache")
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + root}, env...)
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}
