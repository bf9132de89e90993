package netpath

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"agentctl/probes"
)

// clampedSegment is RFC 1122's default segment of 536 bytes: whatever carries
// IPv4 carries it.
const clampedSegment = 536

// helloSplit is where the ClientHello is cut in two: within its first
// extensions, before or in the name for most filters.
const helloSplit = 80

// trial is one changed handshake.
type trial struct {
	kind  probes.ExperimentKind
	dial  DialOptions
	hello hello
}

func allTrials() []trial {
	clamp := DialOptions{MaxSeg: clampedSegment}
	return []trial{
		{probes.ExpClamp, clamp, hello{}},
		{probes.ExpNoMLKEM, DialOptions{}, hello{noMLKEM: true}},
		{probes.ExpClassic, clamp, hello{noMLKEM: true}},
		{probes.ExpSplitHello, DialOptions{}, hello{split: helloSplit}},
		{probes.ExpNoSNI, DialOptions{}, hello{noSNI: true}},
	}
}

// experimentsFor picks the handshakes that can explain how one failed. A
// version that is not supported and a certificate explain themselves; an alert
// has been written by someone who read the hello, so segments do not matter.
func experimentsFor(failed *probes.TLS, host string) []trial {
	var wanted func(probes.ExperimentKind) bool
	switch failed.Reason {
	case probes.HandshakeTimeout, probes.HandshakeReset, probes.Closed:
		wanted = func(probes.ExperimentKind) bool { return true }
	case probes.TLSAlert:
		wanted = func(k probes.ExperimentKind) bool { return k == probes.ExpNoSNI || k == probes.ExpNoMLKEM }
	default:
		return nil
	}
	_, err := netip.ParseAddr(host)
	literal := err == nil // no name is sent for an address
	var out []trial
	for _, t := range allTrials() {
		if wanted(t.kind) && !(literal && t.kind == probes.ExpNoSNI) {
			out = append(out, t)
		}
	}
	return out
}

// trials are experiments under way.
type trials struct {
	cancel context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup
	out    []probes.Experiment
}

// experiment starts the trials, each on a connection of its own and all at the
// same time.
func (r *probe) experiment(ctx context.Context, list []trial) *trials {
	ctx, cancel := context.WithCancel(ctx)
	t := &trials{cancel: cancel, ctx: ctx, out: make([]probes.Experiment, len(list))}
	for i, one := range list {
		t.wg.Go(func() { t.out[i] = r.try(ctx, one) })
	}
	return t
}

// results waits for the trials. Those that were canceled have none.
func (t *trials) results() []probes.Experiment {
	t.wg.Wait()
	stopped := t.ctx.Err() != nil
	t.cancel()
	if stopped || len(t.out) == 0 {
		return nil
	}
	return t.out
}

// try makes one changed handshake within 4 s, its connect included.
func (r *probe) try(ctx context.Context, t trial) probes.Experiment {
	begin := time.Now()
	e := probes.Experiment{Kind: t.kind}
	defer func() { e.Duration = time.Since(begin).Seconds() }()
	t.dial.Timeout = handshakeTimeout
	conn, reason, detail := r.way(ctx, t.dial)
	if reason != probes.OK {
		e.Reason, e.Detail = reason, detail
		return e
	}
	defer conn.Close()
	defer closeWith(ctx, conn)()
	c, facts := r.handshake(ctx, conn, r.host, t.hello, begin.Add(handshakeTimeout))
	e.Reason, e.Detail = facts.Reason, tlsDetail(facts)
	if c != nil {
		e.Reason = probes.OK // it completed; whose certificate it was is another matter
		if len(facts.Chain) > 0 {
			e.Detail += ", issued by " + facts.Chain[0].Issuer
		}
	}
	return e
}
