package repos

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// machine is a root tree with an operating system.
func machine(id, version string, files map[string]string) (*platformtest.Host, platform.Facts) {
	h := platformtest.New(files)
	h.FactsValue = platform.Facts{OS: platform.OS{Family: "linux", ID: id, Version: version, Arch: "x86_64"}}
	return h, h.FactsValue
}

// trees of machines as they are delivered.
func amazon2023() map[string]string {
	return map[string]string{
		"/usr/bin/dnf": "", "/usr/bin/dnf-3": "", "/usr/bin/yum": "",
		"/etc/dnf/dnf.conf":         "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=False\nskip_if_unavailable=True\n",
		"/etc/amazon-linux-release": "Amazon Linux release 2023.8.20250707 (Amazon Linux)\n",
		"/etc/dnf/vars/awsregion":   "eu-west-1\n",
		"/etc/dnf/vars/awsdomain":   "amazonaws.com\n",
		"/etc/dnf/vars/dualstack":   ".dualstack\n",
		"/etc/dnf/vars/mirrorlist":  "mirror.list\n",
		"/etc/yum.repos.d/amazonlinux.repo": "[amazonlinux]\nname=Amazon Linux 2023 repository\nmirrorlist=https://al2023-repos-$awsregion-de612dc2.s3$dualstack.$awsregion.$awsdomain/core/mirrors/$releasever/$basearch/$mirrorlist\nenabled=1\n\n" +
			"[amazonlinux-debuginfo]\nname=debug\nmirrorlist=https://al2023-repos-$awsregion-de612dc2.s3$dualstack.$awsregion.$awsdomain/core/mirrors/$releasever/debuginfo/$basearch/$mirrorlist\nenabled=0\n",
	}
}

func amazon2() map[string]string {
	return map[string]string{
		"/usr/bin/yum": "", "/etc/yum.conf": "[main]\ngpgcheck=1\nplugins=1\ndistroverpkg=system-release\nskip_if_unavailable=1\n",
		"/etc/yum/vars/awsproto": "https\n", "/etc/yum/vars/amazonlinux": "amazonlinux-2-repos-eu-west-3.s3.dualstack\n",
		"/etc/yum/vars/awsregion": "eu-west-3\n", "/etc/yum/vars/awsdomain": "amazonaws.com\n",
		"/etc/yum/vars/product": "core\n", "/etc/yum/vars/target": "latest\n",
		"/etc/yum.repos.d/amzn2-core.repo": "[amzn2-core]\nname=core\nmirrorlist=$awsproto://$amazonlinux.$awsregion.$awsdomain/$releasever/$product/$target/$basearch/mirror.list\nenabled=1\n",
	}
}

func rhui() map[string]string {
	return map[string]string{
		"/usr/bin/dnf": "", "/usr/bin/dnf-3": "", "/etc/dnf/dnf.conf": "[main]\ngpgcheck=1\nskip_if_unavailable=False\n",
		"/etc/dnf/plugins/amazon-id.conf": "[main]\nenabled = 1\n",
		"/etc/yum.repos.d/redhat-rhui.repo": "[rhel-9-baseos-rhui-rpms]\nname=BaseOS\nmirrorlist=https://rhui.REGION.aws.ce.redhat.com/pulp/mirror/content/dist/rhel9/rhui/$releasever/$basearch/baseos/os\n" +
			"enabled=1\nsslverify=1\nsslclientkey=/etc/pki/rhui/content-rhel9.key\nsslclientcert=/etc/pki/rhui/product/content-rhel9.crt\nsslcacert=/etc/pki/rhui/cdn.redhat.com-chain.crt\n",
		"/etc/yum.repos.d/epel.repo": "[epel]\nname=EPEL\nmetalink=https://mirrors.fedoraproject.org/metalink?repo=epel-9&arch=$basearch\nskip_if_unavailable=1\n",
	}
}

