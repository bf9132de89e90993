package repos

import (
	"io/fs"
	"testing"

	"agentctl/platform"
	"agentctl/platform/platformtest"
)

// TestRead: which package manager's configuration counts on which system.
func TestRead(t *testing.T) {
	dnf, yum, dnf5 := map[string]string{"/usr/bin/dnf": "", "/usr/bin/yum": ""}, map[string]string{"/usr/bin/yum": ""}, map[string]string{"/usr/bin/dnf5": ""}
	apt, zypper := map[string]string{"/etc/apt/sources.list": ""}, map[string]string{"/etc/zypp/zypp.conf": ""}
	both := func(trees ...map[string]string) map[string]string {
		out := map[string]string{}
		for _, tree := range trees {
			for name, text := range tree {
				out[name] = text
			}
		}
		return out
	}
	tests := []struct {
		id, version string
		like        []string
		files       map[string]string
		want        string // "": not known
	}{
		{"amzn", "2", []string{"centos", "rhel", "fedora"}, both(yum, dnf), "yum"},
		{"amzn", "2023", []string{"fedora"}, dnf, "dnf"},
		{"rhel", "7.9", []string{"fedora"}, yum, "yum"},
		{"rhel", "8.10", []string{"fedora"}, dnf, "dnf"},
		{"rhel", "10.0", []string{"fedora"}, dnf, "dnf"},
		{"centos", "7", []string{"rhel", "fedora"}, yum, "yum"},
		{"centos", "9", []string{"rhel", "fedora"}, dnf, "dnf"},
		{"rocky", "9.4", []string{"rhel", "centos", "fedora"}, dnf, "dnf"},
		{"almalinux", "9.4", []string{"rhel", "centos", "fedora"}, dnf, "dnf"},
		{"ol", "8.10", []string{"fedora"}, dnf, "dnf"},
		{"fedora", "42", nil, dnf5, "dnf"},
		{"ubuntu", "24.04", []string{"debian"}, apt, "apt"},
		{"debian", "12", nil, both(apt, dnf, zypper), "apt"},
		{"sles", "15.6", []string{"suse"}, zypper, "zypper"},
		{"sles_sap", "15.6", []string{"suse"}, zypper, "zypper"},
		{"opensuse-leap", "15.6", []string{"suse", "opensuse"}, both(zypper, dnf), "zypper"},
		{"", "", nil, both(apt, zypper), "apt"},
		{"nixos", "24", nil, zypper, "zypper"},
		{"nixos", "24", nil, dnf, "dnf"},
		{"nixos", "24", nil, nil, ""},
		{"ubuntu", "24.04", []string{"debian"}, nil, ""},
	}
	for _, tt := range tests {
		h := platformtest.New(tt.files)
		h.Files["/etc/yum.repos.d"] = platformtest.File{Mode: fs.ModeDir | 0o755}
		facts := platform.Facts{OS: platform.OS{Family: "linux", ID: tt.id, Version: tt.version, Like: tt.like, Arch: "x86_64"}}
		cfg := Read(h, facts, Input{})
		if cfg.Known != (tt.want != "") || cfg.Known && cfg.Manager != tt.want || !cfg.Known && cfg.Why == "" {
			t.Errorf("%s %s: %q, known %v (%s)", tt.id, tt.version, cfg.Manager, cfg.Known, cfg.Why)
		}
	}
}
