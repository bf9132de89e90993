package agentlog

import (
	"bytes"
	"time"

	"agentctl/probes"
)

// kind is which log a line stands in.
type kind byte

const (
	kindMain kind = iota
	kindErrors
	kindHibernate
)

// maxRaw is what is kept of an entry for its line and captures.
const maxRaw = 4 << 10

// key names an event: the same failure of two parts of the agent ends at two times.
type key struct {
	id      string
	subject probes.LogSubject
}

// event is one in the making.
type event struct {
	key
	class       probes.LogClass
	level       level
	first, last int64
	seq         int64 // of the newest entry
	touched     int64 // the collector's seq when an entry was last counted
	rawAt       int64
	count       int
	inWindow    bool // first and count are of entries after the cut-off
	raw         []byte
	dirty       bool // raw is newer than line and captures
	line        string
	captures    map[string]string
	past        bool // as an earlier run left it
}

// mark is a moment: its time, and its place among the lines of the same second.
type mark struct{ at, seq int64 }

func (m mark) after(o mark) bool { return m.at > o.at || m.at == o.at && m.seq > o.seq }

// collector gathers what lines say. Times are nanoseconds since 1970; 0: never.
type collector struct {
	since  int64
	log    probes.AgentLog // what is not computed at the end
	events map[key]*event
	good   map[probes.LogSubject]mark
	seq    int64
	errors map[probes.LogClass]int64

	lastLine, started, launched, stopped int64
	starts, launches                     []int64
	credentials, connected, closed       mark
	health                               healthState
	channelSince                         int64
	sleep                                sleepState
	hibernate                            hibernateState
	socket                               socketState

	memo memo
	// undoing: how to take back the newest entry is kept, for a Follower.
	undoing bool
	undo    undo
}

func newCollector(since time.Time) *collector {
	return &collector{since: since.UnixNano(), events: map[key]*event{}, good: map[probes.LogSubject]mark{}, errors: map[probes.LogClass]int64{}, memo: newMemo()}
}

// healthState follows the health reports: the log tells of failures only.
type healthState struct {
	last, ok, failed int64
	every            time.Duration
	// settled is ok, or last where that has proved good at the time of a snapshot.
	settled int64
}

func (h *healthState) report(at int64) {
	if h.last != 0 && at > h.last {
		if h.failed < h.last {
			h.ok = h.last
		}
		if d := time.Duration(at - h.last); d >= time.Minute && d <= time.Hour {
			h.every = d
		}
	}
	h.last = max(h.last, at)
}

type sleepState struct {
	first, last int64
	tries       int
	duration    time.Duration
	reason      []byte // of the failure before it
	denied      bool
}

type hibernateState struct {
	entered, checked int64
	interval         time.Duration
	reason           []byte
}

// socketState finds connections that live for a short time only, again and again:
// something on the way lets a WebSocket open and then cuts it.
type socketState struct {
	short int // in a row
}

const (
	shortLife = 5 * time.Minute
	manyShort = 3
	cutOften  = "websocket-cut-often"
)

// add takes one entry.
func (c *collector) add(e *entry, k kind) {
	c.seq++
	if c.undoing {
		c.undo = undo{seq: c.seq}
	}
	if k == kindMain {
		c.lastLine = max(c.lastLine, e.at)
	}
	switch {
	case e.level >= levelWarn:
		c.failure(e, k)
	case e.level == levelInfo && len(e.msg) > 0:
		c.notice(e, k)
	}
}

// worker tells whether a line is of a document or session worker.
func worker(ctx []byte) bool {
	return bytes.Contains(ctx, []byte("document-worker")) || bytes.Contains(ctx, []byte("session-")) || bytes.Contains(ctx, []byte("pluginName="))
}

// failure takes a warning or an error.
func (c *collector) failure(e *entry, k kind) {
	out := signatures().outerOf(e.msg)
	inWorker := worker(e.ctx)
	if out != nil && inWorker && !out.inWorker {
		out = nil
	}
	if out != nil {
		c.follow(e, out)
	}
	if out != nil && out.quiet {
		return
	}
	s := c.causeOf(e, out, inWorker)
	if s == nil {
		if e.level >= levelError && e.at >= c.since {
			c.errors[probes.LogOther]++
			c.undo.class = probes.LogOther
		}
		return
	}
	subject := subjectOf(e, out, s)
	if subject == probes.SubjectHealth {
		c.health.failed = max(c.health.failed, e.at)
	}
	c.count(e, s, subject)
	if k == kindHibernate {
		c.hibernate.fail(e)
	}
}

