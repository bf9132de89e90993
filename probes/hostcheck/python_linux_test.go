package hostcheck

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

func TestPython(t *testing.T) {
	type want struct {
		best    string // path and version
		support probes.PythonSupport
	}
	elf := "\x7fELF" + strings.Repeat("\x00", 500) + "libpython3.9.so.1.0\x00libc.so.6\x00"
	for name, c := range map[string]struct {
		id, manager string
		files       map[string]string
		want        want
	}{
		"Amazon Linux 2023": {"amzn", "dnf", map[string]string{
			"/usr/bin/python3": "-> python3.9", "/usr/bin/python3.9": elf, "/bin": "-> usr/bin",
		}, want{"/usr/bin/python3 3.9", probes.PythonSupported}},
		"Amazon Linux 2": {"amzn", "yum", map[string]string{
			"/usr/bin/python": "-> python2", "/usr/bin/python2": "-> python2.7", "/usr/bin/python2.7": "x",
			"/usr/lib/python2.7/site-packages/yum/__init__.py": "",
		}, want{"/usr/bin/python2.7 2.7", probes.PythonSupported}},
		"Amazon Linux 2, another python2.7 first": {"amzn", "yum", map[string]string{
			"/usr/local/bin/python2.7": "x", "/usr/bin/python2.6": "x",
			"/usr/lib/python2.6/site-packages/yum/__init__.py": "",
		}, want{"/usr/bin/python2.6 2.6", probes.PythonSupported}},
		"yum without its module": {"amzn", "yum", map[string]string{
			"/usr/bin/python2": "-> python2.7", "/usr/bin/python2.7": "x", "/usr/bin/python3": "x",
		}, want{"", probes.PythonWrong}},
		"Red Hat 8 by alternatives": {"rhel", "dnf", map[string]string{
			"/usr/bin/python3": "-> /etc/alternatives/python3", "/etc/alternatives/python3": "-> /usr/bin/python3.6",
			"/usr/bin/python3.6": "-> ../libexec/platform-python3.6", "/usr/libexec/platform-python3.6": "x",
		}, want{"/usr/bin/python3 3.6", probes.PythonSupported}},
		"Red Hat 8 with platform-python alone": {"rhel", "dnf", map[string]string{"/usr/libexec/platform-python3.6": "x"}, want{"", ""}},
		"Debian 12":                            {"debian", "apt", map[string]string{"/usr/bin/python3": "-> python3.11", "/usr/bin/python3.11": "x"}, want{"/usr/bin/python3 3.11", probes.PythonSupported}},
		"Ubuntu 25.04 is newer than the table": {"ubuntu", "apt", map[string]string{"/usr/bin/python3": "-> python3.13", "/usr/bin/python3.13": "x"}, want{"/usr/bin/python3 3.13", probes.PythonNewer}},
		"Ubuntu without Python 3":              {"ubuntu", "apt", map[string]string{"/usr/bin/python2.7": "x", "/usr/bin/python": "-> python2.7"}, want{"", ""}},
		"AlmaLinux does not take Python 2":     {"almalinux", "dnf", map[string]string{"/usr/bin/python2": "-> python2.7", "/usr/bin/python2.7": "x"}, want{"", ""}},
		"SLES": {"sles", "zypper", map[string]string{
			"/usr/bin/python3": "-> python3.6", "/usr/bin/python3.6": "x", "/usr/bin/python3.11": "x",
		}, want{"/usr/bin/python3 3.6", probes.PythonSupported}},
		"only python, which is 3": {"rhel", "dnf", map[string]string{"/usr/bin/python": "-> /usr/bin/python3.12", "/usr/bin/python3.12": "x"}, want{"/usr/bin/python 3.12", probes.PythonSupported}},
		"a copy, by its library":  {"rhel", "dnf", map[string]string{"/usr/local/bin/python3": elf}, want{"/usr/local/bin/python3 3.9", probes.PythonSupported}},
		"of unknown version":      {"rhel", "dnf", map[string]string{"/usr/bin/python3": "#!/bin/sh\n"}, want{"/usr/bin/python3 ", probes.PythonUnknown}},
		"a loop of links":         {"rhel", "dnf", map[string]string{"/usr/bin/python3": "-> python", "/usr/bin/python": "-> python3"}, want{"", ""}},
		"a directory of the name": {"rhel", "dnf", map[string]string{"/usr/bin/python3/": ""}, want{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			p := reading(t, c.files, linux(c.id, "1"), In{Manager: c.manager}).Python
			var got want
			if p.Best >= 0 {
				got.best = p.Candidates[p.Best].Path + " " + p.Candidates[p.Best].Version
			}
			got.support = p.Support
			if got != c.want {
				t.Errorf("got %v, want %v: %+v", got, c.want, p)
			}
			if p.Needs == "" || p.Known != (name != "a loop of links") {
				t.Errorf("known %v, needs %q", p.Known, p.Needs)
			}
		})
	}
}

