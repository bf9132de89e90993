package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/probes"
)

// ruleRepoCertificate: without the file no handshake is tried. With one that is out of
// its time it is, and only a server that minds makes it a fault.
func ruleRepoCertificate(v *view) {
	hit := v.broken(func(rr *probes.RepoResult) bool {
		switch rr.Certificate {
		case probes.CertificateMissing, probes.CertificateUnreadable:
			return len(rr.Result.Steps) == 0
		case probes.CertificateExpired, probes.CertificateEarly:
			return refused(rr)
		}
		return false
	})
	for _, c := range causes(hit, oneCause) {
		f := Finding{Code: "repo-client-certificate", Fix: fixClientCertificate(v, c.required)}
		var files []string
		for _, rr := range c.required {
			files = append(files, rr.Repo.ClientCert)
			if rr.Repo.ClientKey != "" && rr.Repo.ClientKey != rr.Repo.ClientCert {
				f.Evidence = append(f.Evidence, Evidence{"key", rr.Repo.ClientKey})
			}
		}
		f.Evidence = dedupEvidence(f.Evidence)
		state := strings.ReplaceAll(string(c.required[0].Certificate), "_", " ")
		if state == string(probes.CertificateUnreadable) {
			state = "no certificate with its key"
		}
		f.Summary = fmt.Sprintf("The client certificate of %s (%s) is %s. %s", list(repoIDs(c.required)), list(dedup(files)), state, v.consequence(c.required))
		v.addRepo(f, c)
	}
}

