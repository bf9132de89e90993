package oracle

import (
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// aptWorld is the network of these tests: servers on loopback, one authority.
type aptWorld struct {
	http, https, mutual string // addresses; mutual wants a client's certificate
	proxy               string // forwards to http whatever host is named
	dead                string // nothing listens
	ca, cert, key       string // PEM
	hash                string // by which OpenSSL finds the authority in a folder
}

// newAptWorld starts the servers over one handler.
func newAptWorld(t *testing.T, inner http.Handler) aptWorld {
	t.Helper()
	var w aptWorld
	h := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch name {
		case "to-tls":
			http.Redirect(out, r, w.https+"/ok/"+rest, http.StatusFound)
		case "to-plain":
			http.Redirect(out, r, w.http+"/ok/"+rest, http.StatusFound)
		default:
			inner.ServeHTTP(out, r)
		}
	})
	root, rootKey := aptCert(t, nil, nil)
	leaf, leafKey := aptCert(t, root, rootKey)
	w.hash = subjectHash(root.Subject.CommonName)
	w.ca, w.cert = aptPEM("CERTIFICATE", root.Raw), aptPEM("CERTIFICATE", leaf.Raw)
	der, err := x509.MarshalECPrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	w.key = aptPEM("EC PRIVATE KEY", der)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	start := func(h http.Handler, auth tls.ClientAuthType, secure bool) string {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = nil
		if !secure {
			s.Start()
			t.Cleanup(s.Close)
			return s.URL
		}
		s.TLS = &tls.Config{ClientAuth: auth, ClientCAs: pool, Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}}}
		s.Config.ErrorLog = quiet
		s.StartTLS()
		t.Cleanup(s.Close)
		return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	}
	w.http = start(h, 0, false)
	w.https = start(h, tls.NoClientCert, true)
	w.mutual = start(h, tls.RequireAndVerifyClientCert, true)
	w.proxy = start(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { aptForward(out, r, h) }), 0, false)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.dead = "http://" + l.Addr().String()
	l.Close()
	return w
}

// aptForward is the proxy: any host is the one server, with a password if the path
// says so.
func aptForward(out http.ResponseWriter, r *http.Request, h http.Handler) {
	if r.URL.Host == "" {
		http.Error(out, "not for a proxy", http.StatusBadRequest)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/proxyauth/") {
		login := r.Header.Get("Proxy-Authorization")
		r.Header.Set("Authorization", login)
		if user, password, ok := r.BasicAuth(); !ok || user != "joe" || password != "p@ss" {
			out.Header().Set("Proxy-Authenticate", `Basic realm="x"`)
			out.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
	}
	inner := r.Clone(r.Context())
	inner.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	h.ServeHTTP(out, inner)
}

func aptCert(t *testing.T, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "oracle"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		IsCA: issuer == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if issuer == nil {
		issuer, issuerKey = c, key
	} else {
		c.DNSNames, c.Subject.CommonName = []string{"localhost"}, "localhost"
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c, key
}

// subjectHash is OpenSSL's of a subject with a common name alone
// (crypto/x509/x509_cmp.c, X509_NAME_hash): the first four bytes of the digest of
// its canonical form, lowest first.
func subjectHash(name string) string {
	word := append([]byte{0x0c, byte(len(name))}, name...) // UTF8String
	word = append([]byte{0x06, 3, 0x55, 4, 3}, word...)    // commonName
	word = append([]byte{0x31, byte(len(word) + 2), 0x30, byte(len(word))}, word...)
	sum := sha1.Sum(word)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:]))
}

func aptPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// aptRelease is a Release file of a repository with nothing in it.
func aptRelease(date time.Time, more string) string {
	empty := sha256.Sum256(nil)
	return fmt.Sprintf("Origin: Oracle\nLabel: Oracle\nSuite: s\nCodename: s\nDate: %s\nArchitectures: amd64\nComponents: main\n%sSHA256:\n %x 0 main/binary-amd64/Packages\n %x 0 Packages\n",
		date.UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"), more, empty, empty)
}

// aptFiles are a repository with nothing in it, signed by the key in key.asc; one
// whose end has come; and one that a stranger signed.
//
//go:embed testdata/apt
var aptFiles embed.FS

func aptFile(name string) string {
	data, err := aptFiles.ReadFile("testdata/apt/" + name)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// aptServer serves one repository for each fault, below its name.
func aptServer() http.Handler {
	mux := http.NewServeMux()
	file := func(at, body string) {
		mux.HandleFunc(at, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	}
	now := time.Now()
	healthy := aptRelease(now.Add(-time.Hour), "")
	for _, name := range []string{"ok", "proxyauth"} {
		file("/"+name+"/dists/s/Release", healthy)
		file("/"+name+"/dists/s/main/binary-amd64/Packages", "")
	}
	for name, in := range map[string]string{"signed": "InRelease", "outdated": "InRelease.expired", "stranger": "InRelease.stranger"} {
		file("/"+name+"/dists/s/InRelease", aptFile(in))
		file("/"+name+"/dists/s/main/binary-amd64/Packages", "")
	}
	file("/by-name/dists/s/here/InRelease", aptFile("InRelease"))
	file("/by-name/dists/s/main/binary-amd64/Packages", "")
	aptSecondBest(mux, file)
	file("/flat/Release", healthy)
	file("/flat/Packages", "")
	file("/expired/dists/s/Release", aptRelease(now.Add(-48*time.Hour), "Valid-Until: "+now.Add(-time.Hour).UTC().Format(time.RFC1123)+"\n"))
	file("/valid/dists/s/Release", aptRelease(now.Add(-48*time.Hour), "Valid-Until: "+now.Add(time.Hour).UTC().Format(time.RFC1123)+"\n"))
	file("/badend/dists/s/Release", aptRelease(now.Add(-48*time.Hour), "Valid-Until: soon\n"))
	file("/future/dists/s/Release", aptRelease(now.Add(time.Hour), ""))
	file("/nosums/dists/s/Release", "Origin: Oracle\nSuite: s\nDate: "+now.Add(-time.Hour).UTC().Format(time.RFC1123)+"\n")
	file("/md5/dists/s/Release", "Origin: Oracle\nSuite: s\nDate: "+now.Add(-time.Hour).UTC().Format(time.RFC1123)+"\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/binary-amd64/Packages\n")
	file("/portal/", "<!DOCTYPE html><html><title>Sign in</title></html>\n")
	file("/empty/", "")
	file("/noframe/dists/s/InRelease", healthy)
	file("/cut/dists/s/InRelease", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"+healthy)
	for _, code := range aptCodes {
		mux.HandleFunc(fmt.Sprintf("/%d/", code), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/ok/"+strings.TrimPrefix(r.URL.Path, "/moved/"), http.StatusFound)
	})
	for n := range aptMoves + 1 {
		next := fmt.Sprintf("/moved-%d/", n-1)
		if n == 0 {
			next = "/ok/"
		}
		mux.HandleFunc(fmt.Sprintf("/moved-%d/", n), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, next+strings.TrimPrefix(r.URL.Path, fmt.Sprintf("/moved-%d/", n)), http.StatusFound)
		})
	}
	mux.HandleFunc("/circle/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	mux.HandleFunc("/private/", func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "joe" || password != "p@ss" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.URL.Path = "/ok/" + strings.TrimPrefix(r.URL.Path, "/private/")
		mux.ServeHTTP(w, r)
	})
	mux.HandleFunc("/mirrors/", func(w http.ResponseWriter, r *http.Request) {
		for _, name := range strings.Split(strings.TrimPrefix(r.URL.Path, "/mirrors/"), "+") {
			fmt.Fprintf(w, "http://%s/%s/\n", r.Host, name)
		}
	})
	return mux
}

// aptCodes are statuses that a server may answer with; aptMoves is how many
// redirects one may send.
var aptCodes = []int{204, 401, 403, 410, 429, 500, 503}

const aptMoves = 24

// aptSecondBest serves, below in-KIND, an InRelease that is wrong in one way beside
// a Release and its signature that are right.
func aptSecondBest(mux *http.ServeMux, file func(at, body string)) {
	good := aptFile("InRelease")
	unsigned, _, _ := strings.Cut(good, "-----BEGIN PGP SIGNATURE")
	bodies := map[string]string{"in-page": "<!DOCTYPE html><html></html>\n", "in-empty": "", "in-plain": aptFile("Release"), "in-outdated": aptFile("InRelease.expired"),
		"in-stranger": aptFile("InRelease.stranger"), "in-cut": unsigned, "in-none": "", "in-short": good, "in-gzip": good}
	for name, body := range bodies {
		at := "/" + name + "/dists/s/"
		file(at+"Release", aptFile("Release"))
		file(at+"Release.gpg", aptFile("Release.gpg"))
		file(at+"main/binary-amd64/Packages", "")
		if name == "in-none" {
			continue
		}
		mux.HandleFunc(at+"InRelease", func(w http.ResponseWriter, _ *http.Request) {
			switch name {
			case "in-short":
				w.Header().Set("Content-Length", fmt.Sprint(2*len(body)))
			case "in-gzip":
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				_, _ = io.WriteString(z, body)
				z.Close()
				return
			}
			_, _ = io.WriteString(w, body)
		})
	}
	for _, code := range aptCodes {
		at := fmt.Sprintf("/in-%d/dists/s/", code)
		file(at+"Release", aptFile("Release"))
		file(at+"Release.gpg", aptFile("Release.gpg"))
		file(at+"main/binary-amd64/Packages", "")
		mux.HandleFunc(at+"InRelease", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	// A signature apart that is missing or no signature.
	for name, signature := range map[string]string{"apart": aptFile("Release.gpg"), "apart-none": "", "apart-page": "<html>\n", "apart-403": "", "apart-500": ""} {
		at := "/" + name + "/dists/s/"
		file(at+"Release", aptFile("Release"))
		file(at+"main/binary-amd64/Packages", "")
		var code int
		if _, err := fmt.Sscanf(name, "apart-%d", &code); err == nil {
			mux.HandleFunc(at+"Release.gpg", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		} else if signature != "" {
			file(at+"Release.gpg", signature)
		}
	}
}
