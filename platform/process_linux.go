package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxProcesses = 65_536
	maxCmdline   = 4 << 10
	maxEnviron   = 128 << 10 // ARG_MAX's floor; a service has a few kB
	maxNoted     = 16        // processes that Unreadable names
	// userHZ is the unit of the kernel's times towards user space: fixed at 100
	// on every architecture that EC2 has (time(7), USER_HZ).
	userHZ = 100
)

// readProcesses fills the process table from ROOT/proc. Of most processes only
// the stat file is read: three system calls each.
func (m *machine) readProcesses(f *Facts) {
	dir, err := m.tree.openDir("/proc")
	if err != nil {
		f.note("process table", err)
		return
	}
	defer dir.Close()
	fd := int(dir.Fd())

	var boot time.Time
	if data, err := m.ReadFile("/proc/stat", 1<<20); err == nil || errors.Is(err, ErrTooLarge) {
		if s, ok := parseBootTime(data); ok {
			boot = time.Unix(s, 0)
		}
	}
	ourNet, _ := os.Readlink("/proc/self/ns/net")
	buf := make([]byte, 4096)
	noted := 0
	for {
		entries, err := dir.ReadDir(1024)
		for _, e := range entries {
			// A directory only: below a root a link could lead out of it.
			pid, bad := strconv.Atoi(e.Name())
			if bad != nil || pid < 1 || !e.IsDir() {
				continue
			}
			if len(f.Processes) == maxProcesses {
				f.note("process table", ErrTooLarge)
				return
			}
			// A process that ends between listing and reading is no news.
			p, denied, ok := m.readProcess(fd, e.Name(), boot, ourNet, buf)
			if ok {
				f.Processes = append(f.Processes, p)
			}
			if denied && noted < maxNoted {
				noted++
				f.note("/proc/"+e.Name()+"/exe ("+p.Comm+")", fs.ErrPermission)
			}
		}
		if len(entries) == 0 || err != nil {
			break
		}
	}
	if len(f.Processes) == 0 {
		f.note("process table", fmt.Errorf("%w: /proc holds no process", fs.ErrNotExist))
	}
}

// readProcess reads one process. denied tells that a closer look was wanted and not
// allowed, ok that there is such a process.
func (m *machine) readProcess(proc int, pid string, boot time.Time, ourNet string, buf []byte) (p Process, denied, ok bool) {
	data, uid, err := readAt(proc, pid+"/stat", buf)
	if err != nil {
		return Process{}, false, false
	}
	s, err := parseStat(data)
	if err != nil {
		return Process{}, false, false
	}
	p = Process{PID: s.pid, PPID: s.ppid, UID: uid, Comm: s.comm, State: string(s.state)}
	if !boot.IsZero() && s.start < math.MaxInt64/uint64(time.Second) {
		p.Start = boot.Add(time.Duration(s.start) * (time.Second / userHZ)).UTC()
	}
	if !m.detailed(s.comm) {
		return p, false, true
	}
	exe, err := readlinkAt(proc, pid+"/exe", buf)
	// The kernel marks a file that was replaced since, as by an update.
	p.Exe = strings.TrimSuffix(exe, " (deleted)")
	denied = errors.Is(err, fs.ErrPermission)
	if data, _, err := readAt(proc, pid+"/cmdline", buf[:maxCmdline]); err == nil {
		p.Args = splitNUL(data)
	}
	if ns, err := readlinkAt(proc, pid+"/ns/net", buf); err == nil && ourNet != "" {
		shared := ns == ourNet
		p.NetShared = &shared
	}
	return p, denied, true
}

// readAt reads the beginning of a file below a directory, as much as buf holds,
// and the file's owner: /proc gives each process's files to its effective user.
func readAt(dir int, name string, buf []byte) (data []byte, uid int, err error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, 0, ErrNotRegular
	}
	n := 0
	for n < len(buf) {
		got, err := unix.Read(fd, buf[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if got == 0 {
			break
		}
		n += got
	}
	return buf[:n], int(st.Uid), nil
}

func readlinkAt(dir int, name string, buf []byte) (string, error) {
	n, err := unix.Readlinkat(dir, name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// ProcessEnv implements Host. Reading another user's environment takes the right
// to trace it (ptrace(2), PTRACE_MODE_READ_FSCREDS): fs.ErrPermission otherwise.
// Of a name that is set twice the first counts, as getenv(3) has it.
func (m *machine) ProcessEnv(pid int) (map[string]string, error) {
	name := filepath.Join("/proc", strconv.Itoa(pid), "environ")
	data, err := m.ReadFile(name, maxEnviron)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return nil, err
	}
	env := map[string]string{}
	for _, kv := range splitNUL(data) {
		k, v, ok := strings.Cut(kv, "=")
		if _, have := env[k]; ok && k != "" && !have {
			env[k] = v
		}
	}
	return env, nil
}
