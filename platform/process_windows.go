package platform

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const maxProcesses = 65_536

// readProcesses fills the process table from a Toolhelp snapshot.
func readProcesses(f *Facts) {
	snap, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		f.note("process table", err)
		return
	}
	defer func() { _ = windows.CloseHandle(snap) }()
	shared := true // Windows has one network namespace outside containers
	e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snap, &e); err == nil; err = windows.Process32Next(snap, &e) {
		if len(f.Processes) == maxProcesses {
			f.note("process table", ErrTooLarge)
			return
		}
		p := Process{PID: int(e.ProcessID), PPID: int(e.ParentProcessID), UID: -1, Comm: windows.UTF16ToString(e.ExeFile[:]), NetShared: &shared}
		if DetailedProcess(p.Comm) {
			p.Exe, p.Start = imageOf(e.ProcessID)
		}
		f.Processes = append(f.Processes, p)
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		f.note("process table", err)
	}
}

// imageOf is a process's executable and its start, as far as they may be read.
func imageOf(pid uint32) (string, time.Time) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return "", time.Time{}
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var exe string
	buf := make([]uint16, windows.MAX_LONG_PATH)
	n := uint32(len(buf))
	if err := windows.QueryFullProcessImageName(h, 0, &buf[0], &n); err == nil {
		exe = windows.UTF16ToString(buf[:n])
	}
	var start, exit, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &start, &exit, &kernel, &user); err != nil {
		return exe, time.Time{}
	}
	return exe, time.Unix(0, start.Nanoseconds()).UTC()
}

// ErrNoProcessEnv says that this system does not show a process's environment.
var ErrNoProcessEnv = errors.New("a process's environment cannot be read on this system")

// ProcessEnv implements Host. Windows has no call for it; a service's own
// environment stands in the registry.
func (m *machine) ProcessEnv(pid int) (map[string]string, error) {
	return nil, fmt.Errorf("process %d: %w", pid, ErrNoProcessEnv)
}
