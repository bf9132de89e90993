package platform

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// readFacts fills f with everything that is cheap to read.
func (m *machine) readFacts(f *Facts) {
	m.readOS(f)
	f.Privileged = privileged()
	m.readResolver(f)
	m.readHosts(f)
	readNetwork(f)
	m.readProcesses(f)
}

func (m *machine) readOS(f *Facts) {
	for i, name := range osReleaseFiles {
		data, err := m.ReadFile(name, maxConfigBytes)
		if err == nil || errors.Is(err, ErrTooLarge) {
			f.OS = parseOSRelease(data)
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || i == len(osReleaseFiles)-1 {
			f.note(name, err)
		}
	}
	f.OS.Family = "linux"
	if f.OS.ID == "" {
		f.OS.ID = "linux" // the default of os-release(5)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		f.note("uname", err)
		return
	}
	f.OS.Arch = unix.ByteSliceToString(u.Machine[:])
	f.OS.Kernel = unix.ByteSliceToString(u.Release[:])
}

func (m *machine) readHosts(f *Facts) {
	data, err := m.ReadFile(hostsFile, maxHostsBytes)
	tooLarge := errors.Is(err, ErrTooLarge)
	if err != nil && !tooLarge {
		if !errors.Is(err, fs.ErrNotExist) {
			f.note(hostsFile, err)
		}
		return
	}
	if tooLarge {
		// What is left of the last line could read as another address.
		data = data[:bytes.LastIndexByte(data, '\n')+1]
	}
	lines, cut := parseHosts(data)
	f.Hosts = lines
	if tooLarge || cut {
		f.note(hostsFile, ErrTooLarge)
	}
}

// capReadSearch is CAP_DAC_READ_SEARCH's bit (capabilities(7)).
const capReadSearch = 2

// privileged tells whether this process may read files of any user.
func privileged() bool {
	if os.Geteuid() == 0 {
		return true
	}
	// Our own status, so from the real /proc and not below the root.
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	return capabilities(data)&(1<<capReadSearch) != 0
}

// capabilities is the effective set of a /proc/PID/status; 0 where it has none.
func capabilities(status []byte) uint64 {
	for line := range bytes.Lines(status) {
		if hex, ok := strings.CutPrefix(string(line), "CapEff:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			if err != nil {
				return 0
			}
			return set
		}
	}
	return 0
}

// osReleaseFiles in the order of os-release(5).
var osReleaseFiles = [...]string{"/etc/os-release", "/usr/lib/os-release"}
