package ssmagent

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
	"agentctl/probes/ssmagent/unit/syntax"
)

const (
	unitPath   = "/etc/systemd/system/amazon-ssm-agent.service"
	bareUnit   = "[Unit]\nDescription=amazon-ssm-agent\n[Service]\nExecStart=/usr/bin/amazon-ssm-agent\n"
	dropInPath = "/etc/systemd/system/amazon-ssm-agent.service.d/proxy.conf"
)

func TestProxyFromProcess(t *testing.T) {
	h := platformtest.New(map[string]string{"/usr/bin/amazon-ssm-agent": "", unitPath: bareUnit,
		dropInPath: "[Service]\nEnvironment=https_proxy=http://changed-since:1\n"})
	h.FactsValue.Processes = []platform.Process{process(7, 1, "/usr/bin/amazon-ssm-agent")}
	h.Env = map[int]map[string]string{7: {"https_proxy": "http://user:secret@10.0.0.9:3128", "no_proxy": "169.254.169.254",
		"HTTP_PROXY": "http://upper:1", "http_proxy": "http://lower:1", "SSL_CERT_FILE": "/etc/ca.pem", "AWS_CA_BUNDLE": "/etc/ca.pem",
		"YUM0": "dev", "YUM10": "no", "DNF_VAR_stage": "prod"}}
	s := Read(h)
	want := probes.AgentProxy{Known: true, Source: "/proc/7/environ", HTTP: "http://upper:1", HTTPS: "http://user:secret@10.0.0.9:3128", NoProxy: "169.254.169.254"}
	if d := cmp.Diff(want, s.Proxy); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if got := fmt.Sprint(s.Proxy.HTTPS); got != "http://***@10.0.0.9:3128" {
		t.Errorf("shows %q", got)
	}
	if d := cmp.Diff([]string{"/etc/ca.pem"}, s.CAFiles); d != "" {
		t.Errorf("CA files (-want +got)\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"YUM0": "dev", "DNF_VAR_stage": "prod"}, s.RepoVars); d != "" {
		t.Errorf("variables of yum and dnf (-want +got)\n%s", d)
	}
}

func TestProxyFromUnits(t *testing.T) {
	known := func(source, https string) probes.AgentProxy {
		return probes.AgentProxy{Known: true, Source: source, HTTPS: probes.ProxyURL(https)}
	}
	const snapUnit = "/etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent.service"
	tests := map[string]struct {
		files map[string]string
		want  probes.AgentProxy
	}{
		"no unit":         {nil, probes.AgentProxy{}},
		"none set":        {map[string]string{unitPath: bareUnit}, known(unitPath, "")},
		"in the unit":     {map[string]string{unitPath: bareUnit + "Environment=https_proxy=http://p:1\n"}, known(unitPath, "http://p:1")},
		"quoted, several": {map[string]string{unitPath: bareUnit, dropInPath: "[Service]\nEnvironment=\"http_proxy=\" 'https_proxy=http://p:1' A=b\n"}, known(dropInPath, "http://p:1")},
		"upper case": {map[string]string{unitPath: bareUnit, dropInPath: "[Service]\nEnvironment=HTTPS_PROXY=http://p:1\n"},
			probes.AgentProxy{Known: true, Source: dropInPath, HTTPS: "http://p:1", UpperHTTPS: true}},
		"percent":          {map[string]string{unitPath: bareUnit, dropInPath: "[Service]\nEnvironment=https_proxy=http://u:a%%40b@p:1\n"}, known(dropInPath, "http://u:a%40b@p:1")},
		"continued":        {map[string]string{unitPath: bareUnit, dropInPath: "[Service]\nEnvironment=A=b \\\n# why not\n  https_proxy=http://p:1\n"}, known(dropInPath, "http://p:1")},
		"other section":    {map[string]string{unitPath: bareUnit, dropInPath: "[Unit]\nEnvironment=https_proxy=http://p:1\n"}, known(unitPath, "")},
		"comment":          {map[string]string{unitPath: bareUnit, dropInPath: "[Service]\n#Environment=https_proxy=http://p:1\n;Environment=https_proxy=http://p:1\n"}, known(unitPath, "")},
		"not a conf":       {map[string]string{unitPath: bareUnit, dropInPath + ".bak": "[Service]\nEnvironment=https_proxy=http://p:1\n"}, known(unitPath, "")},
		"reset":            {map[string]string{unitPath: bareUnit + "Environment=https_proxy=http://p:1\n", dropInPath: "[Service]\nEnvironment=\nEnvironment=A=b\n"}, known(dropInPath, "")},
		"later name wins":  {map[string]string{unitPath: bareUnit, dropInPath: "[Service]\nEnvironment=https_proxy=http://p:1\n", "/usr/lib/systemd/system/amazon-ssm-agent.service.d/z.conf": "[Service]\nEnvironment=https_proxy=http://z:1\n"}, known("/usr/lib/systemd/system/amazon-ssm-agent.service.d/z.conf", "http://z:1")},
		"same name hides":  {map[string]string{unitPath: bareUnit, dropInPath: "[Service]\n", "/usr/lib/systemd/system/amazon-ssm-agent.service.d/proxy.conf": "[Service]\nEnvironment=https_proxy=http://z:1\n"}, known(unitPath, "")},
		"etc hides usr":    {map[string]string{unitPath: bareUnit, "/usr/lib/systemd/system/amazon-ssm-agent.service": bareUnit + "Environment=https_proxy=http://p:1\n"}, known(unitPath, "")},
		"for all services": {map[string]string{unitPath: bareUnit, "/etc/systemd/system/service.d/p.conf": "[Service]\nEnvironment=https_proxy=http://p:1\n"}, known("/etc/systemd/system/service.d/p.conf", "http://p:1")},
		"for a prefix":     {map[string]string{unitPath: bareUnit, "/etc/systemd/system/amazon-.service.d/p.conf": "[Service]\nEnvironment=https_proxy=http://p:1\n"}, known("/etc/systemd/system/amazon-.service.d/p.conf", "http://p:1")},
		"of the manager":   {map[string]string{unitPath: bareUnit, "/etc/systemd/system.conf.d/p.conf": "[Manager]\nDefaultEnvironment=https_proxy=http://p:1\n"}, known(unitPath, "http://p:1")},
		"unset":            {map[string]string{unitPath: bareUnit + "Environment=https_proxy=http://p:1\nUnsetEnvironment=https_proxy\n"}, known(unitPath, "")},
		"environment file": {map[string]string{unitPath: bareUnit + "Environment=https_proxy=http://p:1\nEnvironmentFile=-/etc/sysconfig/agent\n",
			"/etc/sysconfig/agent": "# the proxy\nhttps_proxy=\"http://f:1\"\n"}, known("/etc/sysconfig/agent", "http://f:1")},
		"environment file is gone": {map[string]string{unitPath: bareUnit + "EnvironmentFile=-/etc/sysconfig/agent\n"}, known(unitPath, "")},
		"environment files reset":  {map[string]string{unitPath: bareUnit + "EnvironmentFile=/etc/a\nEnvironmentFile=\n", "/etc/a": "https_proxy=http://f:1\n"}, known(unitPath, "")},
		"environment file pattern": {map[string]string{unitPath: bareUnit + "EnvironmentFile=/etc/agent.d/*.env\n", "/etc/agent.d/1.env": "https_proxy=http://f:1\n", "/etc/agent.d/2.txt": "https_proxy=http://g:1\n"}, known("/etc/agent.d/1.env", "http://f:1")},
		"snap takes /etc/environment": {map[string]string{snapDir + "/amazon-ssm-agent": "", snapUnit: "[Service]\nEnvironmentFile=-/etc/environment\nExecStart=/usr/bin/snap run amazon-ssm-agent\n",
			"/etc/environment": "PATH=\"/usr/bin\"\nhttps_proxy=http://f:1\n"}, known("/etc/environment", "http://f:1")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, Read(platformtest.New(tt.files)).Proxy); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
	t.Run("environment file may not be read", func(t *testing.T) {
		h := platformtest.New(map[string]string{unitPath: bareUnit + "EnvironmentFile=-/etc/agent.env\n"})
		h.FactsValue.Privileged = false
		h.Files["/etc/agent.env"] = platformtest.File{Data: []byte("https_proxy=x"), Mode: 0o600}
		if p := Read(h).Proxy; p.Known || p.HTTPS != "" || p.Source != "/etc/agent.env" {
			t.Errorf("got %+v", p)
		}
	})
}

func TestEnvFile(t *testing.T) {
	tests := map[string]struct {
		text string
		want environment
	}{
		"plain":           {"A=b\nC = d e \n", environment{"A": "b", "C": "d e"}},
		"double quotes":   {`A="b \"c\" \n # d"` + "\n", environment{"A": `b "c" \n # d`}},
		"single quotes":   {`A='b \ c'`, environment{"A": `b \ c`}},
		"continued":       {"A=b\\\nc\nD=e", environment{"A": "bc", "D": "e"}},
		"two lines":       {"A=\"b\nc\"\nD=e\n", environment{"A": "b\nc", "D": "e"}},
		"comments":        {"#A=b\n  ; C=d\nE=f # g\n", environment{"E": "f # g"}},
		"no assignment":   {"hello\nexport A=b\nC=d", environment{"C": "d"}},
		"unclosed":        {"A=b\nC=\"d\n", environment{"A": "b", "C": ""}},
		"carriage return": {"A=b\r\nC=d\r\n", environment{"A": "b", "C": "d"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, environment(syntax.EnvFile([]byte(tt.text)))); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}
