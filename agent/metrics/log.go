package metrics

import (
	"maps"
	"time"

	"agentctl/probes"
)

// logTally counts the errors of the SSM Agent's log. What was in the log when
// agentctl started may have been counted by the process before it and is left out.
type logTally struct {
	begun time.Time // when the first log was read; zero: none yet
	lines int64     // that the reader had read by then
	last  map[probes.LogClass]int64
	count map[probes.LogClass]int64
}

// note takes in what the reader of the log has counted so far.
func (t *logTally) note(l probes.AgentLog, at time.Time) {
	switch {
	case !l.Known && !l.Absent:
		return // not read, or not readable now
	case t.begun.IsZero():
		t.begun, t.count = at, map[probes.LogClass]int64{}
		t.last = maps.Clone(l.ErrorsByClass)
	case l.LinesRead < t.lines: // a reader that has begun anew
		t.last = maps.Clone(l.ErrorsByClass)
	}
	if t.last == nil {
		t.last = map[probes.LogClass]int64{}
	}
	t.lines = l.LinesRead
	for class, n := range l.ErrorsByClass {
		// The reader takes an error back when further lines of it change its class;
		// a counter must not fall.
		if more := n - t.last[class]; more > 0 {
			t.count[class] += more
			t.last[class] = n
		}
	}
}

// show adds all classes, also those without an error: Prometheus sees an increase
// from 0 to 1, and none where a series begins with 1.
func (t *logTally) show(s *sheet) {
	if t.begun.IsZero() {
		return
	}
	for _, class := range logClasses() {
		s.counter(logErrors, t.count[class], t.begun, string(class))
	}
}

// logClasses are those of the probes' vocabulary.
func logClasses() []probes.LogClass {
	return []probes.LogClass{
		probes.LogDNS, probes.LogTCP, probes.LogTLS, probes.LogHTTP, probes.LogTransport, probes.LogProxy,
		probes.LogCredentials, probes.LogIAM, probes.LogEndpointPolicy, probes.LogClock, probes.LogIMDS,
		probes.LogWebSocket, probes.LogChannel, probes.LogRegistration, probes.LogConfig, probes.LogResource,
		probes.LogIdentity, probes.LogHealth, probes.LogThrottle, probes.LogUpdate, probes.LogProcess, probes.LogOther,
	}
}