// brief is what a test says of a repository.
type brief struct {
	ID                            string
	URL                           string
	Enabled, Own, Skip, Req, Inet bool
	RHUI                          bool
	Open                          []string
}

func briefly(cfg probes.RepoConfig) []brief {
	var out []brief
	for _, r := range cfg.Repos {
		out = append(out, brief{r.ID, firstURL(&r), r.Enabled, r.Own, r.Skip, r.Required, r.Internet, r.RHUI, r.Open})
	}
	return out
}

func change(files map[string]string, more ...string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		if more[i+1] == "-" {
			delete(files, more[i])
			continue
		}
		files[more[i]] = more[i+1]
	}
	return files
}

func TestReadDNFMachines(t *testing.T) {
	const s3 = "https://al2023-repos-eu-west-1-de612dc2.s3.dualstack.eu-west-1.amazonaws.com/core/mirrors/"
	debug := func(release string) brief {
		return brief{ID: "amazonlinux-debuginfo", URL: s3 + release + "/debuginfo/x86_64/mirror.list", Skip: true}
	}
	tests := []struct {
		name, os, version string
		files             map[string]string
		in                Input
		want              []brief
	}{
		{"Amazon Linux 2023", "amzn", "2023", amazon2023(), Input{}, []brief{
			{ID: "amazonlinux", URL: s3 + "2023.8.20250707/x86_64/mirror.list", Enabled: true, Own: true, Skip: true, Req: true}, debug("2023.8.20250707")}},
		{"Amazon Linux 2023, latest", "amzn", "2023", change(amazon2023(), "/etc/dnf/vars/releasever", "latest"), Input{}, []brief{
			{ID: "amazonlinux", URL: s3 + "latest/x86_64/mirror.list", Enabled: true, Own: true, Skip: true, Req: true}, debug("latest")}},
		{"Amazon Linux 2023 without a release file", "amzn", "2023", change(amazon2023(), "/etc/amazon-linux-release", "-"), Input{}, []brief{
			{ID: "amazonlinux", URL: s3 + "$releasever/x86_64/mirror.list", Enabled: true, Own: true, Skip: true, Req: true, Open: []string{"releasever"}},
			{ID: "amazonlinux-debuginfo", URL: s3 + "$releasever/debuginfo/x86_64/mirror.list", Skip: true, Open: []string{"releasever"}}}},
		{"Amazon Linux 2: yum takes no skip_if_unavailable from [main]", "amzn", "2", amazon2(), Input{}, []brief{
			{ID: "amzn2-core", URL: "https://amazonlinux-2-repos-eu-west-3.s3.dualstack.eu-west-3.amazonaws.com/2/core/latest/x86_64/mirror.list", Enabled: true, Own: true, Req: true}}},
		{"RHEL with RHUI", "rhel", "9.4", rhui(), Input{Region: "eu-west-1"}, []brief{
			{ID: "epel", URL: "https://mirrors.fedoraproject.org/metalink?repo=epel-9&arch=x86_64", Enabled: true, Skip: true, Inet: true},
			{ID: "rhel-9-baseos-rhui-rpms", URL: "https://rhui.eu-west-1.aws.ce.redhat.com/pulp/mirror/content/dist/rhel9/rhui/9/x86_64/baseos/os", Enabled: true, Own: true, Req: true, Inet: true, RHUI: true}}},
		{"RHUI without its plugin", "rhel", "9.4", change(rhui(), "/etc/dnf/plugins/amazon-id.conf", "[main]\nenabled=0\n", "/etc/yum.repos.d/epel.repo", "-"), Input{Region: "eu-west-1"}, []brief{
			{ID: "rhel-9-baseos-rhui-rpms", URL: "https://rhui.REGION.aws.ce.redhat.com/pulp/mirror/content/dist/rhel9/rhui/9/x86_64/baseos/os", Enabled: true, Own: true, Req: true, Inet: true, Open: []string{"REGION"}}}},
		{"RHUI in GovCloud", "rhel", "9.4", change(rhui(), "/etc/yum.repos.d/epel.repo", "-"), Input{Region: "us-gov-west-1"}, []brief{
			{ID: "rhel-9-baseos-rhui-rpms", URL: "https://rhui.us-west-1.aws.ce.redhat.com/pulp/mirror/content/dist/rhel9/rhui/9/x86_64/baseos/os", Enabled: true, Own: true, Req: true, Inet: true, RHUI: true}}},
		{"a mirror of the owner's own", "rocky", "9.4", map[string]string{"/usr/bin/dnf": "", "/etc/yum.repos.d/a.repo": "[baseos]\nbaseurl=http://10.0.0.5/rocky/$releasever/\n[tools]\nbaseurl=https://mirror.corp/x\nskip_if_unavailable=1\n"}, Input{}, []brief{
			{ID: "baseos", URL: "http://10.0.0.5/rocky/9/", Enabled: true, Own: true, Req: true}, {ID: "tools", URL: "https://mirror.corp/x", Enabled: true, Skip: true}}},
		{"yum 3 with YUM0 and an include", "rhel", "7.9", map[string]string{"/usr/bin/yum": "", "/etc/yum.conf": "[main]\nplugins=1\n",
			"/etc/yum.repos.d/a.repo": "[a]\nbaseurl=http://h/$YUM0/$releasever/\ninclude=more.inc\n", "/etc/yum.repos.d/more.inc": "enabled=0\n[b]\nbaseurl: http://b/x ; comment\nenabled=on\n[c]\nbaseurl=http://c/\n\n  http://d/\n"},
			Input{Env: map[string]string{"YUM0": "zero", "DNF0": "no"}}, []brief{
				{ID: "a", URL: "http://h/zero/7Server/"}, {ID: "c", URL: "http://c/", Enabled: true, Req: true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, facts := machine(tt.os, tt.version, tt.files)
			if diff := cmp.Diff(tt.want, briefly(ReadDNF(h, facts, tt.in))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReadDNF5(t *testing.T) {
	h, facts := machine("fedora", "42", map[string]string{
		"/usr/bin/dnf": "", "/usr/bin/dnf5": "",
		"/etc/dnf/dnf.conf":                          "[main]\nsslverify=1\n",
		"/etc/dnf/libdnf5.conf.d/20-own.conf":        "[main]\nskip_if_unavailable=1\nsslverify=0\n",
		"/usr/share/dnf5/libdnf.conf.d/20-own.conf":  "[main]\nproxy=http://masked:1\n",
		"/usr/share/dnf5/libdnf.conf.d/50-dist.conf": "[main]\nproxy=http://dist:1\n",
		"/usr/share/dnf5/vars.d/v":                   "dist",
		"/etc/dnf/vars/v":                            "file",
		"/usr/share/dnf5/repos.d/c.repo":             "[c]\nbaseurl=http://c/${w:-none}/${v:+some}/$releasever_major\n",
		"/etc/yum.repos.d/b.repo":                    "[b]\nbaseurl=http://b/$v/\n[b-source]\nbaseurl=http://b/source\nenabled=0\n",
		"/etc/dnf/repos.override.d/99-x.repo":        "[b*]\nenabled=1\nskip_if_unavailable=0\n[new]\nbaseurl=http://new/\n",
		"/usr/share/dnf5/repos.override.d/50-y.repo": "[c]\nbaseurl=http://c/over/\n",
	})
	cfg := ReadDNF(h, facts, Input{Env: map[string]string{"DNF_VAR_v": "env"}})
	want := []brief{{ID: "b", URL: "http://b/env/", Enabled: true, Req: true}, {ID: "b-source", URL: "http://b/source", Enabled: true, Req: true},
		{ID: "c", URL: "http://c/over/", Enabled: true, Skip: true}}
	if diff := cmp.Diff(want, briefly(cfg)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if p := cfg.Repos[0].Proxy; p != "http://dist:1" || !cfg.Repos[0].SSLVerify {
		t.Errorf("proxy %q, verify %v: dnf.conf is read last, and /etc masks /usr", p, cfg.Repos[0].SSLVerify)
	}
	h.Files["/etc/yum.repos.d/z.repo"] = platformtest.File{Data: []byte("nonsense\n")}
	if cfg := ReadDNF(h, facts, Input{}); len(cfg.Problems) != 1 || !cfg.Problems[0].Fatal {
		t.Errorf("dnf5 ends at a file that it cannot parse: %+v", cfg.Problems)
	}
}

func TestReadDNFFaults(t *testing.T) {
	al := func(more ...string) map[string]string { return change(amazon2023(), more...) }
	tests := []struct {
		name  string
		os    string
		files map[string]string
		want  []probes.RepoProblem
		repos int
	}{
		{"healthy", "amzn", al(), nil, 2},
		{"a file that cannot be parsed is left out", "amzn", al("/etc/yum.repos.d/x.repo", "[x]\nbaseurl\n"),
			[]probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 2, Text: "a line without '='"}}, 2},
		{"no address, and dnf goes on without", "amzn", al("/etc/yum.repos.d/x.repo", "[x]\nname=x\n"),
			[]probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 1, Text: "repository x: neither baseurl nor mirrorlist nor metalink"}}, 3},
		{"no address, and dnf stops", "rhel", change(rhui(), "/etc/yum.repos.d/x.repo", "# why\n\n[x]\nname=x\n"),
			[]probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 3, Text: "repository x: neither baseurl nor mirrorlist nor metalink", Fatal: true}}, 3},
		{"a disabled one may lack it", "rhel", change(rhui(), "/etc/yum.repos.d/x.repo", "[x]\nenabled=0\n"), nil, 3},
		{"a broken main file", "amzn", al("/etc/dnf/dnf.conf", "[main\n"),
			[]probes.RepoProblem{{File: "/etc/dnf/dnf.conf", Line: 1, Text: "a section without its closing bracket", Fatal: true}}, 0},
		{"yum ends at a broken file", "amzn2", change(amazon2(), "/etc/yum.repos.d/x.repo", "x\n"),
			[]probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 1, Text: "a line before the first section", Fatal: true}}, 1},
		{"includes in a circle end", "amzn2", change(amazon2(), "/etc/yum.repos.d/x.repo", "[x]\nbaseurl=http://x/\ninclude=x.repo\n"), nil, 2},
		{"an include that is not there", "amzn2", change(amazon2(), "/etc/yum.repos.d/x.repo", "[x]\ninclude=/nowhere\n"),
			[]probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 2, Text: "include /nowhere: cannot be read", Fatal: true}}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, version := tt.os, "2023"
			if id == "amzn2" {
				id, version = "amzn", "2"
			}
			h, facts := machine(id, version, tt.files)
			cfg := ReadDNF(h, facts, Input{Region: "eu-west-1"})
			if diff := cmp.Diff(tt.want, cfg.Problems); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
			if len(cfg.Repos) != tt.repos {
				t.Errorf("%d repositories, want %d", len(cfg.Repos), tt.repos)
			}
		})
	}
}

