package agentlog

import (
	"maps"
	"slices"
	"strings"
	"time"

	"agentctl/probes"
)

// listEvents are the events that still count, oldest first.
func (c *collector) listEvents(l *probes.AgentLog, now time.Time) []probes.LogEvent {
	var out []probes.LogEvent
	for _, ev := range c.events {
		past := c.over(ev)
		if ev.last < c.since && (past || !c.lasting(ev, l)) {
			continue
		}
		ev.render()
		s := signatures().byID[ev.id]
		if s == nil {
			continue // of a newer version's state
		}
		severity := s.Severity
		if (ev.id == "websocket-cut" || ev.id == "websocket-idle") && !past && c.lost(l, now) {
			severity = "warning" // it is not opened again: no ordinary end
		}
		out = append(out, probes.LogEvent{
			ID: ev.id, Class: ev.class, Subject: ev.subject, Level: ev.level.String(),
			First: instant(ev.first), Last: instant(ev.last), Count: ev.count, Line: ev.line, Captures: maps.Clone(ev.captures),
			Past: past, Severity: severity, Meaning: s.Meaning, Cause: s.Cause, Remedy: s.Remedy,
		})
	}
	slices.SortFunc(out, func(a, b probes.LogEvent) int {
		if d := a.Last.Compare(b.Last); d != 0 {
			return d
		}
		return strings.Compare(a.ID+string(a.Subject), b.ID+string(b.Subject))
	})
	return out
}

// lost tells whether the control channel has been closed for longer than opening
// it again takes (agent/session/config: some 5 to 20 seconds at first).
func (c *collector) lost(l *probes.AgentLog, now time.Time) bool {
	return !l.Closed.IsZero() && max(c.lastLine, now.UnixNano())-c.closed.at > int64(2*time.Minute)
}

// over tells whether something later says that an event's trouble has passed.
func (c *collector) over(ev *event) bool {
	if ev.past {
		return true
	}
	at := mark{ev.last, ev.seq}
	if ev.id == cutOften {
		open := c.connected.after(c.closed)
		return c.socket.short < manyShort || open && c.lastLine-c.connected.at > int64(shortLife)
	}
	good := c.good[ev.subject]
	switch ev.subject {
	case probes.SubjectHealth:
		if c.health.settled > ev.last {
			return true
		}
	case probes.SubjectProcess:
		// After a crash a start comes at once; that it lasts is the proof.
		return good.after(at) && c.lastLine-good.at > int64(10*time.Minute)
	case probes.SubjectOther:
		// The way to ssm was broken for some call, and another has gone through.
		if onTheWay(ev.class) && (c.good[probes.SubjectCredentials].at > ev.last || c.health.settled > ev.last) && ev.ofSSM() {
			return true
		}
	}
	return good.after(at)
}

func onTheWay(class probes.LogClass) bool {
	switch class {
	case probes.LogDNS, probes.LogTCP, probes.LogTLS, probes.LogHTTP, probes.LogTransport, probes.LogProxy, probes.LogClock, probes.LogCredentials, probes.LogThrottle:
		return true
	}
	return false
}

// ofSSM tells whether an event is about the ssm API, as far as it says.
func (ev *event) ofSSM() bool {
	ev.render()
	s := ev.captures["service"]
	return s == "" || s == "ssm"
}

// lasting tells whether an event from before the cut-off explains what is still so.
func (c *collector) lasting(ev *event, l *probes.AgentLog) bool {
	// A log that ended before the cut-off: its last hour counts.
	if c.lastLine < c.since && ev.last > c.lastLine-int64(time.Hour) {
		return true
	}
	switch ev.subject {
	case probes.SubjectCredentials, probes.SubjectIdentity, probes.SubjectRegistration:
		return l.Sleep != nil || !l.Stopped.IsZero()
	case probes.SubjectHealth:
		return l.Hibernate != nil
	case probes.SubjectControlChannel:
		return l.Channel == "ec2messages" || !l.Closed.IsZero()
	}
	return false
}
