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

// machine reads a root tree of testdata with a fixed architecture.
func aptTestMachine(root, arch string) (platform.Host, platform.Facts) {
	host := platform.New("testdata/" + root)
	facts := host.Facts()
	facts.OS.Arch = arch
	return host, facts
}

// summary is what a table below says of a repository.
func summary(r probes.Repo) string {
	flags := ""
	for _, f := range []struct {
		set  bool
		name string
	}{{r.Own, "own"}, {r.Required, "required"}, {!r.Enabled, "disabled"}, {r.Internet, "internet"}, {r.User != "", "login"}, {r.Proxy != "", "proxy"}, {r.AuthUnknown, "auth-unknown"}, {r.Unprobed != "", "unprobed"}} {
		if f.set {
			flags += " " + f.name
		}
	}
	where := strings.Join(r.Base, " ")
	if where == "" {
		where = r.MirrorList + r.MetaLink
	}
	return fmt.Sprintf("%s | %s | %s |%s", r.ID, where, strings.Join(r.Metadata, " "), flags)
}

func summaries(c probes.RepoConfig) (lines []string) {
	for _, r := range c.Repos {
		lines = append(lines, summary(r))
	}
	return lines
}

// TestAptMachines: images as they come, read as apt reads them.
func TestAptMachines(t *testing.T) {
	for _, tt := range []struct {
		root, arch string
		want       []string
	}{
		{"apt/ubuntu2204", "x86_64", []string{
			"us-east-1.ec2.archive.ubuntu.com/ubuntu jammy | http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ | dists/jammy/InRelease dists/jammy/Release | own required internet",
			"us-east-1.ec2.archive.ubuntu.com/ubuntu jammy-updates | http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ | dists/jammy-updates/InRelease dists/jammy-updates/Release | own required internet",
			"us-east-1.ec2.archive.ubuntu.com/ubuntu jammy-backports | http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ | dists/jammy-backports/InRelease dists/jammy-backports/Release | own required internet",
			"security.ubuntu.com/ubuntu jammy-security | http://security.ubuntu.com/ubuntu/ | dists/jammy-security/InRelease dists/jammy-security/Release | own required internet",
			"download.docker.com/linux/ubuntu jammy | https://download.docker.com/linux/ubuntu/ | dists/jammy/InRelease dists/jammy/Release | internet",
		}},
		{"apt/ubuntu2204-pro", "x86_64", []string{
			"us-east-1.ec2.archive.ubuntu.com/ubuntu jammy | http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ | dists/jammy/InRelease dists/jammy/Release | own required internet",
			"us-east-1.ec2.archive.ubuntu.com/ubuntu jammy-updates | http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ | dists/jammy-updates/InRelease dists/jammy-updates/Release | own required internet",
			"us-east-1.ec2.archive.ubuntu.com/ubuntu jammy-backports | http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ | dists/jammy-backports/InRelease dists/jammy-backports/Release | own required internet",
			"security.ubuntu.com/ubuntu jammy-security | http://security.ubuntu.com/ubuntu/ | dists/jammy-security/InRelease dists/jammy-security/Release | own required internet",
			"esm.ubuntu.com/apps/ubuntu jammy-apps-security | https://esm.ubuntu.com/apps/ubuntu/ | dists/jammy-apps-security/InRelease dists/jammy-apps-security/Release | own required internet login proxy",
			"esm.ubuntu.com/apps/ubuntu jammy-apps-updates | https://esm.ubuntu.com/apps/ubuntu/ | dists/jammy-apps-updates/InRelease dists/jammy-apps-updates/Release | own required internet login proxy",
			"esm.ubuntu.com/infra/ubuntu jammy-infra-security | https://esm.ubuntu.com/infra/ubuntu/ | dists/jammy-infra-security/InRelease dists/jammy-infra-security/Release | own required internet login proxy",
		}},
		{"apt/ubuntu2404", "aarch64", []string{
			"ports.ubuntu.com/ubuntu-ports noble | http://ports.ubuntu.com/ubuntu-ports/ | dists/noble/InRelease dists/noble/Release | own required internet",
			"ports.ubuntu.com/ubuntu-ports noble-updates | http://ports.ubuntu.com/ubuntu-ports/ | dists/noble-updates/InRelease dists/noble-updates/Release | own required internet",
			"ports.ubuntu.com/ubuntu-ports noble-backports | http://ports.ubuntu.com/ubuntu-ports/ | dists/noble-backports/InRelease dists/noble-backports/Release | own required internet",
			"ports.ubuntu.com/ubuntu-ports noble-security | http://ports.ubuntu.com/ubuntu-ports/ | dists/noble-security/InRelease dists/noble-security/Release | own required internet",
			"ppa.launchpadcontent.net/x/y/ubuntu noble | https://ppa.launchpadcontent.net/x/y/ubuntu/ | dists/noble/InRelease dists/noble/Release | disabled internet",
		}},
		{"apt/debian12", "x86_64", []string{
			"mirror+file:/etc/apt/mirrors/debian.list bookworm | https://cdn-aws.deb.debian.org/debian/ | dists/bookworm/InRelease dists/bookworm/Release | own required internet",
			"mirror+file:/etc/apt/mirrors/debian.list bookworm-updates | https://cdn-aws.deb.debian.org/debian/ | dists/bookworm-updates/InRelease dists/bookworm-updates/Release | own required internet",
			"mirror+file:/etc/apt/mirrors/debian.list bookworm-backports | https://cdn-aws.deb.debian.org/debian/ | dists/bookworm-backports/InRelease dists/bookworm-backports/Release | own required internet",
			"mirror+file:/etc/apt/mirrors/debian-security.list bookworm-security | https://cdn-aws.deb.debian.org/debian-security/ | dists/bookworm-security/InRelease dists/bookworm-security/Release | own required internet",
		}},
	} {
		t.Run(tt.root, func(t *testing.T) {
			host, facts := aptTestMachine(tt.root, tt.arch)
			config := ReadAPT(host, facts)
			if d := cmp.Diff(tt.want, summaries(config)); d != "" {
				t.Error(d)
			}
			for _, p := range config.Problems {
				if !strings.Contains(p.Text, "ubuntu-archive-keyring.gpg") { // of a package that is not in testdata
					t.Errorf("problem: %+v", p)
				}
			}
			if !config.Known || config.Why != "" {
				t.Errorf("known %v, %s", config.Known, config.Why)
			}
		})
	}
}

