package repos

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated part of docs/repositories.md anew")

// TestRepositoriesPage holds the table of docs/repositories.md against the data;
// -update writes it.
func TestRepositoriesPage(t *testing.T) {
	const page, begin, end = "../../docs/repositories.md", "<!-- generated: make golden -->\n", "<!-- end of what is generated -->\n"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the marks of its generated part", page)
	}
	want := head + begin + Page() + end + tail
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if want != string(data) {
		t.Errorf("%s is not what the data say; run: make golden", page)
	}
}
