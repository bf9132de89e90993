package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentctl/agent"
	"agentctl/agent/config"
	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// machine is a host whose clock is the test's.
type machine struct {
	*platformtest.Host
	mu *sync.Mutex
}

func (machine) Now() time.Time { return time.Now() }

func (m machine) Facts() platform.Facts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.FactsValue
}

// world makes rounds: ssm is refused while the time is within a fault.
type world struct {
	machine machine
	mu      *sync.Mutex
	began   time.Time
	faults  [][2]time.Duration // from, to, since the beginning
	rounds  []made
	takes   time.Duration
	err     error
}

type made struct {
	at       time.Duration
	groups   []probes.Group
	controls bool
}

func newWorld() *world {
	h := platformtest.New(nil)
	h.FactsValue.OS = platform.OS{Family: "linux", ID: "amzn", Version: "2023"}
	mu := &sync.Mutex{}
	return &world{machine: machine{h, mu}, mu: mu, began: time.Now(), takes: 300 * time.Millisecond}
}

// change changes the world while the daemon runs.
func (w *world) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

func (w *world) measure(ctx context.Context, o agent.Options) (*probes.Round, error) {
	at := time.Since(w.began)
	w.mu.Lock()
	w.rounds = append(w.rounds, made{at, o.Groups, o.Controls})
	err, takes, faults := w.err, w.takes, w.faults
	w.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	yes := true
	r := &probes.Round{Started: time.Now(), Now: time.Now(), Groups: []probes.Group{probes.GroupSSM, probes.GroupAgent, probes.GroupHost},
		Host: w.machine.Facts(), Region: probes.Region{Name: "us-east-1", Partition: "aws"},
		Agent: probes.AgentState{Install: "installed", Running: &yes, Worker: &yes, Proxy: probes.AgentProxy{Known: true},
			Identity: probes.AgentIdentity{FileState: probes.FileState{Exists: true}, Source: "EC2", Retrieved: time.Now().Add(-time.Minute), Expires: time.Now().Add(time.Hour)}}}
	res := probes.Result{Target: probes.Target{Name: "ssm", Group: probes.GroupSSM, URL: "https://ssm.us-east-1.amazonaws.com/", Required: true, AWS: true,
		Answer: probes.AnswerAWS, Client: probes.ClientAgent}, State: probes.Up, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.51")},
		Name: &probes.NameResult{Host: "ssm.us-east-1.amazonaws.com", Reason: probes.OK}}
	conn := probes.Conn{Addr: netip.MustParseAddrPort("10.0.1.51:443"), Reason: probes.OK, Attempts: 2}
	if o.Previous != nil && !slices.Contains(o.Groups, probes.GroupSSM) {
		res = o.Previous.Results[0]
		conn = res.Conns[0]
	} else if slices.ContainsFunc(faults, func(f [2]time.Duration) bool { return at >= f[0] && at < f[1] }) {
		conn.Reason, res.State = probes.Refused, probes.Down
		res.Steps = []probes.Step{{Phase: probes.PhaseTCP, State: probes.Down, Reason: probes.Refused, Attempts: 2}}
	}
	res.Conns = []probes.Conn{conn}
	r.Results = []probes.Result{res}
	return r, nil
}

// seenBy collects what a watcher is told.
type seenBy struct {
	mu      sync.Mutex
	began   time.Time
	reports []said
	reloads []bool
}

type said struct {
	at       time.Duration
	findings string
	pending  string
	state    diagnosis.State
}

func (s *seenBy) Round(_ *probes.Round, rep *report.Report, _ []probes.Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := said{at: time.Since(s.began), state: rep.Verdict.State}
	for _, f := range rep.Findings {
		if f.Severity != diagnosis.Info {
			x.findings += string(f.Code) + " "
		}
	}
	for _, p := range rep.Pending {
		x.pending += string(p.Code) + " "
	}
	s.reports = append(s.reports, x)
}

func (s *seenBy) Reloaded(ok bool, _ time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reloads = append(s.reloads, ok)
}

