package probes

import "time"

// AgentLog is what the SSM Agent's own logs say. The zero value is a log that
// nobody has read. It can be recorded as JSON and holds no secrets: passwords,
// keys, tokens and signatures are masked where they are read.
type AgentLog struct {
	// Known: the main log was read, even if nothing was in it. Why says why not,
	// and Denied that rights are missing. Absent: there is no log at all.
	Known  bool   `json:"known"`
	Why    string `json:"why,omitempty"`
	Denied bool   `json:"denied,omitempty"`
	Absent bool   `json:"absent,omitempty"`
	// Paths are the files that were read, oldest first, main log before others.
	Paths []string `json:"paths,omitempty"`
	// Problems are the files that could not be read while others could.
	Problems []LogProblem `json:"problems,omitempty"`

	// From is the cut-off: events that ended before it are left out, unless they
	// explain a state that still lasts (Sleep, Hibernate, Channel, Stopped).
	From time.Time `json:"from,omitzero"`
	// LastLine is the time of the newest line of the main log; a time after the
	// host's own clock says that the clock was set back.
	LastLine time.Time `json:"last_line,omitzero"`
	// LastHealth is the newest health report. The agent logs it before the call;
	// success is silent, and so is a time-out (agent/sdkutil, awserr.go).
	LastHealth time.Time `json:"last_health,omitzero"`
	// HealthEvery is the usual distance of two health reports; 0: not seen.
	HealthEvery time.Duration `json:"health_every,omitempty"`
	// HealthOK is the newest health report that no error followed.
	HealthOK time.Time `json:"health_ok,omitzero"`
	// Started is the newest start, with Version as that line tells it; Starts
	// counts the starts from From on.
	Started time.Time `json:"started,omitzero"`
	Version string    `json:"version,omitempty"`
	Starts  int       `json:"starts,omitempty"`
	// Stopped: the newest start ended: the agent said goodbye or gave up.
	Stopped time.Time `json:"stopped,omitzero"`
	// Identity is where it takes its identity from: EC2, OnPrem, ECS.
	Identity string `json:"identity,omitempty"`

	// CredentialsAt is the newest proof that ssm accepted the credentials, and
	// Credentials whose they were: "EC2" (role) or "SSM" (Default Host Management).
	CredentialsAt time.Time `json:"credentials_at,omitzero"`
	Credentials   string    `json:"credentials,omitempty"`
	// ConnectedAt is when the control channel was last opened, Peer the address
	// at the other end (of a proxy, where one is used). Before Started: the
	// present run has not opened it. Closed: it was lost after that, and not
	// opened again.
	ConnectedAt time.Time `json:"connected_at,omitzero"`
	Peer        string    `json:"peer,omitempty"`
	Closed      time.Time `json:"closed,omitzero"`
	// Channel is the connection that the agent reports: "ssmmessages",
	// "ec2messages", or "" before it is known; since ChannelSince. It says
	// "ssmmessages" too while that cannot be opened again: only AccessDenied
	// makes the agent change. Closed tells.
	Channel      string    `json:"channel"`
	ChannelSince time.Time `json:"channel_since,omitzero"`

	Sleep     *LogSleep     `json:"sleep,omitempty"`
	Hibernate *LogHibernate `json:"hibernate,omitempty"`
	Events    []LogEvent    `json:"events,omitempty"`

	LinesRead int64 `json:"lines_read"`
	BytesRead int64 `json:"bytes_read"`
	// Truncated: the byte limit was met before From, so older lines are missing.
	Truncated bool `json:"truncated,omitempty"`
	// ErrorsByClass counts the events of each class, for
	// agentctl_ssm_agent_log_errors_total. "other" are errors without a signature.
	ErrorsByClass map[LogClass]int64 `json:"errors_by_class,omitempty"`
}

// LogProblem is a log file that could not be read.
type LogProblem struct {
	Path   string `json:"path"`
	Why    string `json:"why"`
	Denied bool   `json:"denied,omitempty"`
}

// LogSleep is the wait of the agent's credential refresher between two tries. Only
// a success or a restart ends it early.
type LogSleep struct {
	// First is when the first wait of this row began, Tries how many were logged.
	First time.Time `json:"first"`
	Tries int       `json:"tries"`
	// Since and Duration are those of the last logged wait.
	Since    time.Time     `json:"since"`
	Duration time.Duration `json:"duration"`
	// Until is when it tries again. Estimated: the logged wait is over; on EC2 the
	// agent logs three tries only and goes on in silence, so Until is then the
	// latest time at which the present wait can end, by the agent's own schedule.
	Until     time.Time `json:"until"`
	Estimated bool      `json:"estimated,omitempty"`
	// Longest is the longest single wait to expect: an hour, or half an hour
	// after AccessDenied.
	Longest time.Duration `json:"longest"`
	// Reason is the error of the last logged try.
	Reason string `json:"reason,omitempty"`
}

