package agentlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// Follower reads what is new in the logs, from where it or an earlier run of the
// daemon stopped. It is not safe for concurrent use.
type Follower struct {
	paths Paths
	o     Options
	c     *collector
	files map[string]*position
	// tail is the newest entry of each log: lines may still be added to it.
	tail map[string]*tail
	// last is the result of the newest poll, valid until the given time.
	last  probes.AgentLog
	valid time.Time
	ready bool
}

// tail is an entry that may go on.
type tail struct {
	raw  []byte
	prev int64 // of the clock before it
	undo undo
}

// NewFollower follows the logs. Its first Poll reads the last hours.
func NewFollower(l Paths, o Options) *Follower {
	return &Follower{paths: l, o: o, files: map[string]*position{}, tail: map[string]*tail{}}
}

// followBuffer is smaller than that of a whole read: most often a line is new.
const followBuffer = 2 * maxEntry

// Poll reads what is new and returns what is known now, which the caller must not
// change. Where size and time of the files are what they were, nothing is opened.
func (f *Follower) Poll(host platform.Host) probes.AgentLog {
	now := host.Now()
	o := f.o.complete(host)
	f.o = o // the time zone is read once
	if f.c == nil {
		f.c = newCollector(now.Add(-o.Window))
		f.files = readAll(host, f.paths, now.Add(-o.Window), o, f.c, f.tailOf)
		return f.result(now, o)
	}
	changed := !f.ready
	for _, name := range mainLogs(f.paths) {
		changed = f.follow(host, name, kindMain, o) || changed
	}
	if f.paths.Hibernate != "" {
		changed = f.follow(host, f.paths.Hibernate, kindHibernate, o) || changed
	}
	if f.paths.Errors != "" && !f.c.log.Known {
		changed = f.follow(host, f.paths.Errors, kindErrors, o) || changed
	}
	if !changed && now.Before(f.valid) && !now.Before(f.valid.Add(-time.Hour)) {
		return f.last
	}
	return f.result(now, o)
}

// result makes the result of a poll: old events leave it, and with them the
// paths and counts of the first read stay as they are.
func (f *Follower) result(now time.Time, o Options) probes.AgentLog {
	f.c.forget(now.Add(-o.Window).UnixNano())
	f.last, f.ready = f.c.snapshot(now), true
	// Without a new line, only time changes the result: an event leaves the
	// window, a wait ends, a health report proves good.
	f.valid = now.Add(5 * time.Minute)
	for _, t := range f.c.changes(o.Window) {
		if t.After(now) && t.Before(f.valid) {
			f.valid = t
		}
	}
	return f.last
}

// forget moves the cut-off, and drops events that neither it nor a lasting state
// keeps. Counts of an event go on from its first entry within memory.
func (c *collector) forget(since int64) {
	if since <= c.since {
		return
	}
	c.since = since
	for k, ev := range c.events {
		if ev.last < since && c.over(ev) {
			delete(c.events, k)
		}
	}
}

// changes are the times at which a snapshot would differ without a new line.
func (c *collector) changes(window time.Duration) []time.Time {
	var out []time.Time
	for _, ev := range c.events {
		out = append(out, instant(ev.last).Add(window))
	}
	if c.sleep.last != 0 {
		out = append(out, instant(c.sleep.last).Add(c.sleep.duration))
	}
	return append(out, instant(c.health.last).Add(30*time.Second))
}

// follow reads what is new in one log, and tells whether anything was.
func (f *Follower) follow(host platform.Host, name string, k kind, o Options) bool {
	p := f.files[name]
	info, err := host.Stat(name)
	switch {
	case err == nil && p != nil && p.unchanged(info):
		return false
	case err != nil && absent(err):
		return false // between a rename and the new file, or not there yet
	case err != nil:
		f.fail(name, err)
		return true
	}
	r := reader{host: host, o: o, c: f.c, buf: make([]byte, followBuffer), whole: true, tails: f.tailOf}
	live, err := open(host, name)
	if err != nil {
		f.fail(name, err)
		return true
	}
	defer live.file.Close()
	f.well(name)
	switch {
	case p == nil: // it was not there, or denied
		g := r.read(name, instant(f.c.since), k)
		f.c.noteOther(g)
		if g.left != nil {
			f.files[name] = g.left
		}
	case p.same(live):
		f.files[name] = r.resume(live, p, k, f.tailOf(name), true)
	default:
		f.files[name] = f.catchUp(&r, name, p, k)
	}
	return true
}

