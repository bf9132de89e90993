package hostcheck

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// The Python versions that Patch Manager supports: 2.6 to 3.12, and 3.0 to 3.12 on
// AlmaLinux, Debian and Ubuntu (AWS Systems Manager User Guide, "Patch Manager
// prerequisites", Python version; copy of 2026).
const pythonTableDate = "2026-08-22"

type pyVersion struct{ major, minor int }

var (
	oldestPython  = pyVersion{2, 6}
	oldestPython3 = pyVersion{3, 0}
	newestPython  = pyVersion{3, 12}
)

// onlyPython3 are the distributions that need Python 3 whatever the manager.
var onlyPython3 = []string{"almalinux", "debian", "ubuntu"}

// pythonNames are the programs that the patch script looks for, by package manager,
// in the order in which it takes them (AWS-RunPatchBaseline, step PatchLinux).
var pythonNames = map[string][]string{
	"apt":    {"python3"},
	"dnf":    {"python2", "python3"},
	"yum":    {"python2.7", "python27", "python2", "python2.6", "python26"},
	"zypper": {"python3", "python2"},
}

// python finds what the patch script would find. Nothing is executed.
func (r *reader) python() probes.HostPython {
	p := probes.HostPython{Best: -1, TableDate: pythonTableDate}
	names := pythonNames[r.in.Manager]
	if names == nil {
		return p
	}
	three := r.in.Manager == "apt" || slices.Contains(onlyPython3, r.facts.OS.ID)
	p.Needs = pythonNeeds(r.in.Manager, three)
	if three {
		names = []string{"python3"}
	}
	p.Known = true
	// "python" counts as the major version that it is.
	for _, name := range append(slices.Clone(names), "python") {
		found, sure := r.lookup(name)
		p.Known = p.Known && sure
		if found == "" {
			continue
		}
		c := probes.Python{Name: name, Path: found}
		v, source := r.pythonVersion(found, name)
		if name == "python" && !slices.Contains(names, fmt.Sprintf("python%d", v.major)) {
			continue
		}
		c.Source = source
		if v != (pyVersion{}) {
			c.Version = fmt.Sprintf("%d.%d", v.major, v.minor)
		}
		r.weigh(&c, v, three)
		p.Candidates = append(p.Candidates, c)
	}
	p.Best, p.Support = best(p.Candidates)
	return p
}

func pythonNeeds(manager string, three bool) string {
	switch {
	case manager == "yum":
		return "Python 2.6 or 2.7 with the yum module"
	case three:
		return "Python 3.0 to 3.12"
	}
	return "Python 2.6 to 3.12"
}

// weigh compares a candidate with the table.
func (r *reader) weigh(c *probes.Python, v pyVersion, three bool) {
	oldest := oldestPython
	if three {
		oldest = oldestPython3
	}
	switch {
	case v == pyVersion{}:
		c.Support = probes.PythonUnknown
	case three && v.major < 3:
		c.Support, c.Detail = probes.PythonWrong, "Python 3 is needed here"
	case v.before(oldest):
		c.Support = probes.PythonTooOld
	case newestPython.before(v):
		c.Support = probes.PythonNewer
	case r.in.Manager == "yum":
		c.Support = r.yumModule(c, v)
	default:
		c.Support = probes.PythonSupported
	}
}

func (v pyVersion) before(o pyVersion) bool {
	return v.major < o.major || v.major == o.major && v.minor < o.minor
}

// yumModule tells whether a Python 2 can import yum: the script tries.
func (r *reader) yumModule(c *probes.Python, v pyVersion) probes.PythonSupport {
	if v.major != 2 {
		c.Detail = "yum needs Python 2"
		return probes.PythonWrong
	}
	for _, lib := range []string{"/usr/lib", "/usr/lib64", "/usr/local/lib"} {
		for _, file := range []string{"__init__.py", "__init__.pyc"} {
			name := fmt.Sprintf("%s/python%d.%d/site-packages/yum/%s", lib, v.major, v.minor, file)
			_, err := r.host.Stat(name)
			if err == nil {
				return probes.PythonSupported
			}
			if !absent(err) {
				r.note(name, err)
				return probes.PythonUnknown
			}
		}
	}
	c.Detail = fmt.Sprintf("no yum module for Python %d.%d", v.major, v.minor)
	return probes.PythonWrong
}

// best is the first candidate of the best kind: a supported one, else one that may
// be.
func best(candidates []probes.Python) (int, probes.PythonSupport) {
	for _, kind := range []probes.PythonSupport{probes.PythonSupported, probes.PythonNewer, probes.PythonUnknown, probes.PythonTooOld, probes.PythonWrong} {
		for i := range candidates {
			if candidates[i].Support == kind {
				if kind == probes.PythonTooOld || kind == probes.PythonWrong {
					return -1, kind
				}
				return i, kind
			}
		}
	}
	return -1, ""
}

var (
	inName    = regexp.MustCompile(`^python([23])\.?([0-9]{1,2})$`)
	inLibrary = regexp.MustCompile(`libpython([23])\.([0-9]{1,2})`)
)

const (
	maxMinor = 30       // of the versions that are looked for
	maxELF   = 64 << 10 // of a program: the names of its libraries stand near its head
)

// pythonVersion is an interpreter's version and what told it: its name, the
// versioned program that it is a link to, the library that it is linked with.
func (r *reader) pythonVersion(found, name string) (pyVersion, string) {
	if m := inName.FindStringSubmatch(name); m != nil {
		return toVersion(m[1], m[2]), "its name"
	}
	info, err := r.host.Stat(found)
	if err != nil {
		return pyVersion{}, ""
	}
	dir := path.Dir(found)
	var beside []pyVersion
	for _, v := range versions(name) {
		other := fmt.Sprintf("%s/python%d.%d", dir, v.major, v.minor)
		o, err := r.host.Stat(other)
		if err != nil {
			continue
		}
		if os.SameFile(info, o) {
			return v, "same as " + other
		}
		beside = append(beside, v)
	}
	if v := r.linkedPython(found); v != (pyVersion{}) {
		return v, "the library that it is linked with"
	}
	if len(beside) == 1 {
		return beside[0], fmt.Sprintf("%s/python%d.%d beside it", dir, beside[0].major, beside[0].minor)
	}
	return pyVersion{}, ""
}

// versions are those that a program of a name can have.
func versions(name string) []pyVersion {
	var out []pyVersion
	if name != "python3" {
		out = append(out, pyVersion{2, 6}, pyVersion{2, 7})
	}
	for minor := 0; minor <= maxMinor && name != "python2"; minor++ {
		out = append(out, pyVersion{3, minor})
	}
	return out
}

func (r *reader) linkedPython(name string) pyVersion {
	o, ok := r.host.(platform.Opener)
	if !ok {
		return pyVersion{}
	}
	f, err := o.Open(name)
	if err != nil {
		return pyVersion{}
	}
	defer f.Close()
	buf := make([]byte, maxELF)
	n, _ := f.ReadAt(buf, 0)
	if !bytes.HasPrefix(buf[:n], []byte("\x7fELF")) {
		return pyVersion{}
	}
	m := inLibrary.FindSubmatch(buf[:n])
	if m == nil {
		return pyVersion{}
	}
	return toVersion(string(m[1]), string(m[2]))
}

func toVersion(major, minor string) pyVersion {
	a, _ := number(major)
	b, _ := number(strings.TrimSpace(minor))
	return pyVersion{int(a), int(b)}
}
