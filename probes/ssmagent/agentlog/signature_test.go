package agentlog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentctl/probes"
)

// matched is the event of one entry, as of a running agent.
func matched(t *testing.T, text string) (probes.LogEvent, bool) {
	t.Helper()
	c := newCollector(time.Unix(1, 0))
	ck := clock{zone: time.UTC}
	(&splitter{}).feed([]byte("2026-11-23 15:06:34.5793 "+text+"\n"), true, func(b []byte) {
		if e, ok := parse(b, &ck); ok {
			c.add(&e, kindMain)
		}
	})
	l := c.snapshot(time.Date(2026, 11, 23, 15, 10, 0, 0, time.UTC))
	if len(l.Events) != 1 {
		return probes.LogEvent{}, false
	}
	return l.Events[0], true
}

// Texts of the agent, by what they must be taken for. "" is nothing.
var texts = []struct {
	name, text, id string
	subject        probes.LogSubject
	captures       string // "key=value key=value"
}{
	{"token denied, unauthorized", "ERROR [MessageGatewayService] Failed to get controlchannel token, error: CreateControlChannel failed with error: createControlChannel request failed: unexpected response from the service <UnauthorizedRequest><message>Unauthorized request.</message></UnauthorizedRequest>", "denied-unauthorized", probes.SubjectControlChannel, "service=ssmmessages"},
	{"denied, bare, with a tag", "ERROR [MGSInteractor] Failed to get controlchannel token, error: CreateControlChannel failed with error: createControlChannel request failed: unexpected response from the service <AccessDeniedException><Message>no</Message></AccessDeniedException>", "denied-bare", probes.SubjectControlChannel, ""},
	{"token without a cause", "ERROR [MGSInteractor] Failed to get controlchannel token, error: no idea", "control-channel-failed", probes.SubjectControlChannel, ""},
	{"repeated on the way up", "ERROR [MGSInteractor] Error setting up control channel: no idea", "", "", ""},
	{"dial failed", "WARN [MGSInteractor] Failed to dial websocket: malformed something", "websocket-dial-failed", probes.SubjectControlChannel, ""},
	{"dial met a plain answer", "WARN [MGSInteractor] Failed to dial websocket: malformed HTTP response \"SSH-2.0\"", "http-not-aws", probes.SubjectControlChannel, ""},
	{"ping of the websocket", "WARN [MGSInteractor] Error while sending websocket ping: write tcp 10.0.0.5:1->1.2.3.4:443: write: broken pipe", "websocket-idle", probes.SubjectControlChannel, ""},
	{"long poll cut by the server", "WARN [MDSInteractor] Server terminated MDS long poll connection after 19.4 seconds", "messages-cut", probes.SubjectMessages, ""},
	{"long poll cut by the client", "WARN [MDSInteractor] Client terminated MDS long poll connection after 30 seconds due to no response", "messages-cut", probes.SubjectMessages, ""},
	{"unable to load shared credentials", "ERROR EC2RoleProvider unable to load shared credentials. Err: SharedCredsLoad: failed to load", "shared-credentials-lost", probes.SubjectCredentials, ""},
	{"credentials are not there", "WARN [CredentialRefresher] Credentials are not available when they should be: x", "shared-credentials-lost", probes.SubjectCredentials, ""},
	{"instance profile's, retrieved by the worker", "ERROR [ssm-agent-worker] EC2RoleProvider failed to retrieve instance profile role credentials. Err: EC2RoleRequestError: no EC2 instance role found", "no-instance-role", probes.SubjectCredentials, ""},
	{"role that may not be assumed", "WARN EC2RoleProvider Failed to connect to Systems Manager with instance profile role credentials. Err: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role", "role-cannot-be-assumed", probes.SubjectCredentials, ""},
	{"dhmc, token refused", "ERROR EC2RoleProvider Failed to connect to Systems Manager with SSM role credentials. error calling RequestManagedInstanceRoleToken: ValidationException: x", "dhmc-failed", probes.SubjectCredentials, ""},
	{"identity role", "ERROR [AuthRegisterService] failed to retrieve instance identity role. Error: EC2MetadataError: failed to make EC2Metadata request\n\tstatus code: 404, request id: ", "imds-status", probes.SubjectRegistration, "status=404"},
	{"registration", "ERROR [Registrar] failed to register identity: unable to get region", "registration-failed", probes.SubjectRegistration, ""},
	{"registration, dhmc off", "ERROR [Registrar] failed to register identity: error calling RegisterManagedInstance API: AccessDeniedException: Systems Manager's instance management role is not configured for account: 1", "dhmc-not-configured", probes.SubjectRegistration, ""},
	{"registered already", "ERROR [EC2Identity] Instance appears to already be registered. Err: x", "already-registered", probes.SubjectRegistration, ""},
	{"fingerprint", "INFO [ssm-agent-worker] Entering SSM Agent hibernate - MachineFingerprintDoesNotMatch: Fingerprint does not match", "fingerprint-mismatch", probes.SubjectHealth, ""},
	{"role lost, old wording with the status", "INFO Entering SSM Agent hibernate - EC2RoleRequestError: no EC2 instance role found\ncaused by: EC2MetadataError: failed to make EC2Metadata request\n\tstatus code: 404, request id: ", "no-instance-role", probes.SubjectHealth, ""},
	{"role asked, service blocked", "INFO Entering SSM Agent hibernate - EC2RoleRequestError: no EC2 instance role found\ncaused by: RequestError: send request failed\ncaused by: Get \"http://169.254.169.254/latest/meta-data/iam/security-credentials/\": dial tcp 169.254.169.254:80: i/o timeout", "imds-unreachable-for-role", probes.SubjectHealth, "service=imds"},
	{"role asked, service refuses", "INFO Entering SSM Agent hibernate - EC2RoleRequestError: no EC2 instance role found\ncaused by: EC2MetadataError: failed to make EC2Metadata request\n\tstatus code: 403, request id: ", "imds-refused", probes.SubjectHealth, "status=403"},
	{"hibernates, no cause", "INFO [ssm-agent-worker] Entering SSM Agent Worker hibernate - something", "hibernating", probes.SubjectHealth, ""},
	{"reset after the hello", "INFO [ssm-agent-worker] Entering SSM Agent hibernate - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": read tcp 10.0.0.5:39040->52.94.1.1:443: read: connection reset by peer", "tcp-reset", probes.SubjectHealth, "host=ssm.eu-west-1.amazonaws.com addr=52.94.1.1:443 service=ssm"},
	{"windows reset", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": wsarecv: An existing connection was forcibly closed by the remote host.", "tcp-reset", probes.SubjectHealth, ""},
	{"windows refused", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": dial tcp 10.0.0.9:443: connectex: No connection could be made because the target machine actively refused it.", "tcp-refused", probes.SubjectHealth, "addr=10.0.0.9:443"},
	{"windows timeout", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": dial tcp 10.0.0.9:443: connectex: A connection attempt failed because the connected party did not properly respond after a period of time", "tcp-timeout", probes.SubjectHealth, "addr=10.0.0.9:443"},
	{"resolver refuses", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": dial tcp: lookup ssm.eu-west-1.amazonaws.com on 127.0.0.53:53: read udp 127.0.0.1:4->127.0.0.53:53: read: connection refused", "dns-refused", probes.SubjectHealth, "resolver=127.0.0.53:53 host=ssm.eu-west-1.amazonaws.com"},
	{"libc's resolver", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": dial tcp: lookup ssm.eu-west-1.amazonaws.com: Temporary failure in name resolution", "dns-server-failed", probes.SubjectHealth, ""},
	{"own firewall", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": dial tcp 52.1.1.1:443: connect: operation not permitted", "tcp-forbidden", probes.SubjectHealth, ""},
	{"ipv6", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.api.aws/\": dial tcp [2a05:d018::1]:443: connect: network is unreachable", "tcp-no-route", probes.SubjectHealth, "addr=[2a05:d018::1]:443 service=ssm"},
	{"messages polled", "ERROR [ssm-agent-worker] [MessageService] [MDSInteractor] error when calling AWS APIs. error details - GetMessages Error: ThrottlingException: Rate exceeded", "throttled", probes.SubjectMessages, ""},
	{"an association's call", "ERROR [ssm-agent-worker] [MessageService] [Association] error when calling AWS APIs. error details - ValidationException: x", "api-call-failed", probes.SubjectOther, ""},
	{"security token expired", "ERROR [HealthCheck] error when calling AWS APIs. error details - ExpiredTokenException: The security token included in the request is expired", "credentials-expired", probes.SubjectHealth, ""},
	{"shared credentials expired", "ERROR [MGSInteractor] Failed to get controlchannel token, error: CreateControlChannel failed with error: createControlChannel request failed: failed to sign the request: shared credentials are already expired, they were retrieved at 2023-05-22T10:03:45Z and expired at 2023-05-22T11:07:14Z", "credentials-expired", probes.SubjectControlChannel, ""},
	{"token unknown", "ERROR [HealthCheck] error when calling AWS APIs. error details - UnrecognizedClientException: The security token included in the request is invalid.", "credentials-invalid", probes.SubjectHealth, ""},
	{"unknown error", "ERROR [ssm-agent-worker] the moon is full", "", "", ""},
	{"unknown warning that names the network", "WARN [ssm-agent-worker] tried, dial tcp 1.2.3.4:443: i/o timeout", "", "", ""},
	{"unknown warning that names a policy", "WARN [ssm-agent-worker] x is not authorized to perform: s3:GetObject on resource: y with an explicit deny in a VPC endpoint policy", "denied-endpoint-policy-deny", probes.SubjectOther, "action=s3:GetObject layer=vpc_endpoint_policy_deny"},
	{"informative", "INFO [ssm-agent-worker] dial tcp 1.2.3.4:443: i/o timeout", "", "", ""},
	{"update to an older version", "ERROR [updater] updating amazon-ssm-agent to an older version, please enable allow downgrade to proceed", "update-to-older", probes.SubjectOther, ""},
	{"core start", "ERROR [amazon-ssm-agent] Failed to start core agent startup module", "start-failed", probes.SubjectProcess, ""},
	{"configuration", "ERROR context could not be loaded - invalid character", "config-not-loaded", probes.SubjectProcess, ""},
	{"something that is not TLS", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": tls: first record does not look like a TLS handshake", "tls-not-tls", probes.SubjectHealth, ""},
	{"TLS otherwise", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": tls: server selected unsupported protocol version 301", "tls-failed", probes.SubjectHealth, ""},
	{"DNS otherwise", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": dial tcp: lookup ssm.eu-west-1.amazonaws.com on 10.0.0.2:53: cannot unmarshal DNS message", "dns-failed", probes.SubjectHealth, "resolver=10.0.0.2:53"},
	{"a cause of no known kind", "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed\ncaused by: Post \"https://ssm.eu-west-1.amazonaws.com/\": net/http: something new", "transport-hidden", probes.SubjectHealth, ""},
	{"polling", "ERROR [MDSInteractor] MDS Polling job started with errors. x", "messages-failed", probes.SubjectMessages, ""},
	{"refresher", "ERROR [CredentialRefresher] credentials refresher panic: runtime error", "refresher-panic", probes.SubjectCredentials, ""},
	{"time, by S3", "ERROR [x] failed uploading /a to s3://b/c err:RequestTimeTooSkewed: The difference between the request time and the current time is too large.", "clock-skewed", probes.SubjectS3, "service=s3"},
	{"upload", "ERROR [x] Failed to upload /a to s3://b/c err:NoSuchBucket: x", "s3-upload-failed", probes.SubjectS3, "service=s3"},
	{"signature", "ERROR [HealthCheck] error when calling AWS APIs. error details - InvalidSignatureException: The request signature we calculated does not match the signature you provided.", "signature-mismatch", probes.SubjectHealth, ""},
	{"update of itself", "ERROR [amazon-ssm-agent] [SelfUpdate] Self update failed to get region from platform package, x", "update-failed", probes.SubjectS3, ""},
	{"no update here", "ERROR [updater] Unsupported on current platform", "update-unsupported", probes.SubjectOther, ""},
	{"inventory", "ERROR [x] the following error occured while calling PutInventory API: x", "inventory-upload-failed", probes.SubjectOther, ""}, //nolint:misspell // as the agent writes it
	{"channel between processes", "ERROR failed to create IPC folder, x", "ipc-failed", probes.SubjectProcess, ""},
	{"watch", "ERROR [ssm-document-worker] [x] filewatcher listener encountered error when start watcher: x", "ipc-watch-failed", probes.SubjectProcess, ""},
	{"role, other error", "WARN EC2RoleProvider Failed to connect to Systems Manager with instance profile role credentials. Err: x", "role-cannot-report", probes.SubjectCredentials, ""},
	{"memory", "ERROR [ssm-document-worker] fork/exec /usr/bin/sh: cannot allocate memory", "resource-memory", probes.SubjectProcess, ""},
	{"metadata, unknown cause", "ERROR Failed to get instance info from IMDS. Err: failed to get identity region", "imds-failed", probes.SubjectIdentity, ""},
	{"state not saved", "WARN [CredentialRefresher] Failed to save new expiration: x", "credentials-not-saved", probes.SubjectCredentials, ""},
	{"identity role, unknown cause", "ERROR [AuthRegisterService] failed to retrieve instance identity role. Error: x", "identity-role-failed", probes.SubjectRegistration, ""},
	{"chain", "ERROR [HealthCheck] error when calling AWS APIs. error details - NoCredentialProviders: no valid providers in chain. Deprecated.", "no-credentials-in-chain", probes.SubjectHealth, ""},
	{"instance id", "ERROR [HealthCheck] error when calling AWS APIs. error details - InvalidInstanceId: x", "instance-id-refused", probes.SubjectHealth, ""},
	{"page with words of the network", "ERROR [MGSInteractor] Failed to get controlchannel token, error: CreateControlChannel failed with error: createControlChannel request failed: unexpected response from the service <html><title>504</title>dial tcp: connection timed out, EOF</html>", "http-not-aws", probes.SubjectControlChannel, "title=504"},
	{"disk", "ERROR [amazon-ssm-agent] [CredentialRefresher] Failed to write credentials to disk even with force, retrying: open /x: read-only file system", "resource-read-only", probes.SubjectCredentials, ""},
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, c := range texts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, ok := matched(t, c.text)
			if got.ID != c.id || ok != (c.id != "") || ok && got.Subject != c.subject {
				t.Fatalf("taken for %q of %q, want %q of %q", got.ID, got.Subject, c.id, c.subject)
			}
			for _, kv := range strings.Fields(c.captures) {
				if k, v, _ := strings.Cut(kv, "="); got.Captures[k] != v {
					t.Errorf("%s is %q, want %q of %v", k, got.Captures[k], v, got.Captures)
				}
			}
		})
	}
}

