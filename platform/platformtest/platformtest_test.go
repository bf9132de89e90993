package platformtest

import (
	"errors"
	"io/fs"
	"testing"

	"agentctl/platform"
)

func TestHost(t *testing.T) {
	h := New(map[string]string{"/etc/a/b": "hello", `C:\Program Files\X\y.txt`: "windows"})
	h.Files["/etc/pipe"] = File{Mode: fs.ModeNamedPipe | 0o644}
	h.Files["/root"] = File{Mode: fs.ModeDir | 0o700}
	h.Files["/root/x"] = File{Data: []byte("x")}
	h.Files["/etc/shadow"] = File{Data: []byte("x"), Mode: 0o600}
	h.Env = map[int]map[string]string{7: {"A": "b"}}

	if b, err := h.ReadFile("/etc/../etc/a/b", 3); string(b) != "hel" || !errors.Is(err, platform.ErrTooLarge) {
		t.Errorf("got %q %v", b, err)
	}
	if b, err := h.ReadTail("/etc/a/b", 2); string(b) != "lo" || err != nil {
		t.Errorf("got %q %v", b, err)
	}
	if b, err := h.ReadFile(`c:\program files\x\Y.TXT`, 99); string(b) != "windows" || err != nil {
		t.Errorf("got %q %v", b, err)
	}
	if entries, err := h.ReadDir("/etc", 99); len(entries) != 3 || !entries[0].IsDir() || err != nil {
		t.Errorf("got %v %v", entries, err)
	}
	if _, err := h.ReadFile("/etc/pipe", 1); !errors.Is(err, platform.ErrNotRegular) {
		t.Errorf("got %v", err)
	}
	if _, err := h.Stat("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	h.FactsValue.Privileged = false
	for _, name := range []string{"/root/x", "/etc/shadow"} {
		if _, err := h.ReadFile(name, 1); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.ProcessEnv(7); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
	if len(h.Reads()) == 0 {
		t.Error("no reads are kept")
	}
}
