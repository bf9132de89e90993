package netpath

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"time"

	"agentctl/probes"
)

// Bounds on what is kept and verified of a chain that anyone may have sent.
const (
	maxChain   = 10
	maxNames   = 20
	maxNameLen = 256
	// maxKeyBits is what crypto/tls allows for the leaf; a larger key in an
	// intermediate only costs time.
	maxKeyBits = 8192
)

// judge records the chain and whether it leads to the client's store and to a
// service root, is for the host, and is valid now.
func (r *probe) judge(f *probes.TLS, chain []*x509.Certificate, host string) {
	if len(chain) == 0 {
		return
	}
	chain = chain[:min(len(chain), maxChain)]
	for _, c := range chain {
		f.Chain = append(f.Chain, certFacts(c))
	}
	leaf, now := chain[0], r.now()
	used := r.verify(chain, r.trust(), now)
	f.Trusted = used != nil
	genuine := used
	if !endsIn(used, r.ServiceRoots) {
		genuine = r.verify(chain, r.ServiceRoots, now)
	}
	f.Genuine = genuine != nil
	f.NameOK = leaf.VerifyHostname(host) == nil
	if used == nil {
		if used = genuine; used == nil {
			used = chain
		}
	}
	early, late := outOfTime(used, now)
	f.TimeOK = !early && !late
	switch {
	case !f.Trusted:
		f.Reason = probes.UntrustedIssuer
	case !f.NameOK:
		f.Reason = probes.NameMismatch
	case late:
		f.Reason = probes.Expired
	case early:
		f.Reason = probes.NotYetValid
	default:
		f.Reason = probes.OK
	}
}

func (r *probe) trust() *x509.CertPool {
	if r.Trust == nil {
		return nil
	}
	return r.Trust(r.target.Client)
}

// verify returns a chain from the leaf to a root of the pool, nil if there is
// none. Whether an issuer may be believed does not depend on the clock: where
// the chain does not hold now, it is verified at a time within the leaf's
// validity, so that a wrong clock or an intermediate that has run out does not
// look like an unknown issuer.
func (r *probe) verify(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) []*x509.Certificate {
	if roots == nil { // x509 would take the system's own roots
		return nil
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		if reasonableKey(c) {
			between.AddCert(c)
		}
	}
	for _, at := range verifyTimes(chain, now) {
		found, err := chain[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, CurrentTime: at,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		})
		if err == nil {
			return found[0]
		}
		if !isTimeError(err) && at.Equal(now) && within(chain, now) {
			return nil // time plays no part
		}
	}
	return nil
}

// endsIn tells whether a verified chain's root is one of the pool: then its
// signatures need no second look. For a certificate of the pool x509 checks
// none.
func endsIn(chain []*x509.Certificate, roots *x509.CertPool) bool {
	if len(chain) == 0 || roots == nil {
		return false
	}
	root := chain[len(chain)-1]
	found, err := root.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: root.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil && len(found[0]) == 1
}

// verifyTimes are now and the times at which the chain may have held: the ends
// of the span in which all its certificates are valid, of the leaf's, and its
// middle.
func verifyTimes(chain []*x509.Certificate, now time.Time) []time.Time {
	leaf := chain[0]
	from, to := leaf.NotBefore, leaf.NotAfter
	for _, c := range chain[1:] {
		if c.NotBefore.After(from) {
			from = c.NotBefore
		}
		if c.NotAfter.Before(to) {
			to = c.NotAfter
		}
	}
	middle := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
	times := []time.Time{now}
	for _, t := range []time.Time{from, to, middle, leaf.NotBefore, leaf.NotAfter} {
		if !t.Before(leaf.NotBefore) && !t.After(leaf.NotAfter) {
			times = append(times, t)
		}
	}
	return times
}

// within tells whether every certificate that was received is valid.
func within(chain []*x509.Certificate, now time.Time) bool {
	early, late := outOfTime(chain, now)
	return !early && !late
}

func outOfTime(chain []*x509.Certificate, now time.Time) (early, late bool) {
	for _, c := range chain {
		early = early || now.Before(c.NotBefore)
		late = late || now.After(c.NotAfter)
	}
	return early, late
}

func isTimeError(err error) bool {
	var e x509.CertificateInvalidError
	return errors.As(err, &e) && e.Reason == x509.Expired
}

func reasonableKey(c *x509.Certificate) bool {
	k, ok := c.PublicKey.(*rsa.PublicKey)
	return !ok || k.N.BitLen() <= maxKeyBits
}

func certFacts(c *x509.Certificate) probes.Cert {
	sum := sha256.Sum256(c.Raw)
	f := probes.Cert{
		Subject: printable(c.Subject.String(), maxNameLen), Issuer: printable(c.Issuer.String(), maxNameLen),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, SHA256: hex.EncodeToString(sum[:]),
	}
	for _, n := range c.DNSNames[:min(len(c.DNSNames), maxNames)] {
		f.Names = append(f.Names, printable(n, maxNameLen))
	}
	for _, ip := range c.IPAddresses[:min(len(c.IPAddresses), maxNames-len(f.Names))] {
		f.Names = append(f.Names, ip.String())
	}
	return f
}
