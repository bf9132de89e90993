package patchruns

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/platform/platformtest"
)

// counting is a host that counts what is read of it.
type counting struct {
	platform.Host
	bytes, lists, largest int64
}

func (c *counting) count(data []byte, limit int64) {
	c.bytes += int64(len(data))
	c.largest = max(c.largest, limit)
}

func (c *counting) ReadFile(name string, limit int64) ([]byte, error) {
	data, err := c.Host.ReadFile(name, limit)
	c.count(data, limit)
	return data, err
}

func (c *counting) ReadTail(name string, limit int64) ([]byte, error) {
	data, err := c.Host.ReadTail(name, limit)
	c.count(data, limit)
	return data, err
}

func (c *counting) ReadDir(name string, limit int) ([]fs.DirEntry, error) {
	c.lists++
	return c.Host.ReadDir(name, limit)
}

// However large the files are and however many: of each run no more than the ends of
// its outputs and the head of its script are read, of at most moreRuns runs.
func TestBounds(t *testing.T) {
	w := newTree(t)
	dir := "var/lib/amazon/ssm/" + self + "/document/orchestration/"
	const size = 5 << 30
	for i := range 40 {
		run := fmt.Sprintf("%s%08x-0000-4000-8000-000000000000", dir, i)
		for _, name := range []string{"/PatchLinux/_script.sh", "/awsrunShellScript/PatchLinux/stdout", "/awsrunShellScript/PatchLinux/stderr"} {
			w.write(run+name, strings.Repeat("a line without an end ", 1000))
			w.grow(run+name, size)
		}
	}
	for _, name := range []string{"patch-configuration/" + inventoryName, "patch-baseline-concurrent.lock"} {
		w.write("var/log/amazon/ssm/"+name, "{")
		w.grow("var/log/amazon/ssm/"+name, size)
	}
	host := &counting{Host: w.host()}
	start := time.Now()
	p := Read(host, w.facts(), In{InstanceID: self, Region: "eu-central-1"})
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %s", d)
	}
	const run = 2*(maxTail+maxHead) + 2*maxScript // the script is read for the payload's address again
	if most := int64(moreRuns*run + maxState + maxLockFile + 1<<20); host.bytes > most || host.largest > maxState || host.lists > maxListings {
		t.Errorf("%d bytes read, at most %d expected; largest limit %d; %d listings", host.bytes, most, host.largest, host.lists)
	}
	if !p.Known || !p.Truncated || len(p.Runs) == 0 || p.State.Known || p.State.Invalid == "" {
		t.Errorf("known %v, truncated %v, %d runs, state %+v", p.Known, p.Truncated, len(p.Runs), p.State)
	}
	for i := range p.Runs {
		if !p.Runs[i].Cut {
			t.Errorf("%s: not said to be cut", p.Runs[i].ID)
		}
	}
}

// What cannot be walked is said, and is not taken for an empty history.
func TestUnwalkable(t *testing.T) {
	for name, make := range map[string]func(w realTree){
		"a loop in place of the directory of runs": func(w realTree) {
			w.link("var/lib/amazon/ssm/"+self+"/document/orchestration", "orchestration")
		},
		"a loop above it":       func(w realTree) { w.link("var/lib/amazon/ssm/"+self, self) },
		"a file in its place":   func(w realTree) { w.write("var/lib/amazon/ssm/"+self+"/document/orchestration", "x") },
		"a loop of two on high": func(w realTree) { w.link("var/lib/amazon", "../lib2"); w.link("var/lib2", "lib/amazon") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTree(t)
			make(w)
			if p := Read(w.host(), w.facts(), In{InstanceID: self}); p.Known || p.Why == "" || len(p.Runs) != 0 {
				t.Errorf("%+v", p)
			}
		})
	}
}

// A run that cannot be looked into leaves the others.
func TestUnreadableRun(t *testing.T) {
	w := newWorld(nil).run(command, linuxScript("", "Scan", "NoReboot", ""), good("Scan", time.Hour), "", time.Hour)
	w.run(window, linuxScript("", "Install", "NoReboot", ""), good("Install", 2*time.Hour), "", 2*time.Hour)
	w.FactsValue.Privileged = false
	w.Files[runs+window] = platformtest.File{Mode: fs.ModeDir | 0o700, Err: fs.ErrPermission}
	w.Files[runs+"socket"] = platformtest.File{Mode: fs.ModeSocket | 0o600}
	p := w.read()
	if len(p.Runs) == 0 || p.Runs[0].ID != command {
		t.Errorf("%+v", p)
	}
}

// A pipe in place of an output is not waited for.
func TestPipe(t *testing.T) {
	w := newTree(t)
	run := "var/lib/amazon/ssm/" + self + "/document/orchestration/" + command
	w.write(run+"/PatchLinux/_script.sh", linuxScript("", "Scan", "NoReboot", ""))
	p := filepath.Join(w.root, run, "awsrunShellScript/PatchLinux")
	w.must(os.MkdirAll(p, 0o755))
	makePipe(t, filepath.Join(p, "stdout"))
	done := make(chan int, 1)
	go func() { done <- len(Read(w.host(), w.facts(), In{InstanceID: self}).Runs) }()
	select {
	case n := <-done:
		if n != 1 {
			t.Errorf("%d runs", n)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for the pipe")
	}
}

// A sign that is not fatal leaves the last error in sight.
func TestLastErrorBesideSigns(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no sign":         {line("ERROR", "something of its own", time.Hour), "something of its own"},
		"a mere warning":  {line("ERROR", "something of its own", time.Hour) + "SNIMissingWarning: x\n", "something of its own"},
		"a fatal one":     {line("ERROR", "something of its own", time.Hour) + "No space left on device\n", ""},
		"it went well":    {line("ERROR", "something of its own", time.Hour) + good("Scan", time.Hour), ""},
		"waited for yum":  {"another process has acquired yum lock, waiting 2 s and retry.\n" + line("ERROR", "something of its own", time.Hour), "something of its own"},
		"nothing at all":  {"", ""},
		"only in the end": {"x\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			stderr := "failed to run commands: exit status 1"
			if strings.Contains(c.text, "upload successful") {
				stderr = ""
			}
			r := newWorld(nil).run(command, linuxScript("", "Scan", "NoReboot", ""), c.text, stderr, time.Hour).one(t)
			if c.want == "" && r.LastError != "" || !strings.Contains(r.LastError, c.want) {
				t.Errorf("last error %q, want %q; %s", r.LastError, c.want, ids(r))
			}
		})
	}
}
