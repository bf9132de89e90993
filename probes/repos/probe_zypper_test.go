package repos

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// zyppRepo is a repository of zypper with the usual settings.
func zyppRepo(change func(*probes.Repo)) probes.RepoConfig {
	r := probes.Repo{ID: "SLES", Manager: "zypper", Enabled: true, SSLVerify: true, Base: []string{"http://a.example/update/"},
		Metadata: []string{"repodata/repomd.xml", "content"}, Internet: true}
	change(&r)
	return probes.RepoConfig{Known: true, Manager: "zypper", Repos: []probes.Repo{r}}
}

func TestProbeZypper(t *testing.T) {
	t.Parallel()
	const content = "CONTENTSTYLE 11\nDESCRDIR suse/setup/descr\n"
	tests := []struct {
		name          string
		repomd, other any // of repomd.xml, and of content
		change        func(*probes.Repo)
		want          probes.Reason
		state         probes.State
		last          string
	}{
		{"repomd.xml", repomdText, nil, nil, probes.OK, probes.Up, "repomd.xml"},
		{"an old YaST source", nil, content, nil, probes.OK, probes.Up, "content"},
		{"nothing", nil, nil, nil, probes.NotFound, probes.Down, "content"},
		{"a page for people", loginPage, content, nil, probes.BadContent, probes.Down, "repomd.xml"},
		{"refused", 403, nil, nil, probes.AccessDenied, probes.Down, "repomd.xml"},
		{"SUSE's plugin has what we have not", 403, 403, func(r *probes.Repo) { r.AuthUnknown = true }, probes.SkippedReason, probes.Unknown, "repomd.xml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
				answer := tt.other
				if strings.HasSuffix(req.URL.Path, "repomd.xml") {
					answer = tt.repomd
				}
				switch a := answer.(type) {
				case string:
					_, _ = io.WriteString(rw, a)
				case int:
					rw.WriteHeader(a)
				default:
					http.NotFound(rw, req)
				}
			})
			change := tt.change
			if change == nil {
				change = func(*probes.Repo) {}
			}
			r := one(t, Probe(t.Context(), s.prober(), zyppRepo(change), ProbeInput{Host: platformtest.New(nil)}))
			if r.Reason != tt.want || r.Result.State != tt.state || !strings.HasSuffix(r.URL, tt.last) {
				t.Errorf("%s, %s at %s: %q", r.Reason, r.Result.State, r.URL, r.Detail)
			}
		})
	}
}

func TestProbeZypperLists(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasPrefix(req.URL.Path, "/list"):
			_, _ = io.WriteString(rw, "http://no.example/x/\nhttp://a.example/x/\n")
		case strings.HasPrefix(req.URL.Path, "/metalink"):
			// zypper does not compare the checksum
			_, _ = io.WriteString(rw, `<metalink><files><file name="repomd.xml"><verification><hash type="sha256">00</hash></verification><resources><url>http://a.example/x/repodata/repomd.xml</url></resources></file></files></metalink>`)
		default:
			goodRepomd(rw, req)
		}
	})
	for name, change := range map[string]func(*probes.Repo){
		"mirrors":  func(r *probes.Repo) { r.MirrorList, r.Base = "http://a.example/list", nil },
		"metalink": func(r *probes.Repo) { r.MetaLink, r.Base = "http://a.example/metalink", nil },
	} {
		if r := one(t, Probe(t.Context(), s.prober(), zyppRepo(change), ProbeInput{Host: platformtest.New(nil)})); r.Reason != probes.OK || r.Mirrors == 0 {
			t.Errorf("%s: %s (%s), %d mirrors", name, r.Reason, r.Detail, r.Mirrors)
		}
	}
}

