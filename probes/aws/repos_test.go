package aws

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
)

// treeHost is a host of a few files; what else it is asked for panics.
type treeHost struct {
	platform.Host
	files fstest.MapFS
	os    platform.OS
}

func (h treeHost) Facts() platform.Facts { return platform.Facts{OS: h.os} }

func (h treeHost) ReadFile(name string, limit int64) ([]byte, error) {
	data, err := fs.ReadFile(h.files, name[1:])
	if int64(len(data)) > limit {
		return data[:limit], errors.New("too large")
	}
	return data, err
}

func (h treeHost) ReadDir(name string, limit int) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(h.files, name[1:])
	return entries[:min(limit, len(entries))], err
}

// Sections as Amazon's release packages write them.
const (
	al2023Repo = `[amazonlinux]
name=Amazon Linux 2023 repository
mirrorlist=https://al2023-repos-$awsregion-de612dc2.s3$dualstack.$awsregion.$awsdomain/core/mirrors/$releasever/$basearch/$mirrorlist
priority=10
enabled=1
repo_gpgcheck=0
type=rpm
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-amazon-linux-2023

[amazonlinux-debuginfo]
name=Amazon Linux 2023 repository - Debug
mirrorlist=https://al2023-repos-$awsregion-de612dc2.s3$dualstack.$awsregion.$awsdomain/core/mirrors/$releasever/debuginfo/$basearch/$mirrorlist
enabled=0
`
	al2Repo = `[amzn2-core]
name=Amazon Linux 2 core repository
mirrorlist=$awsproto://$amazonlinux.$awsregion.$awsdomain/$releasever/$product/$target/$basearch/mirror.list
priority=10
gpgcheck=1
enabled = 1
metadata_expire=300
`
)

func TestAmazonLinuxRepos(t *testing.T) {
	al2023 := func(change fstest.MapFS) fstest.MapFS {
		files := fstest.MapFS{
			"etc/yum.repos.d/amazonlinux.repo": {Data: []byte(al2023Repo)},
			"etc/dnf/vars/awsregion":           {Data: []byte("eu-west-1\n")},
			"etc/dnf/vars/awsdomain":           {Data: []byte("amazonaws.com\n")},
			"etc/dnf/vars/dualstack":           {Data: []byte(".dualstack\n")},
			"etc/dnf/vars/mirrorlist":          {Data: []byte("mirror.list\n")},
		}
		for name, f := range change {
			if f == nil {
				delete(files, name)
				continue
			}
			files[name] = f
		}
		return files
	}
	al2 := fstest.MapFS{
		"etc/yum.repos.d/amzn2-core.repo": {Data: []byte(al2Repo)},
		"etc/yum/vars/awsproto":           {Data: []byte("https\n")},
		"etc/yum/vars/amazonlinux":        {Data: []byte("amazonlinux-2-repos-eu-west-3.s3.dualstack\n")},
		"etc/yum/vars/awsregion":          {Data: []byte("eu-west-3\n")},
		"etc/yum/vars/awsdomain":          {Data: []byte("amazonaws.com\n")},
		"etc/yum/vars/product":            {Data: []byte("core\n")},
		"etc/yum/vars/target":             {Data: []byte("latest\n")},
	}
	const (
		host  = "https://al2023-repos-eu-west-1-de612dc2.s3.dualstack.eu-west-1.amazonaws.com"
		host2 = "https://amazonlinux-2-repos-eu-west-3.s3.dualstack.eu-west-3.amazonaws.com"
	)
	tests := []struct {
		name    string
		files   fstest.MapFS
		os      string
		version string
		arch    string
		region  string
		want    []RepoHint
	}{
		{"Amazon Linux 2023 as shipped", al2023(nil), "amzn", "2023", "x86_64", "us-east-1", []RepoHint{{
			"amazonlinux", host + "/core/mirrors/latest/x86_64/mirror.list", host + "/core/mirrors/$releasever/x86_64/mirror.list"}}},
		{"locked to a release, on Graviton", al2023(fstest.MapFS{"etc/dnf/vars/releasever": {Data: []byte("2023.8.20250707")}}),
			"amzn", "2023", "aarch64", "", []RepoHint{{"amazonlinux", host + "/core/mirrors/latest/aarch64/mirror.list",
				host + "/core/mirrors/2023.8.20250707/aarch64/mirror.list"}}},
		{"dual stack switched off by an empty variable", al2023(fstest.MapFS{"etc/dnf/vars/dualstack": {Data: []byte("\n")}}),
			"amzn", "2023", "x86_64", "", []RepoHint{{"amazonlinux",
				"https://al2023-repos-eu-west-1-de612dc2.s3.eu-west-1.amazonaws.com/core/mirrors/latest/x86_64/mirror.list",
				"https://al2023-repos-eu-west-1-de612dc2.s3.eu-west-1.amazonaws.com/core/mirrors/$releasever/x86_64/mirror.list"}}},
		{"region from the metadata where no file has it", al2023(fstest.MapFS{"etc/dnf/vars/awsregion": nil}),
			"amzn", "2023", "x86_64", "eu-west-1", []RepoHint{{"amazonlinux", host + "/core/mirrors/latest/x86_64/mirror.list",
				host + "/core/mirrors/$releasever/x86_64/mirror.list"}}},
		{"no region from anywhere", al2023(fstest.MapFS{"etc/dnf/vars/awsregion": nil}), "amzn", "2023", "x86_64", "", nil},
		{"a variable that nobody set", al2023(fstest.MapFS{"etc/dnf/vars/awsdomain": nil}), "amzn", "2023", "x86_64", "eu-west-1", nil},
		{"the CDN outside EC2", al2023(fstest.MapFS{"etc/yum.repos.d/amazonlinux.repo": {Data: []byte(
			"[amazonlinux]\nmirrorlist=https://cdn.amazonlinux.com/al2023/core/mirrors/$releasever/$basearch/mirror.list\n")}}),
			"amzn", "2023", "x86_64", "eu-west-1", nil},
		{"a mirror of the owner's", al2023(fstest.MapFS{"etc/yum.repos.d/amazonlinux.repo": {Data: []byte(
			"[amazonlinux]\nbaseurl=https://mirror.example/al2023/\n")}}), "amzn", "2023", "x86_64", "eu-west-1", nil},
		{"disabled", al2023(fstest.MapFS{"etc/yum.repos.d/amazonlinux.repo": {Data: []byte(
			"[amazonlinux]\nenabled=0\nmirrorlist=" + host + "/core/mirrors/latest/x86_64/mirror.list\n")}}), "amzn", "2023", "x86_64", "", nil},
		{"file of another name", al2023(fstest.MapFS{"etc/yum.repos.d/amazonlinux.repo": nil,
			"etc/yum.repos.d/amazonlinux.repo.rpmsave": {Data: []byte(al2023Repo)}}), "amzn", "2023", "x86_64", "", nil},
		{"Amazon Linux 2", al2, "amzn", "2", "x86_64", "us-east-1", []RepoHint{{"amzn2-core",
			host2 + "/2/core/latest/x86_64/mirror.list", host2 + "/2/core/latest/x86_64/mirror.list"}}},
		{"another distribution with the same files", al2023(nil), "rhel", "9.4", "x86_64", "eu-west-1", nil},
		{"no files at all", fstest.MapFS{}, "amzn", "2023", "x86_64", "eu-west-1", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := treeHost{files: tt.files, os: platform.OS{Family: "linux", ID: tt.os, Version: tt.version, Arch: tt.arch}}
			if diff := cmp.Diff(tt.want, AmazonLinuxRepos(h, tt.region)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
