package repos

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentctl/probes"
)

// maxRelease is how much of a Release file is read. Ubuntu's and Debian's have
// 150 to 270 KB, nearly all of it checksums.
const maxRelease = 4 << 20

// Release is what the (In)Release file of an apt repository says of itself
// (https://wiki.debian.org/DebianRepository/Format#A.22Release.22_files).
type Release struct {
	Origin, Label, Suite, Codename string
	Architectures, Components      []string
	// Date is when it was made, ValidUntil when it ends; zero: does not say.
	Date       time.Time
	ValidUntil time.Time
	// Signed: it stands within a signature's frame, as InRelease does. The
	// signature itself is not verified.
	Signed bool
	// Files is how many index files it lists under a checksum that apt trusts
	// (SHA256, SHA512).
	Files int
}

// What ParseRelease finds instead of a Release file.
var (
	// ErrNoRelease: no Release file at all, such as a login page.
	ErrNoRelease = errors.New("not a Release file")
	// ErrBadRelease: a Release file that apt refuses.
	ErrBadRelease = errors.New("broken Release file")
)

// ParseRelease reads an InRelease or Release file as apt does. It looks at the
// first 4 MB at most. A file that apt would refuse in any case (no signature's
// end, no strong checksums, a Valid-Until that is no date) gives ErrBadRelease or
// ErrNoRelease.
func ParseRelease(data []byte) (Release, error) {
	var r Release
	data = data[:min(len(data), maxRelease)]
	body, signed, err := clearSigned(data)
	if err != nil {
		return r, err
	}
	r.Signed = signed
	if bytes.IndexByte(body, 0) >= 0 {
		return r, fmt.Errorf("%w: has NUL bytes", ErrNoRelease)
	}
	fields := releaseFields(body)
	if len(fields) == 0 {
		return r, fmt.Errorf("%w: has no fields", ErrNoRelease)
	}
	r.Origin, r.Label = aptPrintable(fields["origin"]), aptPrintable(fields["label"])
	r.Suite, r.Codename = aptPrintable(fields["suite"]), aptPrintable(fields["codename"])
	r.Architectures = shortList(fields["architectures"])
	r.Components = shortList(fields["components"])
	r.Files = max(countSums(fields["sha256"], 64), countSums(fields["sha512"], 128))
	_, hasDate := fields["date"]
	r.Date, _ = releaseDate(fields["date"])
	switch {
	case r.Files == 0 && !hasDate && r.Suite == "" && r.Codename == "":
		return r, fmt.Errorf("%w: has none of its fields", ErrNoRelease)
	case r.Files == 0:
		return r, fmt.Errorf("%w: lists no file under SHA256 or SHA512", ErrBadRelease)
	}
	if until := fields["valid-until"]; until != "" {
		var ok bool
		if r.ValidUntil, ok = releaseDate(until); !ok {
			return r, fmt.Errorf("%w: Valid-Until is no date: %s", ErrBadRelease, aptPrintable(until))
		}
	}
	return r, nil
}

// Check tells whether apt takes the file at the given time: OK, Stale past its
// end, NotYetValid where it lies over 10 s in the future (Acquire::Max-FutureTime),
// which on a healthy server means that this machine's clock is slow.
func (r Release) Check(now time.Time, repo probes.Repo) probes.Reason {
	if repo.NoExpiry {
		return probes.OK
	}
	until := r.ValidUntil
	if least := r.Date.Add(time.Duration(repo.ValidMin) * time.Second); repo.ValidMin != 0 && !until.IsZero() && until.Before(least) {
		until = least
	}
	if most := r.Date.Add(time.Duration(repo.ValidMax) * time.Second); repo.ValidMax != 0 && !r.Date.IsZero() && (until.IsZero() || until.After(most)) {
		until = most
	}
	switch {
	case !until.IsZero() && now.After(until):
		return probes.Stale
	case r.Date.After(now.Add(10 * time.Second)):
		return probes.NotYetValid
	}
	return probes.OK
}

// clearSignedBegin is the first line of an InRelease file.
const clearSignedBegin = "-----BEGIN PGP SIGNED MESSAGE-----"

// signatureBegin is the first line of a signature in text.
const signatureBegin = "-----BEGIN PGP SIGNATURE-----"

// clearSigned takes the text out of an OpenPGP clear-signed message (RFC 9580,
// section 7). Other text is returned as it is. A message without a signature is
// what apt calls "NOSPLIT (does the network require authentication?)".
func clearSigned(data []byte) (body []byte, signed bool, err error) {
	if !bytes.HasPrefix(data, []byte(clearSignedBegin)) {
		return data, false, nil
	}
	head := true
	for line := range bytes.Lines(data) {
		text := bytes.TrimRight(line, "\r\n")
		switch {
		case head:
			head = len(text) > 0 // up to the empty line
		case string(text) == signatureBegin:
			return body, true, nil
		default:
			body = append(body, bytes.TrimPrefix(line, []byte("- "))...)
		}
	}
	return nil, true, fmt.Errorf("%w: the signature is missing", ErrBadRelease)
}

// releaseFields reads the first stanza, names in lower case.
func releaseFields(body []byte) map[string]string {
	body = bytes.TrimLeft(body, "\r\n")
	fields := map[string]string{}
	name := ""
	var value strings.Builder
	flush := func() {
		if name != "" {
			fields[name] = strings.TrimSpace(value.String())
		}
		value.Reset()
	}
	for line := range bytes.Lines(body) {
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		if aptSpace(text[0]) {
			value.WriteString("\n" + text)
			continue
		}
		flush()
		key, rest, ok := strings.Cut(text, ":")
		if name = strings.ToLower(strings.TrimSpace(key)); !ok || strings.ContainsAny(name, " <>\"") || len(fields) > 200 {
			name = ""
			continue
		}
		value.WriteString(rest)
	}
	flush()
	return fields
}

// countSums counts lines of checksum, size and name.
func countSums(s string, digits int) (n int) {
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) == 3 && len(f[0]) == digits {
			n++
		}
	}
	return n
}

// shortList is a field of words, at most 50.
func shortList(s string) []string {
	words := strings.Fields(s)
	words = words[:min(len(words), 50)]
	for i := range words {
		words[i] = aptPrintable(words[i])
	}
	return words
}

// releaseDate reads a date in UTC as apt's RFC1123StrToTime does: "Sat, 10 May
// 2025 8:34:36 UTC", with GMT, Z or +0000 too.
func releaseDate(s string) (time.Time, bool) {
	f := strings.Fields(s)
	if len(f) != 6 || len(f[0]) != 4 || f[0][3] != ',' {
		return time.Time{}, false
	}
	if !slices.Contains([]string{"GMT", "UTC", "Z"}, f[5]) {
		if z, err := strconv.Atoi(f[5]); err != nil || z != 0 {
			return time.Time{}, false
		}
	}
	t, err := time.Parse("2 Jan 2006 15:4:5", strings.Join(f[1:5], " "))
	return t, err == nil
}
