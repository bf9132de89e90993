package oracle

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/repos"
)

//go:embed dnf_read.py
var dnfRead string

// python is the interpreter that Debian's dnf belongs to.
const python = "/usr/bin/python3"

// dnfSuites are what dnf is asked.
var dnfSuites = map[string]func(*testing.T, *manager){
	"reads": dnfReads, "reads anything": dnfReadsAnything, "fetches": dnfFetches, "stops": dnfStops,
}

// dnfRepo is a repository as either side reads it.
type dnfRepo struct {
	ID         string   `json:"id"`
	Enabled    bool     `json:"enabled"`
	Base       []string `json:"base"`
	MirrorList string   `json:"mirrorlist"`
	MetaLink   string   `json:"metalink"`
	Skip       bool     `json:"skip"`
	SSLVerify  bool     `json:"sslverify"`
	CA         string   `json:"ca"`
	Cert       string   `json:"cert"`
	Key        string   `json:"key"`
	Proxy      string   `json:"proxy"`
	User       string   `json:"user"`
	Password   string   `json:"password"`
	File       string   `json:"file"`
}

type dnfAnswer struct {
	Error string            `json:"error"`
	Repos []dnfRepo         `json:"repos"`
	Vars  map[string]string `json:"vars"`
}

// dnfReader is dnf's own reading, one process for all configurations.
type dnfReader struct {
	in            io.WriteCloser
	out           *bufio.Scanner
	version, arch string
}

func startDNF(t *testing.T) *dnfReader {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "-c", dnfRead)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + t.TempDir()}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil && !strings.Contains(err.Error(), "killed") {
			t.Errorf("dnf's reader: %v\n%s", err, stderr.String())
		}
	})
	r := &dnfReader{in: in, out: bufio.NewScanner(out)}
	r.out.Buffer(nil, 16<<20)
	var hello struct{ Version, Arch string }
	if !r.out.Scan() || json.Unmarshal(r.out.Bytes(), &hello) != nil {
		t.Fatalf("dnf's reader does not start: %s", stderr.String())
	}
	r.version, r.arch = hello.Version, hello.Arch
	return r
}

