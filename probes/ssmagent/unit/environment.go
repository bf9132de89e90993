package unit

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/ssmagent/unit/syntax"
)

const (
	maxFileBytes = 256 << 10 // of a unit or environment file
	maxEntries   = 256       // of a directory
)

// proxyNames are the variables of a proxy. Go takes the upper-case name before the
// lower-case one (golang.org/x/net/http/httpproxy, FromEnvironment), and so does the
// agent, all of whose connections go by it.
var proxyNames = [...][2]string{{"HTTP_PROXY", "http_proxy"}, {"HTTPS_PROXY", "https_proxy"}, {"NO_PROXY", "no_proxy"}}

// layers is an environment under construction and the source of each variable.
type layers struct {
	value, source map[string]string
}

func (l layers) set(assignments []string, source func(name string) string) {
	for _, a := range assignments {
		if name, v, ok := strings.Cut(a, "="); ok && syntax.ValidName(name) {
			l.value[name], l.source[name] = v, source(name)
		}
	}
}

// proxyOf lays the layers of the unit's environment on each other as systemd does for
// its next process (systemd.exec(5)): the manager's own, Environment=, the files, and
// takes UnsetEnvironment= away. The files are read now, as systemd will: it does not
// keep what was in them.
func proxyOf(host platform.Host, u *loaded) probes.AgentProxy {
	l := layers{map[string]string{}, map[string]string{}}
	l.set(u.manager, func(string) string { return "the environment of systemd itself" })
	at := assignedAt(host, &u.AgentUnit)
	l.set(u.environment, func(name string) string {
		if file := at[name]; file != "" {
			return file
		}
		return u.Name
	})
	for _, f := range u.files {
		paths, err := expand(host, f.path)
		for _, name := range paths {
			var data []byte
			if data, err = host.ReadFile(name, maxFileBytes); err != nil && !errors.Is(err, platform.ErrTooLarge) {
				break
			}
			err = nil
			for k, v := range syntax.EnvFile(data) {
				l.value[k], l.source[k] = v, name
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return probes.AgentProxy{Source: f.path} // unknown, and not: none
		}
	}
	for _, w := range u.unset {
		name, value, withValue := strings.Cut(w, "=")
		if have, ok := l.value[name]; ok && (!withValue || have == value) {
			delete(l.value, name)
		}
	}
	return l.proxy(u.File)
}

// proxy takes what Go would. The source is that of the variable that matters most to
// the agent, which speaks https.
func (l layers) proxy(unit string) probes.AgentProxy {
	p := probes.AgentProxy{Known: true, Source: unit}
	var got [len(proxyNames)]string
	for _, i := range []int{2, 0, 1} {
		for _, name := range proxyNames[i] {
			if v := l.value[name]; v != "" {
				got[i], p.Source = v, l.source[name]
				break
			}
		}
	}
	p.HTTP, p.HTTPS, p.NoProxy = probes.ProxyURL(got[0]), probes.ProxyURL(got[1]), got[2]
	p.NoteCase(l.value)
	if l.value["REQUEST_METHOD"] != "" {
		p.HTTP = "" // Go takes this for CGI, where a request's header sets the variable
	}
	return p
}

// assignedAt finds the file of the unit that gives each variable its last value:
// systemd tells the environment, and not where it is set.
func assignedAt(host platform.Host, u *probes.AgentUnit) map[string]string {
	at := map[string]string{}
	for _, file := range append([]string{u.File}, u.DropIns...) {
		if file == "" {
			continue
		}
		data, err := host.ReadFile(file, maxFileBytes)
		if err != nil && !errors.Is(err, platform.ErrTooLarge) {
			continue
		}
		for _, s := range syntax.Settings(data, "Service") {
			if s.Key != "Environment" {
				continue
			}
			if s.Value == "" {
				clear(at)
			}
			for _, w := range syntax.Words(s.Value) {
				if name, _, ok := strings.Cut(w, "="); ok {
					at[name] = file
				}
			}
		}
	}
	return at
}

// expand resolves a pattern in a file's name, as systemd does by glob(7). Patterns of
// directories are not looked into: what they hold is unknown.
func expand(host platform.Host, name string) ([]string, error) {
	const special = "*?["
	if !strings.ContainsAny(name, special) {
		return []string{name}, nil
	}
	dir := path.Dir(name)
	if strings.ContainsAny(dir, special) {
		return nil, errors.ErrUnsupported
	}
	entries, err := host.ReadDir(dir, maxEntries)
	if err != nil {
		return nil, err
	}
	matching := map[string]bool{}
	for _, e := range entries {
		if ok, err := path.Match(path.Base(name), e.Name()); err == nil && ok {
			matching[path.Join(dir, e.Name())] = true
		}
	}
	return slices.Sorted(maps.Keys(matching)), nil
}
