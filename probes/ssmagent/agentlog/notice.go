package agentlog

import (
	"bytes"
	"strconv"
	"time"

	"agentctl/probes"
)

// has tells whether a message begins with a text, and returns the rest.
func has(msg []byte, prefix string) ([]byte, bool) {
	if len(msg) < len(prefix) || string(msg[:len(prefix)]) != prefix {
		return nil, false
	}
	return msg[len(prefix):], true
}

// notice takes an INFO line. Nearly all lines are of this level, so that the
// first letter decides first.
func (c *collector) notice(e *entry, k kind) {
	switch e.msg[0] {
	case 'H':
		if _, ok := has(e.msg, "HealthCheck reporting agent health"); ok {
			c.health.report(e.at) // agent/health, healthcheck.go
		}
	case 'S':
		c.noticeS(e)
	case 'a':
		if rest, ok := has(e.msg, "amazon-ssm-agent - v"); ok { // core/app, agent.go
			c.start(e, rest)
		} else if _, ok := has(e.msg, "amazon-ssm-agent got signal"); ok {
			c.stopped = max(c.stopped, e.at)
		}
	case 'P':
		if _, ok := has(e.msg, "Proxy environment variables:"); ok { // core, agent.go: the first thing that a start logs
			c.launched = max(c.launched, e.at)
			c.launches = append(c.launches[max(0, len(c.launches)-maxStarts):], e.at)
		}
	case 'C':
		// The line follows a success, and stands at a start too, when an earlier
		// run's credentials are still fresh. Within a wait it is a success: on
		// hybrid nodes the only sign of one.
		if _, ok := has(e.msg, "Credentials ready"); ok && c.sleep.last > max(c.started, c.launched) {
			c.credentialsOK(e, "")
		}
	case 'R':
		if _, ok := has(e.msg, "Registration info found for ec2 instance"); ok {
			c.well(e, probes.SubjectRegistration)
		}
	case 'A':
		if rest, ok := has(e.msg, "Agent will take identity from "); ok { // common/identity/identity, identity_selector.go
			c.log.Identity = word(rest)
			c.well(e, probes.SubjectIdentity)
		} else if _, ok := has(e.msg, "Agent is in hibernate mode"); ok { // agent/hibernation, hibernation.go
			c.hibernate.enter(e.at, nil)
		}
	case 'B':
		if rest, ok := has(e.msg, "Backing off health check to every "); ok {
			if n, err := strconv.Atoi(word(rest)); err == nil && n > 0 && n <= 86400 {
				c.hibernate.interval = time.Duration(n) * time.Second
			}
			c.hibernate.checked = max(c.hibernate.checked, e.at)
		} else if _, ok := has(e.msg, "Bye."); ok {
			c.stopped = max(c.stopped, e.at)
		}
	case 'G':
		if _, ok := has(e.msg, "Got signal:"); ok { // 2.x
			c.stopped = max(c.stopped, e.at)
		}
	case 'E':
		if _, ok := has(e.msg, "EC2 registration was successful"); ok {
			c.well(e, probes.SubjectRegistration)
		} else if rest, ok := has(e.msg, "Entering SSM Agent "); ok { // agent, agent.go; an error at level INFO
			if _, reason, ok := bytes.Cut(rest, []byte("hibernate - ")); ok {
				c.hibernate.enter(e.at, reason)
				c.failure(e, k)
			}
		}
	case 'M':
		if _, ok := has(e.msg, "MDS Polling job stopped"); ok {
			c.well(e, probes.SubjectMessages)
		}
	case 'F', 'e':
		// Old versions log these failures at level INFO too (re:Post, ssm-agent-logs).
		if _, ok := has(e.msg, "Failed to fetch "); ok || bytes.HasPrefix(e.msg, []byte("error fetching the ")) {
			c.failure(e, k)
		}
	}
}

func (c *collector) noticeS(e *entry) {
	if rest, ok := has(e.msg, "Successfully "); ok {
		switch {
		case bytes.HasPrefix(rest, []byte("connected with instance profile role credentials")): // ec2_role_provider.go
			c.credentialsOK(e, "EC2")
		case bytes.HasPrefix(rest, []byte("connected with Systems Manager role credentials")):
			c.credentialsOK(e, "SSM")
		case bytes.HasPrefix(rest, []byte("opened websocket connection to: ")) && !worker(e.ctx):
			c.connect(e, word(rest[len("opened websocket connection to: "):]))
		}
		return
	}
	if rest, ok := has(e.msg, "Sleeping for "); ok { // credentialrefresher.go
		if d, err := time.ParseDuration(word(rest)); err == nil && d > 0 && d < 1000*time.Hour && bytes.Contains(rest, []byte("retrying retrieve credentials")) {
			c.sleepFor(e.at, d)
		}
	} else if rest, ok := has(e.msg, "SSM Connection channel status is set to"); ok { // agent/ssmconnectionchannel
		if name := word(bytes.TrimPrefix(rest, []byte(" "))); e.at >= c.channelSince && (c.channelSince == 0 || name != c.log.Channel) {
			c.log.Channel, c.channelSince = name, e.at
		}
	} else if _, ok := has(e.msg, "Set up control channel successfully"); ok { // mgsinteractor.go
		c.connect(e, "")
	} else if rest, ok := has(e.msg, "Starting Agent: amazon-ssm-agent - v"); ok { // 2.x
		c.start(e, rest)
	} else if _, ok := has(e.msg, "Stopping Core Agent"); ok {
		c.stopped = max(c.stopped, e.at)
	} else if _, ok := has(e.msg, "Stopping agent"); ok {
		c.stopped = max(c.stopped, e.at)
	}
}