// causeOf is the signature of an entry: a cause in its text, else what it begins
// with. A cause in a line of which the beginning is not known counts only where
// the line is an error.
func (c *collector) causeOf(e *entry, out *outer, inWorker bool) *Signature {
	if out != nil && out.plain {
		return &out.Signature
	}
	if out == nil && e.level < levelError {
		// Warnings of unknown kind: only what is about this machine's limits, or
		// about policies, is sure to matter.
		return c.memo.causeOf(e.msg, true)
	}
	if s := c.memo.causeOf(e.msg, inWorker && out == nil); s != nil {
		return s
	}
	if out != nil {
		return &out.Signature
	}
	return nil
}

// subjectOf is the part of the agent that an entry speaks of: by its beginning,
// else by its context.
func subjectOf(e *entry, out *outer, s *Signature) probes.LogSubject {
	if out != nil && out.subject != "" {
		return out.subject
	}
	ctx := e.ctx
	has := func(b []byte, t string) bool { return bytes.Contains(b, []byte(t)) }
	switch {
	case s.Class == probes.LogResource:
		return probes.SubjectProcess
	case worker(ctx):
		return probes.SubjectOther
	case has(ctx, "[HealthCheck]"):
		return probes.SubjectHealth
	case has(e.msg, "GetMessages") || has(ctx, "[MDSInteractor]") || has(ctx, "[MessagingDeliveryService]") && !has(ctx, "[Association]"):
		return probes.SubjectMessages
	case has(ctx, "[MGSInteractor]") || has(ctx, "[MessageGatewayService]"):
		return probes.SubjectControlChannel
	case has(ctx, "[CredentialRefresher]") || has(ctx, "EC2RoleProvider") || has(ctx, "SSMService"):
		return probes.SubjectCredentials
	case has(ctx, "[Registrar]") || has(ctx, "[AuthRegisterService]") || has(ctx, "[EC2Identity]"):
		return probes.SubjectRegistration
	}
	return probes.SubjectOther
}

// count records an entry with the event of its signature.
func (c *collector) count(e *entry, s *Signature, subject probes.LogSubject) {
	k := key{s.ID, subject}
	ev := c.events[k]
	if ev == nil {
		ev = &event{key: k}
		c.events[k] = ev
	}
	if c.undoing {
		c.undo.remember(ev)
	}
	ev.touched = c.seq
	in := e.at >= c.since
	if in {
		c.errors[s.Class]++
		c.undo.class = s.Class
	}
	if ev.count == 0 || in && !ev.inWindow {
		ev.first, ev.count = e.at, 0
	}
	ev.inWindow = ev.inWindow || in
	ev.class = s.Class
	ev.first = min(ev.first, e.at)
	ev.count++
	ev.past = false
	if e.at < ev.last {
		return
	}
	ev.last, ev.seq = e.at, c.seq
	// One failure is logged by each caller on the way up; the first line of such a
	// row is the nearest to the cause.
	if len(ev.raw) > 0 && e.at-ev.rawAt < int64(2*time.Second) {
		return
	}
	ev.rawAt, ev.level = e.at, e.level
	ev.raw = append(ev.raw[:0], e.raw[:min(len(e.raw), maxRaw)]...)
	ev.dirty = true
}

// undo takes back the count of an entry, when a Follower learns that the entry
// goes on.
type undo struct {
	seq   int64
	ev    *event
	was   event
	class probes.LogClass
}

func (u *undo) remember(ev *event) {
	u.ev, u.was = ev, *ev
	u.was.raw = bytes.Clone(ev.raw)
}

// stands tells whether nothing was counted for the event since.
func (u *undo) stands(c *collector) bool {
	return u.ev != nil && c.events[u.ev.key] == u.ev && u.ev.touched == u.seq
}

func (c *collector) retract(u *undo) {
	if u.ev != nil && !u.stands(c) {
		return
	}
	switch {
	case u.ev == nil:
	case u.was.count == 0:
		delete(c.events, u.ev.key)
	default:
		*u.ev = u.was
	}
	if u.class != "" && c.errors[u.class] > 0 {
		c.errors[u.class]--
	}
}

// noteMain records how reading a main log went.
func (c *collector) noteMain(first bool, g group) {
	c.noteOther(g)
	switch {
	case g.err == nil:
		c.log.Known, c.log.Why, c.log.Denied, c.log.Absent = true, "", false, false
	case first && !c.log.Known:
		p := problem(g.name, g.err)
		c.log.Why, c.log.Denied, c.log.Absent = p.Why, p.Denied, g.absent
	}
}

// noteOther records what was read of a log and its rolled files.
func (c *collector) noteOther(g group) {
	c.log.Paths = append(c.log.Paths, g.paths...)
	c.log.Problems = append(c.log.Problems, g.problems...)
	c.log.LinesRead += g.lines
	c.log.BytesRead += g.bytes
	c.log.Truncated = c.log.Truncated || g.truncated
}
