package daemon

import (
	"maps"
	"slices"
	"time"
)

// schedule says when which work is due. It knows nothing of what the work is, and
// counts on the monotonic clock: setting the wall clock does not upset it.
type schedule[K ~string] struct {
	every map[K]time.Duration
	next  map[K]time.Time
	// jitter moves a time a little, so that a fleet does not ask in step.
	jitter func(time.Duration) time.Duration
}

// early is the part of its interval by which work may come early to be done together
// with other work.
const early = 5

func newSchedule[K ~string](every map[K]time.Duration, jitter func(time.Duration) time.Duration) *schedule[K] {
	return &schedule[K]{every: every, next: map[K]time.Time{}, jitter: jitter}
}

// set changes the intervals. What is new is due at once; what is known comes no
// later than its new interval.
func (s *schedule[K]) set(every map[K]time.Duration, now time.Time) {
	s.every = every
	for k := range s.next {
		if _, ok := every[k]; !ok {
			delete(s.next, k)
		}
	}
	for k, d := range every {
		if at, ok := s.next[k]; ok && at.After(now.Add(d)) {
			s.next[k] = now.Add(d)
		}
	}
}

// due lists the work whose time has come, and with it what would soon follow, in the
// order of its names.
func (s *schedule[K]) due(now time.Time) []K {
	if s.wait(now) > 0 {
		return nil
	}
	var out []K
	for _, k := range slices.Sorted(maps.Keys(s.every)) {
		if !s.next[k].After(now.Add(s.every[k] / early)) {
			out = append(out, k)
		}
	}
	return out
}

// wait is how long there is nothing to do.
func (s *schedule[K]) wait(now time.Time) time.Duration {
	least := time.Hour
	for k := range s.every {
		least = min(least, s.next[k].Sub(now))
	}
	return max(least, 0)
}

// done plans work for its next time.
func (s *schedule[K]) done(work []K, now time.Time) {
	for _, k := range work {
		s.next[k] = now.Add(s.jitter(s.every[k]))
	}
}

// hurry has work come at the latest after a while.
func (s *schedule[K]) hurry(work []K, now time.Time, after time.Duration) {
	for _, k := range work {
		if at := now.Add(after); s.next[k].After(at) {
			s.next[k] = at
		}
	}
}
