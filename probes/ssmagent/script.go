package ssmagent

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

const (
	maxScript  = 256 << 10
	maxOutput  = 64 << 10
	maxEntries = 2000 // directories that are listed or looked at, all in all
	maxRuns    = 256  // newest runs of each instance that are looked into
)

// lastScript finds the newest patch script of an earlier run. AWS-RunPatchBaseline
// and its kin leave it in .../document/orchestration/COMMAND/PatchLinux/_script.sh
// for two weeks (RunCommandLogsRetentionDurationHours). The directories are root's;
// nil where they may not be read or hold none.
func lastScript(host platform.Host, l layout, region string) *probes.PatchScript {
	sep := "/"
	if l.windows {
		sep = `\`
	}
	left := maxEntries
	instances, _ := host.ReadDir(l.data, left)
	left -= len(instances)
	var newest *probes.PatchScript
	for _, i := range instances {
		if !i.IsDir() || !strings.HasPrefix(i.Name(), "i-") && !strings.HasPrefix(i.Name(), "mi-") || left <= 0 {
			continue
		}
		runs := strings.TrimSuffix(l.data, sep) + sep + i.Name() + sep + "document" + sep + "orchestration"
		names := newestDirs(host, runs, &left)
		for _, run := range names[:min(len(names), maxRuns)] {
			for _, script := range l.scripts {
				name := runs + sep + run + script
				info, err := host.Stat(name)
				if err != nil || !info.Mode().IsRegular() {
					continue
				}
				if newest == nil || info.ModTime().After(newest.Modified) {
					newest = &probes.PatchScript{Path: name, Modified: info.ModTime().UTC()}
				}
			}
		}
	}
	if newest != nil {
		newest.PayloadURL, _ = PayloadURL(host, newest.Path, region)
	}
	return newest
}

// newestDirs lists the directories in a directory, newest first.
func newestDirs(host platform.Host, dir string, left *int) []string {
	entries, _ := host.ReadDir(dir, max(*left, 0))
	*left -= len(entries)
	type dated struct {
		name string
		at   time.Time
	}
	var dirs []dated
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if info, err := e.Info(); err == nil {
			dirs = append(dirs, dated{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(dirs, func(a, b dated) int { return b.at.Compare(a.at) })
	names := make([]string, len(dirs))
	for i, d := range dirs {
		names[i] = d.name
	}
	return names
}

// PayloadURL is the address from which a patch script downloads its payload, where
// it is certain: the script's own output names it, or the script holds it whole, or
// the script puts it together of what it holds and the region. "" and false
// otherwise.
func PayloadURL(host platform.Host, script, region string) (string, bool) {
	sep := strings.LastIndexAny(script, `/\`)
	if sep >= 0 {
		if out, err := readable(host, script[:sep+1]+"stdout", maxOutput); err == nil {
			if u := downloaded(out); u != "" {
				return u, true
			}
		}
	}
	text, err := readable(host, script, maxScript)
	if err != nil {
		return "", false
	}
	if u := literalURL(text); u != "" {
		return u, true
	}
	return evaluate(string(text), region)
}

var (
	// downloadLine is what the script logs before it downloads.
	downloadLine = regexp.MustCompile(`(?i)Downloading payload from (https?://[^\s"'<>]{1,900})`)
	// literal is a payload's address written out.
	literal = regexp.MustCompile(`https?://[^\s"'<>%${}()\\]{1,512}/(?:patch-baseline-operations-[0-9.]+\.tar\.gz|Amazon\.PatchBaselineOperations-[0-9.]+\.zip)`)
)

// downloaded is the address in a script's output, the last one.
func downloaded(output []byte) string {
	all := downloadLine.FindAllSubmatch(output, -1)
	if len(all) == 0 {
		return ""
	}
	return payload(string(all[len(all)-1][1]))
}

// literalURL is the one payload address that a script has written out; "" where it
// has none or several.
func literalURL(script []byte) string {
	all := literal.FindAll(script, -1)
	if len(all) == 0 {
		return ""
	}
	for _, m := range all {
		if !bytes.Equal(m, all[0]) {
			return ""
		}
	}
	return payload(string(all[0]))
}

// payload checks that an address can be probed: a host and a path, no user, no
// query (a presigned one holds a signature).
func payload(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(u.Path) < 2 ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" || !hostForm.MatchString(u.Hostname()) {
		return ""
	}
	return s
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,10}$`)
