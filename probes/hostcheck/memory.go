package hostcheck

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"agentctl/probes"
)

var (
	errSearch = errors.New("a directory of the search path may not be read")
	errForm   = errors.New("is not of the known form")
)

// agentGroups are the SSM Agent's control groups (cgroup v2), of package and snap.
var agentGroups = []string{
	"/sys/fs/cgroup/system.slice/amazon-ssm-agent.service/memory.events",
	"/sys/fs/cgroup/system.slice/snap.amazon-ssm-agent.amazon-ssm-agent.service/memory.events",
}

// kernelLogs are where syslog daemons put the kernel's messages.
var kernelLogs = []string{"/var/log/messages", "/var/log/kern.log", "/var/log/syslog"}

const maxKills = 8

// memory reads /proc/meminfo and what the kernel says of processes that it killed.
func (r *reader) memory() probes.HostMemory {
	var m probes.HostMemory
	if data, ok := r.text("/proc/meminfo", maxText); ok {
		v := counters(data)
		total, a := v["MemTotal"]
		available, b := v["MemAvailable"]
		if m.Known = a && b; m.Known {
			m.Total, m.Available = total<<10, available<<10
			m.SwapTotal, m.SwapFree = v["SwapTotal"]<<10, v["SwapFree"]<<10
		} else {
			r.note("/proc/meminfo", errForm)
		}
	}
	if data, ok := r.text("/proc/vmstat", maxText); ok {
		if n, ok := counters(data)["oom_kill"]; ok { // Linux 4.13 and later
			m.OOMKills = &n
		}
	}
	for _, name := range agentGroups {
		data, _ := r.host.ReadFile(name, maxText)
		if n, ok := counters(data)["oom_kill"]; ok {
			m.AgentOOMKills = &n
			break
		}
	}
	if m.OOMKills == nil || *m.OOMKills > 0 {
		m.Kills = r.kills()
	}
	return m
}

// counters reads lines of a name and a number, as /proc has them: "MemTotal: 3 kB",
// "oom_kill 0".
func counters(data []byte) map[string]uint64 {
	out := map[string]uint64{}
	for line := range bytes.Lines(data) {
		if len(line) > 256 {
			continue
		}
		f := strings.Fields(string(line))
		if len(f) < 2 {
			continue
		}
		if n, ok := number(f[1]); ok && n < 1<<52 {
			out[strings.TrimSuffix(f[0], ":")] = n
		}
	}
	return out
}

// killed is the kernel's message (mm/oom_kill.c). Older kernels say "Kill process".
var killed = regexp.MustCompile(`(?:Out of memory|Memory cgroup out of memory): Kill(?:ed)? process ([0-9]{1,10}),? \(([^)]{1,32})\)`)

// kills are the last such lines of the kernel's log, where a file of it may be read.
func (r *reader) kills() []probes.OOMKill {
	for _, name := range kernelLogs {
		info, err := r.host.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		data, err := r.host.ReadTail(name, maxLog)
		if err != nil {
			r.note(name, err)
			continue
		}
		var out []probes.OOMKill
		for line := range bytes.Lines(data) {
			if len(line) > 4<<10 || !bytes.Contains(line, []byte("ut of memory: Kill")) {
				continue
			}
			if k, ok := r.kill(line); ok {
				k.Source = name
				out = append(out, k)
			}
		}
		if len(out) > maxKills {
			out = out[len(out)-maxKills:]
		}
		if out != nil {
			return out
		}
	}
	return nil
}

func (r *reader) kill(line []byte) (probes.OOMKill, bool) {
	m := killed.FindSubmatch(line)
	if m == nil {
		return probes.OOMKill{}, false
	}
	pid, _ := strconv.Atoi(string(m[1]))
	comm := show(string(m[2]))
	return probes.OOMKill{PID: pid, Comm: comm, At: r.logTime(line), Line: show(string(line)), Package: patching(comm)}, true
}

// patching tells whether a process is one that a patch run consists of.
func patching(comm string) bool {
	for _, p := range []string{"dnf", "yum", "apt", "dpkg", "zypper", "Zypp", "rpm", "python", "platform-python", "amazon-ssm", "ssm-", "unattended-upgr", "packagekit"} {
		if strings.HasPrefix(comm, p) {
			return true
		}
	}
	return false
}

// logTime is the time that a line of syslog begins with, of either form; zero: none.
// The traditional one has no year: the last such day before now is meant.
func (r *reader) logTime(line []byte) time.Time {
	head := string(line[:min(len(line), 40)])
	if word, _, ok := strings.Cut(head, " "); ok {
		if t, err := time.Parse(time.RFC3339Nano, word); err == nil {
			return t.UTC()
		}
	}
	if len(head) < 15 {
		return time.Time{}
	}
	t, err := time.ParseInLocation("2006 Jan _2 15:04:05", strconv.Itoa(r.now.Year())+" "+head[:15], r.now.Location())
	if err != nil {
		return time.Time{}
	}
	if t.After(r.now.Add(24 * time.Hour)) {
		t = t.AddDate(-1, 0, 0)
	}
	return t.UTC()
}
