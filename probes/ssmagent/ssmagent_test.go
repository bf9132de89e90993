package ssmagent

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

const identityPath = "/var/lib/amazon/ssm/runtimeconfig/identity_config.json"

// The recorded runs: what the agent leaves behind in each state of the network.
func TestSamples(t *testing.T) {
	tests := map[string]struct {
		running, worker, identity bool
		source                    string
		fresh                     bool
	}{
		"good":     {true, true, true, "EC2", true},
		"mgsdrop":  {true, true, true, "EC2", true},
		"denied":   {true, false, true, "", false},
		"norole":   {true, false, true, "", false},
		"nxdomain": {true, false, true, "", false},
		"skew":     {true, false, true, "", false},
		"vpce403":  {true, false, true, "", false},
		"imds403":  {false, false, false, "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := sample(t, name)
			s := Read(h)
			if s.Install != Installed || s.Package != "rpm" {
				t.Errorf("install %q, package %q", s.Install, s.Package)
			}
			if s.Running == nil || *s.Running != tt.running || s.Worker == nil || *s.Worker != tt.worker {
				t.Errorf("running %v, worker %v", s.Running, s.Worker)
			}
			if s.Identity.Exists != tt.identity || s.Identity.Unknown || s.Identity.Invalid != "" || s.Identity.Source != tt.source {
				t.Errorf("identity %+v", s.Identity)
			}
			if tt.identity && (s.Identity.InstanceID != "i-0123456789abcdef0" || s.Identity.IdentityType != "EC2") {
				t.Errorf("identity %+v", s.Identity)
			}
			if got := s.Identity.Fresh(h.Now()); got != tt.fresh {
				t.Errorf("fresh %v", got)
			}
			if s.Identity.Source == "" && !s.Identity.Expires.IsZero() {
				t.Errorf("year 1 is a date: %v", s.Identity.Expires)
			}
			if !s.Proxy.Known || s.Proxy.HTTP != "" || s.DHMC.Exists || s.DHMC.Unknown || s.Config.Exists || s.Config.Unknown {
				t.Errorf("proxy %+v, DHMC %+v, config %+v", s.Proxy, s.DHMC, s.Config)
			}
		})
	}
}

func TestUnprivileged(t *testing.T) {
	h := sample(t, "good")
	h.FactsValue.Privileged = false
	for i := range h.FactsValue.Processes { // another user's exe link is denied, the command line is not
		h.FactsValue.Processes[i].Exe = ""
	}
	h.Files["/etc/systemd/system/amazon-ssm-agent.service.d/override.conf"] = platformtest.File{
		Data: []byte("[Service]\nEnvironment=https_proxy=http://10.0.0.9:3128\n")}
	s := Read(h)
	if s.Install != Installed || !*s.Running || !*s.Worker {
		t.Errorf("got %+v", s)
	}
	if !s.Identity.Unknown || s.Identity.Exists {
		t.Errorf("identity %+v", s.Identity)
	}
	if !s.Proxy.Known || s.Proxy.HTTPS != "http://10.0.0.9:3128" {
		t.Errorf("proxy %+v", s.Proxy)
	}
	f := h.Files["/etc/systemd/system/amazon-ssm-agent.service.d/override.conf"]
	f.Mode = 0o600
	h.Files["/etc/systemd/system/amazon-ssm-agent.service.d/override.conf"] = f
	if s := Read(h); s.Proxy.Known || s.Proxy.HTTPS != "" || !strings.Contains(s.Proxy.Source, "override.conf") {
		t.Errorf("an unreadable drop-in is %+v", s.Proxy)
	}
}

func TestDirectoriesThatMayNotBeEntered(t *testing.T) {
	h := platformtest.New(map[string]string{"/etc/amazon/ssm/amazon-ssm-agent.json": "{}", "/var/lib/amazon/ssm/credentials": "secret"})
	h.FactsValue.Privileged = false
	h.Files["/etc/amazon"] = platformtest.File{Mode: fs.ModeDir | 0o700}
	h.Files["/var/lib/amazon"] = platformtest.File{Mode: fs.ModeDir | 0o700}
	h.Files["/usr/bin"] = platformtest.File{Mode: fs.ModeDir | 0o700}
	s := Read(h)
	if s.Install != "" || s.Running != nil || !s.Config.Unknown || !s.DHMC.Unknown || !s.Identity.Unknown || s.Proxy.Known {
		t.Errorf("got %+v", s)
	}
}