// start runs a daemon for a while of the test's own time, and gives back what it did.
func start(t *testing.T, w *world, cfg config.Config, log *bytes.Buffer, during func(d *Daemon, reload chan<- struct{})) (*Daemon, *seenBy) {
	t.Helper()
	cfg.StateDir = t.TempDir()
	return startIn(w, cfg, log, during)
}

func startIn(w *world, cfg config.Config, log *bytes.Buffer, during func(d *Daemon, reload chan<- struct{})) (*Daemon, *seenBy) {
	seen := &seenBy{began: w.began}
	if log == nil {
		log = &bytes.Buffer{}
	}
	d := New(Options{Host: w.machine, Config: cfg, Log: slog.New(slog.NewTextHandler(log, nil)), Measure: w.measure, Watch: []Watcher{seen},
		Reload: func() (config.Config, error) { return config.Load(cfg.Path) }})
	ctx, cancel := context.WithCancel(context.Background())
	reload := make(chan struct{})
	ended := make(chan struct{})
	go func() { d.Run(ctx, reload); close(ended) }()
	during(d, reload)
	cancel()
	<-ended
	return d, seen
}

func sleep(d time.Duration) func(*Daemon, chan<- struct{}) {
	return func(*Daemon, chan<- struct{}) { time.Sleep(d) }
}

// A day without faults: every group at its interval, never two rounds at once.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, seen := start(t, w, config.Default(), nil, sleep(24*time.Hour))
		count := map[probes.Group]int{}
		controls := 0
		for i, r := range w.rounds {
			for _, g := range r.groups {
				count[g]++
			}
			if r.controls {
				controls++
			}
			if i > 0 && r.at-w.rounds[i-1].at < w.takes {
				t.Fatalf("rounds overlap at %s", r.at)
			}
		}
		for g, want := range map[probes.Group]int{probes.GroupSSM: 288, probes.GroupS3: 288, probes.GroupIdentity: 288, probes.GroupRepos: 48, probes.GroupAgent: 1440, probes.GroupHost: 1440} {
			if n := count[g]; n < want*85/100 || n > want*125/100 {
				t.Errorf("%s was measured %d times, not about %d", g, n, want)
			}
		}
		if controls < 20 || controls > 26 {
			t.Errorf("control targets were asked %d times for their own sake, not about hourly", controls)
		}
		for _, s := range seen.reports {
			if s.findings+s.pending != "" {
				t.Fatalf("at %s: %+v", s.at, s)
			}
		}
	})
}

// A fault is raised by the second look, 15 seconds after the first, and cleared by
// the second look without it.
func TestConfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.faults = [][2]time.Duration{{12 * time.Minute, 50 * time.Minute}}
		var log bytes.Buffer
		d, seen := start(t, w, config.Default(), &log, sleep(2*time.Hour))
		var pending, raised, cleared time.Duration
		for _, s := range seen.reports {
			switch {
			case s.pending != "" && pending == 0:
				pending = s.at
			case s.findings != "" && raised == 0:
				raised = s.at
			case s.findings == "" && s.pending == "" && raised != 0 && cleared == 0:
				cleared = s.at
			}
		}
		if pending < 12*time.Minute || raised-pending > 20*time.Second || raised-pending < 10*time.Second {
			t.Errorf("pending at %s, raised at %s", pending, raised)
		}
		if cleared < 50*time.Minute || cleared > 57*time.Minute {
			t.Errorf("cleared at %s", cleared)
		}
		for _, line := range []string{`msg="finding raised" code=tcp-refused`, `msg="finding cleared" code=tcp-refused`, "msg=verdict state=blocked was=ready", "msg=verdict state=ready was=blocked"} {
			if n := strings.Count(log.String(), line); n != 1 {
				t.Errorf("%d lines %s in\n%s", n, line, log.String())
			}
		}
		d.Report(func(_ *report.Report, h *history.History) {
			if n := h.Flaps(history.KindFinding, "tcp-refused"); n != 1 {
				t.Errorf("%d flaps", n)
			}
		})
	})
}

