package repos

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Where variables come from, by package manager. Later ones win.
//
//   - yum 3: YUM0 to YUM9 of the environment, then /etc/yum/vars without its
//     symbolic links (yum/config.py, _getEnvVar and _read_yumvars);
//   - dnf 4: DNF0 to DNF9 and DNF_VAR_name, then the folders of varsdir, by
//     default /etc/yum/vars and /etc/dnf/vars (dnf/conf/substitutions.py): a file
//     outdoes the environment;
//   - dnf5: /usr/share/dnf5/vars.d, /etc/dnf/vars, and then the environment
//     (include/libdnf5/conf/const.hpp; libdnf5/conf/vars.cpp, priorities).
var varDirs = map[generation][]string{
	genYum:  {"/etc/yum/vars"},
	genDNF4: {"/etc/yum/vars", "/etc/dnf/vars"},
	genDNF5: {"/usr/share/dnf5/vars.d", "/etc/dnf/vars"},
}

var dnfVariable = regexp.MustCompile(`^DNF(?:[0-9]|_VAR_[A-Za-z0-9_]+)$`)

// readVars collects the variables. The release comes last: only where nothing
// set it is it looked up.
func (r *reader) readVars(dirs []string) *variables {
	v := &variables{values: map[string]string{}, syntax: r.syntax}
	if r.gen != genDNF5 {
		r.environment(v)
	}
	for _, dir := range dirs {
		r.varDir(v, dir)
	}
	if r.gen == genDNF5 {
		r.environment(v)
	}
	base := baseArch(r.facts.OS.Arch)
	for name, value := range map[string]string{"arch": r.facts.OS.Arch, "basearch": base} {
		if _, set := v.values[name]; !set && value != "" {
			v.values[name] = value
		}
	}
	if _, set := v.values["releasever"]; !set {
		if release := r.release(); release != "" {
			v.values["releasever"] = release
		}
	}
	return v
}

func (r *reader) environment(v *variables) {
	for name, value := range r.in.Env {
		switch {
		case r.gen == genYum:
			if len(name) == 4 && strings.HasPrefix(name, "YUM") && name[3] >= '0' && name[3] <= '9' {
				v.values[strings.ToLower(name)] = value
			}
		case dnfVariable.MatchString(name):
			v.values[strings.TrimPrefix(name, "DNF_VAR_")] = value
		}
	}
}

// varDir reads one folder: a file's name is the variable's, its first line the
// value, with its white space.
func (r *reader) varDir(v *variables, dir string) {
	entries, err := r.host.ReadDir(dir, maxVarFiles)
	if err != nil && len(entries) == 0 {
		r.unreadable(dir, err)
		return
	}
	for _, e := range entries {
		if r.gen == genYum && e.Type()&fs.ModeSymlink != 0 {
			continue
		}
		name := path.Join(dir, e.Name())
		data, err := r.host.ReadFile(name, maxVarFile)
		if err != nil && len(data) == 0 {
			if !e.IsDir() {
				r.unreadable(name, err)
			}
			continue
		}
		line, _, _ := strings.Cut(string(data), "\n")
		key := e.Name()
		if r.gen != genYum { // Python 3 and its like take CRLF for a line's end
			line = strings.TrimSuffix(line, "\r")
		}
		v.values[key] = line
	}
}

// baseArches are the machines whose base architecture has another name
// (dnf/rpm/__init__.py, _BASEARCH_MAP).
var baseArches = map[string]string{
	"i386": "i386", "i486": "i386", "i586": "i386", "i686": "i386", "athlon": "i386", "geode": "i386",
	"amd64": "x86_64", "ia32e": "x86_64",
	"armv6hl": "armhfp", "armv7hl": "armhfp", "armv7hnl": "armhfp", "armv8hl": "armhfp",
	"armv6l": "arm", "armv7l": "arm", "armv8l": "arm",
}

func baseArch(arch string) string {
	if b, ok := baseArches[arch]; ok {
		return b
	}
	return arch
}

// secretName are variables that may hold a token.
var secretName = regexp.MustCompile(`(?i)pass|secret|token|key|auth|cred|user`)

// shown are the variables that a report may hold.
func (v *variables) shown() map[string]string {
	out := map[string]string{}
	for name, value := range v.values {
		if !secretName.MatchString(name) && len(out) < maxVarFiles {
			out[printableText(name)] = printableText(value)
		}
	}
	return out
}
