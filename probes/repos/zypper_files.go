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

// zyppReader reads zypp's files and keeps what went wrong on the way.
type zyppReader struct {
	host     platform.Host
	conf     map[string]string // of zypp.conf, with zypp's own defaults
	problems []probes.RepoProblem
	denied   []string // what root may read and this run may not
	files    int
	bytes    int
	full     bool                // that these are too many is said
	cache    map[string]zyppRead // one file of credentials serves many repositories
}

type zyppRead struct {
	data []byte
	ok   bool
}

func newZyppReader(host platform.Host) *zyppReader {
	r := &zyppReader{host: host, cache: map[string]zyppRead{}, conf: map[string]string{
		"configdir":               "/etc/zypp",
		"credentials.global.dir":  "/etc/zypp/credentials.d",
		"credentials.global.file": "/etc/zypp/credentials.cat",
	}}
	// zypp.conf is read leniently here: zypper itself warns and goes on.
	if data, ok := r.read("/etc/zypp/zypp.conf", maxZyppFile); ok {
		sections, _, _ := parseZyppINI(data)
		for _, s := range sections {
			for key, value := range s.values {
				if s.name == "main" && value != "" {
					r.conf[key] = value
				}
			}
		}
	}
	for key, below := range map[string]string{"reposdir": "repos.d", "servicesdir": "services.d", "varsdir": "vars.d"} {
		if r.conf[key] == "" {
			r.conf[key] = path.Join(r.conf["configdir"], below)
		}
	}
	return r
}

// read returns a file up to a limit; of a longer one the whole lines in it.
func (r *zyppReader) read(name string, limit int64) ([]byte, bool) {
	if known, ok := r.cache[name]; ok {
		return known.data, known.ok
	}
	data, ok := r.fetch(name, limit)
	r.cache[name] = zyppRead{data, ok}
	return data, ok
}

func (r *zyppReader) fetch(name string, limit int64) ([]byte, bool) {
	if r.files++; r.files > 3*maxZyppFiles || r.bytes > maxRepoBytes {
		if !r.full {
			r.problem(name, "more files than agentctl reads of zypper's configuration; this one and those after it are not read")
		}
		r.full = true
		return nil, false
	}
	data, err := r.host.ReadFile(name, limit)
	r.bytes += len(data)
	switch {
	case err == nil:
		return data, true
	case errors.Is(err, platform.ErrTooLarge):
		r.problem(name, "larger than %d KB; agentctl does not read the rest", limit>>10)
		return data[:bytes.LastIndexByte(data, '\n')+1], true
	case errors.Is(err, fs.ErrPermission):
		r.deny(name)
	case !notThere(err):
		r.problem(name, "cannot be read: %s", plainError(err))
	}
	return nil, false
}

// deny notes a file that this run may not read.
func (r *zyppReader) deny(name string) {
	if r.denied = append(r.denied, name); len(r.problems) < maxZyppFiles {
		r.problems = append(r.problems, probes.RepoProblem{File: name, Text: "this run may not read it", Denied: true})
	}
}

// problem notes once what does not stop zypper.
func (r *zyppReader) problem(file, format string, args ...any) {
	p := probes.RepoProblem{File: file, Text: fmt.Sprintf(format, args...)}
	if len(r.problems) < maxZyppFiles && !slices.Contains(r.problems, p) {
		r.problems = append(r.problems, p)
	}
}

// fault notes what makes zypper stop.
func (r *zyppReader) fault(file string, line int, format string, args ...any) {
	if len(r.problems) < maxZyppFiles {
		r.problems = append(r.problems, *aptFault(file, line, format, args...))
	}
}

// list names the files of a folder, sorted; those with a dot in front are left
// out.
func (r *zyppReader) list(dir string) (names []string) {
	entries, err := r.host.ReadDir(dir, maxZyppFiles)
	switch {
	case errors.Is(err, fs.ErrPermission):
		r.deny(dir)
	case errors.Is(err, platform.ErrTooLarge):
		r.problem(dir, "more than %d files; agentctl does not read the rest", maxZyppFiles)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names
}
