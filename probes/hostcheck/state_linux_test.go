package hostcheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

const meminfo = "MemTotal:         980000 kB\nMemFree:           50000 kB\nMemAvailable:     300000 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\nHugePages_Total:       0\n"

func TestMemory(t *testing.T) {
	m := reading(t, map[string]string{
		"/proc/meminfo": meminfo,
		"/proc/vmstat":  "nr_free_pages 1\noom_kill 3\n",
		"/var/log/messages": "Nov 23 10:00:00 ip-10-0-0-5 kernel: [12.3] Out of memory: Killed process 77 (java) total-vm:1kB\n" +
			strings.Repeat("x", 5000) + "ut of memory: Kill\n" +
			"Nov 24 03:00:00 ip-10-0-0-5 kernel: Memory cgroup out of memory: Killed process 4242 (dnf), UID 0, total-vm:9kB\n",
		"/sys/fs/cgroup/system.slice/amazon-ssm-agent.service/memory.events": "low 0\nhigh 0\nmax 2\noom 1\noom_kill 1\n",
	}, linux("amzn", "2"), In{Manager: "yum"}).Memory
	if !m.Known || m.Total != 980000<<10 || m.Available != 300000<<10 || m.SwapTotal != 0 || *m.OOMKills != 3 || *m.AgentOOMKills != 1 {
		t.Errorf("%+v", m)
	}
	if len(m.Kills) != 2 || m.Kills[0].Package || m.Kills[1].Comm != "dnf" || !m.Kills[1].Package || m.Kills[1].PID != 4242 ||
		!m.Kills[1].At.Equal(time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", m.Kills)
	}
	m = reading(t, map[string]string{"/proc/meminfo": meminfo, "/proc/vmstat": "oom_kill 0\n", "/var/log/messages": "Out of memory: Killed process 1 (a)\n"}, linux("amzn", "2"), In{Manager: "yum"}).Memory
	if m.Kills != nil || *m.OOMKills != 0 {
		t.Errorf("kills before this boot: %+v", m)
	}
	if m = reading(t, nil, linux("amzn", "2"), In{Manager: "yum"}).Memory; m.Known || m.OOMKills != nil {
		t.Errorf("known: %+v", m)
	}
}

