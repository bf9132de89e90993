package patchruns

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"agentctl/platform"
)

// realTree is a host of real files.
type realTree struct {
	t    testing.TB
	root string
}

func newTree(t testing.TB) realTree { return realTree{t, t.TempDir()} }

func (w realTree) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w realTree) write(name, data string) {
	p := filepath.Join(w.root, name)
	w.must(os.MkdirAll(filepath.Dir(p), 0o755))
	w.must(os.WriteFile(p, []byte(data), 0o600))
}

func (w realTree) grow(name string, size int64) {
	w.must(os.Truncate(filepath.Join(w.root, name), size))
}

// writeAt makes a line of a length, all NUL but its end.
func (w realTree) writeAt(name string, at int64, data string) {
	w.write(name, "")
	f, err := os.OpenFile(filepath.Join(w.root, name), os.O_WRONLY, 0o600)
	w.must(err)
	_, err = f.WriteAt([]byte(data), at)
	w.must(err)
	w.must(f.Close())
}

func (w realTree) link(name, to string) {
	p := filepath.Join(w.root, name)
	w.must(os.MkdirAll(filepath.Dir(p), 0o755))
	if err := os.Symlink(to, p); err != nil {
		if runtime.GOOS != "windows" { // which may ask for a right of its own
			w.t.Fatal(err)
		}
		w.t.Skip(err)
	}
}

func (w realTree) host() platform.Host {
	return platform.New(w.root, platform.WithClock(func() time.Time { return clock }))
}

func (w realTree) facts() platform.Facts {
	return platform.Facts{OS: platform.OS{Family: "linux"}, Privileged: true, Processes: []platform.Process{{PID: 1, Comm: "systemd"}}}
}
