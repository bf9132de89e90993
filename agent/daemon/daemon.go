// Package daemon is `agentctl run`: rounds on a schedule, findings that are raised
// when a second look confirms them, the history, and what is told to whom when
// something changes.
package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"agentctl/agent"
	"agentctl/agent/config"
	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/words"
	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/ssmagent/agentlog"
)

// The daemon's own times.
const (
	// roundTime is the hard limit of one round; stuckAfter is when a round that has
	// not come back even so counts as a dead loop.
	roundTime  = 20 * time.Second
	stuckAfter = time.Minute
	// heartbeat is how often the loop shows that it lives, and looks at the clock and
	// the configuration file.
	heartbeat = 5 * time.Second
	// clockJump is how far the wall clock may move against the monotonic one between
	// two heartbeats; more is a clock that was set, or a machine that slept.
	clockJump = 30 * time.Second
	// lively is how long rounds come faster after a change, and livelyEvery how fast.
	lively      = 5 * time.Minute
	livelyEvery = time.Minute
	// saveEvery bounds the time that a crash can cost where nothing changes.
	saveEvery = 5 * time.Minute
)

// Options are what a daemon is started with.
type Options struct {
	Host   platform.Host
	RootFS string
	Config config.Config
	// Reload reads the configuration anew.
	Reload func() (config.Config, error)
	Log    *slog.Logger
	// Watch are told of every round; they must return soon.
	Watch []Watcher
	// Notify tells the service manager: READY=1, STATUS=..., WATCHDOG=1. May be nil.
	Notify func(string)
	// Measure makes one round; nil: agent.Measure.
	Measure func(context.Context, agent.Options) (*probes.Round, error)
}

// Watcher is told what the daemon does.
type Watcher interface {
	// Round is called after each round, with the groups that it measured.
	Round(r *probes.Round, rep *report.Report, measured []probes.Group)
	// Reloaded is called after each attempt to read the configuration.
	Reloaded(ok bool, at time.Time)
}

// Daemon runs until its context ends.
type Daemon struct {
	o        Options
	store    history.Store
	schedule *schedule[probes.Group]
	confirm  *confirm
	follower *agentlog.Follower

	round      *probes.Round // the last one, everything in it
	again      bool          // something changed while a round ran: it must be followed at once
	livelyTill time.Time
	quietAt    time.Time // when control targets were last asked for their own sake
	savedAt    time.Time
	saveFailed bool

	alive   atomic.Int64 // of the loop, Unix nanoseconds by the monotonic clock
	running atomic.Int64 // since when a round runs; 0: none
	born    time.Time

	mu      sync.Mutex // guards what other goroutines read
	config  config.Config
	report  *report.Report
	shown   *probes.Round // that the report was made of
	history *history.History
	ready   bool
}

