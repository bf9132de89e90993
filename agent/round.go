// Package agent runs rounds: it asks the machine what it is, plans the targets
// that the machine's own clients need, probes them, and has the result judged.
package agent

import (
	"context"
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"agentctl/agent/config"
	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/internal/version"
	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/aws"
	"agentctl/probes/imds"
	"agentctl/probes/netpath"
	"agentctl/probes/ssmagent"
	"agentctl/probes/ssmagent/agentlog"
	"agentctl/probes/ssmagent/unit"
	"agentctl/probes/timesync"
)

// Options are what one round is asked to do.
type Options struct {
	Host   platform.Host
	RootFS string // the directory that Host reads below; "" is the real root
	Config config.Config
	// Groups asked for; nil: all that apply to this system.
	Groups []probes.Group
	// Region given by flag: to try a network before the instance that will live
	// in it. The groups identity, agent and host are then off unless named.
	Region string
	// Timeout is the hard limit of the whole round.
	Timeout time.Duration
	// Progress is told what the round is doing; may be nil.
	Progress Progress

	// Previous is an earlier round: what this one does not measure is taken over
	// from it. Where Groups has none that needs the network, this round sends
	// nothing. Nil: the round stands alone.
	Previous *probes.Round
	// Log reads the SSM Agent's log; nil: as far back as a round alone needs.
	Log func() probes.AgentLog
	// Controls asks the control targets although nothing fails.
	Controls bool
}

// Progress follows a round. Its methods are called from several goroutines.
type Progress interface {
	Expect(targets int)
	Step(target string, phase probes.Phase)
	Done(target string)
}

// metadataHead is how long the plan waits for the metadata's word on the region
// before it goes ahead with what the machine knows by itself. The metadata
// service is link-local and answers within milliseconds.
const metadataHead = 400 * time.Millisecond

