package repos

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"agentctl/platform"
)

// mainConf is the main configuration file, whose further sections are
// repositories.
type mainConf struct {
	name string
	file *iniFile
}

// The main files and the folders of repository files, by package manager
// (libdnf/conf/ConfigMain.cpp; include/libdnf5/conf/const.hpp; yum/config.py).
var (
	mainFiles = map[generation][]string{
		genYum:  {"/etc/yum.conf", "/etc/yum/yum.conf"}, // misc.py, and the old place
		genDNF4: {"/etc/dnf/dnf.conf"},
		genDNF5: {"/etc/dnf/dnf.conf"},
	}
	repoDirs = map[generation][]string{
		genYum:  {"/etc/yum/repos.d", "/etc/yum.repos.d"},
		genDNF4: {"/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d"},
		genDNF5: {"/etc/yum.repos.d", "/etc/distro.repos.d", "/usr/share/dnf5/repos.d"},
	}
)

// dnf5's drop-in folders: the one of /etc masks files of the same name
// (dnf5.conf(5), "Drop-in configuration directories").
const (
	dnf5Conf     = "/etc/dnf/libdnf5.conf.d"
	dnf5ConfDist = "/usr/share/dnf5/libdnf.conf.d"
	dnf5Over     = "/etc/dnf/repos.override.d"
	dnf5OverDist = "/usr/share/dnf5/repos.override.d"
)

// readMain reads [main] and the variables. False: the package manager does not
// start, or the file may not be read.
func (r *reader) readMain() (*mainConf, bool) {
	merged := map[string]string{}
	if r.gen == genDNF5 {
		for _, name := range r.dropIns(dnf5Conf, dnf5ConfDist, ".conf") {
			if f := r.readFile(name); f != nil {
				if s := f.get("main"); s != nil {
					maps.Copy(merged, s.keys)
				}
			}
		}
	}
	if r.gen == genYum { // fills variables in while it reads
		r.vars = r.readVars(varDirs[genYum])
	}
	conf, ok := r.mainFile()
	if !ok {
		return nil, false
	}
	if conf != nil {
		if s := conf.file.get("main"); s != nil {
			maps.Copy(merged, s.keys)
		}
	}
	// dnf 4 fills nothing in in [main] (dnf/conf/config.py, read); dnf5 has no
	// variables of files yet when it reads it.
	early := r.vars
	if early == nil {
		early = &variables{values: map[string]string{}, syntax: r.syntax}
	}
	if r.gen == genDNF5 {
		r.environment(early)
		early.values["arch"], early.values["basearch"] = r.facts.OS.Arch, baseArch(r.facts.OS.Arch)
	}
	r.main = newOptions(merged, early, r.gen)
	if r.gen != genYum {
		dirs := varDirs[r.gen]
		if own := r.main.list("varsdir"); len(own) > 0 {
			dirs = own
		}
		r.vars = r.readVars(dirs)
	}
	r.conf.Variables = r.vars.shown()
	r.rhui = r.amazonID()
	return conf, !r.fatal()
}

// mainFile reads the first main file that there is. All three package managers
// end at one that they cannot parse, and do without one that is absent.
func (r *reader) mainFile() (*mainConf, bool) {
	for _, name := range mainFiles[r.gen] {
		data, err := r.host.ReadFile(name, maxRepoFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil && !errors.Is(err, platform.ErrTooLarge) {
			r.unreadable(name, err)
			r.conf.Known, r.conf.Why = false, name+" cannot be read"
			return nil, false
		}
		f, bad := r.parse(name, data)
		if bad != nil {
			r.problem(name, bad.line, bad.text, true)
			return nil, false
		}
		return &mainConf{name, f}, true
	}
	return nil, true
}

// dropIns lists the files of two folders by name; the first folder's mask the
// second's.
func (r *reader) dropIns(own, dist, ext string) []string {
	found := map[string]string{}
	for _, dir := range []string{dist, own} {
		entries, err := r.host.ReadDir(dir, maxRepoFiles)
		r.unreadable(dir, err)
		for _, e := range entries {
			if !e.IsDir() && path.Ext(e.Name()) == ext {
				found[e.Name()] = path.Join(dir, e.Name())
			}
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out
}

// repoFiles lists the repository files in the order in which they are read. dnf
// 4 sorts those of all folders together, by the parts of their path without the
// extension; the others go folder by folder.
func (r *reader) repoFiles(found *bool) []string {
	dirs := repoDirs[r.gen]
	if own := r.main.list("reposdir"); len(own) > 0 {
		dirs = own
	}
	var all []string
	for _, dir := range dirs {
		entries, err := r.host.ReadDir(dir, maxRepoFiles)
		if err != nil && len(entries) == 0 {
			r.unreadable(dir, err)
			continue
		}
		r.unreadable(dir, err)
		*found = true
		var names []string
		for _, e := range entries {
			if !e.IsDir() && strings.HasSuffix(e.Name(), ".repo") && !strings.HasPrefix(e.Name(), ".") {
				names = append(names, path.Join(dir, e.Name()))
			}
		}
		slices.Sort(names)
		all = append(all, names...)
	}
	if r.gen == genDNF4 {
		parts := func(name string) []string {
			return strings.Split(strings.TrimSuffix(path.Clean(name), ".repo"), "/")
		}
		slices.SortStableFunc(all, func(a, b string) int { return slices.Compare(parts(a), parts(b)) })
	}
	return all[:min(len(all), maxRepoFiles)]
}
