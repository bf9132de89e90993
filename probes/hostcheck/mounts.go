package hostcheck

import (
	"bytes"
	"strings"
)

// mount is one line of mountinfo.
type mount struct {
	point, device, fsType string
	number                string // MAJOR:MINOR of the file system
	noExec, readOnly      bool
}

// maxMounts bounds what is kept: a machine with many containers has thousands.
const maxMounts = 4096

// parseMounts reads proc_pid_mountinfo(5). A later line hides an earlier one of the
// same mount point. Lines that are not of the form are passed over.
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func parseMounts(data []byte) []mount {
	var out []mount
	at := map[string]int{}
	for line := range bytes.Lines(data) {
		if len(line) > 16<<10 {
			continue
		}
		f := strings.Fields(string(line))
		dash := -1
		for i := 6; i < len(f); i++ {
			if f[i] == "-" {
				dash = i
				break
			}
		}
		if dash < 0 || len(f) < dash+3 || !strings.HasPrefix(f[4], "/") || !strings.Contains(f[2], ":") {
			continue
		}
		m := mount{point: unescape(f[4]), number: f[2], fsType: show(f[dash+1]), device: show(unescape(f[dash+2]))}
		options := strings.Split(f[5], ",")
		if len(f) > dash+3 {
			options = append(options, strings.Split(f[dash+3], ",")...)
		}
		for _, o := range options {
			m.noExec = m.noExec || o == "noexec"
			m.readOnly = m.readOnly || o == "ro"
		}
		if i, ok := at[m.point]; ok {
			out[i] = m
			continue
		}
		if len(out) == maxMounts {
			continue
		}
		at[m.point] = len(out)
		out = append(out, m)
	}
	return out
}

// unescape undoes the kernel's \040 for blank, tab, end of line and backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

// holding is the mount that a path lies on: the one with the longest mount point
// that the path begins with; -1: none.
func holding(mounts []mount, p string) int {
	best := -1
	for i := range mounts {
		point := mounts[i].point
		if p != point && point != "/" && !strings.HasPrefix(p, point+"/") {
			continue
		}
		if best < 0 || len(point) > len(mounts[best].point) {
			best = i
		}
	}
	return best
}

// remote file systems are not asked for their size: a dead server holds the caller.
func remote(fsType string) bool {
	for _, p := range []string{"nfs", "cifs", "smb", "fuse.", "autofs", "9p", "ceph", "glusterfs", "lustre", "afs", "ocfs2", "gfs2"} {
		if strings.HasPrefix(fsType, p) {
			return true
		}
	}
	return false
}

// mountFiles tell the mounts. That of process 1 comes first: our own unit may have
// a stricter view (ProtectSystem=), and the SSM Agent has the machine's.
var mountFiles = []string{"/proc/1/mountinfo", "/proc/self/mountinfo"}

func (r *reader) readMounts() {
	var failed error
	for _, name := range mountFiles {
		data, err := r.host.ReadFile(name, maxTable)
		if len(data) > 0 {
			if m := parseMounts(data); holding(m, "/") >= 0 {
				r.mounts, r.source = m, name
				return
			}
		}
		if err != nil {
			failed = err
		}
	}
	if failed == nil {
		failed = errNoMounts
	}
	r.note(mountFiles[0], failed)
}
