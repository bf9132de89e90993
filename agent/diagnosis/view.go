package diagnosis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// Pseudo-targets: things that a finding can take down which are no network
// targets of their own. They are claimed like targets, so that a consequence is
// not reported beside its cause.
const (
	subjectIMDS        = "imds"
	subjectRegion      = "region"
	subjectCredentials = "credentials"
	subjectRunning     = "ssm-agent"
	subjectResolver    = "resolver"
	subjectChannel     = "ssm-agent channel"
)

// view is a round with the questions that several rules ask of it.
type view struct {
	r       *probes.Round
	results []*probes.Result
	// repos finds what was measured of the repository behind a result.
	repos map[*probes.Result]*probes.RepoResult
	vpc   []netip.Prefix
	clock clock
	ids   ids
	// claimed says which finding explains a target. Rules run from the deepest
	// cause to the shallowest and look only at what is not claimed yet: that is
	// the contract's suppression.
	claimed map[string]Code
	// usedEvents are the log events that a finding has for its evidence already.
	usedEvents map[string]bool
	out        []Finding
}

// clock is what is known of the local clock's error.
type clock struct {
	known  bool
	offset time.Duration // true time minus local time
	source string
}

func newView(r *probes.Round) *view {
	v := &view{r: r, repos: map[*probes.Result]*probes.RepoResult{}, claimed: map[string]Code{}, usedEvents: map[string]bool{}}
	for i := range r.Results {
		v.results = append(v.results, &r.Results[i])
	}
	for i := range r.Repos {
		v.results = append(v.results, &r.Repos[i].Result)
		v.repos[&r.Repos[i].Result] = &r.Repos[i]
	}
	for _, c := range r.Metadata.VPCCIDRs {
		if p, err := netip.ParsePrefix(c); err == nil {
			v.vpc = append(v.vpc, p)
		}
	}
	v.clock = measureClock(r)
	v.ids = newIDs(r)
	return v
}

// now is the true time as far as it is known.
func (v *view) now() time.Time {
	if v.clock.known {
		return v.r.Now.Add(v.clock.offset)
	}
	return v.r.Now
}

// has tells whether a group was asked for.
func (v *view) has(g probes.Group) bool { return slices.Contains(v.r.Groups, g) }

func (v *view) result(name string) *probes.Result {
	for _, r := range v.results {
		if r.Target.Name == name {
			return r
		}
	}
	return nil
}

// add records a finding and claims what it explains. Claims that another
// finding holds already stay with that one.
func (v *view) add(f Finding, claims ...string) {
	for _, c := range append(slices.Clone(claims), f.Targets...) {
		if _, ok := v.claimed[c]; !ok {
			v.claimed[c] = f.Code
		}
	}
	if f.Confidence == "" {
		f.Confidence = Certain
	}
	if f.Since.IsZero() {
		f.Since = v.r.Started
	}
	if f.Capabilities == nil {
		f.Capabilities = capabilitiesOf(f.Targets)
	}
	if f.Targets == nil {
		f.Targets = []string{}
	}
	if onlyRepos(f.Targets) {
		again := v.thenRestart() // the SSM Agent has no part in it
		f.Fix = slices.DeleteFunc(f.Fix, func(x Fix) bool { return x == again })
	}
	for i, x := range f.Fix {
		f.Fix[i].Text = strings.ToUpper(x.Text[:1]) + x.Text[1:]
	}
	v.out = append(v.out, f)
}

// onlyRepos tells whether all targets, and there are some, are repositories.
func onlyRepos(targets []string) bool {
	return len(targets) > 0 && !slices.ContainsFunc(targets, func(t string) bool { return !strings.HasPrefix(t, "repo:") })
}

// addInfo records what is worth knowing; it explains nothing.
func (v *view) addInfo(f Finding) {
	claimed := v.claimed
	v.claimed = map[string]Code{}
	v.add(f)
	v.claimed = claimed
}

func (v *view) free(subject string) bool { _, ok := v.claimed[subject]; return !ok }

// probed are the results that were really measured and belong to no control.
func (v *view) probed() []*probes.Result {
	var out []*probes.Result
	for _, r := range v.results {
		if !r.Target.Skip && !r.Target.Control {
			out = append(out, r)
		}
	}
	return out
}

// failing lists the measured results that stopped at the given phase and that
// no finding explains yet.
func (v *view) failing(phase probes.Phase) []*probes.Result {
	var out []*probes.Result
	for _, r := range v.probed() {
		if r.State != probes.Down || !v.free(r.Target.Name) {
			continue
		}
		if s, ok := r.Failed(); ok && s.Phase == phase && s.Reason != probes.Internal {
			out = append(out, r)
		}
	}
	return out
}

// where keeps the results for which keep is true.
func where(rs []*probes.Result, keep func(*probes.Result) bool) []*probes.Result {
	var out []*probes.Result
	for _, r := range rs {
		if keep(r) {
			out = append(out, r)
		}
	}
	return out
}

func anyRequired(rs []*probes.Result) bool {
	return slices.ContainsFunc(rs, func(r *probes.Result) bool { return r.Target.Required })
}

// anyDecisive is anyRequired without repositories of third parties: what fails there
// alone says nothing of this network's DNS and paths.
func anyDecisive(rs []*probes.Result) bool {
	return anyRequired(where(rs, func(r *probes.Result) bool { return !thirdParty(r) }))
}

func names(rs []*probes.Result) []string {
	out := make([]string, 0, len(rs))
	for _, r := range rs {
		out = append(out, r.Target.Name)
	}
	return out
}

// requiredNames are the names of the required ones; where none is, all.
func requiredNames(rs []*probes.Result) []string {
	req := where(rs, func(r *probes.Result) bool { return r.Target.Required })
	if len(req) == 0 {
		return names(rs)
	}
	return names(req)
}

// capabilitiesOf tells what a user loses with the targets.
func capabilitiesOf(targets []string) []Capability {
	all := Capabilities()
	lost := map[Capability]bool{}
	for _, t := range targets {
		for _, c := range lostWith(t, all) {
			lost[c] = true
		}
	}
	out := []Capability{}
	for _, c := range all {
		if lost[c] {
			out = append(out, c)
		}
	}
	return out
}

func lostWith(target string, all []Capability) []Capability {
	switch {
	case target == "ssmmessages", target == "ec2messages":
		return []Capability{RunCommand, SessionManager, PatchScan, PatchInstall, AgentUpdate}
	case target == "bucket:amazon-ssm":
		return []Capability{AgentUpdate}
	case target == "internet", target == "kms", target == "logs", target == "sts":
		return nil
	case strings.HasPrefix(target, "s3"), strings.HasPrefix(target, "bucket:"), target == "patch-payload",
		strings.HasPrefix(target, "repo:"):
		return []Capability{PatchScan, PatchInstall}
	}
	return all
}

// hostOf is the host name of a result's URL.
func hostOf(r *probes.Result) string {
	if r.Name != nil && r.Name.Host != "" {
		return r.Name.Host
	}
	_, rest, _ := strings.Cut(r.Target.URL, "://")
	if i := strings.IndexAny(rest, "/:"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

func addrList(as []netip.Addr) string {
	s := make([]string, 0, len(as))
	for i, a := range as {
		if i == 4 {
			s = append(s, fmt.Sprintf("and %d more", len(as)-i))
			break
		}
		s = append(s, a.String())
	}
	return strings.Join(s, ", ")
}

// list joins names as a sentence does; a long list is cut and counted.
func list(s []string) string { return words.ListFirst(s, 4) }