func dedupEvidence(in []Evidence) []Evidence {
	var out []Evidence
	for _, e := range in {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// refused tells whether a server answers, and lets nobody in.
func refused(rr *probes.RepoResult) bool {
	if t := rr.Result.TLS; t != nil && t.Reason == probes.TLSAlert && slices.Contains(clientAlerts, t.Alert) {
		return true
	}
	return rr.Reason == probes.Unauthorized || rr.Reason == probes.AccessDenied
}

// clientAlerts are the TLS alerts about a client's certificate: bad, unsupported,
// revoked, expired, unknown certificate, unknown authority, access denied, and
// certificate required (RFC 8446 6).
var clientAlerts = []int{42, 43, 44, 45, 46, 48, 49, 116}

// ruleRepoTLS: a chain that does not lead where the repository says it must, or, where
// it says nothing, of a server whose authority is only not known here.
func ruleRepoTLS(v *view) {
	hit := v.broken(func(rr *probes.RepoResult) bool { return rr.Reason == probes.UntrustedIssuer })
	for _, c := range causes(hit, func(rr *probes.RepoResult) string { return rr.Repo.CAFile + rr.Repo.CADir + topIssuer(&rr.Result) }) {
		rr := c.required[0]
		f := Finding{Code: "repo-tls-untrusted", Fix: fixRepoTrust(v, c.required)}
		ca := orText(rr.Repo.CAFile, rr.Repo.CADir)
		what := list(repoIDs(c.required))
		switch {
		case len(rr.Result.Steps) == 0:
			f.Summary = fmt.Sprintf("The authority that %s names for its server cannot be used: %s.", what, rr.Detail)
		case ca != "":
			f.Summary = fmt.Sprintf("The certificate of %s does not lead to the authority that %s names (%s).", repoHosts(c.required), what, ca)
			f.Evidence = append(chainEvidence(resultsOf(c.required)), Evidence{"checked against", ca + ": for this repository nothing else counts"})
		case publicAuthority(topIssuer(&rr.Result)):
			f.Confidence = Likely
			f.Summary = fmt.Sprintf("This machine does not trust the certificate of %s, which a public authority (%s) has issued: its certificate store is old, or the server leaves out a part of the chain.", repoHosts(c.required), topIssuer(&rr.Result))
			f.Evidence = append(chainEvidence(resultsOf(c.required)), Evidence{"checked against", "this machine's certificate store"})
		case selfSigned(&rr.Result) && !v.isPrivate(&rr.Result):
			f.Confidence = Likely
			f.Summary = fmt.Sprintf("%s shows a certificate that it has signed itself, which this machine does not trust.", repoHosts(c.required))
			f.Evidence = append(chainEvidence(resultsOf(c.required)), Evidence{"checked against", "this machine's certificate store"})
		default:
			f.Confidence = Likely
			f.Summary = fmt.Sprintf("This machine does not trust the authority behind %s (%s): a server of your own, it seems, whose authority is not in the certificate store.", repoHosts(c.required), orText(topIssuer(&rr.Result), "no name"))
			f.Evidence = append(chainEvidence(resultsOf(c.required)), Evidence{"checked against", "this machine's certificate store"})
		}
		f.Summary += " " + v.consequence(c.required)
		v.addRepo(f, c)
	}
}

func resultsOf(rs []*probes.RepoResult) []*probes.Result {
	var out []*probes.Result
	for _, rr := range rs {
		out = append(out, &rr.Result)
	}
	return out
}

// topIssuer is who issued the last certificate of a chain; "" where there is none.
func topIssuer(r *probes.Result) string {
	if r.TLS == nil || len(r.TLS.Chain) == 0 {
		return ""
	}
	return r.TLS.Chain[len(r.TLS.Chain)-1].Issuer
}

// publicNames are parts of the names of authorities that the world's stores have. A
// chain that bears one is hardly an inspecting firewall's; that it is genuine is not
// known, as third parties' roots are not.
var publicNames = []string{"Let's Encrypt", "Internet Security Research Group", "ISRG", "DigiCert", "GlobalSign", "Sectigo", "USERTRUST", "COMODO",
	"Google Trust Services", "GoDaddy", "Go Daddy", "Starfield", "Amazon", "Entrust", "IdenTrust", "SSL.com", "Certum", "Buypass", "Actalis", "HARICA", "GEANT", "QuoVadis", "Microsoft"}

func publicAuthority(issuer string) bool {
	return slices.ContainsFunc(publicNames, func(n string) bool { return strings.Contains(strings.ToLower(issuer), strings.ToLower(n)) })
}

// ownCA tells whether a repository names an authority of its own.
func (v *view) ownCA(r *probes.Result) bool {
	rr := v.repos[r]
	return rr != nil && rr.Repo.CAFile+rr.Repo.CADir != ""
}

// strangeIssuer tells whether the chain of a third party's server looks like an
// inspecting firewall's: a server on the internet, and an authority that is neither a
// public one, nor its own, nor one that the repository should know.
func (v *view) strangeIssuer(r *probes.Result) bool {
	if !thirdParty(r) || v.ownCA(r) || v.isPrivate(r) || topIssuer(r) == "" || publicAuthority(topIssuer(r)) {
		return false
	}
	return !selfSigned(r)
}

// selfSigned tells whether a server shows its own certificate alone.
func selfSigned(r *probes.Result) bool {
	c := r.TLS.Chain
	return len(c) == 1 && c[0].Issuer == c[0].Subject
}

// ruleRepoIdentity: Red Hat's update servers let an instance in by its identity
// document, which the metadata service gives. Without that they refuse.
func ruleRepoIdentity(v *view) {
	code, ok := v.claimed[subjectIMDS]
	for i := range v.r.Repos {
		rr := &v.r.Repos[i]
		if ok && rr.Repo.RHUI && refused(rr) && rr.Result.State == probes.Down && v.free(rr.Result.Target.Name) {
			v.claimed[rr.Result.Target.Name] = code
		}
	}
}

// ruleRepoAccess: one finding for each kind of entitlement.
func ruleRepoAccess(v *view) {
	hit := v.broken(func(rr *probes.RepoResult) bool { return refused(rr) && !isS3(&rr.Result) })
	for _, c := range causes(hit, func(rr *probes.RepoResult) string { return string(vendorOf(rr)) }) {
		rr := c.required[0]
		f := Finding{Code: "repo-access-denied", Fix: fixAccessOf(v, c.required)}
		status := "is refused"
		if rr.Status != 0 {
			status = fmt.Sprintf("is refused (HTTP %d)", rr.Status)
		}
		f.Summary = fmt.Sprintf("Access to %s %s: %s. %s", repoHosts(c.required), status, entitlement(vendorOf(rr)), v.consequence(c.required))
		if h := rr.Result.HTTP; rr.Result.Proxy != nil && h != nil {
			f.Confidence = Likely
			f.Evidence = append(f.Evidence, Evidence{"proxy", rr.Result.Proxy.URL + " passes the request on, and may have written the answer itself"})
		} else if h != nil && h.HTML && vendorOf(rr) == "" {
			f.Confidence = Likely
			f.Evidence = append(f.Evidence, Evidence{"the answer", "is a page for people: a filter on the way may have written it"})
		}
		if rr.Repo.RHUI {
			f.Evidence = append(f.Evidence, Evidence{"asked with", "the instance's signed identity document, as the amazon-id plugin does"})
		}
		if rr.Repo.ClientCert != "" {
			f.Evidence = append(f.Evidence, Evidence{"client certificate " + rr.Repo.ClientCert, strings.ReplaceAll(string(rr.Certificate), "_", " ")})
		}
		if v.clock.known {
			f.Evidence = append(f.Evidence, v.clockEvidence())
		}
		v.addRepo(f, c)
	}
}

// ruleOwnBucket: a required repository in a bucket of the owner's own refuses the
// request, which bears no signature. The package manager's may, by a plugin, so that
// this is likely and no more.
func ruleOwnBucket(v *view) {
	hit := where(v.httpFailing(probes.AccessDenied), func(r *probes.Result) bool {
		rr := v.repos[r]
		return rr != nil && isS3(r) && !rr.Repo.Own && !v.missingKey(rr)
	})
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "s3-access-denied", Severity: Critical, Confidence: Likely, Targets: requiredNames(hit),
		Summary: fmt.Sprintf("S3 refuses %s, which lies in a bucket that is not Amazon's: the bucket's policy or that of the S3 endpoint leaves this machine out, or the object is not there.", list(requiredNames(hit))),
		Fix: []Fix{
			{"see whether the package manager gets in, which may sign its requests by a plugin", map[string]string{"dnf": "sudo dnf --refresh makecache", "yum": "sudo yum clean expire-cache && sudo yum makecache", "apt": "sudo apt-get update", "zypper": "sudo zypper refresh"}[v.packager()]},
			{"else allow s3:GetObject for this instance in the bucket's policy, and the bucket in the S3 endpoint's",
				aws("aws ec2 describe-vpc-endpoints --region "+v.ids.region, "--filters Name=vpc-id,Values="+v.ids.vpc+" Name=service-name,Values="+v.ids.service("s3"), "--query 'VpcEndpoints[].PolicyDocument'")}}}
	for _, r := range hit {
		f.Evidence = append(f.Evidence, Evidence{r.Target.URL, httpWords(r) + ", to a request without a signature"})
	}
	v.add(f, names(hit)...)
}
