package diagnosis

import (
	"testing"
	"time"

	"agentctl/probes"
)

// logged gives the agent a log of two days with the given events in it.
func logged(r *probes.Round, events ...probes.LogEvent) {
	r.Agent.Log = probes.AgentLog{Known: true, Started: noon.Add(-48 * time.Hour), LastLine: noon.Add(-time.Minute),
		LastHealth: noon.Add(-4 * time.Minute), Channel: "ssmmessages", ChannelSince: noon.Add(-47 * time.Hour), Events: events}
}

func event(class probes.LogClass, subject probes.LogSubject, ago time.Duration, captures map[string]string) probes.LogEvent {
	return probes.LogEvent{ID: string(class) + "-" + string(subject), Class: class, Subject: subject, Level: "ERROR", Count: 3, Severity: "warning",
		First: noon.Add(-ago - time.Hour), Last: noon.Add(-ago), Line: "a line of the log", Captures: captures, Meaning: "something failed", Remedy: "mend it"}
}

func denied(action, layer string) probes.LogEvent {
	class := probes.LogIAM
	if layer == probes.LayerEndpoint || layer == probes.LayerEndpointDeny {
		class = probes.LogEndpointPolicy
	}
	return event(class, probes.SubjectCredentials, 10*time.Minute, map[string]string{"action": action, "layer": layer})
}

func stale(r *probes.Round) {
	r.Agent.Identity.Retrieved, r.Agent.Identity.Expires = noon.Add(-2*time.Hour), noon.Add(-time.Hour)
}

func never(r *probes.Round) {
	r.Agent.Identity = probes.AgentIdentity{FileState: probes.FileState{Exists: true}}
}

func sleeping(r *probes.Round, reason string) {
	logged(r)
	r.Agent.Log.Sleep = &probes.LogSleep{First: noon.Add(-time.Hour), Since: noon.Add(-20 * time.Minute), Duration: 40 * time.Minute,
		Until: noon.Add(20 * time.Minute), Longest: time.Hour, Reason: reason}
}

func unit(r *probes.Round, active, sub, enabled string) *probes.AgentUnit {
	r.Agent.Unit = probes.AgentUnit{Known: true, Source: probes.UnitFromDBus, Name: probes.AgentUnitPackaged, Load: "loaded", Active: active, Sub: sub, Enabled: enabled, Restart: "always"}
	return &r.Agent.Unit
}

func stopped(r *probes.Round) { f := false; r.Agent.Running, r.Agent.Worker = &f, &f }

