package oracle

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
)

// aptFaults are machines with one repository each. {{HTTP}} and the like stand
// for the servers' addresses.
func aptFaults() map[string]aptTree {
	const list, conf = "etc/apt/sources.list", "etc/apt/apt.conf.d/50oracle"
	one := func(uri string) aptTree { return aptTree{list: "deb [trusted=yes] " + uri + " s main\n"} }
	with := func(uri, options string) aptTree {
		tree := one(uri)
		tree[conf] = options
		return tree
	}
	cases := map[string]aptTree{
		"flat":                      {list: "deb [trusted=yes] {{HTTP}}/flat ./\n"},
		"refused":                   one("{{DEAD}}/ok"),
		"expired, taken all same":   {list: "deb [trusted=yes check-valid-until=no] {{HTTP}}/expired s main\n"},
		"expired, no dates checked": with("{{HTTP}}/expired", `Acquire::Check-Date "false";`),
		"expired, option for all":   with("{{HTTP}}/expired", `Acquire::Check-Valid-Until "0";`),
		"expired, at least a week":  {list: "deb [trusted=yes valid-until-min=604800] {{HTTP}}/expired s main\n"},
		"valid, at most a day":      {list: "deb [trusted=yes valid-until-max=86400] {{HTTP}}/valid s main\n"},
		"future, taken all same":    {list: "deb [trusted=yes check-date=no] {{HTTP}}/future s main\n"},
		"only for arm64":            {list: "deb [trusted=yes arch=arm64] {{HTTP}}/404 s main\n"},
		"unknown scheme":            one("foo://127.0.0.1/ok"),
		"from TLS to plain":         with("{{HTTPS}}/to-plain", `Acquire::https::CaInfo "{{ROOT}}/ca.pem";`),
		"from plain to TLS":         with("{{HTTP}}/to-tls", `Acquire::https::CaInfo "{{ROOT}}/ca.pem";`),
		"no redirects":              with("{{HTTP}}/moved", `Acquire::http::AllowRedirect "false";`),
		"not signed, wanted by all": with("{{HTTP}}/ok", `Acquire::AllowInsecureRepositories "true";`),
		"a path of its own":         {list: "deb [inrelease-path=here/InRelease trusted=yes] {{HTTP}}/by-name s main\n"},
		"a path of its own, gone":   {list: "deb [inrelease-path=here/InRelease trusted=yes] {{HTTP}}/apart s main\n"},
		"not trusted, signed":       {list: "deb [trusted=no] {{HTTP}}/signed s main\n"},
		"not trusted, not signed":   {list: "deb [trusted=no] {{HTTP}}/ok s main\n"},
		"a folder":                  {list: "deb [trusted=yes] file:{{ROOT}}/srv s main\n", "srv/dists/s/Release": aptRelease(time.Now(), ""), "srv/dists/s/main/binary-amd64/Packages": ""},
		"a folder, copied":          {list: "deb [trusted=yes] copy:{{ROOT}}/srv s main\n", "srv/dists/s/Release": aptRelease(time.Now(), ""), "srv/dists/s/main/binary-amd64/Packages": ""},
		"a folder with nothing":     {list: "deb [trusted=yes] file:{{ROOT}}/srv s main\n"},
		"proxy":                     with("http://nowhere.invalid/ok", `Acquire::http::Proxy "{{PROXY}}";`),
		"proxy for the host":        with("http://nowhere.invalid/ok", `Acquire { http { Proxy "{{DEAD}}"; Proxy::nowhere.invalid "{{PROXY}}"; }; };`),
		"proxy not for the host":    with("{{HTTP}}/ok", `Acquire::http::Proxy "{{DEAD}}/"; Acquire::http::Proxy::127.0.0.1 "DIRECT";`),
		"proxy dead":                with("{{HTTP}}/ok", `Acquire::http::Proxy "{{DEAD}}";`),
		"proxy direct for all":      with("{{HTTP}}/ok", `Acquire::http::Proxy "DIRECT";`),
		"proxy false":               with("{{HTTP}}/ok", `Acquire::http::Proxy "false";`),
		"proxy without scheme":      with("{{HTTP}}/ok", `Acquire::http::Proxy "127.0.0.1:3128";`),
		"proxy cleared":             with("{{HTTP}}/ok", "Acquire::http::Proxy \"{{DEAD}}\";\n#clear Acquire::http::Proxy;\n"),
		"proxy in a later file":     {list: "deb [trusted=yes] {{HTTP}}/ok s main\n", conf: `Acquire::http::Proxy "{{DEAD}}";`, "etc/apt/apt.conf": `ACQUIRE::HTTP::PROXY "{{PROXY}}";`},
		"proxy of https for http":   with("{{HTTP}}/ok", `Acquire::https::Proxy "{{DEAD}}";`),
		"proxy of http for https":   with("{{HTTPS}}/ok", `Acquire::http::Proxy "{{DEAD}}"; Acquire::https::CaInfo "{{ROOT}}/ca.pem";`),
		"proxy with password":       with("http://nowhere.invalid/proxyauth", `Acquire::http::Proxy "http://joe:p%40ss@{{PROXYHOST}}";`),
		"https, not trusted":        one("{{HTTPS}}/ok"),
		"https, own authority":      with("{{HTTPS}}/ok", `Acquire::https::CAInfo "{{ROOT}}/ca.pem";`),
		"https, for the host":       with("{{HTTPS}}/ok", `Acquire::https::localhost::CaInfo "{{ROOT}}/ca.pem";`),
		"https, as the page says":   with("{{HTTPS}}/ok", `Acquire::https::CAInfo::localhost "{{ROOT}}/ca.pem";`),
		"https, http's option":      with("{{HTTPS}}/ok", `Acquire::http::CaInfo "{{ROOT}}/ca.pem";`),
		"https, not verified":       with("{{HTTPS}}/ok", `Acquire::https::Verify-Peer "false";`),
		"https, other name":         with("{{HTTPS127}}/ok", `Acquire::https::CaInfo "{{ROOT}}/ca.pem";`),
		"https, any name":           with("{{HTTPS127}}/ok", `Acquire::https::CaInfo "{{ROOT}}/ca.pem"; Acquire::https::Verify-Host "no";`),
		"https, authority missing":  with("{{HTTPS}}/ok", `Acquire::https::CaInfo "{{ROOT}}/nowhere.pem";`),
		"signed, its key named":     {list: "deb [signed-by={{ROOT}}/etc/apt/trusted.gpg.d/oracle.asc] {{HTTP}}/signed s main\n"},
		"client certificate":        with("{{MUTUAL}}/ok", `Acquire::https { CaInfo "{{ROOT}}/ca.pem"; SslCert "{{ROOT}}/cert.pem"; SslKey "{{ROOT}}/key.pem"; };`),
		"client certificate, none":  with("{{MUTUAL}}/ok", `Acquire::https { CaInfo "{{ROOT}}/ca.pem"; };`),
		"client certificate, gone":  with("{{MUTUAL}}/ok", `Acquire::https { CaInfo "{{ROOT}}/ca.pem"; SslCert "{{ROOT}}/gone.pem"; };`),
		"option no longer known":    with("{{HTTPS}}/ok", `Acquire::https { CaInfo "{{ROOT}}/ca.pem"; SslForceVersion "TLSv1"; };`),
		"password in the address":   one("http://joe:p%40ss@{{HOST}}/private"),
		"password for http":         {list: "deb [trusted=yes] {{HTTP}}/private s main\n", "etc/apt/auth.conf": "machine http://127.0.0.1 login joe password p@ss\n"},
		"password, not for http":    {list: "deb [trusted=yes] {{HTTP}}/private s main\n", "etc/apt/auth.conf": "machine 127.0.0.1 login joe password p@ss\n"},
		"password for https":        {list: "deb [trusted=yes] {{HTTPS}}/private s main\n", conf: `Acquire::https::CaInfo "{{ROOT}}/ca.pem";`, "etc/apt/auth.conf.d/x.conf": "machine other login a password b\nmachine localhost/private\n login joe\n\tpassword p@ss\n"},
		"password, other path":      {list: "deb [trusted=yes] {{HTTPS}}/private s main\n", conf: `Acquire::https::CaInfo "{{ROOT}}/ca.pem";`, "etc/apt/auth.conf.d/x.conf": "machine localhost/other login joe password p@ss\n"},
		"password in .save":         {list: "deb [trusted=yes] {{HTTPS}}/private s main\n", conf: `Acquire::https::CaInfo "{{ROOT}}/ca.pem";`, "etc/apt/auth.conf.d/x.conf.save": "machine localhost login joe password p@ss\n"},
		"mirrors in a file":         {list: "deb [trusted=yes] mirror+file:{{ROOT}}/mirrors.list s main\n", "mirrors.list": "# none here\n{{HTTP}}/ok\n"},
		"mirrors, the first dead":   {list: "deb [trusted=yes] mirror+file:{{ROOT}}/mirrors.list s main\n", "mirrors.list": "{{DEAD}}/signed\tpriority:1\n{{LOCAL}}/signed\tpriority:2\n"},
		"mirrors, all dead":         {list: "deb [trusted=yes] mirror+file:{{ROOT}}/mirrors.list s main\n", "mirrors.list": "{{DEAD}}/ok\n{{DEAD}}/ok2\n"},
		"mirrors, none":             {list: "deb [trusted=yes] mirror+file:{{ROOT}}/mirrors.list s main\n", "mirrors.list": "# none\n"},
		"mirrors, no file":          {list: "deb [trusted=yes] mirror+file:{{ROOT}}/gone.list s main\n"},
		"mirrors over http":         one("mirror+{{HTTP}}/mirrors/signed"),
		"mirrors over http, gone":   one("mirror+{{HTTP}}/404/list"),
		"signed-by missing":         {list: "deb [trusted=yes signed-by={{ROOT}}/gone.gpg] {{HTTP}}/ok s main\n"},
	}
	maps.Copy(cases, aptMirrorFaults())
	maps.Copy(cases, aptProxyFaults())
	names := []string{"ok", "signed", "404", "expired", "valid", "badend", "future", "nosums", "md5", "portal", "empty", "noframe", "cut", "moved", "circle", "private",
		"outdated", "stranger", "apart", "apart-none", "apart-page", "apart-403", "apart-500", "moved-10", "moved-24",
		"in-page", "in-empty", "in-plain", "in-outdated", "in-stranger", "in-cut", "in-none", "in-short", "in-gzip"}
	for _, code := range aptCodes {
		names = append(names, fmt.Sprint(code), fmt.Sprintf("in-%d", code))
	}
	for _, name := range names {
		cases["server: "+name] = one("{{HTTP}}/" + name)
		cases["server of signed files: "+name] = aptTree{list: "deb [signed-by={{ROOT}}/etc/apt/trusted.gpg.d/oracle.asc] {{HTTP}}/" + name + " s main\n"}
		cases["server, signed or not: "+name] = aptTree{list: "deb [allow-insecure=yes] {{HTTP}}/" + name + " s main\n"}
	}
	return cases
}

