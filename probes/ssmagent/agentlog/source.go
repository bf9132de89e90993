package agentlog

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentctl/platform"
)

const (
	maxListed  = 4096      // entries of the log directory
	maxRolled  = 64        // rolled files of one log
	maxSmall   = 128 << 10 // hibernate.log: 30 kB and two rolled ones
	maxNoOpen  = 4 << 20   // where the host cannot open files in places
	searchRead = 4 << 10   // to find the next stamp
)

// source is one file of a log.
type source struct {
	name string
	file platform.File
	size int64
	info fs.FileInfo
	roll int    // the number after its name; 0: the live file
	head string // its first stamp; "" none in its first part
}

// open opens a file of the log.
func open(host platform.Host, name string) (*source, error) {
	if o, ok := host.(platform.Opener); ok {
		f, err := o.Open(name)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		return &source{name: name, file: f, size: info.Size(), info: info}, nil
	}
	info, err := host.Stat(name)
	if err != nil {
		return nil, err
	}
	data, err := host.ReadTail(name, maxNoOpen)
	if err != nil {
		return nil, err
	}
	return &source{name: name, file: inMemory{bytes.NewReader(data), info}, size: int64(len(data)), info: info}, nil
}

// inMemory is a file's tail.
type inMemory struct {
	*bytes.Reader
	info fs.FileInfo
}

func (m inMemory) Close() error               { return nil }
func (m inMemory) Stat() (fs.FileInfo, error) { return m.info, nil }

// rolledNames lists the rolled files of a log: its name, a dot, a number. The
// numbers grow with time (seelog, writers_rollingfilewriter.go), unlike those of
// logrotate, so that only the contents tell the order.
func rolledNames(host platform.Host, name string) []string {
	slash := strings.LastIndexAny(name, `/\`)
	dir, base := name[:slash+1], name[slash+1:]
	listed := dir
	if len(dir) > 1 {
		listed = dir[:len(dir)-1]
	}
	entries, err := host.ReadDir(listed, maxListed)
	if err != nil && !errors.Is(err, platform.ErrTooLarge) {
		// A directory may be entered without being listed.
		var guess []string
		for i := 1; i <= 9; i++ {
			n := name + "." + strconv.Itoa(i)
			if _, err := host.Stat(n); err == nil {
				guess = append(guess, n)
			}
		}
		return guess
	}
	var out []string
	for _, e := range entries {
		if n := rollOf(base, e.Name()); n > 0 {
			out = append(out, dir+e.Name())
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(rollOf(name, b), rollOf(name, a)) })
	return out[:min(len(out), maxRolled)]
}

// rollOf is the number of a rolled file; 0: it is none.
func rollOf(base, name string) int {
	rest, ok := strings.CutPrefix(name, base+".")
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n < 1 || strconv.Itoa(n) != rest {
		return 0
	}
	return n
}

// firstStamp reads a file's first stamp.
func (s *source) firstStamp(buf []byte) {
	_, s.head = s.stampAfter(0, s.size, buf)
}

// stampAfter is the place and the text of the first stamp at or after an offset,
// where a line begins; "" none within the buffer.
func (s *source) stampAfter(at, end int64, buf []byte) (int64, string) {
	n, err := s.file.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return end, ""
	}
	b := buf[:n]
	off := 0
	if at == 0 {
		for off < len(b) && b[off] == 0 {
			off++
		}
		if bytes.HasPrefix(b[off:], []byte("\ufeff")) {
			off += 3
		}
		if stamped(b[off:]) {
			return int64(off), string(b[off : off+stampLen])
		}
	}
	for {
		i := bytes.IndexByte(b[off:], '\n')
		if i < 0 {
			return end, ""
		}
		off += i + 1
		at0 := off
		for at0 < len(b) && b[at0] == 0 {
			at0++
		}
		if stamped(b[at0:]) {
			return at + int64(at0), string(b[at0 : at0+stampLen])
		}
	}
}

// seek is an offset before which only lines stamped before from lie, by halving:
// the stamps of a log grow, but for small disorder. It is the beginning of a line,
// or 0.
func (s *source) seek(from string, buf []byte) int64 {
	lo, hi := int64(0), s.size
	for hi-lo > searchRead {
		mid := lo + (hi-lo)/2
		at, stamp := s.stampAfter(mid, s.size, buf[:searchRead])
		if stamp == "" { // a long entry: look further before giving up on this half
			at, stamp = s.stampAfter(mid, s.size, buf)
		}
		if stamp != "" && stamp < from {
			lo = max(at, lo+1)
		} else {
			hi = mid
		}
	}
	return lo
}

// sources opens the files of a log, oldest first, the live one last. Those that
// cannot be opened are told.
func sources(host platform.Host, name string, buf []byte) (list []*source, failed map[string]error) {
	failed = map[string]error{}
	live, err := open(host, name)
	if err != nil {
		failed[name] = err
	} else {
		live.firstStamp(buf[:searchRead])
	}
	for _, n := range rolledNames(host, name) {
		s, err := open(host, n)
		if err != nil {
			failed[n] = err
			continue
		}
		s.roll = rollOf(name, n)
		s.firstStamp(buf[:searchRead])
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b *source) int {
		if a.head != "" && b.head != "" && a.head != b.head {
			return strings.Compare(a.head, b.head)
		}
		if d := a.info.ModTime().Compare(b.info.ModTime()); d != 0 {
			return d
		}
		return cmp.Compare(a.roll, b.roll)
	})
	if live != nil {
		list = append(list, live)
	}
	return list, failed
}

func closeAll(list []*source) {
	for _, s := range list {
		s.file.Close()
	}
}

// absent tells whether an error says that there is no such file.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// modified is a file's time, rounded as JSON keeps it.
func modified(info fs.FileInfo) time.Time { return info.ModTime().UTC().Round(0) }