var agentCases = []roundCase{
	{"log of a healthy agent", func(r *probes.Round) { logged(r) }, ""},
	{"frightening, but past", func(r *probes.Round) {
		e := event(probes.LogTransport, probes.SubjectCredentials, 10*time.Minute, nil)
		e.Past = true
		logged(r, e)
	}, ""},
	{"frightening, but old", func(r *probes.Round) {
		logged(r, event(probes.LogTransport, probes.SubjectCredentials, 5*time.Hour, nil))
	}, ""},
	{"recent error that nothing explains", func(r *probes.Round) {
		logged(r, event(probes.LogResource, probes.SubjectOther, 5*time.Minute, nil))
	}, "ssm-agent-log-error"},
	{"recent error that is only informative", func(r *probes.Round) {
		e := event(probes.LogRegistration, probes.SubjectRegistration, 5*time.Minute, nil)
		e.Severity = "info"
		logged(r, e)
	}, ""},
	{"error that a failing probe explains", func(r *probes.Round) {
		logged(r, event(probes.LogTCP, probes.SubjectControlChannel, 5*time.Minute, map[string]string{"service": "ssmmessages"}))
		connect(of(r, "ssmmessages"), probes.Timeout)
		internetIs(r, probes.Timeout)
	}, "endpoint-blocked"},
	{"error that an interception explains", func(r *probes.Round) {
		logged(r, event(probes.LogTransport, probes.SubjectCredentials, 5*time.Minute, nil))
		never(r)
		each(r, func(x *probes.Result) {
			x.TLS.Trusted, x.TLS.Genuine = false, false
			tlsFails(x, probes.UntrustedIssuer)
		})
	}, "tls-intercepted"},
	// Denied calls
	{"role may not report", func(r *probes.Round) {
		sleeping(r, "AccessDenied")
		r.Agent.Log.Events = []probes.LogEvent{denied("ssm:UpdateInstanceInformation", probes.LayerIdentity)}
		never(r)
	}, "iam-access-denied"},
	{"endpoint policy denies", func(r *probes.Round) {
		logged(r, denied("ssm:UpdateInstanceInformation", probes.LayerEndpoint))
		stale(r)
	}, "vpce-policy-denied"},
	{"control policy denies the channel, ec2messages works", func(r *probes.Round) {
		logged(r, denied("ssmmessages:CreateControlChannel", probes.LayerSCP))
		r.Agent.Log.Channel = "ec2messages"
	}, "iam-access-denied"},
	{"ec2messages denied, not needed", func(r *probes.Round) { logged(r, denied("ec2messages:GetMessages", probes.LayerIdentity)) }, ""},
	{"denied once, accepted since", func(r *probes.Round) {
		e := denied("ssm:UpdateInstanceInformation", probes.LayerIdentity)
		e.Past = true
		logged(r, e)
	}, ""},
	// Channel
	{"WebSocket cut", func(r *probes.Round) {
		logged(r, event(probes.LogWebSocket, probes.SubjectControlChannel, 3*time.Minute, nil))
	}, "ssm-channel-websocket-blocked"},
	{"WebSocket cut, ec2messages works", func(r *probes.Round) {
		logged(r, event(probes.LogWebSocket, probes.SubjectControlChannel, 3*time.Minute, nil))
		r.Agent.Log.Channel = "ec2messages"
	}, "ssm-channel-websocket-blocked"},
	{"fallback without a cause", func(r *probes.Round) {
		logged(r)
		r.Agent.Log.Channel = "ec2messages"
	}, "ssm-agent-channel-fallback"},
	{"fallback just after the start", func(r *probes.Round) {
		logged(r)
		r.Agent.Log.Channel, r.Agent.Log.ChannelSince = "ec2messages", noon.Add(-30*time.Second)
	}, ""},
	{"fallback because the endpoint is blocked", func(r *probes.Round) {
		logged(r)
		r.Agent.Log.Channel = "ec2messages"
		connect(of(r, "ssmmessages"), probes.Timeout)
		internetIs(r, probes.Timeout)
	}, "endpoint-blocked"},
	// Credentials
	{"sleeps though all is well", func(r *probes.Round) { sleeping(r, "RequestError: send request failed"); stale(r) }, "ssm-agent-backoff"},
	{"never reported, sleeps though all is well", func(r *probes.Round) { sleeping(r, "no EC2 instance role found"); never(r) }, "ssm-agent-backoff"},
	{"hibernates though all is well", func(r *probes.Round) {
		logged(r)
		r.Agent.Log.Hibernate = &probes.LogHibernate{Since: noon.Add(-3 * time.Hour), Checked: noon.Add(-10 * time.Minute), Interval: time.Hour}
	}, "ssm-agent-backoff"},
	{"sleeps because the endpoint is blocked", func(r *probes.Round) {
		sleeping(r, "RequestError: send request failed")
		never(r)
		connect(of(r, "ssm"), probes.Timeout)
		internetIs(r, probes.Timeout)
	}, "endpoint-blocked"},
	{"its sleep is over", func(r *probes.Round) {
		sleeping(r, "RequestError")
		r.Agent.Log.Sleep.Until = noon.Add(-time.Second)
	}, ""},
	{"credentials stale", func(r *probes.Round) { logged(r); stale(r) }, "ssm-agent-credentials-stale"},
	{"credentials stale, just started", func(r *probes.Round) { logged(r); stale(r); r.Agent.Log.Started = noon.Add(-time.Minute) }, ""},
	{"credentials stale, endpoint missing", func(r *probes.Round) {
		stale(r)
		silentAt(of(r, "ssm"), addrPublic)
		internetIs(r, probes.Timeout)
	}, "endpoint-missing"},
	{"credentials due in a minute", func(r *probes.Round) {
		r.Agent.Identity.Retrieved, r.Agent.Identity.Expires = noon.Add(-31*time.Minute), noon.Add(29*time.Minute)
	}, ""},
	{"never reported", func(r *probes.Round) { never(r) }, "ssm-agent-no-credentials"},
	{"never reported, just started", func(r *probes.Round) { never(r); r.Agent.Started = noon.Add(-time.Minute) }, ""},
	{"never reported, file unreadable", func(r *probes.Round) {
		r.Agent.Identity = probes.AgentIdentity{FileState: probes.FileState{Unknown: true}}
	}, ""},
	// Service
	{"restarts over and over", func(r *probes.Round) {
		u := unit(r, "activating", "auto-restart", "enabled")
		n := 7
		u.Restarts, u.Result, u.ExitKind, u.ExitStatus, u.Started, u.Exited = &n, "exit-code", "exited", 1, noon.Add(-80*time.Second), noon.Add(-60*time.Second)
		stopped(r)
	}, "ssm-agent-crash-loop"},
	{"restarts because the metadata is gone", func(r *probes.Round) {
		u := unit(r, "activating", "auto-restart", "enabled")
		n := 7
		u.Restarts, u.Result, u.Started, u.Exited = &n, "exit-code", noon.Add(-80*time.Second), noon.Add(-60*time.Second)
		stopped(r)
		r.Metadata = probes.Metadata{State: probes.MetadataDisabled, Denied: "/latest/api/token"}
	}, "imds-disabled"},
	{"service masked", func(r *probes.Round) {
		unit(r, "inactive", "dead", "masked").Load = "masked"
		stopped(r)
	}, "ssm-agent-stopped"},
	{"not enabled", func(r *probes.Round) { unit(r, "active", "running", "disabled") }, "ssm-agent-disabled"},
	{"enabled and running", func(r *probes.Round) { unit(r, "active", "running", "enabled") }, ""},
	// What it believes
	{"another machine's identity", func(r *probes.Round) { r.Agent.Identity.InstanceID = "i-0other" }, "ssm-agent-identity-mismatch"},
	{"left-over hybrid registration", func(r *probes.Round) {
		r.Agent.Identity.InstanceID, r.Agent.Identity.IdentityType = "mi-0123", "OnPrem"
		stale(r)
	}, "ssm-agent-identity-mismatch"},
	{"its own identity", func(r *probes.Round) { r.Agent.Identity.InstanceID = r.Metadata.InstanceID }, ""},
	{"configuration broken, still running", func(r *probes.Round) { r.Agent.Config.Invalid = "line 3, column 1" }, "ssm-agent-config-invalid"},
	{"configuration broken, does not start", func(r *probes.Round) { r.Agent.Config.Invalid = "line 3, column 1"; stopped(r) }, "ssm-agent-config-invalid"},
	{"stray credentials", func(r *probes.Round) {
		r.Agent.Stray = probes.FileState{Path: "/root/.aws/credentials", Exists: true, Modified: noon.Add(-time.Hour)}
	}, "ssm-agent-stray-credentials"},
	{"too old for Patch Manager", func(r *probes.Round) { r.Agent.Version = "2.0.796.0" }, "ssm-agent-outdated"},
	{"version cannot be read", func(r *probes.Round) { r.Agent.Version = "latest" }, ""},
}