func (r *dnfReader) ask(t *testing.T, root string, env map[string]string) dnfAnswer {
	t.Helper()
	job, err := json.Marshal(map[string]any{"root": root, "env": env})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.in.Write(append(job, '\n')); err != nil {
		t.Fatal(err)
	}
	if !r.out.Scan() {
		t.Fatalf("dnf's reader ended: %v", r.out.Err())
	}
	var a dnfAnswer
	if err := json.Unmarshal(r.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// dnfConfig is one machine's configuration.
type dnfConfig struct {
	name  string
	files map[string]string // path below the root to text
	env   map[string]string
}

// tree writes a configuration below a new root.
func (c dnfConfig) tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	version, err := os.ReadFile("/usr/lib/python3/dist-packages/dnf/const.py")
	if err != nil {
		t.Fatal(err)
	}
	dnfPut(t, root, "/usr/bin/dnf-3", "")
	dnfPut(t, root, "/usr/lib/python3/dist-packages/dnf/const.py", string(version))
	for name, text := range c.files {
		if target, isLink := strings.CutPrefix(text, "->"); isLink {
			dnfMkdir(t, filepath.Dir(filepath.Join(root, name)))
			if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		dnfPut(t, root, name, text)
	}
	return root
}

func dnfMkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func dnfPut(t *testing.T, root, name, text string) {
	t.Helper()
	dnfMkdir(t, filepath.Dir(filepath.Join(root, name)))
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// oursDNF is our reading, in the form of dnf's.
func oursDNF(root, arch string, env map[string]string) probes.RepoConfig {
	facts := platform.Facts{OS: platform.OS{Family: "linux", Arch: arch}}
	return repos.ReadDNF(platform.New(root), facts, repos.Input{Env: env})
}

func comparedDNF(cfg probes.RepoConfig) dnfAnswer {
	var a dnfAnswer
	for _, p := range cfg.Problems {
		if p.Fatal && !strings.HasPrefix(p.Text, "repository ") { // those dnf notices later
			return dnfAnswer{Error: fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)}
		}
	}
	for _, r := range cfg.Repos {
		one := dnfRepo{ID: r.ID, Enabled: r.Enabled, Base: r.Base, MirrorList: r.MirrorList, MetaLink: r.MetaLink,
			Skip: r.Skip, SSLVerify: r.SSLVerify, CA: r.CAFile, Cert: r.ClientCert, Key: r.ClientKey,
			Proxy: r.Proxy.Reveal(), User: r.User, Password: r.Password, File: r.File}
		if one.Base == nil {
			one.Base = []string{}
		}
		a.Repos = append(a.Repos, one)
	}
	return a
}

// dnfPlain takes out of dnf's answer what it does later than we do: credentials
// stand in its addresses and beside its proxy.
func dnfPlain(a dnfAnswer) dnfAnswer {
	out := dnfAnswer{}
	for _, r := range a.Repos {
		var base []string
		for _, s := range r.Base {
			base = append(base, dnfStripped(s, &r))
		}
		if base == nil {
			base = []string{}
		}
		r.Base = base
		if r.User == "" {
			r.Password = "" // nothing is done with it
		}
		r.MirrorList, r.MetaLink = dnfStripped(r.MirrorList, &r), dnfStripped(r.MetaLink, &r)
		out.Repos = append(out.Repos, r)
	}
	return out
}

func dnfStripped(s string, r *dnfRepo) string {
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		return s
	}
	if r.User == "" {
		r.User = u.User.Username()
		r.Password, _ = u.User.Password()
	}
	head, rest, _ := strings.Cut(s, "://")
	return head + "://" + rest[strings.IndexByte(rest, '@')+1:]
}

// disagreement compares the two readings of one root; "" where they agree.
func (r *dnfReader) disagreement(t *testing.T, root string, env map[string]string) string {
	t.Helper()
	theirs, mine := r.ask(t, root, env), comparedDNF(oursDNF(root, r.arch, env))
	if (theirs.Error != "") != (mine.Error != "") {
		return fmt.Sprintf("dnf ends with %q, we say %q", theirs.Error, mine.Error)
	}
	if theirs.Error != "" {
		return ""
	}
	return cmp.Diff(dnfPlain(theirs).Repos, mine.Repos)
}

// dnfReads compares what dnf reads with what we read, over configurations
// written by hand.
func dnfReads(t *testing.T, m *manager) {
	dnf := startDNF(t)
	for _, c := range dnfConfigs() {
		diff := dnf.disagreement(t, c.tree(t), c.env)
		if m.agree(diff == ""); diff != "" {
			t.Errorf("%s (-dnf +agentctl)\n%s", c.name, diff)
		}
	}
}

// dnfReadsAnything does the same over files put together at random out of the
// pieces that matter.
func dnfReadsAnything(t *testing.T, m *manager) {
	const rounds = 600
	dnf := startDNF(t)
	root := dnfConfig{files: map[string]string{
		"/etc/dnf/dnf.conf":        "[main]\nskip_if_unavailable=True\n",
		"/etc/dnf/vars/releasever": "9", "/etc/dnf/vars/a": "x y", "/etc/dnf/vars/empty": "",
	}}.tree(t)
	random := rand.New(rand.NewPCG(1, 2))
	wrong := 0
	for i := range rounds {
		text := randomDNFFile(random)
		dnfPut(t, root, "/etc/yum.repos.d/r.repo", text)
		diff := dnf.disagreement(t, root, nil)
		if m.agree(diff == ""); diff == "" {
			continue
		}
		if wrong++; wrong <= 5 {
			t.Errorf("file %d:\n%q\n(-dnf +agentctl)\n%s", i, text, diff)
		}
	}
}

// dnfPieces are what random files are made of.
var dnfPieces = []string{"[a]", "[b]", "[main]", "[a$releasever]", "[]", "[c", "[d]x", "[d] # c", "[e]xy", " [f]", "[[g]]",
	"enabled=1", "enabled = 0", "enabled=no", "enabled=", "enabled=TRUE", "enabled: 1", "baseurl=http://one/", "baseurl = http://one http://two",
	"baseurl=http://a,http://b", "  http://more", "\thttp://tab", "baseurl=", "mirrorlist=http://list/$releasever", "metalink=http://meta/${a}",
	"skip_if_unavailable=0", "skip_if_unavailable=off", "sslverify=False", "# comment", "; comment", "   # no comment", "", " ", "\t", "\r", "x", "=y",
	"name=n\r", "baseurl=\"http://quoted/\"", "proxy=_none_", "proxy=http://p:1", "username=u", "password='", "baseurl=/srv/r", "baseurl=http://u/$a$b${releasever",
	"baseurl=${empty}http://e", "unknown=1", "gpgcheck=maybe", "type=other", "type=rpm-md", "baseurl=http://\xff/", "key with space = v", "None=None", "mirrorlist=None",
	"baseurl= http://l , http://m\t,http://n", "   ,http://comma", "baseurl=http://x\\y"}

func randomDNFFile(r *rand.Rand) string {
	var lines []string
	if r.IntN(8) > 0 {
		lines = append(lines, "[a]")
	}
	for range 1 + r.IntN(12) {
		lines = append(lines, dnfPieces[r.IntN(len(dnfPieces))])
	}
	end := "\n"
	if r.IntN(6) == 0 {
		end = "\r\n"
	}
	text := strings.Join(lines, end)
	if r.IntN(3) > 0 {
		text += end
	}
	if r.IntN(10) == 0 {
		text = "\xef\xbb\xbf" + text
	}
	return text
}
