package repos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// dump lists what is set below a name, as apt-config does.
func (o *aptOption) dump(prefix string) (lines []string) {
	for _, child := range o.children {
		name := prefix + child.tag
		if child.value != "" {
			lines = append(lines, name+" "+child.value)
		}
		lines = append(lines, child.dump(name+"::")...)
	}
	return lines
}

// TestAPTConfigReadsAnything: files put together at random give the same options
// as apt-config has, or are an error to both.
func TestAPTConfigReadsAnything(t *testing.T) {
	program, err := exec.LookPath("apt-config")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("apt-config is missing")
	} else if err != nil {
		t.Skip("apt-config is missing")
	}
	for seed := range uint64(150) {
		text := randomConf(rand.New(rand.NewPCG(seed, 2)))
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for _, dir := range []string{"etc/apt/apt.conf.d", "var/lib/dpkg"} {
				if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			base := filepath.Join(root, "base.conf")
			for name, data := range map[string]string{base: fmt.Sprintf("Dir %q;\nAPT::Architecture \"amd64\";\n", root+"/"), filepath.Join(root, "etc/apt/apt.conf.d/x"): text} {
				if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(program, "dump", "--format", "%f %v%n", "--no-empty")
			cmd.Env = []string{"APT_CONFIG=" + base, "LC_ALL=C", "PATH=" + os.Getenv("PATH")}
			out, runErr := cmd.CombinedOutput()
			r := &aptReader{host: platform.New(root), conf: newAptConf("amd64")}
			r.configure()
			fatal := slices.ContainsFunc(r.problems, func(p probes.RepoProblem) bool { return p.Fatal })
			if want := runErr != nil; fatal != want {
				t.Fatalf("fatal %v, apt-config %v\n%q\n%v\n%s", fatal, want, text, r.problems, out)
			}
			if fatal {
				return
			}
			only := func(lines []string) (kept []string) {
				for _, l := range lines {
					if strings.HasPrefix(strings.ToLower(l), "test") {
						kept = append(kept, strings.ToLower(strings.TrimRight(l, " ")))
					}
				}
				slices.Sort(kept)
				return kept
			}
			if d := cmp.Diff(only(strings.Split(string(out), "\n")), only(r.conf.root.dump(""))); d != "" {
				t.Errorf("apt-config (-) and ours (+) differ:\n%s\n%q\n%s", d, text, out)
			}
		})
	}
}

// randomConf is mostly right: one fault hides all that follows it.
func randomConf(r *rand.Rand) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	var b strings.Builder
	depth := 0
	for range 1 + r.IntN(8) {
		switch r.IntN(10) {
		case 0:
			b.WriteString(pick("// x\n", "# y { \n", "/* z */", "/* a\n b\n*/", "\n", "/* \" */\n", "//\" \n"))
		case 1, 2:
			b.WriteString(pick("Test", "TEST", "Test::A", "test::b") + pick(" {", "{", "\n{\n", " \"w\" {", " { // c\n"))
			depth++
		case 3:
			if depth > 0 {
				b.WriteString(pick("};", "} ;\n", "}\n", "};\n"))
				depth--
			}
		case 4:
			if depth == 0 {
				b.WriteString(pick("#clear Test;\n", "#clear Test::A;\n", "#clear test::b::c;", "#clear;\n", "#foo x;\n", "#clear Nothing::Here;\n"))
			}
		default:
			b.WriteString(pick("Test", "Test::A", "Test::B::C", "test::b", "Test::List::", "Test::A::B::C::D", "Test::x-y"))
			b.WriteString(pick(" ", "  ", "\t", "\n"))
			b.WriteString(pick(`"1"`, `"a b"`, `"a" "b"`, `w`, `"x;y{z}"`, `"http://p:1/"`, `"#h"`, `""`, `%41b`, `"q`, `a b`, `"/* x */"`, `"a"b`))
			b.WriteString(pick(";", ";\n", " ;\n", ";\n", " // c\n;", ";;\n"))
		}
	}
	for range depth {
		if r.IntN(8) > 0 {
			b.WriteString("};\n")
		}
	}
	return b.String()
}

func TestAptTransportOptions(t *testing.T) {
	c := newAptConf("amd64")
	parseAptConf(c, []byte(`Acquire { http { Proxy "http://all"; Proxy::a.example "DIRECT"; }; https::Proxy "http://tls"; https::a.example::CaInfo "/a"; };`), 0, nil)
	for _, tt := range []struct{ access, host, name, want string }{
		{"http", "b.example", "Proxy", "http://all"},
		{"https", "b.example", "Proxy", "http://tls"},
		{"https", "a.example", "Proxy::a.example", "DIRECT"}, // http's counts for https
		{"https", "a.example", "cainfo", "/a"},
		{"https", "b.example", "CaInfo", ""},
	} {
		if got, _ := c.transport(tt.access, tt.host, tt.name); got != tt.want {
			t.Errorf("%s %s %s: %q, want %q", tt.access, tt.host, tt.name, got, tt.want)
		}
	}
}

func TestAptConfFiles(t *testing.T) {
	for _, tt := range []struct{ text, name, want string }{
		{"", "Dir::Etc::sourcelist", "/etc/apt/sources.list"},
		{`Dir::Etc "/opt/apt";`, "Dir::Etc::sourcelist", "/opt/apt/sources.list"},
		{`Dir::Etc::sourcelist "/dev/null";`, "Dir::Etc::sourcelist", ""},
		{`Dir "/chroot";`, "Dir::Etc::netrc", "/chroot/etc/apt/auth.conf"},
		{`RootDir "/r";`, "Dir::Etc::netrc", "/r/etc/apt/auth.conf"},
		{`Dir::Etc::sourceparts "";`, "Dir::Etc::sourceparts", ""},
	} {
		c := newAptConf("amd64")
		parseAptConf(c, []byte(tt.text), 0, nil)
		if got := c.file(tt.name); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestAptIncludes: loops and huge trees of includes end soon.
func TestAptIncludes(t *testing.T) {
	files := map[string]string{"/etc/apt/sources.list": ""}
	for i := range 40 {
		files[fmt.Sprintf("/etc/apt/apt.conf.d/%d", i)] = "#include \"/etc/apt/apt.conf.d/\";\nA::B \"c\";\n"
	}
	host := platformtest.New(files)
	begin := time.Now()
	config := ReadAPT(host, host.FactsValue)
	if len(config.Problems) == 0 || time.Since(begin) > 5*time.Second {
		t.Errorf("%v: %v", time.Since(begin), config.Problems)
	}
	if n := len(host.Reads()); n > maxAptFiles+10 {
		t.Errorf("%d files read", n)
	}
}
