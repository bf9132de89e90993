package oracle

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"agentctl/platform"
	"agentctl/probes"
)

// zyppFiles are repomd.xml and the packed list of packages of a repository with
// nothing in it.
func zyppFiles(t *testing.T) (index, list string) {
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
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1767607200</revision>
  <data type="primary"><checksum type="sha256">%x</checksum><open-checksum type="sha256">%x</open-checksum>
    <location href="repodata/primary.xml.gz"/><timestamp>1767607200</timestamp><size>%d</size><open-size>%d</open-size></data>
</repomd>
`, sha256.Sum256(packed.Bytes()), sha256.Sum256([]byte(plain)), packed.Len(), len(plain)), packed.String()
}

// zyppServer serves one repository for each fault, below its name.
func zyppServer(t *testing.T) http.Handler {
	t.Helper()
	index, list := zyppFiles(t)
	mux := http.NewServeMux()
	serve := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/repodata/repomd.xml"):
			_, _ = io.WriteString(w, index)
		case strings.HasSuffix(r.URL.Path, "/repodata/primary.xml.gz"):
			_, _ = io.WriteString(w, list)
		default:
			http.NotFound(w, r)
		}
	}
	for _, name := range []string{"ok", "proxyauth", "15.6", "sub"} {
		mux.HandleFunc("/"+name+"/", serve)
	}
	for _, code := range aptCodes {
		mux.HandleFunc(fmt.Sprintf("/%d/", code), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	mux.HandleFunc("/portal/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><title>Sign in</title></html>\n")
	})
	mux.HandleFunc("/text/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "It works!\n") })
	mux.HandleFunc("/cut/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, index[:len(index)/2]) })
	mux.HandleFunc("/halved/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(2*len(index)))
		_, _ = io.WriteString(w, index)
	})
	mux.HandleFunc("/gzip/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".gz") {
			_, _ = io.WriteString(w, list)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, index)
		z.Close()
	})
	for n := range 8 {
		next := fmt.Sprintf("/moved-%d/", n-1)
		if n == 0 {
			next = "/ok/"
		}
		mux.HandleFunc(fmt.Sprintf("/moved-%d/", n), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, next+strings.TrimPrefix(r.URL.Path, fmt.Sprintf("/moved-%d/", n)), http.StatusFound)
		})
	}
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
	mux.HandleFunc("/metalink/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<?xml version="1.0"?><metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="repomd.xml"><resources>`)
		for i, name := range strings.Split(strings.TrimPrefix(r.URL.Path, "/metalink/"), "+") {
			if name != "none" {
				fmt.Fprintf(w, `<url protocol="http" type="http" preference="%d">http://%s/%s/repodata/repomd.xml</url>`, 100-i, r.Host, name)
			}
		}
		fmt.Fprint(w, `</resources></file></files></metalink>`)
	})
	return mux
}

// zyppFaults are machines with one repository each.
func zyppFaults(t *testing.T) map[string]aptTree {
	t.Helper()
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
	maps.Copy(cases, zyppMoreFaults(t))
	for _, name := range []string{"ok", "404", "401", "403", "500", "503", "moved", "private", "portal", "empty", "circle", "204", "410", "429", "text", "cut", "gzip", "halved",
		"to-tls", "to-plain", "moved-6", "moved-7"} {
		cases["server: "+name] = one("{{HTTP}}/" + name)
	}
	return cases
}

