package report

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"agentctl/agent/words"
	"agentctl/probes"
)

const (
	// progressDelay: a healthy round takes 0.4 s, and a line that only flashes
	// up says nothing.
	progressDelay = 500 * time.Millisecond
	// progressTick is how often the line is drawn. The clock on it shows tenths
	// of a second only at first.
	progressTick = 200 * time.Millisecond
)

// Progress shows on one line of a terminal what a round is doing, and takes the
// line away at the end. Where there is no terminal it does nothing; so does a nil
// Progress. All methods are safe for concurrent use.
type Progress struct {
	out   io.Writer
	width func() int // of the terminal, in columns
	now   func() time.Time
	ascii bool

	mu       sync.Mutex
	started  time.Time
	expected int
	done     int
	open     []openTarget // in the order of their start
	shown    int          // columns that are drawn now
	quit     chan struct{}
	finished chan struct{}
}

type openTarget struct {
	name  string
	phase probes.Phase
}

// NewProgress starts a progress line on a terminal; of anything else (a file, a
// pipe, nil) the result is nil. The caller has to Stop it before anything else is
// printed to the terminal.
func NewProgress(f *os.File, ascii bool) *Progress {
	if f == nil {
		return nil
	}
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	p := newProgress(f, func() int {
		w, _, err := term.GetSize(fd)
		if err != nil || w <= 0 {
			return defaultWidth
		}
		return w
	}, time.Now, ascii)
	go p.run()
	return p
}

func newProgress(out io.Writer, width func() int, now func() time.Time, ascii bool) *Progress {
	return &Progress{out: out, width: width, now: now, ascii: ascii, started: now(),
		quit: make(chan struct{}), finished: make(chan struct{})}
}

// Expect adds n targets to those that the round will probe.
func (p *Progress) Expect(n int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected += n
}

// Step says that a target has come to a phase; the first one starts it.
func (p *Progress) Step(target string, phase probes.Phase) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.find(target); i >= 0 {
		p.open[i].phase = phase
		return
	}
	p.open = append(p.open, openTarget{target, phase})
}

// Done says that a target is probed, however it went.
func (p *Progress) Done(target string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.find(target); i >= 0 {
		p.open = slices.Delete(p.open, i, i+1)
	}
	p.done++
}

// Stop takes the line away and returns when nothing more will be written.
// Further calls do nothing.
func (p *Progress) Stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	select {
	case <-p.quit:
	default:
		close(p.quit)
	}
	p.mu.Unlock()
	<-p.finished
}

func (p *Progress) find(target string) int {
	return slices.IndexFunc(p.open, func(o openTarget) bool { return o.name == target })
}

// run draws until Stop.
func (p *Progress) run() {
	defer close(p.finished)
	tick := time.NewTicker(progressTick)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			p.draw("")
			return
		case <-tick.C:
			if p.now().Sub(p.started) >= progressDelay {
				p.draw(p.line())
			}
		}
	}
}

// draw replaces the line. It uses no sequence but the carriage return, which
// every console knows, and never the last column, where some wrap.
func (p *Progress) draw(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := words.Width(line)
	if n == 0 && p.shown == 0 {
		return
	}
	s := "\r" + line + strings.Repeat(" ", max(p.shown-n, 0))
	if n == 0 {
		s += "\r"
	}
	p.shown = n
	_, _ = io.WriteString(p.out, s) // a terminal that is gone needs no progress
}

// line says what most of the open targets wait for, which they are, how many are
// done, and for how long it has been going.
func (p *Progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := unicodeMarks
	if p.ascii {
		m = asciiMarks
	}
	count := fmt.Sprintf("%d done", p.done)
	if p.expected > 0 {
		count = fmt.Sprintf("%d of %d done", min(p.done, p.expected), p.expected)
	}
	tail := m.sep + count + m.sep + words.Duration(p.now().Sub(p.started).Round(100*time.Millisecond))
	room := p.width() - 1 - words.Width(tail)
	phase, names := p.busiest()
	head := phase + m.sep + strings.Join(names, ", ")
	if len(names) == 0 {
		head = "looking at this machine"
		if p.done > 0 {
			head = "judging"
		}
	}
	if p.ascii {
		head = words.ASCII(head)
	}
	if room < 10 {
		return words.Fit(strings.TrimPrefix(tail, m.sep), max(p.width()-1, 0), "")
	}
	return words.Fit(head, room, m.cut) + tail
}

// busiest is the phase of most open targets, of equal ones the earlier, with
// their names.
func (p *Progress) busiest() (string, []string) {
	by := map[probes.Phase][]string{}
	for _, o := range p.open {
		by[o.phase] = append(by[o.phase], words.Clean(o.name))
	}
	var best probes.Phase
	for _, ph := range []probes.Phase{probes.PhaseDNS, probes.PhaseProxy, probes.PhaseTCP, probes.PhaseTLS, probes.PhaseHTTP, probes.PhaseSigned} {
		if len(by[ph]) > len(by[best]) {
			best = ph
		}
	}
	return doing[best], by[best]
}

// doing says what happens in a phase.
var doing = map[probes.Phase]string{
	probes.PhaseDNS:    "resolving",
	probes.PhaseProxy:  "asking the proxy",
	probes.PhaseTCP:    "connecting",
	probes.PhaseTLS:    "TLS handshake",
	probes.PhaseHTTP:   "waiting for an answer",
	probes.PhaseSigned: "signed call",
}
