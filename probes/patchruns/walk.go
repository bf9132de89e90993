package patchruns

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

const (
	maxListings   = 1200 // directories that are listed, all in all
	maxEntries    = 4000 // of one directory
	maxDepth      = 7    // below the directory of runs: association, run, documents in documents
	maxCandidates = 32   // patch steps that are looked at
	maxIdle       = 2    // runs of an association without a patch step, before it is one of another kind
	maxProblems   = 16
)

var (
	// runDate names the directory of one run of an association (agent/times, ToIsoDashUTC).
	runDate  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}`)
	instance = regexp.MustCompile(`^m?i-[0-9a-zA-Z]{1,64}$`)
	hookName = regexp.MustCompile(`(?i)hook|preinstall|postinstall|onexit`)
)

// candidate is a step of a run that is a patch operation, with its files.
type candidate struct {
	parts  []string // of the path below the directory of runs, without the plugin
	step   string
	hooks  bool
	script string
	stdout string
	stderr string
	// written is the script's time: the step began right after. Zero: no script.
	written time.Time
	// last is the newest of the outputs' times.
	last time.Time
}

// newest is the time by which candidates are ordered.
func (c *candidate) newest() time.Time {
	if c.last.After(c.written) {
		return c.last
	}
	return c.written
}

// walker looks for patch steps below the directories of runs.
type walker struct {
	host      platform.Host
	l         layout
	left      int
	truncated bool
	found     map[string]*candidate // by directory of the run, and step
	problems  []probes.PatchProblem
}

// problem records what could not be read.
func (w *walker) problem(path string, err error) {
	if len(w.problems) < maxProblems {
		w.problems = append(w.problems, problemOf(path, err))
	}
}

func problemOf(path string, err error) probes.PatchProblem {
	p := probes.PatchProblem{Path: path, Why: err.Error(), Denied: errors.Is(err, fs.ErrPermission)}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		p.Why = pe.Err.Error()
	}
	return p
}

// list is the directories in a directory, newest first where that is asked for. The
// second result is false where it could not be listed.
func (w *walker) list(dir string, dated bool) ([]fs.DirEntry, bool) {
	if w.left <= 0 {
		w.truncated = true
		return nil, true
	}
	w.left--
	entries, err := w.host.ReadDir(dir, maxEntries)
	switch {
	case errors.Is(err, platform.ErrTooLarge):
		w.truncated = true
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		w.problem(dir, err)
		return nil, false
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() })
	if dated {
		newestFirst(entries)
	}
	return entries, true
}

func newestFirst(entries []fs.DirEntry) {
	at := make(map[string]time.Time, len(entries))
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			at[e.Name()] = info.ModTime()
		}
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return at[b.Name()].Compare(at[a.Name()]) })
}

// roots are the directories of runs, of one instance or of all that left some here.
func (w *walker) roots(id string) ([]string, bool) {
	runs := func(name string) string { return w.l.join(w.l.data, name, "document", "orchestration") }
	if id != "" && instance.MatchString(id) {
		if _, err := w.host.Stat(w.l.join(w.l.data, id)); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return []string{runs(id)}, true
		}
	}
	entries, ok := w.list(w.l.data, true)
	var out []string
	for _, e := range entries {
		if instance.MatchString(e.Name()) {
			out = append(out, runs(e.Name()))
		}
	}
	return out, ok
}

// walk looks into a directory of runs. False: it could not be listed.
func (w *walker) walk(root string) bool {
	entries, ok := w.list(root, true)
	// Most are commands that patch in their first step, or do not patch at all: a look
	// at their names is cheap, and finds a weekly patch run among thousands.
	direct := map[string]bool{}
	for _, e := range entries {
		dir := w.l.join(root, e.Name())
		if info, err := w.host.Stat(w.l.join(dir, w.l.step)); err != nil || !info.IsDir() {
			continue
		}
		direct[e.Name()] = true
		if len(w.found) >= maxCandidates {
			w.truncated = true
			break
		}
		w.step(dir, []string{e.Name()}, false)
		w.output(w.l.join(dir, w.l.plugin), []string{e.Name()}, false)
	}
	for _, e := range entries {
		if direct[e.Name()] {
			continue
		}
		if len(w.found) >= maxCandidates {
			w.truncated = true
			break
		}
		w.enter(root, []string{e.Name()}, false)
	}
	return ok
}

// enter looks into the directory of a run, or of something in it.
func (w *walker) enter(root string, parts []string, hooks bool) {
	dir := w.l.join(append([]string{root}, parts...)...)
	entries, _ := w.list(dir, false)
	runs := 0
	for _, e := range entries {
		hooks = hooks || hookName.MatchString(e.Name())
		if runDate.MatchString(e.Name()) {
			runs++
		}
	}
	if runs > 0 {
		// Their names are their times.
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(b.Name(), a.Name()) })
	}
	before, idle := len(w.found), 0
	for _, e := range entries {
		name := e.Name()
		switch {
		case w.l.isStep(name) && w.l.isPlugin(parts[len(parts)-1]) && len(parts) > 1:
			w.output(dir, parts[:len(parts)-1], hooks)
		case w.l.isStep(name):
			w.step(dir, parts, hooks)
		case len(parts) < maxDepth:
			w.enter(root, append(slices.Clone(parts), name), hooks)
		default:
			w.truncated = true
		}
		if runs == 0 {
			continue
		}
		if len(w.found) == before {
			if idle++; idle == maxIdle {
				return // an association of another document
			}
		}
		if len(w.found) >= maxCandidates {
			return
		}
	}
}

// candidate is the one of a run's directory.
func (w *walker) candidate(parts []string, hooks bool) *candidate {
	key := w.l.join(parts...)
	c := w.found[key]
	if c == nil {
		c = &candidate{parts: parts, step: w.l.step}
		w.found[key] = c
	}
	c.hooks = c.hooks || hooks
	return c
}

// step takes the files in a step's own directory.
func (w *walker) step(dir string, parts []string, hooks bool) {
	c := w.candidate(parts, hooks)
	name := w.l.join(dir, w.l.step, w.l.script)
	if t, ok := w.file(name); ok {
		c.script, c.written = name, t
	}
	w.output(dir, parts, hooks)
}

// output takes the outputs of a step, which mostly lie in the plugin's directory.
func (w *walker) output(dir string, parts []string, hooks bool) {
	c := w.candidate(parts, hooks)
	for _, o := range []struct {
		name string
		to   *string
	}{{"stdout", &c.stdout}, {"stderr", &c.stderr}} {
		name := w.l.join(dir, w.l.step, o.name)
		if t, ok := w.file(name); ok {
			*o.to = name
			if t.After(c.last) {
				c.last = t
			}
		}
	}
}

// file tells whether a regular file is there, and its time.
func (w *walker) file(name string) (time.Time, bool) {
	info, err := w.host.Stat(name)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			w.problem(name, err)
		}
		return time.Time{}, false
	}
	return info.ModTime().UTC(), info.Mode().IsRegular()
}

// candidates are the steps that were found, newest first.
func (w *walker) candidates() []*candidate {
	out := make([]*candidate, 0, len(w.found))
	for _, c := range w.found {
		if !c.newest().IsZero() { // an empty directory is no run
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *candidate) int {
		if c := b.newest().Compare(a.newest()); c != 0 {
			return c
		}
		return strings.Compare(strings.Join(a.parts, "/"), strings.Join(b.parts, "/"))
	})
	return out
}
