//go:build linux

package guest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Main is the whole program: the first process, or one of the SSM Agent's stand-ins, by the name it was started as.
func Main() {
	switch filepath.Base(os.Args[0]) {
	case "amazon-ssm-agent":
		agent()
	case "ssm-agent-worker":
		sleep()
	case checkName:
		fmt.Println(check(os.Args[1:]))
	default:
		if os.Getenv(lockVariable) != "" || len(os.Args) > 1 {
			standIn()
			return
		}
		if os.Getpid() != 1 {
			fmt.Fprintln(os.Stderr, "labinit is started by the lab, as the first process of a PID namespace")
			os.Exit(2)
		}
		outcome, err := first()
		if err != nil {
			outcome.Error = err.Error()
		}
		_ = json.NewEncoder(os.NewFile(OutcomeFD, "outcome")).Encode(outcome)
	}
}

// sleep is all that the stand-ins do; the end of the first process ends them.
func sleep() { time.Sleep(24 * time.Hour) }

// agent starts its worker as the real one does, so that the worker's parent is right, and says so on descriptor 3.
func agent() {
	worker := exec.Command(filepath.Join(filepath.Dir(os.Args[0]), "ssm-agent-worker"))
	if worker.Start() == nil {
		pipe := os.NewFile(3, "started")
		_, _ = pipe.WriteString("up\n")
		pipe.Close()
	}
	sleep()
}

func first() (Outcome, error) {
	var spec Spec
	if err := json.NewDecoder(os.NewFile(SpecFD, "spec")).Decode(&spec); err != nil {
		return Outcome{}, fmt.Errorf("read the spec: %w", err)
	}
	if err := enterRoot(spec); err != nil {
		return Outcome{}, err
	}
	// From here on nothing but children of this thread are started, in a time of their own.
	runtime.LockOSThread()
	if err := enterTime(spec.Uptime); err != nil {
		return Outcome{}, fmt.Errorf("set the time since boot: %w", err)
	}
	if err := coverProc(spec.Proc); err != nil {
		return Outcome{}, err
	}
	for _, p := range spec.Processes {
		if err := startProcess(p); err != nil {
			return Outcome{}, fmt.Errorf("start %s: %w", p.Name, err)
		}
	}
	if spec.Agents {
		if err := startAgents(spec.AgentFolder, spec.AgentEnvironment); err != nil {
			return Outcome{}, fmt.Errorf("start the SSM Agent's stand-ins: %w", err)
		}
	}
	return run(spec)
}

// enterRoot makes a tmpfs the root of this mount namespace and lays the files out on it. Nothing of it is on a disk, and
// nothing is written before the old root is out of reach.
func enterRoot(spec Spec) error {
	// The mount point only has to exist; the mount is private to this namespace.
	root := "/mnt"
	if _, err := os.Stat(root); err != nil {
		root = os.TempDir()
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"make mounts private", func() error { return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") }},
		// The size is a limit, not a reservation: room enough that no disk check complains.
		{"mount the root", func() error { return syscall.Mount("tmpfs", root, "tmpfs", 0, "size=8g,mode=0755") }},
		{"enter the root", func() error { return os.Chdir(root) }},
		{"change the root", func() error { return syscall.PivotRoot(".", ".") }},
		{"drop the old root", func() error { return syscall.Unmount(".", syscall.MNT_DETACH) }}, // it lies on top of the new one now
		{"enter the root", func() error { return os.Chdir("/") }},
		{"mount the disks", func() error { return mountDisks(spec.Disks) }},
		{"make folders", makeFolders},
		{"mount /proc", func() error {
			return syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "")
		}},
		{"mount /sys", func() error {
			return syscall.Mount("sysfs", "/sys", "sysfs", syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "")
		}},
		{"copy programs", func() error { return copyPrograms(spec) }},
		{"set the host name", func() error { return syscall.Sethostname([]byte(spec.Hostname)) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	for _, file := range spec.Files {
		if err := lay(file); err != nil {
			return fmt.Errorf("lay out %s: %w", file.Path, err)
		}
	}
	return closeDisks(spec.Disks)
}

func makeFolders() error {
	syscall.Umask(0)
	for _, dir := range []string{"/proc", "/sys", "/dev", "/tmp", "/run", "/root", "/etc", "/usr/bin", "/usr/lib", "/var/lib", "/var/log", "/var/tmp", "/boot", "/run/lab"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for name, minor := range map[string]int{"null": 3, "zero": 5, "urandom": 9} {
		if err := syscall.Mknod("/dev/"+name, syscall.S_IFCHR|0o666, 1<<8|minor); err != nil {
			return fmt.Errorf("make /dev/%s: %w", name, err)
		}
	}
	return os.Chmod("/tmp", 0o777|os.ModeSticky)
}

func lay(file File) error {
	path := filepath.Clean(file.Path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch {
	case file.Link != "":
		return os.Symlink(file.Link, path)
	case file.Folder:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return os.Chmod(path, os.FileMode(file.Mode))
	}
	if err := os.WriteFile(path, file.Content, os.FileMode(file.Mode)); err != nil {
		return err
	}
	if file.Modified.IsZero() {
		return nil
	}
	return os.Chtimes(path, file.Modified, file.Modified)
}

func startAgents(folder string, environment []string) error {
	started, child, err := os.Pipe()
	if err != nil {
		return err
	}
	defer started.Close()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	agent := exec.Command(filepath.Join(folder, "amazon-ssm-agent"))
	agent.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG=C.UTF-8"}, environment...)
	agent.Stdin, agent.Stdout, agent.Stderr = null, null, null
	agent.ExtraFiles = []*os.File{child}
	err = agent.Start()
	child.Close()
	if err != nil {
		return err
	}
	_, err = bufio.NewReader(started).ReadString('\n')
	return err
}

func run(spec Spec) (Outcome, error) {
	null, err := os.Open("/dev/null")
	if err != nil {
		return Outcome{}, err
	}
	defer null.Close()
	command := exec.Command(spec.Command[0], spec.Command[1:]...)
	command.Env = spec.Environment
	command.Stdin, command.Stdout, command.Stderr = null, os.Stdout, os.Stderr
	if spec.UID != 0 {
		id := uint32(spec.UID)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
		if spec.ReadAll {
			command.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_DAC_READ_SEARCH}
		}
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		return Outcome{}, fmt.Errorf("start %s: %w", spec.Command[0], err)
	}
	if n := spec.OpenFiles; n > 0 {
		if err := unix.Prlimit(command.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}, nil); err != nil {
			return Outcome{}, fmt.Errorf("limit open files: %w", err)
		}
	}
	limit := time.AfterFunc(spec.Limit, func() { _ = command.Process.Kill() })
	defer limit.Stop()
	err = command.Wait()
	outcome := Outcome{Wall: time.Since(began), Exit: command.ProcessState.ExitCode()}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return outcome, err
	}
	outcome.CPU = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		outcome.MaxRSS = usage.Maxrss
	}
	return outcome, nil
}
