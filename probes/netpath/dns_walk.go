package netpath

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"agentctl/probes"
)

// dnsVerdict is the end of a client's search.
type dnsVerdict struct {
	reason probes.Reason
	by     netip.AddrPort
	addrs  []netip.Addr
}

// dnsHaste says how long silent resolvers are waited for.
type dnsHaste int

const (
	dnsWait   dnsHaste = iota // an earlier resolver's answer is waited for
	dnsHurry                  // a later resolver's answer will do
	dnsAtOnce                 // what is not known now never will be
)

// dnsFamily is how the search stands for one record type.
type dnsFamily struct {
	settled bool
	out     *dnsOutcome
	server  int
	next    int // server to ask next; -1: none
}

// resolve goes through a host's names as the client does, one after the other
// until one has an address. The absolute name has been asked already; others are
// asked only when their turn comes, and only the resolvers that are needed.
func (d *DNS) resolve(ctx context.Context, name dnsCandidates, client probes.Client, wake chan struct{}) dnsVerdict {
	return name.each(func(fqdn string) (dnsVerdict, bool) {
		return d.await(ctx, fqdn, client, wake), true
	})
}

// recall decides as resolve does from what is known. The caller holds the mutex.
func (d *DNS) recall(name dnsCandidates, client probes.Client) dnsVerdict {
	return name.each(func(fqdn string) (dnsVerdict, bool) {
		if d.ours > 0 && d.questions[dnsKey{0, fqdn, dns.TypeA}] == nil {
			return dnsVerdict{}, false
		}
		v, _, _ := d.decide(fqdn, client, dnsAtOnce)
		return v, true
	})
}

// each calls look for each name in turn. A name below a search domain that no
// resolver says anything about ends the search list: clients then ask the
// absolute name and no more.
func (c dnsCandidates) each(look func(fqdn string) (dnsVerdict, bool)) dnsVerdict {
	verdict := dnsVerdict{reason: probes.Canceled}
	for i := 0; i < len(c.list); i++ {
		v, known := look(c.list[i])
		if !known {
			continue
		}
		if i == c.absolute || len(v.addrs) > 0 || v.reason == probes.Canceled {
			verdict = v
		}
		switch v.reason {
		case probes.OK, probes.Canceled:
			return v
		case probes.NXDomain, probes.NoData:
		case probes.ServFail, probes.DNSRefused, probes.FormErr:
			if i >= c.absolute {
				return verdict
			}
		default:
			if i >= c.absolute {
				return verdict
			}
			i = c.absolute - 1
		}
	}
	return verdict
}

// await waits until the search for one name is settled.
func (d *DNS) await(ctx context.Context, fqdn string, client probes.Client, wake chan struct{}) dnsVerdict {
	haste := dnsWait
	var timer *time.Timer
	var late <-chan time.Time
	for {
		d.mu.Lock()
		v, settled, more := d.decide(fqdn, client, haste)
		for _, k := range more {
			d.ask(k.server, k.name, k.qtype, d.sendsEDNS(k.server, client), wake)
		}
		d.listen(fqdn, wake)
		d.mu.Unlock()
		if settled {
			return v
		}
		if more != nil {
			continue // an answer may be there already: another lookup asked
		}
		if timer == nil {
			timer = time.NewTimer(d.times.impatience)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-wake:
		case <-late:
			haste, late = dnsHurry, nil
		case <-ctx.Done():
			return dnsVerdict{reason: probes.Canceled}
		case <-d.ctx.Done():
			return dnsVerdict{reason: probes.Canceled}
		}
	}
}

// listen has wake told of the answers for a name, also where another lookup put
// the questions. The caller holds the mutex.
func (d *DNS) listen(fqdn string, wake chan struct{}) {
	for i := range d.ours {
		for _, t := range d.types() {
			if q := d.questions[dnsKey{i, fqdn, t}]; q != nil && !slices.Contains(q.wake, wake) {
				q.wake = append(q.wake, wake)
			}
		}
	}
}

