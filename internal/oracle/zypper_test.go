package oracle

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/repos"
)

// zypperSuites are what zypper is asked.
var zypperSuites = map[string]func(*testing.T, *manager){"addresses": zypperAddresses, "reads anything": zypperReadsAnything, "refresh": zypperRefresh}

// zyppMachine is a folder that the real zypper takes for the whole machine.
type zyppMachine struct {
	root    string
	program string
	env     []string // beside its own
}

func newZyppMachine(t *testing.T, program string, tree aptTree) zyppMachine {
	t.Helper()
	root := plainTemp(t)
	for _, dir := range []string{"etc/zypp/repos.d", "etc/zypp/services.d", "etc/zypp/vars.d", "etc/zypp/credentials.d", "etc/sysconfig", "root", "run", "tmp", "var/log"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tree = maps.Clone(tree)
	// "lr" looks for variables without its --root.
	if tree["etc/zypp/zypp.conf"] == "" {
		tree["etc/zypp/zypp.conf"] = "[main]\n"
	}
	tree["etc/zypp/zypp.conf"] += "varsdir = " + root + "/etc/zypp/vars.d\n"
	tree.write(t, root, root)
	return zyppMachine{root: root, program: program}
}

// run starts zypper. All that it would write elsewhere lies below the root too.
func (m zyppMachine) run(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.program, append([]string{"--root", m.root, "--non-interactive", "--no-gpg-checks", "--xmlout"}, args...)...)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=" + m.root + "/root", "TMPDIR=" + m.root + "/tmp",
		"ZYPP_LOCKFILE_ROOT=" + m.root, "ZYPP_LOGFILE=" + m.root + "/var/log/zypper.log", "ZYPP_CONF=" + m.root + "/etc/zypp/zypp.conf"}, m.env...)
	data, err := cmd.CombinedOutput()
	if exit := (&exec.ExitError{}); err != nil && !asExit(err, &exit) {
		t.Fatalf("%v: %s", err, data)
	}
	return string(data), cmd.ProcessState.ExitCode()
}

func asExit(err error, to **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError) //nolint:errorlint // as exec returns it
	*to = e
	return ok
}

// ourZypper reads the same files.
func ourZypper(t *testing.T, root string, tree aptTree, facts platform.Facts) probes.RepoConfig {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, "etc/zypp/services.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	tree.write(t, root, "")
	facts.OS.Arch = "x86_64"
	return repos.ReadZypper(platform.New(root), facts)
}

// zyppResult is what two readings of the same files are compared by.
type zyppResult struct {
	Fatal bool
	Repos []string
}

// zyppListed reads the output of "zypper --xmlout lr".
func zyppListed(t *testing.T, out string, code int) zyppResult {
	t.Helper()
	if code != 0 && code != 6 { // 6: no repositories
		return zyppResult{Fatal: true}
	}
	var doc struct {
		Repos []struct {
			Alias   string   `xml:"alias,attr"`
			Name    string   `xml:"name,attr"`
			Enabled string   `xml:"enabled,attr"`
			List    string   `xml:"mirrorlist,attr"`
			URLs    []string `xml:"url"`
		} `xml:"repo-list>repo"`
	}
	if err := xml.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var r zyppResult
	for _, repo := range doc.Repos {
		var urls []string
		for _, u := range repo.URLs {
			if u = zyppComparable(u); u != "" {
				urls = append(urls, u)
			}
		}
		list := ""
		if len(repo.URLs) == 0 {
			list = zyppComparable(repo.List)
		}
		r.Repos = append(r.Repos, fmt.Sprintf("%s %q enabled=%v list=%s %v", repo.Alias, repo.Name, repo.Enabled == "1", list, urls))
	}
	slices.Sort(r.Repos)
	return r
}

var zyppTail = regexp.MustCompile(`[?#].*$`)

// zyppComparable: users, passwords and options are kept apart from the address.
// What is on no server is not compared.
func zyppComparable(u string) string {
	u = zyppTail.ReplaceAllString(aptUserInfo.ReplaceAllString(u, "//"), "")
	u = strings.Replace(u, "file://", "dir:", 1)
	u = strings.Replace(u, "file:", "dir:", 1)
	if !strings.HasPrefix(u, "http") && !strings.HasPrefix(u, "dir:") {
		return ""
	}
	return strings.TrimRight(u, "/")
}

func zyppRead(config probes.RepoConfig) (r zyppResult) {
	if r.Fatal = slices.ContainsFunc(config.Problems, func(p probes.RepoProblem) bool { return p.Fatal }); r.Fatal {
		return r
	}
	for _, repo := range config.Repos {
		if strings.HasPrefix(repo.ID, "service:") {
			continue
		}
		var urls []string
		for _, u := range repo.Base {
			urls = append(urls, zyppComparable(u))
		}
		name := repo.Name
		if name == "" {
			name = repo.ID
		}
		r.Repos = append(r.Repos, fmt.Sprintf("%s %q enabled=%v list=%s %v", repo.ID, name, repo.Enabled, zyppComparable(repo.MirrorList+repo.MetaLink), urls))
	}
	slices.Sort(r.Repos)
	return r
}

// zypperAddresses: what we make of a machine's repositories is what zypper
// lists, and we find an error where zypper stops.
func zypperAddresses(t *testing.T, m *manager) {
	each(t, m, zyppCases(), func(t *testing.T, _ string, tree aptTree) {
		// ours first: zypper removes what it takes for orphaned
		config := ourZypper(t, plainTemp(t), tree, platform.Facts{})
		args := []string{"lr", "-u"}
		if _, ok := tree["etc/products.d/baseproduct"]; ok { // "lr" looks at the real machine's
			args = append([]string{"--releasever", "15.6"}, args...)
		}
		out, code := newZyppMachine(t, m.needs[0], tree).run(t, args...)
		if d := diff.Diff(zyppListed(t, out, code), zyppRead(config)); d != "" {
			t.Errorf("zypper (-) and ours (+) differ:\n%s\n%v\n%s", d, config.Problems, out)
		}
	})
}
