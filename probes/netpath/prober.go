package netpath

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

// Lookuper looks a name up as the given client would. *DNS is one.
type Lookuper interface {
	Lookup(ctx context.Context, host string, client probes.Client) probes.NameResult
}

// Prober goes the way to a target step by step, as its client would, and
// records what every step showed. It is safe for concurrent use once its fields
// are set.
type Prober struct {
	Lookup Lookuper
	// Facts decide whether IPv6 addresses count.
	Facts platform.Facts
	// Trust returns the roots that a client trusts; nil trusts nothing.
	Trust func(probes.Client) *x509.CertPool
	// ServiceRoots are the roots of the service itself; see ServiceRoots.
	ServiceRoots *x509.CertPool
	// Now is the host's wall clock, nil the system's own.
	Now func() time.Time
	// Proxy names the proxy that the client uses for a target, and where that
	// setting comes from; "" is the direct way. Nil: there is none.
	Proxy func(probes.Target) (probes.ProxyURL, string)
	// Late is called when a first connect is 1.5 s late or a step fails, any
	// number of times and from any goroutine: the round then starts its control
	// targets. It must not block. May be nil.
	Late func()
	// Dial makes one connect; nil is DialTCP.
	Dial func(context.Context, netip.AddrPort, DialOptions) (net.Conn, probes.Conn)
	// UserAgent is that of the HTTP request.
	UserAgent string
}

func (p *Prober) dial(ctx context.Context, addr netip.AddrPort, o DialOptions) (net.Conn, probes.Conn) {
	if p.Dial != nil {
		return p.Dial(ctx, addr, o)
	}
	return DialTCP(ctx, addr, o)
}

func (p *Prober) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

func (p *Prober) late() {
	if p.Late != nil {
		p.Late()
	}
}

func (p *Prober) proxyFor(t probes.Target) (probes.ProxyURL, string) {
	if p.Proxy == nil {
		return "", ""
	}
	return p.Proxy(t)
}

// probe is one run of Prober.Probe.
type probe struct {
	*Prober
	target probes.Target
	url    *url.URL
	host   string // without port and brackets
	port   uint16
	res    *probes.Result
	// way opens a further connection to the target, by the address or the proxy
	// that worked.
	way opener
	// absolute: the request goes to a proxy, with the whole URL and this header.
	absolute    bool
	proxyHeader string
	// races are the connects that may still be under way.
	races []*race
}

// Probe measures the way to one target. It ends when the context does, and by
// itself within about 10 s after the lookup.
func (p *Prober) Probe(ctx context.Context, t probes.Target) probes.Result {
	res := probes.Result{Target: t, State: probes.Unknown}
	begin := time.Now()
	if t.Skip {
		res.State = probes.Skipped
		return res
	}
	run := &probe{Prober: p, target: t, res: &res}
	if err := run.parse(); err != "" {
		run.step(probes.PhaseDNS, probes.Internal, 0, err, 0)
	} else {
		run.walk(ctx)
	}
	res.Duration = time.Since(begin).Seconds() // of the way, not of the wait for a dead family
	run.settle(ctx)
	return res
}

func (r *probe) parse() string {
	u, err := url.Parse(r.target.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "the target's URL cannot be used"
	}
	r.url, r.host, r.port = u, u.Hostname(), 443
	if u.Scheme == "http" {
		r.port = 80
	}
	if s := u.Port(); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return "the target's port cannot be used"
		}
		r.port = uint16(n)
	}
	return ""
}

// walk goes through the phases until one fails.
func (r *probe) walk(ctx context.Context) {
	var conn net.Conn
	if proxy, source := r.proxyFor(r.target); proxy != "" {
		conn = r.throughProxy(ctx, proxy, source)
	} else if addrs := r.lookup(ctx); addrs != nil {
		conn = r.connect(ctx, addrs)
	}
	if conn == nil {
		return
	}
	link := &link{conn: conn}
	if r.url.Scheme == "https" {
		link = r.handshakes(ctx, conn)
	}
	if link != nil {
		if r.target.Answer != probes.AnswerConnect {
			r.ask(ctx, link)
		}
		link.close()
	}
}

// step records a phase's outcome and, where it is no success, the target's.
func (r *probe) step(phase probes.Phase, reason probes.Reason, took time.Duration, detail string, attempts int) {
	s := probes.Step{Phase: phase, State: probes.Down, Reason: reason, Duration: took.Seconds(), Detail: detail, Attempts: attempts}
	switch reason {
	case probes.OK:
		s.State = probes.Up
	case probes.SkippedReason:
		s.State = probes.Skipped
	case probes.Canceled, probes.Internal:
		s.State = probes.Unknown
	}
	r.res.Steps = append(r.res.Steps, s)
	switch s.State {
	case probes.Up:
		r.res.State = probes.Up // until a later step says otherwise
	case probes.Down, probes.Unknown:
		r.res.State = s.State
		r.late()
	}
}

// settle waits for connects that are still under way and records them.
func (r *probe) settle(ctx context.Context) {
	for _, race := range r.races {
		race.finish(ctx)
	}
}
