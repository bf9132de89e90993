package diagnosis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"agentctl/probes"
)

// TestHostFindings holds severity, words, capabilities and commands.
func TestHostFindings(t *testing.T) {
	for name, c := range map[string]struct {
		severity   Severity
		confidence Confidence
		summary    string
		fix        string // in one of the commands
		lost       []Capability
	}{
		"root with 99 MB":                           {Critical, Certain, "The root file system, with /var and /usr on it, has 99 MB left of 8.0 GB", "sudo dnf clean all", patching()},
		"root with 100 MB":                          {Warning, Certain, "larger set of updates", "du -xh --max-depth=3 /", []Capability{PatchInstall}},
		"room for root alone":                       {Critical, Certain, "0 bytes left", "aws ec2 modify-volume --region us-east-1", nil},
		"/boot of 500 MB, 149 left":                 {Warning, Certain, "/boot has 149 MB left of 500 MB: a new kernel", "sudo dnf remove --oldinstallonly", []Capability{PatchInstall}},
		"/var/log of its own, 99 MB left":           {Warning, Certain, "/var/log has 99 MB left of 2.0 GB: what a patch run writes", "du -xh --max-depth=3 /var/log", patching()},
		"no inodes":                                 {Critical, Certain, "0 inodes left", "du -x --inodes", []Capability{RunCommand, SessionManager, PatchScan, PatchInstall, AgentUpdate}},
		"Windows, 50 MB left":                       {Critical, Certain, `Drive C:\ has 50 MB left`, "Dism.exe", patching()},
		"/var mounted noexec":                       {Critical, Certain, "noexec", "sudo mount -o remount,exec /", []Capability{RunCommand, PatchScan, PatchInstall, AgentUpdate}},
		"no Python":                                 {Critical, Certain, "needs Python 2.6 to 3.12", "sudo dnf install -y python3", patching()},
		"yum without its Python 2":                  {Critical, Certain, "with yum", "rpm --verify yum python", patching()},
		"only a newer Python":                       {Info, Certain, "Python 3.14 is newer", "", []Capability{}},
		"neither curl nor wget":                     {Critical, Likely, "missing: curl or wget", "sudo dnf install -y curl", patching()},
		"399 MB available":                          {Warning, Certain, "399 MB", "mkswap /swapfile", patching()},
		"dnf was killed yesterday":                  {Warning, Likely, "for want of memory (a package manager", "swapon", patching()},
		"dnf's lock for 31 minutes":                 {Warning, Certain, "dnf (process 4321) has held the package manager's lock for 31 min", "ps -o pid,ppid,etime,args -p 4321", patching()},
		"a patch run for three hours":               {Warning, Certain, "Patch Manager's own lock for 3 h", "sudo kill 4321", patching()},
		"past its end":                              {Warning, Certain, "Amazon Linux 2 is past its end of support (2026-06-30)", "", patching()},
		"past its end, without Pro":                 {Warning, Certain, "Ubuntu 20.04 LTS is past", "sudo pro attach <token>", patching()},
		"locked to an older release":                {Info, Certain, "locked to release 2023.9.20251117, and 2023.12.20260817 is out", "sudo dnf upgrade --releasever=2023.12.20260817", []Capability{}},
		"Patch Manager waits for its reboot":        {Info, Certain, "asked for a reboot", "systemctl reboot", []Capability{}},
		"zstd is missing, and a repository uses it": {Warning, Certain, "missing: zstd", "sudo dnf install -y zstd", patching()},
	} {
		t.Run(name, func(t *testing.T) {
			f := findingOf(t, hostCases, name)
			if f.Severity != c.severity || f.Confidence != c.confidence || !strings.Contains(f.Summary, c.summary) {
				t.Errorf("%s, %s: %q", f.Severity, f.Confidence, f.Summary)
			}
			if c.lost != nil && !slices.Equal(f.Capabilities, c.lost) {
				t.Errorf("capabilities %v, want %v", f.Capabilities, c.lost)
			}
			if !slices.ContainsFunc(f.Fix, func(x Fix) bool { return strings.Contains(x.Command, c.fix) }) {
				t.Errorf("no command with %q: %+v", c.fix, f.Fix)
			}
		})
	}
}

// findingOf is the finding of this block in a case.
func findingOf(t *testing.T, table []roundCase, name string) Finding {
	t.Helper()
	i := slices.IndexFunc(table, func(c roundCase) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("no case %q", name)
	}
	r := healthyRound()
	table[i].mod(r)
	for _, f := range Diagnose(r).Findings {
		if e, _ := Lookup(f.Code); e.Block == BlockHost && strings.Contains(table[i].want, string(f.Code)) {
			return f
		}
	}
	t.Fatalf("%s: no finding of the block", name)
	return Finding{}
}

