package netpath

import "time"

// dnsTimes are all the waits of a round.
type dnsTimes struct {
	// patience is how long one answer is waited for, fallback the same for the
	// plain form that is asked because the one with EDNS stays silent.
	patience, fallback time.Duration
	// resend are the times at which an unanswered query is sent again.
	resend [2]time.Duration
	// quiet is the silence after which the plain form is asked too.
	quiet time.Duration
	// impatience is how long a silent resolver may hold up a lookup that a
	// later one has answered.
	impatience time.Duration
	// confirm is the pause before a failure is tried again, and confirmWait how
	// long the second try may take.
	confirm, confirmWait time.Duration
	// tcpConnect bounds one connect to a resolver.
	tcpConnect time.Duration
	// slow is what counts as a slow answer.
	slow time.Duration
}

const (
	defaultPatience = 4500 * time.Millisecond
	// leastPatience is what the slowest working resolvers need.
	leastPatience = 4 * time.Second
)

// newDNSTimes derives the waits from the patience.
func newDNSTimes(patience time.Duration) dnsTimes {
	if patience <= 0 {
		patience = defaultPatience
	}
	t := dnsTimes{
		patience:    patience,
		fallback:    max(leastPatience, patience-500*time.Millisecond),
		resend:      [2]time.Duration{1200 * time.Millisecond, 2700 * time.Millisecond},
		quiet:       1500 * time.Millisecond,
		impatience:  1500 * time.Millisecond,
		confirm:     250 * time.Millisecond,
		confirmWait: 1500 * time.Millisecond,
		tcpConnect:  2 * time.Second,
		slow:        2 * time.Second,
	}
	if patience >= leastPatience {
		return t
	}
	scaled := []*time.Duration{&t.resend[0], &t.resend[1], &t.quiet, &t.impatience,
		&t.confirm, &t.confirmWait, &t.tcpConnect, &t.slow}
	for _, d := range scaled {
		*d = time.Duration(float64(*d) * float64(patience) / float64(defaultPatience))
	}
	t.fallback = patience
	return t
}
