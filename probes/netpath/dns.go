package netpath

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// DNSOptions says whom to ask and as whom.
type DNSOptions struct {
	// Facts give the resolver settings, the hosts file, the host's own
	// addresses and whether AAAA answers count.
	Facts platform.Facts
	// VPC are the addresses of the VPC's own resolver, asked beside the
	// configured ones for comparison. Nil means 169.254.169.253:53; an empty
	// list asks none.
	VPC []netip.AddrPort
	// VPCAliases tells whether a configured server is the VPC's resolver under
	// another address, such as the VPC's base address plus two.
	VPCAliases func(netip.Addr) bool
	// ScriptEDNS: libc clients send EDNS too (resolv.conf has "options edns0").
	ScriptEDNS bool
	// Patience is how long one answer is waited for, 4.5 s where it is zero.
	// Below 4 s, which is for tests, all other times shrink with it.
	Patience time.Duration
	// Now is the clock behind NameResult.Duration.
	Now func() time.Time
}

// DNS asks every resolver of a host in one round. It asks each question once:
// answers are kept by resolver, name, type and form (with EDNS or without) and
// shared between clients. All methods are safe for concurrent use.
type DNS struct {
	o       DNSOptions
	servers []dnsServer
	ours    int // how many of the servers are configured ones
	times   dnsTimes
	wire    dnsWire

	ctx    context.Context // of all questions; ended by Finish
	cancel context.CancelFunc
	slots  chan struct{}

	mu        sync.Mutex
	questions map[dnsKey]*dnsQuestion
	order     []*dnsQuestion
	lookups   map[dnsLookup]time.Duration
	running   int           // goroutines
	idle      chan struct{} // closed when running falls to zero, if someone waits
	closed    bool
}

// dnsServer is one resolver.
type dnsServer struct {
	addr       netip.AddrPort
	configured bool
	vpc        bool
}

// dnsLookup is what one client wanted to know.
type dnsLookup struct {
	host   string
	client probes.Client
}

const (
	// maxServers is what libc and Go read of resolv.conf (resolv.h: MAXNS).
	maxServers = 3
	// maxQuestions bounds the sockets that are open at once.
	maxQuestions = 256
)

// vpcResolver is the VPC resolver's link-local address, the same in every VPC.
var vpcResolver = netip.MustParseAddrPort("169.254.169.253:53")

