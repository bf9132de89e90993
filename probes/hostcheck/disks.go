package hostcheck

import (
	"errors"
	"os"
	"slices"
	"strings"

	"agentctl/probes"
)

var (
	errNoMounts = errors.New("names no root file system")
	errOtherTop = errors.New("the directory of its files is not known")
	errRemote   = errors.New("a network file system is not asked")
)

// watched are the paths whose file systems count, and for what. The patch script
// and its output lie in /var/lib/amazon, the payload is unpacked in
// /var/log/amazon/ssm/patch-baseline-operations.
var watched = []struct {
	path string
	use  probes.DiskUse
}{
	{"/", ""},
	{"/usr", probes.DiskSpace},
	{"/var", probes.DiskSpace},
	{"/var/cache", probes.DiskLogs},
	{"/var/log", probes.DiskLogs},
	{"/var/lib/amazon", probes.DiskLogs},
	{"/boot", probes.DiskBoot},
	{"/boot/efi", ""},
	{"/tmp", ""},
}

// agentData is executed from: PatchLinux's _script.sh lies there.
const agentData = "/var/lib/amazon"

// disks are the file systems of the watched paths.
func (r *reader) disks() ([]probes.Disk, bool) {
	if r.mounts == nil {
		return nil, false
	}
	statfs, err := r.statfs()
	if err != nil {
		r.note("free space", err)
	}
	byMount := map[string]*probes.Disk{}
	var order []string
	variable := r.mountOf("/var")
	for _, w := range watched {
		m := r.mountOf(w.path)
		// /boot and /boot/efi count on file systems of their own alone.
		if m == nil || strings.HasPrefix(w.path, "/boot") && m.point != w.path {
			continue
		}
		d := byMount[m.point]
		if d == nil {
			d = &probes.Disk{Mount: show(m.point), Device: m.device, FSType: m.fsType, NoExec: m.noExec, ReadOnly: m.readOnly, Source: r.source}
			r.fill(d, m, statfs, err)
			byMount[m.point] = d
			order = append(order, m.point)
		}
		d.Paths = append(d.Paths, w.path)
		use := w.use
		if use == probes.DiskLogs && variable != nil && m.point == variable.point {
			use = ""
		}
		d.Uses = addUse(d.Uses, use)
		if w.path == agentData {
			d.Uses = addUse(d.Uses, probes.DiskExec)
		}
	}
	slices.Sort(order)
	out := make([]probes.Disk, 0, len(order))
	for _, point := range order {
		out = append(out, *byMount[point])
	}
	return out, true
}

func addUse(uses []probes.DiskUse, use probes.DiskUse) []probes.DiskUse {
	if use == "" || slices.Contains(uses, use) {
		return uses
	}
	return append(uses, use)
}

// mountOf is the mount that holds a path. The name of the path decides, unless it
// leads elsewhere by a symbolic link: then the device of what is there does.
func (r *reader) mountOf(p string) *mount {
	i := holding(r.mounts, p)
	if i < 0 {
		return nil
	}
	info, err := r.host.Stat(p)
	if err != nil {
		return &r.mounts[i]
	}
	dev, _ := fileID(info)
	if dev == "" || dev == r.mounts[i].number {
		return &r.mounts[i]
	}
	for j := range r.mounts {
		// btrfs gives each subvolume a number of its own that no mount has.
		if r.mounts[j].number == dev && !strings.HasPrefix(r.mounts[i].fsType, "btrfs") {
			return &r.mounts[j]
		}
	}
	return &r.mounts[i]
}

// fill asks for sizes.
func (r *reader) fill(d *probes.Disk, m *mount, statfs func(string) (Usage, error), failed error) {
	if failed == nil && remote(m.fsType) {
		failed = errRemote
	}
	var u Usage
	if failed == nil {
		u, failed = statfs(m.point)
	}
	if failed == nil && u.Total == 0 {
		failed = errNoSize
	}
	if failed != nil {
		d.Why = plain(failed)
		return
	}
	d.Known = true
	d.Total, d.Free, d.Available, d.Inodes, d.FreeInodes = u.Total, u.Free, u.Available, u.Inodes, u.FreeInodes
}

var errNoSize = errors.New("has no size")

// statfs is the call below the host's root. It is refused where that root is not
// the directory that it is said to be.
func (r *reader) statfs() (func(string) (Usage, error), error) {
	if r.in.Statfs != nil {
		return r.in.Statfs, nil
	}
	top := strings.TrimSuffix(r.in.Root, "/")
	mine, err := os.Stat(top + "/")
	if err != nil {
		return nil, err
	}
	theirs, err := r.host.Stat("/")
	if err != nil {
		return nil, err
	}
	if !os.SameFile(mine, theirs) {
		return nil, errOtherTop
	}
	return func(p string) (Usage, error) { return statfs(top + p) }, nil
}

// systemDrive is the drive that Windows is on.
func (r *reader) systemDrive() ([]probes.Disk, bool) {
	drive := os.Getenv("SystemDrive")
	if drive == "" {
		drive = "C:"
	}
	ask := r.in.Statfs
	if ask == nil {
		ask = statfs
	}
	d := probes.Disk{Mount: drive + `\`, Paths: []string{drive + `\`}, Uses: []probes.DiskUse{probes.DiskSpace}}
	r.fill(&d, &mount{point: drive + `\`}, ask, nil)
	if !d.Known {
		r.note("free space on "+drive, errors.New(d.Why))
	}
	return []probes.Disk{d}, d.Known
}
