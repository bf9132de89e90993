//go:build linux

package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// sample is one line of labsoak.
type sample struct {
	Rounds      int64  `json:"rounds"`
	RSS         int    `json:"rss_kib"`
	Goroutines  int    `json:"goroutines"`
	Descriptors int    `json:"descriptors"`
	CPU         int64  `json:"cpu_ms"`
	Verdict     string `json:"verdict"`
}

// TestSoak runs the daemon for SOAK_HOURS (24) hours of its own time, SOAK_SPEED (300) times as fast as the clock, while faults
// come and go. Memory, goroutines and descriptors must not grow: the last fifth is compared with the fifth after the first
// rounds. AGENTCTL_BIN is labsoak.
func TestSoak(t *testing.T) {
	if os.Getenv("SOAK") != "1" {
		t.Skip("SOAK=1 runs this (make soak)")
	}
	number := func(name string, usual int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return usual
	}
	hours, speed := number("SOAK_HOURS", 24), number("SOAK_SPEED", 300)
	length := time.Duration(hours) * time.Hour / time.Duration(speed)
	s, err := ReadScenario("endpoints-only")
	if err != nil {
		t.Fatal(err)
	}
	s.Run.Args = []string{strconv.Itoa(speed), strconv.Itoa(int(length.Seconds()))}
	s.Run.Limit = Duration{length + time.Minute}
	v, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- comeAndGo(v, stop) }()
	result, err := v.Run()
	close(stop)
	if err != nil {
		t.Fatalf("%v\n%s", err, result.Stderr)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	var all []sample
	verdicts := map[string]int{}
	for _, line := range bytes.Split(bytes.TrimSpace(result.Stdout), []byte("\n")) {
		var x sample
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, x)
		verdicts[x.Verdict]++
	}
	if len(all) < 20 {
		t.Fatalf("only %d samples\n%s", len(all), result.Stderr)
	}
	tenth := len(all) / 10
	early, late := level(all[tenth:3*tenth]), level(all[len(all)-2*tenth:])
	last := all[len(all)-1]
	t.Logf("%d hours in %s: %d rounds, CPU %.1f ms a round; verdicts by second %v", hours, length, last.Rounds, float64(last.CPU)/float64(max(last.Rounds, 1)), verdicts)
	t.Logf("early: RSS %.1f MiB, %d goroutines, %d descriptors", float64(early.RSS)/1024, early.Goroutines, early.Descriptors)
	t.Logf("late:  RSS %.1f MiB, %d goroutines, %d descriptors", float64(late.RSS)/1024, late.Goroutines, late.Descriptors)
	if verdicts["ready"] == 0 || verdicts["blocked"] == 0 {
		t.Errorf("faults did not come and go: %v", verdicts)
	}
	if late.RSS > early.RSS+3<<10 || late.Goroutines > early.Goroutines+10 || late.Descriptors > early.Descriptors+10 {
		t.Error("it grows")
	}
}

// level has the greatest memory of some samples, and the least goroutines and descriptors: a round under way has many, and a
// leak raises what is left between rounds.
func level(all []sample) sample {
	out := all[0]
	for _, s := range all {
		out.RSS, out.Goroutines, out.Descriptors = max(out.RSS, s.RSS), min(out.Goroutines, s.Goroutines), min(out.Descriptors, s.Descriptors)
	}
	return out
}

// comeAndGo breaks one thing after the other, with a healthy time between.
func comeAndGo(v *VPC, stop <-chan struct{}) error {
	faults := []Fault{
		{Drop: &PacketFault{To: []string{"ssmmessages"}}},
		{Reject: &PacketFault{To: []string{"s3-dualstack"}, With: "tcp-reset"}},
		{DNS: &DNSFault{Mode: "servfail"}},
		{Drop: &PacketFault{To: []string{"everything"}, Port: -1}},
		{DNS: &DNSFault{Mode: "drop"}},
	}
	pause := func(d time.Duration) bool {
		select {
		case <-time.After(d):
			return true
		case <-stop:
			return false
		}
	}
	for i := 0; ; i++ {
		if !pause(12 * time.Second) {
			return nil
		}
		if err := v.Break(faults[i%len(faults)]); err != nil {
			return fmt.Errorf("break: %w", err)
		}
		ok := pause(12 * time.Second)
		if err := v.Mend(); err != nil {
			return fmt.Errorf("mend: %w", err)
		}
		if !ok {
			return nil
		}
	}
}
