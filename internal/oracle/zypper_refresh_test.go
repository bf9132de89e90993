package oracle

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/repos"
)

// zyppServer serves one repository for each fault, below its name.
func zyppServer(t *testing.T) http.Handler {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	plain := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="0"></metadata>` + "\n"
	if _, err := io.WriteString(z, plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	index := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1767607200</revision>
  <data type="primary"><checksum type="sha256">%x</checksum><open-checksum type="sha256">%x</open-checksum>
    <location href="repodata/primary.xml.gz"/><timestamp>1767607200</timestamp><size>%d</size><open-size>%d</open-size></data>
</repomd>
`, sha256.Sum256(packed.Bytes()), sha256.Sum256([]byte(plain)), packed.Len(), len(plain))
	mux := http.NewServeMux()
	serve := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/repodata/repomd.xml"):
			_, _ = io.WriteString(w, index)
		case strings.HasSuffix(r.URL.Path, "/repodata/primary.xml.gz"):
			_, _ = w.Write(packed.Bytes())
		default:
			http.NotFound(w, r)
		}
	}
	for _, name := range []string{"ok", "proxyauth", "15.6", "sub"} {
		mux.HandleFunc("/"+name+"/", serve)
	}
	for _, code := range []int{401, 403, 500, 503} {
		mux.HandleFunc(fmt.Sprintf("/%d/", code), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	mux.HandleFunc("/portal/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><title>Sign in</title></html>\n")
	})
	mux.HandleFunc("/empty/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/circle/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	mux.HandleFunc("/private/", func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "joe" || password != "p@ss" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		serve(w, r)
	})
	mux.HandleFunc("/token/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "dlauth=abc" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		serve(w, r)
	})
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/ok/"+strings.TrimPrefix(r.URL.Path, "/moved/"), http.StatusFound)
	})
	mux.HandleFunc("/list/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "# a comment\n")
		for _, name := range strings.Split(strings.TrimPrefix(r.URL.Path, "/list/"), "+") {
			if name != "none" {
				fmt.Fprintf(w, "http://%s/%s/\n", r.Host, name)
			}
		}
	})
	return mux
}

