package agentlog

import (
	"errors"
	"strings"
	"time"

	"agentctl/probes"
)

// stateVersion changes when an older state can no longer be used.
const stateVersion = 1

// errOtherState says that a state is of another version, or of other logs.
var errOtherState = errors.New("it is of another version or of other logs")

// state is what a Follower keeps.
type state struct {
	Version int                  `json:"version"`
	Paths   Paths                `json:"paths"`
	Files   map[string]*position `json:"files"`
	Tails   map[string]savedTail `json:"tails,omitempty"`
	Known   saved                `json:"known"`
}

// savedTail is an entry that may go on, masked, and what its event was before it.
type savedTail struct {
	Text  string            `json:"text"`
	Prev  int64             `json:"prev,omitempty"`
	Event string            `json:"event,omitempty"`
	Of    probes.LogSubject `json:"of,omitempty"`
	Was   *savedEvent       `json:"was,omitempty"` // nil: it is the event's first entry
}

func (t *tail) save(c *collector) (savedTail, bool) {
	if len(t.raw) == 0 || len(t.raw) > maxRaw {
		return savedTail{}, false
	}
	s := savedTail{Text: tidy(t.raw), Prev: t.prev}
	if t.raw[len(t.raw)-1] == '\n' {
		s.Text += "\n"
	}
	if u := &t.undo; u.stands(c) {
		s.Event, s.Of = u.ev.id, u.ev.subject
		if u.was.count > 0 {
			was := u.was.save(u.was.past)
			s.Was = &was
		}
	}
	return s, true
}

// load makes the tail again. The collector's places mark that nothing was counted
// for its event since.
func (s savedTail) load(c *collector) *tail {
	t := &tail{raw: []byte(cut(s.Text, maxRaw)), prev: s.Prev}
	if ev := c.events[key{s.Event, s.Of}]; ev != nil {
		c.seq++
		ev.touched = c.seq
		t.undo = undo{seq: c.seq, ev: ev}
		if s.Was != nil && s.Was.Count > 0 && s.Was.ID == s.Event && s.Was.Subject == s.Of {
			t.undo.was = s.Was.load()
		}
	}
	return t
}

// saved is a collector as JSON. Lines are masked before they get here.
type saved struct {
	Since       int64                       `json:"since"`
	Log         probes.AgentLog             `json:"log"`
	LastLine    int64                       `json:"last_line"`
	Started     int64                       `json:"started"`
	Launched    int64                       `json:"launched"`
	Stopped     int64                       `json:"stopped"`
	Credentials int64                       `json:"credentials"`
	Connected   int64                       `json:"connected"`
	Closed      int64                       `json:"closed"`
	Channel     int64                       `json:"channel_since"`
	Health      [3]int64                    `json:"health"` // last, ok, failed
	HealthEvery time.Duration               `json:"health_every"`
	Short       int                         `json:"short"`
	Sleep       savedSleep                  `json:"sleep"`
	Hibernate   savedHibernate              `json:"hibernate"`
	Starts      []int64                     `json:"starts,omitempty"`
	Launches    []int64                     `json:"launches,omitempty"`
	Good        map[probes.LogSubject]int64 `json:"good"`
	Events      []savedEvent                `json:"events"`
}

type savedSleep struct {
	First    int64         `json:"first"`
	Last     int64         `json:"last"`
	Tries    int           `json:"tries"`
	Duration time.Duration `json:"duration"`
	Reason   string        `json:"reason"`
	Denied   bool          `json:"denied"`
}

type savedHibernate struct {
	Entered  int64         `json:"entered"`
	Checked  int64         `json:"checked"`
	Interval time.Duration `json:"interval"`
	Reason   string        `json:"reason"`
}

type savedEvent struct {
	ID       string            `json:"id"`
	Subject  probes.LogSubject `json:"subject"`
	Class    probes.LogClass   `json:"class"`
	Level    level             `json:"level"`
	First    int64             `json:"first"`
	Last     int64             `json:"last"`
	Count    int               `json:"count"`
	InWindow bool              `json:"in_window"`
	Line     string            `json:"line"`
	Captures map[string]string `json:"captures,omitempty"`
	Past     bool              `json:"past"`
}

