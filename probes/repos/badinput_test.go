package repos

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// meteredHost counts what is read of files and folders.
type meteredHost struct {
	platform.Host
	bytes, names int
}

func (h *meteredHost) ReadFile(name string, limit int64) ([]byte, error) {
	data, err := h.Host.ReadFile(name, limit)
	h.bytes += len(data)
	return data, err
}

func (h *meteredHost) ReadDir(name string, limit int) ([]os.DirEntry, error) {
	entries, err := h.Host.ReadDir(name, limit)
	h.names += len(entries)
	return entries, err
}

// badManager is one reader with the files that make a machine its own.
type badManager struct {
	name string
	file string // that others write
	base map[string]string
	os   platform.OS
}

var badManagers = []badManager{
	{"dnf", "etc/yum.repos.d/x.repo", map[string]string{"usr/bin/dnf-3": "", "etc/dnf/dnf.conf": "[main]\n", "etc/dnf/vars/v": strings.Repeat("v", 4000)}, platform.OS{ID: "rocky", Version: "9", Arch: "x86_64"}},
	{"dnf5", "etc/yum.repos.d/x.repo", map[string]string{"usr/bin/dnf5": "", "etc/dnf/vars/v": strings.Repeat("v", 4000)}, platform.OS{ID: "fedora", Version: "42", Arch: "x86_64"}},
	{"yum", "etc/yum.repos.d/x.repo", map[string]string{"usr/bin/yum": "", "etc/yum.conf": "[main]\n", "etc/yum/vars/v": strings.Repeat("v", 4000)}, platform.OS{ID: "amzn", Version: "2", Arch: "x86_64"}},
	{"apt", "etc/apt/sources.list", map[string]string{"etc/apt/x": ""}, platform.OS{ID: "ubuntu", Version: "24.04", Arch: "x86_64"}},
	{"apt, deb822", "etc/apt/sources.list.d/x.sources", map[string]string{"etc/apt/x": ""}, platform.OS{ID: "ubuntu", Version: "24.04", Arch: "x86_64"}},
	{"apt.conf", "etc/apt/apt.conf", map[string]string{"etc/apt/x": ""}, platform.OS{ID: "ubuntu", Version: "24.04", Arch: "x86_64"}},
	{"auth.conf", "etc/apt/auth.conf", map[string]string{"etc/apt/sources.list": "deb https://h.example/d s main\n"}, platform.OS{ID: "ubuntu", Version: "24.04", Arch: "x86_64"}},
	{"zypper", "etc/zypp/repos.d/x.repo", map[string]string{"etc/zypp/vars.d/v": strings.Repeat("v", 4000)}, platform.OS{ID: "sles", Version: "15.6", Like: []string{"suse"}, Arch: "x86_64"}},
	{"zypp.conf", "etc/zypp/zypp.conf", map[string]string{"etc/zypp/repos.d/a.repo": "[a]\nbaseurl=http://h.example/\n"}, platform.OS{ID: "sles", Version: "15.6", Like: []string{"suse"}, Arch: "x86_64"}},
}

// badTexts are files that somebody wrote to hurt, or by accident.
func badTexts() map[string]string {
	many := func(s string, bytes int) string { return strings.Repeat(s, bytes/len(s)+1) }
	const mb = 1 << 20
	return map[string]string{
		"50 MB of sections":        "[a]\nbaseurl=http://h.example/\n" + many("[b]\nbaseurl=http://h.example/x\n", 50*mb),
		"50 MB of entries":         many("deb http://h.example/d s main\n", 50*mb),
		"50 MB on one line":        "[a]\nbaseurl=" + many("http://h.example/ ", 50*mb),
		"50 MB of NUL bytes":       strings.Repeat("\x00", 50*mb),
		"NUL bytes between":        "[a\x00]\nbaseurl=http://h\x00.example/\x00\n\x00\ndeb http://h\x00.example/d s\x00 main\n",
		"continuation lines":       "[a]\nbaseurl=http://h.example/\n" + many(" x\n", mb),
		"folded lines":             "Types: deb\nURIs: http://h.example/\n" + many(" x\n", mb),
		"names without values":     many("x\n", mb),
		"names of one stanza":      many("Types\n", mb) + "X: y\n",
		"many sections":            longFile(100_000),
		"one key again and again":  "[a]\n" + many("baseurl=http://h.example/\n", mb),
		"variables":                "[a]\nbaseurl=http://h.example/" + many("$v", mb) + "\nname=" + many("${v}", mb) + "\n",
		"variables of many":        many("[a$v$v$v$v$v]\nbaseurl=$v$v$v$v$v$v$v$v\n", mb),
		"words within words":       "[a]\nbaseurl=" + strings.Repeat("${v:x", 30) + strings.Repeat("}", 30) + "\n",
		"words without end":        "[a]\nbaseurl=" + many("${v:-", mb) + "\n",
		"open statement":           "Acquire::http::Proxy\n" + many("\"x\"\n", mb),
		"scopes":                   many("a {\n", mb),
		"scopes on one line":       many("a {", mb),
		"options":                  manyOptions(100_000),
		"an option of long names":  many("a::", mb) + " \"x\";\n",
		"a word of the letter":     many("machine x login y password z\n", mb),
		"brackets":                 "deb " + many("[", mb) + "\n",
		"quotes":                   "deb " + many("\"", mb) + "\n",
		"Latin-1":                  many("[d\xe9p\xf4t]\nbaseurl=http://h.example/\xe9\n", mb),
		"includes of itself":       many("#include \"/etc/apt/apt.conf\";\n", mb),
		"includes of itself, yum":  "[a]\n" + many("include=/etc/yum.repos.d/x.repo\n", mb),
		"includes of itself, both": "[a]\ninclude=x.repo\n[b]\ninclude=x.repo\n[c]\ninclude=x.repo\n",
	}
}

