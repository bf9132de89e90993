package netpath

import (
	"slices"

	"agentctl/probes"
)

// summary sums up each resolver over all questions of the round.
func (d *DNS) summary() []probes.ResolverResult {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]probes.ResolverResult, 0, len(d.servers))
	for i, s := range d.servers {
		r := dnsSum{ResolverResult: probes.ResolverResult{Addr: s.addr, Configured: s.configured, VPC: s.vpc}}
		for _, q := range d.order {
			if q.server == i {
				r.add(q, d.times.slow.Seconds())
			}
		}
		r.finish()
		all = append(all, r.ResolverResult)
	}
	return all
}

// dnsSum gathers one resolver's questions.
type dnsSum struct {
	probes.ResolverResult
	took   []float64
	failed []*dnsOutcome
}

func (r *dnsSum) add(q *dnsQuestion, slow float64) {
	e, p := q.edns.known(), q.plain.known()
	first := e
	if first == nil || !first.message && p != nil && p.message {
		first = p
	}
	if first == nil { // not asked, or the round ended before it could be answered
		return
	}
	r.Questions++
	if first.message {
		r.Answered++
		r.took = append(r.took, first.took)
		if first.took > slow {
			r.Slow++
		}
	}
	switch {
	case usableAnswer(q, e) || usableAnswer(q, p):
		r.Usable++
	case failingAnswer(e) || failingAnswer(p):
		r.Failing++
		r.failed = append(r.failed, first)
	default:
		r.failed = append(r.failed, first)
	}
	if e == nil {
		return
	}
	if e.message && e.reason != probes.FormErr {
		r.EDNSOK++
	}
	// One lost packet is no loss of EDNS: a silence counts after two queries.
	lost := e.reason == probes.FormErr || e.ednsLost() && e.attempts >= 2
	if lost && p != nil && p.message && p.reason != probes.FormErr {
		r.EDNSLost++
	}
}

// known is the form's outcome, nil unless there is one.
func (f *dnsForm) known() *dnsOutcome {
	if !f.done || f.out.reason == probes.Canceled {
		return nil
	}
	return &f.out
}

// usableAnswer tells whether a client could go by the answer. A resolver that finds no
// root knows nothing.
func usableAnswer(q *dnsQuestion, o *dnsOutcome) bool {
	return o != nil && o.stops() && !(q.qtype == controlType && o.reason == probes.NoData)
}

func failingAnswer(o *dnsOutcome) bool {
	return o != nil && (o.reason == probes.ServFail || o.reason == probes.DNSRefused)
}

// finish works out the figures over all questions.
func (r *dnsSum) finish() {
	if n := len(r.took); n > 0 {
		slices.Sort(r.took)
		r.Median, r.Slowest = r.took[n/2], r.took[n-1]
		if n%2 == 0 {
			r.Median = (r.took[n/2-1] + r.took[n/2]) / 2
		}
	}
	count := make(map[probes.Reason]int)
	for _, o := range r.failed {
		count[o.reason]++
	}
	for _, o := range r.failed {
		if r.Worst == "" || count[o.reason] > count[r.Worst] {
			r.Worst, r.Sender, r.Local = o.reason, o.sender, o.local
		}
	}
}
