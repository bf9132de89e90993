//go:build linux

package systemdtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// rootVersion is part of the cached root's name: change it when what is put in changes.
const rootVersion = "1"

// buildTimeout bounds the building of the root: 25 s by a near mirror.
const buildTimeout = 10 * time.Minute

// rootFS returns a root file system with systemd and D-Bus of the host's own release,
// below the cache folder. It is built when it is missing, once.
func rootFS(ctx context.Context, cache string) (string, error) {
	release, err := hostRelease()
	if err != nil {
		return "", err
	}
	root := filepath.Join(cache, "root-"+release+"-"+rootVersion)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close() // which gives the lock back, as does the end of the process
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", cache, err)
	}
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	temp := root + ".new"
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	if err := build(ctx, release, temp); err != nil {
		os.RemoveAll(temp)
		return "", err
	}
	return root, os.Rename(temp, root)
}

// build makes the root with mmdebstrap, which unlike debootstrap takes seconds.
func build(ctx context.Context, release, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	args := []string{"--quiet", "--variant=minbase", "--include=systemd,systemd-sysv,dbus"}
	for _, unused := range []string{"doc", "man", "locale", "info"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+unused+"/*")
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", append(args, release, dir)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap %s: %w\n%s", release, err, out)
	}
	return passable(dir)
}

// passable lets all users into all folders: tools that walk the repository as another
// user must not stumble here.
func passable(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode().Perm()&0o055 == 0o055 {
			return err
		}
		return root.Chmod(name, info.Mode()|0o055)
	})
}

// hostRelease is the code name of the host's release: its archive keys are here.
func hostRelease() (string, error) {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	for line := range bytes.Lines(data) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "VERSION_CODENAME="); ok && v != "" {
			return strings.Trim(v, `"'`), nil
		}
	}
	return "", errors.New("this is neither Debian nor Ubuntu: /etc/os-release has no code name")
}

// moduleRoot is the folder of the go.mod that the test runs below.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod here or above")
		}
		dir = parent
	}
}
