package repos

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/url"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// maxPEM bounds a file of certificates; the machine's own bundle has 250 KB.
const maxPEM = 4 << 20

// identityTime bounds the wait for the instance's identity document.
const identityTime = 4 * time.Second

// material is what a repository brings to a handshake.
type material struct {
	roots *x509.CertPool // nil: the machine's
	cert  *tls.Certificate
	state probes.CertificateState
	// reason is set where the handshake cannot be tried, why says what is missing.
	reason probes.Reason
	why    string
	note   string // on a certificate that is out of its time: it is sent all the same
}

// load reads the files that a repository names. libcurl gives up where it
// cannot read one (its errors 58 and 77); without verification it does not look
// for the authorities.
func (s *session) load(repo probes.Repo) material {
	var m material
	if repo.ClientCert != "" {
		m.state, m.why = s.certificate(&m, repo)
		switch m.state {
		case probes.CertificateMissing, probes.CertificateUnreadable:
			m.reason = probes.Unauthorized
			return m
		case probes.CertificateDenied:
			m.reason = probes.SkippedReason
			return m
		}
		m.note, m.why = m.why, ""
	}
	if repo.CAFile == "" || !repo.SSLVerify {
		return m
	}
	pem, err := s.in.Host.ReadFile(repo.CAFile, maxPEM)
	switch {
	case errors.Is(err, fs.ErrPermission):
		m.reason, m.why = probes.SkippedReason, "sslcacert "+repo.CAFile+" may not be read by this user"
	case err != nil && !errors.Is(err, platform.ErrTooLarge):
		m.reason, m.why = probes.UntrustedIssuer, "sslcacert "+repo.CAFile+" cannot be read"
	default:
		m.roots = x509.NewCertPool()
		if !m.roots.AppendCertsFromPEM(pem) {
			m.reason, m.why = probes.UntrustedIssuer, "sslcacert "+repo.CAFile+" holds no certificate"
		}
	}
	return m
}

// certificate reads the client certificate and its key. The key may stand in
// the certificate's file.
func (s *session) certificate(m *material, repo probes.Repo) (probes.CertificateState, string) {
	key := repo.ClientKey
	if key == "" {
		key = repo.ClientCert
	}
	var pems [2][]byte
	for i, name := range []string{repo.ClientCert, key} {
		data, err := s.in.Host.ReadFile(name, maxPEM)
		what := [2]string{"sslclientcert ", "sslclientkey "}[i] + name
		switch {
		case errors.Is(err, fs.ErrPermission):
			return probes.CertificateDenied, what + " may not be read by this user"
		case errors.Is(err, fs.ErrNotExist):
			return probes.CertificateMissing, what + " is not there"
		case err != nil:
			return probes.CertificateUnreadable, what + " cannot be read"
		}
		pems[i] = data
	}
	pair, err := tls.X509KeyPair(pems[0], pems[1])
	if err != nil {
		// The error may quote the file: only what it means is kept.
		return probes.CertificateUnreadable, "sslclientcert " + repo.ClientCert + " and its key are no pair that can be used"
	}
	m.cert = &pair
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return probes.CertificateUnreadable, "sslclientcert " + repo.ClientCert + " is no certificate"
	}
	switch now := s.in.Host.Now(); {
	case now.After(leaf.NotAfter):
		return probes.CertificateExpired, "expired on " + leaf.NotAfter.UTC().Format("2006-01-02")
	case now.Before(leaf.NotBefore):
		return probes.CertificateEarly, "not valid before " + leaf.NotBefore.UTC().Format("2006-01-02")
	}
	return probes.CertificateOK, ""
}

// rhuiURL tells whether the identity may be sent to an address: over TLS, to
// Red Hat's own servers.
func rhuiURL(u *url.URL) bool { return u.Scheme == "https" && rhuiHost(u.Hostname()) }

// rhuiHeader makes the two header lines of the plugin amazon-id: the document
// and the signature, each in URL-safe base64. The text says why there are none.
func (s *session) rhuiHeader(ctx context.Context) (header map[string][]string, why string) {
	s.identity.Do(func() {
		if s.in.Identity == nil {
			s.noDoc = "not asked for"
			return
		}
		// One repository's deadline must not decide for the others.
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), identityTime)
		defer cancel()
		document, signature, err := s.in.Identity(own)
		if err != nil || len(document) == 0 || len(signature) == 0 {
			s.noDoc = "the metadata service does not give it"
			return
		}
		s.document = map[string][]string{
			"X-RHUI-ID":        {base64.URLEncoding.EncodeToString(document)},
			"X-RHUI-SIGNATURE": {base64.URLEncoding.EncodeToString(signature)},
		}
	})
	return s.document, s.noDoc
}
