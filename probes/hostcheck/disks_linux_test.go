package hostcheck

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// uses writes the file systems down as "MOUNT uses free flags".
func uses(s probes.HostState) []string {
	var out []string
	for _, d := range s.Disks {
		line := d.Mount
		for _, u := range d.Uses {
			line += " " + string(u)
		}
		switch {
		case !d.Known:
			line += " ?"
		case d.Free == 10*mb:
			line += " 10MB"
		case d.Free == 700*mb:
			line += " 700MB"
		}
		if d.NoExec {
			line += " noexec"
		}
		if d.ReadOnly {
			line += " ro"
		}
		out = append(out, line)
	}
	return out
}

func TestDisks(t *testing.T) {
	for name, c := range map[string]struct {
		mounts string
		free   map[string]uint64
		want   []string
	}{
		"one file system": {
			rootOnly, map[string]uint64{"/": 10 * mb}, []string{"/ space exec 10MB"},
		},
		"a small /boot/efi matters to nothing": {
			rootOnly + efi, map[string]uint64{"/": 5000 * mb, "/boot/efi": 10 * mb}, []string{"/ space exec", "/boot/efi 10MB"},
		},
		"/boot of its own": {
			rootOnly + "31 22 259:3 / /boot rw - xfs /dev/nvme0n1p3 rw\n" + efi,
			map[string]uint64{"/": 5000 * mb, "/boot": 700 * mb, "/boot/efi": 10 * mb},
			[]string{"/ space exec", "/boot boot 700MB", "/boot/efi 10MB"},
		},
		"hardened": {
			rootOnly +
				"40 22 253:1 / /var rw,nosuid - xfs /dev/mapper/vg-var rw\n" +
				"41 40 253:2 / /var/log rw,noexec - xfs /dev/mapper/vg-log rw\n" +
				"42 40 253:4 / /var/lib/amazon rw,noexec - xfs /dev/mapper/vg-amazon rw\n" +
				"43 22 0:40 / /tmp rw,noexec - tmpfs tmpfs rw,size=64m\n",
			map[string]uint64{"/": 700 * mb, "/var": 700 * mb, "/var/log": 10 * mb, "/var/lib/amazon": 700 * mb, "/tmp": 10 * mb},
			[]string{"/ space 700MB", "/tmp 10MB noexec", "/var space 700MB", "/var/lib/amazon below_var exec 700MB noexec", "/var/log below_var 10MB noexec"},
		},
		"noexec on /var is /var/lib/amazon's too": {
			rootOnly + "40 22 253:1 / /var rw,noexec - ext4 /dev/sdb rw\n",
			map[string]uint64{"/": 5000 * mb, "/var": 5000 * mb},
			[]string{"/ space", "/var space exec noexec"},
		},
		"read only root": {
			strings.Replace(rootOnly, "rw,noatime", "ro,noatime", 1), map[string]uint64{"/": 5000 * mb}, []string{"/ space exec ro"},
		},
		"mounted over": {
			rootOnly + "40 22 253:1 / /var rw - ext4 /dev/sdb rw\n41 40 253:9 / /var rw,noexec - ext4 /dev/sdc rw\n",
			map[string]uint64{"/": 5000 * mb, "/var": 5000 * mb},
			[]string{"/ space", "/var space exec noexec"},
		},
		"a name that only begins alike": {
			rootOnly + "40 22 253:1 / /var2 rw,noexec - ext4 /dev/sdb rw\n41 22 253:2 / /usr/lib rw,noexec - ext4 /dev/sdb rw\n",
			map[string]uint64{"/": 5000 * mb}, []string{"/ space exec"},
		},
		"a network file system is not asked": {
			rootOnly + "40 22 0:50 / /var/log rw - nfs4 fs-1.efs.example:/ rw\n", map[string]uint64{"/": 5000 * mb},
			[]string{"/ space exec", "/var/log below_var ?"},
		},
		"no answer": {rootOnly, nil, []string{"/ space exec ?"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := reading(t, map[string]string{"/proc/1/mountinfo": c.mounts}, linux("amzn", "2023"), In{Manager: "dnf", Statfs: sizes(c.free)})
			if diff := cmp.Diff(c.want, uses(s)); diff != "" {
				t.Error(diff)
			}
			if !s.DisksKnown {
				t.Error("not known")
			}
		})
	}
}

func TestDisksUnknown(t *testing.T) {
	s := reading(t, map[string]string{"/proc/1/mountinfo": "nonsense"}, linux("amzn", "2023"), In{Manager: "dnf"})
	if s.DisksKnown || len(s.Unknown) == 0 {
		t.Errorf("known: %+v", s)
	}
	// The host's root is not the directory that sizes would be asked of.
	h := platformtest.New(map[string]string{"/proc/self/mountinfo": rootOnly})
	s = Read(h, h.FactsValue, In{Manager: "dnf"})
	if len(s.Disks) != 1 || s.Disks[0].Known || s.Disks[0].Source != "/proc/self/mountinfo" {
		t.Errorf("another machine's sizes: %+v", s.Disks)
	}
}

func TestDisksBelowRoot(t *testing.T) {
	root := dir(t, map[string]string{"/proc/1/mountinfo": rootOnly})
	s := Read(hostAt(root), linux("amzn", "2023"), In{Manager: "dnf", Root: root})
	if d, ok := s.DiskAt("/var"); !ok || !d.Known || d.Total == 0 || d.Total < d.Free || d.Free < d.Available {
		t.Errorf("%+v", s.Disks)
	}
	s = Read(hostAt(root), linux("amzn", "2023"), In{Manager: "dnf", Root: t.TempDir()})
	if d, _ := s.DiskAt("/var"); d.Known {
		t.Errorf("sizes of another directory: %+v", d)
	}
}

func TestMountEscapes(t *testing.T) {
	m := parseMounts([]byte(`36 35 98:0 / /mnt/a\040b\134c rw - ext4 /dev/x\011y rw` + "\n"))
	if len(m) != 1 || m[0].point != `/mnt/a b\c` {
		t.Errorf("%+v", m)
	}
}
