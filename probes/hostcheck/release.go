package hostcheck

import (
	"path"
	"regexp"
	"strings"

	"agentctl/probes"
)

// al2023Newest is the newest release of Amazon Linux 2023 when this program was
// made (endoflife.date, 2026-08-22); the host may know a newer one.
const (
	al2023Newest     = "2023.12.20260817"
	al2023NewestDate = "2026-08-22"
)

// systemRelease matches a dated release: 2023.9.20251117.
var datedRelease = regexp.MustCompile(`\b20[0-9]{2}\.[0-9]{1,3}\.20[0-9]{6}(?:\.[0-9]{1,2})?\b`)

// releaseVars are where a fixed release can be set for good; without one, the version
// of the installed system-release package counts, so that each machine is locked to
// the release that it was made of (AL2023 User Guide, "Using deterministic upgrades
// through versioned repositories").
var releaseVars = []string{"/etc/dnf/vars/releasever", "/etc/yum/vars/releasever"}

// news are where the system tells who logs in that a newer release exists.
var news = []string{"/run/motd.d", "/etc/motd.d", "/var/lib/update-motd"}

// release reads Amazon Linux's lock to a release. It was new with 2023.
func (r *reader) release() probes.ReleaseLock {
	os := r.facts.OS
	l := probes.ReleaseLock{Applies: os.ID == "amzn" && compareVersions(os.Version, "2022") >= 0}
	if !l.Applies {
		return l
	}
	for _, name := range []string{"/etc/system-release", "/etc/os-release", "/usr/lib/os-release"} {
		data, _ := r.text(name, maxText)
		if m := datedRelease.Find(data); m != nil {
			l.Installed, l.Source = string(m), name
			break
		}
	}
	if l.Installed == "" {
		l.Installed = datedRelease.FindString(os.Name)
	}
	l.Repository = l.Installed
	for _, name := range releaseVars {
		data, ok := r.text(name, maxText)
		if !ok {
			return l
		}
		if v, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n"); v != "" {
			l.Repository, l.Source = show(v), name
			break
		}
	}
	if l.Repository == "" {
		return l
	}
	l.Known = true
	l.Locked = l.Repository != "latest"
	l.Newest, l.NewestSource = r.newestRelease(os.Version)
	l.Behind = l.Locked && l.Newest != "" && compareVersions(l.Repository, l.Newest) < 0
	return l
}

// newestRelease is the newest release that this host or this program knows.
func (r *reader) newestRelease(major string) (release, source string) {
	if strings.HasPrefix(al2023Newest, major+".") {
		release, source = al2023Newest, "known on "+al2023NewestDate
	}
	for _, dir := range news {
		entries, err := r.host.ReadDir(dir, 100)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			data, err := r.host.ReadFile(name, maxText)
			if err != nil {
				continue
			}
			for _, m := range datedRelease.FindAll(data, 100) {
				if v := string(m); strings.HasPrefix(v, major+".") && (release == "" || compareVersions(v, release) > 0) {
					release, source = v, name
				}
			}
		}
	}
	return release, source
}
