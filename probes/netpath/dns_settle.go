package netpath

import (
	"context"
	"slices"
)

// Settle waits until no question to a configured resolver is under way, or until
// ctx ends. Questions to the VPC's resolver that were asked for comparison only
// may go on: where nothing failed nobody needs their answer.
func (d *DNS) Settle(ctx context.Context) {
	wake := make(chan struct{}, 1)
	for d.asking(wake) {
		select {
		case <-wake:
		case <-ctx.Done():
			return
		}
	}
}

// asking tells whether a configured resolver has still to answer, and has wake
// told when it does.
func (d *DNS) asking(wake chan struct{}) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	open := false
	for _, q := range d.order {
		if q.server < d.ours && (q.plain.asked && !q.plain.done || q.edns.asked && !q.edns.done) {
			open = true
			if !slices.Contains(q.wake, wake) {
				q.wake = append(q.wake, wake)
			}
		}
	}
	return open
}
