package repos

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// maxPEM bounds a file of certificates; the machine's own bundle has 250 KB.
const maxPEM = 4 << 20

// maxCAFiles bounds a folder of certificates; the machine's own has 300 files.
const maxCAFiles = 2000

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
	switch {
	case repo.CADir != "":
		s.authorityDir(&m, repo)
	case repo.CAFile != "" && repo.SSLVerify:
		s.authorities(&m, tlsWords(repo.Manager).ca+" "+repo.CAFile, []string{repo.CAFile})
	}
	return m
}

// authorities makes the certificates of some files those that are trusted. Of all
// together maxPEM bytes are read.
func (s *session) authorities(m *material, what string, files []string) {
	m.roots = x509.NewCertPool()
	found, left := false, int64(maxPEM)
	for _, name := range files {
		pem, err := s.in.Host.ReadFile(name, left)
		left -= int64(len(pem))
		switch {
		case errors.Is(err, fs.ErrPermission):
			m.reason, m.why = probes.SkippedReason, what+" may not be read by this user"
			return
		case err != nil && !errors.Is(err, platform.ErrTooLarge):
			m.why = what + " cannot be read"
			continue
		}
		found = m.roots.AppendCertsFromPEM(pem) || found
	}
	switch {
	case found:
		m.why = ""
	case m.why == "":
		m.why = what + " holds no certificate"
		fallthrough
	default:
		m.reason = probes.UntrustedIssuer
	}
}

// hashedName is how OpenSSL finds a certificate in a folder: by the hash of its
// subject (openssl-rehash(1)). Other files in it count for nothing.
var hashedName = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]{1,3}$`)

// authorityDir takes a folder of certificates, which replaces the machine's: SUSE
// builds curl without a bundle of its own (curl.spec, --with-ca-fallback). zypper
// gives up where it is none, whether it verifies or not.
func (s *session) authorityDir(m *material, repo probes.Repo) {
	dir := repo.CADir
	entries, err := s.in.Host.ReadDir(dir, maxCAFiles)
	switch {
	case errors.Is(err, fs.ErrPermission):
		m.reason, m.why = probes.SkippedReason, "ssl_capath "+dir+" may not be read by this user"
		return
	case err != nil && !errors.Is(err, platform.ErrTooLarge):
		m.reason, m.why = probes.UntrustedIssuer, "ssl_capath "+dir+" is no folder that can be read"
		return
	}
	if !repo.SSLVerify {
		return
	}
	var files []string
	for _, e := range entries {
		if hashedName.MatchString(e.Name()) {
			files = append(files, path.Join(dir, e.Name()))
		}
	}
	s.authorities(m, "ssl_capath "+dir, files)
}

// tlsNames are a package manager's words for the files of a handshake.
type tlsNames struct{ ca, cert, key string }

func tlsWords(manager string) tlsNames {
	switch manager {
	case "apt":
		return tlsNames{"CaInfo", "SslCert", "SslKey"}
	case "zypper":
		return tlsNames{"ssl_capath", "ssl_clientcert", "ssl_clientkey"}
	}
	return tlsNames{"sslcacert", "sslclientcert", "sslclientkey"}
}

// certificate reads the client certificate and its key. The key may stand in
// the certificate's file.
func (s *session) certificate(m *material, repo probes.Repo) (probes.CertificateState, string) {
	key := repo.ClientKey
	if key == "" {
		key = repo.ClientCert
	}
	words := tlsWords(repo.Manager)
	var pems [2][]byte
	for i, name := range []string{repo.ClientCert, key} {
		data, err := s.in.Host.ReadFile(name, maxPEM)
		what := [2]string{words.cert, words.key}[i] + " " + name
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
		return probes.CertificateUnreadable, words.cert + " " + repo.ClientCert + " and its key are no pair that can be used"
	}
	m.cert = &pair
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return probes.CertificateUnreadable, words.cert + " " + repo.ClientCert + " is no certificate"
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