func TestProcesses(t *testing.T) {
	zombie := process(10, 1, "/usr/bin/amazon-ssm-agent")
	zombie.State = "Z"
	script := platform.Process{PID: 11, PPID: 5, Comm: "amazon-ssm-agen", Exe: "/usr/bin/bash", Args: []string{"/bin/bash", "./amazon-ssm-agent"}, State: "S"}
	editor := process(12, 5, "/usr/bin/vi")
	editor.Args = []string{"vi", "amazon-ssm-agent.log"}
	version := process(13, 5, "/usr/bin/amazon-ssm-agent")
	version.Args = append(version.Args, "-version")
	bare := platform.Process{PID: 14, PPID: 1, Comm: "amazon-ssm-agen", State: "S"}
	ecs := process(15, 7, "/managed-agents/execute-command/amazon-ssm-agent")
	inside := process(9, 7, "/usr/bin/amazon-ssm-agent")
	inside.NetShared = ptr(false)
	own := process(16, 1, "/usr/bin/amazon-ssm-agent")
	own.NetShared = ptr(true)
	snap := process(17, 1, "/snap/amazon-ssm-agent/7993/amazon-ssm-agent")
	windows := platform.Process{PID: 4012, Comm: "amazon-ssm-agent.exe", Exe: `C:\Program Files\Amazon\SSM\amazon-ssm-agent.exe`}
	tests := map[string]struct {
		table   []platform.Process
		running *bool
		pid     int
	}{
		"no table":                 {nil, nil, 0},
		"zombie":                   {[]platform.Process{zombie}, ptr(false), 0},
		"script of the name":       {[]platform.Process{script}, ptr(false), 0},
		"editor":                   {[]platform.Process{editor}, ptr(false), 0},
		"asked for its version":    {[]platform.Process{version}, ptr(false), 0},
		"only the short name":      {[]platform.Process{bare}, ptr(true), 14},
		"of ECS Exec":              {[]platform.Process{ecs}, ptr(false), 0},
		"own beside a container's": {[]platform.Process{inside, own}, ptr(true), 16},
		"only a container's":       {[]platform.Process{inside}, ptr(false), 0},
		"snap":                     {[]platform.Process{snap}, ptr(true), 17},
		"windows":                  {[]platform.Process{windows}, ptr(true), 4012},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := platformtest.New(nil)
			h.FactsValue.Processes = tt.table
			s := Read(h)
			if d := cmp.Diff(tt.running, s.Running); d != "" || s.PID != tt.pid {
				t.Errorf("pid %d, running (-want +got)\n%s", s.PID, d)
			}
		})
	}
	t.Run("from a container with the host's root", func(t *testing.T) {
		h := platformtest.New(map[string]string{"/usr/bin/amazon-ssm-agent": ""})
		h.FactsValue.Processes = []platform.Process{inside}
		if s := Read(h); s.PID != 9 || *s.NetShared {
			t.Errorf("got %+v", s)
		}
	})
	t.Run("hidepid", func(t *testing.T) {
		h := platformtest.New(nil)
		h.FactsValue.Privileged = false
		h.FactsValue.Processes = []platform.Process{{PID: 700, Comm: "agentctl"}}
		if s := Read(h); s.Running != nil || s.Worker != nil {
			t.Errorf("running %v", s.Running)
		}
	})
}

