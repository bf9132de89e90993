package netpath

import (
	"context"
	"time"
)

// settleEvery is how often Settle looks; questions end within seconds.
const settleEvery = 5 * time.Millisecond

// Settle waits until no question to a configured resolver is under way, or until
// ctx ends. Questions to the VPC's resolver that were asked for comparison only
// may go on: where nothing failed nobody needs their answer.
func (d *DNS) Settle(ctx context.Context) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for d.asking() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// asking tells whether a configured resolver has still to answer.
func (d *DNS) asking() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range d.order {
		if q.server < d.ours && (q.plain.asked && !q.plain.done || q.edns.asked && !q.edns.done) {
			return true
		}
	}
	return false
}
