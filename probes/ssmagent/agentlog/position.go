package agentlog

import (
	"errors"
	"hash/fnv"
	"io"
	"io/fs"
	"strconv"
	"time"
)

// maxHead is how much of a file's beginning names it. The stamps with their
// decimals make it unique; inode numbers are used again, and Windows gives a new
// file the time of the one that had its name (file system tunnelling).
const maxHead = 256

// position is where reading a file stopped.
type position struct {
	// ID is the file's identity where the system tells one, "" elsewhere.
	ID     string `json:"id,omitempty"`
	Offset int64  `json:"offset"`
	// Size and Modified are the file's when it was last looked at.
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	// Head is a hash of the first HeadLen bytes.
	HeadLen int    `json:"head_len"`
	Head    string `json:"head,omitempty"`
	// Skip: the rest of an entry that was too long is being passed over.
	Skip bool `json:"skip,omitempty"`
	// Prev is the time of the last line, in nanoseconds since 1970: it decides in
	// the hour that comes twice.
	Prev int64 `json:"prev,omitempty"`
}

// leave is the position at the end of the last whole line of a file.
func leave(s *source, buf []byte) *position {
	p := &position{Size: s.size, Modified: modified(s.info), ID: idOf(s.info)}
	p.Offset = s.size
	from := max(0, s.size-int64(len(buf)))
	if n, err := s.file.ReadAt(buf[:min(int64(len(buf)), s.size-from)], from); err == nil || errors.Is(err, io.EOF) {
		p.Offset = from + int64(lastLine(buf[:n]))
		if s.size-p.Offset > maxEntry {
			p.Offset, p.Skip = s.size, true // within a line that is too long
		}
	}
	p.HeadLen = int(min(maxHead, p.Offset))
	p.Head = s.hash(p.HeadLen)
	return p
}

// lastLine is the end of the last whole line.
func lastLine(b []byte) int {
	for i := len(b); i > 0; i-- {
		if b[i-1] == '\n' {
			return i
		}
	}
	return 0
}

// hash names the first n bytes of a file; "" where they cannot be read.
func (s *source) hash(n int) string {
	if n <= 0 || int64(n) > s.size {
		return ""
	}
	b := make([]byte, n)
	if _, err := s.file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	h := fnv.New64a()
	_, _ = h.Write(b) // a hash's Write never fails
	return strconv.FormatUint(h.Sum64(), 16)
}

// same tells whether a file is the one that a position is in, and still has what
// was read of it.
func (p *position) same(s *source) bool {
	if s.size < p.Offset {
		return false
	}
	if p.HeadLen == 0 {
		return p.ID == "" || p.ID == idOf(s.info)
	}
	return p.Head != "" && s.hash(p.HeadLen) == p.Head
}

// unchanged tells by a look at the file whether there is anything new.
func (p *position) unchanged(info fs.FileInfo) bool {
	return p.Size == info.Size() && p.Modified.Equal(info.ModTime()) && p.ID == idOf(info)
}