// Each signature says what it means, and its expression can be compiled.
func TestSignatures(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	all := Signatures()
	if len(all) < 60 {
		t.Errorf("only %d signatures", len(all))
	}
	for _, s := range all {
		if s.ID == "" || seen[s.ID] || s.Meaning == "" || s.Remedy == "" || s.Source == "" || s.Class == "" || s.Severity != "warning" && s.Severity != "info" {
			t.Errorf("incomplete, or twice: %+v", s)
		}
		seen[s.ID] = true
		if s.re != nil && s.re.re().NumSubexp() == 0 {
			t.Errorf("%s: nothing is captured", s.ID)
		}
	}
	if got, ok := Lookup("clock-behind"); !ok || got.Class != probes.LogClock {
		t.Errorf("looked up as %+v", got)
	}
	if _, ok := Lookup("no-such"); ok {
		t.Error("found what is not there")
	}
}

// No signature is in the table that no test shows.
func TestSignaturesAreShown(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, c := range texts {
		shown[c.id] = true
	}
	names, err := filepath.Glob("testdata/logs/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(data), "-- want --")
		for line := range strings.Lines(want) {
			if f := strings.Fields(line); len(f) > 2 && (f[0] == "now" || f[0] == "past") {
				shown[f[1]] = true
			}
		}
	}
	for id := range signatures().byID {
		if !shown[id] {
			t.Errorf("%s is in no test", id)
		}
	}
}

