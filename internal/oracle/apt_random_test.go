package oracle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"agentctl/platform"
)

// aptReadsAnything: files put together at random from what stands in sources
// mean the same to us as to apt-get, or are an error to both.
func aptReadsAnything(t *testing.T, m *manager) {
	const files = 40
	cases := map[string]aptTree{}
	for seed := range uint64(files) {
		r := rand.New(rand.NewPCG(seed, 1))
		cases[fmt.Sprint(seed)] = aptTree{"etc/apt/sources.list": randomList(r), "etc/apt/sources.list.d/x.sources": randomSources(r)}
	}
	each(t, m, cases, func(t *testing.T, _ string, tree aptTree) {
		out, _ := newAptMachine(t, tree).run(t, m.needs[0], "update", "--print-uris")
		config := ourAPT(t, tree, platform.Facts{})
		theirs, _ := aptPrintedOutcome(out)
		if d := diff.Diff(theirs, aptOutcome(config)); d != "" {
			t.Errorf("apt-get (-) and ours (+) differ:\n%s\n%q\n%q\n%v\n%s", d, tree["etc/apt/sources.list"], tree["etc/apt/sources.list.d/x.sources"], config.Problems, out)
		}
	})
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// randomList is mostly right: one fault hides all that follows it.
func randomList(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(pick(r, "deb", "deb", "deb", "deb-src", " deb", "\tdeb", "#deb", "deb\t"))
		b.WriteString(pick(r, " ", "  ", "\t", " [arch=amd64] ", " [ arch=amd64,i386 trusted=yes ] ", "[trusted=yes]", " [lang=\"a b\"] ", " [a=b#c] ", " [x=y]", " [ab] ", " ["))
		b.WriteString(pick(r, "http://a.example/d", "http://a.example/d/", "https://b.example:8443/x//y/", "http://[::1]:80/d", "\"http://c.example/q r\"", "http://d.example", "http://e.example/%41?x=y", "file:/srv/d", "http:/f.example", "nothing"))
		b.WriteString(pick(r, " ", "\t", "   "))
		b.WriteString(pick(r, "s main", "s main contrib", "s/updates main", "./", "/", "sub/ # x", "s", "s main # comment", "s main#x", "$(ARCH)/", "s\tmain\r", "a%2fb main", "s ma[in", "s \"ma in\""))
		b.WriteString(pick(r, "\n", "\n", "\n", "\n\n", "\r\n", " \n"))
	}
	return b.String()
}

func randomSources(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(3) {
		lines := []string{
			pick(r, "Types: deb", "Types: deb", "types:deb deb-src", "Types : deb", "Types: foo", "Types:"),
			pick(r, "URIs: http://a.example/d", "URIs: http://a.example/d https://b.example/e/", "URIs:\n http://c.example/\n .\n", "URIs: x", "Uris:http://d.example"),
			pick(r, "Suites: s", "Suites: s t", "Suites: ./", "Suites:\n s\n# no\n t", "Suites: $(ARCH)/"),
			pick(r, "Components: main", "Components: main contrib", "Components: main", "# none", "Components:"),
			pick(r, "", "Enabled: no", "Enabled: yes", "Signed-By: /x.gpg", "Trusted: yes", "junk", "X-Y: z", "Architectures: arm64 amd64", " folded", "\t", "Arch: itectures: x"),
		}
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
		b.WriteString(strings.Join(lines, "\n") + pick(r, "\n\n", "\n\n\n", "\n#\n\n", "\n \n", "\n\r\n", "\n"))
	}
	return b.String()
}
