package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/probes"
)

func (v *view) httpFailing(reasons ...probes.Reason) []*probes.Result {
	return where(v.failing(probes.PhaseHTTP), func(r *probes.Result) bool {
		return r.HTTP != nil && slices.Contains(reasons, r.HTTP.Reason)
	})
}

// fromService tells whether an answer, or its lack, is AWS's own: with a genuine
// chain nobody on the way can have written it.
func fromService(r *probes.Result) bool {
	return r.HTTP != nil && !r.HTTP.HTML && (r.HTTP.AWSShaped || (r.TLS != nil && r.TLS.Genuine))
}

// s3Wrote tells whether an answer about a repository is S3's. Its load balancers
// write pages of their own, without a request id.
func s3Wrote(r *probes.Result) bool {
	return fromService(r) || r.TLS != nil && r.TLS.Genuine && r.HTTP.Status >= 500
}

var httpSilent = []probes.Reason{probes.Timeout, probes.Reset, probes.Closed, probes.Malformed}

func ruleNotAWS(v *view) {
	hit := v.httpFailing(probes.NotAWS, probes.Redirect, probes.BadContent)
	hit = append(hit, where(v.httpFailing(httpSilent...), func(r *probes.Result) bool { return !fromService(r) })...)
	hit = where(hit, func(r *probes.Result) bool {
		return v.repos[r] == nil && !(r.HTTP.AWSShaped && r.HTTP.Reason == probes.Redirect)
	})
	// Of repositories, whatever S3 has not written in its own name; and a page in
	// place of a third party's document, if AWS's names get one too.
	hit = append(hit, where(v.failing(probes.PhaseHTTP), func(r *probes.Result) bool {
		return v.repos[r] != nil && isS3(r) && r.HTTP != nil && !s3Wrote(r)
	})...)
	if !anyRequired(hit) {
		return
	}
	pages := where(v.failing(probes.PhaseHTTP), func(r *probes.Result) bool { return thirdParty(r) && r.HTTP != nil && r.HTTP.HTML })
	f := Finding{Code: "http-not-aws", Severity: Critical, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("The answer for %s was not written by AWS: a block page, a captive portal or a proxy answers in its place.", list(requiredNames(hit))),
		Fix:     fixNotAWS(v, append(slices.Clone(hit), pages...))}
	for _, r := range append(slices.Clone(hit), pages...) {
		f.Evidence = append(f.Evidence, Evidence{hostOf(r), httpWords(r)})
	}
	f.Evidence = append(f.Evidence, chainEvidence(hit)...)
	if anyRequired(pages) {
		f.Targets = append(f.Targets, requiredNames(pages)...)
	}
	v.add(f, append(names(hit), names(pages)...)...)
}

func httpWords(r *probes.Result) string {
	h := r.HTTP
	var parts []string
	if h.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", h.Status))
	} else {
		parts = append(parts, tcpWords(h.Reason)+" to the request")
	}
	if h.Server != "" {
		parts = append(parts, "Server: "+h.Server)
	}
	if h.ContentType != "" {
		parts = append(parts, h.ContentType)
	}
	if h.Title != "" {
		parts = append(parts, fmt.Sprintf("page %q", h.Title))
	}
	if h.Code != "" {
		parts = append(parts, "code "+h.Code)
	}
	if !h.AWSShaped && h.Status != 0 && !thirdParty(r) {
		parts = append(parts, "no AWS request id")
	}
	return strings.Join(parts, ", ")
}