// catchUp goes on after a rotation: the rest of the file that the position is in,
// then the rolled ones after it, then the live one.
func (f *Follower) catchUp(r *reader, name string, p *position, k kind) *position {
	list, _ := sources(r.host, name, r.buf)
	defer closeAll(list)
	if len(list) == 0 {
		return p // gone again
	}
	t := f.tailOf(name)
	prev := p.Prev
	at := len(list) - 1
	for at >= 0 && !p.same(list[at]) {
		at--
	}
	if at < 0 {
		// Overwritten (copy and truncate without a copy), or rolled away: what is
		// there counts as far as it is newer than what was read.
		at, t.raw = newer(list, prev, r.o.Zone), nil
		p = &position{Prev: prev}
	}
	budget := r.o.MaxBytes
	for i := at; i < len(list); i++ {
		budget -= list[i].size
	}
	for ; at < len(list)-1 && budget < 0; at++ {
		budget += list[at].size
		p, t.raw = &position{Prev: prev}, nil
		r.c.log.Truncated = true
	}
	for ; at < len(list); at++ {
		last := at == len(list)-1
		p = r.resume(list[at], p, k, t, last)
		if !last {
			p = &position{Prev: p.Prev}
		}
	}
	return p
}

// newer is the first of the files that were begun after a time.
func newer(list []*source, prev int64, zone *time.Location) int {
	at := len(list) - 1
	if prev == 0 {
		return at
	}
	from := wall(time.Unix(0, prev), zone)
	for at > 0 && list[at].head > from && list[at-1].head > from {
		at--
	}
	return at
}

func (f *Follower) tailOf(name string) *tail {
	t := f.tail[name]
	if t == nil {
		t = &tail{}
		f.tail[name] = t
	}
	return t
}

// resume reads a file from a position on, and returns the new one. In the live
// file, a line without an end waits for another time.
func (r *reader) resume(s *source, p *position, k kind, t *tail, live bool) *position {
	g := group{name: s.name}
	st := stream{r: r, k: k, g: &g, clock: clock{zone: r.o.Zone, prev: p.Prev}}
	st.split.skip = p.Skip
	r.whole = live
	st.tail, st.join = t, len(t.raw) > 0 && !p.Skip
	from := p.Offset
	if over := s.size - from - r.o.MaxBytes; over > 0 {
		from += over
		r.c.log.Truncated, st.split.skip, st.join = true, true, false
	}
	if err := st.read(s, from, true); err != nil {
		r.c.log.Problems = addProblem(r.c.log.Problems, problem(s.name, err))
	}
	r.c.log.LinesRead += g.lines
	r.c.log.BytesRead += g.bytes
	left := leave(s, r.buf)
	left.Prev = st.clock.prev
	return left
}

// fail records that a log cannot be read now, well that it can.
func (f *Follower) fail(name string, err error) {
	p := problem(name, err)
	f.c.log.Problems = addProblem(f.c.log.Problems, p)
	if name == f.paths.Main {
		f.c.log.Known, f.c.log.Why, f.c.log.Denied = false, p.Why, p.Denied
	}
}

func (f *Follower) well(name string) {
	l := &f.c.log
	for i, p := range l.Problems {
		if p.Path == name {
			l.Problems = append(l.Problems[:i:i], l.Problems[i+1:]...)
			break
		}
	}
	if name == f.paths.Main || name == f.paths.Worker {
		l.Known, l.Why, l.Denied, l.Absent = true, "", false, false
	}
}

func addProblem(list []probes.LogProblem, p probes.LogProblem) []probes.LogProblem {
	for i := range list {
		if list[i].Path == p.Path {
			list[i] = p
			return list
		}
	}
	return append(list, p)
}

// State is the follower's state as JSON, for the next run.
func (f *Follower) State() ([]byte, error) {
	if f.c == nil {
		return nil, nil
	}
	tails := map[string]savedTail{}
	for name, t := range f.tail {
		if saved, ok := t.save(f.c); ok {
			tails[name] = saved
		}
	}
	b, err := json.Marshal(state{Version: stateVersion, Paths: f.paths, Files: f.files, Tails: tails, Known: f.c.save()})
	if err != nil {
		return nil, fmt.Errorf("write the state of the log reader: %w", err)
	}
	return b, nil
}

// Restore goes on from an earlier run's state. A state that does not fit is an
// error, and the follower then begins anew.
func (f *Follower) Restore(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var s state
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&s); err != nil {
		return fmt.Errorf("read the state of the log reader: %w", err)
	}
	if s.Version != stateVersion || s.Paths != f.paths {
		return fmt.Errorf("read the state of the log reader: %w", errOtherState)
	}
	f.c, f.files, f.tail, f.ready = s.Known.load(), map[string]*position{}, map[string]*tail{}, false
	for _, name := range []string{f.paths.Main, f.paths.Worker, f.paths.Errors, f.paths.Hibernate} {
		if p := s.Files[name]; p != nil && p.valid() {
			f.files[name] = p
		}
		if t, ok := s.Tails[name]; ok {
			f.tail[name] = t.load(f.c)
		}
	}
	return nil
}
