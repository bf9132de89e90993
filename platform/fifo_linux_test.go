package platform

import (
	"errors"
	"syscall"
	"testing"
)

func fifo(t testing.TB, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A pipe must neither hang a read nor be opened.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	fifo(t, dir+"/pipe")
	for _, root := range []string{"", dir} {
		name := dir + "/pipe"
		if root != "" {
			name = "/pipe"
		}
		h := New(root)
		if _, err := h.ReadFile(name, 10); !errors.Is(err, ErrNotRegular) {
			t.Errorf("got %v", err)
		}
		if _, err := h.ReadTail(name, 10); !errors.Is(err, ErrNotRegular) {
			t.Errorf("got %v", err)
		}
		if _, err := h.ReadDir(name, 10); err == nil {
			t.Error("lists a pipe")
		}
	}
	if _, err := New("").ReadFile("/dev/zero", 10); !errors.Is(err, ErrNotRegular) {
		t.Errorf("got %v", err)
	}
}