func (c *collector) save() saved {
	log := c.log
	log.Events, log.ErrorsByClass = nil, nil
	s := saved{
		Since: c.since, Log: log, LastLine: c.lastLine, Started: c.started, Launched: c.launched, Stopped: c.stopped,
		Credentials: c.credentials.at, Connected: c.connected.at, Closed: c.closed.at, Channel: c.channelSince,
		Health: [3]int64{c.health.last, c.health.ok, c.health.failed}, HealthEvery: c.health.every, Short: c.socket.short,
		Sleep:     savedSleep{c.sleep.first, c.sleep.last, c.sleep.tries, c.sleep.duration, cut(tidy(c.sleep.reason), maxLine), c.sleep.denied},
		Hibernate: savedHibernate{c.hibernate.entered, c.hibernate.checked, c.hibernate.interval, cut(tidy(c.hibernate.reason), maxLine)},
		Starts:    c.starts, Launches: c.launches,
		Good: map[probes.LogSubject]int64{},
	}
	if c.closed.at == c.connected.at && c.connected.after(c.closed) {
		s.Closed-- // the order within one moment would be lost
	}
	for k, m := range c.good {
		s.Good[k] = m.at
	}
	for _, ev := range c.events {
		s.Events = append(s.Events, ev.save(c.over(ev)))
	}
	return s
}

func (ev *event) save(past bool) savedEvent {
	ev.render()
	return savedEvent{ev.id, ev.subject, ev.class, ev.level, ev.first, ev.last, ev.count, ev.inWindow, ev.line, ev.captures, past}
}

func (e savedEvent) load() event {
	return event{
		key: key{e.ID, e.Subject}, class: signatures().byID[e.ID].Class, level: e.Level, first: e.First, last: e.Last,
		count: e.Count, inWindow: e.InWindow, line: cut(mask(clean(e.Line)), maxLine), captures: e.Captures, past: e.Past,
	}
}

// maxSavedEvents bounds a state that others may have written.
const maxSavedEvents = 1024

// load makes a collector again. Counters of errors begin at 0, as those of a
// program that starts do.
func (s saved) load() *collector {
	c := newCollector(time.Unix(0, s.Since))
	c.log = s.Log
	c.log.Events, c.log.ErrorsByClass, c.log.Sleep, c.log.Hibernate = nil, nil, nil, nil
	c.lastLine, c.started, c.launched, c.stopped = s.LastLine, s.Started, s.Launched, s.Stopped
	c.credentials, c.connected, c.closed = mark{at: s.Credentials}, mark{at: s.Connected}, mark{at: s.Closed}
	c.channelSince = s.Channel
	c.health = healthState{last: s.Health[0], ok: s.Health[1], failed: s.Health[2], every: s.HealthEvery}
	c.socket.short = max(0, s.Short)
	c.sleep = sleepState{s.Sleep.First, s.Sleep.Last, max(0, s.Sleep.Tries), max(0, s.Sleep.Duration), []byte(s.Sleep.Reason), s.Sleep.Denied}
	c.hibernate = hibernateState{s.Hibernate.Entered, s.Hibernate.Checked, max(0, s.Hibernate.Interval), []byte(s.Hibernate.Reason)}
	c.starts = s.Starts[max(0, len(s.Starts)-maxStarts):]
	c.launches = s.Launches[max(0, len(s.Launches)-maxStarts):]
	for k, at := range s.Good {
		c.good[k] = mark{at: at}
	}
	for _, e := range s.Events[:min(len(s.Events), maxSavedEvents)] {
		if _, ok := signatures().byID[e.ID]; !ok || e.Count < 1 || e.Level > levelCritical {
			continue
		}
		ev := e.load()
		c.events[ev.key] = &ev
	}
	return c
}

// valid tells whether a position can be one: a state is a file on disk.
func (p *position) valid() bool {
	return p.Offset >= 0 && p.HeadLen >= 0 && p.HeadLen <= maxHead && !strings.ContainsAny(p.ID, "\n")
}
