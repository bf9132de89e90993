package platform

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func put(t testing.TB, root, name, text string) {
	t.Helper()
	p := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, root, name, to string) {
	t.Helper()
	p := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, p); err != nil {
		if runtime.GOOS != "windows" { // which may ask for a right of its own
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func TestReads(t *testing.T) {
	root := t.TempDir()
	put(t, root, "a/log", "0123456789")
	put(t, root, "a/b", "")
	put(t, root, "a/c", "")
	put(t, filepath.Dir(root), "secret", "outside")
	link(t, root, "up", "../../../../../../secret")
	link(t, root, "abs", filepath.Join(filepath.Dir(root), "secret"))
	link(t, root, "in", "/a/../a/./log")
	h := New(root)

	tests := map[string]struct {
		name  string
		limit int64
		want  string
		err   error
	}{
		"whole":               {"/a/log", 10, "0123456789", nil},
		"first bytes":         {"/a/log", 4, "0123", ErrTooLarge},
		"nothing":             {"/a/log", 0, "", ErrTooLarge},
		"negative limit":      {"/a/log", -1, "", ErrTooLarge},
		"by an absolute link": {"/in", 10, "0123456789", nil},
		"dots stay inside":    {"/../../a/log", 10, "0123456789", nil},
		"link up":             {"/up", 10, "", fs.ErrNotExist},
		"link out":            {"/abs", 10, "", fs.ErrNotExist},
		"directory":           {"/a", 10, "", ErrNotRegular},
		"absent":              {"/b", 10, "", fs.ErrNotExist},
		"below a file":        {"/a/log/x", 10, "", os.ErrNotExist},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := h.ReadFile(tt.name, tt.limit)
			if name == "below a file" { // ENOTDIR on some systems
				if err == nil {
					t.Error("no error")
				}
				return
			}
			if string(got) != tt.want || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("got %q %v", got, err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.name) {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
	for limit, want := range map[int64]string{0: "", 3: "789", 10: "0123456789", 99: "0123456789"} {
		if got, err := h.ReadTail("/a/log", limit); string(got) != want || err != nil {
			t.Errorf("tail of %d: %q %v", limit, got, err)
		}
	}
	if entries, err := h.ReadDir("/a", 3); len(entries) != 3 || err != nil {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if entries, err := h.ReadDir("/a", 2); len(entries) != 2 || !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if entries, err := h.ReadDir("/a/log", 2); len(entries) != 0 || err == nil {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if info, err := h.Stat("/in"); err != nil || info.Size() != 10 {
		t.Errorf("stat: %v", err)
	}
	f, err := h.(Opener).Open("/a/log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [3]byte
	if n, err := f.ReadAt(b[:], 5); n != 3 || err != nil || string(b[:]) != "567" {
		t.Errorf("read at: %q %v", b, err)
	}
}

// certificate is a new root as PEM.
func certificate(t testing.TB, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour)}, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return "# " + name + "\n" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestTrustStore(t *testing.T) {
	one, two, three := certificate(t, "one"), certificate(t, "two"), certificate(t, "three")
	junk := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n\x00\xff"
	tests := map[string]struct {
		files map[string]string
		links map[string]string
		extra []string
		count int
		want  []string
	}{
		"Amazon Linux": {map[string]string{"etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem": one + two},
			map[string]string{"etc/pki/tls/certs/ca-bundle.crt": "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"}, nil, 2, []string{"/etc/pki/tls/certs/ca-bundle.crt"}},
		"Debian": {map[string]string{"etc/ssl/certs/ca-certificates.crt": one + two, "usr/share/one.crt": one},
			map[string]string{"etc/ssl/certs/one.pem": "/usr/share/one.crt", "etc/ssl/certs/0.0": "one.pem"}, nil, 2, []string{"/etc/ssl/certs/ca-certificates.crt"}},
		"SUSE":                   {map[string]string{"var/lib/ca-certificates/ca-bundle.pem": one}, map[string]string{"etc/ssl/ca-bundle.pem": "../../var/lib/ca-certificates/ca-bundle.pem"}, nil, 1, []string{"/etc/ssl/ca-bundle.pem"}},
		"directory alone":        {map[string]string{"etc/ssl/certs/a.pem": one, "etc/ssl/certs/b.pem": two, "etc/ssl/certs/README": "x"}, nil, nil, 2, []string{"/etc/ssl/certs"}},
		"one more by hand":       {map[string]string{"etc/ssl/certs/ca-certificates.crt": one, "etc/ssl/certs/corp.pem": two}, nil, nil, 2, []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs"}},
		"junk between":           {map[string]string{"etc/ssl/cert.pem": junk + one + junk}, nil, nil, 1, []string{"/etc/ssl/cert.pem"}},
		"empty bundle is not it": {map[string]string{"etc/ssl/certs/ca-certificates.crt": junk, "etc/ssl/cert.pem": one}, nil, nil, 1, []string{"/etc/ssl/cert.pem"}},
		"file of the agent":      {map[string]string{"etc/ssl/cert.pem": one, "opt/ca.pem": three}, nil, []string{"/opt/ca.pem"}, 1, []string{"/opt/ca.pem"}},
		"two of the agent":       {map[string]string{"opt/a.pem": one, "opt/b.pem": one + two}, nil, []string{"/opt/a.pem", "/opt/b.pem"}, 2, []string{"/opt/a.pem", "/opt/b.pem"}},
		"file that is gone":      {map[string]string{"etc/ssl/cert.pem": one}, nil, []string{"/opt/ca.pem"}, 1, []string{"/etc/ssl/cert.pem"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for n, text := range tt.files {
				put(t, root, n, text)
			}
			for n, to := range tt.links {
				link(t, root, n, to)
			}
			m := New(root).(*machine)
			load := func() (TrustStore, error) {
				if len(tt.extra) > 0 {
					if s, err := m.store(tt.extra, nil, false); err == nil {
						return s, nil
					}
				}
				return m.fileStore()
			}
			for range 2 { // the second is cached
				s, err := load()
				if err != nil || s.Count != tt.count || !slices.Equal(s.Files, tt.want) {
					t.Fatalf("%d certificates of %v, %v", s.Count, s.Files, err)
				}
				s.Pool.AddCert(&x509.Certificate{Raw: []byte("x"), RawSubject: []byte("y")}) // must not reach the cache
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		m := New(t.TempDir()).(*machine)
		if s, err := m.fileStore(); err == nil || s.Count != 0 || s.Pool == nil {
			t.Errorf("got %+v %v", s, err)
		}
	})
	t.Run("changes", func(t *testing.T) {
		root := t.TempDir()
		put(t, root, "etc/ssl/cert.pem", one)
		m := New(root).(*machine)
		m.fileStore()
		put(t, root, "etc/ssl/cert.pem", one+two)
		if s, _ := m.fileStore(); s.Count != 2 {
			t.Errorf("%d certificates", s.Count)
		}
	})
}

func BenchmarkTrustStore(b *testing.B) {
	root := b.TempDir()
	var bundle strings.Builder
	for range 140 {
		bundle.WriteString(certificate(b, "root"))
	}
	put(b, root, "etc/ssl/cert.pem", bundle.String())
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			New(root).(*machine).fileStore()
		}
	})
	b.Run("again", func(b *testing.B) {
		m := New(root).(*machine)
		for b.Loop() {
			m.fileStore()
		}
	})
}
