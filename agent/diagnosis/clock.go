package diagnosis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// Bounds of the contract: AWS refuses signatures that are five minutes off.
const (
	skewCritical = 5 * time.Minute
	skewWarning  = 30 * time.Second
)

// measureClock finds the local clock's error: by the Date of answers that AWS
// wrote on at least two hosts that agree, else by Amazon Time Sync, alone or
// together with one such answer. Dates go first because it is the service's
// clock that judges a signature. Where nothing agrees it stays unknown.
func measureClock(r *probes.Round) clock {
	hosts := map[string]time.Duration{}
	results := make([]*probes.Result, 0, len(r.Results)+len(r.Repos))
	for i := range r.Results {
		results = append(results, &r.Results[i])
	}
	for i := range r.Repos {
		results = append(results, &r.Repos[i].Result)
	}
	for _, res := range results {
		if res.HTTP == nil || !res.HTTP.AWSShaped || res.HTTP.Date.IsZero() || !isAWS(res) {
			continue
		}
		// A Date is cut to the second: half a second is its mean error.
		hosts[hostOf(res)] = res.HTTP.Date.Add(500 * time.Millisecond).Sub(res.HTTP.ReceivedAt)
	}
	var offs []time.Duration
	for _, d := range hosts {
		offs = append(offs, d)
	}
	slices.Sort(offs)
	sync := time.Duration(math.Round(r.TimeSync.Offset*1e3)) * time.Millisecond
	if len(offs) > 0 {
		mid := offs[len(offs)/2]
		agree := 0
		for _, d := range offs {
			if (d - mid).Abs() <= 5*time.Second {
				agree++
			}
		}
		if agree >= 2 && agree*2 > len(offs) {
			return clock{true, mid, fmt.Sprintf("the Date of %d AWS answers", agree)}
		}
		if r.TimeSync.OK && (sync-mid).Abs() <= 5*time.Second {
			return clock{true, sync, "Amazon Time Sync and the Date of an AWS answer"}
		}
	}
	if r.TimeSync.OK && len(offs) == 0 {
		return clock{true, sync, "Amazon Time Sync (169.254.169.123)"}
	}
	return clock{}
}

func ruleClock(v *view) {
	if !v.clock.known || v.clock.offset.Abs() < skewWarning {
		return
	}
	f := Finding{Code: "clock-skew", Severity: Warning}
	dir := "behind"
	if v.clock.offset < 0 {
		dir = "ahead of"
	}
	by := v.clock.offset.Abs().Round(time.Second)
	f.Summary = fmt.Sprintf("The clock of this instance is %s %s the true time.", words.Duration(by), dir)
	f.Evidence = []Evidence{
		{"local clock", v.r.Now.UTC().Format("2006-01-02 15:04:05") + " UTC"},
		{"true time", v.now().UTC().Format("2006-01-02 15:04:05") + " UTC, by " + v.clock.source},
	}
	if v.clock.offset.Abs() >= skewCritical {
		f.Severity = Critical
		f.Summary += " AWS refuses signatures that are more than 5 minutes off."
	}
	f.Fix = fixClock(v)
	// What looks expired or not yet valid by the local clock only is this
	// finding's; the certificates are fine.
	var claims []string
	for _, r := range v.failing(probes.PhaseTLS) {
		if r.TLS == nil || (r.TLS.Reason != probes.Expired && r.TLS.Reason != probes.NotYetValid) {
			continue
		}
		if chainValidAt(r.TLS.Chain, v.now()) {
			f.Targets = append(f.Targets, r.Target.Name)
			f.Evidence = append(f.Evidence, Evidence{r.Target.Name, "its certificate is valid, but not by the local clock"})
		}
	}
	for i := range v.r.Repos {
		rr := &v.r.Repos[i]
		if v.free(rr.Result.Target.Name) && v.byClock(rr) {
			f.Targets = append(f.Targets, rr.Result.Target.Name)
			f.Evidence = append(f.Evidence, Evidence{rr.Result.Target.Name, orText(rr.Detail, strings.ReplaceAll(string(rr.Reason), "_", " ")) + ", but only by the local clock"})
		}
	}
	f.Capabilities = Capabilities()
	v.add(f, claims...)
}

// byClock tells whether a repository's metadata, or the certificate that it names for
// this machine, is out of its time only because the local clock is wrong: behind, and
// things lie in the future; ahead, and they are past.
func (v *view) byClock(rr *probes.RepoResult) bool {
	if v.clock.offset.Abs() < skewCritical || rr.Result.State != probes.Down {
		return false
	}
	behind := v.clock.offset > 0
	early := rr.Reason == probes.NotYetValid || rr.Certificate == probes.CertificateEarly
	late := rr.Reason == probes.Stale || rr.Certificate == probes.CertificateExpired
	s, _ := rr.Result.Failed()
	return s.Phase != probes.PhaseTLS && (behind && early || !behind && late)
}

// chainValidAt tells whether every certificate of the chain is valid at a time.
func chainValidAt(chain []probes.Cert, t time.Time) bool {
	for _, c := range chain {
		if t.Before(c.NotBefore) || t.After(c.NotAfter) {
			return false
		}
	}
	return len(chain) > 0
}
