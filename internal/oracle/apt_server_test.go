package oracle

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
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
}

// newAptWorld starts the servers over one handler.
func newAptWorld(t *testing.T, h http.Handler) aptWorld {
	t.Helper()
	var w aptWorld
	root, rootKey := aptCert(t, nil, nil)
	leaf, leafKey := aptCert(t, root, rootKey)
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
		s.Config.ErrorLog = aptQuiet
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

func aptPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// aptRelease is a Release file of a repository with nothing in it.
func aptRelease(date time.Time, more string) string {
	empty := sha256.Sum256(nil)
	return fmt.Sprintf("Origin: Oracle\nLabel: Oracle\nSuite: s\nCodename: s\nDate: %s\nArchitectures: amd64\nComponents: main\n%sSHA256:\n %x 0 main/binary-amd64/Packages\n %x 0 Packages\n",
		date.UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"), more, empty, empty)
}

// aptSigned is an InRelease file that the key in aptKey signed.
var (
	//go:embed testdata/apt/InRelease
	aptSigned []byte
	//go:embed testdata/apt/key.asc
	aptKey string
)

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
	file("/signed/dists/s/InRelease", string(aptSigned))
	file("/signed/dists/s/main/binary-amd64/Packages", "")
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
	file("/inrelease/dists/s/by-name/Release", healthy)
	for _, code := range []int{401, 403, 500, 503} {
		mux.HandleFunc(fmt.Sprintf("/%d/", code), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/ok/"+strings.TrimPrefix(r.URL.Path, "/moved/"), http.StatusFound)
	})
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
