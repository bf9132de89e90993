//go:build linux

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// CheckPath is the small program by which the lab proves a fault inside the instance.
const CheckPath = "/run/lab/" + checkName

const checkName = "check"

// check looks at one thing of the instance and says in a few words what it saw:
//
//	space PATH      below-100MB, below-150MB, below-1GB or plenty
//	exec FOLDER     runs or not-permitted: a script of ours there
//	file PATH       present, absent or denied
//	has PATH TEXT   present or absent: the text in the file; a * in the path stands for any part of a name
//	lock PATH       held or free: fcntl, flock, or a process id that lives
//	age NAME        over-30m, under-30m or absent: how long a process of this name has been running
//	program NAME    present or absent in the search path
//	memory          below-400MB or enough
//	mount PATH      own or shared: whether it is a file system of its own
func check(args []string) string {
	if len(args) == 0 {
		return "what?"
	}
	words := append(args[1:], "", "")
	if found, err := filepath.Glob(words[0]); err == nil && len(found) > 0 {
		words[0] = found[0]
	}
	switch args[0] {
	case "space":
		return space(words[0])
	case "exec":
		return executes(words[0])
	case "file":
		return present(words[0])
	case "has":
		data, err := os.ReadFile(words[0])
		if err != nil {
			return present(words[0])
		}
		return yesNo(bytes.Contains(data, []byte(strings.Join(args[2:], " "))), "present", "absent")
	case "lock":
		return locked(words[0])
	case "program":
		_, err := exec.LookPath(words[0])
		return yesNo(err == nil, "present", "absent")
	case "memory":
		return memory()
	case "age":
		return runningFor(words[0])
	case "mount":
		var here, above unix.Stat_t
		err := errors.Join(unix.Stat(words[0], &here), unix.Stat(filepath.Dir(words[0]), &above))
		return yesNo(err == nil && here.Dev != above.Dev, "own", "shared")
	}
	return "what?"
}

func yesNo(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func space(path string) string {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return present(path)
	}
	free := int64(s.Bfree) * s.Bsize
	for _, limit := range []struct {
		below int64
		word  string
	}{{100 << 20, "below-100MB"}, {150 << 20, "below-150MB"}, {1 << 30, "below-1GB"}} {
		if free < limit.below {
			return limit.word
		}
	}
	return "plenty"
}

func executes(folder string) string {
	script := filepath.Join(folder, "lab-check.sh")
	content, err := os.ReadFile(standInPath)
	if err == nil {
		err = os.WriteFile(script, content, 0o755)
	}
	if err != nil {
		return "error " + err.Error()
	}
	defer os.Remove(script)
	err = exec.Command(script, "cat", "/dev/null").Run()
	switch {
	case err == nil:
		return "runs"
	case errors.Is(err, syscall.EACCES):
		return "not-permitted"
	}
	return "error " + err.Error()
}

func present(path string) string {
	file, err := os.Open(path)
	switch {
	case err == nil:
		file.Close()
		return "present"
	case errors.Is(err, fs.ErrNotExist):
		return "absent"
	case errors.Is(err, fs.ErrPermission):
		return "denied"
	}
	return "error " + err.Error()
}

func locked(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return present(path)
	}
	defer file.Close()
	query := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &query); err == nil && query.Type != unix.F_UNLCK {
		return "held"
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return "held"
	}
	data, _ := os.ReadFile(path)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	return yesNo(err == nil && syscall.Kill(pid, 0) == nil, "held", "free")
}

func memory() string {
	data, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(data)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kb); n == 1 {
			return yesNo(kb < 400<<10, "below-400MB", "enough")
		}
	}
	return "unknown"
}

// runningFor reads a process's start, in ticks of 10 ms since boot, and the time since boot.
func runningFor(name string) string {
	uptime, _ := os.ReadFile("/proc/uptime")
	var now float64
	_, _ = fmt.Sscan(string(uptime), &now)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		data, _ := os.ReadFile(file)
		head, tail, found := strings.Cut(string(data), ") ")
		fields := strings.Fields(tail)
		if !found || len(fields) < 20 || !strings.HasSuffix(head, "("+name[:min(len(name), 15)]) {
			continue
		}
		start, err := strconv.ParseFloat(fields[19], 64)
		return yesNo(err == nil && now-start/100 > 30*60, "over-30m", "under-30m")
	}
	return "absent"
}