// TestAptSecrets: no report can hold what only a request may bear.
func TestAptSecrets(t *testing.T) {
	host, facts := aptTestMachine("apt/ubuntu2204-pro", "x86_64")
	config := ReadAPT(host, facts)
	var logins []string
	for _, r := range config.Repos {
		if r.User != "" {
			logins = append(logins, r.User+" "+r.Password)
		}
	}
	if d := cmp.Diff([]string{"bearer not-a-token-apps", "bearer not-a-token-apps", "bearer not-a-token-infra"}, logins); d != "" {
		t.Error(d)
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"not-a-token", "not-a-secret", "joe"} {
		if strings.Contains(string(data), secret) || strings.Contains(fmt.Sprintf("%v", config.Repos[4].Proxy), secret) {
			t.Errorf("%s stands in the report: %s", secret, data)
		}
	}
}

// TestAptJudges: what patching needs.
func TestAptJudges(t *testing.T) {
	for _, tt := range []struct {
		name, list string
		own, need  bool
		because    string
	}{
		{"own host", "deb http://archive.ubuntu.com/ubuntu jammy main", true, true, "all packages"},
		{"region's host", "deb http://eu-west-1.ec2.archive.ubuntu.com/ubuntu jammy main", true, true, "mirrors of a region"},
		{"a mirror of the owner's", "deb https://mirror.corp.example/ubuntu jammy-updates main", true, true, "it has jammy-updates"},
		{"third party with the release's name", "deb https://apt.vendor.example/ jammy main", false, false, "not the distribution's own"},
		{"looks alike", "deb http://xarchive.ubuntu.com.example/ubuntu jammy main", false, false, "not the"},
		{"sources only", "deb-src http://archive.ubuntu.com/ubuntu jammy main", true, false, "source packages only"},
		{"other machine", "deb [arch=arm64] http://archive.ubuntu.com/ubuntu jammy main", true, false, "for arm64 only"},
		{"this machine too", "deb [arch=arm64,amd64] http://archive.ubuntu.com/ubuntu jammy main", true, true, ""},
		{"debug symbols", "deb http://ddebs.ubuntu.com jammy main", false, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := platformtest.New(map[string]string{"/etc/apt/sources.list": tt.list + "\n"})
			host.FactsValue.OS = platform.OS{ID: "ubuntu", Arch: "x86_64"}
			config := ReadAPT(host, host.FactsValue)
			if len(config.Repos) != 1 {
				t.Fatalf("%+v", config)
			}
			r := config.Repos[0]
			if r.Own != tt.own || r.Required != tt.need || !strings.Contains(r.Because, tt.because) {
				t.Errorf("own %v, required %v: %s", r.Own, r.Required, r.Because)
			}
		})
	}
}

