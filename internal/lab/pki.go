//go:build linux

package lab

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// authority is a root with an intermediate that signs leaves.
type authority struct {
	root, intermediate *x509.Certificate
	key                crypto.Signer // the intermediate's
}

// authorities are made once per process: RSA keys take their time, and a chain of RSA signatures is as long as Amazon's, so
// that a server's first flight needs more than one packet, as in life.
type authorities struct {
	amazon    *authority // stands for Amazon's roots: named by tls.service_roots in the instance's configuration
	corporate *authority // a TLS-inspecting proxy's
	impostor  *authority // bears Amazon's names and is not Amazon
	public    *authority // one that everybody trusts, of servers that are not AWS's
	redHat    *authority // of Red Hat's update servers alone, which no trust store has
	strangers []*x509.Certificate
	leafKey   crypto.Signer
}

var makeAuthorities = sync.OnceValues(func() (*authorities, error) {
	var a authorities
	var err error
	if a.leafKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	for _, wanted := range []struct {
		into                     **authority
		root, issuer, owner, org string
	}{
		{&a.amazon, "Lab Root CA 1", "Lab RSA 2048 M01", "US", "agentctl lab"},
		{&a.corporate, "Example Corp Root CA", "Example Corp TLS Inspection", "US", "Example Corp"},
		{&a.impostor, "Amazon Root CA 1", "Amazon RSA 2048 M01", "US", "Amazon"},
		{&a.public, "Lab Public Root X1", "Lab Public R11", "US", "Lab Public Certificates"},
		{&a.redHat, "Lab Entitlement Master CA", "Lab Entitlement Operations CA", "US", "Lab Red Hat"},
	} {
		if *wanted.into, err = newAuthority(wanted.root, wanted.issuer, wanted.owner, wanted.org); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"Stranger Global Root G2", "Stranger Assured ID Root"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		root, err := sign(authorityTemplate(name, "US", "Stranger Inc"), nil, key.Public(), key)
		if err != nil {
			return nil, err
		}
		a.strangers = append(a.strangers, root)
	}
	return &a, nil
})

func authorityTemplate(name, country, organization string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Country: []string{country}, Organization: []string{organization}},
		NotBefore:             now.AddDate(-10, 0, 0), // wide enough for every clock that a scenario sets
		NotAfter:              now.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
}

func newAuthority(rootName, issuerName, country, organization string) (*authority, error) {
	rootKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	root, err := sign(authorityTemplate(rootName, country, organization), nil, rootKey.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	intermediate, err := sign(authorityTemplate(issuerName, country, organization), root, key.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	return &authority{root: root, intermediate: intermediate, key: key}, nil
}

// sign makes a certificate; a nil parent means self-signed.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// timestamps is the OID of embedded certificate-transparency timestamps; real leaves carry about this many bytes of them.
var timestamps = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}

// leaf makes a server certificate with its chain (leaf, intermediate).
func (a *authority) leaf(key crypto.Signer, names []string, notBefore, notAfter time.Time) (*tls.Certificate, error) {
	padding := make([]byte, 360)
	_, _ = rand.Read(padding)
	wrapped, err := asn1.Marshal(padding)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:         pkix.Name{CommonName: names[0]},
		DNSNames:        names,
		NotBefore:       notBefore,
		NotAfter:        notAfter,
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		ExtraExtensions: []pkix.Extension{{Id: timestamps, Value: wrapped}},
	}
	certificate, err := sign(template, a.intermediate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{certificate.Raw, a.intermediate.Raw}, PrivateKey: key, Leaf: certificate}, nil
}

// bundle writes certificates as a PEM file such as a trust store is.
func bundle(certificates ...*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range certificates {
		fmt.Fprintf(&out, "# %s\n", c.Subject.CommonName)
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a bytes.Buffer does not fail
	}
	return out.Bytes()
}
