// Package hostcheck reads what of a machine decides whether its package manager
// can work: disk space, Python, tools, memory, locks, release, pending reboot. It
// executes nothing, writes nothing and judges nothing.
package hostcheck

import (
	"errors"
	"io/fs"
	"path"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// In is what a read needs beside the host.
type In struct {
	// Manager is the package manager: dnf, yum, apt, zypper; "" finds out as the
	// patch script does.
	Manager string
	// Root is the directory that the host's files are read below (--path.rootfs),
	// for file system sizes, which no file tells. Where it is not the host's root
	// after all, sizes are unknown rather than another machine's.
	Root string
	// Statfs replaces the system's call, for tests; nil: the system's.
	Statfs func(path string) (Usage, error)
}

// Usage is how full a file system is, in bytes and inodes.
type Usage struct {
	Total, Free, Available uint64
	Inodes, FreeInodes     uint64
}

const (
	maxText    = 64 << 10  // of small files
	maxTable   = 1 << 20   // of tables of the kernel
	maxLog     = 128 << 10 // of the end of a log
	maxEntries = 2000      // of a directory
	maxUnknown = 32
	maxShown   = 300 // bytes of a text that somebody else wrote
)

// reader is one read of a host.
type reader struct {
	host    platform.Host
	facts   platform.Facts
	in      In
	now     time.Time
	mounts  []mount // by mount point; nil: unknown
	source  string  // of mounts
	unknown []probes.HostUnknown
}

// Read looks at the host. It never fails: what cannot be read is unknown.
func Read(host platform.Host, facts platform.Facts, in In) probes.HostState {
	r := &reader{host: host, facts: facts, in: in, now: host.Now()}
	s := probes.HostState{}
	if facts.OS.Family != "windows" {
		if r.in.Manager == "" {
			r.in.Manager = r.manager()
		}
		s.Manager = r.in.Manager
		r.readMounts()
		s.Disks, s.DisksKnown = r.disks()
		s.Python = r.python()
		s.Tools = r.tools()
		s.Memory = r.memory()
		s.Locks = r.locks()
		s.Reboot = r.reboot()
		s.Release = r.release()
	} else {
		s.Disks, s.DisksKnown = r.systemDrive()
		s.Python.Best = -1
	}
	s.OS = r.support()
	s.Unknown = r.unknown
	return s
}

// managers are the programs that the patch script looks for, in its order
// (AWS-RunPatchBaseline, step PatchLinux).
var managers = []struct{ program, manager string }{
	{"apt-get", "apt"}, {"dnf", "dnf"}, {"dnf5", "dnf"}, {"yum", "yum"}, {"zypper", "zypper"},
}

func (r *reader) manager() string {
	for _, m := range managers {
		if p, _ := r.lookup(m.program); p != "" {
			return m.manager
		}
	}
	return ""
}

// searchPath is where a systemd service finds programs (systemd.exec(5), PATH), with
// what snapd adds to it.
var searchPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", snapBin}

const snapBin = "/snap/bin"

// lookup finds a program; "" and false where a directory may not be looked into
// and it could be there.
func (r *reader) lookup(name string) (string, bool) {
	sure := true
	for _, dir := range searchPath {
		p := path.Join(dir, name)
		info, err := r.host.Stat(p)
		switch {
		case err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0:
			return p, true
		case err != nil && !absent(err):
			sure = false
		}
	}
	return "", sure
}

// absent tells whether an error says that there is no such file.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) }

// note records what could not be read.
func (r *reader) note(what string, err error) {
	if len(r.unknown) == maxUnknown {
		return
	}
	r.unknown = append(r.unknown, probes.HostUnknown{What: what, Why: plain(err), Denied: errors.Is(err, fs.ErrPermission)})
}

// plain is the innermost text of an error.
func plain(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return show(err.Error())
}

// text reads a small file that may be absent: then it is nil and true. False: it is
// there and cannot be read, which is noted.
func (r *reader) text(name string, limit int64) ([]byte, bool) {
	data, err := r.host.ReadFile(name, limit)
	switch {
	case err == nil || errors.Is(err, platform.ErrTooLarge):
		return data, true
	case absent(err):
		return nil, true
	}
	r.note(name, err)
	return nil, false
}

// exists tells whether a name exists; unknown counts as absent, and is noted.
func (r *reader) exists(name string) bool {
	_, err := r.host.Stat(name)
	if err != nil && !absent(err) {
		r.note(name, err)
	}
	return err == nil
}
