package repos

import (
	"fmt"
	"strings"
	"testing"

	"agentctl/platform"
)

// BenchmarkRead reads the configuration of whole machines, as every round does.
func BenchmarkRead(b *testing.B) {
	repo := func(i int) string {
		return fmt.Sprintf("[repo%d]\nname=Repository %d for $releasever - $basearch\nmirrorlist=https://al2023-repos-$awsregion-de612dc2.s3.dualstack.$awsregion.$awsdomain/core/mirrors/$releasever/$basearch/mirror%d.list\n"+
			"enabled=1\nskip_if_unavailable=1\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-amazon-linux-2023\nmetadata_expire=48h\n\n"+
			"[repo%d-source]\nbaseurl=https://h.example/$releasever/SRPMS\nenabled=0\n\n[repo%d-debuginfo]\nbaseurl=https://h.example/$releasever/debug\nenabled=0\n\n", i, i, i, i, i)
	}
	amazon := map[string]string{"usr/bin/dnf-3": "", "usr/lib/python3.9/site-packages/dnf/const.py": "VERSION='4.14.0'\n", "etc/dnf/dnf.conf": "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=False\nskip_if_unavailable=True\n",
		"etc/amazon-linux-release": "Amazon Linux release 2023.8.20250707 (Amazon Linux)\n", "etc/dnf/vars/awsregion": "us-east-1\n", "etc/dnf/vars/awsdomain": "amazonaws.com\n"}
	for i := range 10 {
		amazon[fmt.Sprintf("etc/yum.repos.d/repo%d.repo", i)] = repo(i)
	}
	stanza := "Types: deb\nURIs: http://%s/ubuntu/\nSuites: noble noble-updates noble-backports\nComponents: main restricted universe multiverse\nSigned-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n\n"
	ubuntu := map[string]string{"etc/apt/sources.list": "# moved\n", "etc/apt/sources.list.d/ubuntu.sources": fmt.Sprintf(stanza, "us-east-1.ec2.archive.ubuntu.com") + fmt.Sprintf(stanza, "security.ubuntu.com"),
		"etc/apt/sources.list.d/docker.list": "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/ubuntu noble stable\n", "etc/apt/auth.conf.d/90ubuntu-advantage": strings.Repeat("machine esm.ubuntu.com/apps/ubuntu/ login bearer password x\n", 4)}
	for i := range 12 { // a cloud image has that many
		ubuntu[fmt.Sprintf("etc/apt/apt.conf.d/%02dx", i)] = "// about\nAPT::Periodic::Update-Package-Lists \"1\";\nDPkg::Post-Invoke { \"true\"; };\nAcquire::http { Pipeline-Depth \"0\"; };\n"
	}
	for _, m := range []struct {
		name  string
		os    platform.OS
		files map[string]string
		repos int
	}{
		{"AL2023 with 30 sections in 10 files", platform.OS{Family: "linux", ID: "amzn", Version: "2023", Arch: "x86_64"}, amazon, 30},
		{"Ubuntu 24.04", platform.OS{Family: "linux", ID: "ubuntu", Version: "24.04", Like: []string{"debian"}, Arch: "x86_64"}, ubuntu, 7},
	} {
		b.Run(m.name, func(b *testing.B) {
			root := b.TempDir()
			for file, text := range m.files {
				putFile(b, root, file, text)
			}
			host := platform.New(root)
			for b.Loop() {
				if cfg := Read(host, platform.Facts{OS: m.os}, Input{Region: "us-east-1"}); len(cfg.Repos) != m.repos || len(cfg.Problems) > m.repos {
					b.Fatalf("%d repositories, %+v", len(cfg.Repos), cfg.Problems)
				}
			}
		})
	}
}