// TestAptUnprivileged: what this run may not read is no fault of the machine.
func TestAptUnprivileged(t *testing.T) {
	host := platformtest.New(map[string]string{"/etc/apt/sources.list": "deb https://esm.ubuntu.com/apps/ubuntu jammy main\n"})
	host.Files["/etc/apt/auth.conf.d/90pro"] = platformtest.File{Data: []byte("machine esm.ubuntu.com login a password b\n"), Mode: 0o600}
	host.FactsValue.Privileged = false
	config := ReadAPT(host, host.FactsValue)
	if len(config.Repos) != 1 || !config.Repos[0].AuthUnknown || !config.Known || config.Why == "" {
		t.Errorf("%+v", config)
	}
	host.Files["/etc/apt/sources.list"] = platformtest.File{Mode: 0o600}
	if config = ReadAPT(host, host.FactsValue); config.Known {
		t.Errorf("known: %+v", config)
	}
	if config = ReadAPT(platformtest.New(nil), platform.Facts{}); config.Known || config.Why == "" {
		t.Errorf("known without apt: %+v", config)
	}
}

// TestAptBadInput: files that nobody meant to write end soon and say so.
func TestAptBadInput(t *testing.T) {
	for _, tt := range []struct {
		name string
		file platformtest.File
		want string
	}{
		{"a pipe", platformtest.File{Mode: fs.ModeNamedPipe | 0o644}, "not a regular file"},
		{"50 MB", platformtest.File{Data: []byte(strings.Repeat("deb http://a.example/d s main\n", 50<<20/30))}, "larger than"},
		{"one long line", platformtest.File{Data: []byte(strings.Repeat("deb ", 1<<20))}, "larger than"},
		{"NUL bytes", platformtest.File{Data: []byte("deb \x00http://a.example/d s main\n")}, "Malformed entry 1"},
		{"many lines", platformtest.File{Data: []byte(strings.Repeat("#\n", 100_000))}, "more than"},
		{"not text", platformtest.File{Data: []byte("\xff\xfe\x00d\x00e\x00b\n")}, "Malformed line 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := platformtest.New(nil)
			host.Files["/etc/apt/sources.list"] = tt.file
			config := ReadAPT(host, host.FactsValue)
			if len(config.Problems) == 0 || !strings.Contains(config.Problems[0].Text, tt.want) {
				t.Errorf("%+v", config.Problems)
			}
			if len(config.Repos) > maxAptEntries {
				t.Errorf("%d repositories", len(config.Repos))
			}
		})
	}
}

func TestAptMirrors(t *testing.T) {
	list := "# c\nhttp://a/x\tpriority:2\n\nhttps://b/y/\tpriority:1 arch:amd64\nfile:/srv\nnothing\nhttp://c\n"
	if d := cmp.Diff([]string{"https://b/y/", "http://a/x/", "http://c/"}, AptMirrors([]byte(list), true)); d != "" {
		t.Error(d)
	}
	if got := AptMirrors([]byte("file:/srv\n"), false); len(got) != 1 {
		t.Error(got)
	}
}
