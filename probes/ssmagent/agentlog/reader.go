package agentlog

import (
	"errors"
	"io"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// reader reads logs into a collector.
type reader struct {
	host  platform.Host
	o     Options
	c     *collector
	buf   []byte
	until int64 // entries from here on are left out; 0: none
	// whole: a last line without an end is left for another time.
	whole bool
	tails func(name string) *tail // of a Follower
}

// group is how reading one log with its rolled files went.
type group struct {
	name      string
	err       error // of the live file
	absent    bool
	paths     []string
	problems  []probes.LogProblem
	first     int64 // the oldest entry that was read
	lines     int64
	bytes     int64
	truncated bool
	left      *position
}

// plan is a file and where reading it begins.
type plan struct {
	*source
	from int64
}

// read reads a log from since on, rolled files included.
func (r *reader) read(name string, since time.Time, k kind) group {
	g := group{name: name}
	list, failed := sources(r.host, name, r.buf)
	defer closeAll(list)
	for n, err := range failed {
		if n == name {
			g.err, g.absent = err, absent(err)
		}
		if !absent(err) {
			g.problems = append(g.problems, problem(n, err))
		}
	}
	if g.absent && len(list) > 0 {
		g.err = nil // caught between the rename and the new file
	}
	plans, truncated := r.plan(list, since, k)
	g.truncated = truncated
	s := stream{r: r, k: k, g: &g, clock: clock{zone: r.o.Zone}}
	if r.tails != nil {
		s.tail = r.tails(name)
	}
	for i, p := range plans {
		if err := s.read(p.source, p.from, i == len(plans)-1); err != nil {
			g.problems = append(g.problems, problem(p.name, err))
			if p.name == name {
				g.err = err
			}
		}
		g.paths = append(g.paths, p.name)
	}
	if n := len(list); n > 0 && list[n-1].name == name {
		g.left = leave(list[n-1], r.buf)
		g.left.Prev = s.clock.prev
	}
	return g
}

// plan decides what to read of each file: newest first until the cut-off, the
// usual tail, or the limit.
func (r *reader) plan(list []*source, since time.Time, k kind) (plans []plan, truncated bool) {
	budget, tail := r.o.MaxBytes, r.o.MinTail
	from := ""
	switch {
	case k == kindHibernate:
		budget, tail = 3*maxSmall, 3*maxSmall
	case !since.IsZero():
		from = searchFrom(since, r.o.Zone)
	}
	if k == kindErrors {
		tail = min(tail, 256<<10)
	}
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		at := int64(0)
		older := s.head != "" && s.head < from
		if older {
			at = s.seek(from, r.buf)
		}
		at = min(at, max(0, s.size-tail))
		if s.size-at > budget {
			at, truncated = s.size-budget, true
		}
		plans = append([]plan{{s, at}}, plans...)
		budget -= s.size - at
		tail = max(0, tail-(s.size-at))
		if budget <= 0 {
			truncated = truncated || i > 0 && !older
			break
		}
		if older && tail == 0 || k == kindErrors && older {
			break
		}
	}
	return plans, truncated
}

// stream reads files one after the other as one text: an entry can end in the file
// after the one where it began.
type stream struct {
	r     *reader
	k     kind
	g     *group
	clock clock
	split splitter
	kept  int // bytes at the head of the buffer that are not used up
	// tail, where set, keeps the newest entry for a Follower; join: the first
	// lines may belong to it.
	tail *tail
	join bool
}

// read reads a file from an offset to its end, as long as it was when it was
// opened, so that a fast writer cannot hold us.
func (s *stream) read(f *source, from int64, last bool) error {
	if from > 0 && s.kept == 0 {
		// The beginning is within a line; what it belongs to is not known.
		s.split.skip = s.split.skip || !s.atLine(f, from)
	}
	if s.kept > 0 && s.r.buf[s.kept-1] != '\n' && f.head != "" && s.atStamp(f, from) {
		s.r.buf[s.kept] = '\n' // the file before was cut short
		s.kept++
	}
	at := from
	for at < f.size {
		if s.kept >= len(s.r.buf) {
			s.kept = 0 // cannot be: an entry is far shorter than the buffer
		}
		n, err := f.file.ReadAt(s.r.buf[s.kept:min(int64(len(s.r.buf)), int64(s.kept)+f.size-at)], at)
		at += int64(n)
		s.g.bytes += int64(n)
		data := s.r.buf[:s.kept+n]
		rest := s.split.feed(data, false, s.entry)
		s.kept = copy(s.r.buf, rest)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			break // it was cut short meanwhile
		}
	}
	if last {
		data := s.r.buf[:s.kept]
		if s.r.whole && f.size > 0 {
			data = data[:lastLine(data)]
		}
		s.split.feed(data, true, s.entry)
		s.kept = 0
	}
	s.g.lines += s.split.lines
	s.split.lines = 0
	return nil
}

// atLine tells whether a line begins at an offset.
func (s *stream) atLine(f *source, at int64) bool {
	var b [1]byte
	_, err := f.file.ReadAt(b[:], at-1)
	return err == nil && b[0] == '\n'
}

// atStamp tells whether a stamped line begins at an offset.
func (s *stream) atStamp(f *source, at int64) bool {
	var b [stampLen + 1]byte
	_, err := f.file.ReadAt(b[:], at)
	return err == nil && stamped(b[:])
}

// entry takes one entry.
func (s *stream) entry(b []byte) {
	prev := s.clock.prev
	e, ok := parse(b, &s.clock)
	if t := s.tail; t != nil {
		join := s.join
		s.join = false
		switch {
		case ok:
			t.raw, t.prev = append(t.raw[:0], b...), prev
		case join && len(t.raw)+len(b) <= maxEntry:
			s.r.c.retract(&t.undo)
			t.raw = append(t.raw, b...)
			s.clock.prev = t.prev
			e, ok = parse(t.raw, &s.clock)
		}
		s.r.c.undoing = true
		defer func() { t.undo = s.r.c.undo }()
	}
	if !ok {
		return
	}
	if s.g.first == 0 || e.at < s.g.first {
		s.g.first = e.at
	}
	if s.r.until != 0 && e.at >= s.r.until {
		return
	}
	s.r.c.add(&e, s.k)
}
