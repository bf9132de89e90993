package ssmagent

import (
	"encoding/json"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

const maxIdentity = 64 << 10

// readIdentity reads identity_config.json, which the agent rewrites each time it
// has reported to Systems Manager with new credentials (core/app/credentialrefresher).
func readIdentity(host platform.Host, name string) probes.AgentIdentity {
	i := probes.AgentIdentity{FileState: fileState(host, name)}
	if !i.Exists {
		return i
	}
	data, err := host.ReadFile(name, maxIdentity)
	switch {
	case err == nil:
		parseIdentity(&i, data)
	case absent(err):
		i.FileState = probes.FileState{Path: name}
	default:
		i.Unknown = true
	}
	return i
}

// parseIdentity fills in what the file says (common/runtimeconfig,
// identity_runtimeconfig.go), or why it cannot be parsed.
func parseIdentity(i *probes.AgentIdentity, data []byte) {
	var j struct {
		InstanceID             string `json:"InstanceId"`
		IdentityType           string
		ShareFile              string
		CredentialSource       string
		CredentialsExpiresAt   time.Time
		CredentialsRetrievedAt time.Time
	}
	if err := json.Unmarshal(data, &j); err != nil {
		i.Invalid = jsonProblem(data, err)
		return
	}
	i.InstanceID, i.IdentityType, i.Source = clip(j.InstanceID, 128), clip(j.IdentityType, 64), clip(j.CredentialSource, 64)
	i.ShareFile = clip(j.ShareFile, 512)
	i.Expires, i.Retrieved = storable(j.CredentialsExpiresAt), storable(j.CredentialsRetrievedAt)
}

// storable is a time in UTC, or none where UTC has no year for it that JSON holds.
func storable(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// clip makes a file's text fit for a report: printable and short.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
