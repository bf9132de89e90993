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

const (
	// downloadMark is what the script logs before the address, see download_to.
	downloadMark = "Downloading payload from "
	maxURL       = 1024
)

// payloadName ends the address of a payload, for Linux and for Windows.
var payloadName = regexp.MustCompile(`/(?:patch-baseline-operations-[0-9.]+\.tar\.gz|Amazon\.PatchBaselineOperations-[0-9.]+\.zip)$`)

// downloaded is the address in a script's output, the last one.
func downloaded(output []byte) string {
	i := bytes.LastIndex(output, []byte(downloadMark))
	if i < 0 {
		return ""
	}
	words := bytes.FieldsFunc(output[i+len(downloadMark):min(len(output), i+len(downloadMark)+maxURL)], outsideURL)
	if len(words) == 0 {
		return ""
	}
	return payload(string(words[0]))
}

// literalURL is the one payload address that a script has written out; "" where it
// has none or several.
func literalURL(script []byte) string {
	found := ""
	for line := range bytes.Lines(script) {
		if !bytes.Contains(line, []byte("://")) {
			continue
		}
		for _, w := range bytes.FieldsFunc(line, outsideURL) {
			if len(w) > maxURL || !payloadName.Match(w) || bytes.ContainsAny(w, "%${}\\") {
				continue
			}
			if u := payload(string(w)); u != "" && u != found {
				if found != "" {
					return ""
				}
				found = u
			}
		}
	}
	return found
}

// outsideURL tells which characters end an address in a text.
func outsideURL(r rune) bool {
	return r <= ' ' || strings.ContainsRune("\"'<>()`;|", r)
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
