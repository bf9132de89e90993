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

// fromService tells whether an answer, or its lack, is the service's own: with
// a genuine chain nobody on the way can have written it.
func fromService(r *probes.Result) bool {
	return r.HTTP != nil && !r.HTTP.HTML && (r.HTTP.AWSShaped || (r.TLS != nil && r.TLS.Genuine))
}

var httpSilent = []probes.Reason{probes.Timeout, probes.Reset, probes.Closed, probes.Malformed}

func ruleNotAWS(v *view) {
	hit := v.httpFailing(probes.NotAWS, probes.Redirect, probes.BadContent)
	hit = append(hit, where(v.httpFailing(httpSilent...), func(r *probes.Result) bool { return !fromService(r) })...)
	hit = where(hit, func(r *probes.Result) bool { return !(r.HTTP.AWSShaped && r.HTTP.Reason == probes.Redirect) })
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "http-not-aws", Severity: Critical, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("The answer for %s was not written by AWS: a block page, a captive portal or a proxy answers in its place.", list(requiredNames(hit))),
		Fix:     fixNotAWS(v, hit)}
	for _, r := range hit {
		f.Evidence = append(f.Evidence, Evidence{hostOf(r), httpWords(r.HTTP)})
	}
	f.Evidence = append(f.Evidence, chainEvidence(hit)...)
	v.add(f, names(hit)...)
}

func httpWords(h *probes.HTTP) string {
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
	if !h.AWSShaped && h.Status != 0 {
		parts = append(parts, "no AWS request id")
	}
	return strings.Join(parts, ", ")
}

// ruleS3Denied: a public object that is known to exist answers 403. It blocks
// patching for the payload or the distribution's own repository; for the agent's
// version file alone only agent updates suffer.
func ruleS3Denied(v *view) {
	hit := v.httpFailing(probes.AccessDenied)
	if len(hit) == 0 {
		return
	}
	f := Finding{Code: "s3-access-denied", Severity: Warning, Targets: names(hit)}
	for _, r := range hit {
		if r.Target.Required {
			f.Severity = Critical
		}
		f.Evidence = append(f.Evidence, Evidence{r.Target.URL, httpWords(r.HTTP) + "; this object is public"})
	}
	f.Summary = fmt.Sprintf("S3 refuses public objects (%s) that everybody may read: the policy of the S3 endpoint leaves their buckets out.", list(f.Targets))
	if f.Severity == Warning {
		f.Summary = "S3 refuses the public files of SSM Agent updates: the policy of the S3 endpoint leaves the bucket out."
	}
	f.Fix = fixS3Policy(v, hit)
	v.add(f, names(hit)...)
}

func ruleService(v *view) {
	hit := where(v.failing(probes.PhaseHTTP), func(r *probes.Result) bool { return r.HTTP != nil })
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "service-unavailable", Severity: Warning, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("The service itself answers %s with an error. The network is fine.", list(requiredNames(hit))),
		Fix:     fixService(v)}
	for _, r := range hit {
		s, _ := r.Failed()
		if r.Target.Required && s.Attempts >= 2 {
			f.Severity = Critical
		}
		f.Evidence = append(f.Evidence, Evidence{hostOf(r), fmt.Sprintf("%s, %d tries", httpWords(r.HTTP), max(1, s.Attempts))})
		if r.HTTP.Status == 0 {
			f.Confidence = Likely
		}
	}
	v.add(f, names(hit)...)
}

// ruleInspected is said only where the true roots are known: AWS's own names in
// the partitions whose certificates come from Amazon Trust Services.
func ruleInspected(v *view) {
	if p := v.r.Region.Partition; p != "aws" && p != "aws-us-gov" && p != "" {
		return
	}
	hit := where(v.probed(), func(r *probes.Result) bool {
		return r.Target.AWS && r.TLS != nil && r.TLS.Reason == probes.OK && r.TLS.Trusted && !r.TLS.Genuine
	})
	if len(hit) == 0 {
		return
	}
	v.addInfo(Finding{Code: "tls-inspected", Severity: Info, Capabilities: []Capability{}, Targets: names(hit),
		Summary:  "TLS is inspected on the way, by a certificate authority that this machine trusts.",
		Evidence: chainEvidence(hit), Fix: []Fix{{Text: "nothing to do; exempt the AWS names from inspection if the SSM Agent's sessions break"}}})
}