func longFile(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[r%d]\nbaseurl=http://h.example/%d\n", i, i)
	}
	return b.String()
}

func manyOptions(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Acquire::x%d::y \"z\";\n", i)
	}
	return b.String()
}

// The bounds of one reading. Includes may name a file again and again.
const (
	badRead  = 16<<20 + 5<<20
	badNames = 20_000
	badAlloc = 600 << 20 // in all, most of it garbage at once
)

// TestBadInput: whatever stands in a file, a bounded part of it is read and kept,
// and nothing panics or goes in circles.
func TestBadInput(t *testing.T) {
	texts := badTexts()
	for _, m := range badManagers {
		for name, text := range texts {
			t.Run(m.name+"/"+name, func(t *testing.T) {
				root := t.TempDir()
				for file, data := range m.base {
					putFile(t, root, file, data)
				}
				putFile(t, root, m.file, text)
				cfg := boundedRead(t, root, m)
				if len(text) > 5<<20 && !mentions(cfg, "larger than") {
					t.Errorf("that the file is too large is not said: %+v", cfg.Problems)
				}
			})
		}
	}
}

// boundedRead reads a machine's configuration and measures what it costs.
func boundedRead(t *testing.T, root string, m badManager) probes.RepoConfig {
	t.Helper()
	h := &meteredHost{Host: platform.New(root)}
	facts := platform.Facts{OS: m.os}
	facts.OS.Family = "linux"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cfg := Read(h, facts, Input{})
	runtime.ReadMemStats(&after)
	if h.bytes > badRead || h.names > badNames {
		t.Errorf("%d bytes and %d names are read", h.bytes, h.names)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > badAlloc {
		t.Errorf("%d MB are allocated", used>>20)
	}
	if len(cfg.Repos) > maxAptEntries || len(cfg.Problems) > maxAptFiles {
		t.Errorf("%d repositories, %d problems", len(cfg.Repos), len(cfg.Problems))
	}
	return cfg
}

func mentions(cfg probes.RepoConfig, word string) bool {
	for _, p := range cfg.Problems {
		if strings.Contains(p.Text, word) || strings.Contains(p.Text, "larger") {
			return true
		}
	}
	return false
}

func putFile(t testing.TB, root, name, text string) {
	t.Helper()
	to := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestBadTrees: links in circles, folders that cannot be read and folders full of
// files end soon and are said. Windows gives no links to everybody.
func TestBadTrees(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	link := func(to, from string) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			t.Helper()
			file := filepath.Join(root, from)
			if err := os.RemoveAll(file); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, file); err != nil {
				t.Fatal(err)
			}
		}
	}
	full := map[string]bool{"dnf": true, "dnf5": true, "yum": true, "apt, deb822": true, "zypper": true} // read a folder
	for _, m := range badManagers {
		dir := filepath.Dir(m.file)
		trees := map[string]func(*testing.T, string){
			"a file that is itself":       link(filepath.Base(m.file), m.file),
			"a folder that is itself":     link(filepath.Base(dir), dir),
			"a folder with itself in it":  link(".", filepath.Join(dir, "more.repo")),
			"a folder that is above":      link("..", filepath.Join(dir, "up.d")),
			"a file that never ends":      link("/dev/zero", m.file),
			"a file that nobody writes":   link("/proc/self/fd/0", m.file),
			"a folder with a file's name": func(t *testing.T, root string) { t.Helper(); putFile(t, root, m.file+"/x", "") },
			"thousands of files": func(t *testing.T, root string) {
				t.Helper()
				for i := range 1200 {
					putFile(t, root, fmt.Sprintf("%s/%d%s", dir, i, filepath.Ext(m.file)), "# nothing\n")
				}
			},
			"hundreds of large files": func(t *testing.T, root string) {
				t.Helper()
				putFile(t, root, "large", strings.Repeat("# nothing\n", 300_000))
				for i := range 300 {
					link(filepath.Join(strings.Repeat("../", strings.Count(m.file, "/")), "large"), fmt.Sprintf("%s/%d%s", dir, i, filepath.Ext(m.file)))(t, root)
				}
			},
		}
		for name, make := range trees {
			if strings.Contains(name, "s of ") && !full[m.name] {
				continue
			}
			t.Run(m.name+"/"+name, func(t *testing.T) {
				root := t.TempDir()
				for file, data := range m.base {
					putFile(t, root, file, data)
				}
				make(t, root)
				boundedRead(t, root, m)
			})
		}
	}
}

// TestUnreadableFolders: what this user may not list is said, and is no fault of
// the configuration.
func TestUnreadableFolders(t *testing.T) {
	for dir, m := range map[string]badManager{"/etc/yum.repos.d": badManagers[0], "/etc/apt/sources.list.d": badManagers[3], "/etc/zypp/repos.d": badManagers[7]} {
		h := platformtest.New(nil)
		for file, data := range m.base {
			h.Files["/"+file] = platformtest.File{Data: []byte(data)}
		}
		h.Files[dir] = platformtest.File{Err: fs.ErrPermission}
		facts := platform.Facts{OS: m.os}
		cfg := Read(h, facts, Input{})
		denied := slices.ContainsFunc(cfg.Problems, func(p probes.RepoProblem) bool { return p.File == dir && p.Denied && !p.Fatal })
		if !denied || cfg.Known {
			t.Errorf("%s: known %v, %q, %+v", dir, cfg.Known, cfg.Why, cfg.Problems)
		}
	}
}
