// Package oracle holds agentctl's readers and probes to the programs whose
// behaviour they foretell: what real dnf, apt and zypper make of a machine's
// files, and whether they get at the same repositories on the same servers with
// the same faults. It has tests alone.
package oracle

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestOracle asks each package manager and prints a line for it: how many
// configurations were compared and how often we disagreed.
func TestOracle(t *testing.T) {
	for _, s := range []struct {
		manager *manager
		suites  map[string]func(*testing.T, *manager)
	}{
		{&manager{name: "dnf", needs: []string{"/usr/bin/dnf", "/usr/bin/createrepo_c", python}}, dnfSuites},
		{&manager{name: "apt", needs: []string{"/usr/bin/apt-get"}}, aptSuites},
		{&manager{name: "zypper", needs: []string{"/usr/bin/zypper"}}, zypperSuites},
	} {
		m := s.manager
		t.Run(m.name, func(t *testing.T) {
			defer func() { fmt.Println(m) }()
			m.find(t)
			for _, name := range slices.Sorted(maps.Keys(s.suites)) {
				t.Run(name, func(t *testing.T) { s.suites[name](t, m) })
			}
			if m.configs < fewest {
				t.Errorf("%d configurations, and there should be %d", m.configs, fewest)
			}
		})
	}
}

// fewest is how many configurations each package manager is held to.
const fewest = 60

// manager is a package manager of this machine, and how often we agree with it.
type manager struct {
	name    string
	needs   []string // programs; the first is its own
	version string
	missing string

	mu      sync.Mutex
	configs int
	wrong   int
	meant   map[string]int // where we differ on purpose, by what it is
}

var firstVersion = regexp.MustCompile(`[0-9]+(\.[0-9]+)+`)

// find skips a package manager that is not here or needs more rights; on the
// build machines that is a failure.
func (m *manager) find(t *testing.T) {
	t.Helper()
	for _, file := range m.needs {
		if _, err := os.Stat(file); err != nil {
			m.missing = file + " is missing (make setup installs it)"
		}
	}
	if os.Geteuid() != 0 {
		m.missing = "root is needed"
	}
	switch {
	case m.missing == "":
	case os.Getenv("CI") == "true":
		t.Fatal(m.missing)
	default:
		t.Skip(m.missing)
	}
	out, err := exec.CommandContext(t.Context(), m.needs[0], "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", m.needs[0], err)
	}
	m.version = firstVersion.FindString(string(out))
}

// agree counts one configuration.
func (m *manager) agree(ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.configs++
	if !ok {
		m.wrong++
	}
}

// differ notes that a configuration shows a difference that is meant: it is
// neither an agreement to boast of nor a fault.
func (m *manager) differ(why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.meant == nil {
		m.meant = map[string]int{}
	}
	m.meant[why]++
}

func (m *manager) String() string {
	if m.missing != "" {
		return fmt.Sprintf("oracle: %s not compared: %s", m.name, m.missing)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "oracle: %s %s: %d configurations, %d disagreements", m.name, m.version, m.configs, m.wrong)
	for _, why := range slices.Sorted(maps.Keys(m.meant)) {
		fmt.Fprintf(&b, "; %d by intent: %s", m.meant[why], why)
	}
	return b.String()
}

// each runs a subtest for each name, eight at a time whatever the number of
// cores: the programs wait more than they compute. Each counts as one
// configuration.
func each[V any](t *testing.T, m *manager, cases map[string]V, run func(t *testing.T, name string, of V)) {
	t.Helper()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for name, of := range cases {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			t.Run(name, func(t *testing.T) {
				defer func() { m.agree(!t.Failed()) }()
				run(t, name, of)
			})
		})
	}
	wg.Wait()
}
