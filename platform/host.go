package platform

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// ErrTooLarge says that a file or directory is longer than the caller's limit.
// What fits into the limit is returned with it.
var ErrTooLarge = errors.New("larger than the read limit")

// ErrNotRegular says that a name is a pipe, device, socket or directory where a
// regular file was expected. Nothing of it was read.
var ErrNotRegular = errors.New("not a regular file")

// Option changes how New reads a host.
type Option func(*machine)

// WithClock replaces the wall clock.
func WithClock(now func() time.Time) Option {
	return func(m *machine) { m.now = now }
}

// WithProcessDetail replaces the predicate that picks the processes, by the
// kernel's name for them (at most 15 bytes), of which executable, arguments and
// network namespace are read too. The default is DetailedProcess.
func WithProcessDetail(want func(comm string) bool) Option {
	return func(m *machine) { m.detailed = want }
}

// detailPrefixes begin the names of the processes that probes look at closely.
var detailPrefixes = [...]string{"amazon-ssm", "ssm-", "snap", "agentctl"}

// DetailedProcess is the default predicate of WithProcessDetail: the SSM Agent's
// programs, those of snapd and agentctl itself.
func DetailedProcess(comm string) bool {
	for _, p := range detailPrefixes {
		if strings.HasPrefix(comm, p) {
			return true
		}
	}
	return false
}

// machine is the Host that New returns.
type machine struct {
	tree     tree
	rootfs   bool // files are read below a directory, not from the real root
	now      func() time.Time
	detailed func(comm string) bool

	storeMu sync.Mutex
	stores  map[string]cachedStore
}

// New returns the host whose files lie below root: "" and "/" are the real root,
// anything else is a directory such as /host in a container (--path.rootfs).
// Interfaces and routes are always those of the process's own network namespace.
// New itself reads nothing, so it cannot fail; an unusable root shows as
// Unreadable entries of Facts.
func New(root string, opts ...Option) Host {
	t := newTree(root)
	m := &machine{
		tree:     t,
		rootfs:   t.base != "",
		now:      time.Now,
		detailed: DetailedProcess,
		stores:   map[string]cachedStore{},
	}
	for _, o := range opts {
		o(m)
	}
	return m
}

// Now implements Host.
func (m *machine) Now() time.Time { return m.now() }

// ReadFile implements Host.
func (m *machine) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := m.tree.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := readUpTo(f, limit)
	if err != nil {
		return b, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// readUpTo reads at most limit bytes and tells by ErrTooLarge that there is more.
// It does not trust the size that stat reports: files of /proc report none.
func readUpTo(r io.Reader, limit int64) ([]byte, error) {
	limit = max(limit, 0)
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(b)) > limit {
		return b[:limit], ErrTooLarge
	}
	return b, err
}

// File is a file that is read in places.
type File interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// Opener is a Host that can open a regular file, for what is too long to read
// whole, such as a program of 40 MB. New's hosts are Openers.
type Opener interface {
	Open(name string) (File, error)
}

// Open implements Opener.
func (m *machine) Open(name string) (File, error) {
	f, err := m.tree.open(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// ReadTail implements Host.
func (m *machine) ReadTail(name string, limit int64) ([]byte, error) {
	f, err := m.tree.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	limit = max(limit, 0)
	if at := info.Size() - limit; at > 0 {
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	// A log that grows meanwhile is cut at the limit: no error.
	b, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return b, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// ReadDir implements Host. Entries come in the directory's own order when it
// holds more than limit of them; ErrTooLarge then comes with the first ones.
func (m *machine) ReadDir(name string, limit int) ([]fs.DirEntry, error) {
	f, err := m.tree.openDir(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	limit = max(limit, 0)
	entries, err := f.ReadDir(limit + 1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if len(entries) > limit {
		entries, err = entries[:limit], ErrTooLarge
	}
	if err != nil {
		return entries, fmt.Errorf("list %s: %w", name, err)
	}
	return entries, nil
}

// Stat implements Host.
func (m *machine) Stat(name string) (fs.FileInfo, error) { return m.tree.stat(name) }

// Facts implements Host. It reads afresh with each call.
func (m *machine) Facts() Facts {
	var f Facts
	m.readFacts(&f)
	return f
}

// note records that something could not be read.
func (f *Facts) note(what string, err error) {
	f.Unreadable = append(f.Unreadable, Unreadable{What: what, Why: plainError(err), Denied: errors.Is(err, fs.ErrPermission)})
}

// plainError is the innermost text of an error: the name is already in What.
func plainError(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	var se *os.SyscallError
	if errors.As(err, &se) {
		return se.Err.Error()
	}
	return err.Error()
}
