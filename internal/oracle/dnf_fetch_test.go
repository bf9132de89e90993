package oracle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentctl/probes"
)

// fetchCase is one repository as it is offered.
type fetchCase struct {
	name string
	body string // of its section, after the id
	env  map[string]string
	// want is our reason where dnf fails; empty: not looked at.
	want probes.Reason
}

// cases are the faults of a server and of a configuration, all on loopback.
func (w *dnfWorld) cases() []fetchCase {
	base := func(kind string) string { return "baseurl=" + w.plain + "/" + kind + "/\n" }
	list := func(name string) string { return "mirrorlist=" + w.plain + "/list/" + name + "\n" }
	meta := func(name string) string { return "metalink=" + w.plain + "/list/" + name + "\n" }
	secure := func(more string) string { return "baseurl=" + w.tls + "/good/\n" + more }
	cert := func(name string) string {
		return "baseurl=" + w.client + "/good/\nsslcacert=" + w.dir + "/ca.pem\n" + strings.ReplaceAll(name, "DIR", w.dir)
	}
	ca := "sslcacert=" + w.dir + "/ca.pem\n"
	return []fetchCase{
		{name: "good", body: base("good")},
		{name: "no slash at the end", body: "baseurl=" + w.plain + "/good\n"},
		{name: "404", body: base("status-404"), want: probes.NotFound},
		{name: "403", body: base("status-403"), want: probes.AccessDenied},
		{name: "401", body: base("status-401"), want: probes.Unauthorized},
		{name: "410", body: base("status-410"), want: probes.NotFound},
		{name: "429", body: base("status-429"), want: probes.Throttled},
		{name: "500", body: base("status-500"), want: probes.ServerError},
		{name: "503", body: base("status-503"), want: probes.ServerError},
		{name: "204", body: base("status-204"), want: probes.BadContent},
		{name: "refused", body: "baseurl=http://" + w.closed + "/\n", want: probes.Refused},
		{name: "HTML", body: base("html"), want: probes.BadContent},
		{name: "XHTML", body: base("xhtml"), want: probes.BadContent},
		{name: "text", body: base("text"), want: probes.BadContent},
		{name: "truncated", body: base("truncated"), want: probes.BadContent},
		{name: "broken off", body: base("cut"), want: probes.Closed},
		{name: "empty", body: base("empty"), want: probes.BadContent},
		{name: "compressed unasked", body: base("gzip"), want: probes.BadContent},
		{name: "first address refused", body: "baseurl=http://" + w.closed + "/ " + w.plain + "/good/\n"},
		{name: "first address 404", body: "baseurl=" + w.plain + "/status-404/," + w.plain + "/good/\n"},
		{name: "first address HTML", body: "baseurl=" + w.plain + "/html/ " + w.plain + "/good/\n"},
		{name: "both addresses bad", body: "baseurl=" + w.plain + "/status-404/ http://" + w.closed + "/\n", want: probes.NotFound},
		{name: "value on the next line", body: "baseurl=\n  " + w.plain + "/good/\n"},
		{name: "value on the next line beside a list", body: "baseurl=\n  " + w.plain + "/status-404/\n" + list("one")},
		{name: "no address", body: "name=x\n"},
		{name: "unset variable in the path", body: base("$nothing"), want: probes.NotFound},
		{name: "variable in the path", body: base("$kind")},

		{name: "mirror list", body: list("one")},
		{name: "mirror list, first dead", body: list("dead-first")},
		{name: "mirror list, first 404", body: list("missing-first")},
		{name: "mirror list, all dead", body: list("dead"), want: probes.Refused},
		{name: "mirror list of comments", body: list("comments"), want: probes.BadContent},
		{name: "mirror list empty", body: list("empty"), want: probes.BadContent},
		{name: "mirror list HTML", body: list("html"), want: probes.BadContent},
		{name: "mirror list 404", body: list("absent"), want: probes.NotFound},
		{name: "mirror list 404 beside an address", body: list("absent") + base("good")},
		{name: "mirror list empty beside an address", body: list("empty") + base("good")},
		{name: "mirror list refused", body: "mirrorlist=http://" + w.closed + "/\n", want: probes.Refused},
		{name: "mirror list indented", body: list("indented")},
		{name: "mirror list of Windows", body: list("windows")},
		{name: "mirror list with other schemes", body: list("odd")},
		{name: "mirror list with a variable", body: list("variable")},
		{name: "mirror list with a folder", body: list("local")},
		{name: "mirror list on the next line", body: "mirrorlist=\n  " + w.plain + "/list/one\n", want: probes.Malformed},
		{name: "mirror list on the next line beside an address", body: "mirrorlist=\n  " + w.plain + "/list/one\n" + base("good")},
		{name: "mirror list without scheme", body: "mirrorlist=127.0.0.1/list\n", want: probes.Malformed},
		{name: "mirror list by ftp", body: "mirrorlist=ftp://" + w.closed + "/list\n"},
		{name: "address without scheme", body: "baseurl=" + strings.TrimPrefix(w.plain, "http://") + "/good/\n", want: probes.SkippedReason},
		{name: "two words, one of them no address", body: "baseurl=good " + w.plain + "/good/\n"},
		{name: "mirror list on this machine", body: "mirrorlist=file://" + w.dir + "/mirrors\n"},
		{name: "metalink", body: meta("metalink")},
		{name: "metalink, first dead", body: meta("metalink-dead-first")},
		{name: "metalink, wrong checksum", body: meta("metalink-wrong-hash"), want: probes.BadContent},
		{name: "metalink, first one stale", body: meta("metalink-stale-first")},
		{name: "metalink, alternate", body: meta("metalink-alternate")},
		{name: "metalink without checksum", body: meta("metalink-no-hash")},
		{name: "metalink of another file", body: meta("metalink-other-file"), want: probes.BadContent},
		{name: "metalink without mirror", body: meta("metalink-no-mirror"), want: probes.BadContent},
		{name: "metalink cut off", body: meta("metalink-cut"), want: probes.BadContent},
		{name: "metalink that is a list", body: meta("one"), want: probes.BadContent},
		{name: "metalink 404 beside a list", body: meta("absent") + list("one"), want: probes.NotFound},
		{name: "mirror list that is a metalink", body: list("metalink")},
		{name: "metalink cut off beside an address", body: meta("metalink-cut") + base("good")},

		{name: "password", body: base("auth") + "username=u\npassword=p\n"},
		{name: "wrong password", body: base("auth") + "username=u\npassword=q\n", want: probes.Unauthorized},
		{name: "no password", body: base("auth"), want: probes.Unauthorized},
		{name: "password in the address", body: "baseurl=" + strings.Replace(w.plain, "http://", "http://u:p@", 1) + "/auth/\n"},
		{name: "own CA", body: secure(ca)},
		{name: "unknown CA", body: secure(""), want: probes.UntrustedIssuer},
		{name: "another CA", body: secure("sslcacert=" + w.dir + "/other-ca.pem\n"), want: probes.UntrustedIssuer},
		{name: "no such CA file", body: secure("sslcacert=/nowhere/ca.pem\n"), want: probes.UntrustedIssuer},
		{name: "CA file without certificate", body: secure("sslcacert=" + w.dir + "/empty.pem\n"), want: probes.UntrustedIssuer},
		{name: "not verified", body: secure("sslverify=0\n")},
		{name: "not verified, no such CA file", body: secure("sslverify=0\nsslcacert=/nowhere/ca.pem\n")},
		{name: "another name", body: strings.Replace(secure(ca), "localhost", "127.0.0.1", 1), want: probes.NameMismatch},
		{name: "another name, not verified", body: strings.Replace(secure("sslverify=0\n"), "localhost", "127.0.0.1", 1)},
		{name: "client certificate", body: cert("sslclientcert=DIR/client.pem\nsslclientkey=DIR/client.key\n")},
		{name: "client certificate with its key in one file", body: cert("sslclientcert=DIR/client-both.pem\n")},
		{name: "client certificate not named", body: cert("")},
		{name: "client certificate missing", body: cert("sslclientcert=/nowhere/c.pem\nsslclientkey=DIR/client.key\n"), want: probes.Unauthorized},
		{name: "client key missing", body: cert("sslclientcert=DIR/client.pem\nsslclientkey=/nowhere/k.pem\n"), want: probes.Unauthorized},
		{name: "client key of another", body: cert("sslclientcert=DIR/client.pem\nsslclientkey=DIR/expired.key\n"), want: probes.Unauthorized},
		{name: "client certificate expired", body: cert("sslclientcert=DIR/expired.pem\nsslclientkey=DIR/expired.key\n")},
		{name: "client certificate of a stranger", body: cert("sslclientcert=DIR/stranger.pem\nsslclientkey=DIR/stranger.key\n")},
		{name: "client certificate that is none", body: cert("sslclientcert=DIR/empty.pem\nsslclientkey=DIR/client.key\n"), want: probes.Unauthorized},

		{name: "one redirect", body: base("redirect-1")},
		{name: "six redirects", body: base("redirect-6")},
		{name: "seven redirects", body: base("redirect-7"), want: probes.Redirect},
		{name: "redirect to a file", body: base("away"), want: probes.Redirect},
		{name: "redirect to TLS", body: base("to-tls") + ca},
		{name: "redirect to TLS that is not trusted", body: base("to-tls"), want: probes.UntrustedIssuer},
		{name: "proxy", body: base("good") + "proxy=http://" + w.proxy + "\n"},
		{name: "proxy, TLS", body: secure(ca + "proxy=http://" + w.proxy + "\n")},
		{name: "proxy refused", body: base("good") + "proxy=http://" + w.closed + "\n", want: probes.ProxyUnreachable},
		{name: "proxy wants a password", body: base("wants-password") + "proxy=http://" + w.proxy + "\n", want: probes.ProxyAuth},
		{name: "proxy gets a password", body: base("wants-password") + "proxy=http://" + w.proxy + "\nproxy_username=u\nproxy_password=p\n"},
		{name: "proxy user without password", body: base("good") + "proxy=http://" + w.proxy + "\nproxy_username=u\n"},
		{name: "proxy of the environment", body: base("good"), env: map[string]string{"http_proxy": "http://" + w.closed}, want: probes.ProxyUnreachable},
		{name: "_none_ takes the environment's", body: base("good") + "proxy=_none_\n", env: map[string]string{"http_proxy": "http://" + w.closed}, want: probes.ProxyUnreachable},
		{name: "HTTP_PROXY counts for nothing", body: base("good"), env: map[string]string{"HTTP_PROXY": "http://" + w.closed}},
		{name: "https_proxy", body: secure(ca), env: map[string]string{"https_proxy": "http://" + w.closed}, want: probes.ProxyUnreachable},
		{name: "HTTPS_PROXY", body: secure(ca), env: map[string]string{"HTTPS_PROXY": "http://" + w.closed}, want: probes.ProxyUnreachable},
		{name: "http_proxy is not for https", body: secure(ca), env: map[string]string{"http_proxy": "http://" + w.closed}},
		{name: "no_proxy", body: base("good"), env: map[string]string{"http_proxy": "http://" + w.closed, "no_proxy": "a.example,127.0.0.1"}},
		{name: "NO_PROXY", body: base("good"), env: map[string]string{"http_proxy": "http://" + w.closed, "NO_PROXY": "127.0.0.1"}},
		{name: "no_proxy of all", body: base("good"), env: map[string]string{"http_proxy": "http://" + w.closed, "no_proxy": "*"}},
		{name: "no_proxy of another", body: base("good"), env: map[string]string{"http_proxy": "http://" + w.closed, "no_proxy": "127.0.0.2,example"}, want: probes.ProxyUnreachable},
		{name: "no_proxy of a network", body: base("good"), env: map[string]string{"http_proxy": "http://" + w.closed, "no_proxy": "127.0.0.0/8"}},
		{name: "no_proxy by a dot", body: secure(ca), env: map[string]string{"https_proxy": "http://" + w.closed, "no_proxy": ".localhost"}},
		{name: "no_proxy by the end of a name", body: secure(ca), env: map[string]string{"https_proxy": "http://" + w.closed, "no_proxy": "host"}, want: probes.ProxyUnreachable},
		{name: "no_proxy beats its own proxy", body: base("good") + "proxy=http://" + w.closed + "\n", env: map[string]string{"no_proxy": "127.0.0.1"}},
		{name: "its own proxy beats the environment's", body: base("good") + "proxy=http://" + w.proxy + "\n", env: map[string]string{"http_proxy": "http://" + w.closed}},
		{name: "a folder", body: "baseurl=file://" + w.dir + "/repo\n"},
		{name: "a folder without metadata", body: "baseurl=" + w.dir + "/empty\n", want: probes.NotFound},
	}
}

