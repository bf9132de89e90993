// Package imds asks the EC2 instance metadata service (IMDS) and tells the ways
// apart in which it fails. It speaks HTTP/1.1 on connections of its own: an
// http.Transport would take the operator's proxy, and the service is reached
// straight or not at all.
//
// Sources: EC2 User Guide, "Use the Instance Metadata Service to access instance
// metadata" and "Instance metadata categories".
package imds

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// Dial opens a TCP connection. The connection is nil unless the reason is OK. It
// must return when the context ends.
type Dial func(ctx context.Context, addr netip.AddrPort) (net.Conn, probes.Conn)

// The service's addresses.
var (
	AddrIPv4 = netip.MustParseAddrPort("169.254.169.254:80")
	AddrIPv6 = netip.MustParseAddrPort("[fd00:ec2::254]:80")
)

// AddrFor is the address at which a host reaches the service: the IPv6 one only
// where the host has no IPv4 address at all.
func AddrFor(f platform.Facts) netip.AddrPort {
	if f.HasIPv4() || len(f.Interfaces) == 0 {
		return AddrIPv4
	}
	return AddrIPv6
}

// Options say where and how to ask. The zero value asks the service's IPv4
// address by the system's own connect.
type Options struct {
	Addr netip.AddrPort
	Dial Dial

	pace pace // the zero value is standardPace
}

// pace is how long Ask waits. A failure counts when two attempts failed; the
// second starts while the first still waits, so that one lost packet (a SYN is
// repeated after one second) costs little.
type pace struct {
	total       time.Duration // for everything
	connect     time.Duration // one connect
	connectNext time.Duration // until the second connect starts
	answer      time.Duration // one answer to the token request
	answerNext  time.Duration // until the second token request starts
	plain       time.Duration // until a request without a token is tried beside
	plainNext   time.Duration // until that is repeated
	data        time.Duration // one answer to a request for data
	dataNext    time.Duration // until that is repeated
	retry       time.Duration // before the repetition of what failed at once
}

// standardPace ends within 10 s, and within 5 s where nothing accepts a connection.
// A service that takes 2.5 s for each answer still gives all: token, list and what
// the list names make three answers in a row.
//
// A request without a token is made only when the token is late: CloudWatch counts
// each (MetadataNoToken), and owners watch that number before they turn IMDSv1 off.
var standardPace = pace{
	total:       9800 * time.Millisecond,
	connect:     3 * time.Second,
	connectNext: 1500 * time.Millisecond,
	answer:      3500 * time.Millisecond,
	answerNext:  2600 * time.Millisecond,
	plain:       2700 * time.Millisecond,
	plainNext:   time.Second,
	data:        3500 * time.Millisecond,
	dataNext:    2700 * time.Millisecond,
	retry:       100 * time.Millisecond,
}

// Ask asks the service, again where it fails, and returns within 10 s. A context
// that ends earlier leaves the state MetadataNotAsked with the reason Canceled,
// unless the service had answered by then.
// The keys of the role's credentials are not kept.
func Ask(ctx context.Context, o Options) probes.Metadata {
	started := time.Now()
	parent := ctx
	a, ctx, end := start(parent, &o)
	a.run(ctx)
	end()
	if parent.Err() != nil && a.m.State != probes.MetadataOK {
		// The caller ended the asking: that says nothing of the service.
		a.m = probes.Metadata{State: probes.MetadataNotAsked, Reason: probes.Canceled}
	}
	a.m.Duration = time.Since(started).Seconds()
	return a.m
}

// start makes an asker; end waits for what it has under way.
func start(parent context.Context, o *Options) (a *asker, ctx context.Context, end func()) {
	if !o.Addr.IsValid() {
		o.Addr = AddrIPv4
	}
	if o.Dial == nil {
		o.Dial = dialPlain
	}
	if o.pace == (pace{}) {
		o.pace = standardPace
	}
	ctx, cancel := context.WithTimeout(parent, o.pace.total)
	a = &asker{pool: newPool(o.Addr, o.Dial), pace: o.pace, asked: map[string]bool{}}
	return a, ctx, func() {
		cancel()
		a.wait()
	}
}

// asker is one run of Ask.
type asker struct {
	pool *pool
	pace pace

	group sync.WaitGroup // everything that was started and may outlive its use
	mu    sync.Mutex     // guards m and the counts while data is fetched
	m     probes.Metadata
	// How the requests for data ended.
	valid, answered, denied int
	silent                  probes.Reason   // why the last unanswered one was not
	asked                   map[string]bool // interfaces whose VPC was asked for
}

// wait ends what is still under way; the context has ended before.
func (a *asker) wait() {
	a.group.Wait()
	a.pool.close()
}

func (a *asker) run(ctx context.Context) {
	conn, ok := a.connect(ctx)
	if !ok {
		a.fail(probes.MetadataUnreachable, conn.Reason, "")
		a.m.Sender, a.m.Local = conn.Sender, conn.Local
		return
	}
	token, ok := a.authorize(ctx)
	if !ok {
		return
	}
	a.fetch(ctx, token)
	a.judge()
}

// connect opens the first connection and leaves it to the pool. On failure it
// tells how the attempt that says most ended.
func (a *asker) connect(ctx context.Context) (probes.Conn, bool) {
	got := hedge(ctx, &a.group, a.pace.connectNext, a.pace.retry, func(ctx context.Context) probes.Conn {
		ctx, cancel := context.WithTimeout(ctx, a.pace.connect)
		defer cancel()
		return a.pool.warm(ctx)
	}, func(c probes.Conn) bool { return c.Reason == probes.OK })
	best := probes.Conn{Reason: probes.Timeout}
	for _, c := range got {
		switch {
		case c.Reason == probes.OK:
			return c, true
		case c.Reason == probes.Canceled, c.Reason == "":
		case best.Reason == probes.Timeout:
			best = c // an error says more than silence
		}
	}
	return best, false
}

// fail sets a state that is not ok.
func (a *asker) fail(s probes.MetadataState, r probes.Reason, detail string) {
	a.m.State, a.m.Reason, a.m.Detail = s, r, detail
}

// judge sets the state from how the requests for data ended.
func (a *asker) judge() {
	lost := a.m.State == probes.MetadataTokenLost
	slices.Sort(a.m.VPCCIDRs) // they came in any order
	if a.valid == 0 {
		a.m.Role, a.m.RoleName = probes.RoleUnknown, "" // a 404 alone proves nothing
	}
	switch {
	case a.valid > 0:
		if !lost {
			a.m.State, a.m.Reason = probes.MetadataOK, probes.OK
		}
	case a.denied > 0:
		a.fail(probes.MetadataDisabled, probes.AccessDenied, a.m.Denied+" is denied")
	case a.answered > 0:
		a.fail(probes.MetadataForeign, probes.NotAWS, "none of the answers is instance metadata")
	case lost:
	default:
		a.fail(probes.MetadataUnreachable, a.silent, "the token was given and no request for data was answered")
	}
}
