package imds

import (
	"context"
	"sync"
	"time"
)

// hedge makes an attempt and, when it is late or has failed, a second one. It
// returns what has come in when an attempt is final, or when both are done, or the
// context has ended. The attempt that loses is canceled; group knows of it.
func hedge[T any](ctx context.Context, group *sync.WaitGroup, next, retry time.Duration, try func(context.Context) T, final func(T) bool) []T {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const attempts = 2
	results := make(chan T, attempts)
	launch := func() {
		group.Go(func() { results <- try(ctx) })
	}
	launch()
	started := 1
	timer := time.NewTimer(next)
	defer timer.Stop()
	var got []T
	for {
		select {
		case r := <-results:
			got = append(got, r)
			if final(r) || len(got) == attempts {
				return got
			}
			if started < attempts {
				timer.Reset(retry) // it failed at once: no need to wait longer
			}
		case <-timer.C:
			if started < attempts {
				started++
				launch()
			}
		case <-ctx.Done():
			return got
		}
	}
}
