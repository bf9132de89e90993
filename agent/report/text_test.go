package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"agentctl/agent/report"
	"agentctl/agent/report/reporttest"
	"agentctl/agent/words"
)

var update = flag.Bool("update", false, "write the golden files")

// layouts are the forms in which every sample is kept as a golden file.
var layouts = []struct {
	name string
	o    report.TextOptions
}{
	{"80", report.TextOptions{}},
	{"60", report.TextOptions{Width: 60}},
	{"120.color", report.TextOptions{Width: 120, Color: true}},
	{"80.ascii", report.TextOptions{ASCII: true}},
	{"80.verbose", report.TextOptions{Verbose: true}},
}

func TestWriteTextGolden(t *testing.T) {
	for _, s := range reporttest.Samples() {
		for _, l := range layouts {
			t.Run(s.Name+"/"+l.name, func(t *testing.T) {
				got := text(t, s.Report, l.o)
				golden(t, s.Name+"."+l.name+".golden", got)
			})
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	// A checkout on Windows may have turned the line ends.
	if d := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func text(t testing.TB, r *report.Report, o report.TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteText(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkPlain fails on what has no place in a pipe.
func checkPlain(t testing.TB, got string) {
	t.Helper()
	for _, r := range got {
		if r != '\n' && (unicode.IsControl(r) || !unicode.IsPrint(r)) {
			t.Fatalf("unprintable %U in:\n%q", r, got)
		}
	}
	for _, l := range strings.Split(got, "\n") {
		if strings.HasSuffix(l, " ") {
			t.Fatalf("white space at the end of %q", l)
		}
	}
}

func checkGaps(t testing.TB, got string) {
	t.Helper()
	if strings.Contains(got, "\n\n\n") || strings.HasPrefix(got, "\n") || strings.HasSuffix(got, "\n\n") {
		t.Fatalf("empty lines in:\n%s", got)
	}
}

func TestWriteTextStaysInsideTheWidth(t *testing.T) {
	for _, s := range reporttest.Samples() {
		// Commands and words that are longer than a line are left whole.
		whole := map[string]bool{}
		for _, f := range s.Report.Findings {
			for _, x := range f.Fix {
				for _, l := range words.CleanLines(x.Command) {
					whole[strings.TrimSpace(l)] = true
				}
			}
		}
		for width := 40; width <= 120; width++ {
			for _, verbose := range []bool{false, true} {
				got := text(t, s.Report, report.TextOptions{Width: width, Verbose: verbose})
				checkPlain(t, got)
				checkGaps(t, got)
				for _, l := range strings.Split(got, "\n") {
					one := len(strings.Fields(l)) <= 2 // a label or a mark, and one word
					if words.Width(l) > width && !one && !whole[strings.TrimSpace(l)] {
						t.Errorf("%s at %d: %d columns: %q", s.Name, width, words.Width(l), l)
					}
				}
			}
		}
	}
}

func TestWriteTextColorAddsNothingElse(t *testing.T) {
	for _, s := range reporttest.Samples() {
		bare := text(t, s.Report, report.TextOptions{})
		colored := text(t, s.Report, report.TextOptions{Color: true})
		for _, sgr := range []string{"\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m", "\x1b[0m"} {
			colored = strings.ReplaceAll(colored, sgr, "")
		}
		if d := cmp.Diff(bare, colored); d != "" {
			t.Errorf("%s:\n%s", s.Name, d)
		}
	}
}

func TestWriteTextASCII(t *testing.T) {
	for _, s := range reporttest.Samples() {
		for i := range s.Report.Findings {
			s.Report.Findings[i].Fix = nil // commands stay as they are
		}
		for i, r := range text(t, s.Report, report.TextOptions{ASCII: true, Verbose: true}) {
			if r > '~' {
				t.Errorf("%s: %U at %d", s.Name, r, i)
			}
		}
	}
}

// A command is printed as the rule wrote it, at every width.
func TestWriteTextKeepsCommands(t *testing.T) {
	r := reporttest.Broken()
	for _, f := range r.Findings[0].Fix {
		for _, width := range []int{40, 60, 80, 200} {
			got := text(t, r, report.TextOptions{Width: width})
			for _, l := range strings.Split(f.Command, "\n") {
				if !strings.Contains(got, "            "+l+"\n") {
					t.Errorf("width %d: %q is not whole", width, l)
				}
			}
		}
	}
	if got := text(t, reporttest.Hostile(), report.TextOptions{}); !strings.Contains(got, "\ncat <<EOF\nhere\nEOF\n") {
		t.Errorf("the here-document is indented:\n%s", got)
	}
}