func TestReadDNFNone(t *testing.T) {
	h, facts := machine("debian", "12", map[string]string{"/usr/bin/apt": ""})
	if cfg := ReadDNF(h, facts, Input{}); cfg.Known || cfg.Why == "" {
		t.Errorf("%+v", cfg)
	}
	h, facts = machine("rhel", "9", map[string]string{"/usr/bin/dnf": ""})
	if cfg := ReadDNF(h, facts, Input{}); cfg.Known {
		t.Errorf("no folder at all is known: %+v", cfg)
	}
}

func TestReadDNFSecrets(t *testing.T) {
	h, facts := machine("rocky", "9", map[string]string{"/usr/bin/dnf": "",
		"/etc/dnf/vars/repo_token": "hunter2", "/etc/dnf/vars/site": "fra",
		"/etc/yum.repos.d/a.repo": "[a]\nbaseurl=https://joe:hunter2@h/$site\nproxy=http://p:3128\nproxy_username=u@x\nproxy_password=hunter2\n"})
	cfg := ReadDNF(h, facts, Input{})
	r := cfg.Repos[0]
	if r.User != "joe" || r.Password != "hunter2" || r.Base[0] != "https://h/fra" || r.Proxy.Reveal() != "http://u%40x:hunter2@p:3128" {
		t.Errorf("%+v, proxy %s", r, r.Proxy.Reveal())
	}
	text, err := json.Marshal(cfg)
	if err != nil || strings.Contains(string(text), "hunter2") || cfg.Variables["site"] != "fra" {
		t.Errorf("%v %s", err, text)
	}
}

