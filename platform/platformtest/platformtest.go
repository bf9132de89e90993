// Package platformtest has a Host made of values, for the tests of other
// packages: facts, a file tree in memory, environments and a fixed clock.
package platformtest

import (
	"bytes"
	"crypto/x509"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"agentctl/platform"
)

// File is a file or, with a directory's mode, a directory of a Host. Directories
// above a file need not be named.
type File struct {
	Data []byte
	// Mode: permission bits, and fs.ModeDir and the like for what is not a
	// regular file. The zero value is 0o644.
	Mode fs.FileMode
	// ModTime: the zero value is the host's clock.
	ModTime time.Time
	// Err, where set, is what every access ends in.
	Err error
}

// Host is a platform.Host of values. A path may be written with slashes or, for
// Windows, backslashes. Where FactsValue.Privileged is false, what others may not
// read (mode bits 0o004, and 0o001 of the directories above) is denied, as to a
// user who owns none of it. The zero value is an empty host.
type Host struct {
	FactsValue platform.Facts
	Files      map[string]File
	Env        map[int]map[string]string
	Clock      time.Time
	// Store is what TrustStore returns when StoreErr is nil; a nil pool becomes
	// an empty one.
	Store    platform.TrustStore
	StoreErr error

	mu    sync.Mutex
	reads []string
}

var (
	_ platform.Host   = (*Host)(nil)
	_ platform.Opener = (*Host)(nil)
)

// New returns a privileged host with the files given by name and content.
func New(files map[string]string) *Host {
	h := &Host{Files: map[string]File{}, Clock: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	h.FactsValue.Privileged = true
	h.FactsValue.OS.Family = "linux"
	for name, data := range files {
		h.Files[name] = File{Data: []byte(data)}
	}
	return h
}

// Reads lists the files that were opened so far, in order.
func (h *Host) Reads() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.reads...)
}

// Facts implements platform.Host.
func (h *Host) Facts() platform.Facts { return h.FactsValue }

// Now implements platform.Host.
func (h *Host) Now() time.Time { return h.Clock }

// ReadFile implements platform.Host.
func (h *Host) ReadFile(name string, limit int64) ([]byte, error) {
	data, err := h.read(name)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return bytes.Clone(data[:limit]), &fs.PathError{Op: "read", Path: name, Err: platform.ErrTooLarge}
	}
	return bytes.Clone(data), nil
}

// Open implements platform.Opener.
func (h *Host) Open(name string) (platform.File, error) {
	data, err := h.read(name)
	if err != nil {
		return nil, err
	}
	st, err := h.Stat(name)
	if err != nil {
		return nil, err
	}
	return opened{bytes.NewReader(data), st}, nil
}

// opened is a file that Open returned.
type opened struct {
	*bytes.Reader
	info fs.FileInfo
}

func (o opened) Close() error               { return nil }
func (o opened) Stat() (fs.FileInfo, error) { return o.info, nil }

// ReadTail implements platform.Host.
func (h *Host) ReadTail(name string, limit int64) ([]byte, error) {
	data, err := h.read(name)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(data[max(0, len(data)-int(limit)):]), nil
}

func (h *Host) read(name string) ([]byte, error) {
	h.mu.Lock()
	h.reads = append(h.reads, name)
	h.mu.Unlock()
	info, err := h.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: platform.ErrNotRegular}
	}
	if err == nil && !h.FactsValue.Privileged && info.Mode()&0o004 == 0 {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	if err != nil {
		return nil, err
	}
	f, _ := h.lookup(clean(name))
	return f.Data, nil
}

// Stat implements platform.Host.
func (h *Host) Stat(name string) (fs.FileInfo, error) {
	at := clean(name)
	if !h.FactsValue.Privileged {
		for dir := path.Dir(at); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if f, ok := h.lookup(dir); ok && f.Mode&0o001 == 0 {
				return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrPermission}
			}
		}
	}
	f, ok := h.lookup(at)
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	if f.Err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: f.Err}
	}
	return info{name: path.Base(at), file: f}, nil
}

// ReadDir implements platform.Host.
func (h *Host) ReadDir(name string, limit int) ([]fs.DirEntry, error) {
	st, err := h.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !st.IsDir():
		return nil, &fs.PathError{Op: "list", Path: name, Err: platform.ErrNotRegular}
	case !h.FactsValue.Privileged && st.Mode()&0o004 == 0:
		return nil, &fs.PathError{Op: "list", Path: name, Err: fs.ErrPermission}
	}
	prefix := strings.TrimSuffix(clean(name), "/") + "/"
	children := map[string]bool{}
	for file := range h.Files {
		if rest, ok := strings.CutPrefix(clean(file), prefix); ok && rest != "" {
			child, _, _ := strings.Cut(rest, "/")
			children[child] = true
		}
	}
	var entries []fs.DirEntry
	for child := range children {
		f, _ := h.lookup(prefix + child)
		entries = append(entries, fs.FileInfoToDirEntry(info{name: child, file: f}))
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	if len(entries) > limit {
		return entries[:limit], &fs.PathError{Op: "list", Path: name, Err: platform.ErrTooLarge}
	}
	return entries, nil
}

// TrustStore implements platform.Host.
func (h *Host) TrustStore(files ...string) (platform.TrustStore, error) {
	s := h.Store
	if s.Pool == nil {
		s.Pool = x509.NewCertPool()
	}
	return s, h.StoreErr
}

// ProcessEnv implements platform.Host: only a privileged host shows it.
func (h *Host) ProcessEnv(pid int) (map[string]string, error) {
	env, ok := h.Env[pid]
	switch {
	case !ok:
		return nil, &fs.PathError{Op: "read", Path: "environ", Err: fs.ErrNotExist}
	case !h.FactsValue.Privileged:
		return nil, &fs.PathError{Op: "read", Path: "environ", Err: fs.ErrPermission}
	}
	return env, nil
}

// lookup finds a file, or a directory that only its files imply.
func (h *Host) lookup(at string) (File, bool) {
	if f, ok := h.Files[at]; ok {
		return h.complete(f), true
	}
	below := strings.TrimSuffix(at, "/") + "/"
	implied := false
	for name, f := range h.Files {
		name = clean(name)
		if name == at {
			return h.complete(f), true
		}
		implied = implied || strings.HasPrefix(name, below)
	}
	return File{Mode: fs.ModeDir | 0o755, ModTime: h.Clock}, implied
}

// complete fills in what a File leaves to its zero value.
func (h *Host) complete(f File) File {
	if f.Mode.Perm() == 0 {
		f.Mode |= 0o644
		if f.Mode.IsDir() {
			f.Mode |= 0o755
		}
	}
	if f.ModTime.IsZero() {
		f.ModTime = h.Clock
	}
	return f
}

// clean makes a path comparable: slashes only, and Windows's without regard to
// case.
func clean(name string) string {
	if strings.Contains(name, `\`) || len(name) > 1 && name[1] == ':' {
		name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	}
	return path.Clean(name)
}

// info is a File's fs.FileInfo.
type info struct {
	name string
	file File
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return int64(len(i.file.Data)) }
func (i info) Mode() fs.FileMode  { return i.file.Mode }
func (i info) ModTime() time.Time { return i.file.ModTime }
func (i info) IsDir() bool        { return i.file.Mode.IsDir() }
func (i info) Sys() any           { return nil }