// aptMirrorFaults are lists of mirrors whose first is worse than the second.
func aptMirrorFaults() map[string]aptTree {
	cases := map[string]aptTree{}
	// Over http real apt does not end where the first mirror fails, so the lists are
	// files.
	for _, first := range []string{"404", "403", "500", "portal", "expired", "future", "empty", "cut", "private", "nosums", "outdated", "circle", "in-page"} {
		cases["mirrors, the first "+first] = aptTree{"etc/apt/sources.list": "deb [trusted=yes] mirror+file:{{ROOT}}/mirrors.list s main\n",
			"mirrors.list": "{{HTTP}}/" + first + "\tpriority:1\n{{LOCAL}}/signed\tpriority:2\n"}
	}
	for _, list := range []string{"portal", "empty", "500"} {
		cases["list of mirrors: "+list] = aptTree{"etc/apt/sources.list": "deb [trusted=yes] mirror+{{HTTP}}/" + list + "/list s main\n"}
	}
	return cases
}

// aptProxyFaults are environments. {{DEAD}} is a proxy that nobody runs.
func aptProxyFaults() map[string]aptTree {
	const ca = `Acquire::https::CaInfo "{{ROOT}}/ca.pem";`
	const own = `Acquire::http::Proxy "{{DEAD}}";`
	cases := map[string]aptTree{}
	add := func(name, uri, options, env string) {
		cases["environment: "+name] = aptTree{"etc/apt/sources.list": "deb [trusted=yes] " + uri + " s main\n", "etc/apt/apt.conf.d/50oracle": ca + options, environment: env}
	}
	add("proxy", "http://nowhere.invalid/ok", "", "http_proxy={{PROXY}}")
	add("proxy dead", "{{HTTP}}/ok", "", "http_proxy={{DEAD}}")
	add("proxy in capitals", "{{HTTP}}/ok", "", "HTTP_PROXY={{DEAD}}")
	add("proxy of apt's own", "http://nowhere.invalid/ok", `Acquire::http::Proxy "{{PROXY}}";`, "http_proxy={{DEAD}}")
	add("direct by apt's own", "{{HTTP}}/ok", `Acquire::http::Proxy "DIRECT";`, "http_proxy={{DEAD}}")
	add("proxy of https", "{{HTTPS}}/ok", "", "https_proxy={{DEAD}}")
	add("proxy of https in capitals", "{{HTTPS}}/ok", "", "HTTPS_PROXY={{DEAD}}")
	add("proxy of http for https", "{{HTTPS}}/ok", "", "http_proxy={{DEAD}}")
	add("no_proxy", "{{HTTP}}/ok", "", "http_proxy={{DEAD}}\nno_proxy=127.0.0.1")
	add("no_proxy beats apt's own", "{{HTTP}}/ok", own, "no_proxy=127.0.0.1")
	add("NO_PROXY beats nothing", "{{HTTP}}/ok", own, "NO_PROXY=127.0.0.1")
	add("no_proxy of all", "{{HTTP}}/ok", own, "no_proxy=*")
	add("no_proxy by the end of a name", "{{LOCAL}}/ok", own, "no_proxy=x,host")
	add("no_proxy with a blank", "{{LOCAL}}/ok", own, "no_proxy=x, localhost")
	add("no_proxy in capitals of another", "{{LOCAL}}/ok", own, "no_proxy=LOCALHOST")
	add("no_proxy with a port", "{{HTTP}}/ok", own, "no_proxy={{HOST}}")
	return cases
}