// dnfFetches compares what dnf makecache says of a repository with what a probe
// says, against the same servers with the same faults.
func dnfFetches(t *testing.T, m *manager) {
	w := newDNFWorld(t)
	w.write(t, "mirrors", []byte(w.plain+"/good/\n"))
	cases := map[string]fetchCase{}
	for _, c := range w.cases() {
		cases[c.name] = c
	}
	each(t, m, cases, func(t *testing.T, _ string, c fetchCase) { w.compare(t, c) })
}

// compare asks both sides about one case.
func (w *dnfWorld) compare(t *testing.T, c fetchCase) {
	t.Helper()
	root := w.root(t, "[main]\nskip_if_unavailable=0\n", "[off]\nenabled=0\nbaseurl="+w.plain+"/status-404/\n[r]\n"+c.body)
	theirs, output := makecache(t.Context(), root, words(c.env)...)
	if strings.Contains(output, "Traceback") {
		t.Fatalf("dnf broke\n%s", output)
	}
	result, err := probe(t.Context(), root, oursDNF(root, "x86_64", nil), c.env)
	if err != nil {
		t.Fatal(err)
	}
	if up(result) != theirs {
		t.Errorf("dnf says up=%v, we %v (%s: %s %q)\n%s", theirs, up(result), result.Stage, result.Reason, result.Detail, output)
	}
	if !theirs && c.want != "" && result.Reason != c.want {
		t.Errorf("reason %s (%s, %q), want %s\n%s", result.Reason, result.Stage, result.Detail, c.want, output)
	}
}

