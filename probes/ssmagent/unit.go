package ssmagent

import (
	"path"
	"slices"
	"sort"
	"strings"

	"agentctl/platform"
	"agentctl/probes/ssmagent/unit/syntax"
)

// unitDirs is systemd's load path for system units, strongest first
// (systemd.unit(5)).
var unitDirs = [...]string{"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
	"/run/systemd/generator.early", "/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator.late"}

// managerFiles may set the environment of all services (systemd-system.conf(5),
// DefaultEnvironment=), the later ones on top.
var managerFiles = [...]string{"/usr/lib/systemd/system.conf", "/etc/systemd/system.conf"}

// managerDirs hold drop-ins for them.
var managerDirs = [...]string{"/etc/systemd/system.conf.d", "/run/systemd/system.conf.d", "/usr/lib/systemd/system.conf.d"}

const (
	maxUnitBytes = 256 << 10
	maxDropIns   = 128
	maxEnvFiles  = 32
)

// unit is a service's environment as its files set it.
type unit struct {
	found      bool
	unreadable string // the file for which it is unknown
	source     string // where the last thing was set, else the unit itself
	env        environment

	host    platform.Host
	files   []envFile
	manager environment
	unset   []string
}

// envFile is one EnvironmentFile= of a unit.
type envFile struct {
	path     string
	optional bool
}

// readUnit reads a unit, its drop-ins and the environment files that they name.
func readUnit(host platform.Host, name string) *unit {
	u := &unit{host: host, env: environment{}, manager: environment{}}
	for _, dir := range unitDirs {
		file := dir + "/" + name
		data, err := readable(host, file, maxUnitBytes)
		if absent(err) {
			continue
		}
		if err != nil {
			u.unreadable = file
			return u
		}
		u.found, u.source = true, file
		u.apply(data, file)
		break // a stronger directory hides the weaker ones' files of that name
	}
	if !u.found {
		return u
	}
	for _, file := range u.dropIns(dropInDirs(name)) {
		u.read(file, u.apply)
	}
	for _, file := range managerFiles {
		u.read(file, u.applyManager)
	}
	for _, file := range u.dropIns(managerDirs[:]) {
		u.read(file, u.applyManager)
	}
	u.finish()
	return u
}

// read hands a file to take, or remembers that it may not be read.
func (u *unit) read(file string, take func(data []byte, file string)) {
	data, err := readable(u.host, file, maxUnitBytes)
	switch {
	case err == nil:
		take(data, file)
	case !absent(err) && u.unreadable == "":
		u.unreadable = file
	}
}

// dropInDirs are the directories of a unit's drop-ins, strongest first: its own
// name, then the names cut at each dash, then those for all services.
func dropInDirs(name string) []string {
	stem := strings.TrimSuffix(name, ".service")
	names := []string{name + ".d"}
	for i := len(stem) - 1; i > 0; i-- {
		if stem[i] == '-' {
			names = append(names, stem[:i+1]+".service.d")
		}
	}
	names = append(names, "service.d")
	var dirs []string
	for _, n := range names {
		for _, d := range unitDirs {
			dirs = append(dirs, d+"/"+n)
		}
	}
	return dirs
}

// dropIns lists the drop-ins of directories that are given strongest first. Files
// apply in the order of their names, and one hides those of the same name in
// weaker directories.
func (u *unit) dropIns(dirs []string) []string {
	byName := map[string]string{}
	for _, dir := range dirs {
		entries, err := u.host.ReadDir(dir, maxDropIns)
		if err != nil && !absent(err) && u.unreadable == "" {
			u.unreadable = dir
		}
		for _, e := range entries {
			n := e.Name()
			if _, hidden := byName[n]; strings.HasSuffix(n, ".conf") && !e.IsDir() && !hidden {
				byName[n] = path.Join(dir, n)
			}
		}
	}
	names := make([]string, 0, len(byName))
	for n := range byName {
		names = append(names, n)
	}
	sort.Strings(names)
	files := make([]string, len(names))
	for i, n := range names {
		files[i] = byName[n]
	}
	return files
}

// apply takes the settings of one file of the unit.
func (u *unit) apply(data []byte, file string) {
	for _, s := range syntax.Settings(data, "Service") {
		switch s.Key {
		case "Environment":
			if s.Value == "" {
				clear(u.env)
				continue
			}
			if assign(u.env, s.Value) {
				u.source = file
			}
		case "EnvironmentFile":
			name, optional := strings.CutPrefix(s.Value, "-")
			switch {
			case name == "":
				u.files = nil
			case path.IsAbs(name) && len(u.files) < maxEnvFiles:
				u.files = append(u.files, envFile{name, optional})
			}
		case "UnsetEnvironment":
			if s.Value == "" {
				u.unset = nil
			}
			u.unset = append(u.unset, syntax.Words(s.Value)...)
		}
	}
}

// applyManager takes the settings of one file of systemd itself.
func (u *unit) applyManager(data []byte, _ string) {
	for _, s := range syntax.Settings(data, "Manager") {
		if s.Key != "DefaultEnvironment" {
			continue
		}
		if s.Value == "" {
			clear(u.manager)
		}
		assign(u.manager, s.Value)
	}
}

// finish lays the layers on each other: systemd's own, Environment=, the files,
// and takes UnsetEnvironment= away (systemd.exec(5)).
func (u *unit) finish() {
	for k, v := range u.manager {
		if _, ok := u.env[k]; !ok {
			u.env[k] = v
		}
	}
	for _, f := range u.files {
		for _, name := range u.expand(f.path) {
			u.read(name, func(data []byte, file string) {
				set := syntax.EnvFile(data)
				for k, v := range set {
					u.env[k] = v
				}
				if len(set) > 0 {
					u.source = file
				}
			})
		}
	}
	for _, w := range u.unset {
		name, value, withValue := strings.Cut(w, "=")
		if have, ok := u.env[name]; ok && (!withValue || have == value) {
			delete(u.env, name)
		}
	}
}

// expand resolves a pattern in a file's name, as systemd does by glob(7).
func (u *unit) expand(name string) []string {
	if !strings.ContainsAny(name, "*?[") {
		return []string{name}
	}
	dir := path.Dir(name)
	if strings.ContainsAny(dir, "*?[") {
		u.unreadable = name // a pattern of directories: not looked into
		return nil
	}
	entries, err := u.host.ReadDir(dir, maxDropIns)
	if err != nil && !absent(err) && u.unreadable == "" {
		u.unreadable = dir
	}
	var out []string
	for _, e := range entries {
		if ok, err := path.Match(path.Base(name), e.Name()); err == nil && ok {
			out = append(out, path.Join(dir, e.Name()))
		}
	}
	slices.Sort(out)
	return out
}

// assign takes the assignments of one Environment= value and tells whether there
// were any.
func assign(env environment, value string) bool {
	found := false
	for _, w := range syntax.Words(value) {
		name, v, ok := strings.Cut(strings.ReplaceAll(w, "%%", "%"), "=")
		if ok && syntax.ValidName(name) {
			env[name], found = v, true
		}
	}
	return found
}
