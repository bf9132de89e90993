//go:build linux

package lab

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"agentctl/internal/lab/guest"
)

// Instance is what differs from a freshly started Amazon Linux 2023.
type Instance struct {
	OS          string            `yaml:"os"`          // a key of flavours: al2023 (default), al2, rhel9, ubuntu, ...
	Nameservers []string          `yaml:"nameservers"` // default 10.0.0.2; [none] writes no nameserver line
	Search      *string           `yaml:"search"`      // default REGION.compute.internal
	Options     string            `yaml:"options"`     // of resolv.conf
	Resolved    bool              `yaml:"resolved"`    // systemd-resolved's stub on 127.0.0.53
	Hosts       string            `yaml:"hosts"`       // lines added to /etc/hosts
	Trust       string            `yaml:"trust"`       // lab (default), lab+corporate, strangers
	Files       map[string]string `yaml:"files"`       // written last; ${REGION}, ${SUFFIX} and such as ${AGO 2h} are replaced
	Modes       map[string]uint32 `yaml:"modes"`       // of those files, default 0644
	Hostname    string            `yaml:"hostname"`    // default as EC2 names it, with the region
	Config      string            `yaml:"config"`      // lines added to /etc/agentctl/agentctl.yml
	Remove      []string          `yaml:"remove"`      // paths of the image left out
	// Disks are file systems of their own. They are real: a tmpfs of that size.
	Disks     []DiskSpec    `yaml:"disks"`
	Locks     []LockSpec    `yaml:"locks"`
	Processes []ProcessSpec `yaml:"processes"`
	Memory    MemorySpec    `yaml:"memory"`
	Uptime    Duration      `yaml:"uptime"` // default two days
	// ClientCertificate is how the client certificates that an image brings stand: good (default) or expired.
	ClientCertificate string `yaml:"client_certificate"`
}

// DiskSpec is a file system beside the root's, which has 8 GB.
type DiskSpec struct {
	Mount    string `yaml:"mount"`
	Size     string `yaml:"size"` // such as 60m, default 4g
	NoExec   bool   `yaml:"noexec"`
	ReadOnly bool   `yaml:"read_only"`
}

// LockSpec is a package manager's lock that a process really holds.
type LockSpec struct {
	Path   string   `yaml:"path"`
	Kind   string   `yaml:"kind"`   // fcntl (default), flock, pid
	Holder string   `yaml:"holder"` // the process's name
	Age    Duration `yaml:"age"`    // of the process
}

// ProcessSpec is a process that is just there.
type ProcessSpec struct {
	Name string   `yaml:"name"`
	Args []string `yaml:"args"`
	Age  Duration `yaml:"age"`
}

// MemorySpec is what the kernel says of memory. Default: 1 GB, half of it available, nothing killed.
type MemorySpec struct {
	Total     int `yaml:"total"`     // MB
	Available int `yaml:"available"` // MB
	Swap      int `yaml:"swap"`      // MB
	OOMKills  int `yaml:"oom_kills"`
}

var diskSize = regexp.MustCompile(`^[0-9]+[kmg]$`)

// check finds the mistakes that the decoder cannot.
func (i *Instance) check() (wrong []error) {
	for _, d := range i.Disks {
		if !path.IsAbs(d.Mount) || d.Size != "" && !diskSize.MatchString(d.Size) {
			wrong = append(wrong, fmt.Errorf("disk %q of size %q: an absolute path and a size such as 60m are needed", d.Mount, d.Size))
		}
	}
	for _, l := range i.Locks {
		if l.Holder == "" || !path.IsAbs(l.Path) || !slices.Contains([]string{"", "fcntl", "flock", "pid"}, l.Kind) {
			wrong = append(wrong, fmt.Errorf("lock %q needs an absolute path, a holder and a known kind", l.Path))
		}
	}
	for name := range i.Modes {
		if _, found := i.Files[name]; !found {
			wrong = append(wrong, fmt.Errorf("a mode for %s, which is not among the files", name))
		}
	}
	if !slices.Contains([]string{"", "good", "expired"}, i.ClientCertificate) {
		wrong = append(wrong, fmt.Errorf("unknown client certificate %q", i.ClientCertificate))
	}
	return wrong
}

// machine fills in the guest's disks, memory, time since boot and processes.
func (v *VPC) machine(spec *guest.Spec) {
	i := v.scenario.Instance
	for _, d := range i.Disks {
		size := d.Size
		if size == "" {
			size = "4g"
		}
		spec.Disks = append(spec.Disks, guest.Disk{Mount: d.Mount, Size: size, NoExec: d.NoExec, ReadOnly: d.ReadOnly})
	}
	if spec.Uptime = i.Uptime.Duration; spec.Uptime == 0 {
		spec.Uptime = 48 * time.Hour
	}
	spec.Proc = i.Memory.files()
	for _, l := range i.Locks {
		kind := l.Kind
		if kind == "" {
			kind = "fcntl"
		}
		spec.Processes = append(spec.Processes, guest.Process{Name: l.Holder, Age: l.Age.Duration, Lock: l.Path, Kind: kind})
	}
	for _, p := range i.Processes {
		spec.Processes = append(spec.Processes, guest.Process{Name: p.Name, Args: p.Args, Age: p.Age.Duration})
	}
	for _, run := range v.scenario.Agent.Runs {
		if run.Running {
			spec.Processes = append(spec.Processes, guest.Process{Name: flavours[i.OS].agentFolder + "/ssm-document-worker", Args: []string{run.id()}})
		}
	}
}

// files are what /proc says of memory: of the machine that the lab runs on it would tell too much.
func (m MemorySpec) files() []guest.File {
	if m.Total == 0 {
		m.Total = 1024
	}
	if m.Available == 0 {
		m.Available = m.Total / 2
	}
	meminfo := ""
	for _, line := range []struct {
		name string
		mb   int
	}{{"MemTotal", m.Total}, {"MemFree", m.Available / 2}, {"MemAvailable", m.Available}, {"Buffers", 2}, {"Cached", m.Available / 2}, {"SwapTotal", m.Swap}, {"SwapFree", m.Swap}} {
		meminfo += fmt.Sprintf("%-15s %8d kB\n", line.name+":", line.mb<<10)
	}
	return []guest.File{text("/proc/meminfo", meminfo), text("/proc/vmstat", fmt.Sprintf("nr_free_pages %d\noom_kill %d\n", m.Available<<8, m.OOMKills))}
}

var ago = regexp.MustCompile(`\$\{(AGO|LOG|STAMP) ([0-9a-z]+)\}`)

// fill replaces in a scenario's text what differs by region and by the time at which it runs: ${AGO 2h} is a time of RFC 3339,
// ${LOG 2h} that of a line of syslog, ${STAMP 2h} that of a line of the patch payload.
func (v *VPC) fill(text string) string {
	now := time.Now().UTC()
	text = ago.ReplaceAllStringFunc(text, func(found string) string {
		m := ago.FindStringSubmatch(found)
		d, err := time.ParseDuration(m[2])
		if err != nil {
			return found
		}
		form := map[string]string{"AGO": time.RFC3339, "LOG": time.Stamp, "STAMP": "01/02/2006 15:04:05"}[m[1]]
		return now.Add(-d).Format(form)
	})
	return strings.NewReplacer("${INSTANCE}", instanceID).Replace(v.world.fill(text))
}
