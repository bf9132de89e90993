package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/agent/words"
	"agentctl/probes"
)

// configFault is something wrong in the package manager's configuration.
type configFault struct {
	file   string
	line   int
	text   string
	target string // of the repository that it is about; ""
	stops  bool   // the package manager refuses to run, or patching needs the repository
}

func (c configFault) place() string {
	if c.line > 0 {
		return fmt.Sprintf("%s, line %d", c.file, c.line)
	}
	return orText(c.file, "configuration")
}

// configFaults are the faults that are sure. A note without a line that stops nothing
// is about agentctl's own reading: a file that is too large, or not to be read.
func (v *view) configFaults() []configFault {
	var out []configFault
	add := func(f configFault) {
		if !slices.ContainsFunc(out, func(o configFault) bool { return o.file == f.file && o.line == f.line && f.line > 0 }) {
			out = append(out, f)
		}
	}
	for i := range v.r.RepoConfig.Repos {
		repo := &v.r.RepoConfig.Repos[i]
		if repo.Enabled && repo.Problem != "" {
			stops := repo.Required || repo.Manager == "dnf" && !repo.Skip
			add(configFault{repo.File, repo.Line, "repository " + repo.ID + ": " + repo.Problem, "repo:" + repo.ID, stops})
		}
	}
	for _, rr := range v.broken(func(rr *probes.RepoResult) bool { return rr.Reason == probes.Malformed && len(rr.Result.Steps) == 0 }) {
		text := "repository " + rr.Repo.ID + ": " + rr.URL + ": " + rr.Detail
		add(configFault{rr.Repo.File, rr.Repo.Line, text, rr.Result.Target.Name, rr.Repo.Required})
	}
	for _, p := range v.r.RepoConfig.Problems {
		if !p.Denied && (p.Fatal || p.Line > 0) {
			add(configFault{p.File, p.Line, p.Text, "", p.Fatal})
		}
	}
	return out
}

// ruleRepoConfig: what stops the package manager is one finding, and what it leaves
// out without stopping another.
func ruleRepoConfig(v *view) {
	if !v.r.RepoConfig.Known || !v.has(probes.GroupRepos) {
		return
	}
	faults := v.configFaults()
	nothing := v.enabledRepos() == 0 // whatever is left out was all there is
	for _, sev := range []Severity{Critical, Warning} {
		f := Finding{Code: "repo-config-invalid", Severity: sev, Capabilities: []Capability{PatchScan, PatchInstall}}
		var hit []configFault
		for _, c := range faults {
			if (c.stops || nothing) != (sev == Critical) {
				continue
			}
			hit = append(hit, c)
			f.Evidence = append(f.Evidence, Evidence{c.place(), c.text})
			if c.target != "" {
				f.Targets = append(f.Targets, c.target)
			}
		}
		if len(hit) == 0 {
			continue
		}
		f.Summary = v.configWords(hit, sev)
		f.Fix = fixRepoConfig(v, hit)
		v.add(f)
	}
}

func (v *view) configWords(hit []configFault, sev Severity) string {
	var files []string
	for _, c := range hit {
		files = append(files, c.file)
	}
	where := list(dedup(files))
	switch {
	case v.enabledRepos() == 0:
		return fmt.Sprintf("%s is left without any repository: it cannot use what stands in %s.", v.packager(), where)
	case sev == Warning:
		return fmt.Sprintf("%s leaves out what it cannot use in %s, and goes on without it: those packages are not patched.", v.packager(), where)
	case slices.ContainsFunc(hit, func(c configFault) bool { return strings.Contains(c.text, "not registered") }):
		return "This instance is not registered with the update servers of its distribution, so its repositories have no address."
	case slices.ContainsFunc(v.r.RepoConfig.Problems, func(p probes.RepoProblem) bool { return p.Fatal }):
		return fmt.Sprintf("%s refuses to run: it cannot use what stands in %s.", v.packager(), where)
	}
	return fmt.Sprintf("A repository that patching needs has no usable address in %s.", where)
}

func (v *view) enabledRepos() int {
	n := 0
	for i := range v.r.RepoConfig.Repos {
		if v.r.RepoConfig.Repos[i].Enabled {
			n++
		}
	}
	return n
}

// ruleNoRepos is said only where everything could be read and nothing is broken.
func ruleNoRepos(v *view) {
	c := v.r.RepoConfig
	if !c.Known || c.Why != "" || len(c.Problems) > 0 || v.enabledRepos() > 0 || !v.has(probes.GroupRepos) {
		return
	}
	f := Finding{Code: "repo-none-enabled", Severity: Critical, Capabilities: []Capability{PatchScan, PatchInstall},
		Summary:  fmt.Sprintf("%s has no enabled repository, so patching finds nothing to install.", c.Manager),
		Evidence: []Evidence{{c.Manager + "'s configuration", "names no repository at all"}}, Fix: fixNoRepos(v)}
	if n := len(c.Repos); n > 0 {
		var ids []string
		for i := range c.Repos {
			ids = append(ids, c.Repos[i].ID)
		}
		f.Evidence[0].Value = words.Count(n, "repository") + ", all disabled: " + list(ids)
	}
	v.add(f)
}
