package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/agent/words"
	"agentctl/probes"
)

// onInternet tells whether a repository is reached over the internet. A host on a
// private address is a mirror of the owner's own, however it is called.
func (v *view) onInternet(rr *probes.RepoResult) bool {
	r := &rr.Result
	if isS3(r) || repoHost(rr) == "" {
		return false
	}
	return rr.Repo.Internet || len(r.Addresses) > 0 && !v.isPrivate(r)
}

// silentRepo tells whether a repository's host answers no connect.
func (v *view) silentRepo(rr *probes.RepoResult) bool {
	s, _ := rr.Result.Failed()
	return s.Phase == probes.PhaseTCP && v.fate(&rr.Result) == fateSilent
}

// wayOut tells whether something on the internet answers, and what.
func (v *view) wayOut() (string, bool) {
	if by, ok := v.answersPublicly(); ok {
		return by, true
	}
	for i := range v.r.Repos {
		if rr := &v.r.Repos[i]; v.onInternet(rr) && v.fate(&rr.Result) == fateUp {
			return rr.Result.Target.Name, true
		}
	}
	return "", false
}

// awsWorks tells whether AWS targets connect, be it as controls; known is false where
// none was asked.
func (v *view) awsWorks() (works, known bool) {
	for _, r := range v.results {
		if isAWS(r) && r.Target.Name != "internet" && v.fate(r) != fateNone {
			known = true
			works = works || v.fate(r) == fateUp
		}
	}
	return works, known
}

// ruleInternetRequired: what lies on the internet times out, and so does all else
// there, while AWS works. What is not required is silent for the same reason.
func ruleInternetRequired(v *view) {
	hit := v.broken(func(rr *probes.RepoResult) bool { return v.onInternet(rr) && v.silentRepo(rr) })
	if _, ok := v.wayOut(); ok || !slices.ContainsFunc(hit, func(rr *probes.RepoResult) bool { return rr.Repo.Required }) {
		return
	}
	works, known := v.awsWorks()
	f := Finding{Code: "internet-required"}
	switch control := v.internet(); {
	case control == fateSilent && works:
	case control == fateSilent, control == fateNone && works && known:
		f.Confidence = Likely
	default:
		return // the control target says no, or nothing at all is known
	}
	c := &cause{}
	for _, rr := range hit {
		if rr.Repo.Required {
			c.required = append(c.required, rr)
		} else {
			c.others = append(c.others, rr)
		}
	}
	f.Summary = fmt.Sprintf("%s %s the internet, and there is no way there from this subnet. %s", v.reposAt(c.required), agree(len(c.required), "needs", "need"), v.consequence(c.required))
	f.Evidence = append(v.controlEvidence(), v.whereEvidence()...)
	f.Evidence = append(f.Evidence, v.ruledOut()...)
	f.Fix = fixInternet(v, c.required)
	v.addRepo(f, c)
}

// reposAt names repositories and their hosts. The names of apt's hold the host.
func (v *view) reposAt(rs []*probes.RepoResult) string {
	if v.packager() == "apt" {
		return agree(len(rs), "The repository on ", "The repositories on ") + repoHosts(rs)
	}
	return list(repoIDs(rs)) + " (" + repoHosts(rs) + ")"
}

// whereEvidence says which repositories need the internet, and which do not.
func (v *view) whereEvidence() []Evidence {
	var out, s3, inside []string
	for i := range v.r.Repos {
		switch rr := &v.r.Repos[i]; {
		case v.onInternet(rr):
			out = append(out, rr.Repo.ID)
		case isS3(&rr.Result):
			s3 = append(s3, rr.Repo.ID)
		case repoHost(rr) != "" && v.isPrivate(&rr.Result):
			inside = append(inside, rr.Repo.ID)
		}
	}
	var e []Evidence
	for _, l := range []struct {
		what string
		ids  []string
	}{{"needs the internet", out}, {"in AWS (S3)", s3}, {"on private addresses", inside}} {
		if len(l.ids) > 0 {
			e = append(e, Evidence{l.what, words.ListFirst(l.ids, 12)})
		}
	}
	return e
}

// ruleRepoUnreachable takes what is left of required repositories: a host that fails
// for a reason of its own.
func ruleRepoUnreachable(v *view) {
	hit := v.broken(func(*probes.RepoResult) bool { return true })
	for _, c := range causes(hit, v.failureKind) {
		f := Finding{Code: "repo-unreachable", Summary: v.unreachableWords(c.required) + " " + v.consequence(c.required)}
		rr := c.required[0]
		step, _ := rr.Result.Failed()
		if v.silentRepo(rr) && v.onInternet(rr) || v.elsewhere(&rr.Result) {
			by, ok := v.wayOut()
			if ok {
				f.Evidence = append(f.Evidence, Evidence{by, "answers, so there is a way to the internet"})
			} else {
				f.Evidence = append(f.Evidence, v.controlEvidence()...)
			}
			if !ok && v.internet() != fateSilent {
				f.Confidence = Likely
			}
		} else if step.Phase == probes.PhaseTCP {
			f.Evidence = append(f.Evidence, v.controlEvidence()...)
		}
		if v.elsewhere(&rr.Result) {
			f.Evidence = append(f.Evidence, v.regionEvidence(resultsOf(c.required))...)
			if value := v.r.RepoConfig.Variables["awsregion"]; value != "" {
				f.Evidence = append(f.Evidence, Evidence{"variable awsregion", value})
			}
		}
		if step.Phase == probes.PhaseTLS {
			f.Confidence = Likely
		}
		if !v.r.Agent.Proxy.Known && v.r.Agent.Install == "installed" && rr.Repo.Proxy == "" {
			f.Confidence = Likely
			f.Evidence = append(f.Evidence, Evidence{"the SSM Agent's proxy", "is not known, as this user may not read it; asked without"})
		}
		f.Fix = fixUnreachable(v, c.required)
		v.addRepo(f, c)
	}
}

