package diagnosis

import (
	"fmt"
	"slices"

	"agentctl/probes"
)

// rulePython: Patch Manager on Linux is a Python program.
func rulePython(v *view) {
	p := v.r.HostState.Python
	if !v.has(probes.GroupHost) || v.manager() == "" || !p.Known {
		return
	}
	best := p.Best >= 0 && p.Best < len(p.Candidates)
	f := Finding{Code: "host-python-missing", Capabilities: patching()}
	switch {
	case !best:
		f.Severity, f.Fix = Critical, fixPython(v)
		f.Summary = fmt.Sprintf("There is no Python here that Patch Manager can use with %s: it needs %s.", v.manager(), orText(p.Needs, "one that it supports"))
	case p.Candidates[p.Best].Support == probes.PythonNewer:
		c := p.Candidates[p.Best]
		f.Severity, f.Capabilities = Info, []Capability{}
		f.Summary = fmt.Sprintf("Python %s is newer than the versions that Patch Manager's page names (%s, as of %s); whether it works is not known here.", c.Version, p.Needs, p.TableDate)
		f.Fix = []Fix{{Text: "nothing to do while patch runs go well; else install one of those versions beside it"}}
	default:
		return
	}
	for _, c := range p.Candidates {
		f.Evidence = append(f.Evidence, Evidence{c.Path, pythonWords(c)})
	}
	if len(p.Candidates) == 0 {
		f.Evidence = []Evidence{{"search path of a service", "none of the names that the patch script looks for"}}
	}
	if f.Severity == Info {
		v.addInfo(f)
		return
	}
	v.add(f)
}

// pythonWords says what an interpreter is and why it does not count.
func pythonWords(c probes.Python) string {
	out := "version not known"
	if c.Version != "" {
		out = c.Version
	}
	if c.Source != "" {
		out += " (" + c.Source + ")"
	}
	switch {
	case c.Detail != "":
		out += ": " + c.Detail
	case c.Support == probes.PythonTooOld:
		out += ": too old"
	case c.Support == probes.PythonNewer:
		out += ": newer than the table"
	}
	return out
}

// ruleTools: a tool counts where this host's own data, or its last patch run, shows
// that it is needed. That AWS's page says that it may be needed is not enough: most
// images lack one of them, and patch well.
func ruleTools(v *view) {
	if !v.has(probes.GroupHost) {
		return
	}
	f := Finding{Code: "host-tool-missing", Severity: Warning, Capabilities: patching()}
	var names, packages []string
	for _, t := range v.r.HostState.Tools {
		because := t.Because
		if !t.Needed || !t.Sure {
			because = v.missedIn(t)
		}
		if because == "" || t.Present == nil || *t.Present {
			continue
		}
		if t.Name == "curl" {
			// It downloads the payload, and there is no wget in its place.
			f.Severity, f.Confidence = Critical, Likely
			t.Name += " or wget"
		}
		names, packages = append(names, t.Name), append(packages, orText(t.Package, "<package>"))
		f.Evidence = append(f.Evidence, Evidence{t.Name, "not on the search path; " + because})
	}
	if len(names) > 0 {
		f.Summary = fmt.Sprintf("A program that patch runs need here is missing: %s.", list(names))
		f.Fix = fixTools(v, packages)
		v.add(f)
		return
	}
	ruleSnapCurl(v)
}

// missedIn is what shows that the last patch run failed for want of a tool; "" none.
func (v *view) missedIn(t probes.HostTool) string {
	for _, run := range v.failedRuns() {
		if s, ok := leadSignature(run); ok && s.ID == "tool-missing" && toolOf(s) == t.Name {
			return "the last " + operationWords(run) + " failed for want of it"
		}
	}
	return ""
}

// toolOf is the tool that a run lacked, by the name of its package.
func toolOf(s probes.PatchSignature) string {
	if s.Captures["tool"] == "unxz" {
		return "xz"
	}
	return s.Captures["tool"]
}

// ruleSnapCurl: a snap may not write where the payload is put, and curl goes before
// wget.
func ruleSnapCurl(v *view) {
	t, ok := v.r.HostState.Tool("curl")
	if !ok || !t.Snap {
		return
	}
	v.add(Finding{Code: "host-tool-missing", Severity: Warning, Confidence: Likely, Capabilities: patching(),
		Summary:  "The only curl here is a snap, which may not write where the patch script puts its payload.",
		Evidence: []Evidence{{"curl", t.Path + " is the first on the search path; the patch script takes it (its exit code is then 23)"}},
		Fix:      []Fix{{"install the distribution's own, which goes before it", v.install("curl")}}})
}

// hasTool tells whether a tool is there for sure.
func (v *view) hasTool(name string) (path string, ok bool) {
	i := slices.IndexFunc(v.r.HostState.Tools, func(t probes.HostTool) bool { return t.Name == name && t.Present != nil && *t.Present })
	if i < 0 {
		return "", false
	}
	return v.r.HostState.Tools[i].Path, true
}