// The commands are those of the package manager here.
func TestCommandsByManager(t *testing.T) {
	for manager, want := range map[string][]string{
		"dnf":    {"sudo dnf clean all", "sudo dnf remove --oldinstallonly", "sudo dnf install -y python3"},
		"yum":    {"sudo yum clean all", "sudo package-cleanup --oldkernels --count=2", "sudo yum install -y python"},
		"apt":    {"sudo apt-get clean", "sudo apt-get autoremove --purge", "sudo apt-get install -y python3"},
		"zypper": {"sudo zypper clean --all", "sudo zypper purge-kernels", "sudo zypper --non-interactive install python3"},
	} {
		t.Run(manager, func(t *testing.T) {
			r := healthyRound()
			s := healthyHost(r)
			s.Manager, s.Python.Best, s.Python.Candidates = manager, -1, nil
			s.Disks[0].Free = 0
			s.Disks = append(s.Disks, probes.Disk{Mount: "/boot", Known: true, Total: 500 * mb, Free: mb, Available: mb, Uses: []probes.DiskUse{probes.DiskBoot}})
			var all []string
			for _, f := range Diagnose(r).Findings {
				for _, x := range f.Fix {
					all = append(all, strings.Split(x.Command, "\n")...)
				}
			}
			for _, w := range want {
				if !slices.Contains(all, w) {
					t.Errorf("%q is not among the commands %q", w, all)
				}
			}
		})
	}
}

// What comes from files and mounts does not reach a command as more than a word.
func TestHostCommandsAreSafe(t *testing.T) {
	r := healthyRound()
	s := healthyHost(r)
	evil := "/var; rm -rf $(echo /)"
	s.Disks[0].Mount, s.Disks[0].NoExec, s.Disks[0].Free, s.Disks[0].FSType = evil, true, 0, "`id`"
	s.Tools[1] = probes.HostTool{Name: "zstd", Present: is(false), Needed: true, Sure: true, Because: "x", Package: "$(id)"}
	s.Locks.Held = []probes.HostLock{{Path: evil, Comm: "`id`", Since: noon.Add(-time.Hour)}}
	s.Release = probes.ReleaseLock{Applies: true, Known: true, Locked: true, Behind: true, Newest: "2023.1; id"}
	leftRuns(r, failedRun(probes.PatchScan, time.Hour))
	r.PatchRuns.Runs[0].Stderr, r.PatchRuns.Runs[0].ID = evil, "`id`"
	for _, f := range Diagnose(r).Findings {
		for _, x := range f.Fix {
			if strings.ContainsAny(x.Command, "`") || strings.Contains(x.Command, "$(") || strings.Contains(x.Command, "rm -rf") || strings.Contains(x.Command, "; id") {
				t.Errorf("%s: %q", f.Code, x.Command)
			}
		}
	}
}

func TestWordsOfManyDisks(t *testing.T) {
	r := healthyRound()
	s := healthyHost(r)
	s.Disks[0].Free = 500 * mb
	s.Disks = append(s.Disks, probes.Disk{Mount: "/var", FSType: "ext4", Device: "/dev/nvme1n1", Known: true, Total: 10 * gb, Free: 500 * mb, Available: 20 * mb,
		Paths: []string{"/var", "/var/log"}, Uses: []probes.DiskUse{probes.DiskSpace}})
	f := Diagnose(r).Findings[0]
	if f.Code != "host-disk-low" || f.Severity != Critical || !strings.HasPrefix(f.Summary, "/var has 20 MB left of 10 GB") || !strings.Contains(f.Summary, "1 file system more") || len(f.Evidence) != 2 {
		t.Errorf("%+v", f)
	}
	if want := "20 MB available of 10 GB, 500 MB with what is reserved for root (ext4, /dev/nvme1n1)"; f.Evidence[0].Value != want {
		t.Errorf("got %q, want %q", f.Evidence[0].Value, want)
	}
}

// TestHostSilence: where a case of these tables wants nothing, not even an info of the
// block is raised.
func TestHostSilence(t *testing.T) {
	n := 0
	for _, c := range slices.Concat(hostCases, runCases) {
		if c.want != "" {
			continue
		}
		n++
		t.Run(c.name, func(t *testing.T) {
			r := healthyRound()
			c.mod(r)
			for _, f := range Diagnose(recorded(t, r)).Findings {
				if e, _ := Lookup(f.Code); e.Block == BlockHost {
					t.Errorf("%s: %s", f.Code, f.Summary)
				}
			}
		})
	}
	if n < 30 {
		t.Errorf("%d silent cases", n)
	}
}
