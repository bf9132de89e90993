package repos

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Bounds on lists of mirrors, which others write. EPEL's metalink has 30 KB and
// 100 mirrors.
const (
	maxList     = 1 << 20
	maxMirrors  = 1000
	maxMirrorLn = 4095 // librepo's buffer for one line (mirrorlist.c, BUF_LEN)
	maxSums     = 50
	maxXMLDepth = 100
)

// ParseMirrorList reads a mirror list as librepo does (librepo/mirrorlist.c):
// one address a line, each with a scheme or a leading slash; the rest is passed
// over. The carriage return of a list with Windows' lines stays, and dnf can
// then use none of it.
func ParseMirrorList(data []byte) []string {
	var out []string
	for len(data) > 0 && len(out) < maxMirrors {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if len(line) > maxMirrorLn {
			continue // no address is that long
		}
		text := strings.TrimLeft(string(line), " \t")
		if text == "" || text[0] == '#' {
			continue
		}
		text = strings.TrimRight(text, " \t")
		if strings.Contains(text, "://") || strings.HasPrefix(text, "/") {
			out = append(out, text)
		}
	}
	return out
}

// Metalink is a metalink's entry for repomd.xml.
type Metalink struct {
	URLs []string // of the file itself, in the order of the document
	// Sums are the checksums by which a mirror's file counts as good, those of
	// older ones that still do among them, by type: sha256 to lower-case digits.
	Sums      []Checksums
	Timestamp int64 // seconds since 1970; 0: not told
	Size      int64
}

// Checksums are those of one state of the file, by type.
type Checksums map[string]string

// Errors of ParseMetalink.
var (
	errNotMetalink = errors.New("not a metalink")
	errNoRepomd    = errors.New("the metalink names no repomd.xml")
	errTooDeep     = errors.New("elements are nested too deep")
)

// ParseMetalink reads a metalink as librepo does (librepo/metalink.c): the first
// file named repomd.xml, its checksums, its alternates', and its addresses.
// Entities that the document defines are not expanded: they are an error.
func ParseMetalink(data []byte) (Metalink, error) {
	p := metalinkParser{}
	d := newXML(data)
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Metalink{}, err
		}
		switch e := t.(type) {
		case xml.StartElement:
			if err := p.start(e); err != nil {
				return Metalink{}, err
			}
		case xml.EndElement:
			p.end()
		case xml.CharData:
			if p.text.Len() < maxMirrorLn {
				p.text.Write(e)
			}
		}
	}
	switch {
	case !p.root:
		return Metalink{}, errNotMetalink
	case !p.found:
		return Metalink{}, errNoRepomd
	}
	return p.out, nil
}

// newXML is a decoder that knows the five entities of XML and no others, and
// takes names with their prefix, as librepo does.
func newXML(data []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict, d.Entity = true, nil
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return d
}

// The paths of the elements that count, below metalink/files/file.
const (
	inFile      = "metalink/files/file"
	inHash      = inFile + "/verification/hash"
	inAlternate = inFile + "/alternates/alternate"
	inAltHash   = inAlternate + "/verification/hash"
	inURL       = inFile + "/resources/url"
)

type metalinkParser struct {
	path  []string
	text  strings.Builder
	kind  string // of a hash
	root  bool
	found bool
	here  bool // inside the file that counts
	out   Metalink
}

func (p *metalinkParser) at() string { return strings.Join(p.path, "/") }

func (p *metalinkParser) start(e xml.StartElement) error {
	if len(p.path) >= maxXMLDepth {
		return errTooDeep
	}
	p.path = append(p.path, e.Name.Local)
	p.text.Reset()
	switch p.at() {
	case "metalink":
		p.root = true
	case inFile:
		name := attribute(e, "name")
		if name == "" {
			return errors.New("a file without a name")
		}
		p.here = name == "repomd.xml" && !p.found
		if p.here {
			p.found = true
			p.out.Sums = append(p.out.Sums, Checksums{})
		}
	case inHash, inAltHash:
		p.kind = attribute(e, "type")
	case inAlternate:
		if p.here && len(p.out.Sums) < maxSums {
			p.out.Sums = append(p.out.Sums, Checksums{})
		}
	}
	if len(p.path) == 1 && !p.root {
		return errNotMetalink
	}
	return nil
}

func (p *metalinkParser) end() {
	where, text := p.at(), strings.TrimSpace(p.text.String())
	p.path = p.path[:len(p.path)-1]
	if !p.here {
		return
	}
	switch where {
	case inFile:
		p.here = false
	case inFile + "/timestamp":
		p.out.Timestamp, _ = strconv.ParseInt(text, 10, 64)
	case inFile + "/size":
		p.out.Size, _ = strconv.ParseInt(text, 10, 64)
	case inHash:
		p.out.Sums[0].add(p.kind, text)
	case inAltHash:
		p.out.Sums[len(p.out.Sums)-1].add(p.kind, text)
	case inURL:
		if text != "" && len(p.out.URLs) < maxMirrors {
			p.out.URLs = append(p.out.URLs, text)
		}
	}
}

// add keeps a checksum of a kind that is known.
func (c Checksums) add(kind, text string) {
	kind = strings.ReplaceAll(strings.ToLower(kind), "-", "")
	if kind == "sha" {
		kind = "sha1"
	}
	if _, known := hashes[kind]; known {
		if _, err := hex.DecodeString(text); err == nil {
			c[kind] = strings.ToLower(text)
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
