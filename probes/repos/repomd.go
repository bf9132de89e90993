package repos

import (
	"crypto/md5"  //nolint:gosec // metalinks name it; the strongest that one names counts
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"

	"agentctl/probes"
)

// maxRepomd bounds repomd.xml; real ones have 2 to 20 KB.
const maxRepomd = 1 << 20

// Repomd is what repomd.xml says of its repository.
type Repomd struct {
	Revision time.Time // zero where the revision is no time
	Newest   time.Time // the newest of the files that it lists
	Types    []string  // of those files: primary, filelists, ...
}

// errNotRepomd says that a document is not a repository's index.
var errNotRepomd = errors.New("the root element is not repomd")

// ParseRepomd reads repodata/repomd.xml (librepo/repomd.c). A document that is
// cut off or has another root is an error.
func ParseRepomd(data []byte) (Repomd, error) {
	var out Repomd
	root := false
	var path []string
	var text strings.Builder
	d := newXML(data)
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Repomd{}, err
		}
		switch e := t.(type) {
		case xml.StartElement:
			if len(path) == 0 && e.Name.Local != "repomd" {
				return Repomd{}, errNotRepomd
			}
			if len(path) >= maxXMLDepth {
				return Repomd{}, errTooDeep
			}
			root = true
			path = append(path, e.Name.Local)
			text.Reset()
			if len(path) == 2 && e.Name.Local == "data" && len(out.Types) < maxSums {
				out.Types = append(out.Types, printableText(attribute(e, "type")))
			}
		case xml.EndElement:
			switch strings.Join(path, "/") {
			case "repomd/revision":
				out.Revision = unixTime(text.String())
			case "repomd/data/timestamp":
				if t := unixTime(text.String()); t.After(out.Newest) {
					out.Newest = t
				}
			}
			path = path[:len(path)-1]
		case xml.CharData:
			if text.Len() < 64 {
				text.Write(e)
			}
		}
	}
	if !root {
		return Repomd{}, errNotRepomd
	}
	return out, nil
}

// unixTime reads seconds since 1970, with or without a fraction. A revision may
// be any number: one that is no time of this century is none.
func unixTime(s string) time.Time {
	whole, _, _ := strings.Cut(strings.TrimSpace(s), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 946684800 || n > 4102444800 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// hashes are the kinds of checksums that librepo knows, strongest first in
// strength.
var hashes = map[string]func() hash.Hash{
	"sha512": sha512.New, "sha384": sha512.New384, "sha256": sha256.New, "sha224": sha256.New224, "sha1": sha1.New, "md5": md5.New,
}

var strength = []string{"sha512", "sha384", "sha256", "sha224", "sha1", "md5"}

// told: the metalink gives a checksum at all.
func (m *Metalink) told() bool {
	for _, sums := range m.Sums {
		if len(sums) > 0 {
			return true
		}
	}
	return false
}

// fits tells whether a document is one of the states that a metalink allows:
// the strongest checksum of each state decides. Without any, all are allowed.
func (m *Metalink) fits(data []byte) bool {
	for _, sums := range m.Sums {
		for _, kind := range strength {
			want, ok := sums[kind]
			if !ok {
				continue
			}
			h := hashes[kind]()
			h.Write(data)
			if hex.EncodeToString(h.Sum(nil)) == want {
				return true
			}
			break
		}
	}
	return !m.told()
}

// checkRepomd judges a document that should be repomd.xml. link is the metalink
// that named it, nil without one.
func checkRepomd(data []byte, link *Metalink) (Repomd, probes.Reason, string) {
	md, err := ParseRepomd(data)
	switch {
	case len(data) == 0:
		return md, probes.BadContent, "the document is empty"
	case err != nil:
		return md, probes.BadContent, "not repomd.xml: " + printableText(err.Error())
	case link != nil && !link.fits(data):
		when := md.Revision
		if md.Newest.After(when) {
			when = md.Newest
		}
		if !when.IsZero() && link.Timestamp > 0 && when.Unix() < link.Timestamp {
			return md, probes.Stale, "older than what the metalink allows"
		}
		return md, probes.BadContent, "the checksum is none that the metalink allows"
	}
	return md, probes.OK, ""
}
