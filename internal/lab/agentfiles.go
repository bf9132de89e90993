//go:build linux

package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"agentctl/internal/lab/guest"
)

// agentFiles are what a running SSM Agent leaves on disk, by the instance's clock. Times in its log are local, and the instance
// is on UTC.
func (v *VPC) agentFiles() []guest.File {
	a := v.scenario.Agent
	now := time.Now().UTC()
	retrieved := now.Add(-a.Retrieved.Duration)
	expires := retrieved.Add(a.Valid.Duration)
	stamp := func(t time.Time) string { return t.Format("2006-01-02T15:04:05.999999999Z") }
	id := instanceID
	if a.Identity == "OnPrem" {
		id = "mi-0abc1234567890def"
	}
	if a.InstanceID != "" {
		id = a.InstanceID
	}
	identity := fmt.Sprintf(`{"SchemaVersion":"1.1","InstanceId":"%s","IdentityType":"%s","ShareFile":"","ShareProfile":"","CredentialsExpiresAt":"%s","CredentialsRetrievedAt":"%s","CredentialSource":"%s"}`,
		id, a.Identity, stamp(expires), stamp(retrieved), a.Source)
	unit := "[Unit]\nDescription=amazon-ssm-agent\nAfter=network-online.target\n\n[Service]\nType=simple\nWorkingDirectory=/usr/bin/\n" +
		"ExecStart=/usr/bin/amazon-ssm-agent\nKillMode=process\nRestart=always\nRestartPreventExitStatus=194\nRestartSec=90\n\n[Install]\nWantedBy=multi-user.target\n"
	files := []guest.File{
		text("/etc/amazon/ssm/RELEASENOTES.md", a.Version+"\n================\n- Bug fixes\n"),
		text("/etc/amazon/ssm/amazon-ssm-agent.json.template", "{}\n"),
		text("/etc/amazon/ssm/seelog.xml.template", "<seelog/>\n"),
		{Path: "/var/lib/amazon/ssm", Folder: true, Mode: 0o755},
		{Path: "/var/lib/amazon/ssm/" + id, Folder: true, Mode: 0o700},
		{Path: "/var/lib/amazon/ssm/" + id + "/document/orchestration", Folder: true, Mode: 0o700},
		{Path: "/var/lib/amazon/ssm/runtimeconfig", Folder: true, Mode: 0o700},
		{Path: "/var/lib/amazon/ssm/runtimeconfig/identity_config.json", Content: []byte(identity), Mode: 0o600, Modified: retrieved},
		{Path: "/var/lib/amazon/ssm/Vault", Folder: true, Mode: 0o600},
		{Path: "/var/log/amazon/ssm/amazon-ssm-agent.log", Content: []byte(v.agentLog(now, retrieved)), Mode: 0o644},
		{Path: "/var/log/amazon/ssm/errors.log", Mode: 0o644},
	}
	if flavours[v.scenario.Instance.OS].agentFolder != snapFolder { // a snap has a unit of its own
		files = append(files, text("/usr/lib/systemd/system/amazon-ssm-agent.service", unit))
		if a.Disabled {
			files = append(files, guest.File{Path: "/run/systemd/system", Folder: true, Mode: 0o755})
		} else {
			files = append(files, link("/etc/systemd/system/multi-user.target.wants/amazon-ssm-agent.service", "../../../../usr/lib/systemd/system/amazon-ssm-agent.service"))
		}
	}
	runs := a.Runs
	if a.Payload != "" {
		runs = append(slices.Clone(runs), PatchRun{Number: 444455556666, Age: Duration{20 * time.Hour}, Payload: a.Payload})
	}
	for i := range runs {
		files = append(files, v.runFiles(&runs[i], "/var/lib/amazon/ssm/"+id+"/document/orchestration/", now)...)
	}
	if len(a.Hibernate) > 0 {
		files = append(files, text("/var/log/amazon/ssm/hibernate.log", stamped(a.Hibernate, now)))
	}
	if a.Source == "SSM" { // Default Host Management: the agent keeps its own credentials file
		files = append(files, guest.File{Path: "/var/lib/amazon/ssm/credentials", Mode: 0o600, Modified: retrieved,
			Content: []byte("[default]\naws_access_key_id     = ASIAEXAMPLEEXAMPLE00\naws_secret_access_key = lab-secret\naws_session_token     = lab-token\n")})
	}
	if a.Config != "" {
		config := v.world.fill(a.Config)
		files = append(files, text("/etc/amazon/ssm/amazon-ssm-agent.json", config))
	}
	if len(a.Environment) > 0 {
		dropIn := "[Service]\n"
		for _, name := range sortedKeys(a.Environment) {
			dropIn += fmt.Sprintf("Environment=\"%s=%s\"\n", name, a.Environment[name])
		}
		files = append(files, text("/etc/systemd/system/amazon-ssm-agent.service.d/override.conf", dropIn))
	}
	return files
}