// NewDNS prepares a round. Finish must be called at its end.
func NewDNS(o DNSOptions) *DNS {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.VPCAliases == nil {
		o.VPCAliases = func(netip.Addr) bool { return false }
	}
	if o.VPC == nil {
		o.VPC = []netip.AddrPort{vpcResolver}
	}
	d := &DNS{
		o:         o,
		times:     newDNSTimes(o.Patience),
		slots:     make(chan struct{}, maxQuestions),
		questions: make(map[dnsKey]*dnsQuestion),
		lookups:   make(map[dnsLookup]time.Duration),
	}
	d.servers, d.ours = dnsServers(o)
	d.wire = dnsWire{times: d.times, owns: o.Facts.OwnsAddr}
	// Questions outlive the Lookup that asked them first, so they hang on the
	// round and not on its context. Finish cancels them.
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// dnsServers lists the resolvers to ask: the configured ones in order, then the
// VPC's own unless it is among them.
func dnsServers(o DNSOptions) (servers []dnsServer, configured int) {
	isVPC := func(a netip.AddrPort) bool {
		for _, v := range o.VPC {
			if v == a {
				return true
			}
		}
		return o.VPCAliases(a.Addr().Unmap())
	}
	list := o.Facts.Resolver.Servers
	if len(list) == 0 && o.Facts.Resolver.Implied {
		list = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
	}
	known := make(map[netip.AddrPort]bool)
	vpcAsked := false
	for _, a := range list[:min(len(list), maxServers)] {
		if known[a] || !a.IsValid() {
			continue
		}
		known[a] = true
		s := dnsServer{addr: a, configured: true, vpc: isVPC(a)}
		vpcAsked = vpcAsked || s.vpc
		servers = append(servers, s)
	}
	configured = len(servers)
	if vpcAsked {
		return servers, configured
	}
	for _, a := range o.VPC {
		if !known[a] && a.IsValid() {
			known[a] = true
			servers = append(servers, dnsServer{addr: a, vpc: true})
		}
	}
	return servers, configured
}

// Lookup resolves a host as the client would and returns as soon as the
// client's answer is settled; the other resolvers go on being measured. It
// never fails: what went wrong is the result's Reason, Canceled where ctx ended
// first.
//
// Where only queries without EDNS are answered and the client sends EDNS, the
// Reason is OK with the addresses of the plain answer, so that the path can be
// probed; the answers' EDNS says that the client itself would have failed.
func (d *DNS) Lookup(ctx context.Context, host string, client probes.Client) probes.NameResult {
	begin := d.o.Now()
	name, res, asks := d.begin(host)
	if !asks {
		return res
	}
	wake := make(chan struct{}, 1)
	d.askAll(name.list[name.absolute], client, wake)
	v := dnsVerdict{reason: probes.OK}
	if len(res.Pinned) == 0 {
		v = d.resolve(ctx, name, client, wake)
	}
	took := d.o.Now().Sub(begin)

	d.mu.Lock()
	defer d.mu.Unlock()
	if first, again := d.lookups[dnsLookup{host, client}]; again {
		took = first
	}
	d.lookups[dnsLookup{host, client}] = took
	return d.result(res, name, client, v, took)
}

// Final gives a lookup's complete result, late answers included. By, Reason and
// Addrs are decided anew, in the client's strict order and without the haste of
// Lookup. It reports false for what Lookup was never asked.
func (d *DNS) Final(host string, client probes.Client) (probes.NameResult, bool) {
	name, res, asks := d.begin(host)
	if !asks {
		return res, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	took, ok := d.lookups[dnsLookup{host, client}]
	if !ok {
		return probes.NameResult{}, false
	}
	return d.result(res, name, client, d.recall(name, client), took), true
}

// begin does what needs no resolver. It reports false where that is all.
func (d *DNS) begin(host string) (dnsCandidates, probes.NameResult, bool) {
	res := probes.NameResult{Host: host, Reason: probes.OK}
	if a, ok := literal(host); ok {
		res.Addrs = []netip.Addr{a}
		return dnsCandidates{}, res, false
	}
	r := d.o.Facts.Resolver
	name, ok := candidates(host, r.Search, r.Ndots)
	if !ok {
		res.Reason = probes.Malformed
		return dnsCandidates{}, res, false
	}
	if !r.IgnoreHosts {
		pin(&res, d.o.Facts.Hosts, host)
	}
	return name, res, true
}

// Control asks each resolver one neutral question, the root's name servers, so
// that a resolver that fails for everything can be told from one that fails for
// a zone. It does not wait for the answers; Finish does.
func (d *DNS) Control(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.servers {
		d.ask(i, controlName, controlType, d.sendsEDNS(i, probes.ClientAgent), nil)
	}
}

// Finish waits for all questions under way until ctx ends, cancels the rest and
// sums up what each resolver did. No goroutine is left afterwards, and no more
// questions are asked.
func (d *DNS) Finish(ctx context.Context) []probes.ResolverResult {
	d.waitIdle(ctx.Done())
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.waitIdle(nil)
	return d.summary()
}

// waitIdle waits until no question is under way, or until done.
func (d *DNS) waitIdle(done <-chan struct{}) {
	for {
		d.mu.Lock()
		if d.running == 0 {
			d.mu.Unlock()
			return
		}
		if d.idle == nil {
			d.idle = make(chan struct{})
		}
		idle := d.idle
		d.mu.Unlock()
		select {
		case <-idle:
		case <-done:
			return
		}
	}
}
