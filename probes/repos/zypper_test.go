package repos

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// TestZypperPayAsYouGo: SLES 15 as registered in the cloud.
func TestZypperPayAsYouGo(t *testing.T) {
	host, facts := aptTestMachine("zypper/sles15-payg", "x86_64")
	config := ReadZypper(host, facts)
	want := []string{
		"Basesystem_Module_x86_64:SLE-Module-Basesystem15-SP6-Debuginfo-Updates | https://smt-ec2.susecloud.net/repo/SUSE/Updates/SLE-Module-Basesystem/15-SP6/x86_64/update_debug/ | repodata/repomd.xml content | own disabled internet login auth-unknown",
		"Basesystem_Module_x86_64:SLE-Module-Basesystem15-SP6-Updates | https://smt-ec2.susecloud.net/repo/SUSE/Updates/SLE-Module-Basesystem/15-SP6/x86_64/update/ | repodata/repomd.xml content | own required internet login auth-unknown",
		"third | https://packages.vendor.example/sles/15.6/x86_64/ | repodata/repomd.xml content | internet",
		"service:Containers_Module_x86_64 | https://smt-ec2.susecloud.net/services/2614/ | repo/repoindex.xml | own required internet login auth-unknown",
	}
	if d := cmp.Diff(want, summaries(config)); d != "" {
		t.Error(d)
	}
	if len(config.Problems) > 0 || !config.Known || config.Why != "" {
		t.Errorf("%+v", config)
	}
	wantVars := map[string]string{"arch": "x86_64", "basearch": "x86_64", "releasever": "15.6", "releasever_major": "15", "releasever_minor": "6",
		"regionsrv": "192.0.2.1,192.0.2.2,192.0.2.3", "httpsOnly": "true", "update_server": "smt-ec2.susecloud.net"}
	if d := cmp.Diff(wantVars, config.Variables); d != "" {
		t.Error(d)
	}
	data, err := json.Marshal(config)
	if err != nil || strings.Contains(string(data), "not-a-secret") || strings.Contains(string(data), "SCC_0123") {
		t.Errorf("%v: %s", err, data)
	}
}

// zypperMachine is a machine of values.
func zypperMachine(files map[string]string) *platformtest.Host {
	all := map[string]string{"/etc/zypp/zypp.conf": "[main]\n"}
	maps.Copy(all, files)
	host := platformtest.New(all)
	host.FactsValue.OS = platform.OS{ID: "sles", Arch: "x86_64"}
	return host
}

func TestZypperCloudFaults(t *testing.T) {
	const repo = "[a]\nbaseurl=plugin:/susecloud?path=/repo/SUSE/Products/x/&credentials=none\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		hosts []platform.HostsLine
		want  string
	}{
		{"no plugin", nil, []platform.HostsLine{{Names: []string{"smt-ec2.susecloud.net"}}}, "no plugin for plugin:/susecloud"},
		{"not registered", map[string]string{suseCloudPlugin: ""}, nil, "not registered"},
		{"only the registry", map[string]string{suseCloudPlugin: ""}, []platform.HostsLine{{Names: []string{"registry-ec2.susecloud.net"}, Vendor: suseVendor}}, "not registered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"/etc/zypp/repos.d/a.repo": repo}
			maps.Copy(files, tt.files)
			host := zypperMachine(files)
			host.FactsValue.Hosts = tt.hosts
			config := ReadZypper(host, host.FactsValue)
			if len(config.Repos) != 1 || !strings.Contains(config.Repos[0].Problem, tt.want) || !config.Repos[0].Required {
				t.Errorf("%+v", config)
			}
		})
	}
	host := zypperMachine(map[string]string{"/etc/zypp/repos.d/a.repo": repo, suseCloudPlugin: ""})
	host.FactsValue.Hosts = []platform.HostsLine{{Names: []string{"rmt.corp.example", "rmt"}, Vendor: suseVendor}}
	config := ReadZypper(host, host.FactsValue)
	if len(config.Problems) != 1 || !strings.Contains(config.Problems[0].Text, "credentials none, which are not there") {
		t.Errorf("%+v", config.Problems)
	}
	if r := config.Repos[0]; r.Base[0] != "https://rmt.corp.example/repo/SUSE/Products/x/" || !r.Own {
		t.Errorf("%+v", r)
	}
}

