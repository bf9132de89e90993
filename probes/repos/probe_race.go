package repos

import (
	"context"
	"fmt"
	"time"

	"agentctl/probes"
	"agentctl/probes/netpath"
)

// outcome is how one mirror fared.
type outcome struct {
	at    int
	fetch netpath.FetchResult
	// revision is the metadata's own time.
	revision time.Time
	// checked: a metalink's checksum was compared.
	checked bool
}

// final: the package manager asks no further mirror. librepo takes whatever
// comes with a 2xx status, and only a checksum of a metalink makes it try the
// next one; that the document is no index is noticed too late for that. yum
// looks into it first (yumRepo.py, _getFileRepoXML).
func (o *outcome) final(manager string) bool {
	if o.fetch.Reason == probes.OK {
		return true
	}
	return o.fetch.Status/100 == 2 && (manager == "dnf" && !o.checked || manager == "apt")
}

// race is the mirrors of one repository, asked in order.
type race struct {
	*asking
	mirrors []candidate
	started int
	ended   []*outcome // as they ended
	best    *outcome   // of those whose answer is final
}

func (a *asking) race(mirrors []candidate) *race { return &race{asking: a, mirrors: mirrors} }

// run asks the next mirror when one has failed or is late. The first of the list
// whose answer is final decides, and where none is, the first; one that is late
// gets no more time once a later one is good.
func (r *race) run(ctx context.Context, names []string) {
	n := min(len(r.mirrors), mirrorsTried)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan outcome, n)
	start := func() {
		at := r.started
		r.started++
		go func() {
			o := r.mirror(ctx, r.mirrors[at], names)
			o.at = at
			results <- o
		}()
	}
	start()
	late := time.NewTicker(mirrorLate)
	defer late.Stop()
	for len(r.ended) < r.started {
		select {
		case o := <-results:
			late.Reset(mirrorLate)
			r.end(&o)
			switch {
			case r.decided():
				cancel()
			case r.best == nil && r.started < n:
				start()
			}
		case <-late.C:
			switch {
			case r.best != nil:
				cancel()
			case r.started < n && ctx.Err() == nil:
				start()
			}
		}
	}
	r.decide()
}

// end notes one outcome.
func (r *race) end(o *outcome) {
	r.ended = append(r.ended, o)
	if o.final(r.repo.Manager) && (r.best == nil || o.at < r.best.at) {
		r.best = o
	}
}

// decided: no mirror before the best is still under way.
func (r *race) decided() bool {
	if r.best == nil {
		return false
	}
	before := 0
	for _, o := range r.ended {
		if o.at < r.best.at {
			before++
		}
	}
	return before == r.best.at
}

// decide makes one mirror's outcome the repository's.
func (r *race) decide() {
	best, note := r.best, ""
	for _, o := range r.ended {
		if r.best == nil && (best == nil || o.at < best.at) {
			best = o
		}
	}
	if r.best == nil && len(r.mirrors) > r.started {
		note = fmt.Sprintf(" (%d of %d mirrors asked)", r.started, len(r.mirrors))
	}
	r.take(StageMetadata, best.fetch)
	r.out.Detail += note
	r.out.Tried, r.out.Revision = r.started, best.revision
}
