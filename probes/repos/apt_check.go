package repos

import (
	"bytes"
	"errors"
	"net/http"
	"path"
	"time"

	"agentctl/probes"
)

// CheckAPT judges the body of one of a repository's Metadata, by its name, as apt
// does. A page that is no Release file at all is BadContent: apt calls it
// "Clearsigned file isn't valid, got 'NOSPLIT' (does the network require
// authentication?)". The signature is not verified: whether a key is there is
// apt's matter alone.
func CheckAPT(name string, body []byte, repo probes.Repo, now time.Time) (Release, probes.Reason, string) {
	if path.Base(name) == "InRelease" && !bytes.HasPrefix(body, []byte(clearSignedBegin)) {
		return Release{}, probes.BadContent, "not a signed Release file" + contentHint(body)
	}
	r, err := ParseRelease(body)
	switch {
	case errors.Is(err, ErrNoRelease):
		return r, probes.BadContent, "not a Release file" + contentHint(body)
	case err != nil:
		return r, probes.BadContent, err.Error()
	}
	reason := r.Check(now, repo)
	switch reason {
	case probes.Stale:
		end := "most it may be old"
		if !r.ValidUntil.IsZero() {
			end = r.ValidUntil.UTC().Format("2006-01-02 15:04 MST")
		}
		return r, reason, "past its end: " + end
	case probes.NotYetValid:
		return r, reason, "made in the future: " + r.Date.UTC().Format("2006-01-02 15:04 MST")
	}
	return r, probes.OK, ""
}

// aptFallsBack tells whether apt goes on from InRelease to Release: where it is not
// there and, if the repository need not be signed, after any other answer that is
// not in a signature's frame. Where the network failed it does not
// (acquire-item.cc, pkgAcqMetaClearSig; held to apt 2.6 by internal/oracle).
func aptFallsBack(repo probes.Repo, reason probes.Reason, status int, body []byte) bool {
	switch {
	case reason == probes.NotFound && (status == http.StatusNotFound || status == 0):
		return true
	case !repo.Unsigned || status == 0 || reason == probes.Closed:
		return false
	}
	return status/100 != 2 || !bytes.HasPrefix(body, []byte(clearSignedBegin))
}

// checkSignature judges Release.gpg: text, or packets, each of which begins with
// the highest bit set (RFC 9580, section 4.2).
func checkSignature(body []byte) (probes.Reason, string) {
	if bytes.HasPrefix(body, []byte(signatureBegin)) || len(body) > 0 && body[0]&0x80 != 0 {
		return probes.OK, ""
	}
	return probes.BadContent, "not a signature" + contentHint(body)
}

// contentHint names what stands there instead.
func contentHint(body []byte) string {
	head := bytes.ToLower(bytes.TrimLeft(body[:min(len(body), 512)], " \t\r\n\ufeff"))
	switch {
	case len(body) == 0:
		return ": it is empty"
	case bytes.HasPrefix(head, []byte("<!doctype html")), bytes.HasPrefix(head, []byte("<html")):
		return ": it is a page for people"
	}
	return ""
}
