package ssmagent

import (
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

const maxCredentials = 64 << 10

// readStray looks for keys in the shared credentials file of the agent's own
// user, which the agent's SDK prefers over the instance profile (User Guide, "SSM
// Agent technical details", credentials precedence). Only whether the profile that
// it takes has a key is kept. The file that the agent itself shares its
// credentials by is none of the owner's.
func readStray(host platform.Host, l layout, shareFile string) probes.FileState {
	s := fileState(host, l.stray)
	if !s.Exists || shareFile == l.stray {
		s.Exists = false
		return s
	}
	data, err := readable(host, l.stray, maxCredentials)
	if err != nil {
		s.Exists, s.Unknown = false, !absent(err)
		return s
	}
	s.Exists = hasDefaultKey(data)
	clear(data) // it held the keys
	return s
}

// hasDefaultKey tells whether the default profile of a credentials file names an
// access key with a value.
func hasDefaultKey(data []byte) bool {
	in := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "["):
			name, _, closed := strings.Cut(line[1:], "]")
			name = strings.TrimSpace(name)
			in = closed && (name == "default" || strings.TrimSpace(strings.TrimPrefix(name, "profile ")) == "default")
		case in && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";"):
			key, value, ok := strings.Cut(line, "=")
			if ok && strings.EqualFold(strings.TrimSpace(key), "aws_access_key_id") && strings.TrimSpace(value) != "" {
				return true
			}
		}
	}
	return false
}
