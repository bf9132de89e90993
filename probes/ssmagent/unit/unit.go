// Package unit asks the service manager for the state of the SSM Agent's service:
// systemd over D-Bus, and the unit files where no bus answers. It starts nothing,
// changes nothing and runs no program.
//
// Names of properties and their words are those of org.freedesktop.systemd1(5).
package unit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// defaultTimeout bounds all of a Read. systemd answers in a millisecond or two; while
// it reloads its units it may take longer than this, and is unknown then.
const defaultTimeout = 500 * time.Millisecond

// Options tell Read where to look.
type Options struct {
	// Root is the directory below which the host's root is mounted (--path.rootfs):
	// its sockets are taken, too. "" and "/" are the real root.
	Root string
	// Timeout bounds connecting and asking together; zero: 500 ms.
	Timeout time.Duration
	// Sockets replace the places where the bus is looked for.
	Sockets []Socket
}

// Socket is one place where systemd can be asked.
type Socket struct {
	Path string
	// Direct: systemd itself listens there and no bus stands between.
	Direct bool
}

// loaded is a unit as systemd has it.
type loaded struct {
	probes.AgentUnit
	environment []string  // Environment=
	files       []envFile // EnvironmentFile=
	unset       []string  // UnsetEnvironment=
	manager     []string  // what systemd gives to all services
}

// envFile is one EnvironmentFile= of a unit.
type envFile struct {
	path     string
	optional bool
}

// names are the service's names, the likelier one first.
var names = [...]string{probes.AgentUnitPackaged, probes.AgentUnitSnap}

// Read returns the state of the SSM Agent's service. What cannot be read is unknown,
// never an error. It returns within the timeout, whatever the bus does.
func Read(ctx context.Context, host platform.Host, facts platform.Facts, o Options) probes.AgentUnit {
	if facts.OS.Family == "windows" {
		return probes.AgentUnit{Why: "the service manager of Windows is not asked yet"}
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	found, err := fromBus(ctx, o)
	if err == nil {
		u := found[chosen(found)]
		if rank(&u.AgentUnit) == 0 { // the rest is what systemd supposes of any service
			return probes.AgentUnit{Known: true, Source: probes.UnitFromDBus, Name: u.Name, Load: u.Load, Active: u.Active, Sub: u.Sub}
		}
		u.Known, u.Source = true, probes.UnitFromDBus
		u.Proxy = proxyOf(host, &u)
		return u.AgentUnit
	}
	if !booted(host, facts) {
		return probes.AgentUnit{Why: "systemd does not run here"}
	}
	u := fromFiles(host)
	u.Why = explain(err)
	return u
}

// booted tells whether systemd is the init of the host. The directory is the sign
// that sd_booted(3) goes by; below a mounted root /run may be missing, and process 1
// is then as good.
func booted(host platform.Host, facts platform.Facts) bool {
	if info, err := host.Stat("/run/systemd/system"); err == nil && info.IsDir() {
		return true
	}
	for i := range facts.Processes {
		if p := &facts.Processes[i]; p.PID == 1 {
			return p.Comm == "systemd"
		}
	}
	return false
}

// chosen picks the service among the two names: one that runs or is about to, else one
// that is enabled, else one that is there.
func chosen(found []loaded) int {
	best, most := 0, -1
	for i := range found {
		if r := rank(&found[i].AgentUnit); r > most {
			best, most = i, r
		}
	}
	return best
}

func rank(u *probes.AgentUnit) int {
	switch {
	case u.Load == "" || u.Load == "not-found" && u.Active != "active":
		return 0
	case u.Active == "active" || u.Active == "activating" || u.Active == "reloading" || u.Active == "deactivating":
		return 4
	case u.Enabled == "enabled" || u.Enabled == "enabled-runtime":
		return 3
	case u.Load == "masked": // of two, the one that somebody switched off is the less wanted
		return 1
	}
	return 2
}

// errNoBus says that there is no socket at all.
var errNoBus = errors.New("there is no system bus")

// explain says in words why the bus did not tell.
func explain(err error) string {
	switch {
	case errors.Is(err, errNoBus):
		return errNoBus.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "systemd did not answer in time"
	case errors.Is(err, context.Canceled):
		return "asking systemd was interrupted"
	case errors.Is(err, fs.ErrPermission):
		return "the system bus may not be used: " + cause(err)
	}
	return "systemd could not be asked: " + cause(err)
}

// maxWhy bounds what a bus can put into a report.
const maxWhy = 200

func cause(err error) string {
	return clip(err.Error(), maxWhy)
}

// clip bounds a text and leaves out what is no text.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s[:min(len(s), limit)], "")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
