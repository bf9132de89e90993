package netpath

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"strings"
	"testing"
)

// The fingerprints that Amazon publishes beside its roots.
var rootFingerprints = map[string]string{
	"Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
	"Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
	"Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
	"Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
	"Starfield Services Root Certificate Authority - G2": "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
}

func TestServiceRoots(t *testing.T) {
	files, err := rootFiles.ReadDir("roots")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(rootFingerprints) {
		t.Errorf("%d files", len(files))
	}
	readme, err := os.ReadFile("roots/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, _ := rootFiles.ReadFile("roots/" + f.Name())
		block, rest := pem.Decode(text)
		if block == nil || len(strings.TrimSpace(string(rest))) != 0 {
			t.Fatalf("%s: not one certificate", f.Name())
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(cert.Raw)
		got := hex.EncodeToString(sum[:])
		if want := rootFingerprints[cert.Subject.CommonName]; got != want {
			t.Errorf("%s (%s): %s, want %s", f.Name(), cert.Subject.CommonName, got, want)
		}
		if !strings.Contains(string(readme), got) {
			t.Errorf("the README lacks %s", got)
		}
	}

	pool, err := ServiceRoots(nil)
	if err != nil {
		t.Fatal(err)
	}
	ca := newAuthority(t, "extra")
	extra := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
	more, err := ServiceRoots(extra)
	if err != nil || more.Equal(pool) {
		t.Errorf("the extra root is not there: %v", err)
	}
	if _, err := ServiceRoots([]byte("nothing")); err == nil {
		t.Error("no error for a file without certificates")
	}
}
