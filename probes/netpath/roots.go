package netpath

import (
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
)

//go:embed roots/*.pem
var rootFiles embed.FS

// ServiceRoots returns the roots that AWS's own endpoints chain to, and those
// in extraPEM (other partitions, tests) beside them. It fails where extraPEM is
// not empty and holds no certificate.
func ServiceRoots(extraPEM []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	files, err := rootFiles.ReadDir("roots")
	if err != nil {
		return nil, fmt.Errorf("read the embedded roots: %w", err)
	}
	for _, f := range files {
		pem, err := rootFiles.ReadFile("roots/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read the embedded root %s: %w", f.Name(), err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("parse the embedded root %s", f.Name())
		}
	}
	if len(extraPEM) > 0 && !pool.AppendCertsFromPEM(extraPEM) {
		return nil, errors.New("parse service roots: no certificate in PEM form")
	}
	return pool, nil
}
