package oracle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/netpath"
	"agentctl/probes/repos"
)

var aptQuiet = log.New(io.Discard, "", 0)

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
	for _, name := range []string{"ok", "signed", "404", "401", "403", "500", "503", "expired", "valid", "badend", "future", "nosums", "md5", "portal", "empty", "noframe", "cut", "moved", "circle", "private"} {
		cases["server: "+name] = one("{{HTTP}}/" + name)
	}
	return cases
}

// fill puts the servers' addresses in.
func (w aptWorld) fill(tree aptTree) aptTree {
	r := strings.NewReplacer("{{HTTP}}", w.http, "{{HOST}}", strings.TrimPrefix(w.http, "http://"), "{{LOCAL}}", strings.Replace(w.http, "127.0.0.1", "localhost", 1), "{{HTTPS}}", w.https,
		"{{HTTPS127}}", strings.Replace(w.https, "localhost", "127.0.0.1", 1), "{{MUTUAL}}", w.mutual,
		"{{PROXY}}", w.proxy, "{{PROXYNAME}}", "127.0.0.1", "{{PROXYPORT}}", w.proxy[strings.LastIndexByte(w.proxy, ':')+1:],
		"{{PROXYHOST}}", strings.TrimPrefix(w.proxy, "http://"), "{{DEAD}}", w.dead)
	tree = maps.Clone(tree)
	for name, data := range tree {
		tree[name] = r.Replace(data)
	}
	tree["etc/apt/trusted.gpg.d/oracle.asc"] = aptKey
	tree["ca.pem"], tree["cert.pem"], tree["key.pem"] = w.ca, w.cert, w.key
	return tree
}

var aptDown = regexp.MustCompile(`(?m)^(Err:|E: |W: Failed to fetch)`)

// TestAPTUpdate: a repository is up for us exactly where apt-get update gets it.
func TestAPTUpdate(t *testing.T) {
	program := needAPT(t, "apt-get")
	world := newAptWorld(t, aptServer())
	cases := aptFaults()
	aptAtOnce(t, cases, func(t *testing.T, _ string, tree aptTree) {
		tree = world.fill(tree)
		out, _ := newAptMachine(t, tree).run(t, program, "update")
		want := !aptDown.MatchString(out)
		root := plainTemp(t)
		config := ourAPTIn(t, root, tree, platform.Facts{})
		if len(config.Repos) != 1 {
			t.Fatalf("repositories: %v", config.Repos)
		}
		reason, detail := fetchAPT(t, root, config.Repos[0])
		if got := reason == probes.OK; got != want {
			t.Errorf("up %v (%s: %s), apt-get %v\n%+v\n%s", got, reason, detail, want, config, out)
		}
		t.Logf("up %v: %s %s", want, reason, detail)
	})
}

// fetchAPT asks a repository as apt would, by what ReadAPT says of it.
func fetchAPT(t *testing.T, root string, repo probes.Repo) (probes.Reason, string) {
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
		bases = repos.AptMirrors(f.Body, true)
	}
	return aptFirstUp(ctx, root, repo, bases)
}

// aptFirstUp asks for the metadata at one place after the other.
func aptFirstUp(ctx context.Context, root string, repo probes.Repo, bases []string) (probes.Reason, string) {
	reason, detail := probes.BadContent, "no mirror"
	for _, base := range bases {
		for _, name := range repo.Metadata {
			address := base + name
			if repo.Query != "" {
				address += "?" + repo.Query
			}
			f, why := aptAsk(ctx, root, repo, address, func(_ int, body []byte) (probes.Reason, string) {
				reason, detail, _ := repos.CheckMetadata(repo, name, body, time.Now())
				return reason, detail
			})
			if reason, detail = f.Reason, f.Detail+why; reason == probes.OK {
				return reason, detail
			}
			if !repos.NextMetadata(repo, reason) {
				break
			}
		}
	}
	return reason, detail
}

// aptAsk fetches one document with a repository's proxy, certificates and
// credentials.
func aptAsk(ctx context.Context, root string, repo probes.Repo, address string, check func(int, []byte) (probes.Reason, string)) (netpath.FetchResult, string) {
	failed := func(err error) (netpath.FetchResult, string) {
		return netpath.FetchResult{Reason: probes.Unauthorized}, err.Error()
	}
	req := netpath.FetchRequest{
		Target: probes.Target{Name: "repo", URL: address, Client: probes.ClientScript}, Check: check, Limit: 4 << 20,
		User: repo.User, Password: repo.Password, Insecure: !repo.SSLVerify, AnyName: repo.AnyName, Proxy: repo.Proxy,
	}
	if repo.CAFile != "" {
		data, err := os.ReadFile(filepath.Join(root, repo.CAFile))
		if err != nil {
			return failed(err)
		}
		req.Roots = x509.NewCertPool()
		req.Roots.AppendCertsFromPEM(data)
	}
	if repo.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(root, repo.ClientCert), filepath.Join(root, repo.ClientKey))
		if err != nil {
			return failed(err)
		}
		req.Certificate = &pair
	}
	return (&netpath.Prober{Lookup: aptNames{}}).Fetch(ctx, req), ""
}

// aptNames knows one name. The real programs are not made to ask for others.
type aptNames struct{}

func (aptNames) Lookup(_ context.Context, host string, _ probes.Client) probes.NameResult {
	if host != "localhost" {
		return probes.NameResult{Host: host, Reason: probes.NXDomain}
	}
	return probes.NameResult{Host: host, Reason: probes.OK, Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
}