// failureKind is what failures with one cause have in common.
func (v *view) failureKind(rr *probes.RepoResult) string {
	step, _ := rr.Result.Failed()
	switch {
	case v.elsewhere(&rr.Result) && v.silentRepo(rr):
		return "elsewhere"
	case centOSOver(rr):
		return "over"
	}
	return string(step.Phase) + " " + string(rr.Reason) + fmt.Sprint(v.isPrivate(&rr.Result))
}

// unreachableWords says how a host fails, in one sentence.
func (v *view) unreachableWords(rs []*probes.RepoResult) string {
	rr := rs[0]
	r, ids, where := &rr.Result, list(repoIDs(rs)), v.reposAt(rs)
	step, _ := r.Failed()
	switch {
	case v.failureKind(rr) == "elsewhere":
		return fmt.Sprintf("%s %s in S3 of %s, but this instance is in %s, and there is no way to another region's S3 from this subnet.", ids, agree(len(rs), "lies", "lie"), s3Region(hostOf(r)), v.r.Region.Name)
	case v.failureKind(rr) == "over":
		return fmt.Sprintf("CentOS has taken %s off the net when the release came to its end, so %s %s no address any more.", repoHosts(rs), ids, agree(len(rs), "has", "have"))
	case step.Phase == probes.PhaseDNS:
		return fmt.Sprintf("%s cannot be reached: looking the name up ends with %s.", where, dnsWords(step.Reason))
	case step.Phase == probes.PhaseTCP:
		return fmt.Sprintf("%s cannot be reached: %s.", where, v.connectWords(r))
	case step.Phase == probes.PhaseTLS && r.TLS != nil:
		return fmt.Sprintf("%s cannot be reached: the TLS handshake fails (%s).", where, handshakeWords(r.TLS.Reason))
	case rr.Reason == probes.ServerError, rr.Reason == probes.Throttled:
		return fmt.Sprintf("%s cannot be used: the server answers with an error of its own (HTTP %d).", where, rr.Status)
	case step.Phase == probes.PhaseHTTP:
		return fmt.Sprintf("%s cannot be used: the server takes the connection, and the request gets no whole answer.", where)
	}
	return fmt.Sprintf("%s cannot be used: %s.", ids, orText(rr.Detail, strings.ReplaceAll(string(rr.Reason), "_", " ")))
}

// connectWords is how connects to a host failed.
func (v *view) connectWords(r *probes.Result) string {
	port := "port " + portOf(r)
	switch v.fate(r) {
	case fateRefused:
		return port + " refuses the connection by a reset"
	case fateICMP:
		return "a router or firewall on the way says that it is " + tcpWords(r.Conns[0].Reason)
	}
	if v.isPrivate(r) {
		return fmt.Sprintf("%s does not answer at the private address %s", port, addrList(r.Addresses))
	}
	if _, ok := v.wayOut(); ok {
		return port + " does not answer, while other addresses on the internet do; a firewall on the way drops it, or the server is down"
	}
	return port + " does not answer"
}

// centOSOver: the mirror list of CentOS 7 and Linux 8 left DNS in July 2024 (CentOS
// blog, "End dates are coming for CentOS Stream 8 and CentOS Linux 7").
func centOSOver(rr *probes.RepoResult) bool {
	step, _ := rr.Result.Failed()
	h := repoHost(rr)
	return step.Phase == probes.PhaseDNS && (h == "mirrorlist.centos.org" || h == "mirror.centos.org")
}

// ruleRepoSkipped: what patching goes on without is one finding, whatever the reasons.
func ruleRepoSkipped(v *view) {
	hit := v.broken(func(rr *probes.RepoResult) bool { return !rr.Repo.Required && !rr.Repo.Sources })
	if len(hit) == 0 {
		return
	}
	f := Finding{Code: "repo-skipped-silently", Severity: Warning, Targets: names(resultsOf(hit)), Evidence: v.repoEvidence(hit)}
	f.Summary = fmt.Sprintf("%s goes on without %s, which cannot be used: %s packages are not patched, and Patch Manager may say Compliant all the same.", v.packager(), list(repoIDs(hit)), agree(len(hit), "its", "their"))
	if v.noWayFor(hit) {
		f.Summary = strings.Replace(f.Summary, "which cannot be used", "for which there is no way to the internet from this subnet", 1)
		f.Evidence = append(append(f.Evidence, v.controlEvidence()...), v.whereEvidence()...)
	}
	f.Fix = fixSkipped(v, hit)
	v.add(f)
}

// noWayFor tells whether it is the internet that all of them lack.
func (v *view) noWayFor(rs []*probes.RepoResult) bool {
	_, out := v.wayOut()
	return !out && v.internet() == fateSilent && !slices.ContainsFunc(rs, func(rr *probes.RepoResult) bool { return !v.onInternet(rr) || !v.silentRepo(rr) })
}
