package hostcheck

import (
	"strings"
	"testing"
)

func FuzzMounts(f *testing.F) {
	f.Add([]byte("22 1 259:1 / / rw,noatime shared:1 - xfs /dev/nvme0n1p1 rw\n36 35 98:0 / /a\\040b ro,noexec - nfs4 x:/ rw"))
	f.Add([]byte("1 2 3:4 / / rw - "))
	f.Add([]byte("\x00\xff - - -"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := parseMounts(data)
		for i := range m {
			if !strings.HasPrefix(m[i].point, "/") && !strings.HasPrefix(m[i].point, "\\") {
				t.Errorf("mount point %q", m[i].point)
			}
		}
		if i := holding(m, "/var/lib/amazon"); i >= len(m) {
			t.Error(i)
		}
	})
}

func FuzzLocks(f *testing.F) {
	f.Add([]byte("1: POSIX  ADVISORY  WRITE 4321 fd:00:393222 0 EOF\n1: -> POSIX  ADVISORY  WRITE 1 fd:00:393222 0 EOF\n"))
	f.Add([]byte("9: OFDLCK ADVISORY  WRITE -1 00:1b:5 0 EOF\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, l := range parseLocks(data) {
			if l.pid < 0 || l.device == "" || l.inode == "" {
				t.Errorf("%+v", l)
			}
		}
	})
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("6.8.0-1021-aws", "6.14.0-1005-aws")
	f.Add("1a.2", "1.a2")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := compareVersions(a, b), compareVersions(b, a)
		if x > 0 != (y < 0) || x < 0 != (y > 0) {
			t.Errorf("%q and %q: %d and %d", a, b, x, y)
		}
	})
}
