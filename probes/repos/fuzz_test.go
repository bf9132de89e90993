package repos

import (
	"strings"
	"testing"
	"unicode/utf8"

	"agentctl/platform/platformtest"
)

// FuzzRepoFile reads one file by the rules of each package manager.
func FuzzRepoFile(f *testing.F) {
	for _, s := range []string{"[a]\nbaseurl=http://a/\n  http://b/\nenabled=1\n", "\xef\xbb\xbf[a]\r\nx=y\r\n", "[a\n", "[]", "x=1\n", "[a]\n=\n",
		"[a]\nbaseurl=\n http://${v:-$w}/\n", "[a]\ninclude=/etc/yum.repos.d/r.repo\n", "[b*]\nenabled=0\n", "[a]\nproxy=_none_\nproxy_username=x\n"} {
		f.Add([]byte(s), "v")
	}
	f.Fuzz(func(t *testing.T, data []byte, value string) {
		for _, tool := range []string{"/usr/bin/dnf-3", "/usr/bin/dnf5", "/usr/bin/yum"} {
			h, facts := machine("rocky", "9", map[string]string{tool: "", "/etc/dnf/vars/v": value, "/etc/yum/vars/v": value,
				"/etc/dnf/dnf.conf": "[main]\nskip_if_unavailable=1\n", "/etc/dnf/repos.override.d/o.repo": "[*]\ncost=1\n"})
			h.Files["/etc/yum.repos.d/r.repo"] = platformtest.File{Data: data}
			cfg := ReadDNF(h, facts, Input{Region: "eu-west-1"})
			if !cfg.Known {
				t.Fatalf("not known: %s", cfg.Why)
			}
			for _, r := range cfg.Repos {
				if len(r.Base) > maxURLs || !utf8.ValidString(r.ID+r.Name) || strings.ContainsAny(r.ID+r.Name, "\n\x00") {
					t.Errorf("%+v", r)
				}
				if r.Required && !r.Enabled {
					t.Errorf("required and disabled: %+v", r)
				}
			}
		}
	})
}

func FuzzMirrorList(f *testing.F) {
	f.Add([]byte("https://a/\n# x\n\n/srv\n"))
	f.Add([]byte("\r\n\x00://\n"))
	f.Add([]byte("https://a/ # x\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list := ParseMirrorList(data)
		if len(list) > maxMirrors {
			t.Errorf("%d mirrors", len(list))
		}
		for _, u := range usableMirrors(list) {
			if joinURL(u, "repodata/repomd.xml") == "" || strings.ContainsAny(u, "\r\n\x00") {
				t.Errorf("%q", u)
			}
		}
	})
}

func FuzzMetaLink(f *testing.F) {
	f.Add([]byte(metalinkText(sumOf(repomdText), 1720000000, "https://a/repodata/repomd.xml")))
	f.Add([]byte(`<!DOCTYPE m [<!ENTITY a "b">]><metalink><files><file name="repomd.xml">&a;</file></files></metalink>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		link, err := ParseMetalink(data)
		if err == nil && (len(link.URLs) > maxMirrors || len(link.Sums) == 0 || len(link.Sums) > maxSums+1) {
			t.Errorf("%d addresses, %d sums", len(link.URLs), len(link.Sums))
		}
		link.fits(data)
	})
}

func FuzzRepomd(f *testing.F) {
	f.Add([]byte(repomdText))
	f.Add([]byte("<html></html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		md, reason, why := checkRepomd(data, nil)
		if len(md.Types) > maxSums || reason != "ok" && why == "" {
			t.Errorf("%+v %s", md, reason)
		}
	})
}

// BenchmarkReadDNF reads the files of a machine with RHUI and EPEL: some 40
// sections of which most are disabled, as Red Hat delivers them.
func BenchmarkReadDNF(b *testing.B) {
	var all strings.Builder
	for range 20 {
		all.WriteString(rhui()["/etc/yum.repos.d/redhat-rhui.repo"])
	}
	text := all.String()
	for i := range 20 {
		text = strings.Replace(text, "[rhel-9-baseos-rhui-rpms]", "[rhel-9-"+string(rune('a'+i))+"-rhui-rpms]", 1)
	}
	h, facts := machine("rhel", "9.4", change(rhui(), "/etc/yum.repos.d/redhat-rhui.repo", text))
	b.ReportAllocs()
	for b.Loop() {
		if cfg := ReadDNF(h, facts, Input{Region: "eu-west-1"}); len(cfg.Repos) != 21 {
			b.Fatal(len(cfg.Repos))
		}
	}
}

func BenchmarkParseMetalink(b *testing.B) {
	urls := make([]string, 100)
	for i := range urls {
		urls[i] = "https://mirror.example/pub/epel/9/Everything/x86_64/repodata/repomd.xml"
	}
	data := []byte(metalinkText(sumOf(repomdText), 1720000000, urls...))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseMetalink(data); err != nil {
			b.Fatal(err)
		}
	}
}
