package agentlog

import (
	"maps"
	"net"
	"slices"
	"strings"
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
	l.HealthOK = instant(c.health.ok)
	l.Starts = max(c.starts, c.launches)
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
	l.Events = c.listEvents(&l)
	return l
}

// settleHealth decides on the newest report: it went well if no error came within
// half a minute, the time in which the agent's client tries again.
func (c *collector) settleHealth(now time.Time) {
	h := &c.health
	if h.last != 0 && h.failed < h.last && max(c.lastLine, now.UnixNano()) >= h.last+int64(30*time.Second) {
		h.ok = h.last
	}
}

// sleeping is the wait of the credential refresher, if it still waits.
func (c *collector) sleeping(now time.Time) *probes.LogSleep {
	s := &c.sleep
	if s.last == 0 || s.last < c.started || s.last < c.launched || s.last < c.stopped && c.stopped > c.launched {
		return nil
	}
	out := probes.LogSleep{
		First: instant(s.first), Tries: s.tries, Since: instant(s.last), Duration: s.duration,
		Until: instant(s.last).Add(s.duration), Longest: longest(s), Reason: cut(tidy(s.reason), maxLine),
	}
	if !now.Before(out.Until) {
		if out.Until, out.Estimated = estimate(s, out.Until, now); !out.Estimated {
			out.Until = instant(s.last).Add(s.duration)
		}
	}
	return &out
}

// The waits of core/app/credentialrefresher, credentialrefresher_deps.go: five
// minutes first, ten for the next three tries, then twice as long after each three,
// up to an hour; 25 to 30 minutes each after AccessDenied. Each is up to a tenth
// shorter than that.
const (
	longWait     = time.Hour
	deniedWait   = 30 * time.Minute
	loggedOnEC2  = 3 // further tries are logged at level DEBUG
	shortestEC2  = 4 * time.Minute
	waitStepSize = 3
)

// onEC2 tells by the length of the waits: hybrid nodes begin with a second.
func onEC2(s *sleepState) bool { return s.duration >= shortestEC2 && s.tries <= loggedOnEC2 }

func longest(s *sleepState) time.Duration {
	if s.denied {
		return deniedWait
	}
	return longWait
}

// estimate is the latest time at which the present wait can end, once the logged
// one is over. The agent logs three tries, so that silence after the third means
// that it goes on. Before the third it is a try that takes long.
func estimate(s *sleepState, until, now time.Time) (time.Time, bool) {
	if !onEC2(s) || s.tries < loggedOnEC2 {
		return until, false
	}
	const bound = 24 * 365
	for try := s.tries; try < s.tries+bound && !until.After(now); try++ {
		until = until.Add(waitOf(try, s.denied))
		if waitOf(try, s.denied) == longWait && now.Sub(until) > longWait {
			until = until.Add(now.Sub(until).Truncate(longWait))
		}
	}
	if !until.After(now) {
		until = now.Add(longest(s))
	}
	return until, true
}

// waitOf is the longest wait after a try, counted from 0.
func waitOf(try int, denied bool) time.Duration {
	switch {
	case denied:
		return deniedWait
	case try == 0:
		return 5 * time.Minute
	case try > 4*waitStepSize:
		return longWait
	}
	return min(longWait, 10*time.Minute<<((try-1)/waitStepSize))
}

// hibernating is the passive mode of the worker, if it lasts. A health report, a
// connection or a new start ends it.
func (c *collector) hibernating() *probes.LogHibernate {
	h := &c.hibernate
	if h.entered == 0 || h.entered < c.started || c.health.last > h.entered || c.connected.at > h.entered || c.credentials.at > h.checked && c.credentials.at-h.entered > int64(24*time.Hour) {
		return nil
	}
	return &probes.LogHibernate{
		Since: instant(h.entered), Checked: instant(max(h.checked, h.entered)),
		Interval: h.interval, Reason: cut(tidy(h.reason), maxLine),
	}
}

// listEvents are the events that still count, oldest first.
func (c *collector) listEvents(l *probes.AgentLog) []probes.LogEvent {
	var out []probes.LogEvent
	for _, ev := range c.events {
		past := c.over(ev)
		if ev.last < c.since && (past || !c.lasting(ev, l)) {
			continue
		}
		ev.render()
		s := signatures.byID[ev.id]
		if s == nil {
			continue // of a newer version's state
		}
		out = append(out, probes.LogEvent{
			ID: ev.id, Class: ev.class, Subject: ev.subject, Level: ev.level.String(),
			First: instant(ev.first), Last: instant(ev.last), Count: ev.count, Line: ev.line, Captures: maps.Clone(ev.captures),
			Past: past, Severity: s.Severity, Meaning: s.Meaning, Cause: s.Cause, Remedy: s.Remedy,
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
		if c.health.ok > ev.last {
			return true
		}
	case probes.SubjectProcess:
		// After a crash a start comes at once; that it lasts is the proof.
		return good.after(at) && c.lastLine-good.at > int64(10*time.Minute)
	case probes.SubjectOther:
		// The way to ssm was broken for some call, and another has gone through.
		if onTheWay(ev.class) && (c.good[probes.SubjectCredentials].at > ev.last || c.health.ok > ev.last) && ev.ofSSM() {
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

// render makes the line and the captures of the newest entry.
func (ev *event) render() {
	if !ev.dirty {
		return
	}
	ev.dirty = false
	text := tidy(ev.raw)
	ev.line = cut(text, maxLine)
	ev.captures = captures(signatures.byID[ev.id], text)
	if len(ev.captures) == 0 {
		ev.captures = nil
	}
}

// captures are the named parts of a text.
func captures(s *Signature, text string) map[string]string {
	out := map[string]string{}
	if s == nil {
		return out
	}
	maps.Copy(out, s.set)
	if s.re != nil {
		if m := s.re.FindStringSubmatch(text); m != nil {
			for i, name := range s.re.SubexpNames() {
				if name != "" && m[i] != "" {
					out[name] = cut(m[i], 200)
				}
			}
		}
	}
	if host := out["host"]; host != "" {
		out["host"] = strings.ToLower(strings.TrimSuffix(host, "."))
	} else if host := hostIn(text); host != "" {
		out["host"] = host
	}
	if out["service"] == "" {
		if service := serviceOf(out["action"], out["host"]); service != "" {
			out["service"] = service
		}
	}
	return out
}

// hostIn is the host of the first URL in a text.
func hostIn(text string) string {
	for _, scheme := range []string{"https://", "http://", "wss://"} {
		if _, rest, ok := strings.Cut(text, scheme); ok {
			host := rest
			if i := strings.IndexAny(host, "/\"' \n?#"); i >= 0 {
				host = host[:i]
			}
			host = strings.TrimPrefix(host, "***@")
			if h, _, err := net.SplitHostPort(host); err == nil {
				host = h
			}
			if host != "" && len(host) <= 253 && !strings.ContainsAny(host, "*\\<>") {
				return strings.ToLower(host)
			}
		}
	}
	return ""
}

// serviceOf is the AWS service by an action's prefix or a host name.
func serviceOf(action, host string) string {
	if service, _, ok := strings.Cut(action, ":"); ok {
		return service
	}
	if host == "169.254.169.254" || host == "fd00:ec2::254" {
		return "imds"
	}
	for label := range strings.SplitSeq(host, ".") {
		label = strings.TrimSuffix(label, "-fips")
		switch {
		case label == "ssm" || label == "ssmmessages" || label == "ec2messages" || label == "kms" || label == "logs" || label == "s3":
			return label
		case strings.HasPrefix(label, "s3-"):
			return "s3"
		}
	}
	return ""
}