// fill puts the servers' addresses in.
func (w aptWorld) fill(tree aptTree) aptTree {
	r := strings.NewReplacer("{{HTTP}}", w.http, "{{HOST}}", strings.TrimPrefix(w.http, "http://"), "{{LOCAL}}", strings.Replace(w.http, "127.0.0.1", "localhost", 1), "{{HTTPS}}", w.https,
		"{{HTTPS127}}", strings.Replace(w.https, "localhost", "127.0.0.1", 1), "{{MUTUAL}}", w.mutual,
		"{{PROXY}}", w.proxy, "{{PROXYNAME}}", "127.0.0.1", "{{PROXYPORT}}", w.proxy[strings.LastIndexByte(w.proxy, ':')+1:],
		"{{PROXYHOST}}", strings.TrimPrefix(w.proxy, "http://"), "{{DEAD}}", w.dead, "{{CA}}", w.ca, "{{HASH}}", w.hash)
	tree = maps.Clone(tree)
	for name, data := range tree {
		delete(tree, name)
		tree[r.Replace(name)] = r.Replace(data)
	}
	tree["etc/apt/trusted.gpg.d/oracle.asc"] = aptFile("key.asc")
	tree["ca.pem"], tree["cert.pem"], tree["key.pem"] = w.ca, w.cert, w.key
	return tree
}

var aptDown = regexp.MustCompile(`(?m)^(Err:|E: |W: Failed to fetch)`)

// aptUpdate: a repository is up for us exactly where apt-get update gets it.
func aptUpdate(t *testing.T, m *manager) {
	world := newAptWorld(t, aptServer())
	each(t, m, aptFaults(), func(t *testing.T, _ string, tree aptTree) {
		tree = world.fill(tree)
		machine := newAptMachine(t, tree)
		env := tree.environment()
		machine.env = append(machine.env, words(env)...)
		out, _ := machine.run(t, m.needs[0], "update")
		want := !aptDown.MatchString(out)
		root := plainTemp(t)
		config := ourAPTIn(t, root, tree, platform.Facts{})
		result, err := probe(t.Context(), root, config, env)
		if err != nil {
			t.Fatal(err)
		}
		if up(result) && !want && strings.Contains(out, "NO_PUBKEY") {
			m.differ("whose key signed is not verified")
			return
		}
		if up(result) != want {
			t.Errorf("up %v (%s: %s), apt-get %v\n%+v\n%s", up(result), result.Reason, result.Detail, want, config, out)
		}
		t.Logf("up %v: %s %s", want, result.Reason, result.Detail)
	})
}