func TestZypperJudges(t *testing.T) {
	for url, want := range map[string]string{
		"https://updates.suse.com/SUSE/Updates/x?tok-en&credentials=SCC": "own required internet",
		"https://rmt.corp.internal/repo/SUSE/Products/x":                 "own required",
		"http://download.opensuse.org/distribution/leap/15.6/repo/oss":   "own required internet",
		"https://notsuse.com/SUSE":                                       "internet",
		"http://10.0.0.5/repo":                                           "",
		"dir:/srv/x":                                                     "",
		"iso:/?iso=a.iso":                                                "unprobed",
		"plugin:/other?x=y":                                              "unprobed",
	} {
		host := zypperMachine(map[string]string{"/etc/zypp/repos.d/a.repo": "[a]\nbaseurl=" + url + "\n", "/etc/zypp/credentials.d/SCC": "username=u\npassword=p\n"})
		r := ReadZypper(host, host.FactsValue).Repos[0]
		r.User = ""
		got := strings.TrimSpace(summary(r)[strings.LastIndex(summary(r), "|")+1:])
		if got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

// TestZypperQuery: the token of SUSE's own repositories goes with every request
// and into no report.
func TestZypperQuery(t *testing.T) {
	host := zypperMachine(map[string]string{"/etc/zypp/repos.d/a.repo": "[a]\nbaseurl=https://updates.suse.com/SUSE/x?s3cr3t&credentials=/etc/scc&ssl_verify=peer\n", "/etc/scc": "username=u\npassword=p\n"})
	config := ReadZypper(host, host.FactsValue)
	r := config.Repos[0]
	if r.Query != "s3cr3t" || r.User != "u" || r.Base[0] != "https://updates.suse.com/SUSE/x/" || !r.SSLVerify || !r.AnyName {
		t.Errorf("%+v", r)
	}
	if data, _ := json.Marshal(config); strings.Contains(string(data), "s3cr3t") {
		t.Errorf("%s", data)
	}
}

func TestZypperProxies(t *testing.T) {
	sysconfig := "# c\nPROXY_ENABLED=\"yes\"\nHTTP_PROXY=\"http://proxy.example:3128\"\nHTTPS_PROXY='http://joe:word@tls.example:3128'\nNO_PROXY=\"localhost, .corp.example\"\n"
	for _, tt := range []struct{ name, url, sysconfig, curlrc, want string }{
		{"http", "http://a.example/", sysconfig, "", "http://proxy.example:3128"},
		{"https", "https://a.example/", sysconfig, "", "http://joe:word@tls.example:3128"},
		{"not for the domain", "https://x.corp.example/", sysconfig, "", ""},
		{"for what only looks like it", "http://xcorp.example/", sysconfig, "", "http://proxy.example:3128"},
		{"switched off", "http://a.example/", strings.Replace(sysconfig, "yes", "no", 1), "", ""},
		{"for none", "http://a.example/", strings.Replace(sysconfig, "localhost, .corp.example", "*", 1), "", ""},
		{"none at all", "http://a.example/", "", "", ""},
		{"user of curl", "http://a.example/", sysconfig, "--proxy-user = \"j:w\"\n", "http://j:w@proxy.example:3128"},
		{"own user before curl's", "https://a.example/", sysconfig, "proxy-user j:w\n", "http://joe:word@tls.example:3128"},
		{"of the address", "http://a.example/?proxy=p.example&proxyport=81", sysconfig, "", "http://p.example:81"},
		{"explicitly none", "http://a.example/?proxy=_none_", sysconfig, "", ""},
		{"not http", "http://a.example/", "HTTP_PROXY=socks5://p:1\n", "", ""},
		{"without scheme", "http://a.example/", "HTTP_PROXY=p.example:1\n", "", "http://p.example:1"},
	} {
		host := zypperMachine(map[string]string{"/etc/zypp/repos.d/a.repo": "[a]\nbaseurl=" + tt.url + "\n", "/root/.curlrc": tt.curlrc, sysconfigProxyFile: tt.sysconfig})
		if got := ReadZypper(host, host.FactsValue).Repos[0].Proxy.Reveal(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestZypperUnprivileged(t *testing.T) {
	host := zypperMachine(map[string]string{"/etc/zypp/repos.d/a.repo": "[a]\nbaseurl=https://a.example/?credentials=x\n"})
	host.Files["/etc/zypp/credentials.d/x"] = platformtest.File{Data: []byte("username=a\npassword=b\n"), Mode: 0o600}
	host.FactsValue.Privileged = false
	config := ReadZypper(host, host.FactsValue)
	if !config.Known || config.Why == "" || !config.Repos[0].AuthUnknown {
		t.Errorf("%+v", config)
	}
	host.Files["/etc/zypp/repos.d"] = platformtest.File{Mode: fs.ModeDir | 0o700}
	if config = ReadZypper(host, host.FactsValue); config.Known {
		t.Errorf("known: %+v", config)
	}
	if config = ReadZypper(platformtest.New(nil), platform.Facts{}); config.Known || config.Why == "" {
		t.Errorf("known without zypper: %+v", config)
	}
}

func TestZypperBadInput(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
	}{
		{"50 MB", strings.Repeat("[a]\nbaseurl=http://a.example/\n", 50<<20/29), "larger than"},
		{"NUL", "[a]\nbaseurl=http://a\x00.example/\n", "Invalid host"},
		{"from Windows", "[a]\r\nbaseurl=http://a.example/\r\n", "Invalid path"},
		{"garbage", "garbage\n", "Line 1 contains garbage"},
	} {
		host := zypperMachine(map[string]string{"/etc/zypp/repos.d/a.repo": tt.text})
		config := ReadZypper(host, host.FactsValue)
		if len(config.Problems) == 0 || !strings.Contains(config.Problems[0].Text, tt.want) {
			t.Errorf("%s: %+v", tt.name, config.Problems)
		}
	}
	host := zypperMachine(nil)
	for i := range 3000 {
		host.Files[fmt.Sprintf("/etc/zypp/repos.d/%d.repo", i)] = platformtest.File{Data: []byte(fmt.Sprintf("[%d]\nbaseurl=http://a.example/%d\n", i, i))}
	}
	if n := len(ReadZypper(host, host.FactsValue).Repos); n > maxZyppRepos {
		t.Errorf("%d repositories", n)
	}
}

func FuzzZypperRepo(f *testing.F) {
	for _, s := range []string{
		"[a]\nname=A\nenabled=1\nbaseurl=http://a.example/$releasever\n  http://b/\n", "[a\n", "x=y\n", "[a]\nmirrorlist=http://a/\nproxy=http://p:1\n",
		"[a]\nbaseurl=plugin:/susecloud?path=/x&credentials=y\n", "[a]\nbaseurl=http://h/${a:-${b:+c}}\n", "[a]\nbaseurl=https://u:p@h:1/x;y?z#w\npath=/q\n", "[a]\nbaseurl=http://h/${${${${\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		host := zypperMachine(map[string]string{"/etc/zypp/repos.d/a.repo": string(data), "/etc/zypp/vars.d/b": string(data), "/etc/zypp/services.d/s.service": string(data)})
		host.FactsValue.Hosts = []platform.HostsLine{{Names: []string{"smt-ec2.susecloud.net"}, Vendor: suseVendor}}
		host.Files[suseCloudPlugin] = platformtest.File{}
		config := ReadZypper(host, host.FactsValue)
		if len(config.Problems) == 0 || !config.Problems[0].Fatal {
			checkConfig(t, probes.RepoConfig{Repos: withIDs(config.Repos), Problems: config.Problems})
		}
	})
}

// withIDs leaves out sections whose name is blank.
func withIDs(repos []probes.Repo) (named []probes.Repo) {
	for _, r := range repos {
		if r.ID != "" {
			named = append(named, r)
		}
	}
	return named
}
