package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const whole = `
groups: {repos: false, ssm: true}
intervals: {network: 2m, repos: 1h, windowsupdate: 1h, agent: 30s, host: 2m, quiet: 2h}
confirm: {looks: 3, after: 20s}
targets:
  - name: artifactory
    url: https://repo.example.com/health
    required: true
mute:
  - code: dns-slow
    reason: the resolver is on-premises
expect: {ssm: interface_endpoint, s3: gateway_endpoint}
web: {listen: [":9855", "[::1]:9856"], config_file: /etc/agentctl/web.yml, expose: all}
state_dir: /srv/agentctl
inventory: true
`

func TestParse(t *testing.T) {
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
		{"all parts", whole, ""},
		{"group that is not", "groups: {repo: false}\n", "c.yml:1: groups.repo: there is no such group; groups are ssm, s3"},
		{"group that is no switch", "groups:\n  repos: maybe\n", "c.yml:2: expected true or false, found a text maybe"},
		{"interval in words", "intervals:\n  network: often\n", `c.yml:2: "often" is not a duration; write it as 90s`},
		{"interval too short", "intervals:\n  agent: 60s\n  network: 2s\n", "c.yml:3: intervals.network: 2s is out of range; it is between 30s and 24h"},
		{"no looks", "confirm: {looks: 0}\n", "c.yml:1: confirm.looks: 0 is out of range"},
		{"target without name", "targets:\n  - url: https://a/\n", `c.yml:2: targets[0].name: "" is no name`},
		{"target of ours", "targets:\n  - {name: ssm, url: https://a/}\n", "c.yml:2: targets[0].name:"},
		{"target twice", "targets:\n- {name: a, url: https://a/}\n- {name: a, url: https://b/}\n", `c.yml:3: targets[1].name: "a" stands twice`},
		{"target with a password", "targets:\n- name: a\n  url: https://u:p@a/\n", "c.yml:3: targets[0].url: a user,"},
		{"target that is no URL", "targets:\n- name: a\n  url: a:443\n", "c.yml:3: targets[0].url:"},
		{"target with a key too many", "targets:\n- name: a\n  uri: a\n", `c.yml:3: unknown key "uri"; known are name, url, required`},
		{"mute what is not", "mute:\n- code: repo-unrechable\n", "c.yml:2: mute[0].code:"},
		{"mute without reason", "mute:\n- code: dns-slow\n", "c.yml:2: mute[0].reason: say why"},
		{"expect no route", "expect:\n  ssm: vpn\n", "c.yml:2: expect.ssm:"},
		{"listen nowhere", "web:\n  listen:\n  - 127.0.0.1:9855\n  - 9856\n", "c.yml:4: web.listen[1]:"},
		{"expose some", "web: {expose: some}\n", `c.yml:1: web.expose: "some" is neither metrics nor all`},
		{"state beside", "state_dir: state\n", "c.yml:1: state_dir:"},
		{"port out of range", "internet: x:99999\n", "c.yml:1: internet:"},
		{"no YAML", "region: [\n", "c.yml:"},
		{"tab", "tls:\n\tservice_roots: x\n", "c.yml:"},
		{"binary", "\x00\x01\x02", "c.yml: is not a text file"},
		{"not UTF-8", "region: \xff\xfe\n", "c.yml: is not a text file"},
		{"two documents", "region: eu-west-1\n---\nregion: eu-west-2\n", "c.yml: holds more than one YAML document"},
		{"alias bomb", "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nregion: *b\n", "c.yml:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("c.yml", []byte(c.text))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("error %q", err)
			case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
				t.Errorf("error %q, want it to begin %q", err, c.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	roots := write("roots.pem", "PEM")
	if c, err := Load(write("good.yml", "tls:\n  service_roots: "+roots+"\n")); err != nil || string(c.RootsPEM) != "PEM" {
		t.Errorf("%v, %q", err, c.RootsPEM)
	}
	for name, p := range map[string]string{
		"no such file or directory":   filepath.Join(dir, "absent.yml"),
		"is not a regular file":       dir,
		"is larger than 1024 KiB":     write("huge.yml", strings.Repeat("# x\n", 1<<19)),
		":2: tls.service_roots: read": write("noroots.yml", "tls:\n  service_roots: /does/not/exist\n"),
	} {
		if _, err := Load(p); err == nil || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), p) {
			t.Errorf("%s: error %v, want the path and %q", p, err, name)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("region: eu-west-1\ntls:\n  service_roots: /x\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) < 1<<16 {
			_, _ = Parse("c.yml", data)
		}
	})
}

// What is shown reads as the same configuration.
func TestShow(t *testing.T) {
	for name, text := range map[string]string{"defaults": "", "all parts": whole, "internet off": "internet: off\n"} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse("c.yml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := c.Show(&b); err != nil {
				t.Fatal(err)
			}
			again, err := Parse("c.yml", []byte(b.String()))
			if err != nil {
				t.Fatalf("%v in\n%s", err, b.String())
			}
			if diff := cmp.Diff(c, again, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestLoopback(t *testing.T) {
	for listen, want := range map[string]bool{"127.0.0.1:9855": true, "[::1]:1": true, "localhost:1": true, ":9855": false, "0.0.0.0:9855": false, "10.0.0.1:1": false, "x": false} {
		if Loopback(listen) != want {
			t.Errorf("Loopback(%q) = %v", listen, !want)
		}
	}
}
