//go:build linux

package lab

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"agentctl/agent/report/reporttest"
)

// scenariosAtOnce is how many networks run side by side. They mostly wait; more would make their timing unsteady.
const scenariosAtOnce = "12"

var table resultTable

func TestMain(m *testing.M) {
	flag.Parse()
	parallelGiven := false
	flag.Visit(func(f *flag.Flag) { parallelGiven = parallelGiven || f.Name == "test.parallel" })
	if !parallelGiven {
		_ = flag.Set("test.parallel", scenariosAtOnce)
	}
	code := m.Run()
	table.print(os.Stdout)
	os.Exit(code)
}

// needLab skips where the lab cannot run, and fails instead where it must: in CI, and with LAB=1.
func needLab(t testing.TB) {
	t.Helper()
	missing := ""
	if os.Geteuid() != 0 {
		missing = "not root"
	} else if _, err := exec.LookPath("nft"); err != nil {
		missing = "nft is not installed"
	}
	if missing == "" {
		return
	}
	if os.Getenv("CI") == "true" || os.Getenv("LAB") == "1" {
		t.Fatalf("the lab cannot run: %s", missing)
	}
	t.Skipf("the lab cannot run: %s", missing)
}

// TestScenarios builds each scenario's network, proves that its fault is there, runs agentctl and judges the report.
func TestScenarios(t *testing.T) {
	needLab(t)
	scenarios, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	only := os.Getenv("SCENARIO")
	proofOnly := os.Getenv("LAB_PROOF_ONLY") == "1"
	if !proofOnly {
		if _, err := binaries(); err != nil {
			t.Fatal(err)
		}
	}
	found := false
	for _, s := range scenarios {
		if fits, err := path.Match(only, s.Name); err != nil {
			t.Fatalf("SCENARIO=%s: %v", only, err)
		} else if only != "" && !fits {
			continue
		}
		found = true
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			runScenario(t, s, proofOnly, only == s.Name)
		})
	}
	if !found {
		t.Fatalf("no scenario is called %q", only)
	}
}

func runScenario(t *testing.T, s Scenario, proofOnly, show bool) {
	v, err := Build(s)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	defer v.Close()
	if err := v.Prove(); err != nil {
		table.add(row{s.Name, s.Block, s.wanted(), "fault not proven", Result{}, false})
		t.Fatal(err)
	}
	if proofOnly {
		return
	}
	args := []string{"--output", "json"}
	short := os.Getenv("LAB_TIMEOUT")
	if short != "" {
		args = append(args, "--timeout", short)
	}
	result, err := v.Run(args...)
	if err != nil {
		table.add(row{s.Name, s.Block, s.wanted(), "no run", result, false})
		t.Fatalf("%s: %v", s.Description, err)
	}
	got, err := s.Judge(result)
	if short != "" {
		got, err = s.JudgeShort(result)
	}
	if schemaErr := reporttest.Validate(result.Stdout); schemaErr != nil {
		err = errors.Join(err, fmt.Errorf("the report does not follow its schema: %w", schemaErr))
	}
	table.add(row{s.Name, s.Block, s.wanted(), got, result, err == nil})
	if err != nil {
		t.Errorf("%s\n%v", s.Description, err)
	}
	if !show {
		return
	}
	t.Logf("json:\n%s\n%s", result.Stdout, result.Stderr)
	text, err := v.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("text (exit %d):\n%s\n%s", text.Exit, text.Stdout, text.Stderr)
}

func (s *Scenario) wanted() string {
	return s.Expect.Verdict + " " + strings.Join(s.Expect.Findings, " ")
}

// row is one line of the table at the end.
type row struct {
	name, block, expected, got string
	result                     Result
	ok                         bool
}

type resultTable struct {
	mu   sync.Mutex
	rows []row
}

func (r *resultTable) add(line row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, line)
}

func (r *resultTable) print(w io.Writer) {
	if len(r.rows) == 0 {
		return
	}
	slices.SortFunc(r.rows, func(a, b row) int { return strings.Compare(a.block+a.name, b.block+b.name) })
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "scenario\tblock\texpected\tgot\twall s\tCPU ms\tRSS MiB\tok")
	good := 0
	for _, line := range r.rows {
		mark := "NO"
		if line.ok {
			good++
			mark = "ok"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%.2f\t%d\t%.1f\t%s\n", line.name, line.block, line.expected, line.got,
			line.result.Wall.Seconds(), line.result.CPU.Milliseconds(), float64(line.result.MaxRSS)/1024, mark)
	}
	out.Flush()
	fmt.Fprintf(w, "%d of %d scenarios pass\n", good, len(r.rows))
}