func TestPythonWithoutSystemFiles(t *testing.T) {
	h := platformtest.New(nil)
	h.Files["/usr/bin/python3"] = platformtest.File{Mode: 0o755}
	h.Files["/usr/bin/python3.9"] = platformtest.File{Mode: 0o755}
	p := Read(h, linux("amzn", "2023"), In{Manager: "dnf"}).Python
	if p.Support != probes.PythonSupported || p.Candidates[p.Best].Source != "/usr/bin/python3.9 beside it" {
		t.Errorf("%+v", p)
	}
}

func TestTools(t *testing.T) {
	type row struct {
		Name, Path string
		Present    bool
		Needed     bool
		Sure       bool
	}
	missing := func(s probes.HostState) (out []row) {
		for _, h := range s.Tools {
			if h.Present == nil {
				t.Errorf("%s is unknown", h.Name)
				continue
			}
			if h.Needed && !*h.Present || h.Snap {
				out = append(out, row{h.Name, h.Path, *h.Present, h.Needed, h.Sure})
			}
		}
		return out
	}
	all := map[string]string{"/usr/bin/curl": "", "/usr/bin/tar": "", "/usr/bin/zstd": "", "/usr/bin/unxz": "", "/usr/bin/unzip": ""}
	without := func(names ...string) map[string]string {
		m := map[string]string{}
		for k, v := range all {
			m[k] = v
		}
		for _, n := range names {
			delete(m, "/usr/bin/"+n)
		}
		return m
	}
	with := func(m map[string]string, more ...string) map[string]string {
		for _, n := range more {
			m[n] = ""
		}
		return m
	}
	for name, c := range map[string]struct {
		manager string
		files   map[string]string
		want    []row
	}{
		"complete":                              {"dnf", all, nil},
		"dnf without zstd":                      {"dnf", without("zstd"), []row{{"zstd", "", false, true, false}}},
		"dnf without unxz":                      {"dnf", without("unxz"), []row{{"xz", "", false, true, false}}},
		"dnf without unzip":                     {"dnf", without("unzip"), []row{{"unzip", "", false, true, false}}},
		"yum needs none":                        {"yum", without("zstd", "unxz", "unzip"), nil},
		"apt needs none":                        {"apt", without("zstd", "unxz", "unzip"), nil},
		"neither curl nor wget":                 {"apt", without("curl"), []row{{"curl", "", false, true, true}}},
		"wget will do":                          {"apt", with(without("curl"), "/usr/bin/wget"), nil},
		"curl is a snap":                        {"apt", with(without("curl"), "/snap/bin/curl"), []row{{"curl", "/snap/bin/curl", true, true, true}}},
		"zstd is not what the repositories use": {"dnf", with(without("zstd"), "/var/cache/dnf/rhel-9-1234/repodata/ab-updateinfo.xml.gz"), nil},
		"zstd is what a repository uses": {"dnf", with(without("zstd"),
			"/var/cache/dnf/amazonlinux-1/repodata/ab-updateinfo.xml.zst", "/var/cache/dnf/epel-1/repodata/ab-updateinfo.xml.xz"),
			[]row{{"zstd", "", false, true, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, missing(reading(t, c.files, linux("x", "1"), In{Manager: c.manager}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestManager(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"apt":    {"/usr/bin/apt-get": "", "/usr/bin/dnf": ""},
		"dnf":    {"/usr/bin/dnf": "", "/usr/bin/yum": ""},
		"yum":    {"/usr/bin/yum": ""},
		"zypper": {"/usr/bin/zypper": ""},
		"":       {},
	} {
		if got := reading(t, files, linux("x", "1"), In{}).Manager; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