// TestReadDNFHuge: whatever the files hold, the time and what is kept are
// bounded.
func TestReadDNFHuge(t *testing.T) {
	big := strings.Repeat("[r]\nbaseurl=http://h/\n", 3)
	files := map[string]string{"/usr/bin/dnf": "",
		"/etc/yum.repos.d/big.repo":  big + strings.Repeat("# x\n", 13<<20/4*4),
		"/etc/yum.repos.d/nul.repo":  "[n]\nbaseurl=http://n/" + strings.Repeat("\x00", 1<<20) + "\n",
		"/etc/yum.repos.d/many.repo": manySections(20000),
		"/etc/yum.repos.d/long.repo": "[l]\nbaseurl=" + strings.Repeat("http://l/ ", 100000) + "\n",
		"/etc/yum.repos.d/vars.repo": "[v]\nbaseurl=http://v/" + strings.Repeat("$v", 200000) + "\n",
		"/etc/yum.repos.d/deep.repo": "[d]\nbaseurl=http://d/" + strings.Repeat("${v:-", 50000) + "\n",
		"/etc/dnf/vars/v":            strings.Repeat("x", 4000),
	}
	h, facts := machine("rocky", "9", files)
	cfg := ReadDNF(h, facts, Input{})
	if len(cfg.Repos) > maxRepos || len(cfg.Problems) > maxProblems {
		t.Errorf("%d repositories, %d problems", len(cfg.Repos), len(cfg.Problems))
	}
	for _, r := range cfg.Repos {
		if len(r.Base) > maxURLs {
			t.Errorf("%s has %d addresses", r.ID, len(r.Base))
		}
	}
}

func manySections(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[m%d]\nbaseurl=http://m/\n", i)
	}
	return b.String()
}

func TestReadDNFUnprivileged(t *testing.T) {
	files := change(amazon2023(), "/etc/yum.repos.d/secret.repo", "[s]\nbaseurl=http://s/\n")
	h, facts := machine("amzn", "2023", files)
	h.Files["/etc/yum.repos.d/secret.repo"] = platformtest.File{Err: fs.ErrPermission}
	cfg := ReadDNF(h, facts, Input{})
	want := []probes.RepoProblem{{File: "/etc/yum.repos.d/secret.repo", Text: "may not be read by this user", Denied: true}}
	if diff := cmp.Diff(want, cfg.Problems); diff != "" || len(cfg.Repos) != 2 {
		t.Errorf("%d repositories, problems (-want +got)\n%s", len(cfg.Repos), diff)
	}
	h.Files["/etc/dnf/dnf.conf"] = platformtest.File{Err: fs.ErrPermission}
	if cfg := ReadDNF(h, facts, Input{}); cfg.Known || cfg.Why == "" {
		t.Errorf("without its main file nothing is known: %+v", cfg)
	}
}
