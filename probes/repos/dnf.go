package repos

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// Bounds of what is read. Real repository files have some kilobytes, folders
// some dozen entries.
const (
	maxRepoFile  = 4 << 20
	maxRepoFiles = 1000
	maxRepoBytes = 16 << 20 // of all files together
	maxRepos     = 2000
	maxVarFile   = 4 << 10
	maxVarFiles  = 500
	maxProblems  = 50
	maxURLs      = 100 // of one repository
)

// Input is what the files do not tell.
type Input struct {
	// Region is the instance's; "" where it is not known.
	Region string
	// Env is the environment in which the package manager will run: the SSM
	// Agent's, which the patch script inherits. Nil where it is not known.
	Env map[string]string
}

// generation is the family of package manager whose rules count.
type generation int

const (
	genYum generation = iota + 1
	genDNF4
	genDNF5
)

func (g generation) manager() string {
	if g == genYum {
		return "yum"
	}
	return "dnf"
}

// reader is one run of ReadDNF.
type reader struct {
	host   platform.Host
	facts  platform.Facts
	in     Input
	gen    generation
	syntax syntax
	vars   *variables
	main   options // [main], merged
	rhui   bool    // the amazon-id plugin works here
	conf   probes.RepoConfig
	// sections are the keys of conf.Repos, one to one.
	sections []options
	ids      map[string]int // repository to its place in conf.Repos
	bytes    int            // read of repository files so far
	full     bool           // that these are too many is said
}

// ReadDNF reads the repositories of dnf 4, dnf5 or yum 3, whichever this
// machine's Patch Manager uses: dnf where there is one, else yum (Patch Manager
// takes yum on Amazon Linux 2 and the releases before dnf). Known is false where
// there is neither or its folder may not be read.
//
// Sources: dnf.conf(5), dnf5.conf(5), yum.conf(5), and the code of the three,
// which the comments below name where the manuals say less.
func ReadDNF(host platform.Host, facts platform.Facts, in Input) probes.RepoConfig {
	r := &reader{host: host, facts: facts, in: in, ids: map[string]int{}}
	r.gen, r.syntax = r.manager()
	if r.gen == 0 {
		return probes.RepoConfig{Why: "neither dnf nor yum is installed"}
	}
	r.conf.Manager, r.conf.Known = r.gen.manager(), true
	mainFile, ok := r.readMain()
	if !ok {
		return r.conf
	}
	if mainFile != nil {
		r.addFile(mainFile.name, mainFile.file)
	}
	found := false
	for _, name := range r.repoFiles(&found) {
		if f := r.readFile(name); f != nil {
			r.addFile(name, f)
		}
		if r.fatal() {
			break
		}
	}
	if !found && len(r.conf.Repos) == 0 {
		r.conf.Known, r.conf.Why = false, "no repository folder can be read"
	}
	if r.gen == genDNF5 {
		r.override()
	}
	for i := range r.conf.Repos {
		r.finish(i)
	}
	return r.conf
}

// manager finds the package manager and how it writes variables.
func (r *reader) manager() (generation, syntax) {
	exists := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			_, err := r.host.Stat(n)
			return err == nil
		})
	}
	if r.facts.OS.Family == "windows" {
		return 0, 0
	}
	amazon2 := r.facts.OS.ID == "amzn" && r.facts.OS.Version == "2"
	dnf4 := exists("/usr/bin/dnf-3", "/usr/bin/dnf4")
	dnf5 := exists("/usr/bin/dnf5")
	dnf := exists("/usr/bin/dnf")
	yum := exists("/usr/bin/yum")
	switch {
	case amazon2 && yum:
		return genYum, syntaxYum
	case dnf5 && (!dnf4 || r.dnfIs("dnf5")):
		return genDNF5, syntaxShell
	case dnf4 || dnf:
		return genDNF4, r.dnfSyntax()
	case yum:
		return genYum, syntaxYum
	}
	return 0, 0
}

// dnfIs: where both are installed, Fedora 41 and later make /usr/bin/dnf a link
// to dnf5, which brings its own folder.
func (r *reader) dnfIs(name string) bool {
	_, err := r.host.Stat("/usr/share/" + name + "/libdnf.conf.d")
	return err == nil && r.facts.OS.ID == "fedora"
}