// The finder finds what looking for one text after the other finds.
func FuzzFinder(f *testing.F) {
	for _, c := range texts {
		f.Add(c.text)
	}
	f.Add("ssssssssssend request failed: i/o timeout: lookup lookup ")
	f.Fuzz(func(t *testing.T, s string) {
		fd := signatures().finder
		got := fd.find([]byte(s))
		for n, text := range fd.texts {
			if found := got[n/64]>>(n%64)&1 == 1; found != strings.Contains(s, text) {
				t.Errorf("%q in %q: %t", text, s, found)
			}
		}
	})
}

func FuzzLine(f *testing.F) {
	for _, c := range texts {
		f.Add("2026-11-23 15:06:34.5793 " + c.text)
	}
	f.Add("2026-11-23 15:06:34 ERROR [x")
	f.Add("2026-02-31 25:61:61.99999999999999999999 CRITICAL [a] [b] [")
	f.Fuzz(func(t *testing.T, s string) {
		c := newCollector(time.Unix(1, 0))
		ck := clock{zone: time.UTC}
		(&splitter{}).feed([]byte(s), true, func(b []byte) {
			if e, ok := parse(b, &ck); ok {
				c.add(&e, kindMain)
			}
		})
		check(t, c.snapshot(time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC)))
	})
}