// agentLog is what a healthy agent of this version writes: its start, the connection, then a health report every five minutes,
// the last as old as the credentials or, while they are fresh, two minutes.
func (v *VPC) agentLog(now, retrieved time.Time) string {
	if v.scenario.Agent.LogOnly {
		return stamped(v.scenario.Agent.Log, now)
	}
	var out strings.Builder
	line := func(at time.Time, format string, args ...any) {
		fmt.Fprintf(&out, "%s %s\n", at.Format("2006-01-02 15:04:05.0000"), fmt.Sprintf(format, args...))
	}
	start := retrieved.Add(-2 * time.Hour)
	environment := v.scenario.Agent.Environment
	line(start, "INFO Proxy environment variables:")
	for i, name := range []string{"https_proxy", "http_proxy", "no_proxy"} {
		line(start.Add(time.Duration(i)*time.Millisecond), "INFO %s: %s", name, environment[name])
	}
	line(start.Add(10*time.Millisecond), "INFO Agent will take identity from %s", v.scenario.Agent.Identity)
	line(start.Add(20*time.Millisecond), "INFO [amazon-ssm-agent] amazon-ssm-agent - v%s", v.scenario.Agent.Version)
	line(start.Add(21*time.Millisecond), "INFO [amazon-ssm-agent] OS: linux, Arch: amd64")
	line(start.Add(22*time.Millisecond), "INFO [amazon-ssm-agent] [CredentialRefresher] credentialRefresher has started")
	source := "instance profile role"
	if v.scenario.Agent.Source == "SSM" {
		source = "Systems Manager role"
	}
	line(start.Add(300*time.Millisecond), "INFO EC2RoleProvider Successfully connected with %s credentials", source)
	line(start.Add(310*time.Millisecond), "INFO [amazon-ssm-agent] [CredentialRefresher] Credentials ready")
	line(start.Add(311*time.Millisecond), "INFO [amazon-ssm-agent] [CredentialRefresher] Next credential rotation will be in 29.999991 minutes")
	line(start.Add(330*time.Millisecond), "INFO [amazon-ssm-agent] [LongRunningWorkerContainer] [WorkerProvider] Worker ssm-agent-worker is not running, starting worker process")
	line(start.Add(430*time.Millisecond), "INFO [ssm-agent-worker] ssm-agent-worker - v%s", v.scenario.Agent.Version)
	line(start.Add(900*time.Millisecond), "INFO [ssm-agent-worker] [MessageService] [MGSInteractor] Successfully opened websocket connection to: 10.0.1.53:443")
	line(start.Add(901*time.Millisecond), "INFO [ssm-agent-worker] [MessageService] [MGSInteractor] Set up control channel successfully")
	line(start.Add(902*time.Millisecond), "INFO [ssm-agent-worker] [MessageService] [MGSInteractor] SSM Connection channel status is set to ssmmessages")
	end := now.Add(-2 * time.Minute)
	if now.Sub(retrieved) > 35*time.Minute { // older than a refresh: the agent has been cut off since then
		end = retrieved
	}
	first := end.Add(-(end.Sub(start) / (5 * time.Minute)) * 5 * time.Minute)
	for at := first; !at.After(end); at = at.Add(5 * time.Minute) {
		if !at.After(start.Add(time.Second)) {
			continue
		}
		line(at, "INFO [ssm-agent-worker] [HealthCheck] HealthCheck reporting agent health.")
	}
	return out.String() + stamped(v.scenario.Agent.Log, now)
}

// stamped writes lines of a log that begin with their age, such as "10m ERROR text"; a line without one continues the line before.
func stamped(lines []string, now time.Time) string {
	var out strings.Builder
	for _, l := range lines {
		age, rest, _ := strings.Cut(l, " ")
		if d, err := time.ParseDuration(age); err == nil {
			l = now.Add(-d).Format("2006-01-02 15:04:05.0000") + " " + rest
		}
		out.WriteString(l + "\n")
	}
	return out.String()
}
