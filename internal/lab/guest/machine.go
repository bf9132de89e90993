//go:build linux

package guest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mountDisks mounts the file systems that the instance has beside its root, before anything lies below them.
func mountDisks(disks []Disk) error {
	for _, d := range disks {
		if err := os.MkdirAll(d.Mount, 0o755); err != nil {
			return err
		}
		var flags uintptr
		if d.NoExec {
			flags |= syscall.MS_NOEXEC
		}
		if err := syscall.Mount("tmpfs", d.Mount, "tmpfs", flags, "mode=0755,size="+d.Size); err != nil {
			return fmt.Errorf("mount %s: %w", d.Mount, err)
		}
	}
	return nil
}

// closeDisks makes those read-only that are to be.
func closeDisks(disks []Disk) error {
	for _, d := range disks {
		if !d.ReadOnly {
			continue
		}
		if err := syscall.Mount("", d.Mount, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("make %s read-only: %w", d.Mount, err)
		}
	}
	return nil
}

// enterTime gives the processes that this thread starts from now on a time namespace in which the machine has been up for so
// long, whatever the machine is that the lab runs on. The clock on the wall stays as it is.
func enterTime(uptime time.Duration) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return err
	}
	offset := int64(uptime/time.Second) - now.Sec
	// The thread's own file: the process's is that of its first thread.
	return os.WriteFile(fmt.Sprintf("/proc/%d/timens_offsets", unix.Gettid()), fmt.Appendf(nil, "boottime %d 0\n", offset), 0)
}

// coverProc puts files over those of /proc.
func coverProc(files []File) error {
	for i, file := range files {
		if err := cover(file.Path, "/run/lab/proc-"+strconv.Itoa(i), file.Content); err != nil {
			return err
		}
	}
	return nil
}

func cover(path, with string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(with), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(with, content, 0o444); err != nil {
		return err
	}
	if err := syscall.Mount(with, path, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("cover %s: %w", path, err)
	}
	return nil
}

const (
	standInPath  = "/run/lab/stand-in"
	lockVariable = "LAB_LOCK" // KIND PATH
)

// startProcess starts a stand-in and waits until it holds what it is to hold. Where it is to be older than it is, its
// /proc/PID/stat is covered by one that says so: a process cannot be made in the past.
func startProcess(p Process) error {
	program := p.Name
	if !filepath.IsAbs(program) {
		program = "/run/lab/" + p.Name
		if err := os.Link(standInPath, program); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	ready, child, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	command := exec.Command(program, p.Args...)
	command.Env = []string{lockVariable + "=" + p.Kind + " " + p.Lock}
	command.ExtraFiles = []*os.File{child}
	err = command.Start()
	child.Close()
	if err != nil {
		return err
	}
	answer := make([]byte, 256)
	n, err := ready.Read(answer)
	if err != nil || string(answer[:n]) != "ready" {
		return fmt.Errorf("it says %q: %w", answer[:n], err)
	}
	if p.Age == 0 {
		return nil
	}
	if p.Kind == "pid" { // it wrote its lock when it began
		began := time.Now().Add(-p.Age)
		if err := os.Chtimes(p.Lock, began, began); err != nil {
			return err
		}
	}
	return age(command.Process.Pid, p.Age)
}

// age makes a process older: the 22nd field of its stat is its start in ticks of 10 ms since boot (proc_pid_stat(5)). It is read
// in this thread's time, which has another boot than the children's.
func age(pid int, by time.Duration) error {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	reader := exec.Command(standInPath, "cat", name)
	data, err := reader.Output()
	if err != nil {
		return err
	}
	head, tail, found := strings.Cut(string(data), ") ")
	fields := strings.Fields(tail)
	if !found || len(fields) < 20 {
		return fmt.Errorf("%s is not of the known form", name)
	}
	start, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return err
	}
	fields[19] = strconv.FormatInt(max(start-int64(by/(10*time.Millisecond)), 1), 10)
	return cover(name, fmt.Sprintf("/run/lab/stat-%d", pid), []byte(head+") "+strings.Join(fields, " ")+"\n"))
}

// standIn is the process that startProcess starts.
func standIn() {
	if len(os.Args) == 3 && os.Args[1] == "cat" {
		data, err := os.ReadFile(os.Args[2])
		if err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.Write(data)
		return
	}
	kind, path, _ := strings.Cut(os.Getenv(lockVariable), " ")
	answer := "ready"
	var held *os.File
	if path != "" {
		var err error
		if held, err = hold(kind, path); err != nil {
			answer = err.Error()
		}
	}
	pipe := os.NewFile(3, "ready")
	_, _ = pipe.WriteString(answer)
	pipe.Close()
	sleep()
	runtime.KeepAlive(held) // a file that is collected is closed, and its lock gone
}

// hold takes a lock; it lasts as long as the file is open.
func hold(kind, path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if kind == "pid" {
		return nil, os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o644)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if kind == "flock" {
		return file, unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	return file, unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
}
