package repos

import (
	"bytes"
	"errors"
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

// AptFallsBack tells whether apt goes on from InRelease to Release: after an
// answer that the file is not there or not given out, and not where the network or
// the server failed (acquire-item.cc, pkgAcqMetaClearSig::Failed).
func AptFallsBack(reason probes.Reason) bool {
	switch reason {
	case probes.NotFound, probes.AccessDenied, probes.Unauthorized:
		return true
	}
	return false
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