// ruleS3Denied: a public object that is known to exist answers 403. It blocks
// patching for the payload or the distribution's own repository; for the agent's
// version file alone only agent updates suffer.
func ruleS3Denied(v *view) {
	all := where(v.httpFailing(probes.AccessDenied), func(r *probes.Result) bool { return !thirdParty(r) })
	hit := where(all, func(r *probes.Result) bool { return v.repos[r] == nil || v.deniedByPolicy(r) })
	if len(hit) == 0 {
		return
	}
	f := Finding{Code: "s3-access-denied", Severity: Warning, Targets: names(hit), Confidence: Likely}
	for _, r := range hit {
		if r.Target.Required {
			f.Severity = Critical
		}
		e := Evidence{r.Target.URL, httpWords(r) + "; this object is public"}
		switch rr := v.repos[r]; {
		case rr == nil:
			f.Confidence = Certain
		case rr.KnownGood == probes.AccessDenied:
			e.Value = httpWords(r) + "; a public object of the same bucket that surely exists is refused too"
			f.Confidence = Certain
		default:
			e.Value = httpWords(r) + "; S3 says the same of an object that is not there, and none that surely exists could be asked for"
		}
		f.Evidence = dedupEvidence(append(f.Evidence, e))
	}
	f.Summary = fmt.Sprintf("S3 refuses public objects (%s) that everybody may read: the policy of the S3 endpoint leaves their buckets out.", list(f.Targets))
	if f.Severity == Warning {
		f.Summary = "S3 refuses the public files of SSM Agent updates: the policy of the S3 endpoint leaves the bucket out."
	}
	f.Fix = fixS3Policy(v, hit)
	if f.Confidence == Likely {
		f.Fix = append(f.Fix, fixWhichS3(v, hit)...)
	}
	// What of other buckets is refused beside them is the same policy's.
	v.add(f, names(where(all, func(r *probes.Result) bool { return v.repos[r] == nil || !v.missingKey(v.repos[r]) }))...)
}

// deniedByPolicy tells whether a 403 for a repository in S3 is a policy's and not a
// missing key's, for which S3 says the same (S3: Troubleshoot 403): an object that
// surely exists is refused too. Where none could be asked for, and nothing says that
// the key is missing, it takes the likelier one for Amazon's own bucket.
func (v *view) deniedByPolicy(r *probes.Result) bool {
	rr := v.repos[r]
	return rr.KnownGood == probes.AccessDenied || !v.missingKey(rr) && (rr.Repo.Own || v.bucketDenied(hostOf(r)))
}

// bucketDenied tells whether a bucket refused the key that surely exists.
func (v *view) bucketDenied(host string) bool {
	return slices.ContainsFunc(v.r.Repos, func(rr probes.RepoResult) bool {
		return rr.KnownGood == probes.AccessDenied && hostOf(&rr.Result) == host
	})
}

// ruleService: an error that the service itself writes. Of a third party's server only
// its answer counts: what it leaves unanswered may be somebody else's doing.
func ruleService(v *view) {
	hit := where(v.failing(probes.PhaseHTTP), func(r *probes.Result) bool {
		if r.HTTP == nil {
			return false
		}
		if thirdParty(r) {
			return r.HTTP.Reason == probes.ServerError || r.HTTP.Reason == probes.Throttled
		}
		return v.repos[r] == nil || serviceReason(r.HTTP.Reason)
	})
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "service-unavailable", Severity: Warning, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("The service itself answers %s with an error. The network is fine.", list(requiredNames(hit))),
		Fix:     fixService(v, hit)}
	for _, r := range hit {
		s, _ := r.Failed()
		if r.Target.Required && s.Attempts >= 2 {
			f.Severity = Critical
		}
		f.Evidence = dedupEvidence(append(f.Evidence, Evidence{hostOf(r), fmt.Sprintf("%s, %d tries", httpWords(r), max(1, s.Attempts))}))
		if r.HTTP.Status == 0 {
			f.Confidence = Likely
		}
	}
	v.add(f, names(hit)...)
}

// serviceReason tells whether an answer, or its lack, is a service's own trouble.
func serviceReason(r probes.Reason) bool {
	return r == probes.ServerError || r == probes.Throttled || slices.Contains(httpSilent, r)
}

// ruleInspected is said only where the true roots are known: AWS's own names in
// the partitions whose certificates come from Amazon Trust Services.
func ruleInspected(v *view) {
	if p := v.r.Region.Partition; p != "aws" && p != "aws-us-gov" && p != "" {
		return
	}
	hit := where(v.probed(), func(r *probes.Result) bool {
		return isAWS(r) && r.TLS != nil && r.TLS.Reason == probes.OK && r.TLS.Trusted && !r.TLS.Genuine
	})
	if len(hit) == 0 {
		return
	}
	v.addInfo(Finding{Code: "tls-inspected", Severity: Info, Capabilities: []Capability{}, Targets: names(hit),
		Summary:  "TLS is inspected on the way, by a certificate authority that this machine trusts.",
		Evidence: chainEvidence(hit), Fix: []Fix{{Text: "nothing to do; exempt the AWS names from inspection if the SSM Agent's sessions break"}}})
}