func TestLogTime(t *testing.T) {
	r := reader{now: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
	for line, want := range map[string]string{
		"Dec 31 23:59:59 host kernel: x":               "2025-12-31T23:59:59Z",
		"Jan  1 00:00:01 host kernel: x":               "2026-01-01T00:00:01Z",
		"2026-01-01T10:00:00.123456+02:00 host kernel": "2026-01-01T08:00:00Z",
		"nonsense": "0001-01-01T00:00:00Z",
	} {
		if got := r.logTime([]byte(line)).Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestSupport(t *testing.T) {
	for name, c := range map[string]struct {
		id, version string
		files       map[string]string
		want        probes.SupportState
	}{
		"Amazon Linux 2023":               {"amzn", "2023", nil, probes.SupportYes},
		"Amazon Linux 2, past its end":    {"amzn", "2", nil, probes.SupportEnded},
		"Amazon Linux of 2027":            {"amzn", "2027", nil, probes.SupportNewer},
		"Amazon Linux AMI":                {"amzn", "2018.03", nil, probes.SupportNo},
		"Red Hat 9":                       {"rhel", "9.4", nil, probes.SupportYes},
		"Red Hat 10":                      {"rhel", "10.1", nil, probes.SupportYes},
		"Red Hat 11":                      {"rhel", "11.0", nil, probes.SupportNewer},
		"Red Hat 7":                       {"rhel", "7.9", nil, probes.SupportEnded},
		"Red Hat 6":                       {"rhel", "6.10", nil, probes.SupportNo},
		"Rocky 10 is newer than the list": {"rocky", "10.0", nil, probes.SupportNewer},
		"AlmaLinux 9":                     {"almalinux", "9.5", nil, probes.SupportYes},
		"Oracle 8":                        {"ol", "8.10", nil, probes.SupportYes},
		"CentOS 7":                        {"centos", "7", nil, probes.SupportNo},
		"CentOS Stream 9":                 {"centos", "9", nil, probes.SupportYes},
		"Debian 12":                       {"debian", "12", nil, probes.SupportYes},
		"Debian 11":                       {"debian", "11", nil, probes.SupportEnded},
		"Debian 13":                       {"debian", "13", nil, probes.SupportNewer},
		"Debian testing has no version":   {"debian", "", nil, probes.SupportUnknown},
		"Ubuntu 24.04":                    {"ubuntu", "24.04", nil, probes.SupportYes},
		"Ubuntu 24.10":                    {"ubuntu", "24.10", nil, probes.SupportNo},
		"Ubuntu 26.04":                    {"ubuntu", "26.04", nil, probes.SupportNewer},
		"Ubuntu 20.04":                    {"ubuntu", "20.04", nil, probes.SupportEnded},
		"Ubuntu 20.04 with Pro": {"ubuntu", "20.04", map[string]string{
			proStatus: `{"attached": true, "services": [{"name": "esm-infra", "status": "enabled"}]}`}, probes.SupportYes},
		"Ubuntu 20.04, Pro detached": {"ubuntu", "20.04", map[string]string{
			proStatus: `{"attached": false, "services": [{"name": "esm-infra", "status": "n/a"}]}`}, probes.SupportEnded},
		"SLES 15 SP7":           {"sles", "15.7", nil, probes.SupportYes},
		"SLES 15 SP6":           {"sles", "15.6", nil, probes.SupportEnded},
		"SLES 15 SP6 with LTSS": {"sles", "15.6", map[string]string{"/etc/products.d/SLES-LTSS.prod": ""}, probes.SupportYes},
		"SLES for SAP 15 SP7":   {"sles_sap", "15.7", nil, probes.SupportYes},
		"SLES 12":               {"sles", "12.5", nil, probes.SupportNo},
		"Fedora":                {"fedora", "42", nil, probes.SupportNo},
		"nothing known":         {"", "", nil, probes.SupportUnknown},
		"Windows 2022":          {"windows", "10.0.20348", nil, probes.SupportYes},
		"Windows 2025":          {"windows", "10.0.26100", nil, probes.SupportYes},
		"Windows 2012 R2":       {"windows", "6.3.9600", nil, probes.SupportEnded},
		"Windows of tomorrow":   {"windows", "10.0.30000", nil, probes.SupportNewer},
	} {
		t.Run(name, func(t *testing.T) {
			s := reading(t, c.files, linux(c.id, c.version), In{Manager: "dnf"}).OS
			if s.State != c.want {
				t.Errorf("got %s, want %s: %+v", s.State, c.want, s)
			}
			if s.TableDate == "" {
				t.Error("no date")
			}
		})
	}
	s := reading(t, nil, linux("amzn", "2"), In{}).OS
	if s.Name != "Amazon Linux 2" || !s.Listed || s.Ends.Format(time.DateOnly) != "2026-06-30" {
		t.Errorf("%+v", s)
	}
	if over(s.Ends, time.Date(2026, 6, 30, 23, 0, 0, 0, time.UTC)) || !over(s.Ends, time.Date(2026, 7, 1, 1, 0, 0, 0, time.UTC)) {
		t.Error("the last day counts")
	}
}

// LTSS is seen by its product's file; where no product has one, nothing is.
func TestExtendedSLES(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"LTSS":                  {map[string]string{"/etc/products.d/SLES.prod": "", "/etc/products.d/SLES-LTSS.prod": ""}, "yes"},
		"no LTSS":               {map[string]string{"/etc/products.d/SLES.prod": ""}, "no"},
		"no product has a file": {nil, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			s := reading(t, c.files, linux("sles", "15.6"), In{Manager: "zypper"}).OS
			got := "unknown"
			if s.ExtendedActive != nil {
				got = map[bool]string{true: "yes", false: "no"}[*s.ExtendedActive]
			}
			if got != c.want || (got != "unknown") != (s.ActiveSource != "") {
				t.Errorf("got %s by %q, want %s", got, s.ActiveSource, c.want)
			}
		})
	}
}

func TestOSTable(t *testing.T) {
	table, err := parseOSTable(osCSV)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range table.entries {
		key := e.id + " " + e.version
		if seen[key] {
			t.Errorf("%s twice", key)
		}
		seen[key] = true
		if e.name == "" || e.listed && e.ends.IsZero() || !e.extended.IsZero() && !e.extended.After(e.ends) || e.extended.IsZero() != (e.extendedName == "") {
			t.Errorf("%+v", e)
		}
	}
	for _, bad := range []string{"", "# date: x\na,b,c,d,e,f,g\n", "# date: 2026-01-01\na,b,c,d,e,f,g\namzn,2,x,yes,tomorrow,,\n"} {
		if _, err := parseOSTable(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestReboot(t *testing.T) {
	kinds := func(b probes.HostReboot) (out []string) {
		for _, r := range b.Reasons {
			out = append(out, r.Kind+": "+r.Detail)
		}
		return out
	}
	for name, c := range map[string]struct {
		kernel string
		files  map[string]string
		want   []string
	}{
		"none": {"6.1.119-129.201.amzn2023.x86_64", map[string]string{"/lib/modules/6.1.119-129.201.amzn2023.x86_64/vmlinuz": ""}, nil},
		"Ubuntu": {"6.8.0-1021-aws", map[string]string{
			"/run/reboot-required": "*** System restart required ***\n", "/run/reboot-required.pkgs": "linux-base\nlibc6\nlibc6\n", "/var/run": "-> ../run",
		}, []string{"marker: an update asks for a reboot: libc6, linux-base"}},
		"SUSE": {"", map[string]string{"/run/reboot-needed": ""}, []string{"marker: an update asks for a reboot"}},
		"newer kernel": {"6.8.0-1021-aws", map[string]string{
			"/lib/modules/6.8.0-1021-aws/modules.dep": "", "/lib/modules/6.8.0-1009-aws/modules.dep": "", "/lib/modules/6.14.0-1005-aws/modules.dep": "",
			"/boot/vmlinuz-6.8.0-1009-aws": "", "/boot/vmlinuz-6.8.0-1021-aws": "", "/boot/vmlinuz-6.14.0-1005-aws": "",
		}, []string{"kernel: 6.14.0-1005-aws is installed and 6.8.0-1021-aws runs"}},
		"a kernel of another flavour": {"6.8.0-1021-aws", map[string]string{
			"/lib/modules/6.8.0-1021-aws/modules.dep": "", "/lib/modules/6.8.0-1044-generic/modules.dep": "", "/boot/vmlinuz-6.8.0-1044-generic": "",
		}, nil},
		"modules that were left over": {"5.14.0-427.el9_4.x86_64", map[string]string{
			"/lib/modules/5.14.0-427.el9_4.x86_64/vmlinuz": "", "/lib/modules/5.14.0-503.el9_5.x86_64/modules.dep": "",
		}, nil},
		"Red Hat": {"5.14.0-427.el9_4.x86_64", map[string]string{
			"/lib/modules/5.14.0-427.el9_4.x86_64/vmlinuz": "", "/lib/modules/5.14.0-503.el9_5.x86_64/vmlinuz": "",
		}, []string{"kernel: 5.14.0-503.el9_5.x86_64 is installed and 5.14.0-427.el9_4.x86_64 runs"}},
		"a container's host's kernel": {"6.1.119-129.201.amzn2023.x86_64", map[string]string{"/lib/modules/6.8.0-1.amzn2023.x86_64/vmlinuz": ""}, nil},
		"the C library was replaced": {"", map[string]string{
			"/proc/1/maps": "7f0-7f1 r-xp 00000000 08:01 12 /usr/lib64/libc.so.6 (deleted)\n7f2-7f3 rw-s 0 00:01 1 /memfd:x (deleted)\n",
		}, []string{"library: process 1 still runs on the old /usr/lib64/libc.so.6"}},
		"a deleted file that is no library": {"", map[string]string{"/proc/1/maps": "7f2-7f3 rw-s 0 00:01 1 /memfd:x (deleted)\n"}, nil},
		"Patch Manager's":                   {"", map[string]string{patchReboot + "194/timestamp": "1"}, []string{"patching: 194"}},
	} {
		t.Run(name, func(t *testing.T) {
			facts := linux("x", "1")
			facts.OS.Kernel = c.kernel
			b := reading(t, c.files, facts, In{Manager: "dnf"}).Reboot
			if diff := cmp.Diff(c.want, kinds(b)); diff != "" {
				t.Error(diff)
			}
			if b.Pending != (c.want != nil) || !b.Known {
				t.Errorf("%+v", b)
			}
		})
	}
}

func TestReleaseLock(t *testing.T) {
	installed := "Amazon Linux release 2023.9.20251117 (Amazon Linux)\n"
	for name, c := range map[string]struct {
		id, version string
		files       map[string]string
		want        probes.ReleaseLock
	}{
		"as made": {"amzn", "2023", map[string]string{"/etc/system-release": installed}, probes.ReleaseLock{
			Applies: true, Known: true, Installed: "2023.9.20251117", Repository: "2023.9.20251117", Source: "/etc/system-release", Locked: true,
			Newest: al2023Newest, NewestSource: "known on " + al2023NewestDate, Behind: true}},
		"follows": {"amzn", "2023", map[string]string{"/etc/system-release": installed, "/etc/dnf/vars/releasever": "latest\n"}, probes.ReleaseLock{
			Applies: true, Known: true, Installed: "2023.9.20251117", Repository: "latest", Source: "/etc/dnf/vars/releasever",
			Newest: al2023Newest, NewestSource: "known on " + al2023NewestDate}},
		"pinned to the newest": {"amzn", "2023", map[string]string{"/etc/system-release": installed, "/etc/dnf/vars/releasever": al2023Newest}, probes.ReleaseLock{
			Applies: true, Known: true, Installed: "2023.9.20251117", Repository: al2023Newest, Source: "/etc/dnf/vars/releasever", Locked: true,
			Newest: al2023Newest, NewestSource: "known on " + al2023NewestDate}},
		"the host knows a newer one": {"amzn", "2023", map[string]string{
			"/etc/system-release": "Amazon Linux release " + al2023Newest + " (Amazon Linux)",
			"/run/motd.d/70":      "A newer release of \"Amazon Linux\" is available.\n  Version 2023.14.20261109:\n  Version 2023.15.20261123:\n"}, probes.ReleaseLock{
			Applies: true, Known: true, Installed: al2023Newest, Repository: al2023Newest, Source: "/etc/system-release", Locked: true,
			Newest: "2023.15.20261123", NewestSource: "/run/motd.d/70", Behind: true}},
		"Amazon Linux 2 has none": {"amzn", "2", nil, probes.ReleaseLock{}},
		"others have none":        {"rhel", "9.4", nil, probes.ReleaseLock{}},
		"unknown":                 {"amzn", "2023", nil, probes.ReleaseLock{Applies: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, reading(t, c.files, linux(c.id, c.version), In{Manager: "dnf"}).Release); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompareVersions(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"6.8.0-1021-aws", "6.8.0-1009-aws", 1}, {"6.14", "6.8", 1}, {"1.0", "1.00", 0}, {"2023.9.20251117", "2023.12.20260817", -1},
		{"1a", "1.1", -1}, {"1.1", "1a", 1}, {"1", "1.1", -1}, {"", "", 0}, {"..", "", 0}, {"x", "y", -1},
	} {
		got := compareVersions(c.a, c.b)
		if got > 0 != (c.want > 0) || got < 0 != (c.want < 0) {
			t.Errorf("%s and %s: %d", c.a, c.b, got)
		}
	}
}

// Nothing that may not be read is taken for absent or for good.
func TestUnprivileged(t *testing.T) {
	h := platformtest.New(map[string]string{"/proc/1/mountinfo": rootOnly, "/proc/locks": "", "/proc/meminfo": meminfo})
	h.FactsValue.Privileged = false
	h.Files["/usr/bin"] = platformtest.File{Mode: os.ModeDir | 0o700}
	h.Files["/usr/bin/python3"] = platformtest.File{Mode: 0o755}
	h.Files["/var/lib/dpkg"] = platformtest.File{Mode: os.ModeDir | 0o700}
	h.Files["/var/lib/dpkg/lock"] = platformtest.File{Mode: 0o640}
	s := Read(h, h.FactsValue, In{Manager: "apt"})
	if s.Python.Known || s.Locks.Known || len(s.Unknown) == 0 {
		t.Errorf("python %v, locks %v, unknown %v", s.Python.Known, s.Locks.Known, s.Unknown)
	}
	if tool, _ := s.Tool("curl"); tool.Present != nil {
		t.Errorf("curl: %+v", tool)
	}
	denied := false
	for _, u := range s.Unknown {
		denied = denied || u.Denied
	}
	if !denied {
		t.Errorf("nothing denied: %v", s.Unknown)
	}
}

func TestWindows(t *testing.T) {
	h := platformtest.New(nil)
	h.FactsValue.OS.Family, h.FactsValue.OS.ID, h.FactsValue.OS.Version = "windows", "windows", "10.0.20348"
	s := Read(h, h.FactsValue, In{Statfs: sizes(map[string]uint64{`C:\`: 10 * mb})})
	if d, ok := s.DiskAt(`C:\`); !ok || !d.For(probes.DiskSpace) || d.Free != 10*mb || !s.DisksKnown || s.OS.State != probes.SupportYes || s.Python.Best != -1 {
		t.Errorf("%+v", s)
	}
}

// Large and broken files cost little and break nothing.
func TestBadInput(t *testing.T) {
	root := dir(t, map[string]string{
		"/proc/1/mountinfo": rootOnly + strings.Repeat("40 22 253:1 / /m rw - ext4 /dev/x rw\n", 60000),
		"/proc/meminfo":     strings.Repeat("\x00", 70000),
		"/proc/locks":       strings.Repeat("1: POSIX ADVISORY WRITE x y z\n", 50000),
		"/proc/vmstat":      "oom_kill 99999999999999999999999\n",
		"/var/run/yum.pid":  strings.Repeat("9", 5000),
		"/etc/dnf/vars/":    "",
		"/a":                "-> /b", "/b": "-> /a", "/usr/bin/zstd": "-> /a",
	})
	log := filepath.Join(root, "var/log/messages")
	must(t, os.MkdirAll(filepath.Dir(log), 0o755))
	must(t, os.WriteFile(log, nil, 0o644))
	must(t, os.Truncate(log, 5<<30))
	must(t, os.Truncate(filepath.Join(root, "proc/1/mountinfo"), 5<<30))
	start := time.Now()
	s := Read(hostAt(root), linux("amzn", "2023"), In{Manager: "dnf"})
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %s", d)
	}
	if s.Memory.Known || s.Memory.OOMKills != nil {
		t.Errorf("%+v", s.Memory)
	}
}
