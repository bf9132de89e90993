package agentlog

import (
	"maps"
	"slices"
	"time"

	"agentctl/probes"
)

// instant is a time of the collector; 0 stays the zero time.
func instant(t int64) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, t).UTC()
}

// snapshot is what is known at a time.
func (c *collector) snapshot(now time.Time) probes.AgentLog {
	l := c.log
	l.Paths, l.Problems = slices.Clone(l.Paths), slices.Clone(l.Problems)
	l.From = instant(c.since)
	l.LastLine, l.Started, l.LastHealth = instant(c.lastLine), instant(c.started), instant(c.health.last)
	l.HealthEvery = c.health.every
	c.settleHealth(now)
	l.HealthOK = instant(c.health.settled)
	l.Starts = max(since(c.starts, c.since), since(c.launches, c.since))
	if c.stopped > max(c.started, c.launched) && c.stopped >= c.health.last {
		l.Stopped = instant(c.stopped)
	}
	l.CredentialsAt, l.ConnectedAt = instant(c.credentials.at), instant(c.connected.at)
	if c.closed.after(c.connected) {
		l.Closed = instant(c.closed.at)
	}
	l.ChannelSince = instant(c.channelSince)
	l.Sleep, l.Hibernate = c.sleeping(now), c.hibernating()
	l.ErrorsByClass = maps.Clone(c.errors)
	maps.DeleteFunc(l.ErrorsByClass, func(_ probes.LogClass, n int64) bool { return n == 0 })
	l.Events = c.listEvents(&l, now)
	return l
}

// since counts the times from t on.
func since(times []int64, t int64) int {
	n := 0
	for _, at := range times {
		if at >= t {
			n++
		}
	}
	return n
}

// settleHealth decides on the newest report: it went well if no error came within
// half a minute, the time in which the agent's client tries again.
func (c *collector) settleHealth(now time.Time) {
	h := &c.health
	h.settled = h.ok
	if h.last != 0 && h.failed < h.last && max(c.lastLine, now.UnixNano()) >= h.last+int64(30*time.Second) {
		h.settled = h.last
	}
}

// hibernating is the passive mode of the worker, if it lasts. A health report, a
// connection or a new start ends it. That the core's credentials are accepted does
// not: the worker learns of it with its next ping.
func (c *collector) hibernating() *probes.LogHibernate {
	h := &c.hibernate
	if h.entered == 0 || h.entered < c.started || c.health.last > h.entered || c.connected.at > h.entered {
		return nil
	}
	return &probes.LogHibernate{
		Since: instant(h.entered), Checked: instant(max(h.checked, h.entered)),
		Interval: h.interval, Reason: cut(tidy(h.reason), maxLine),
	}
}
