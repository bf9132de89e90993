// Package agentlog reads what the SSM Agent's logs say: its state (waiting,
// hibernating, connected by which channel) and the failures that it names, by a
// table of signatures.
//
// Names and texts follow the agent's public source
// (github.com/aws/amazon-ssm-agent); comments name the file.
package agentlog

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// Paths are the agent's logs. The rolled files lie beside each, its name followed
// by a number. An empty path is not read.
type Paths struct {
	Main string `json:"main"`
	// Worker is the worker's own log on Windows, where each program writes to a
	// file of its name (agent/log/logger, log_windows.go); elsewhere both share
	// Main.
	Worker    string `json:"worker,omitempty"`
	Errors    string `json:"errors,omitempty"`
	Hibernate string `json:"hibernate,omitempty"`
}

// Usual are the paths of a family of operating systems ("linux", "windows"). The
// snap writes to the same place as the packages: it is a classic one.
func Usual(family string) Paths {
	if family != "windows" {
		return In("/var/log/amazon/ssm/")
	}
	data := os.Getenv("ProgramData")
	if data == "" {
		data = `C:\ProgramData`
	}
	p := In(data + `\Amazon\SSM\Logs\`)
	p.Worker = data + `\Amazon\SSM\Logs\ssm-agent-worker.log`
	return p
}

// In are the logs in a directory, whose name ends with its separator.
func In(dir string) Paths {
	return Paths{Main: dir + "amazon-ssm-agent.log", Errors: dir + "errors.log", Hibernate: dir + "hibernate.log"}
}

// The limits of a read, where Options sets none.
const (
	// DefaultMaxBytes is all that the agent keeps of its main log: the file and
	// five rolled ones of 30 MB (agent/log/logger, defaultconfig.go).
	DefaultMaxBytes = 160 << 20
	// DefaultMinTail is read whatever its age. A healthy agent writes some 100 kB
	// a day, and a waiting one next to nothing, so this reaches the start of
	// states that began long before the cut-off.
	DefaultMinTail = 1 << 20
	// DefaultWindow is how long a Follower remembers events.
	DefaultWindow = 6 * time.Hour
)

// Options are the limits of a read. The zero value is the default.
type Options struct {
	MaxBytes int64 // of the main log and its rolled files, newest first
	MinTail  int64
	Window   time.Duration // of a Follower
	// Zone is the agent's time zone; nil: the host's.
	Zone *time.Location
}

func (o Options) complete(host platform.Host) Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MinTail <= 0 {
		o.MinTail = DefaultMinTail
	}
	o.MinTail = min(o.MinTail, o.MaxBytes)
	if o.Window <= 0 {
		o.Window = DefaultWindow
	}
	if o.Zone == nil {
		o.Zone = zoneOf(host)
	}
	return o
}

// zoneOf is the host's time zone. The file below the host's root is asked first:
// in a container it is the host's, while ours is the container's.
func zoneOf(host platform.Host) *time.Location {
	if data, err := host.ReadFile("/etc/localtime", 64<<10); err == nil {
		if zone, err := time.LoadLocationFromTZData("Local", data); err == nil {
			return zone
		}
	}
	return host.Now().Location()
}

// Read reads the logs from since on, and as much before it as their state needs.
// What may not be read is told in the result, never as an error.
func Read(host platform.Host, l Paths, since time.Time, o Options) probes.AgentLog {
	o = o.complete(host)
	c := newCollector(since)
	readAll(host, l, since, o, c, nil)
	return c.snapshot(host.Now())
}

// readAll feeds all logs to the collector, and returns where each was left. For a
// Follower, which has tails, a last line without an end is left too.
func readAll(host platform.Host, l Paths, since time.Time, o Options, c *collector, tails func(name string) *tail) map[string]*position {
	left := map[string]*position{}
	r := reader{host: host, o: o, c: c, buf: make([]byte, bufferSize), whole: tails != nil, tails: tails}
	// The oldest line that is still there of what the main logs tell since the
	// cut-off. What errors.log has after it is a copy of theirs.
	covered := int64(maxTime)
	for _, name := range mainLogs(l) {
		g := r.read(name, since, kindMain)
		left[name] = g.left
		c.noteMain(name == l.Main, g)
		if g.first != 0 {
			covered = min(covered, g.first)
		}
	}
	if l.Errors != "" {
		// It tells what the main log no longer has, or does not show.
		if covered > since.UnixNano() {
			r.until = covered
			g := r.read(l.Errors, since, kindErrors)
			r.until = 0
			left[l.Errors] = g.left
			c.noteOther(g)
		}
	}
	if l.Hibernate != "" {
		g := r.read(l.Hibernate, time.Time{}, kindHibernate)
		left[l.Hibernate] = g.left
		c.noteOther(g)
	}
	return left
}

func mainLogs(l Paths) []string {
	if l.Worker == "" {
		return []string{l.Main}
	}
	return []string{l.Main, l.Worker}
}

// problem turns an error into what the result says of it.
func problem(path string, err error) probes.LogProblem {
	p := probes.LogProblem{Path: path, Why: err.Error(), Denied: errors.Is(err, fs.ErrPermission)}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		p.Why = pe.Err.Error()
	}
	return p
}
