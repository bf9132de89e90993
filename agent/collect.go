package agent

import (
	"context"
	"slices"

	"agentctl/agent/diagnosis"
	"agentctl/probes"
	"agentctl/probes/ssmagent"
)

// collect waits for what still runs and puts the loose ends of the round
// together, so that the diagnosis finds every fact in its place.
func (r *round) collect(ctx context.Context) {
	if !r.sends() {
		r.Agent.Log = <-r.log
		r.HostState = <-r.state
		return
	}
	quiet := r.allUp()
	if quiet {
		// Nothing failed: what the VPC's resolver would say beside the configured
		// ones is not needed any more.
		r.dns.Settle(ctx)
		done, cancel := context.WithCancel(ctx)
		cancel()
		r.Resolvers = r.dns.Finish(done)
	} else {
		r.Resolvers = r.dns.Finish(ctx)
	}
	for _, res := range r.all() {
		if res.Name != nil {
			if full, ok := r.dns.Final(res.Name.Host, res.Target.Client); ok {
				res.Name = &full
			}
		}
	}
	r.withoutEDNS()
	for i := range r.Results {
		r.finish(&r.Results[i])
	}
	for i := range r.Repos {
		// What stands in the way of asking is the configuration's matter, and known.
		res := &r.Repos[i].Result
		if s, failed := res.Failed(); failed && (s.Reason == probes.Canceled || s.Reason == probes.Internal) {
			res.State = probes.Unknown
		}
	}
	if quiet && len(r.sync) == 0 && r.datesKnown() {
		r.stopSync() // the answers' own dates tell the time
	}
	r.TimeSync = <-r.sync
	r.stopSync()
	r.Agent.Log = <-r.log
	r.HostState = <-r.state
	if slices.ContainsFunc(r.all(), func(res *probes.Result) bool { return len(res.Experiments) > 0 }) {
		r.Agent.GoVersion, _ = ssmagent.GoVersion(r.Options.Host)
		r.withoutMLKEM()
	}
}

func (r *round) allUp() bool {
	all := r.all()
	for _, res := range all {
		if !res.Target.Skip && !res.Target.Control && res.State != probes.Up {
			return false
		}
	}
	return len(all) > 0
}

// datesKnown tells whether at least two AWS answers bear a date.
func (r *round) datesKnown() bool {
	n := 0
	for _, res := range r.Results {
		if res.HTTP != nil && res.HTTP.AWSShaped && !res.HTTP.Date.IsZero() {
			n++
		}
	}
	return n >= 2
}

// withoutEDNS marks the SSM Agent's targets as down in DNS where no configured
// resolver answers with EDNS: the prober went on with the plain answer, as a
// libc client would, and the agent cannot.
func (r *round) withoutEDNS() {
	lost := false
	for _, rr := range r.Resolvers {
		if rr.Configured && rr.EDNSOK > 0 {
			return
		}
		lost = lost || (rr.Configured && rr.EDNSLost > 0)
	}
	if !lost {
		return
	}
	for i := range r.Results {
		res := &r.Results[i]
		if res.Target.Client != probes.ClientAgent || res.Name == nil || res.Proxy != nil || len(res.Name.Pinned) > 0 {
			continue
		}
		for _, a := range res.Name.Answers {
			if a.EDNS == "" || a.EDNS == probes.OK || a.Plain != probes.OK {
				continue
			}
			for s := range res.Steps {
				if res.Steps[s].Phase == probes.PhaseDNS && res.Steps[s].State == probes.Up {
					res.Steps[s].State, res.Steps[s].Reason = probes.Down, a.EDNS
					res.Steps[s].Detail = "answered without EDNS only"
					res.State = probes.Down
				}
			}
			break
		}
	}
}

// withoutMLKEM marks the SSM Agent's targets as up where only a ClientHello with
// ML-KEM is lost and the agent was built with a Go that sends none.
func (r *round) withoutMLKEM() {
	if sends, known := diagnosis.SendsMLKEM(r.Agent.GoVersion); sends || !known {
		return
	}
	for i := range r.Results {
		res := &r.Results[i]
		if res.Target.Client != probes.ClientAgent || !diagnosis.NeedsNoMLKEM(res) {
			continue
		}
		res.State = probes.Up
		for s := range res.Steps {
			if step := &res.Steps[s]; step.Phase == probes.PhaseTLS {
				step.State, step.Reason, step.Detail = probes.Up, probes.PQBlocked, "completes without ML-KEM, which the SSM Agent does not send"
			}
		}
	}
}

// finish settles a result's state: a step that the round's end cut off is
// unknown and no failure, and a payload that S3 says is gone still proves the
// way there.
func (r *round) finish(res *probes.Result) {
	step, failed := res.Failed()
	switch {
	case !failed && res.State != probes.Unknown:
	case res.Target.Control && (step.Reason == probes.Canceled || res.State == probes.Unknown):
		// Given up when it could decide nothing any more.
		*res = probes.Result{Target: res.Target, State: probes.Skipped}
	case step.Reason == probes.Canceled, step.Reason == probes.Internal:
		res.State = probes.Unknown
	case step.Reason == probes.NotFound && res.Target.Name == "patch-payload":
		res.State = probes.Up
	}
	if res.State == probes.Skipped && !res.Target.Skip && !res.Target.Control {
		res.State = probes.Unknown
	}
}