// One bad look alone says nothing.
func TestOneBadLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, seen := start(t, w, config.Default(), nil, func(*Daemon, chan<- struct{}) {
			time.Sleep(12 * time.Minute)
			w.change(func() { w.faults = [][2]time.Duration{{0, 24 * time.Hour}} })
			for { // until the next look at ssm has begun
				time.Sleep(time.Second)
				w.mu.Lock()
				last := w.rounds[len(w.rounds)-1]
				w.mu.Unlock()
				if last.at > 12*time.Minute && slices.Contains(last.groups, probes.GroupSSM) {
					break
				}
			}
			w.change(func() { w.faults = nil })
			time.Sleep(time.Hour)
		})
		pending := 0
		for _, s := range seen.reports {
			if s.findings != "" {
				t.Fatalf("raised at %s: %+v", s.at, s)
			}
			if s.pending != "" {
				pending++
			}
		}
		if pending == 0 {
			t.Error("the bad look was never shown as pending")
		}
	})
}

// A restart keeps what is raised, and since when.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.faults = [][2]time.Duration{{0, 24 * time.Hour}}
		cfg := config.Default()
		cfg.StateDir = t.TempDir()
		_, _ = startIn(w, cfg, nil, sleep(10*time.Minute))
		var since time.Time
		d, seen := startIn(w, cfg, nil, sleep(30*time.Second))
		d.Report(func(r *report.Report, _ *history.History) { since = r.Findings[0].Since })
		if seen.reports[0].findings == "" || since.Sub(w.began) > time.Minute {
			t.Errorf("after the restart: %+v, since %s after the beginning", seen.reports[0], since.Sub(w.began))
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.faults = [][2]time.Duration{{0, 24 * time.Hour}}
		file := filepath.Join(t.TempDir(), "agentctl.yml")
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("region: us-east-1\n")
		cfg, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		_, seen := start(t, w, cfg, &log, func(d *Daemon, reload chan<- struct{}) {
			time.Sleep(2 * time.Minute)
			write("mute:\n- code: tcp-refused\n  reason: known\n")
			time.Sleep(time.Minute) // noticed by itself
			if _, muted := d.Config().Muted("tcp-refused"); !muted {
				t.Error("the new file was not noticed")
			}
			write("regoin: x\n")
			reload <- struct{}{}
			time.Sleep(time.Minute)
			if _, muted := d.Config().Muted("tcp-refused"); !muted {
				t.Error("a bad file has replaced the old configuration")
			}
		})
		if !slices.Equal(seen.reloads, []bool{true, false}) {
			t.Errorf("reloads %v", seen.reloads)
		}
		last := seen.reports[len(seen.reports)-1]
		if last.findings != "" || last.state != diagnosis.Ready {
			t.Errorf("a muted finding is reported: %+v", last)
		}
		if !strings.Contains(log.String(), file+":1: unknown key") {
			t.Errorf("the log does not name the line:\n%s", log.String())
		}
	})
}

// A round that never comes back is a dead loop; one that fails is none.
func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.err = context.DeadlineExceeded
		_, _ = start(t, w, config.Default(), nil, func(d *Daemon, _ chan<- struct{}) {
			time.Sleep(10 * time.Minute)
			if !d.Alive() || d.Ready() {
				t.Error("rounds that fail: the loop must be alive, and not ready")
			}
			w.change(func() { w.err, w.takes = nil, 24*time.Hour })
			time.Sleep(10 * time.Minute)
			if d.Alive() {
				t.Error("a round hangs and the loop is called alive")
			}
		})
	})
}

// A change of the machine's network has everything looked at again.
func TestNetworkChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, _ = start(t, w, config.Default(), nil, func(*Daemon, chan<- struct{}) {
			time.Sleep(30 * time.Minute)
			w.change(func() {
				w.machine.FactsValue.Resolver.Servers = []netip.AddrPort{netip.MustParseAddrPort("10.9.9.9:53")}
			})
			time.Sleep(80 * time.Second)
		})
		for _, r := range w.rounds {
			if r.at > 30*time.Minute && slices.Contains(r.groups, probes.GroupRepos) && slices.Contains(r.groups, probes.GroupSSM) {
				return
			}
		}
		t.Error("no full round after the resolver changed")
	})
}