// Run makes one round and judges it. The error is one of its own set-up, never of
// the network.
func Run(ctx context.Context, o Options) (*probes.Round, *report.Report, error) {
	r, err := Measure(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	return r, Judge(r, diagnosis.Diagnose(r)), nil
}

// Measure makes one round of measurements. The error is as Run's.
func Measure(ctx context.Context, o Options) (*probes.Round, error) {
	roots, err := netpath.ServiceRoots(o.Config.RootsPEM)
	if err != nil {
		return nil, &config.Error{File: o.Config.TLS.ServiceRoots, Text: err.Error()}
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()

	facts := o.Host.Facts()
	r := &probes.Round{Started: o.Host.Now(), Groups: groupsOf(o, facts.OS.Family), Host: facts, ConfigFile: o.Config.Path, Expect: o.Config.Expect}
	rd := &round{Options: o, Round: r, roots: roots}
	rd.background(ctx)
	if rd.sends() {
		rd.probe(ctx)
	}
	rd.collect(ctx)
	if o.Previous != nil {
		rd.takeOver(o.Previous)
	}
	r.Now = o.Host.Now()
	r.Duration = time.Since(began).Seconds()
	return r, nil
}

// Judge puts a round and its diagnosis into the form of the contract.
func Judge(r *probes.Round, d diagnosis.Diagnosis) *report.Report {
	rep := buildReport(r, d)
	rep.Version, rep.DataDate = version.Get().Version, aws.DataDate
	rep.Duration = r.Duration
	return rep
}

// Groups are the groups that apply to a system ("linux", "windows") under a
// configuration.
func Groups(c config.Config, family string) []probes.Group {
	return groupsOf(Options{Config: c}, family)
}

// groupsOf are the groups of the contract that apply.
func groupsOf(o Options, family string) []probes.Group {
	if len(o.Groups) > 0 {
		return o.Groups
	}
	off := []probes.Group{probes.GroupWindowsUpdate}
	if family == "windows" {
		off = []probes.Group{probes.GroupRepos}
	}
	if o.Region != "" {
		off = append(off, probes.GroupIdentity, probes.GroupAgent, probes.GroupHost)
	}
	groups := probes.Groups()
	if len(o.Config.Targets) > 0 {
		groups = append(groups, probes.GroupCustom)
	}
	return slices.DeleteFunc(groups, func(g probes.Group) bool { return slices.Contains(off, g) || !o.Config.On(g) })
}

// round is one round under way.
type round struct {
	Options
	*probes.Round
	roots *x509.CertPool
	dns   *netpath.DNS

	local    probes.Region
	metadata chan probes.Metadata
	sync     chan probes.TimeSync
	stopSync context.CancelFunc
	log      chan probes.AgentLog
	state    chan probes.HostState
}

// logWindow is how far back the SSM Agent's log is read. Its longest silence is an
// hour; a day shows what led to it.
const logWindow = 24 * time.Hour

// background starts what needs nothing but the machine: the metadata, the time
// service, the SSM Agent's files.
func (r *round) background(ctx context.Context) {
	r.metadata = make(chan probes.Metadata, 1)
	r.sync = make(chan probes.TimeSync, 1)
	syncCtx, stop := context.WithCancel(ctx)
	r.stopSync = stop
	if r.sends() {
		go func() { r.metadata <- imds.Ask(ctx, r.imds()) }()
		go func() { r.sync <- timesync.Ask(syncCtx, timesync.Address) }()
	} else {
		r.sync <- probes.TimeSync{}
		r.Metadata, r.Round.Region = r.Previous.Metadata, r.Previous.Region
	}
	r.agent(ctx)
	r.prerequisites()
	if !r.sends() {
		r.patchRuns()
	}
	r.local = localRegion(r.Options.Region, r.Config, r.Agent, r.Round.Host.Resolver.Search)
}

// agent reads the SSM Agent's state. Its service is asked at once, since the
// service's environment can hold the proxy; its log may be long and is read beside
// the probing.
func (r *round) agent(ctx context.Context) {
	host, facts := r.Options.Host, r.Round.Host
	r.Agent = ssmagent.ReadWith(host, facts)
	r.log = make(chan probes.AgentLog, 1)
	if !slices.Contains(r.Round.Groups, probes.GroupAgent) && !slices.Contains(r.Round.Groups, probes.GroupIdentity) {
		r.log <- probes.AgentLog{}
		return
	}
	r.Agent.Unit = unit.Read(ctx, host, facts, unit.Options{Root: r.RootFS})
	if p := r.Agent.Unit.Proxy; !r.Agent.Proxy.Known && p.Known {
		r.Agent.Proxy = p
	}
	if r.Log != nil {
		go func() { r.log <- r.Log() }()
		return
	}
	go func() {
		r.log <- agentlog.Read(host, agentlog.Usual(facts.OS.Family), host.Now().Add(-logWindow), agentlog.Options{})
	}()
}

// probe plans and measures. It goes ahead without the metadata where the region
// is known from elsewhere, and plans anew if the metadata then says another.
func (r *round) probe(ctx context.Context) {
	head := time.NewTimer(metadataHead)
	defer head.Stop()
	select {
	case r.Metadata = <-r.metadata:
		r.metadata = nil
	case <-head.C:
	}
	r.Round.Region = settle(r.local, r.Metadata)
	r.measure(ctx)
	if r.metadata == nil {
		return
	}
	if r.Options.Region != "" && !slices.Contains(r.Round.Groups, probes.GroupIdentity) {
		// Only its word on the VPC's addresses was wanted.
		select {
		case r.Metadata = <-r.metadata:
		default:
			r.metadata = nil
			return
		}
	} else {
		r.Metadata = <-r.metadata
	}
	r.metadata = nil
	if late := settle(r.local, r.Metadata); late.Name != r.Round.Region.Name && ctx.Err() == nil {
		r.dns.Finish(ctx)
		r.Round.Region = late
		r.measure(ctx)
	} else {
		r.Round.Region = late
	}
}

// lateAfter is when control targets are asked although nothing has failed yet: a
// first connect that is so late lost its SYN at least once.
const lateAfter = 1500 * time.Millisecond

// measure probes every target of the plan, all at once, and the control targets
// when a first one is late or fails.
func (r *round) measure(ctx context.Context) {
	facts := r.Round.Host
	r.dns = netpath.NewDNS(netpath.DNSOptions{Facts: facts, VPCAliases: r.vpcAlias})
	r.patchRuns()
	r.repoConfig()
	targets := aws.Plan(aws.PlanInput{Region: r.Round.Region.Name, Partition: r.Metadata.Partition, Agent: r.Agent, OS: facts.OS,
		Groups: r.Round.Groups, Internet: r.Config.Internet, Payload: r.lastPayload(), Policy: r.PatchRuns.Policy})
	targets = append(r.custom(), targets...)
	trouble := make(chan struct{})
	late := sync.OnceFunc(func() { close(trouble) })
	p := &netpath.Prober{Lookup: r.dns, Facts: facts, ServiceRoots: r.roots, Now: r.Options.Host.Now, Late: late,
		Trust: r.trust(), Proxy: agentProxy(r.Agent.Proxy), UserAgent: "agentctl/" + version.Get().Version}
	r.Results = make([]probes.Result, len(targets))

	var regular, controls sync.WaitGroup
	calm := make(chan struct{}) // closed when all regular targets are done
	control, cancel := context.WithCancel(ctx)
	defer cancel()
	whenTrouble := func(run func()) {
		controls.Go(func() {
			select {
			case <-trouble:
				run()
			case <-calm:
				select { // both at once: nothing was there to be measured
				case <-trouble:
					if control.Err() == nil {
						run()
					}
				default:
				}
			case <-ctx.Done():
			}
		})
	}
	n := 0
	for i, t := range targets {
		r.Results[i] = probes.Result{Target: t, State: probes.Skipped}
		switch {
		case t.Skip:
		case t.Control:
			whenTrouble(func() { r.Results[i] = p.Probe(control, t) })
		default:
			n++
			regular.Go(func() {
				r.Results[i] = r.target(ctx, p, t)
				r.done(t.Name)
			})
		}
	}
	n += r.probeRepos(ctx, p, &regular)
	whenTrouble(func() { r.dns.Control(control) })
	if r.Options.Progress != nil {
		r.Options.Progress.Expect(n)
	}
	timer := time.AfterFunc(lateAfter, late)
	defer timer.Stop()
	if n == 0 || r.Controls {
		late() // no region, no targets: the control target is all there is to ask
	}
	regular.Wait()
	if n > 0 && !r.silent() && !r.Controls {
		cancel() // whether the internet answers decides nothing here
	}
	close(calm)
	controls.Wait()
}

// silent tells whether a connect got no answer: only then does it matter what
// else answers.
func (r *round) silent() bool {
	return slices.ContainsFunc(r.all(), func(res *probes.Result) bool {
		s, failed := res.Failed()
		return failed && s.Phase == probes.PhaseTCP && (s.Reason == probes.Timeout || s.Reason == probes.Unreachable)
	})
}

// all are the results of all targets, the repositories last.
func (r *round) all() []*probes.Result {
	out := make([]*probes.Result, 0, len(r.Results)+len(r.Repos))
	for i := range r.Results {
		out = append(out, &r.Results[i])
	}
	for i := range r.Repos {
		out = append(out, &r.Repos[i].Result)
	}
	return out
}

// target probes one target. A bucket that S3 says lies in another region is asked
// there, as its clients do.
func (r *round) target(ctx context.Context, p *netpath.Prober, t probes.Target) probes.Result {
	res := p.Probe(ctx, t)
	if policy := r.PatchRuns.Policy; policy != nil && t.Name == "bucket:"+aws.BucketPolicy {
		if other, ok := aws.Elsewhere(t, policy.Bucket, res.HTTP); ok {
			return p.Probe(ctx, other)
		}
	}
	return res
}

func (r *round) done(target string) {
	if r.Options.Progress != nil {
		r.Options.Progress.Done(target)
	}
}
