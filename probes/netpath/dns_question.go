package netpath

import (
	"context"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"agentctl/probes"
)

// dnsKey names one question to one resolver.
type dnsKey struct {
	server int
	name   string
	qtype  uint16
}

// dnsForm is a question in one form, with EDNS or without.
type dnsForm struct {
	asked bool
	done  bool
	quiet bool // no answer yet, for so long that the other form is asked too
	out   dnsOutcome
	// wanted: a client asks in this form, not only in place of the other.
	wanted bool
	// drop ends what is asked only in place of the other form.
	drop context.CancelFunc
}

// dnsQuestion is one question to one resolver, in up to two forms. The DNS's
// mutex guards it.
type dnsQuestion struct {
	dnsKey
	plain, edns dnsForm
	wake        []chan struct{}
}

// dnsOutcome is how a question in one form went.
type dnsOutcome struct {
	reason   probes.Reason
	message  bool // the resolver sent a DNS message of any kind
	addrs    []netip.Addr
	took     float64 // seconds, from the query that was answered
	attempts int     // number of the query that was answered; without answer, of queries sent
	tcp      probes.Reason
	sender   netip.Addr
	local    bool
}

// stops tells whether a client takes this as the answer and asks nobody else.
func (o *dnsOutcome) stops() bool {
	return o.reason == probes.OK || o.reason == probes.NXDomain || o.reason == probes.NoData
}

// ednsLost tells whether the same query without EDNS could fare better.
func (o *dnsOutcome) ednsLost() bool {
	return o.reason == probes.Timeout || o.reason == probes.FormErr || o.reason == probes.Malformed
}

// dnsState is how a question stands for one client.
type dnsState int

const (
	dnsPending   dnsState = iota
	dnsStops              // answered, which ends the client's search
	dnsFails              // the client asks the next resolver
	dnsPlainOnly          // fails for the client, answered without EDNS
)

// form is the question with EDNS or without.
func (q *dnsQuestion) form(edns bool) *dnsForm {
	if edns {
		return &q.edns
	}
	return &q.plain
}

// view tells how the question stands for a client that does or does not send
// EDNS, and which outcome says so.
func (q *dnsQuestion) view(edns bool) (dnsState, *dnsOutcome) {
	e, p := &q.edns, &q.plain
	plainOnly := e.quiet && e.known() == nil && p.done && p.out.stops()
	switch {
	case !edns && !p.done, edns && !e.done && !plainOnly:
		return dnsPending, nil
	case !edns && p.out.stops():
		return dnsStops, &p.out
	case !edns:
		return dnsFails, &p.out
	case plainOnly:
		return dnsPlainOnly, &p.out
	case e.out.stops():
		return dnsStops, &e.out
	case !e.out.ednsLost() || !p.asked:
		return dnsFails, &e.out
	case !p.done:
		return dnsPending, nil
	case p.out.stops():
		return dnsPlainOnly, &p.out
	case p.out.message:
		return dnsFails, &p.out
	default:
		return dnsFails, &e.out
	}
}

// sendsEDNS tells which form a client asks a server in. Windows resolves for
// Go programs too and sends none. A server asked only for comparison gets one
// form for all clients.
func (d *DNS) sendsEDNS(server int, client probes.Client) bool {
	if d.o.Facts.OS.Family == "windows" {
		return false
	}
	return client == probes.ClientAgent || d.o.ScriptEDNS || !d.servers[server].configured
}

// types are the record types that count on this host.
func (d *DNS) types() []uint16 {
	if d.o.Facts.HasGlobalIPv6() {
		return []uint16{dns.TypeA, dns.TypeAAAA}
	}
	return []uint16{dns.TypeA}
}

// askAll asks every server a name at once.
func (d *DNS) askAll(name string, client probes.Client, wake chan struct{}) {
	types := d.types()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.servers {
		for _, t := range types {
			d.ask(i, name, t, d.sendsEDNS(i, client), wake)
		}
	}
}

// ask starts a question unless it was asked before, and has wake told of what
// becomes of it. The caller holds the mutex.
func (d *DNS) ask(server int, name string, qtype uint16, edns bool, wake chan struct{}) {
	key := dnsKey{server, name, qtype}
	q := d.questions[key]
	if q == nil {
		q = &dnsQuestion{dnsKey: key}
		d.questions[key] = q
		d.order = append(d.order, q)
	}
	if wake != nil && !slices.Contains(q.wake, wake) {
		q.wake = append(q.wake, wake)
	}
	form := q.form(edns)
	form.wanted = true
	d.start(q, form)
}

// start puts a question in one form. The caller holds the mutex.
func (d *DNS) start(q *dnsQuestion, form *dnsForm) {
	if form.asked {
		return
	}
	form.asked = true
	if d.closed {
		form.done, form.out.reason = true, probes.Canceled
		return
	}
	a := dnsAsk{
		server:   d.servers[q.server].addr,
		name:     q.name,
		qtype:    q.qtype,
		patience: d.times.patience,
		overTCP:  d.usesTCP(q.server),
		udpOnly:  q.qtype == controlType,
	}
	ctx := d.ctx
	if !form.wanted {
		a.patience = d.times.fallback
		ctx, form.drop = context.WithCancel(d.ctx)
	}
	if form == &q.edns {
		a.edns = true
		a.quiet = func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			form.quiet = true
			d.start(q, &q.plain)
			q.tell()
		}
	}
	d.running++
	go func() {
		out := d.measure(ctx, a)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.settled(q, form, out)
		q.tell()
		if d.running--; d.running == 0 && d.idle != nil {
			close(d.idle)
			d.idle = nil
		}
	}()
}

// settled takes the outcome of a form and sees to the other one. The caller
// holds the mutex.
func (d *DNS) settled(q *dnsQuestion, form *dnsForm, out dnsOutcome) {
	if form.drop != nil {
		form.drop()
		if out.reason == probes.Canceled && d.ctx.Err() == nil { // as if never asked
			*form = dnsForm{wanted: form.wanted}
			if form.wanted {
				d.start(q, form)
			}
			return
		}
	}
	form.done, form.out = true, out
	if form != &q.edns {
		return
	}
	switch {
	case out.message && out.reason != probes.FormErr:
		if q.plain.drop != nil && !q.plain.wanted {
			q.plain.drop()
		}
	case out.ednsLost() && (out.message || !d.usesTCP(q.server)):
		d.start(q, &q.plain)
	}
}

// usesTCP tells whether a server is asked over TCP from the start.
func (d *DNS) usesTCP(server int) bool {
	return d.o.Facts.Resolver.UseTCP && d.servers[server].configured
}

// measure waits for a free socket and asks.
func (d *DNS) measure(ctx context.Context, a dnsAsk) dnsOutcome {
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return dnsOutcome{reason: probes.Canceled}
	}
	defer func() { <-d.slots }()
	out := d.wire.ask(ctx, a)
	if ctx.Err() != nil && !out.message {
		out = dnsOutcome{reason: probes.Canceled, attempts: out.attempts}
	}
	return out
}

// tell wakes the lookups that wait for this question.
func (q *dnsQuestion) tell() {
	for _, c := range q.wake {
		select {
		case c <- struct{}{}:
		default: // it has yet to look at the last change
		}
	}
}
