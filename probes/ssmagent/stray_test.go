package ssmagent

import (
	"testing"

	"agentctl/platform/platformtest"
)

func TestStrayCredentials(t *testing.T) {
	const file = "/root/.aws/credentials"
	for _, c := range []struct {
		name, text, share string
		want              bool
	}{
		{"no file", "", "", false},
		{"default profile with a key", "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = x\n", "", true},
		{"profile written the other way", "[profile default]\nAWS_ACCESS_KEY_ID=AKIAEXAMPLE\n", "", true},
		{"other profile only", "[deploy]\naws_access_key_id = AKIAEXAMPLE\n", "", false},
		{"commented out", "[default]\n# aws_access_key_id = AKIAEXAMPLE\n;aws_access_key_id=x\n", "", false},
		{"key without value", "[default]\naws_access_key_id =\n", "", false},
		{"a process instead of keys", "[default]\ncredential_process = /bin/x\n", "", false},
		{"the agent's own shared file", "[default]\naws_access_key_id = AKIAEXAMPLE\n", file, false},
		{"garbage", "\x00[default\naws_access_key_id", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{}
			if c.text != "" {
				files[file] = c.text
			}
			if got := readStray(platformtest.New(files), layoutOf("linux"), c.share); got.Exists != c.want {
				t.Errorf("%+v, want %v", got, c.want)
			}
		})
	}
}

func FuzzStray(f *testing.F) {
	f.Add([]byte("[default]\naws_access_key_id = AKIAEXAMPLE\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { hasDefaultKey(data) })
}
