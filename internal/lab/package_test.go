//go:build linux

package lab

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// These need no root: they ask the package servers of the lab without a network.

func testFront(t *testing.T) *front {
	t.Helper()
	a, err := makeAuthorities()
	if err != nil {
		t.Fatal(err)
	}
	return &front{world: newWorld(Topology{Region: "us-west-2"}), authorities: a}
}

func (f *front) ask(service, path, mode string, login ...string) answer {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	if len(login) == 2 {
		request.SetBasicAuth(login[0], login[1])
	}
	server, _ := packageService(service)
	return f.answerPackages(request, server, peer{service: service}, mode)
}

func TestPackageServers(t *testing.T) {
	f := testFront(t)
	for name, test := range map[string]struct {
		service, path, mode string
		login               []string
		status              int
		holds               string
	}{
		"a mirror":               {"epel-mirror", "/pub/epel/9/Everything/x86_64/repodata/repomd.xml", "", nil, 200, "</repomd>"},
		"another release":        {"epel-mirror", "/pub/epel/12/Everything/x86_64/repodata/repomd.xml", "", nil, 404, "<html>"},
		"a metalink":             {"epel", "/metalink?repo=epel-9&arch=x86_64", "", nil, 200, "mirror.two.example.net"},
		"of nothing":             {"epel", "/metalink?repo=epel-99&arch=x86_64", "", nil, 200, "error: invalid repo"},
		"a list":                 {"rocky", "/mirrorlist?arch=x86_64&repo=AppStream-9", "", nil, 200, "https://dl.rockylinux.org/pub/rocky/9/AppStream/x86_64/os/"},
		"an empty list":          {"rocky", "/mirrorlist?arch=x86_64&repo=AppStream-9", "no-mirrors", nil, 200, "#"},
		"Red Hat, a stranger":    {"rhui", "/pulp/mirror/content/dist/rhel9/rhui/9/x86_64/baseos/os", "", nil, 403, "<html>"},
		"Pro without its token":  {"esm", "/infra/ubuntu/dists/noble-infra-updates/InRelease", "", nil, 401, "<html>"},
		"Pro":                    {"esm", "/infra/ubuntu/dists/noble-infra-updates/InRelease", "", []string{"bearer", proToken}, 200, "BEGIN PGP SIGNATURE"},
		"SUSE":                   {"suse", "/repo/SUSE/Products/SLE-Product-SLES/15-SP7/x86_64/product/repodata/repomd.xml", "", []string{suseUser, susePassword}, 200, "<repomd"},
		"Debian's updates end":   {"debian", "/debian/dists/bookworm-updates/InRelease", "", nil, 200, "Valid-Until:"},
		"Release has no frame":   {"ubuntu", "/ubuntu/dists/noble/Release", "", nil, 200, "Origin: Ubuntu"},
		"a server that fails":    {"docker", "/linux/centos/9/x86_64/stable/repodata/repomd.xml", "500", nil, 500, "<html>"},
		"one that sends away":    {"docker", "/linux/centos/9/x86_64/stable/repodata/repomd.xml", "redirect", nil, 302, "<html>"},
		"one with something odd": {"docker", "/linux/centos/9/x86_64/stable/repodata/repomd.xml", "wrong-document", nil, 200, "<rss"},
	} {
		got := f.ask(test.service, test.path, test.mode, test.login...)
		if got.status != test.status || !strings.Contains(string(got.body), test.holds) {
			t.Errorf("%s: %d %.200s; want %d and %q", name, got.status, got.body, test.status, test.holds)
		}
	}
	if got := f.ask("debian", "/debian/dists/bookworm/InRelease", ""); strings.Contains(string(got.body), "Valid-Until") {
		t.Error("the stable release has an end")
	}
}

// A metalink's checksum is that of what a good mirror serves, and not that of one that is behind.
func TestMetalinkFitsItsMirrors(t *testing.T) {
	f := testFront(t)
	link := string(f.ask("epel", "/metalink?repo=epel-9&arch=x86_64", "").body)
	for mode, want := range map[string]bool{"": true, "stale": false, "cut": false} {
		sum := sha256.Sum256(f.ask("epel-mirror2", "/pub/epel/9/Everything/x86_64/repodata/repomd.xml", mode).body)
		if got := strings.Contains(link, hex.EncodeToString(sum[:])); got != want {
			t.Errorf("mode %q: the metalink allows it: %v", mode, got)
		}
	}
}

// Red Hat lets in by certificate and identity, and by neither alone.
func TestEntitlement(t *testing.T) {
	f := testFront(t)
	v := &VPC{authorities: f.authorities, world: f.world}
	for state, want := range map[string]bool{"": true, "expired": false} {
		v.scenario.Instance.ClientCertificate = state
		certificate, key := v.clientCertificate("content-rhel9")
		if !strings.Contains(certificate, "BEGIN CERTIFICATE") || !strings.Contains(key, "PRIVATE KEY") {
			t.Fatalf("%q: %s", state, certificate)
		}
		if got := f.entitled(parsePEM(t, certificate)); got != want {
			t.Errorf("certificate %q: entitled %v", state, got)
		}
	}
	if f.entitled(nil) || f.identified(httptest.NewRequest(http.MethodGet, "/", nil)) {
		t.Error("a stranger is let in")
	}
}

func TestFillTellsTimes(t *testing.T) {
	v := &VPC{world: newWorld(Topology{Region: "eu-west-1"})}
	got := v.fill("${REGION} ${INSTANCE} ${AGO 2h} ${LOG 90m} ${AGO soon}")
	at := time.Now().UTC().Add(-2 * time.Hour).Format("2006-01-02T15:")
	if !strings.HasPrefix(got, "eu-west-1 "+instanceID+" "+at) || !strings.HasSuffix(got, "${AGO soon}") {
		t.Error(got)
	}
}

func parsePEM(t *testing.T, text string) []*x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return []*x509.Certificate{certificate}
}
