package agentlog

import (
	"time"

	"agentctl/probes"
)

// sleeping is the wait of the credential refresher, if it still waits.
func (c *collector) sleeping(now time.Time) *probes.LogSleep {
	s := &c.sleep
	if s.last == 0 || s.last < c.credentials.at || s.last < c.started || s.last < c.launched || s.last < c.stopped && c.stopped > c.launched {
		return nil
	}
	out := probes.LogSleep{
		First: instant(s.first), Tries: s.tries, Since: instant(s.last), Duration: s.duration,
		Until: instant(s.last).Add(s.duration), Longest: longest(s), Reason: cut(tidy(s.reason), maxLine),
	}
	if !now.Before(out.Until) {
		if out.Until, out.Estimated = estimate(s, out.Until, now); !out.Estimated {
			out.Until = instant(s.last).Add(s.duration)
		}
	}
	return &out
}

// The waits of core/app/credentialrefresher, credentialrefresher_deps.go: five
// minutes first, ten for the next three tries, then twice as long after each three,
// up to an hour; 25 to 30 minutes each after AccessDenied. Each is up to a tenth
// shorter than that.
const (
	longWait     = time.Hour
	deniedWait   = 30 * time.Minute
	loggedOnEC2  = 3 // further tries are logged at level DEBUG
	shortestEC2  = 4 * time.Minute
	waitStepSize = 3
)

// onEC2 tells by the length of the waits: hybrid nodes begin with a second.
func onEC2(s *sleepState) bool { return s.duration >= shortestEC2 && s.tries <= loggedOnEC2 }

func longest(s *sleepState) time.Duration {
	if s.denied {
		return deniedWait
	}
	return longWait
}

// estimate is the latest time at which the present wait can end, once the logged
// one is over. The agent logs three tries, so that silence after the third means
// that it goes on. Before the third it is a try that takes long.
//
// Each wait may be a tenth shorter than it can be, so that after some hours it is
// not known which one lasts; each that may last counts.
func estimate(s *sleepState, until, now time.Time) (time.Time, bool) {
	if !onEC2(s) || s.tries < loggedOnEC2 {
		return until, false
	}
	if now.Sub(until) > 48*time.Hour {
		return now.Add(longest(s)), true
	}
	first, last, latest := until, until, until // the wait begins between first and last
	for try := s.tries; !first.After(now); try++ {
		wait := waitOf(try, s.denied)
		begin := last
		if begin.After(now) {
			begin = now
		}
		if end := begin.Add(wait); end.After(now) && end.After(latest) {
			latest = end
		}
		first, last = first.Add(wait*9/10), last.Add(wait)
	}
	return latest, true
}

// waitOf is the longest wait after a try, counted from 0.
func waitOf(try int, denied bool) time.Duration {
	switch {
	case denied:
		return deniedWait
	case try == 0:
		return 5 * time.Minute
	case try > 4*waitStepSize:
		return longWait
	}
	return min(longWait, 10*time.Minute<<((try-1)/waitStepSize))
}
