package aws

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"gopkg.in/ini.v1"

	"agentctl/platform"
)

// RepoHint is one of Amazon Linux's own repositories, as its .repo file and the
// variables on this machine name it.
type RepoHint struct {
	ID string // section name: amazonlinux, amzn2-core
	// ProbeURL is a key on the same host that exists for every release: S3
	// answers 403 for a missing one too, as for a policy that denies.
	ProbeURL string
	// MirrorList is what the package manager asks; a release that is not known
	// here stands in it as $releasever.
	MirrorList string
}

// ownRepos are the sections of Amazon Linux's own repositories, with the part
// of the path that is the same for all releases and the key that always exists.
var ownRepos = []struct{ id, prefix, key string }{
	{"amazonlinux", "/core/mirrors/", "/core/mirrors/latest/$basearch/mirror.list"}, // Amazon Linux 2023
	{"amzn2-core", "/2/", "/2/core/latest/$basearch/mirror.list"},                   // Amazon Linux 2
}

// Limits of what is read; the real files have under 2 KB, the folders under 30
// entries.
const (
	maxRepoFile  = 256 << 10
	maxVarFile   = 4 << 10
	maxRepoFiles = 200
)

// AmazonLinuxRepos returns the enabled repositories of Amazon Linux itself that
// lie in S3. The region is used where no variable on the machine gives one. A
// repository elsewhere (a CDN, a mirror of the owner's) gives no hint.
func AmazonLinuxRepos(host platform.Host, region string) []RepoHint {
	facts := host.Facts()
	if facts.OS.ID != "amzn" {
		return nil
	}
	vars := repoVars(host, facts.OS, region)
	entries, err := host.ReadDir("/etc/yum.repos.d", maxRepoFiles)
	if err != nil {
		return nil
	}
	var hints []RepoHint
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".repo" {
			continue
		}
		data, err := host.ReadFile("/etc/yum.repos.d/"+e.Name(), maxRepoFile)
		if err != nil {
			continue
		}
		hints = append(hints, repoHints(data, vars)...)
	}
	return hints
}

// repoVars collects the variables of yum and dnf; a later one wins.
func repoVars(host platform.Host, os platform.OS, region string) map[string]string {
	vars := map[string]string{"basearch": os.Arch}
	if os.Version == "2" { // on 2023 it is the version of a package: 2023.8.20250707
		vars["releasever"] = os.Version
	}
	if ValidRegion(region) {
		vars["awsregion"] = region
	}
	for _, dir := range []string{"/etc/yum/vars", "/etc/dnf/vars"} {
		entries, err := host.ReadDir(dir, maxRepoFiles)
		if err != nil {
			continue
		}
		for _, e := range entries {
			data, err := host.ReadFile(dir+"/"+e.Name(), maxVarFile)
			if err != nil || e.IsDir() {
				continue
			}
			line, _, _ := strings.Cut(string(data), "\n")
			vars[e.Name()] = strings.TrimSpace(line)
		}
	}
	return vars
}

// repoHints reads one .repo file.
func repoHints(data []byte, vars map[string]string) []RepoHint {
	file, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, IgnoreContinuation: true, PreserveSurroundedQuote: true,
		AllowPythonMultilineValues: true, AllowBooleanKeys: true,
	}, data)
	if err != nil {
		return nil
	}
	var hints []RepoHint
	for _, own := range ownRepos {
		section, err := file.GetSection(own.id)
		if err != nil || !enabled(section) || !section.HasKey("mirrorlist") {
			continue
		}
		// Value, not String: that one would expand %(name)s.
		list := expand(strings.TrimSpace(section.Key("mirrorlist").Value()), vars)
		probe, ok := knownKey(list, own.prefix, expand(own.key, vars))
		if ok {
			hints = append(hints, RepoHint{ID: own.id, ProbeURL: probe, MirrorList: list})
		}
	}
	return hints
}

// enabled: a repository is on unless its file says otherwise (yum.conf(5)).
func enabled(s *ini.Section) bool {
	return !s.HasKey("enabled") ||
		slices.Contains([]string{"1", "yes", "true", "on"}, strings.ToLower(strings.TrimSpace(s.Key("enabled").Value())))
}

// knownKey puts the key that always exists in place of a mirror list's path, if
// the list lies in S3 and looks as expected.
func knownKey(list, prefix, key string) (string, bool) {
	u, err := url.Parse(list)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || strings.Contains(key, "$") {
		return "", false
	}
	if !domainForm.MatchString(u.Hostname()) || !strings.HasPrefix(u.Path, prefix) {
		return "", false
	}
	if target, _ := s3HostForm(strings.ToLower(u.Hostname())); target == "" {
		return "", false
	}
	return u.Scheme + "://" + u.Host + key, true
}

// expand replaces $name and ${name}; a name without a value stays as it is, as
// yum leaves it.
func expand(s string, vars map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		name, width := variable(s[i:])
		value, known := vars[name]
		if width == 0 || !known {
			out.WriteByte(s[i])
			i++
			continue
		}
		out.WriteString(value)
		i += width
	}
	return out.String()
}

// variable returns the variable that s begins with, and its width in s.
func variable(s string) (name string, width int) {
	if !strings.HasPrefix(s, "$") {
		return "", 0
	}
	body, closing := s[1:], 0
	if strings.HasPrefix(body, "{") {
		body, closing = body[1:], 1
	}
	n := 0
	for n < len(body) && (body[n] == '_' || body[n] >= '0' && body[n] <= '9' ||
		body[n]|0x20 >= 'a' && body[n]|0x20 <= 'z') {
		n++
	}
	if n == 0 || closing == 1 && !strings.HasPrefix(body[n:], "}") {
		return "", 0
	}
	return body[:n], 1 + closing + n + closing
}