// TestProbeSecrets: a token in a query is sent, and stands nowhere in the result,
// even if the server repeats it in every way that it can.
func TestProbeSecrets(t *testing.T) {
	t.Parallel()
	const token = "exp=1767607200~acl=/SUSE/*~hmac=0123abcd&more"
	query := "dlauth=" + url.QueryEscape(token)
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Get("dlauth") != token {
			t.Errorf("asked for %s without the token", req.URL)
		}
		if strings.HasPrefix(req.URL.Path, "/away") {
			http.Redirect(rw, req, "http://portal.example/login?dlauth="+url.QueryEscape(token), http.StatusFound)
			return
		}
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(rw, "<title>%s</title>%s %s %s", token, req.URL.RawQuery, html.EscapeString(token), token)
	})
	for name, cfg := range map[string]probes.RepoConfig{
		"addresses": zyppRepo(func(r *probes.Repo) { r.Query = query }),
		"moved":     zyppRepo(func(r *probes.Repo) { r.Query, r.Base = query, []string{"http://a.example/away/"} }),
		"list":      zyppRepo(func(r *probes.Repo) { r.Query, r.Base, r.MirrorList = query, nil, "http://a.example/list" }),
		"dnf":       enabledRepo(func(r *probes.Repo) { r.Base = []string{"http://a.example/x?" + query} }),
		"dnf's list": enabledRepo(func(r *probes.Repo) {
			r.MirrorList = "http://a.example/list?" + query
		}),
		"not asked": zyppRepo(func(r *probes.Repo) { r.Query, r.ProxyUnknown = query, "a command" }),
	} {
		r := one(t, Probe(t.Context(), s.prober(), cfg, ProbeInput{Host: platformtest.New(nil)}))
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"0123abcd", "dlauth=exp"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s: %s", name, data)
			}
		}
		if name != "not asked" && r.Status != http.StatusNotFound {
			t.Errorf("%s: %s %d %s", name, r.Reason, r.Status, r.Detail)
		}
	}
}

// TestReadZypperListToken: the query of a list that names the product is part of
// the address, any other is kept apart.
func TestReadZypperListToken(t *testing.T) {
	h := platformtest.New(map[string]string{"/etc/zypp/repos.d/a.repo": "[a]\nmirrorlist=https://h.example/list?repo=epel-9&arch=x86_64\n[b]\nmirrorlist=https://h.example/list?repo=x&token=abcdefgh\n"})
	cfg := ReadZypper(h, h.FactsValue)
	if r := cfg.Repos[0]; r.MirrorList != "https://h.example/list?repo=epel-9&arch=x86_64" || r.Query != "" {
		t.Errorf("%+v", r)
	}
	if r := cfg.Repos[1]; r.MirrorList != "https://h.example/list" || r.Query != "repo=x&token=abcdefgh" {
		t.Errorf("%+v", r)
	}
}

// TestProbeZypperAuthorities: ssl_capath.
func TestProbeZypperAuthorities(t *testing.T) {
	t.Parallel()
	s := newStage(t, goodRepomd)
	cert, _ := selfSigned(t, time.Now().Add(time.Hour))
	stranger := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
	files := func(names ...string) map[string]platformtest.File {
		out := map[string]platformtest.File{"/ca": {Mode: fs.ModeDir | 0o755}}
		for i := 0; i < len(names); i += 2 {
			out["/ca/"+names[i]] = platformtest.File{Data: []byte(names[i+1])}
		}
		return out
	}
	for name, tt := range map[string]struct {
		files    map[string]platformtest.File
		noVerify bool
		want     probes.Reason
		detail   string
	}{
		"the server's":                   {files("0123abcd.0", s.root), false, probes.OK, ""},
		"the server's among others":      {files("0123abcd.0", s.root, "ffffffff.1", "x", "README", "x"), false, probes.OK, ""},
		"without a hash":                 {files("ca.pem", s.root), false, probes.UntrustedIssuer, "holds no certificate"},
		"another's":                      {files("0123abcd.0", stranger), false, probes.UntrustedIssuer, ""},
		"another's, not verified":        {files("0123abcd.0", stranger), true, probes.OK, ""},
		"no folder":                      {nil, false, probes.UntrustedIssuer, "no folder"},
		"no folder, and nothing to look": {nil, true, probes.UntrustedIssuer, "no folder"},
		"not ours to read":               {map[string]platformtest.File{"/ca": {Err: fs.ErrPermission}}, false, probes.SkippedReason, "may not be read"},
	} {
		h := platformtest.New(nil)
		h.Files = tt.files
		r := one(t, Probe(t.Context(), s.prober(), zyppRepo(func(r *probes.Repo) {
			r.Base, r.CADir, r.SSLVerify = []string{"https://a.example/"}, "/ca", !tt.noVerify
		}), ProbeInput{Host: h}))
		if r.Reason != tt.want || !strings.Contains(r.Detail, tt.detail) {
			t.Errorf("%s: %s (%s)", name, r.Reason, r.Detail)
		}
	}
}
