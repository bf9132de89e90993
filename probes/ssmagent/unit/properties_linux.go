package unit

import (
	"math"
	"path"
	"strings"
	"time"
)

// properties are those of one D-Bus interface, as Go values: a string is a string, s of
// "as" a []string, a struct a []any.
type properties map[string]any

const (
	maxWord  = 256 // bytes of a state, name or message that are kept
	maxPath  = 4096
	maxItems = 128 // of a list that are kept
)

// stateProperties tell which of two units counts; every systemd has them.
var stateProperties = [...]string{"LoadState", "ActiveState", "SubState", "UnitFileState"}

// unitProperties and serviceProperties are the rest of what is asked for, by interface.
var (
	unitProperties = [...]string{"LoadState", "LoadError", "ActiveState", "SubState", "UnitFileState", "ActiveEnterTimestamp",
		"InactiveEnterTimestamp", "StateChangeTimestamp", "NeedDaemonReload", "FragmentPath", "DropInPaths"}
	serviceProperties = [...]string{"Result", "Restart", "RestartUSec", "RestartPreventExitStatus", "NRestarts", "MainPID", "User",
		"ExecMainCode", "ExecMainStatus", "ExecMainStartTimestamp", "ExecMainExitTimestamp",
		"Environment", "UnsetEnvironment", "EnvironmentFiles"}
)

// take fills in what the properties tell. Those of both interfaces can be given, in
// any order; a property of an unexpected type counts as missing.
func (u *loaded) take(p properties) {
	u.takeUnit(p)
	u.takeService(p)
}

func (u *loaded) takeUnit(p properties) {
	p.word("LoadState", &u.Load)
	p.word("ActiveState", &u.Active)
	p.word("SubState", &u.Sub)
	p.word("UnitFileState", &u.Enabled)
	if e, ok := p["LoadError"].([]any); ok && len(e) == 2 && u.Load != "not-found" && u.Load != "masked" {
		if text, ok := e[1].(string); ok { // (name, message); both empty without error
			u.LoadError = clip(text, maxWord)
		}
	}
	p.time("ActiveEnterTimestamp", &u.ActiveSince)
	p.time("InactiveEnterTimestamp", &u.InactiveSince)
	p.time("StateChangeTimestamp", &u.StateChange)
	if b, ok := p["NeedDaemonReload"].(bool); ok {
		u.NeedDaemonReload = b
	}
	if f, ok := p["FragmentPath"].(string); ok && path.IsAbs(f) {
		u.File = clip(f, maxPath)
	}
	if d, ok := p["DropInPaths"].([]string); ok && len(d) > 0 {
		u.DropIns = clipped(d)
	}
}

func (u *loaded) takeService(p properties) {
	p.word("Result", &u.Result)
	p.word("Restart", &u.Restart)
	p.word("User", &u.User)
	if n, ok := p["NRestarts"].(uint32); ok {
		count := int(min(n, math.MaxInt32))
		u.Restarts = &count
	}
	if usec, ok := p["RestartUSec"].(uint64); ok && usec < forever {
		u.RestartDelay = float64(usec) / 1e6
	}
	if pid, ok := p["MainPID"].(uint32); ok {
		u.MainPID = int(min(pid, math.MaxInt32))
	}
	u.takeExit(p)
	if env, ok := p["Environment"].([]string); ok {
		u.environment = env
	}
	if unset, ok := p["UnsetEnvironment"].([]string); ok {
		u.unset = unset
	}
	u.files = append(u.files, environmentFiles(p["EnvironmentFiles"])...)
}

// takeExit reads how the last main process ended. ExecMainCode is the kernel's word
// for it (waitid(2), si_code).
func (u *loaded) takeExit(p properties) {
	code, ok := p["ExecMainCode"].(int32)
	if status, isInt := p["ExecMainStatus"].(int32); ok && isInt {
		switch code {
		case 1: // CLD_EXITED
			u.ExitKind = "exited"
		case 2: // CLD_KILLED
			u.ExitKind = "killed"
		case 3: // CLD_DUMPED
			u.ExitKind = "dumped"
		}
		if u.ExitKind != "" {
			u.ExitStatus = int(status)
		}
	}
	p.time("ExecMainStartTimestamp", &u.Started)
	p.time("ExecMainExitTimestamp", &u.Exited)
	// RestartPreventExitStatus is (statuses, signals).
	if sets, ok := p["RestartPreventExitStatus"].([]any); ok && len(sets) > 0 {
		statuses, _ := sets[0].([]int32)
		for _, s := range statuses[:min(len(statuses), maxItems)] {
			u.FinalExits = append(u.FinalExits, int(s))
		}
	}
}

// environmentFiles reads a(sb): the file, and whether its absence is no error.
func environmentFiles(v any) []envFile {
	list, ok := v.([][]any)
	if !ok {
		return nil
	}
	var out []envFile
	for _, f := range list[:min(len(list), maxItems)] {
		if len(f) != 2 {
			continue
		}
		name, isName := f[0].(string)
		optional, isBool := f[1].(bool)
		if isName && isBool && path.IsAbs(name) && len(name) <= maxPath && !strings.ContainsRune(name, 0) {
			out = append(out, envFile{name, optional})
		}
	}
	return out
}

// forever is systemd's word for no limit, in microseconds.
const forever = math.MaxUint64

// time takes a time in microseconds since 1970; 0 is systemd's "never".
func (p properties) time(name string, to *time.Time) {
	if usec, ok := p[name].(uint64); ok && usec > 0 && usec <= maxTime {
		*to = time.UnixMicro(int64(usec)).UTC()
	}
}

// maxTime is the end of the year 9999, the last that JSON can hold.
const maxTime = 253402300799 * 1e6

func (p properties) word(name string, to *string) {
	if s, ok := p[name].(string); ok {
		*to = clip(s, maxWord)
	}
}

func clipped(list []string) []string {
	out := make([]string, 0, min(len(list), maxItems))
	for _, s := range list[:min(len(list), maxItems)] {
		out = append(out, clip(s, maxPath))
	}
	return out
}
