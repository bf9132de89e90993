//go:build linux

package lab

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Credentials that servers of the lab ask for. They are made up.
const (
	proToken     = "lab-pro-token"
	susePassword = "lab-suse-password"
	suseUser     = "SCC_0123456789abcdef0123456789abcdef"
)

// peer is who asks, beside the request itself.
type peer struct {
	service, address string
	certificates     []*x509.Certificate // the client's, over TLS
}

// answerPackages answers as package servers that are not AWS's do.
func (f *front) answerPackages(request *http.Request, server packageServer, p peer, mode string) answer {
	headers := []string{"Server: Apache/2.4.62", "Cache-Control: max-age=300"}
	page := func(status int, text string, more ...string) answer {
		return answer{status: status, headers: append(append([]string{"Content-Type: text/html"}, headers...), more...),
			body: fmt.Appendf(nil, "<html><head><title>%d %s</title></head><body><h1>%s</h1></body></html>\n", status, http.StatusText(status), text)}
	}
	switch mode {
	case "404", "500", "503":
		status := map[string]int{"404": 404, "500": 500, "503": 503}[mode]
		return page(status, http.StatusText(status))
	case "403":
		return page(403, "Forbidden")
	case "401":
		return page(401, "Unauthorized", `WWW-Authenticate: Basic realm="packages"`)
	case "redirect":
		return page(302, "Found", "Location: http://portal.example.net/login")
	case "moved":
		return page(301, "Moved Permanently", "Location: https://new.example.com"+request.URL.RequestURI())
	}
	if server.service == "portal" {
		return page(200, "Sign in to the guest network")
	}
	if status := f.mayRead(request, server, p); status != 0 {
		return page(status, http.StatusText(status), `WWW-Authenticate: Basic realm="packages"`)
	}
	kind, body := f.packageDocument(request, server, mode)
	if body == nil {
		return page(404, "Not Found")
	}
	a := answer{status: 200, headers: append(headers, "Content-Type: "+kind, "Accept-Ranges: bytes"), body: body}
	return damaged(a, mode)
}

// damaged is an answer that a broken server, or something on the way, would make of a good one.
func damaged(a answer, mode string) answer {
	switch mode {
	case "empty":
		a.body = nil
	case "truncated": // half of it, and the connection ends
		a.half = true
	case "cut": // half of it, in one piece, as a cache that kept a broken download serves it
		a.body = a.body[:len(a.body)/2]
	case "gzip-garbage":
		a.headers = append(a.headers, "Content-Encoding: gzip")
		a.body = append([]byte("\x1f\x8b\x08\x00"), strings.Repeat("\xa5\x5a not deflate ", 64)...)
	case "wrong-document":
		a.body = []byte("<?xml version=\"1.0\"?>\n<rss version=\"2.0\"><channel><title>Mirror news</title></channel></rss>\n")
	case "bomb": // entities that would grow to gigabytes
		a.body = []byte("<?xml version=\"1.0\"?>\n<!DOCTYPE b [<!ENTITY a \"aaaaaaaaaaaaaaaa\">" + entities() + "]>\n<metalink><files><file name=\"repomd.xml\">&z;</file></files></metalink>\n")
	case "endless":
		a.endless = true
	}
	return a
}

func entities() string {
	var out strings.Builder
	for c := 'b'; c <= 'z'; c++ {
		fmt.Fprintf(&out, "<!ENTITY %c \"%s\">", c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 16))
	}
	return out.String()
}

// mayRead is the status with which a server turns a request away; 0: it does not.
func (f *front) mayRead(request *http.Request, server packageServer, p peer) int {
	user, password, _ := request.BasicAuth()
	switch server.service {
	case "rhui", "rhui-content": // Red Hat lets instances in by a content certificate and their signed identity
		if !f.entitled(p.certificates) || !f.identified(request) {
			return http.StatusForbidden
		}
	case "esm":
		if user != "bearer" || password != proToken {
			return http.StatusUnauthorized
		}
	case "suse":
		if user != suseUser || password != susePassword {
			return http.StatusUnauthorized
		}
	}
	return 0
}

// entitled: the client's certificate is one of Red Hat's and in its time.
func (f *front) entitled(chain []*x509.Certificate) bool {
	if len(chain) == 0 {
		return false
	}
	roots := x509.NewCertPool()
	roots.AddCert(f.authorities.redHat.root)
	middle := x509.NewCertPool()
	middle.AddCert(f.authorities.redHat.intermediate)
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, CurrentTime: f.world.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

// identified: the request bears this instance's identity document and its signature, as the plugin amazon-id sends them.
func (f *front) identified(request *http.Request) bool {
	document, err1 := base64.URLEncoding.DecodeString(request.Header.Get("X-RHUI-ID"))
	signature, err2 := base64.URLEncoding.DecodeString(request.Header.Get("X-RHUI-SIGNATURE"))
	return err1 == nil && err2 == nil && string(signature) == identitySignature && strings.Contains(string(document), instanceID)
}

// packageDocument is what lies at an address, and its media type; nil: nothing.
func (f *front) packageDocument(request *http.Request, server packageServer, mode string) (kind string, body []byte) {
	w, path := f.world, request.URL.Path
	if server.lists != nil && server.lists.MatchString(path) {
		return w.mirrorList(request, server, mode)
	}
	age := 30 * time.Hour
	if mode == "stale" {
		age = 40 * 24 * time.Hour
	}
	if dir, found := strings.CutSuffix(path, "repodata/repomd.xml"); found && server.holds != nil && server.holds.MatchString(dir) {
		return "text/xml", w.repomd(age)
	}
	for _, name := range []string{"InRelease", "Release"} {
		if dir, found := strings.CutSuffix(path, name); found && server.holds != nil && server.holds.MatchString(dir) {
			return "text/plain", w.release(dir, age, name == "InRelease")
		}
	}
	return "", nil
}