// New makes a daemon with what an earlier one has left in the state directory.
func New(o Options) *Daemon {
	if o.Measure == nil {
		o.Measure = agent.Measure
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	d := &Daemon{o: o, config: o.Config, store: history.In(o.Config.StateDir), born: time.Now()}
	last, past, warning := d.store.Load()
	if warning != "" {
		o.Log.Warn("state set aside", "reason", warning)
	}
	d.report, d.history = last, past
	d.confirm = newConfirm(o.Config.Confirm.Looks, last)
	d.schedule = newSchedule(d.intervals(), jitter)
	d.confirm.on = func(g probes.Group) bool { _, on := d.schedule.every[g]; return on }
	d.follower = agentlog.NewFollower(agentlog.Usual(runtime.GOOS), agentlog.Options{})
	return d
}

// jitter is an interval give or take a tenth.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// intervals are how often each group is measured.
func (d *Daemon) intervals() map[probes.Group]time.Duration {
	c := d.config.Intervals
	out := map[probes.Group]time.Duration{}
	for _, g := range agent.Groups(d.config, runtime.GOOS) {
		switch g {
		case probes.GroupRepos:
			out[g] = c.Repos.Duration
		case probes.GroupWindowsUpdate:
			out[g] = c.WindowsUpdate.Duration
		case probes.GroupAgent:
			out[g] = c.Agent.Duration
		case probes.GroupHost:
			out[g] = c.Host.Duration
		case probes.GroupSSM, probes.GroupS3, probes.GroupIdentity, probes.GroupCustom:
			out[g] = c.Network.Duration
		}
	}
	return out
}

// Run makes rounds until the context ends, then saves the state. Reload requests
// come by the channel.
func (d *Daemon) Run(ctx context.Context, reload <-chan struct{}) {
	d.store.Tidy() // only now: a second daemon ends before it gets here
	done := make(chan finished, 1)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	clock := newClock()
	watch := watchFile(d.config.Path)
	d.beat()
	var rounds sync.WaitGroup
	for {
		timer := time.NewTimer(d.untilNext())
		select {
		case <-ctx.Done():
			timer.Stop()
			rounds.Wait() // its context has ended too
			d.save(true)
			return
		case <-beat.C:
			d.beat()
			if moved := clock.moved(); moved > clockJump || moved < -clockJump {
				d.o.Log.Info("the clock has moved", "by", moved.Round(time.Second).String())
				d.hurryAll()
			}
			if watch.changed() {
				d.reload(watch)
			}
		case <-reload:
			d.reload(watch)
		case f := <-done:
			d.running.Store(0)
			d.finish(f)
		case <-timer.C:
			if d.running.Load() != 0 {
				break
			}
			due := d.schedule.due(time.Now())
			if len(due) == 0 {
				break
			}
			d.running.Store(d.since())
			d.beat()
			o := d.plan(due)
			rounds.Go(func() {
				r, err := d.o.Measure(ctx, o)
				if err == nil && ctx.Err() != nil {
					err = ctx.Err()
				}
				done <- finished{r, err, o.Groups}
			})
		}
		timer.Stop()
	}
}

// since is the daemon's age by the monotonic clock, never 0.
func (d *Daemon) since() int64 { return max(int64(time.Since(d.born)), 1) }

func (d *Daemon) beat() {
	d.alive.Store(d.since())
	if d.Alive() {
		d.o.Notify("WATCHDOG=1")
	}
}

// Alive tells whether the loop turns, and no round hangs.
func (d *Daemon) Alive() bool {
	now := d.since()
	began := d.running.Load()
	return now-d.alive.Load() < int64(stuckAfter) && (began == 0 || now-began < int64(roundTime+stuckAfter))
}

// Ready tells whether a full round has been made.
func (d *Daemon) Ready() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ready
}

// Report is the last report, nil before the first round of a new daemon; the
// history may be read within do.
func (d *Daemon) Report(do func(*report.Report, *history.History)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do(d.report, d.history)
}

// View gives the last report with the round behind it, nil after a restart, and the
// history, which may be read within do only.
func (d *Daemon) View(do func(*report.Report, *probes.Round, *history.History)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do(d.report, d.shown, d.history)
}

// Config is the configuration in force.
func (d *Daemon) Config() config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

// untilNext is how long the loop may sleep.
func (d *Daemon) untilNext() time.Duration {
	if d.running.Load() != 0 {
		return heartbeat
	}
	return min(d.schedule.wait(time.Now()), time.Hour)
}

// finished is a round that has come back.
type finished struct {
	round *probes.Round
	err   error
	due   []probes.Group
}