// zyppMoreFaults are lists, folders, authorities and environments.
func zyppMoreFaults(t *testing.T) map[string]aptTree {
	t.Helper()
	index, list := zyppFiles(t)
	const repo = "etc/zypp/repos.d/a.repo"
	cases := map[string]aptTree{}
	add := func(name, lines string, more ...string) {
		tree := aptTree{repo: "[a]\nenabled=1\ngpgcheck=0\n" + lines + "\n"}
		for i := 0; i < len(more); i += 2 {
			tree[more[i]] = more[i+1]
		}
		cases[name] = tree
	}
	for _, first := range []string{"404", "403", "401", "500", "empty", "text", "cut", "circle"} {
		add("addresses, the first "+first, "baseurl={{HTTP}}/"+first+"\n  {{HTTP}}/ok")
		add("list, the first "+first, "mirrorlist={{HTTP}}/list/"+first+"+ok")
	}
	for _, name := range []string{"portal", "empty", "500", "401", "list/none"} {
		add("list: "+name, "mirrorlist={{HTTP}}/"+name)
	}
	add("list with a query", "mirrorlist={{HTTP}}/list/ok?repo=x&token=abcdefg")
	add("metalink", "metalink={{HTTP}}/metalink/ok")
	add("metalink, the second", "metalink={{HTTP}}/metalink/404+ok")
	add("metalink, empty", "metalink={{HTTP}}/metalink/none")
	add("metalink that is a list", "metalink={{HTTP}}/list/ok")
	add("list that is a metalink", "mirrorlist={{HTTP}}/metalink/ok")

	add("https, a folder of authorities", "baseurl={{HTTPS}}/ok?ssl_capath={{ROOT}}/hashed", "hashed/{{HASH}}.0", "{{CA}}")
	add("https, a folder without hashes", "baseurl={{HTTPS}}/ok?ssl_capath={{ROOT}}/plain", "plain/ca.pem", "{{CA}}")
	add("https, an empty folder", "baseurl={{HTTPS}}/ok?ssl_capath={{ROOT}}/etc/zypp/vars.d")
	add("https, no such folder", "baseurl={{HTTPS}}/ok?ssl_capath=/nowhere/at/all")
	add("https, no such folder, not verified", "baseurl={{HTTPS}}/ok?ssl_verify=no&ssl_capath=/nowhere/at/all")
	add("https, any name", "baseurl={{HTTPS127}}/ok?ssl_verify=peer&ssl_capath={{ROOT}}/hashed", "hashed/{{HASH}}.0", "{{CA}}")
	add("https, another name", "baseurl={{HTTPS127}}/ok?ssl_capath={{ROOT}}/hashed", "hashed/{{HASH}}.0", "{{CA}}")

	add("a folder", "baseurl=dir:{{ROOT}}/srv", "srv/repodata/repomd.xml", index, "srv/repodata/primary.xml.gz", list)
	add("a folder with nothing", "baseurl=dir:{{ROOT}}/srv", "srv/x", "")
	add("no folder", "baseurl=dir:{{ROOT}}/srv")

	env := func(name, lines, text string) { add("environment: "+name, lines, environment, text) }
	env("proxy", "baseurl=http://nowhere.invalid/ok", "http_proxy={{PROXY}}")
	env("proxy dead", "baseurl={{HTTP}}/ok", "http_proxy={{DEAD}}")
	env("proxy in capitals", "baseurl={{HTTP}}/ok", "HTTP_PROXY={{DEAD}}")
	env("proxy of https in capitals", "baseurl={{HTTPS}}/ok?ssl_verify=no", "HTTPS_PROXY={{DEAD}}")
	env("proxy of http for https", "baseurl={{HTTPS}}/ok?ssl_verify=no", "http_proxy={{DEAD}}")
	env("a proxy of its own", "baseurl=http://nowhere.invalid/ok?proxy={{PROXY}}", "http_proxy={{DEAD}}")
	env("none by the address", "baseurl={{HTTP}}/ok?proxy=_none_", "http_proxy={{DEAD}}")
	env("no_proxy", "baseurl={{HTTP}}/ok", "http_proxy={{DEAD}}\nno_proxy=127.0.0.1")
	env("no_proxy beats its own", "baseurl={{HTTP}}/ok?proxy={{DEAD}}", "no_proxy=127.0.0.1")
	env("NO_PROXY beats its own", "baseurl={{HTTP}}/ok?proxy={{DEAD}}", "NO_PROXY=x, 127.0.0.0/8")
	env("no_proxy of all", "baseurl={{LOCAL}}/ok", "http_proxy={{DEAD}}\nno_proxy=*")
	env("no_proxy by the end of a name", "baseurl={{LOCAL}}/ok", "http_proxy={{DEAD}}\nno_proxy=host")
	env("no_proxy with a dot", "baseurl={{LOCAL}}/ok", "http_proxy={{DEAD}}\nno_proxy=.LocalHost")
	return cases
}

// zyppTakesPage: with signatures not checked zypper takes a login page in place of
// repomd.xml, for a repository with nothing in it. We say that it is none.
const zyppTakesPage = "server: portal"

// zypperRefresh: a repository is up for us exactly where zypper refreshes it.
func zypperRefresh(t *testing.T, m *manager) {
	world := newAptWorld(t, zyppServer(t))
	each(t, m, zyppFaults(t), func(t *testing.T, name string, tree aptTree) {
		tree = world.fill(tree)
		machine, env := newZyppMachine(t, m.needs[0], tree), tree.environment()
		machine.env = words(env)
		out, code := machine.run(t, "refresh", "a")
		want := code == 0
		root := plainTemp(t)
		config := ourZypper(t, root, tree, platform.Facts{})
		result, err := probe(t.Context(), root, config, env)
		if err != nil {
			t.Fatal(err)
		}
		if name == zyppTakesPage && want && result.Reason == probes.BadContent {
			m.differ("a login page for an empty repository with checks off is no metadata")
			return
		}
		if up(result) != want {
			t.Errorf("up %v (%s: %s), zypper %v\n%+v\n%s", up(result), result.Reason, result.Detail, want, config, out)
		}
		t.Logf("up %v: %s %s", want, result.Reason, result.Detail)
	})
}
