package ssmagent

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/platform/platformtest"
)

// sample is a recorded run of the agent: its files, its processes, and the
// program and unit that were installed.
func sample(t *testing.T, name string) *platformtest.Host {
	t.Helper()
	h := platformtest.New(map[string]string{
		"/etc/systemd/system/amazon-ssm-agent.service": "[Service]\nExecStart=/usr/bin/amazon-ssm-agent\n",
		"/var/lib/rpm/rpmdb.sqlite":                    "",
	})
	h.Clock = time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC)
	h.Files["/usr/bin/amazon-ssm-agent"] = platformtest.File{Mode: 0o755, ModTime: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	root := filepath.Join("testdata", name)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "processes.txt" {
			return err
		}
		data, err := os.ReadFile(p)
		h.Files[filepath.ToSlash(strings.TrimPrefix(p, root))] = platformtest.File{Data: data, Mode: 0o600}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Files["/var/lib/amazon/ssm/runtimeconfig"] = platformtest.File{Mode: fs.ModeDir | 0o700}
	list, err := os.ReadFile(filepath.Join(root, "processes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	h.FactsValue.Processes = []platform.Process{{PID: 1, Comm: "systemd", State: "S"}}
	h.Env = map[int]map[string]string{}
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line)
		pid, _ := strconv.Atoi(f[0])
		ppid, _ := strconv.Atoi(f[1])
		h.FactsValue.Processes = append(h.FactsValue.Processes, process(pid, ppid, f[3]))
		h.Env[pid] = map[string]string{"PATH": "/usr/bin"}
	}
	return h
}

// process is a running program, as Linux shows it to root.
func process(pid, ppid int, exe string) platform.Process {
	comm := baseName(exe)
	return platform.Process{PID: pid, PPID: ppid, Comm: comm[:min(len(comm), maxComm)], State: "S", Exe: exe, Args: []string{exe}}
}

func ptr(b bool) *bool { return &b }
