package platform

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a trust store. Distributions ship some 140 roots in 220 kB.
const (
	maxBundleBytes = 8 << 20
	maxBundleCerts = 4096
	maxCertFiles   = 4096 // of one directory
	maxCertBytes   = 256 << 10
)

// bundleFiles are tried in this order and the first that exists is the store, as
// crypto/x509 does (root_linux.go) and, on each distribution, libcurl by its
// compiled-in path. /var/lib/ca-certificates is where SUSE's /etc/ssl links to.
var bundleFiles = [...]string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Amazon Linux, RHEL
	"/etc/ssl/ca-bundle.pem",                            // SUSE
	"/var/lib/ca-certificates/ca-bundle.pem",            // SUSE, the file itself
	"/etc/pki/tls/cacert.pem",                           // as crypto/x509
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Amazon Linux, RHEL, the file itself
	"/etc/ssl/cert.pem",                                 // Alpine
}

// certDirs are read besides, all of them, as crypto/x509 does.
var certDirs = [...]string{"/etc/ssl/certs", "/etc/pki/tls/certs"}

// ErrNoTrustStore says that the host has no certificate store that can be read.
var ErrNoTrustStore = errors.New("no certificate store found")

// cachedStore is a store and the state of the files that it was made of: 140
// certificates take a few milliseconds to parse, a fifth of a round's budget.
type cachedStore struct {
	key   string
	store TrustStore
}

// TrustStore implements Host. Files that are given replace the machine's store
// together, like SSL_CERT_FILE; if none of them can be read, the machine's stands,
// since Go then goes on to it. The pool is the caller's own.
func (m *machine) TrustStore(files ...string) (TrustStore, error) {
	if len(files) > 0 {
		s, err := m.store(files, nil, false)
		if err == nil && s.Count > 0 {
			return s, nil
		}
	}
	return m.machineStore()
}

// fileStore loads the store from files, where the operating system keeps it there.
func (m *machine) fileStore() (TrustStore, error) {
	return m.store(bundleFiles[:], certDirs[:], true)
}

// store loads the files, only the first that holds certificates if first is set,
// and the directories.
func (m *machine) store(files, dirs []string, first bool) (TrustStore, error) {
	id := strings.Join(files, "\x00")
	key := m.storeKey(files, dirs)
	m.storeMu.Lock()
	defer m.storeMu.Unlock()
	if c, ok := m.stores[id]; ok && c.key == key {
		return c.store.copy(), nil
	}
	b := bundle{pool: x509.NewCertPool(), seen: map[[sha256.Size]byte]bool{}}
	var firstErr error
	for _, name := range files {
		data, err := m.ReadFile(name, maxBundleBytes)
		if err != nil && !errors.Is(err, ErrTooLarge) {
			if firstErr == nil || errors.Is(firstErr, fs.ErrNotExist) {
				firstErr = err
			}
			continue
		}
		if b.add(data) > 0 {
			b.files = append(b.files, name)
			if first {
				break
			}
		}
	}
	for _, dir := range dirs {
		m.addDir(&b, dir)
	}
	if b.count == 0 {
		if firstErr == nil {
			firstErr = ErrNoTrustStore
		}
		return TrustStore{Pool: b.pool}, firstErr
	}
	s := TrustStore{Pool: b.pool, Files: b.files, Count: b.count}
	m.stores[id] = cachedStore{key: key, store: s}
	return s.copy(), nil
}

// addDir adds the certificates in a directory's files. Links to other files of the
// directory, as c_rehash makes them, are passed over like crypto/x509 does.
func (m *machine) addDir(b *bundle, dir string) {
	entries, err := m.ReadDir(dir, maxCertFiles)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return
	}
	added := 0
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() || slices.Contains(b.files, name) || m.tree.aliasWithin(name, e) {
			continue
		}
		data, err := m.ReadFile(name, maxCertBytes)
		if err != nil {
			continue // a bundle is larger than maxCertBytes, and was read above
		}
		added += b.add(data)
	}
	if added > 0 {
		b.files = append(b.files, dir)
	}
}

// storeKey changes when one of the files or directories does.
func (m *machine) storeKey(files, dirs []string) string {
	var k strings.Builder
	for _, name := range slices.Concat(files, dirs) {
		info, err := m.Stat(name)
		if err != nil {
			k.WriteString("-;")
			continue
		}
		k.WriteString(strconv.FormatInt(info.ModTime().UnixNano(), 36))
		k.WriteByte(':')
		k.WriteString(strconv.FormatInt(info.Size(), 36))
		k.WriteByte(';')
	}
	return k.String()
}

// copy is a store whose pool the caller may add to.
func (s TrustStore) copy() TrustStore {
	return TrustStore{Pool: s.Pool.Clone(), Files: slices.Clone(s.Files), Count: s.Count}
}

// bundle collects certificates, each once.
type bundle struct {
	pool  *x509.CertPool
	seen  map[[sha256.Size]byte]bool
	files []string
	count int
}

// add takes the certificates of a PEM file and tells how many were new. One that
// cannot be parsed is left out, as crypto/x509 does.
func (b *bundle) add(data []byte) int {
	added := 0
	for len(data) > 0 && b.count < maxBundleCerts {
		var block *pem.Block
		// pem.Decode looks at every line; a jump to the mark skips the comments.
		i := bytes.Index(data, []byte("-----BEGIN "))
		if i < 0 {
			break
		}
		if block, data = pem.Decode(data[i:]); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		sum := sha256.Sum256(block.Bytes)
		if b.seen[sum] {
			continue
		}
		b.seen[sum] = true
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		b.pool.AddCert(cert)
		b.count++
		added++
	}
	return added
}
