package history

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentctl/agent/report"
	"agentctl/probes"
)

// TestMain lets this test's own program be the one that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SAVE_IN"); dir != "" {
		saveForEver(dir)
	}
	os.Exit(m.Run())
}

// saveForEver saves one state after the other and says after each that it is safe.
func saveForEver(dir string) {
	s := In(dir)
	s.Tidy()
	last, h, _ := s.Load()
	n := 0
	if last != nil {
		n, _ = strconv.Atoi(last.Version)
	}
	for {
		n++
		r := seen(probes.Up)
		r.Version = strconv.Itoa(n)
		for i := range 200 { // a state of some size takes more than one write
			r.Targets = append(r.Targets, report.Target{Name: "t" + strconv.Itoa(i), State: probes.Up})
		}
		h.Note(r, time.Now())
		if err := s.Save(r, h, time.Now()); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// Killed at any moment, the state is readable, and what was said to be saved is in
// it. KILLS is how often (20).
func TestKilled(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("KILLS"))
	if err != nil {
		kills = 20
	}
	dir := t.TempDir()
	for i := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SAVE_IN="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		said := 0
		if !lines.Scan() {
			t.Fatal("the program saved nothing")
		}
		deadline := time.AfterFunc(rand.N(80*time.Millisecond), func() { _ = cmd.Process.Kill() })
		for ok := true; ok; ok = lines.Scan() {
			n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
			if err != nil {
				t.Fatalf("it said %q", lines.Text())
			}
			said = n
		}
		_ = cmd.Wait()
		deadline.Stop()
		r, _, warning := In(dir).Load()
		if warning != "" || r == nil {
			t.Fatalf("kill %d: %q", i+1, warning)
		}
		if have, _ := strconv.Atoi(r.Version); have < said {
			t.Fatalf("kill %d: %d was saved, %d is there", i+1, said, have)
		}
	}
	In(dir).Tidy()
	left, _ := os.ReadDir(dir)
	if len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}
