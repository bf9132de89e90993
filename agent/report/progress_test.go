package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// screen is a terminal's one line: what stands there after all writes.
type screen struct {
	mu   sync.Mutex
	line []rune
	at   int
	all  bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Write(b)
	for _, r := range string(b) {
		if r == '\r' {
			s.at = 0
			continue
		}
		if s.at < len(s.line) {
			s.line[s.at] = r
		} else {
			s.line = append(s.line, r)
		}
		s.at++
	}
	return len(b), nil
}

func (s *screen) String() string { return strings.TrimRight(string(s.line), " ") }

func TestProgressLine(t *testing.T) {
	start := time.Date(2026, 7, 30, 9, 0, 0, 0, time.UTC)
	now := start
	s := &screen{}
	width := 80
	p := newProgress(s, func() int { return width }, func() time.Time { return now }, false)
	show := func(want string) {
		t.Helper()
		p.draw(p.line())
		if s.String() != want {
			t.Errorf("got  %q\nwant %q", s, want)
		}
		if n := words.Width(s.String()); n >= width {
			t.Errorf("%d columns in a terminal of %d", n, width)
		}
	}
	now = start.Add(600 * time.Millisecond)
	show("looking at this machine · 0 done · 0.6 s")
	p.Expect(12)
	p.Step("ssm", probes.PhaseDNS)
	p.Step("ssmmessages", probes.PhaseDNS)
	p.Step("s3", probes.PhaseTCP)
	for range 3 {
		p.Done("other")
	}
	now = start.Add(2 * time.Second)
	show("resolving · ssm, ssmmessages · 3 of 12 done · 2.0 s")
	p.Step("ssm", probes.PhaseTCP)
	p.Step("repo:\x1b[31m\r\nred", probes.PhaseTCP)
	show("connecting · ssm, s3, repo: red · 3 of 12 done · 2.0 s")
	width = 40
	show("connecting · ss… · 3 of 12 done · 2.0 s")
	width = 20
	show("3 of 12 done · 2.0")
	width = 80
	p.Done("ssm")
	p.Done("s3")
	p.Done("ssmmessages")
	p.Done("repo:\x1b[31m\r\nred")
	now = start.Add(14 * time.Second)
	show("judging · 7 of 12 done · 14 s")
	p.draw("")
	if s.String() != "" {
		t.Errorf("left on the screen: %q", s)
	}
}

func TestProgressIsSafeForConcurrentUse(t *testing.T) {
	s := &screen{}
	start := time.Now().Add(-time.Minute) // past the delay
	first := true
	p := newProgress(s, func() int { return 60 }, func() time.Time {
		if first {
			first = false
			return start
		}
		return time.Now()
	}, true)
	go p.run()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			name := fmt.Sprintf("repo:%d", i)
			p.Expect(1)
			for _, ph := range []probes.Phase{probes.PhaseDNS, probes.PhaseTCP, probes.PhaseTLS} {
				p.Step(name, ph)
				time.Sleep(25 * time.Millisecond)
			}
			p.Done(name)
		})
	}
	wg.Wait()
	time.Sleep(2 * progressTick)
	p.Stop()
	p.Stop()
	if s.String() != "" || s.all.Len() == 0 {
		t.Errorf("left on the screen: %q after %d bytes", s, s.all.Len())
	}
}

func TestProgressWithoutATerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := NewProgress(f, false)
	p.Expect(1)
	p.Step("ssm", probes.PhaseDNS)
	p.Done("ssm")
	p.Stop()
	if st, err := f.Stat(); err != nil || st.Size() != 0 {
		t.Errorf("%v, %d bytes written", err, st.Size())
	}
}