// dnfSyntax: ${name:-word} came with libdnf 0.72 and dnf 4.18. The version
// stands in dnf's own Python; where it cannot be read the newer form is assumed,
// of which the older is a part.
func (r *reader) dnfSyntax() syntax {
	for _, lib := range []string{"/usr/lib", "/usr/lib64"} {
		entries, _ := r.host.ReadDir(lib, 5000)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), "python3") {
				continue
			}
			for _, packages := range []string{"site-packages", "dist-packages"} {
				data, err := r.host.ReadFile(path.Join(lib, e.Name(), packages, "dnf/const.py"), 64<<10)
				if err != nil {
					continue
				}
				if _, after, ok := strings.Cut(string(data), "VERSION='4."); ok {
					minor := 0
					if _, err := fmt.Sscanf(after, "%d", &minor); err == nil && minor < 18 {
						return syntaxPlain
					}
				}
				return syntaxShell
			}
		}
	}
	return syntaxShell
}

// problem records a fault of the configuration.
func (r *reader) problem(file string, line int, text string, fatal bool) {
	if len(r.conf.Problems) < maxProblems {
		r.conf.Problems = append(r.conf.Problems, probes.RepoProblem{File: file, Line: line, Text: text, Fatal: fatal})
	}
}

// unreadable records a file that is there and cannot be read. What this run may
// not read is no fault: the package manager runs as root.
func (r *reader) unreadable(name string, err error) {
	if err == nil || errors.Is(err, fs.ErrNotExist) || len(r.conf.Problems) >= maxProblems {
		return
	}
	p := probes.RepoProblem{File: name, Text: "cannot be read"}
	switch {
	case errors.Is(err, fs.ErrPermission):
		p.Denied, p.Text = true, "may not be read by this user"
	case errors.Is(err, platform.ErrTooLarge):
		p.Text = "is larger than what is read here"
	}
	r.conf.Problems = append(r.conf.Problems, p)
}

func (r *reader) fatal() bool {
	return slices.ContainsFunc(r.conf.Problems, func(p probes.RepoProblem) bool { return p.Fatal })
}

// readFile reads and parses one repository file; nil: nothing of it counts.
// A file that cannot be parsed is left out by dnf 4 with a warning
// (dnf/conf/read.py); dnf5 and yum 3 end.
func (r *reader) readFile(name string) *iniFile {
	data, ok := r.read(name)
	if !ok {
		return nil
	}
	f, bad := r.parse(name, data)
	if bad != nil {
		r.problem(name, bad.line, bad.text, r.gen != genDNF4)
		return nil
	}
	return f
}

// read returns a file up to its limit; of a longer one the whole lines in it.
func (r *reader) read(name string) ([]byte, bool) {
	if r.bytes > maxRepoBytes {
		if !r.full {
			r.problem(name, 0, "more files than are read here; this one and those after it are not", false)
		}
		r.full = true
		return nil, false
	}
	data, err := r.host.ReadFile(name, maxRepoFile)
	r.bytes += len(data)
	r.unreadable(name, err)
	if errors.Is(err, platform.ErrTooLarge) {
		return data[:lastLine(data)], true
	}
	return data, err == nil
}

// lastLine is where the last whole line ends.
func lastLine(data []byte) int { return bytes.LastIndexByte(data, '\n') + 1 }

func (r *reader) parse(name string, data []byte) (*iniFile, *syntaxError) {
	if r.gen != genYum {
		return parseINI(data, false)
	}
	return parseYum(name, data, r.yumVars(), func(file string) ([]byte, string) {
		more, err := r.host.ReadFile(file, maxRepoFile)
		if r.bytes += len(more); err != nil || r.bytes > maxRepoBytes {
			return nil, "cannot be read"
		}
		return more, ""
	})
}

// yumVars are the variables as far as they are known while yum.conf is read.
func (r *reader) yumVars() *variables {
	if r.vars != nil {
		return r.vars
	}
	return &variables{values: map[string]string{}, syntax: syntaxYum}
}
