package diagnosis

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
	"agentctl/probes/ssmagent"
	"agentctl/probes/ssmagent/agentlog"
)

// modes are what a real SSM Agent left on disk under eight conditions, some 20 s
// after it was started (see probes/ssmagent/testdata). Alone is what is said of
// that state when the network has been repaired since, ten minutes later; joined,
// what is said while the condition lasts. The logs are written here, with the
// texts of the agent's source.
var modes = []struct {
	name   string
	log    []string
	alone  string
	cause  func(*probes.Round)
	joined string
}{
	{"good", []string{"INFO [CredentialRefresher] Credentials ready"}, "", func(*probes.Round) {}, ""},
	{"nxdomain", sendFailed, "ssm-agent-backoff", func(r *probes.Round) {
		each(r, func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.NXDomain) })
	}, "dns-name-not-found"},
	{"norole", []string{
		"ERROR EC2RoleProvider Failed to connect to Systems Manager with instance profile role credentials. Err: retrieved credentials failed to report to ssm. Error: EC2RoleRequestError: no EC2 instance role found",
		"INFO [CredentialRefresher] Sleeping for 30m0s before retrying retrieve credentials",
	}, "ssm-agent-backoff", func(r *probes.Round) { r.Metadata.Role = probes.RoleNone }, "iam-no-instance-profile"},
	{"denied", []string{
		"ERROR [CredentialRefresher] Retrieve credentials produced error: retrieved credentials failed to report to ssm. Error: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/r/i-0123456789abcdef0 is not authorized to perform: ssm:UpdateInstanceInformation on resource: arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0 because no identity-based policy allows the ssm:UpdateInstanceInformation action",
		"\tstatus code: 400, request id: 00000000-0000-0000-0000-000000000000",
		"INFO [CredentialRefresher] Sleeping for 27m0s before retrying retrieve credentials",
	}, "iam-access-denied", func(*probes.Round) {}, "iam-access-denied"},
	{"skew", []string{
		"ERROR [CredentialRefresher] Retrieve credentials produced error: unexpected error getting instance profile role credentials or calling UpdateInstanceInformation. Skipping default host management fallback: retrieved credentials failed to report to ssm. Error: InvalidSignatureException: Signature expired: 20261123T150400Z is now earlier than 20261123T151000Z (20261123T151500Z - 5 min.)",
		"INFO [CredentialRefresher] Sleeping for 20m0s before retrying retrieve credentials",
	}, "ssm-agent-backoff", func(r *probes.Round) { shift(r, 11*time.Minute) }, "clock-skew"},
	{"imds403", []string{
		"ERROR [amazon-ssm-agent] Failed to get instance info from IMDS. Error: EC2MetadataError: failed to make EC2Metadata request",
		"ERROR [amazon-ssm-agent] Error occurred when starting amazon-ssm-agent: failed to get identity: failed to find agent identity",
	}, "ssm-agent-stopped", func(r *probes.Round) {
		r.Metadata = probes.Metadata{State: probes.MetadataDisabled, Denied: "/latest/api/token"}
	}, "imds-disabled"},
	{"mgsdrop", []string{
		"INFO [CredentialRefresher] Credentials ready",
		"ERROR [ssm-agent-worker] [MessageService] [MGSInteractor] Failed to get controlchannel token, error: CreateControlChannel failed with error: createControlChannel request failed: failed to make http client call: Post \"https://ssmmessages.us-east-1.amazonaws.com/v1/control-channel/i-0123456789abcdef0\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
		"INFO [ssm-agent-worker] [MessageService] [MGSInteractor] SSM Connection channel status is set to ec2messages",
	}, "ssm-agent-channel-fallback", func(r *probes.Round) {
		connect(of(r, "ssmmessages"), probes.Timeout)
		internetIs(r, probes.Timeout)
	}, "endpoint-blocked"},
	{"vpce403", []string{
		"ERROR [CredentialRefresher] Retrieve credentials produced error: unexpected error getting instance profile role credentials or calling UpdateInstanceInformation. Skipping default host management fallback: retrieved credentials failed to report to ssm. Error: SerializationError: failed to unmarshal response error",
		"\tstatus code: 403, request id: ",
		"caused by: UnmarshalError: failed decoding response body",
		"INFO [CredentialRefresher] Sleeping for 20m0s before retrying retrieve credentials",
	}, "ssm-agent-backoff", func(r *probes.Round) {
		http(of(r, "ssm"), probes.HTTP{Reason: probes.NotAWS, Status: 403, HTML: true})
	}, "http-not-aws"},
}

