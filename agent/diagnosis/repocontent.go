package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// missingKey tells whether a 403 of S3 is a missing key's: an object that surely exists
// can be read from the same bucket, or another repository can be; or the address holds
// a variable without a value.
func (v *view) missingKey(rr *probes.RepoResult) bool {
	if rr.KnownGood == probes.OK || rr.KnownGood == probes.NotFound {
		return true // a policy refuses what is not there as well
	}
	for i := range v.r.Repos {
		other := &v.r.Repos[i]
		if other != rr && hostOf(&other.Result) == hostOf(&rr.Result) && (other.Reason == probes.OK || other.KnownGood == probes.OK) {
			return true
		}
	}
	return rr.Repo.Own && len(rr.Repo.Open) > 0
}

// ruleRepoMissing: the server is right and the path is not.
func ruleRepoMissing(v *view) {
	hit := v.broken(func(rr *probes.RepoResult) bool {
		switch rr.Reason {
		case probes.NotFound:
			return true
		case probes.AccessDenied, probes.Redirect:
			return isS3(&rr.Result)
		}
		return false
	})
	for _, c := range causes(hit, oneCause) {
		rr := c.required[0]
		f := Finding{Code: "repo-metadata-missing", Fix: fixMissing(v, c.required)}
		f.Summary = fmt.Sprintf("%s answers, but there is no %s of %s at the address that %s asks for: the release or the path is wrong. %s",
			orText(repoHosts(c.required), "This machine"), metadataName(rr), list(repoIDs(c.required)), rr.Repo.Manager, v.consequence(c.required))
		if old := archiveOf(c.required); old != "" {
			f.Confidence = Likely
			f.Summary = fmt.Sprintf("This release is not on %s any more: it is over, it seems, and has moved to %s. %s", repoHosts(c.required), old, v.consequence(c.required))
		}
		for _, rr := range c.required {
			if h := rr.Result.HTTP; isS3(&rr.Result) && rr.Reason == probes.AccessDenied {
				e := Evidence{"a public object of the same bucket that surely exists", "can be read, so no policy is in the way; S3 says 403 of missing objects too"}
				if rr.KnownGood != probes.OK {
					e = Evidence{"403 from S3", "is what it says of missing objects too; no policy is seen in the way"}
					f.Confidence = Likely
				}
				f.Evidence = append(f.Evidence, e)
			} else if h != nil && h.BucketRegion != "" && h.BucketRegion != s3Region(repoHost(rr)) && isS3(&rr.Result) {
				f.Evidence = append(f.Evidence, Evidence{"S3 says that the bucket lies in", h.BucketRegion})
			}
		}
		f.Evidence = dedupEvidence(append(f.Evidence, v.variableEvidence(c.required)...))
		v.addRepo(f, c)
	}
}

// metadataName is the document that proves a repository, for people.
func metadataName(rr *probes.RepoResult) string {
	switch {
	case rr.Stage == "mirrorlist":
		return "list of mirrors"
	case rr.Stage == "metalink":
		return "metalink"
	case rr.Repo.Manager == "apt":
		return "Release file"
	}
	return "repodata/repomd.xml"
}

// variableEvidence are the variables that decide an address, and those without value.
func (v *view) variableEvidence(rs []*probes.RepoResult) []Evidence {
	var out []Evidence
	for _, name := range []string{"releasever", "awsregion", "basearch"} {
		value := v.r.RepoConfig.Variables[name]
		if value != "" && v.packager() != "apt" && repoHost(rs[0]) != "" && (name != "awsregion" || isS3(&rs[0].Result)) {
			out = append(out, Evidence{"variable " + name, value})
		}
	}
	for _, rr := range rs {
		if len(rr.Repo.Open) > 0 {
			out = append(out, Evidence{"variables without a value", strings.Join(rr.Repo.Open, ", ")})
		}
	}
	return out
}

// ruleMirrorList: a list is answered, and names no mirror. A page in its place is
// another matter.
func ruleMirrorList(v *view) {
	hit := v.broken(func(rr *probes.RepoResult) bool {
		h := rr.Result.HTTP
		return rr.Reason == probes.BadContent && rr.Stage != "metadata" && rr.Stage != "" && (h == nil || !h.HTML && h.Status/100 == 2)
	})
	for _, c := range causes(hit, oneCause) {
		f := Finding{Code: "repo-mirrorlist-empty", Evidence: v.variableEvidence(c.required), Fix: fixMirrorList(v, c.required)}
		f.Summary = fmt.Sprintf("The %s of %s names no mirror that can be used. %s", metadataName(c.required[0]), list(repoIDs(c.required)), v.consequence(c.required))
		v.addRepo(f, c)
	}
}

// ruleRepoContent: something is served, and it is not what it should be.
func ruleRepoContent(v *view) {
	hit := v.broken(func(rr *probes.RepoResult) bool {
		switch rr.Reason {
		case probes.BadContent, probes.NotAWS, probes.Redirect, probes.Stale, probes.NotYetValid:
			s, failed := rr.Result.Failed()
			return !failed || s.Phase == probes.PhaseHTTP
		}
		return false
	})
	for _, c := range causes(hit, contentKind) {
		rr := c.required[0]
		f := Finding{Code: "repo-metadata-invalid", Fix: fixContent(v, c.required)}
		what := list(repoIDs(c.required))
		switch contentKind(rr) {
		case "page":
			f.Summary = fmt.Sprintf("A page for people comes in place of the %s of %s: a block page, a portal, or a server that has moved.", metadataName(rr), what)
		case "redirect":
			f.Summary = fmt.Sprintf("%s sends the request for %s elsewhere, where it cannot be followed.", repoHosts(c.required), what)
			if h := rr.Result.HTTP; h != nil && h.Location != "" {
				f.Evidence = append(f.Evidence, Evidence{"sent on to", h.Location})
			}
		case "age":
			f.Summary = fmt.Sprintf("The metadata of %s is out of its time: the mirror has not been updated.", what)
			if rr.Reason == probes.NotYetValid {
				f.Summary = fmt.Sprintf("The metadata of %s is dated in the future.", what)
			}
			f.Evidence = append(f.Evidence, v.clockEvidence())
			if !v.clock.known {
				f.Confidence = Likely
			}
		default:
			f.Summary = fmt.Sprintf("What is served as the %s of %s is not one.", metadataName(rr), what)
		}
		f.Summary += " " + v.consequence(c.required)
		if h := rr.Result.HTTP; h != nil && h.Snippet != "" {
			f.Evidence = append(f.Evidence, Evidence{"it begins", h.Snippet})
		}
		v.addRepo(f, c)
	}
}

// contentKind parts what has different causes.
func contentKind(rr *probes.RepoResult) string {
	switch h := rr.Result.HTTP; {
	case rr.Reason == probes.Stale || rr.Reason == probes.NotYetValid:
		return "age"
	case h != nil && h.HTML && h.Status/100 != 3:
		return "page"
	case rr.Reason == probes.Redirect:
		return "redirect"
	}
	return "other"
}

// clockEvidence is how far the local clock may be trusted.
func (v *view) clockEvidence() Evidence {
	if v.clock.known {
		return Evidence{"local clock", "right within " + words.Duration(v.clock.offset.Abs().Round(time.Second)) + ", by " + v.clock.source}
	}
	return Evidence{"local clock", v.r.Now.UTC().Format("2006-01-02 15:04 UTC") + "; no other clock could be asked"}
}