func TestInstall(t *testing.T) {
	const status = "Package: amazon-ec2-utils\nStatus: install ok installed\nVersion: 2\n\n" +
		"Package: amazon-ssm-agent\nStatus: install ok installed\nPriority: optional\nVersion: 3.3.987.0-1\nDescription: x\n\nPackage: z\nVersion: 9.9.9.9\n"
	tests := map[string]struct {
		files                          map[string]string
		install, kind, version, source string
	}{
		"nothing":                {nil, Absent, "", "", ""},
		"deb":                    {map[string]string{"/usr/bin/amazon-ssm-agent": "", dpkgStatus: status}, Installed, "deb", "3.3.987.0", dpkgStatus},
		"deb, program gone":      {map[string]string{dpkgStatus: status}, Installed, "deb", "3.3.987.0", dpkgStatus},
		"deb, removed":           {map[string]string{dpkgStatus: strings.ReplaceAll(status, "install ok installed", "deinstall ok config-files")}, Absent, "", "", ""},
		"rpm":                    {map[string]string{"/usr/bin/amazon-ssm-agent": "", "/usr/lib/sysimage/rpm/rpmdb.sqlite": ""}, Installed, "rpm", "", ""},
		"rpm, notes":             {map[string]string{"/usr/bin/amazon-ssm-agent": "", "/var/lib/rpm/Packages": "", "/etc/amazon/ssm/RELEASENOTES.md": "3.1.1080.0\n===\n- x\n"}, Installed, "rpm", "3.1.1080.0", "/etc/amazon/ssm/RELEASENOTES.md"},
		"rpm, notes of Latest":   {map[string]string{"/usr/bin/amazon-ssm-agent": "", "/var/lib/rpm/Packages": "", "/etc/amazon/ssm/RELEASENOTES.md": "Latest\n===\n- x\n\n3.3.987.0\n===\n"}, Installed, "rpm", "", ""},
		"SUSE":                   {map[string]string{"/usr/sbin/amazon-ssm-agent": "", "/usr/lib/sysimage/rpm/Packages.db": ""}, Installed, "rpm", "", ""},
		"snap":                   {map[string]string{snapDir + "/amazon-ssm-agent": "", snapDir + "/meta/snap.yaml": "name: amazon-ssm-agent\nversion: 3.3.551.0\n", dpkgStatus: "Package: snapd\n"}, Installed, "snap", "3.3.551.0", snapDir + "/meta/snap.yaml"},
		"by hand":                {map[string]string{"/usr/bin/amazon-ssm-agent": ""}, Installed, "", "", ""},
		"leftover configuration": {map[string]string{"/etc/amazon/ssm/amazon-ssm-agent.json.template": "{}"}, Absent, "", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := Read(platformtest.New(tt.files))
			if s.Install != tt.install || s.Package != tt.kind || s.Version != tt.version || s.VersionSource != tt.source {
				t.Errorf("got %q %q %q from %q", s.Install, s.Package, s.Version, s.VersionSource)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	const log = "2026-11-20 10:00:00.1234 INFO [amazon-ssm-agent] amazon-ssm-agent - v3.3.500.0\n" +
		"2026-11-22 10:00:00.1234 INFO [amazon-ssm-agent] amazon-ssm-agent - v3.3.987.0\n" +
		"2026-11-22 10:00:01.0000 INFO [ssm-agent-worker] ssm-agent-worker - v9.9.9.9\n\tcaused by: x\n"
	const audit = "SchemaVersion=1\nagent_telemetry amazon-ssm-agent.start 3.3.1000.0 09:30:00\nagent_telemetry ssm-agent-worker.start 9.9.9.9 09:30:01\n"
	const logPath, auditPath = "/var/log/amazon/ssm/amazon-ssm-agent.log", "/var/log/amazon/ssm/audits/amazon-ssm-agent-audit-2026-11-23"
	tests := map[string]struct {
		built, unpacked time.Time
		log, audit      string
		version, source string
	}{
		"log":                            {day(1, 0), time.Time{}, log, "", "3.3.987.0", logPath},
		"audit file is newer":            {day(1, 0), time.Time{}, log, audit, "3.3.1000.0", auditPath},
		"audit file alone":               {day(1, 0), time.Time{}, "", audit, "3.3.1000.0", auditPath},
		"program newer than the log":     {day(22, 11), time.Time{}, log, "", "3.3.2000.0", dpkgStatus},
		"unpacked after the last start":  {day(1, 0), day(23, 0), log, "", "3.3.2000.0", dpkgStatus},
		"unpacked before the last start": {day(1, 0), day(21, 0), log, "", "3.3.987.0", logPath},
		"log without a start":            {day(1, 0), time.Time{}, "2026-11-22 10:00:00 INFO x\n", "", "3.3.2000.0", dpkgStatus},
		"someone mentions such a line":   {day(1, 0), time.Time{}, "2026-11-22 10:00:00 ERROR got amazon-ssm-agent - v1.2.3.4 and more\n", "", "3.3.2000.0", dpkgStatus},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := platformtest.New(map[string]string{
				dpkgStatus: "Package: amazon-ssm-agent\nStatus: install ok installed\nVersion: 3.3.2000.0-1\n",
			})
			h.Files["/usr/bin/amazon-ssm-agent"] = platformtest.File{ModTime: tt.built}
			if !tt.unpacked.IsZero() {
				h.Files[dpkgList] = platformtest.File{ModTime: tt.unpacked}
			}
			if tt.log != "" {
				h.Files[logPath] = platformtest.File{Data: []byte(tt.log)}
			}
			if tt.audit != "" {
				h.Files[auditPath] = platformtest.File{Data: []byte(tt.audit)}
			}
			s := Read(h)
			if s.Version != tt.version || s.VersionSource != tt.source {
				t.Errorf("got %q from %q", s.Version, s.VersionSource)
			}
		})
	}
}

func TestGoVersion(t *testing.T) {
	exe, err := os.Executable() // a test binary has build information too
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	h := platformtest.New(nil)
	if _, err := GoVersion(h); !errors.Is(err, ErrNoBinary) {
		t.Errorf("got %v", err)
	}
	h.Files["/usr/bin/amazon-ssm-agent"] = platformtest.File{Data: data}
	if v, err := GoVersion(h); err != nil || v != runtime.Version() {
		t.Errorf("got %q %v", v, err)
	}
	h.Files["/usr/bin/amazon-ssm-agent"] = platformtest.File{Data: []byte("\x7fELF and no more")}
	if v, err := GoVersion(h); err == nil || v != "" {
		t.Errorf("got %q %v", v, err)
	}
}

func TestConfig(t *testing.T) {
	const path = "/etc/amazon/ssm/amazon-ssm-agent.json"
	tests := map[string]struct {
		text string
		want probes.AgentConfig
	}{
		"all": {`{"Agent":{"Region":"eu-central-1","ServiceDomain":"example.com"},"Ssm":{"Endpoint":"https://ssm.example","HealthFrequencyMinutes":5},
			"Mds":{"Endpoint":"m"},"Mgs":{"Endpoint":"g","Region":"eu-west-1"},"S3":{"Endpoint":"s","Region":"eu-north-1"},"Kms":{"Endpoint":"k"}}`,
			probes.AgentConfig{Region: "eu-central-1", ServiceDomain: "example.com", SSMEndpoint: "https://ssm.example", MDSEndpoint: "m",
				MGSEndpoint: "g", MGSRegion: "eu-west-1", S3Endpoint: "s", S3Region: "eu-north-1", KMSEndpoint: "k"}},
		"any case":        {`{"agent":{"REGION":"eu-central-1"}}`, probes.AgentConfig{Region: "eu-central-1"}},
		"null":            {`null`, probes.AgentConfig{}},
		"trailing comma":  {"{\n  \"Mds\": {\n    \"Endpoint\": \"\",\n  }\n}", probes.AgentConfig{Invalid: "line 4, column 3: invalid character '}' looking for beginning of object key string"}},
		"empty":           {"", probes.AgentConfig{Invalid: "line 1, column 1: unexpected end of JSON input"}},
		"cut":             {`{"Mds":`, probes.AgentConfig{Invalid: "line 1, column 7: unexpected end of JSON input"}},
		"byte order mark": {"\xEF\xBB\xBF{}", probes.AgentConfig{Invalid: "line 1, column 1: begins with a byte order mark, which JSON does not allow"}},
		"wrong type":      {"{\"Ssm\":\n{\"HealthFrequencyMinutes\":\"5\",\"Endpoint\":\"x\"}}", probes.AgentConfig{Overrides: true, Invalid: "line 2, column 29: Ssm.HealthFrequencyMinutes must be int, not string"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := platformtest.New(map[string]string{path: tt.text, "/usr/bin/amazon-ssm-agent": ""})
			tt.want.FileState = probes.FileState{Path: path, Exists: true, Modified: h.Clock}
			if d := cmp.Diff(tt.want, Read(h).Config); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
	t.Run("beside a program elsewhere", func(t *testing.T) {
		h := platformtest.New(map[string]string{path: `{"Agent":{"Region":"a"}}`, snapDir + "/amazon-ssm-agent": "",
			snapDir + "/configuration/amazon-ssm-agent.json": `{"Agent":{"Region":"b"}}`})
		if c := Read(h).Config; c.Region != "b" {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("snap without its own", func(t *testing.T) {
		h := platformtest.New(map[string]string{path: `{"Agent":{"Region":"a"}}`, snapDir + "/amazon-ssm-agent": ""})
		if c := Read(h).Config; c.Region != "a" {
			t.Errorf("got %+v", c)
		}
	})
}

func TestIdentity(t *testing.T) {
	tests := map[string]struct {
		text    string
		invalid string
		kind    string
	}{
		"hybrid":   {`{"InstanceId":"mi-0123456789abcdef0","IdentityType":"OnPrem","CredentialSource":""}`, "", "OnPrem"},
		"cut":      {`{"InstanceId":"i-1`, "line 1, column 18: unexpected end of JSON input", ""},
		"bad date": {`{"CredentialsExpiresAt":"soon"}`, "", ""},
		"far year": {`{"IdentityType":"EC2","CredentialsExpiresAt":"9999-12-31T23:59:59-23:59"}`, "", "EC2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			i := Read(platformtest.New(map[string]string{identityPath: tt.text})).Identity
			if name == "bad date" {
				if i.Invalid == "" {
					t.Error("taken")
				}
				return
			}
			if i.Invalid != tt.invalid || i.IdentityType != tt.kind || !i.Expires.IsZero() {
				t.Errorf("got %+v", i)
			}
		})
	}
}

func TestLogRegion(t *testing.T) {
	tests := map[string]string{
		`Post "https://ssm.us-east-1.amazonaws.com/": x` + "\n" + `Post "https://ssmmessages.eu-central-1.amazonaws.com/v1": y`: "eu-central-1",
		"dial tcp: lookup ec2messages.cn-north-1.amazonaws.com.cn: no such host":                                                "cn-north-1",
		"https://ssm-fips.us-gov-west-1.amazonaws.com":                                                                          "us-gov-west-1",
		"https://ssm.eu-west-1.api.aws":                                                                                         "eu-west-1",
		"ssm.example.amazonaws.com s3.eu-west-1.amazonaws.com region eu-west-1":                                                 "",
		"": "",
	}
	for text, want := range tests {
		if got := logRegion([]byte(text)); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

func TestWindowsLayout(t *testing.T) {
	t.Setenv("ProgramFiles", `C:\Program Files`)
	t.Setenv("ProgramData", `C:\ProgramData`)
	h := platformtest.New(map[string]string{
		`C:\Program Files\Amazon\SSM\amazon-ssm-agent.exe`:                                                                "",
		`C:\Program Files\Amazon\SSM\amazon-ssm-agent.json`:                                                               `{"Agent":{"Region":"us-east-1"}}`,
		`C:\ProgramData\Amazon\SSM\runtimeconfig\identity_config.json`:                                                    `{"InstanceId":"i-0123456789abcdef0","IdentityType":"EC2","CredentialSource":"SSM"}`,
		`C:\ProgramData\Amazon\SSM\InstanceData\i-0123456789abcdef0\document\orchestration\aaaa\PatchWindows\_script.ps1`: "$x = 'https://s3.dualstack.af-south-1.amazonaws.com/aws-patch-manager-af-south-1-bdd5f65a9/patchbaselineoperations/Amazon.PatchBaselineOperations-1.65.zip'",
		`C:\ProgramData\Amazon\SSM\Logs\amazon-ssm-agent.log`:                                                             "2026-11-22 10:00:00 INFO [amazon-ssm-agent] amazon-ssm-agent - v3.3.987.0\r\n",
	})
	h.FactsValue.OS.Family = "windows"
	h.Files[`C:\Program Files\Amazon\SSM\amazon-ssm-agent.exe`] = platformtest.File{ModTime: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := Read(h)
	if s.Install != Installed || s.Package != "msi" || s.Config.Region != "us-east-1" || s.Identity.Source != "SSM" || s.Version != "3.3.987.0" || s.Proxy.Known {
		t.Errorf("got %+v", s)
	}
}