// plan is a round of the groups that are due. What needs no network comes along with
// what does.
func (d *Daemon) plan(due []probes.Group) agent.Options {
	groups := slices.Clone(due)
	for _, g := range []probes.Group{probes.GroupAgent, probes.GroupHost} {
		if _, on := d.schedule.every[g]; on && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	network := slices.ContainsFunc(groups, func(g probes.Group) bool { return g != probes.GroupAgent && g != probes.GroupHost })
	cfg := d.Config()
	o := agent.Options{Host: d.o.Host, RootFS: d.o.RootFS, Config: cfg, Groups: groups, Timeout: roundTime, Previous: d.round,
		Log: func() probes.AgentLog { return d.follower.Poll(d.o.Host) }}
	if network && time.Since(d.quietAt) >= cfg.Intervals.Quiet.Duration {
		o.Controls = true
		d.quietAt = time.Now()
	}
	return o
}

// finish judges a round and tells everybody.
func (d *Daemon) finish(f finished) {
	now := time.Now()
	d.schedule.done(f.due, now)
	if d.again {
		d.hurryAll()
	}
	if f.err != nil {
		d.o.Log.Error("round failed", "err", f.err)
		return
	}
	moved := d.networkChanged(f.round)
	d.round = f.round
	rep, changes := d.judge(f)
	for _, w := range d.o.Watch {
		w.Round(f.round, rep, f.due)
	}
	d.o.Notify("STATUS=" + rep.Verdict.Summary)
	d.tell(rep, changes)
	if len(changes) > 0 {
		d.livelyTill = now.Add(lively)
	}
	switch waiting := d.confirm.waiting(); {
	case moved:
		d.o.Log.Info("the network configuration has changed; looking again")
		d.hurryAll()
	case len(waiting) > 0:
		d.schedule.hurry(d.enabled(waiting), now, d.config.Confirm.After.Duration)
	case now.Before(d.livelyTill):
		d.schedule.hurry(d.enabled([]probes.Group{probes.GroupSSM, probes.GroupS3, probes.GroupIdentity, probes.GroupCustom}), now, livelyEvery)
	}
	d.save(len(changes) > 0)
	// A round needs several times the memory that lies still between rounds. Giving it
	// back at once costs a millisecond a minute and halves what the instance misses.
	debug.FreeOSMemory()
}

func (d *Daemon) enabled(groups []probes.Group) []probes.Group {
	return slices.DeleteFunc(slices.Clone(groups), func(g probes.Group) bool { _, on := d.schedule.every[g]; return !on })
}

func (d *Daemon) hurryAll() {
	d.again = d.running.Load() != 0 // that round began before what calls for another
	for g := range d.schedule.every {
		d.schedule.hurry([]probes.Group{g}, time.Now(), 0)
	}
}

// judge makes the report: what is raised, what waits for another look, and what the
// configuration silences.
func (d *Daemon) judge(f finished) (*report.Report, []history.Change) {
	full := diagnosis.Diagnose(f.round)
	raised, pending := d.confirm.look(full, f.round, f.due)
	cfg := d.Config()
	var said []diagnosis.Finding
	var muted []report.Muted
	for _, x := range raised {
		if reason, mute := cfg.Muted(x.Code); mute {
			muted = append(muted, report.Muted{Code: x.Code, Severity: x.Severity, Reason: reason})
			continue
		}
		said = append(said, x)
	}
	rep := agent.Judge(f.round, diagnosis.With(f.round, full, said))
	rep.Pending = slices.DeleteFunc(pending, func(p report.Pending) bool { _, mute := cfg.Muted(p.Code); return mute })
	rep.Muted = muted
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold(rep)
	changes := d.history.Note(rep, f.round.Now)
	d.report, d.shown, d.ready = rep, f.round, true
	return rep, changes
}

// hold keeps a report from calling good what a look has just seen failing. A daemon
// that knows no earlier verdict does not know yet; else the earlier one stands until
// the second look.
func (d *Daemon) hold(rep *report.Report) {
	var codes []string
	for _, p := range rep.Pending {
		if !p.Clearing && p.Severity == diagnosis.Critical {
			codes = append(codes, string(p.Code))
		}
	}
	if len(codes) == 0 || rep.Verdict.State == diagnosis.Blocked {
		return
	}
	rep.Verdict.Summary = fmt.Sprintf("The last look saw %s; a second look decides.", words.List(codes))
	if d.history.Verdict.State == "" || d.history.Verdict.State == string(diagnosis.Unknown) {
		rep.Verdict.State = diagnosis.Unknown
	}
}

// save writes the state, soon after a change, else now and then. The report in it is
// what the inventory and a restart begin with.
func (d *Daemon) save(now bool) {
	if !now && time.Since(d.savedAt) < saveEvery {
		return
	}
	d.mu.Lock()
	rep, past := d.report, d.history
	err := error(nil)
	if rep != nil {
		err = d.store.Save(rep, past, d.o.Host.Now())
	}
	d.mu.Unlock()
	d.savedAt = time.Now()
	if err != nil && !d.saveFailed {
		d.o.Log.Warn("the state cannot be saved; a restart will not know the last report", "err", err)
	}
	d.saveFailed = err != nil
}