// word is the first word of a text, at most 128 bytes.
func word(b []byte) string {
	b = b[:min(len(b), 128)]
	if i := bytes.IndexAny(b, " \t\r\n"); i >= 0 {
		b = b[:i]
	}
	return clean(string(b))
}

// maxStarts bounds the starts that are counted.
const maxStarts = 1000

// start is a new run of the agent: what the one before knew is over.
func (c *collector) start(e *entry, version []byte) {
	c.starts = append(c.starts[max(0, len(c.starts)-maxStarts):], e.at)
	if e.at < c.started {
		return
	}
	c.started = e.at
	c.log.Version = word(version)
	c.log.Channel, c.channelSince = "", e.at
	c.socket.short = 0
	c.sleep = sleepState{reason: c.sleep.reason[:0]} // its memory is used again
	for _, s := range []probes.LogSubject{probes.SubjectCredentials, probes.SubjectControlChannel, probes.SubjectMessages,
		probes.SubjectRegistration, probes.SubjectIdentity, probes.SubjectHealth, probes.SubjectS3, probes.SubjectOther, probes.SubjectProcess} {
		c.well(e, s)
	}
}

// well records a good line of a subject.
func (c *collector) well(e *entry, s probes.LogSubject) {
	if m := (mark{e.at, c.seq}); m.after(c.good[s]) {
		c.good[s] = m
	}
}

// credentialsOK: ssm accepted the credentials, so that it can be reached, and a
// failed registration did no harm.
func (c *collector) credentialsOK(e *entry, source string) {
	c.credentials = mark{e.at, c.seq}
	if source != "" {
		c.log.Credentials = source
	}
	c.sleep = sleepState{reason: c.sleep.reason[:0]} // its memory is used again
	for _, s := range []probes.LogSubject{probes.SubjectCredentials, probes.SubjectRegistration, probes.SubjectIdentity, probes.SubjectHealth} {
		c.well(e, s)
	}
}

// connect: the control channel is open.
func (c *collector) connect(e *entry, peer string) {
	if peer != "" {
		c.log.Peer = peer
	}
	if peer != "" || c.connected.at < c.closed.at || c.connected.at == 0 {
		c.connected = mark{e.at, c.seq}
	}
	c.well(e, probes.SubjectControlChannel)
}

// follow updates the state by a failure.
func (c *collector) follow(e *entry, out *outer) {
	switch out.ID {
	case "credentials-failed":
		if !out.quiet {
			c.sleep.reason = append(c.sleep.reason[:0], e.msg[:min(len(e.msg), maxRaw)]...)
			c.sleep.denied = bytes.Contains(e.msg, []byte("AccessDenied")) || bytes.Contains(e.msg, []byte("MachineFingerprintDoesNotMatch"))
		}
	case "start-failed":
		c.stopped = max(c.stopped, e.at)
	case "websocket-cut", "websocket-idle":
		if !worker(e.ctx) {
			c.cut(e, out)
		}
	}
}

// cut: the control channel was lost.
func (c *collector) cut(e *entry, out *outer) {
	if c.connected.at > c.closed.at {
		if time.Duration(e.at-c.connected.at) < shortLife {
			c.socket.short++
		} else {
			c.socket.short = 0
		}
	}
	c.closed = mark{e.at, c.seq}
	if c.socket.short >= manyShort {
		// The entry is counted for two events; of these, only the other is taken back
		// if it goes on.
		undoing := c.undoing
		c.undoing = false
		c.count(e, signatures().byID[cutOften], out.subject)
		c.undoing = undoing
	}
}

// sleepFor: the credential refresher waits.
func (c *collector) sleepFor(at int64, d time.Duration) {
	s := &c.sleep
	if s.tries == 0 {
		s.first = at
	}
	s.tries++
	s.last, s.duration = at, d
}

func (h *hibernateState) enter(at int64, reason []byte) {
	// The worker's line and that of hibernate.log are two for one.
	if at > h.entered+int64(time.Minute) {
		h.entered, h.interval, h.reason = at, 5*time.Minute, nil
	}
	if len(reason) > 0 {
		h.reason = append(h.reason[:0], reason[:min(len(reason), maxRaw)]...)
	}
	h.checked = max(h.checked, at)
}

// fail takes a line of hibernate.log that tells why a ping failed.
func (h *hibernateState) fail(e *entry) {
	if rest, ok := has(e.msg, "Health ping failed with error - "); ok {
		h.checked = max(h.checked, e.at)
		h.reason = append(h.reason[:0], rest[:min(len(rest), maxRaw)]...)
	}
}
