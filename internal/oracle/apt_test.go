package oracle

import (
	"cmp"
	"context"
	"fmt"
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

// aptSuites are what apt is asked.
var aptSuites = map[string]func(*testing.T, *manager){"addresses": aptAddresses, "reads anything": aptReadsAnything, "update": aptUpdate}

// aptTree is a machine's files by name. {{ROOT}} in a file stands for the folder
// that they lie in, for names that apt does not take below its Dir.
type aptTree map[string]string

func (tree aptTree) write(t *testing.T, root, shown string) {
	t.Helper()
	for name, data := range tree {
		if name == environment {
			continue
		}
		to := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if link, ok := strings.CutPrefix(data, "-> "); ok {
			if err := os.Symlink(link, to); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(to, []byte(strings.ReplaceAll(data, "{{ROOT}}", shown)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// environment is the name in a tree of what is no file: the environment, a
// NAME=VALUE a line.
const environment = "environment"

func (tree aptTree) environment() map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(tree[environment]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

// plainTemp is a folder whose name has no comma: apt splits signed-by there.
func plainTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "oracle")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// aptMachine is a folder that the real apt takes for the whole machine.
type aptMachine struct {
	root string
	env  []string
}

func newAptMachine(t *testing.T, tree aptTree) aptMachine {
	t.Helper()
	root := plainTemp(t)
	for _, dir := range []string{"etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg", "var/log/apt", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tree.write(t, root, root)
	conf := fmt.Sprintf(`
Dir "%[1]s/";
Dir::State::status "%[1]s/var/lib/dpkg/status";
Dir::Bin::methods "/usr/lib/apt/methods";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "5";
Acquire::https::Timeout "5";
`, root)
	for name, data := range map[string]string{"oracle.conf": conf, "var/lib/dpkg/status": ""} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return aptMachine{root, []string{"APT_CONFIG=" + root + "/oracle.conf", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TMPDIR=" + root + "/tmp", "HOME=" + root}}
}

// run starts apt-get or apt-config.
func (m aptMachine) run(t *testing.T, program string, args ...string) (out string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = m.env
	data, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("apt-get does not end\n%s", data)
	}
	return string(data), err == nil
}

// ourAPT reads the same files.
func ourAPT(t *testing.T, tree aptTree, facts platform.Facts) probes.RepoConfig {
	t.Helper()
	return ourAPTIn(t, plainTemp(t), tree, facts)
}

// ourAPTIn writes them to a folder of the caller's.
func ourAPTIn(t *testing.T, root string, tree aptTree, facts platform.Facts) probes.RepoConfig {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, "etc/apt"), 0o755); err != nil {
		t.Fatal(err)
	}
	methods := aptTree{} // the names of those that the real apt has
	entries, err := os.ReadDir("/usr/lib/apt/methods")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		methods["usr/lib/apt/methods/"+e.Name()] = ""
	}
	methods.write(t, root, "")
	tree.write(t, root, "")
	facts.OS.Arch = cmp.Or(facts.OS.Arch, "x86_64")
	return repos.ReadAPT(platform.New(root), facts)
}

var aptFatalError = regexp.MustCompile(`(?m)^E: .*(Malformed|not known on|list of sources could not be read|Syntax error|Conflicting values|Invalid value set|Unable to parse package file)`)

// aptPrinted finds the release files: apt-get guesses at index files too.
var aptPrinted = regexp.MustCompile(`(?m)^'([^']*/InRelease)'`)

// aptAddresses: what we make of a machine's sources is what apt-get update would
// fetch first, and we find an error where apt-get does.
func aptAddresses(t *testing.T, m *manager) {
	each(t, m, aptCases(), func(t *testing.T, _ string, tree aptTree) {
		out, _ := newAptMachine(t, tree).run(t, m.needs[0], "update", "--print-uris")
		config := ourAPT(t, tree, platform.Facts{OS: platform.OS{ID: "ubuntu"}})
		theirs, disks := aptPrintedOutcome(out)
		if d := diff.Diff(theirs, aptOutcome(config)); d != "" {
			t.Errorf("apt-get (-) and ours (+) differ:\n%s\n%v\n%s", d, config.Problems, out)
		}
		if disks {
			m.differ("cdrom: entries are not listed, there is nothing to reach")
		}
	})
}

// aptResult is what two readings of the same files are compared by: that apt-get
// refuses to run, or what it asks for first.
type aptResult struct {
	Fatal bool
	URLs  []string
}

func aptOutcome(config probes.RepoConfig) (o aptResult) {
	o.Fatal = slices.ContainsFunc(config.Problems, func(p probes.RepoProblem) bool { return p.Fatal })
	for _, r := range config.Repos {
		if r.Enabled && !o.Fatal {
			o.URLs = append(o.URLs, aptComparable(aptFirst(r)))
		}
	}
	slices.Sort(o.URLs)
	return o
}

// aptPrintedOutcome also tells whether apt-get lists a disk, which we do not.
func aptPrintedOutcome(out string) (o aptResult, disks bool) {
	o.Fatal = aptFatalError.MatchString(out)
	for _, m := range aptPrinted.FindAllStringSubmatch(out, -1) {
		switch {
		case o.Fatal:
		case strings.HasPrefix(m[1], "cdrom:"):
			disks = true
		default:
			o.URLs = append(o.URLs, aptComparable(m[1]))
		}
	}
	slices.Sort(o.URLs)
	return o, disks
}

// aptFirst is what is fetched first of a repository.
func aptFirst(r probes.Repo) string {
	switch {
	case r.MirrorList != "":
		return "mirror+" + r.MirrorList + "/" + r.Metadata[0]
	case len(r.Base) == 0:
		return r.ID + ": " + r.Problem
	}
	return r.Base[0] + r.Metadata[0]
}

var aptUserInfo = regexp.MustCompile(`//[^/@]*@`)

// aptComparable: copy: is file: for us, and users and passwords are kept apart.
func aptComparable(s string) string {
	s = aptUserInfo.ReplaceAllString(s, "//")
	s = strings.Replace(s, "copy:", "file:", 1)
	s = strings.Replace(s, "mirror:", "mirror+http:", 1)
	return strings.Replace(s, "file:///", "file:/", 1)
}
