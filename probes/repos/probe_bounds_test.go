package repos

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"agentctl/platform/platformtest"
	"agentctl/probes"
	"agentctl/probes/netpath"
)

// meteredConn counts what comes in.
type meteredConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c meteredConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

// metered is the stage's prober with a meter on all its connections.
func (s *stage) metered(count *atomic.Int64) *netpath.Prober {
	p := s.prober()
	dial := p.Dial
	p.Dial = func(ctx context.Context, a netip.AddrPort, o netpath.DialOptions) (net.Conn, probes.Conn) {
		c, info := dial(ctx, a, o)
		if c == nil {
			return nil, info
		}
		return meteredConn{c, count}, info
	}
	return p
}

// gzipBomb is 1 GB of zeros, packed: a thousand members, one after the other.
func gzipBomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(b.Bytes(), 1<<10)
}

// TestProbeBounds: a server can make the probe read so much and no more, whatever
// it sends, and the probe says what it is.
func TestProbeBounds(t *testing.T) {
	bomb := gzipBomb(t)
	flood := func(rw http.ResponseWriter, req *http.Request, text string) {
		for req.Context().Err() == nil {
			if _, err := io.WriteString(rw, text); err != nil {
				return
			}
		}
	}
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		switch kind, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/"); kind {
		case "packed":
			rw.Header().Set("Content-Encoding", "gzip")
			_, _ = rw.Write(bomb)
		case "framed":
			_, _ = io.WriteString(rw, clearSignedBegin+"\n\n")
			flood(rw, req, strings.Repeat("Suite: s\n", 1<<10))
		case "endless":
			flood(rw, req, strings.Repeat("x", 64<<10))
		case "lines":
			flood(rw, req, strings.Repeat("http://a.example/\n", 4<<10))
		case "million":
			_, _ = io.WriteString(rw, strings.Repeat("http://no.example/\n", 1_000_000))
		case "entities":
			_, _ = io.WriteString(rw, entityBomb())
		case "deep":
			_, _ = io.WriteString(rw, `<metalink>`+strings.Repeat("<a>", 300_000))
		case "attributes":
			_, _ = io.WriteString(rw, `<repomd `+strings.Repeat(`a="b" `, 150_000)+`/>`)
		case "headers":
			for i := range 20_000 {
				rw.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 100))
			}
		case "error":
			rw.WriteHeader(http.StatusInternalServerError)
			flood(rw, req, strings.Repeat("x", 64<<10))
		}
	})
	at := func(kind string) []string { return []string{"http://a.example/" + kind + "/"} }
	list := func(kind string) func(*probes.Repo) {
		return func(r *probes.Repo) { r.Base, r.MirrorList = nil, at(kind)[0] }
	}
	link := func(kind string) func(*probes.Repo) {
		return func(r *probes.Repo) { r.Base, r.MetaLink = nil, at(kind)[0] }
	}
	base := func(kind string) func(*probes.Repo) { return func(r *probes.Repo) { r.Base = at(kind) } }
	const slack = 256 << 10 // headers, framing, what the kernel hands over at once
	tests := []struct {
		name  string
		cfg   probes.RepoConfig
		bytes int64 // of one answer; each is asked for twice
		want  probes.Reason
	}{
		{"dnf: 1 GB packed", enabledRepo(base("packed")), 1 << 20, probes.BadContent},
		{"apt: 1 GB packed", aptRepo(base("packed")), 4 << 20, probes.BadContent},
		{"zypper: 1 GB packed", zyppRepo(base("packed")), 1 << 20, probes.BadContent},
		{"dnf: metadata without end", enabledRepo(base("endless")), 1 << 20, probes.BadContent},
		{"apt: metadata without end", aptRepo(base("framed")), 4 << 20, probes.BadContent},
		{"zypper: metadata without end", zyppRepo(base("endless")), 1 << 20, probes.BadContent},
		{"dnf: a list without end", enabledRepo(list("endless")), 1 << 20, probes.BadContent},
		{"dnf: a list packed", enabledRepo(list("packed")), 1 << 20, probes.BadContent},
		{"dnf: a list of a million", enabledRepo(list("million")), 1 << 20, probes.NXDomain},
		{"apt: a list of a million", aptRepo(list("million")), 1 << 20, probes.NXDomain},
		{"zypper: a list of a million", zyppRepo(list("million")), 1 << 20, probes.NXDomain},
		{"dnf: entities", enabledRepo(link("entities")), 1 << 20, probes.BadContent},
		{"zypper: entities", zyppRepo(link("entities")), 1 << 20, probes.BadContent},
		{"dnf: entities in repomd.xml", enabledRepo(base("entities")), 1 << 20, probes.BadContent},
		{"dnf: elements nested", enabledRepo(link("deep")), 1 << 20, probes.BadContent},
		{"dnf: attributes", enabledRepo(base("attributes")), 1 << 20, probes.OK}, // librepo takes it
		{"dnf: headers", enabledRepo(base("headers")), 32 << 10, probes.Malformed},
		{"apt: an error without end", aptRepo(base("error")), 16 << 10, probes.ServerError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var read atomic.Int64
			p, in := s.metered(&read), ProbeInput{Host: platformtest.New(nil)}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := one(t, Probe(t.Context(), p, tt.cfg, in))
			runtime.ReadMemStats(&after)
			if r.Reason != tt.want || r.Detail == "" && tt.want != probes.OK {
				t.Errorf("%s (%s, %q)", r.Reason, r.Stage, r.Detail)
			}
			if got := read.Load(); got > 2*(tt.bytes+slack) {
				t.Errorf("%d KB are read", got>>10)
			}
			// The servers of this test allocate too.
			if used := after.TotalAlloc - before.TotalAlloc; used > 300<<20 {
				t.Errorf("%d MB are allocated", used>>20)
			}
		})
	}
}

// entityBomb is a metalink whose one address has 10^9 letters.
func entityBomb() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE m [<!ENTITY e0 "http://a.example/">`)
	for i := range 9 {
		fmt.Fprintf(&b, `<!ENTITY e%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&e%d;", i), 10))
	}
	b.WriteString(`]><metalink><files><file name="repomd.xml"><resources><url>&e9;</url></resources></file></files></metalink>`)
	return b.String()
}