// decide unites the record types of one name. It returns what has to be asked
// before it can be settled. The caller holds the mutex.
func (d *DNS) decide(fqdn string, client probes.Client, haste dnsHaste) (v dnsVerdict, settled bool, more []dnsKey) {
	settled = true
	failed := dnsVerdict{reason: probes.NoData}
	nowhere := false
	for _, t := range d.types() {
		f := d.family(fqdn, t, client, haste)
		if f.next >= 0 {
			more = append(more, dnsKey{f.next, fqdn, t})
		}
		switch {
		case !f.settled:
			settled = settled && nowhere
		case len(f.out.addrs) > 0:
			if len(v.addrs) == 0 {
				v.reason, v.by = probes.OK, d.by(f.server)
			}
			v.addrs = append(v.addrs, f.out.addrs...)
		case !failed.by.IsValid(), worse(f.out.reason, failed.reason):
			failed = dnsVerdict{reason: f.out.reason, by: d.by(f.server)}
		}
		// Without an A because the name does not exist there is no AAAA either.
		// The other way round there are servers that know no better.
		nowhere = nowhere || t == dns.TypeA && failed.reason == probes.NXDomain
	}
	if len(v.addrs) > 0 { // a family that stays silent does not spoil the other
		return v, settled || haste != dnsWait, nil
	}
	return failed, settled, more
}

// worse ranks the ways in which the types of one name can have no address: the
// name does not exist, the question failed, the name has no such record.
func worse(a, b probes.Reason) bool {
	rank := func(r probes.Reason) int {
		switch r {
		case probes.NXDomain:
			return 2
		case probes.NoData:
			return 0
		default:
			return 1
		}
	}
	return rank(a) > rank(b)
}

func (d *DNS) by(server int) netip.AddrPort {
	if server < 0 {
		return netip.AddrPort{}
	}
	return d.servers[server].addr
}

// family goes through the configured servers in order, for one record type. If
// all fail, the first one's failure counts. The caller holds the mutex.
func (d *DNS) family(fqdn string, qtype uint16, client probes.Client, haste dnsHaste) dnsFamily {
	var failed, plain *dnsFamily
	waiting := false
	for i := range d.ours {
		q := d.questions[dnsKey{i, fqdn, qtype}]
		edns := d.sendsEDNS(i, client)
		if q == nil || !q.form(edns).wanted {
			if haste == dnsAtOnce {
				break
			}
			return dnsFamily{next: i}
		}
		state, out := q.view(edns)
		if out != nil && out.reason == probes.Canceled {
			continue
		}
		here := dnsFamily{settled: true, out: out, server: i, next: -1}
		switch state {
		case dnsStops:
			return here
		case dnsPending:
			if haste == dnsWait {
				return dnsFamily{next: -1}
			}
			waiting = true
		case dnsPlainOnly:
			if plain == nil {
				plain = &here
			}
		case dnsFails:
			if failed == nil {
				failed = &here
			}
		}
	}
	switch {
	case plain != nil:
		return *plain
	case waiting && haste != dnsAtOnce:
		return dnsFamily{next: -1}
	case failed != nil:
		return *failed
	case d.ours == 0: // nobody to ask
		return dnsFamily{settled: true, out: &dnsOutcome{reason: probes.NoRoute}, server: -1, next: -1}
	default:
		return dnsFamily{settled: true, out: &dnsOutcome{reason: probes.Canceled}, server: -1, next: -1}
	}
}

// result completes a lookup's result. The caller holds the mutex.
func (d *DNS) result(res probes.NameResult, name dnsCandidates, client probes.Client, v dnsVerdict, took time.Duration) probes.NameResult {
	res.Duration = took.Seconds()
	if len(res.Pinned) == 0 {
		res.Reason, res.By, res.Addrs = v.reason, v.by, slices.Clone(v.addrs)
	}
	for _, fqdn := range name.list {
		for i := range d.servers {
			for _, t := range d.types() {
				if a, ok := d.answer(dnsKey{i, fqdn, t}, client); ok {
					res.Answers = append(res.Answers, a)
				}
			}
		}
	}
	return res
}

// answer reports one question as a client sees it, if its outcome is known.
func (d *DNS) answer(key dnsKey, client probes.Client) (probes.DNSAnswer, bool) {
	q := d.questions[key]
	if q == nil {
		return probes.DNSAnswer{}, false
	}
	edns := d.sendsEDNS(key.server, client)
	_, out := q.view(edns)
	if out == nil {
		return probes.DNSAnswer{}, false
	}
	a := probes.DNSAnswer{
		Resolver: d.servers[key.server].addr,
		Question: key.name,
		Type:     dns.TypeToString[key.qtype],
		Reason:   out.reason,
		Addrs:    slices.Clone(out.addrs),
		Duration: out.took,
		Attempts: out.attempts,
		TCP:      out.tcp,
		Sender:   out.sender,
		Local:    out.local,
	}
	if q.plain.done && (!edns || q.edns.asked) {
		a.Plain = q.plain.out.reason
	}
	switch {
	case !edns:
	case q.edns.done:
		a.EDNS = q.edns.out.reason
	case q.edns.quiet:
		a.EDNS = probes.Timeout // so far
	}
	return a, true
}