var sendFailed = []string{
	"ERROR [CredentialRefresher] Retrieve credentials produced error: unexpected error getting instance profile role credentials or calling UpdateInstanceInformation. Skipping default host management fallback: retrieved credentials failed to report to ssm. Error: RequestError: send request failed",
	"INFO [CredentialRefresher] Sleeping for 20m0s before retrying retrieve credentials",
}

func TestModes(t *testing.T) {
	if len(modes) != 8 {
		t.Fatalf("%d modes, want 8", len(modes))
	}
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			host := modeHost(t, m.name, m.log)
			round := func() *probes.Round {
				r := healthyRound()
				r.Started, r.Now = host.Now(), host.Now()
				each(r, func(x *probes.Result) {
					x.HTTP.Date, x.HTTP.ReceivedAt = host.Now(), host.Now().Add(500*time.Millisecond)
				})
				r.Metadata.InstanceID, r.Metadata.RoleExpires = "i-0123456789abcdef0", host.Now().Add(time.Hour)
				r.Agent = ssmagent.Read(host)
				r.Agent.Log = agentlog.Read(host, agentlog.Usual("linux"), host.Now().Add(-24*time.Hour), agentlog.Options{Zone: time.UTC})
				return r
			}
			r := round()
			if got := serious(Diagnose(r)); got != m.alone {
				t.Errorf("alone: %q, want %q; log %+v", got, m.alone, r.Agent.Log)
			}
			r = round()
			m.cause(r)
			d := Diagnose(settled(r))
			if got := serious(d); got != m.joined {
				t.Errorf("joined: %q, want %q", got, m.joined)
			}
			honest(t, r, d)
		})
	}
}

func serious(d Diagnosis) string {
	var got []string
	for _, f := range d.Findings {
		if f.Severity != Info {
			got = append(got, string(f.Code))
		}
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

// modeHost is the recorded machine, ten minutes after the recording.
func modeHost(t *testing.T, mode string, log []string) *platformtest.Host {
	t.Helper()
	dir := filepath.Join("../../probes/ssmagent/testdata", mode)
	files := map[string]string{"/usr/bin/amazon-ssm-agent": "ELF"}
	err := filepath.WalkDir(filepath.Join(dir, "var"), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		files["/"+strings.TrimPrefix(filepath.ToSlash(p), filepath.ToSlash(dir)+"/")] = string(data)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	recorded := time.Date(2026, 11, 23, 15, 13, 40, 0, time.UTC)
	lines := []string{"2026-11-23 15:10:00.0000 INFO [amazon-ssm-agent] amazon-ssm-agent - v3.3.987.0"}
	for _, l := range log {
		if !strings.HasPrefix(l, "\t") && !strings.HasPrefix(l, "caused by") {
			l = recorded.Format("2006-01-02 15:04:05.0000 ") + l
		}
		lines = append(lines, l)
	}
	files["/var/log/amazon/ssm/amazon-ssm-agent.log"] = strings.Join(lines, "\n") + "\n"
	h := platformtest.New(files)
	h.Clock = recorded.Add(10 * time.Minute)
	h.FactsValue = platform.Facts{OS: platform.OS{Family: "linux", ID: "amzn", Version: "2023"}, Privileged: true,
		Processes: []platform.Process{{PID: 1, Comm: "systemd"}}}
	data, err := os.ReadFile(filepath.Join(dir, "processes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		pid, _ := strconv.Atoi(f[0])
		ppid, _ := strconv.Atoi(f[1])
		h.FactsValue.Processes = append(h.FactsValue.Processes, platform.Process{PID: pid, PPID: ppid, Comm: filepath.Base(f[3])[:15], Exe: f[3], Args: f[3:]})
	}
	return h
}