// root writes a machine's configuration, with the files that it names at the
// same place below the root: dnf takes them from this machine, we from the root.
func (w *dnfWorld) root(t *testing.T, main, text string) string {
	t.Helper()
	c := dnfConfig{files: map[string]string{dnfConf: main, "/etc/yum.repos.d/r.repo": text,
		"/etc/dnf/vars/releasever": "9", "/etc/dnf/vars/kind": "good"}}
	root := c.tree(t)
	err := filepath.WalkDir(w.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err == nil {
			dnfPut(t, root, name, string(data))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// dnfStops compares whether dnf ends or goes on, by skip_if_unavailable of
// [main] and of the repository.
func dnfStops(t *testing.T, m *manager) {
	w := newDNFWorld(t)
	type stop struct{ body, main, own string }
	stops := map[string]stop{}
	for kind, body := range map[string]string{"404": "baseurl=" + w.plain + "/status-404/\n", "no address": "name=x\n"} {
		for _, main := range []string{"", "0", "1"} {
			for _, own := range []string{"", "0", "1", "perhaps"} {
				stops[fmt.Sprintf("%s, main %q, own %q", kind, main, own)] = stop{body, main, own}
			}
		}
	}
	option := func(v string) string {
		if v == "" {
			return ""
		}
		return "skip_if_unavailable=" + v + "\n"
	}
	each(t, m, stops, func(t *testing.T, _ string, s stop) {
		root := w.root(t, "[main]\n"+option(s.main), "[good]\nbaseurl="+w.plain+"/good/\n[r]\n"+s.body+option(s.own))
		goesOn, output := makecache(t.Context(), root)
		required := oursDNF(root, "x86_64", nil).Repos[1].Required
		if required == goesOn {
			t.Errorf("dnf goes on: %v, required: %v\n%s", goesOn, required, output)
		}
	})
}
