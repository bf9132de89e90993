package unit

import (
	"io/fs"
	"testing"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

const (
	packagedFile = "/usr/lib/systemd/system/amazon-ssm-agent.service"
	dropInFile   = "/etc/systemd/system/amazon-ssm-agent.service.d/override.conf"
)

func TestProxyOf(t *testing.T) {
	for _, tt := range []struct {
		name    string
		files   map[string]string
		manager []string
		unit    loaded
		want    probes.AgentProxy
	}{
		{"none", nil, nil, loaded{}, probes.AgentProxy{Known: true, Source: packagedFile}},
		{"drop-in", map[string]string{dropInFile: "[Service]\nEnvironment=\"https_proxy=http://p:1\" no_proxy=a\n"}, nil,
			loaded{environment: []string{"https_proxy=http://p:1", "no_proxy=a"}},
			probes.AgentProxy{Known: true, Source: dropInFile, HTTPS: "http://p:1", NoProxy: "a"}},
		{"set where no file says", nil, nil, loaded{environment: []string{"http_proxy=http://p:1"}},
			probes.AgentProxy{Known: true, Source: probes.AgentUnitPackaged, HTTP: "http://p:1"}},
		{"cleared by the drop-in", map[string]string{packagedFile: "[Service]\nEnvironment=http_proxy=x\n", dropInFile: "[Service]\nEnvironment=\nEnvironment=A=b\n"}, nil,
			loaded{environment: []string{"A=b"}}, probes.AgentProxy{Known: true, Source: packagedFile}},
		{"upper case first, empty is none", nil, nil, loaded{environment: []string{"HTTPS_PROXY=http://up:1", "https_proxy=http://low:1", "NO_PROXY=", "no_proxy=a"}},
			probes.AgentProxy{Known: true, Source: probes.AgentUnitPackaged, HTTPS: "http://up:1", NoProxy: "a"}},
		{"file over environment, over manager", map[string]string{"/etc/env": "https_proxy=http://file:1\n"}, []string{"https_proxy=http://m:1", "http_proxy=http://m:2"},
			loaded{environment: []string{"https_proxy=http://env:1"}, files: []envFile{{"/etc/env", false}}},
			probes.AgentProxy{Known: true, Source: "/etc/env", HTTPS: "http://file:1", HTTP: "http://m:2"}},
		{"files by pattern, the last one wins", map[string]string{"/etc/env.d/1": "https_proxy=a", "/etc/env.d/2": "https_proxy=b", "/etc/env.d/x": "https_proxy=c"}, nil,
			loaded{files: []envFile{{"/etc/env.d/[0-9]", true}}}, probes.AgentProxy{Known: true, Source: "/etc/env.d/2", HTTPS: "b"}},
		{"pattern of folders", nil, nil, loaded{files: []envFile{{"/etc/*/env", true}}}, probes.AgentProxy{Source: "/etc/*/env"}},
		{"missing file", nil, nil, loaded{files: []envFile{{"/etc/env", true}, {"/etc/none.d/*", true}}}, probes.AgentProxy{Known: true, Source: packagedFile}},
		{"unset", nil, nil, loaded{environment: []string{"https_proxy=a", "http_proxy=b", "no_proxy=c"}, unset: []string{"https_proxy", "http_proxy=b", "no_proxy=other"}},
			probes.AgentProxy{Known: true, Source: probes.AgentUnitPackaged, NoProxy: "c"}},
		{"for CGI", nil, nil, loaded{environment: []string{"http_proxy=a", "REQUEST_METHOD=GET"}},
			probes.AgentProxy{Known: true, Source: probes.AgentUnitPackaged}},
		{"no assignments", nil, nil, loaded{environment: []string{"x", "=y", "1a=b", ""}}, probes.AgentProxy{Known: true, Source: packagedFile}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.unit.manager = tt.manager
			tt.unit.Name, tt.unit.File, tt.unit.DropIns = probes.AgentUnitPackaged, packagedFile, []string{dropInFile}
			if got := proxyOf(platformtest.New(tt.files), &tt.unit); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestProxyOfDenied: an environment file that may not be read makes the proxy unknown.
func TestProxyOfDenied(t *testing.T) {
	host := platformtest.New(nil)
	host.FactsValue.Privileged = false
	host.Files["/etc/env"] = platformtest.File{Mode: 0o600}
	u := loaded{environment: []string{"https_proxy=a"}, files: []envFile{{"/etc/env", true}}}
	if got := proxyOf(host, &u); got != (probes.AgentProxy{Source: "/etc/env"}) {
		t.Errorf("got %+v", got)
	}
	host.Files["/etc/env"] = platformtest.File{Mode: fs.ModeDir | 0o755}
	if got := proxyOf(host, &u); got.Known {
		t.Errorf("of a folder: %+v", got)
	}
}