// TestSeverities holds the codes whose weight depends on something else.
func TestSeverities(t *testing.T) {
	for _, c := range []struct {
		name string
		mod  func(*probes.Round)
		code Code
		want Severity
	}{
		{"channel denied, no other way", func(r *probes.Round) {
			logged(r, denied("ssmmessages:CreateControlChannel", probes.LayerSCP))
			r.Agent.Log.Channel = ""
		}, "iam-access-denied", Critical},
		{"channel denied, ec2messages works", func(r *probes.Round) {
			logged(r, denied("ssmmessages:CreateControlChannel", probes.LayerSCP))
			r.Agent.Log.Channel = "ec2messages"
		}, "iam-access-denied", Warning},
		{"WebSocket cut, no other way", func(r *probes.Round) {
			logged(r, event(probes.LogWebSocket, probes.SubjectControlChannel, 3*time.Minute, nil))
		}, "ssm-channel-websocket-blocked", Critical},
		{"WebSocket cut, ec2messages works", func(r *probes.Round) {
			logged(r, event(probes.LogWebSocket, probes.SubjectControlChannel, 3*time.Minute, nil))
			r.Agent.Log.Channel = "ec2messages"
		}, "ssm-channel-websocket-blocked", Warning},
		{"configuration broken, running", func(r *probes.Round) { r.Agent.Config.Invalid = "x" }, "ssm-agent-config-invalid", Warning},
		{"configuration broken, not running", func(r *probes.Round) { r.Agent.Config.Invalid = "x"; stopped(r) }, "ssm-agent-config-invalid", Critical},
		{"too old", func(r *probes.Round) { r.Agent.Version = "2.0.1.0" }, "ssm-agent-outdated", Critical},
		{"clock a minute off", func(r *probes.Round) { shift(r, time.Minute) }, "clock-skew", Warning},
		{"clock ten minutes off", func(r *probes.Round) { shift(r, 10*time.Minute) }, "clock-skew", Critical},
		{"hop limit, agent beside us", func(r *probes.Round) { r.Metadata.State = probes.MetadataTokenLost }, "imds-hop-limit", Critical},
		{"hop limit, agent not seen", func(r *probes.Round) { r.Metadata.State = probes.MetadataTokenLost; r.Agent.NetShared = nil }, "imds-hop-limit", Warning},
		{"updates denied", func(r *probes.Round) {
			http(of(r, "bucket:amazon-ssm"), probes.HTTP{Reason: probes.AccessDenied, Status: 403, AWSShaped: true})
		}, "s3-access-denied", Warning},
		{"repository denied", do(answers(s3Denied, "amazonlinux"), knownGood(probes.AccessDenied, "amazonlinux")), "s3-access-denied", Critical},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := healthyRound()
			c.mod(r)
			for _, f := range Diagnose(settled(r)).Findings {
				if f.Code == c.code {
					if f.Severity != c.want {
						t.Errorf("%s is %s, want %s", c.code, f.Severity, c.want)
					}
					return
				}
			}
			t.Errorf("%s is not raised", c.code)
		})
	}
}

// TestLogIsEvidence: a log line that a finding explains stands in its evidence.
func TestLogIsEvidence(t *testing.T) {
	r := healthyRound()
	logged(r, event(probes.LogTCP, probes.SubjectControlChannel, 5*time.Minute, map[string]string{"service": "ssmmessages"}))
	connect(of(r, "ssmmessages"), probes.Timeout)
	internetIs(r, probes.Timeout)
	d := Diagnose(r)
	for _, e := range d.Findings[0].Evidence {
		if e.What == "SSM Agent's log" {
			return
		}
	}
	t.Errorf("the log's line is not in %+v", d.Findings[0].Evidence)
}
