package hostcheck

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"agentctl/probes"
)

// rebootMarkers are the files by which package managers ask for a reboot: Debian's
// and Ubuntu's update-notifier, and libzypp.
var rebootMarkers = []string{"/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed"}

// patchReboots are Patch Manager's markers; it removes them when it goes on after the
// reboot. 195 and 196: some patches failed (AWS-RunPatchBaseline).
var patchReboots = []string{"194", "195", "196"}

const patchReboot = "/var/log/amazon/ssm/patch-baseline-operations-reboot-"

// reboot collects the signs of a pending reboot.
func (r *reader) reboot() probes.HostReboot {
	out := probes.HostReboot{Known: true}
	add := func(kind, detail, source string) {
		reason := probes.RebootReason{Kind: kind, Detail: detail, Source: source}
		if info, err := r.host.Stat(source); err == nil && kind != "library" {
			reason.At = info.ModTime().UTC()
		}
		out.Reasons = append(out.Reasons, reason)
	}
	for _, name := range rebootMarkers {
		if !r.exists(name) {
			continue
		}
		detail := "an update asks for a reboot"
		if pkgs, _ := r.text(name+".pkgs", maxText); len(pkgs) > 0 {
			f := strings.Fields(string(pkgs))
			slices.Sort(f)
			detail += ": " + show(strings.Join(slices.Compact(f), ", "))
		}
		add("marker", detail, name)
		break
	}
	if newer, source := r.newerKernel(); newer != "" {
		add("kernel", show(newer)+" is installed and "+show(r.facts.OS.Kernel)+" runs", source)
	}
	if lib := r.replacedLibrary(); lib != "" {
		add("library", "process 1 still runs on the old "+lib, "/proc/1/maps")
	}
	for _, code := range patchReboots {
		if r.exists(patchReboot + code) {
			add("patching", code, patchReboot+code)
		}
	}
	out.Pending = len(out.Reasons) > 0
	return out
}

// newerKernel is the newest installed kernel of the running one's flavour that is
// newer than it. A directory of modules without a kernel is a leftover.
func (r *reader) newerKernel() (release, source string) {
	running := r.facts.OS.Kernel
	if running == "" {
		return "", ""
	}
	for _, dir := range []string{"/lib/modules", "/usr/lib/modules"} {
		entries, err := r.host.ReadDir(dir, maxEntries)
		if err != nil {
			continue
		}
		best := ""
		found := false
		for _, e := range entries {
			name := e.Name()
			if name == running {
				found = true
				continue
			}
			if flavour(name) != flavour(running) || compareVersions(name, running) <= 0 || best != "" && compareVersions(name, best) <= 0 {
				continue
			}
			if r.kernelOf(dir, name) != "" {
				best = name
			}
		}
		// A running kernel that is not installed at all is a container's host's.
		if found && best != "" {
			return best, r.kernelOf(dir, best)
		}
		if found {
			return "", ""
		}
	}
	return "", ""
}

func (r *reader) kernelOf(modules, release string) string {
	for _, p := range []string{"/boot/vmlinuz-" + release, path.Join(modules, release, "vmlinuz"), "/boot/Image-" + release} {
		if info, err := r.host.Stat(p); err == nil && info.Mode().IsRegular() {
			return p
		}
	}
	return ""
}

// flavour is what a kernel's release ends with beside its version: "-aws", "-generic",
// "-default", ".amzn2023.x86_64", ".x86_64+debug". A kernel of another flavour is
// another product.
func flavour(release string) string {
	_, build, ok := strings.Cut(release, "-")
	if !ok {
		return ""
	}
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
			return -1
		}
		return c
	}, strings.ReplaceAll(build, "x86_64", "x"))
}

// replacedLibrary is a library that process 1 has mapped and that was replaced since,
// as needs-restarting finds them; "" none, or not allowed to look.
func (r *reader) replacedLibrary() string {
	data, err := r.host.ReadFile("/proc/1/maps", maxTable)
	if err != nil && len(data) == 0 {
		return ""
	}
	for line := range bytes.Lines(data) {
		name, ok := bytes.CutSuffix(bytes.TrimRight(line, "\n"), []byte(" (deleted)"))
		if !ok {
			continue
		}
		if i := bytes.IndexByte(name, '/'); i >= 0 && bytes.Contains(name[i:], []byte("/lib")) && bytes.Contains(name[i:], []byte(".so")) {
			return show(string(name[i:]))
		}
	}
	return ""
}
