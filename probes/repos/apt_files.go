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

// maxAptBytes bounds all that is read of apt's files together: includes may name
// the same folder again and again.
const maxAptBytes = 16 << 20

// aptReader reads apt's files and keeps what went wrong on the way.
type aptReader struct {
	host     platform.Host
	conf     *aptConf
	problems []probes.RepoProblem
	// denied are files that root may read and this run may not. Apt runs as root:
	// for it they are no problem.
	denied []string
	files  int
	bytes  int
	full   bool // that these are too many is said
}

// read returns a file up to its limit. Where the file is longer, the last line,
// which is cut, is left out and the problem noted.
func (r *aptReader) read(name string) ([]byte, bool) {
	if r.files++; r.files > maxAptFiles || r.bytes > maxAptBytes {
		if !r.full {
			r.problem(name, "more files than agentctl reads of apt's configuration; this one and those after it are not read")
		}
		r.full = true
		return nil, false
	}
	data, err := r.host.ReadFile(name, maxAptFile)
	r.bytes += len(data)
	switch {
	case err == nil:
		return data, true
	case errors.Is(err, platform.ErrTooLarge):
		r.problem(name, "larger than %d KB; agentctl does not read the rest", maxAptFile>>10)
		return data[:bytes.LastIndexByte(data, '\n')+1], true
	case errors.Is(err, fs.ErrPermission):
		r.deny(name)
	case !errors.Is(err, fs.ErrNotExist):
		r.problem(name, "cannot be read: %s", err)
	}
	return nil, false
}

// deny notes a file that this run may not read.
func (r *aptReader) deny(name string) {
	if r.denied = append(r.denied, name); len(r.problems) < maxAptFiles {
		r.problems = append(r.problems, probes.RepoProblem{File: name, Text: "this run may not read it", Denied: true})
	}
}

// problem notes once what does not stop apt.
func (r *aptReader) problem(file, format string, args ...any) {
	p := probes.RepoProblem{File: file, Text: fmt.Sprintf(format, args...)}
	if len(r.problems) < maxAptFiles && !slices.Contains(r.problems, p) {
		r.problems = append(r.problems, p)
	}
}

// parts lists the files of a folder that apt reads, in its order: regular files
// with one of the extensions ("" allows a name without any) and a name of
// letters, digits, _ - . and : alone. So .save, .dpkg-old, .disabled and the like
// are passed over (fileutl.cc, GetListOfFilesInDir).
func (r *aptReader) parts(dir string, extensions ...string) []string {
	entries, err := r.host.ReadDir(dir, maxAptFiles)
	switch {
	case errors.Is(err, fs.ErrPermission):
		r.deny(dir)
	case errors.Is(err, platform.ErrTooLarge):
		r.problem(dir, "more than %d files; agentctl does not read the rest", maxAptFiles)
	}
	var names []string
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !aptPartName(e.Name(), extensions) {
			continue
		}
		if !e.Type().IsRegular() { // a link to a file is one too
			if info, err := r.host.Stat(name); err != nil || !info.Mode().IsRegular() {
				continue
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// aptPartName tells whether apt reads a file of that name.
func aptPartName(name string, extensions []string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("_-:.", rune(c)) {
			return false
		}
	}
	extension := ""
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		extension = name[dot+1:]
	}
	return slices.Contains(extensions, extension)
}

// configure reads apt.conf.d, then apt.conf, each over what came before it.
func (r *aptReader) configure() {
	if dir := r.conf.file("Dir::Etc::parts"); dir != "" {
		for _, name := range r.parts(dir, "conf", "") {
			r.configFile(name, 0)
		}
	}
	if name := r.conf.file("Dir::Etc::main"); name != "" {
		r.configFile(name, 0)
	}
}

// configFile reads one file of options and returns what is wrong with it, which
// stops apt-get: a file that an #include names and that is missing counts.
func (r *aptReader) configFile(name string, depth int) string {
	known := len(r.denied) + len(r.problems)
	data, ok := r.read(name)
	if !ok {
		if depth == 0 || len(r.denied)+len(r.problems) > known {
			return ""
		}
		return "Unable to read " + aptPrintable(name)
	}
	line, fault := parseAptConf(r.conf, data, depth, func(to string, depth int) string {
		if to != "" && !path.IsAbs(to) { // relative to wherever apt-get is started
			r.problem(name, "an #include without a full path; agentctl does not read %s", aptPrintable(to))
			return ""
		}
		if len(to) < 3 || !strings.HasSuffix(to, "/") {
			return r.configFile(path.Clean(to), depth)
		}
		fault := ""
		for _, part := range r.parts(path.Clean(to), "conf", "") {
			if f := r.configFile(part, depth); f != "" {
				fault = f
			}
		}
		return fault
	})
	if fault != "" && len(r.problems) < maxAptFiles {
		r.problems = append(r.problems, *aptFault(name, line, "Syntax error %s:%d: %s", name, line, fault))
	}
	return fault
}

// sources reads sources.list, then the parts of sources.list.d.
func (r *aptReader) sources(arch string) (entries []aptEntry) {
	names := []string{}
	if main := r.conf.file("Dir::Etc::sourcelist"); main != "" {
		names = append(names, main)
	}
	if dir := r.conf.file("Dir::Etc::sourceparts"); dir != "" {
		names = append(names, r.parts(dir, "list", "sources")...)
	}
	for _, name := range names {
		data, ok := r.read(name)
		if !ok {
			continue
		}
		parse := parseAptList
		if path.Ext(name) == ".sources" {
			parse = parseAptSources
		}
		more, fault := parse(name, data, arch)
		if entries = append(entries, more...); len(entries) > maxAptEntries {
			r.problem(name, "more than %d repositories; agentctl does not read the rest", maxAptEntries)
			return entries[:maxAptEntries]
		}
		if fault != nil {
			r.problems = append(r.problems, *fault)
		}
	}
	return entries
}

// netrc reads the lines of auth.conf and auth.conf.d (apt_auth.conf(5)).
func (r *aptReader) netrc() (files [][]byte, complete bool) {
	known := len(r.denied)
	names := []string{}
	if main := r.conf.file("Dir::Etc::netrc"); main != "" {
		names = append(names, main)
	}
	if dir := r.conf.file("Dir::Etc::netrcparts"); dir != "" {
		names = append(names, r.parts(dir, "conf", "")...)
	}
	for _, name := range names {
		if data, ok := r.read(name); ok {
			files = append(files, data)
		}
	}
	return files, len(r.denied) == known
}
