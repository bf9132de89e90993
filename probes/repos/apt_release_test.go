package repos

import (
	"errors"
	"strings"
	"testing"
	"time"

	"agentctl/probes"
)

const aptGoodRelease = `Origin: Ubuntu
Label: Ubuntu
Suite: jammy-updates
Version: 22.04
Codename: jammy
Date: Sat, 10 May 2025  8:34:36 UTC
Architectures: amd64 arm64
Components: main restricted
Description: Ubuntu Jammy Updates
MD5Sum:
 d41d8cd98f00b204e9800998ecf8427e 0 main/binary-amd64/Packages
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-arm64/Packages
`

func aptClearSigned(body string) string {
	return clearSignedBegin + "\nHash: SHA512\n\n" + body + "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
}

func TestParseRelease(t *testing.T) {
	for _, text := range []string{aptGoodRelease, aptClearSigned(aptGoodRelease), strings.ReplaceAll(aptClearSigned(aptGoodRelease), "\n", "\r\n"), aptClearSigned("- " + aptGoodRelease)} {
		r, err := ParseRelease([]byte(text))
		if err != nil || r.Origin != "Ubuntu" || r.Suite != "jammy-updates" || r.Codename != "jammy" || r.Files != 2 || len(r.Architectures) != 2 {
			t.Errorf("%v %+v\n%s", err, r, text)
		}
		if want := time.Date(2025, 5, 10, 8, 34, 36, 0, time.UTC); !r.Date.Equal(want) {
			t.Errorf("date %v", r.Date)
		}
		if r.Signed != strings.HasPrefix(text, "-----") {
			t.Errorf("signed %v", r.Signed)
		}
	}
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"empty", "", ErrNoRelease},
		{"a page", "<!DOCTYPE html>\n<html><title>Sign in: please</title></html>", ErrNoRelease},
		{"other fields", "Package: bash\nVersion: 5\n", ErrNoRelease},
		{"no sums", "Suite: s\nDate: Sat, 10 May 2025 08:34:36 UTC\n", ErrBadRelease},
		{"weak sums", "Suite: s\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 Packages\n", ErrBadRelease},
		{"cut off", strings.TrimSuffix(aptClearSigned(aptGoodRelease), "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"), ErrBadRelease},
		{"no date", "Valid-Until: tomorrow\n" + aptGoodRelease, ErrBadRelease},
		{"NUL", "Suite: s\x00\n" + aptGoodRelease, ErrNoRelease},
		{"headers alone", clearSignedBegin + "\n" + strings.Repeat("Hash: x\n", 1000), ErrBadRelease},
	} {
		if _, err := ParseRelease([]byte(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestReleaseCheck(t *testing.T) {
	now := time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, tt := range []struct {
		name string
		r    Release
		repo probes.Repo
		want probes.Reason
	}{
		{"no end", Release{Date: now.Add(-400 * day)}, probes.Repo{}, probes.OK},
		{"past its end", Release{Date: now.Add(-20 * day), ValidUntil: now.Add(-day)}, probes.Repo{}, probes.Stale},
		{"not checked", Release{Date: now.Add(-20 * day), ValidUntil: now.Add(-day)}, probes.Repo{NoExpiry: true}, probes.OK},
		{"valid at least", Release{Date: now.Add(-20 * day), ValidUntil: now.Add(-day)}, probes.Repo{ValidMin: 30 * 86400}, probes.OK},
		{"valid at most", Release{Date: now.Add(-20 * day)}, probes.Repo{ValidMax: 86400}, probes.Stale},
		{"a little ahead", Release{Date: now.Add(9 * time.Second)}, probes.Repo{}, probes.OK},
		{"ahead", Release{Date: now.Add(time.Minute)}, probes.Repo{}, probes.NotYetValid},
	} {
		if got := tt.r.Check(now, tt.repo); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestCheckAPT(t *testing.T) {
	now := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, body string
		want       probes.Reason
		detail     string
	}{
		{"dists/s/InRelease", aptClearSigned(aptGoodRelease), probes.OK, ""},
		{"dists/s/Release", aptGoodRelease, probes.OK, ""},
		{"dists/s/InRelease", aptGoodRelease, probes.BadContent, "not a signed Release file"},
		{"dists/s/InRelease", "<html>", probes.BadContent, "a page for people"},
		{"dists/s/Release", "", probes.BadContent, "it is empty"},
		{"dists/s/Release", "Valid-Until: Sat, 17 May 2025 08:34:36 UTC\n" + aptGoodRelease, probes.Stale, "2025-05-17"},
		{"dists/s/Release", strings.Replace(aptGoodRelease, "2025", "2026", 1), probes.NotYetValid, "2026-05-10"},
	} {
		if _, got, detail := CheckAPT(tt.name, []byte(tt.body), probes.Repo{}, now); got != tt.want || !strings.Contains(detail, tt.detail) {
			t.Errorf("%s: %s %q, want %s %q", tt.name, got, detail, tt.want, tt.detail)
		}
	}
}
