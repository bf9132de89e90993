package hostcheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

var clock = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// tree is a host of real files below a temporary directory. A name that ends with
// "/" is a directory, a content that begins with "-> " makes a symbolic link, a name
// below a bin directory is executable.
func tree(t testing.TB, files map[string]string) platform.Host {
	t.Helper()
	return platform.New(dir(t, files), platform.WithClock(func() time.Time { return clock }))
}

func dir(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		p := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(p, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		if to, ok := strings.CutPrefix(content, "-> "); ok {
			must(t, os.Symlink(to, p))
			continue
		}
		mode := os.FileMode(0o644)
		if strings.Contains(name, "bin/") || strings.Contains(name, "libexec/") {
			mode = 0o755
		}
		must(t, os.WriteFile(p, []byte(content), mode))
	}
	return root
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sizes answers statfs by mount point.
func sizes(free map[string]uint64) func(string) (Usage, error) {
	return func(p string) (Usage, error) {
		f, ok := free[p]
		if !ok {
			return Usage{}, os.ErrNotExist
		}
		return Usage{Total: 20 << 30, Free: f, Available: f}, nil
	}
}

const (
	mb       = 1 << 20
	rootOnly = "22 1 259:1 / / rw,noatime shared:1 - xfs /dev/nvme0n1p1 rw,seclabel\n"
	efi      = "30 22 259:2 / /boot/efi rw,relatime shared:9 - vfat /dev/nvme0n1p128 rw,fmask=0077\n"
)

func linux(id, version string) platform.Facts {
	return platform.Facts{OS: platform.OS{Family: "linux", ID: id, Version: version, Arch: "x86_64"}, Privileged: true}
}

func reading(t testing.TB, files map[string]string, facts platform.Facts, in In) probes.HostState {
	t.Helper()
	return Read(tree(t, files), facts, in)
}

func hostAt(root string) platform.Host {
	return platform.New(root, platform.WithClock(func() time.Time { return clock }))
}