// zyppFaults are machines with one repository each.
func zyppFaults() map[string]aptTree {
	const repo = "etc/zypp/repos.d/a.repo"
	section := func(lines string) aptTree { return aptTree{repo: "[a]\nenabled=1\ngpgcheck=0\n" + lines + "\n"} }
	one := func(url string) aptTree { return section("baseurl=" + url) }
	with := func(tree aptTree, more aptTree) aptTree {
		for name, data := range more {
			tree[name] = data
		}
		return tree
	}
	login := "username = joe\npassword=p@ss\n"
	cases := map[string]aptTree{
		"refused":                     one("{{DEAD}}/ok"),
		"no address":                  section("name=x"),
		"path":                        section("baseurl={{HTTP}}/\npath=sub"),
		"path with slashes":           section("baseurl={{HTTP}}/\npath=/sub/"),
		"path missing":                section("baseurl={{HTTP}}/404\npath=sub"),
		"the second address":          section("baseurl={{HTTP}}/404\n  {{HTTP}}/ok"),
		"the first refused":           section("baseurl={{DEAD}}/ok\n  {{HTTP}}/ok"),
		"all refused":                 section("baseurl={{DEAD}}/ok\n  {{DEAD}}/x"),
		"list":                        section("mirrorlist={{HTTP}}/list/ok"),
		"list, the second":            section("mirrorlist={{HTTP}}/list/404+ok"),
		"list, none of them":          section("mirrorlist={{HTTP}}/list/404+403"),
		"list, gone":                  section("mirrorlist={{HTTP}}/gone"),
		"the product's version":       {repo: "[a]\ngpgcheck=0\nbaseurl={{HTTP}}/$releasever\n", "etc/products.d/SLES.prod": slesProduct, "etc/products.d/baseproduct": "-> SLES.prod"},
		"no product's version":        one("{{HTTP}}/$releasever"),
		"proxy":                       one("http://nowhere.invalid/ok?proxy={{PROXY}}"),
		"proxy and port":              one("http://nowhere.invalid/ok?proxy={{PROXYNAME}}&proxyport={{PROXYPORT}}"),
		"proxy of the section":        section("baseurl=http://nowhere.invalid/ok\nproxy={{PROXY}}"),
		"proxy dead":                  one("{{HTTP}}/ok?proxy={{DEAD}}"),
		"proxy with password":         one("http://nowhere.invalid/proxyauth?proxy={{PROXY}}&proxyuser=joe&proxypass=p@ss"),
		"proxy without password":      one("http://nowhere.invalid/proxyauth?proxy={{PROXY}}"),
		"https, not trusted":          one("{{HTTPS}}/ok"),
		"https, not verified":         one("{{HTTPS}}/ok?ssl_verify=no"),
		"https, neither flag":         one("{{HTTPS}}/ok?ssl_verify=host,foo"),
		"client certificate":          one("{{MUTUAL}}/ok?ssl_verify=no&ssl_clientcert={{ROOT}}/cert.pem&ssl_clientkey={{ROOT}}/key.pem"),
		"client certificate, none":    one("{{MUTUAL}}/ok?ssl_verify=no"),
		"client certificate, gone":    one("{{MUTUAL}}/ok?ssl_verify=no&ssl_clientcert={{ROOT}}/gone.pem"),
		"password in the address":     one("http://joe:p%40ss@{{HOST}}/private"),
		"password in credentials.d":   with(one("{{HTTP}}/private?credentials=joe"), aptTree{"etc/zypp/credentials.d/joe": login}),
		"password in no credentials":  one("{{HTTP}}/private?credentials=joe"),
		"password in credentials.cat": with(one("{{HTTP}}/private"), aptTree{"etc/zypp/credentials.cat": "[http://other/]\nusername=a\npassword=b\n[{{HTTP}}/private]\n" + login}),
		"password of another path":    with(one("{{HTTP}}/private"), aptTree{"etc/zypp/credentials.cat": "[{{HTTP}}/other]\n" + login}),
		"token":                       one("{{HTTP}}/token?dlauth=abc&credentials=x"),
		"no token":                    one("{{HTTP}}/token"),
	}
	for _, name := range []string{"ok", "404", "401", "403", "500", "503", "moved", "private", "portal", "empty", "circle"} {
		cases["server: "+name] = one("{{HTTP}}/" + name)
	}
	return cases
}

// zyppTakesPage is where we say more than zypper: with signatures not checked it
// takes a login page in place of repomd.xml for a repository with nothing in it.
const zyppTakesPage = "server: portal"

// TestZypperRefresh: a repository is up for us exactly where zypper refreshes it.
func TestZypperRefresh(t *testing.T) {
	program := needAPT(t, "zypper")
	world := newAptWorld(t, zyppServer(t))
	cases := zyppFaults()
	aptAtOnce(t, cases, func(t *testing.T, name string, tree aptTree) {
		tree = world.fill(tree)
		m := newZyppMachine(t, program, tree)
		out, code := m.run(t, "refresh", "a")
		want := code == 0
		root := plainTemp(t)
		config := ourZypper(t, root, tree, platform.Facts{})
		if len(config.Repos) != 1 {
			t.Fatalf("repositories: %v", config.Repos)
		}
		reason, detail := fetchZypper(t, root, config.Repos[0])
		if name == zyppTakesPage {
			if reason != probes.BadContent || !want {
				t.Errorf("%s (%s), zypper up %v", reason, detail, want)
			}
			return
		}
		if got := reason == probes.OK; got != want {
			t.Errorf("up %v (%s: %s), zypper %v\n%+v\n%s", got, reason, detail, want, config, out)
		}
		t.Logf("up %v: %s %s", want, reason, detail)
	})
}

// fetchZypper asks a repository as zypper would, by what ReadZypper says of it.
func fetchZypper(t *testing.T, root string, repo probes.Repo) (probes.Reason, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if repo.Problem != "" {
		return probes.SkippedReason, repo.Problem
	}
	bases := repo.Base
	if repo.MirrorList != "" {
		f, why := aptAsk(ctx, root, repo, repo.MirrorList, nil)
		if f.Reason != probes.OK {
			return f.Reason, f.Detail + why
		}
		bases = repos.ParseMirrorList(f.Body)
	}
	return aptFirstUp(ctx, root, repo, bases)
}
