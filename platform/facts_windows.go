package platform

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/windows"
)

// readFacts fills f with what is cheap to read on Windows: version, processes,
// hosts file, interfaces and nameservers. Rights and routes come by other calls.
func (m *machine) readFacts(f *Facts) {
	f.OS = windowsVersion()
	f.Privileged = windows.GetCurrentProcessToken().IsElevated()
	f.Resolver = Resolver{Ndots: 1, Timeout: defaultTimeout, Attempts: defaultAttempts, Source: "registry"}
	m.readHosts(f)
	readNetwork(f)
	readProcesses(f)
}

func windowsVersion() OS {
	v := windows.RtlGetVersion()
	return OS{
		Family: "windows", ID: "windows",
		Version: fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber),
		Arch:    map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH],
		Kernel:  fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber),
	}
}

func (m *machine) readHosts(f *Facts) {
	root := os.Getenv("SystemRoot")
	if root == "" {
		root = `C:\Windows`
	}
	name := filepath.Join(root, `System32\drivers\etc\hosts`)
	data, err := m.ReadFile(name, maxHostsBytes)
	tooLarge := errors.Is(err, ErrTooLarge)
	if err != nil && !tooLarge {
		if !errors.Is(err, fs.ErrNotExist) {
			f.note(name, err)
		}
		return
	}
	if tooLarge {
		data = data[:bytes.LastIndexByte(data, '\n')+1]
	}
	lines, cut := parseHosts(data)
	f.Hosts = lines
	if tooLarge || cut {
		f.note(name, ErrTooLarge)
	}
}

// machineStore is the machine's own store, which Go asks through the system's
// chain building: the pool holds no certificates to count.
func (m *machine) machineStore() (TrustStore, error) {
	return systemStore()
}
