//go:build linux

package systemdtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The container is set up by a child of the test: the test's own program, started anew
// in a process and a mount namespace. bootEnv tells it to, and where its files are.
const bootEnv = "AGENTCTL_SYSTEMDTEST_BOOT"

const (
	guestAt    = "/usr/local/bin/guest"
	sharedAt   = "/shared" // the folder that test and guest have in common
	casesFile  = "cases.json"
	resultFile = "observed.json"
	guestUnit  = `[Unit]
Description=The cases of systemdtest
After=dbus.socket dbus.service
Wants=dbus.service

[Service]
Type=oneshot
ExecStart=` + guestAt + ` run ` + sharedAt + `
ExecStopPost=/bin/sh -c 'journalctl -b --no-pager -o short-monotonic >` + sharedAt + `/journal.txt 2>&1'
ExecStopPost=/bin/systemctl poweroff --force --no-block
`
)

// boot makes the mounts, runs systemd-nspawn and cleans up. It is process 1 of its
// namespace, so that all of the container ends with it.
func boot(root, shared, guest string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// systemd-nspawn wants /run to be a tmpfs; the container's changes go there, too.
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	machine, err := overlay(root, "/run/systemdtest", guest)
	if err != nil {
		return err
	}
	group, err := ownCgroup()
	if err != nil {
		return err
	}
	defer leave(group)
	into, err := os.Open(group)
	if err != nil {
		return err
	}
	defer into.Close()
	cmd := exec.CommandContext(context.Background(), "systemd-nspawn", "--quiet", "--directory="+machine, "--boot", "--register=no", "--keep-unit",
		"--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--private-network",
		"--machine=systemdtest", "--bind="+shared+":"+sharedAt)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(into.Fd())}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("systemd-nspawn: %w", err)
	}
	return nil
}

// overlay lays a writable tree over the root and puts the guest into it.
func overlay(root, dir, guest string) (string, error) {
	upper, work, merged := filepath.Join(dir, "upper"), filepath.Join(dir, "work"), filepath.Join(dir, "merged")
	for _, d := range []string{upper, work, merged} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", err
		}
	}
	if err := syscall.Mount("overlay", merged, "overlay", 0, "lowerdir="+root+",upperdir="+upper+",workdir="+work); err != nil {
		return "", fmt.Errorf("mount overlay: %w", err)
	}
	program, err := os.ReadFile(guest)
	if err != nil {
		return "", err
	}
	// They run with each reload and take ten times as long as that.
	if err := os.RemoveAll(filepath.Join(merged, "usr/lib/systemd/system-generators")); err != nil {
		return "", err
	}
	wants := filepath.Join(merged, "etc/systemd/system/multi-user.target.wants")
	return merged, errors.Join(
		os.WriteFile(filepath.Join(merged, guestAt), program, 0o755),
		os.WriteFile(filepath.Join(merged, "usr/bin/amazon-ssm-agent"), program, 0o755),
		os.WriteFile(filepath.Join(merged, "etc/systemd/system/guest.service"), []byte(guestUnit), 0o644),
		os.MkdirAll(wants, 0o755),
		os.Symlink("/etc/systemd/system/guest.service", filepath.Join(wants, "guest.service")),
	)
}

const cgroupPrefix = "agentctl-systemdtest-"

// ownCgroup mounts the one hierarchy of cgroup2, whatever the host mounts there, and
// makes a group in it that the container then manages.
func ownCgroup() (string, error) {
	const at = "/sys/fs/cgroup"
	// On a host with the old hierarchies too, systemd would take those.
	for syscall.Unmount(at, syscall.MNT_DETACH) == nil {
		continue
	}
	if err := syscall.Mount("cgroup2", at, "cgroup2", 0, ""); err != nil {
		return "", fmt.Errorf("mount cgroup2: %w", err)
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return "", err
	}
	for _, e := range entries { // of tests that were killed; one in use cannot be removed
		if strings.HasPrefix(e.Name(), cgroupPrefix) {
			removeCgroup(filepath.Join(at, e.Name()))
		}
	}
	group, err := os.MkdirTemp(at, cgroupPrefix)
	if err != nil {
		return "", fmt.Errorf("make a control group: %w", err)
	}
	return group, nil
}

// leave removes the container's group. Its last processes take a moment to go, and
// those whose parent has gone are this process's to reap.
func leave(group string) {
	for range 200 {
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
		removeCgroup(group)
		if _, err := os.Stat(group); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// removeCgroup removes a group and those below it, as far as nobody is in them.
func removeCgroup(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeCgroup(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir)
}
