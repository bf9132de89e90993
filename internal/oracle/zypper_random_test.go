package oracle

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"agentctl/platform"
)

// zypperReadsAnything: files put together at random mean the same to us as to
// zypper, or stop it.
func zypperReadsAnything(t *testing.T, m *manager) {
	const files = 40
	cases := map[string]aptTree{}
	for seed := range uint64(files) {
		r := rand.New(rand.NewPCG(seed, 3))
		cases[fmt.Sprint(seed)] = aptTree{"etc/zypp/repos.d/a.repo": randomRepo(r), "etc/zypp/vars.d/v": "value\n", "etc/zypp/vars.d/e": ""}
	}
	each(t, m, cases, func(t *testing.T, _ string, tree aptTree) {
		config := ourZypper(t, plainTemp(t), tree, platform.Facts{})
		out, code := newZyppMachine(t, m.needs[0], tree).run(t, "lr", "-u")
		if d := diff.Diff(zyppListed(t, out, code), zyppRead(config)); d != "" {
			t.Errorf("zypper (-) and ours (+) differ:\n%s\n%q\n%v\n%s", d, tree["etc/zypp/repos.d/a.repo"], config.Problems, out)
		}
	})
}

func randomRepo(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(10) {
		switch r.IntN(8) {
		case 0, 1:
			b.WriteString(pick(r, "[a]", "[b]", " [a] ", "[a]x", "[a:b]", "[c d]", "[a]]", "[A]"))
		case 2:
			b.WriteString(pick(r, "enabled=", "enabled = ", "Enabled=") + pick(r, "0", "1", "yes", "no", "off", "", "-1", "2x", "True", "never", "+"))
		case 3:
			b.WriteString(pick(r, "# c", "; c", "", "  ", "\t# d", "name=n $v", "name=${v:-x}", "service=s", "x=y=z", "garbage"))
		default:
			b.WriteString(pick(r, "baseurl=", "baseurl = ", "baseurl=", "  "))
			b.WriteString(pick(r, "http://127.0.0.1:9/", "https://127.0.0.1:9/a/$v", "http://127.0.0.1:9/$v/x", "http://127.0.0.1:9/${v:+a${e:-b}}/${e:+c}/${w}", "http://127.0.0.1:9/${v:-a\\}b}/$e", "dir:/srv", "http://127.0.0.1:9/a?b=c&ssl_verify=no", "http://u@127.0.0.1:9", "http://h_x.127-/", "x", "/srv/$v", "ftp://127.0.0.1:9/x", "http://127.0.0.1:9/%zz", "http://127.0.0.1:9/a,b", "http://127.0.0.1:9/a, http://127.0.0.1:9/b http://127.0.0.1:9/c,", ""))
		}
		b.WriteString(pick(r, "\n", "\n", "\n", "\n\n", " \n", "\t\n"))
	}
	return b.String()
}
