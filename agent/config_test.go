package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"comments only", "# nothing\n", ""},
		{"all keys", "region: eu-west-1\ninternet: example.com:8443\ntls:\n  service_roots: /x.pem\n", ""},
		{"internet off", "internet: off\n", ""},
		{"internet without port", "internet: example.com\n", ""},
		{"unknown key", "region: eu-west-1\nregoin: x\n", `c.yml:2: unknown key "regoin"; known are`},
		{"unknown key below tls", "tls:\n  roots: x\n", `c.yml:2: unknown key "roots"`},
		{"key twice", "region: eu-west-1\nregion: eu-west-2\n", "c.yml:2:"},
		{"wrong kind", "tls: [a, b]\n", "c.yml:1: expected keys and values, found a list"},
		{"a list", "- region\n", "c.yml:1: expected keys and values, found a list"},
		{"bad region", "\nregion: Europe\n", `c.yml:2: region: "Europe" is not an AWS region`},
		{"bad internet", "internet: http://x/y\n", `c.yml:1: internet: "http://x/y" is not host:port`},
		{"port out of range", "internet: x:99999\n", "c.yml:1: internet:"},
		{"no YAML", "region: [\n", "c.yml:"},
		{"tab", "tls:\n\tservice_roots: x\n", "c.yml:"},
		{"binary", "\x00\x01\x02", "c.yml: is not a text file"},
		{"not UTF-8", "region: \xff\xfe\n", "c.yml: is not a text file"},
		{"two documents", "region: eu-west-1\n---\nregion: eu-west-2\n", "c.yml: holds more than one YAML document"},
		{"alias bomb", "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nregion: *b\n", "c.yml:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseConfig("c.yml", []byte(c.text))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("error %q", err)
			case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
				t.Errorf("error %q, want it to begin %q", err, c.want)
			}
		})
	}
}

func TestLoadConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	roots := write("roots.pem", "PEM")
	if c, err := LoadConfig(write("good.yml", "tls:\n  service_roots: "+roots+"\n")); err != nil || string(c.TLS.rootsPEM) != "PEM" {
		t.Errorf("%v, %q", err, c.TLS.rootsPEM)
	}
	for name, p := range map[string]string{
		"no such file or directory":   filepath.Join(dir, "absent.yml"),
		"is not a regular file":       dir,
		"is larger than 1024 KiB":     write("huge.yml", strings.Repeat("# x\n", 1<<19)),
		":2: tls.service_roots: read": write("noroots.yml", "tls:\n  service_roots: /does/not/exist\n"),
	} {
		if _, err := LoadConfig(p); err == nil || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), p) {
			t.Errorf("%s: error %v, want the path and %q", p, err, name)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("region: eu-west-1\ntls:\n  service_roots: /x\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) < 1<<16 {
			_, _ = ParseConfig("c.yml", data)
		}
	})
}