// LogHibernate is the worker's passive mode: it only pings until one ping succeeds.
type LogHibernate struct {
	Since time.Time `json:"since"`
	// Reason is the whole error, its continuation lines included.
	Reason string `json:"reason,omitempty"`
	// Interval is the distance of two pings: 5 min, then 10, 20, 40, at last an hour.
	Interval time.Duration `json:"interval"`
	// Checked is the newest line that says it still hibernates.
	Checked time.Time `json:"checked"`
}

// LogClass is the kind of trouble that a line of the log tells of.
type LogClass string

// The classes.
const (
	LogDNS            LogClass = "dns"
	LogTCP            LogClass = "tcp"
	LogTLS            LogClass = "tls"
	LogHTTP           LogClass = "http"      // an answer that is not AWS's
	LogTransport      LogClass = "transport" // a request failed and the line hides why
	LogProxy          LogClass = "proxy"
	LogCredentials    LogClass = "credentials"
	LogIAM            LogClass = "iam"
	LogEndpointPolicy LogClass = "endpoint_policy"
	LogClock          LogClass = "clock"
	LogIMDS           LogClass = "imds"
	LogWebSocket      LogClass = "websocket"
	LogChannel        LogClass = "channel"
	LogRegistration   LogClass = "registration"
	LogConfig         LogClass = "config"
	LogResource       LogClass = "resource" // disk, memory, descriptors, inotify
	LogIdentity       LogClass = "identity"
	LogHealth         LogClass = "health"
	LogThrottle       LogClass = "throttle"
	LogUpdate         LogClass = "update"
	LogProcess        LogClass = "process" // crash, panic, a worker that will not start
	LogOther          LogClass = "other"
)

// LogSubject is the part of the agent that a line speaks of. A later good line of
// the same subject makes an error of it past.
type LogSubject string

// The subjects.
const (
	SubjectCredentials    LogSubject = "credentials"
	SubjectControlChannel LogSubject = "control_channel"
	SubjectMessages       LogSubject = "messages" // polling of ec2messages
	SubjectRegistration   LogSubject = "registration"
	SubjectIdentity       LogSubject = "identity"
	SubjectHealth         LogSubject = "health"
	SubjectS3             LogSubject = "s3"
	SubjectProcess        LogSubject = "process"
	SubjectOther          LogSubject = "other"
)

// LogEvent is one signature that the log showed of one subject, however often.
type LogEvent struct {
	ID      string     `json:"id"`
	Class   LogClass   `json:"class"`
	Subject LogSubject `json:"subject"`
	// Level is the agent's: WARN, ERROR, CRITICAL, or INFO.
	Level string    `json:"level"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count int       `json:"count"`
	// Line is the newest such message (of a row of them within two seconds, the
	// first) with its continuation lines, at most 600 bytes, masked.
	Line string `json:"line"`
	// Captures are the parts of the newest line that name things. Usual keys:
	// "host", "resolver", "addr", "service" (ssm, ssmmessages, ec2messages, s3,
	// kms, imds), "action" (ssm:UpdateInstanceInformation), "layer" (see Layer
	// constants), "cause", "local" and "server" (times), "status", "role".
	Captures map[string]string `json:"captures,omitempty"`
	// Past: a later good line of the same subject, or a later start, says that
	// this is over.
	Past bool `json:"past,omitempty"`
	// Severity is how ssm-agent-log-error would weigh it: "warning", "info".
	Severity string `json:"severity"`
	Meaning  string `json:"meaning"`
	Cause    string `json:"cause,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
}

// Layers of a denied request, as AWS names them in its message; "" where it names
// none.
const (
	LayerIdentity       = "identity_policy" // nothing in it allows
	LayerIdentityDeny   = "identity_policy_deny"
	LayerEndpoint       = "vpc_endpoint_policy" // nothing in it allows
	LayerEndpointDeny   = "vpc_endpoint_policy_deny"
	LayerSCP            = "service_control_policy" // no allow or an explicit deny
	LayerRCP            = "resource_control_policy"
	LayerBoundary       = "permissions_boundary"
	LayerSession        = "session_policy"
	LayerResource       = "resource_policy"
	LayerUnnamed        = ""
	LayerExplicitUnsaid = "explicit_deny" // "with an explicit deny", no policy named
)

// Event returns the event with the given id: of several subjects, the newest that
// is not past, else the newest.
func (l AgentLog) Event(id string) (e LogEvent, ok bool) {
	for i := range l.Events {
		if l.Events[i].ID == id && (!ok || e.Past || !l.Events[i].Past) {
			e, ok = l.Events[i], true
		}
	}
	return e, ok
}

// Current returns the events that are not past, newest last.
func (l AgentLog) Current() []LogEvent {
	var out []LogEvent
	for i := range l.Events {
		if !l.Events[i].Past {
			out = append(out, l.Events[i])
		}
	}
	return out
}
