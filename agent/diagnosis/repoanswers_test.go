package diagnosis

import (
	"time"

	"agentctl/probes"
)

// repoConfigCases: what stands in the files.
var repoConfigCases = []roundCase{
	{"none enabled", func(r *probes.Round) { disabled(r) }, "repo-none-enabled"},
	{"none at all", func(r *probes.Round) { r.Repos, r.RepoConfig.Repos = nil, nil }, "repo-none-enabled"},
	{"none enabled, but a file may not be read", func(r *probes.Round) {
		disabled(r)
		r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Text: "may not be read by this user", Denied: true}}
	}, ""},
	{"none enabled, as the only file is broken", func(r *probes.Round) {
		r.Repos, r.RepoConfig.Repos = nil, nil
		r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 3, Text: "no section header"}}
	}, "repo-config-invalid"},
	{"no package manager", func(r *probes.Round) {
		r.Repos, r.RepoConfig = nil, probes.RepoConfig{Why: "neither dnf nor yum is installed"}
	}, ""},
	{"the group was not asked for, none enabled", func(r *probes.Round) {
		disabled(r)
		r.Groups = []probes.Group{probes.GroupSSM}
	}, ""},
	{"a broken file stops yum", func(r *probes.Round) {
		r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 3, Text: "no section header", Fatal: true}}
	}, "repo-config-invalid"},
	{"dnf leaves a broken file out", func(r *probes.Round) {
		r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 3, Text: "no section header"}}
	}, "repo-config-invalid"},
	{"a file that agentctl did not read to its end", func(r *probes.Round) {
		r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Text: "is larger than what is read here"}}
	}, ""},
	{"an enabled section without an address", noAddress(false, false), "repo-config-invalid"},
	{"an enabled section without an address, which dnf passes over", noAddress(true, false), "repo-config-invalid"},
	{"a disabled section without an address", do(noAddress(false, false), func(r *probes.Round) {
		r.RepoConfig.Repos[len(r.RepoConfig.Repos)-1].Enabled, r.RepoConfig.Problems = false, nil
		r.Repos = r.Repos[:len(r.Repos)-1]
	}), ""},
	{"SUSE's registration is missing", do(suse, func(r *probes.Round) {
		r.RepoConfig.Repos[0].Problem = "this instance is not registered with SUSE's update servers: the hosts file names none"
		r.Repos[0].Repo, r.Repos[0].Reason = r.RepoConfig.Repos[0], probes.SkippedReason
		r.Repos[0].Result = probes.Result{Target: r.Repos[0].Result.Target, State: probes.Skipped}
	}), "repo-config-invalid"},
	{"a variable without a value", do(mirror(addrMirror), func(r *probes.Round) {
		repoFails(r, "corp", probes.Malformed, "the address cannot be used: no value for $site")
		repoOf(r, "corp").Repo.Open = []string{"site"}
	}), "repo-config-invalid"},
	// Files that repositories name
	{"the client certificate is missing", do(rhel, noCertificate(probes.CertificateMissing)), "repo-client-certificate"},
	{"the client certificate is no certificate", do(rhel, noCertificate(probes.CertificateUnreadable)), "repo-client-certificate"},
	{"the client certificate is expired, and refused", do(rhel, answers(refusal, rhuiID), change(rhuiID, func(rr *probes.RepoResult) { rr.Certificate = probes.CertificateExpired })), "repo-client-certificate"},
	{"the client certificate is expired, and the handshake refused", do(rhel, handshake(probes.TLSAlert, rhuiID), change(rhuiID, func(rr *probes.RepoResult) {
		rr.Certificate, rr.Result.TLS.Alert = probes.CertificateExpired, 45
	})), "repo-client-certificate"},
	{"the client certificate is expired, and nobody minds", do(rhel, change(rhuiID, func(rr *probes.RepoResult) { rr.Certificate = probes.CertificateExpired })), ""},
	{"the client certificate is expired, and the host silent", do(rhel, fails(probes.Timeout, rhuiID), internet(probes.OK), change(rhuiID, func(rr *probes.RepoResult) { rr.Certificate = probes.CertificateExpired })), "repo-unreachable"},
	{"the client certificate is expired by a wrong clock", do(rhel, answers(refusal, rhuiID), change(rhuiID, func(rr *probes.RepoResult) { rr.Certificate = probes.CertificateExpired }),
		func(r *probes.Round) { shift(r, -2*time.Hour) }), "clock-skew"},
	{"the authority's file is missing", do(mirror(addrMirror), func(r *probes.Round) {
		repoFails(r, "corp", probes.UntrustedIssuer, "sslcacert /etc/pki/corp.pem cannot be read")
		repoOf(r, "corp").Repo.CAFile = "/etc/pki/corp.pem"
	}), "repo-tls-untrusted"},
}

// repoAnswerCases: what repositories answer.
var repoAnswerCases = []roundCase{
	// S3: a policy, or a missing key
	{"403 from S3, and from the key that exists", do(answers(s3Denied, "amazonlinux", "kernel-livepatch"), knownGood(probes.AccessDenied, "amazonlinux", "kernel-livepatch")), "s3-access-denied"},
	{"403 from S3, and the key that exists can be read", do(answers(s3Denied, "amazonlinux"), knownGood(probes.OK, "amazonlinux")), "repo-metadata-missing"},
	{"403 from S3, and nobody knows of a key that exists", answers(s3Denied, "amazonlinux", "kernel-livepatch"), "s3-access-denied"},
	{"403 from S3, and others of the bucket can be read", answers(s3Denied, "kernel-livepatch"), "repo-metadata-missing"},
	{"403 from S3, and the release has no value", do(answers(s3Denied, "amazonlinux", "kernel-livepatch"), func(r *probes.Round) {
		r.Repos[0].Repo.Open, r.Repos[1].Repo.Open = []string{"releasever"}, []string{"releasever"}
	}), "repo-metadata-missing"},
	{"403 from somebody's bucket, whose owner may sign", do(bucket, answers(s3Denied, "team")), "s3-access-denied"},
	{"403 from somebody's bucket, beside Amazon's", do(bucket, answers(s3Denied, "team", "amazonlinux", "kernel-livepatch"), knownGood(probes.AccessDenied, "amazonlinux", "kernel-livepatch")), "s3-access-denied"},
	{"403 from S3 for agent updates, and a missing key", do(answers(s3Denied, "amazonlinux"), knownGood(probes.OK, "amazonlinux"), func(r *probes.Round) { http(of(r, "bucket:amazon-ssm"), s3Denied) }), "repo-metadata-missing s3-access-denied"},
	{"404 from S3", answers(probes.HTTP{Reason: probes.NotFound, Status: 404, AWSShaped: true, Code: "NoSuchBucket"}, "amazonlinux"), "repo-metadata-missing"},
	{"S3 sends to another region", answers(probes.HTTP{Reason: probes.Redirect, Status: 301, AWSShaped: true, BucketRegion: "eu-west-1"}, "amazonlinux"), "repo-metadata-missing"},
	{"S3 serves something else", answers(probes.HTTP{Reason: probes.BadContent, Status: 200, AWSShaped: true}, "amazonlinux"), "repo-metadata-invalid"},
	{"a block page in S3's place", answers(probes.HTTP{Reason: probes.NotAWS, Status: 200, HTML: true}, "amazonlinux"), "http-not-aws"},
	{"403 in S3's place, not by S3", do(answers(probes.HTTP{Reason: probes.AccessDenied, Status: 403}, "amazonlinux"), change("amazonlinux", func(rr *probes.RepoResult) { rr.Result.TLS.Genuine = false })), "http-not-aws"},
	{"a block page for EPEL", do(epel(false), answers(page, "epel")), "repo-metadata-invalid"},
	{"a block page for EPEL and for ssm", do(epel(true), answers(page, "epel"), func(r *probes.Round) {
		http(of(r, "ssm"), probes.HTTP{Reason: probes.NotAWS, Status: 403, HTML: true})
	}), "http-not-aws"},
	// Entitlements
	{"Red Hat refuses", do(rhel, func(r *probes.Round) { answers(refusal, allRepos(r)...)(r) }), "repo-access-denied"},
	{"Red Hat's handshake refuses the certificate", do(rhel, handshake(probes.TLSAlert, rhuiID), change(rhuiID, func(rr *probes.RepoResult) { rr.Result.TLS.Alert = 116 })), "repo-access-denied"},
	{"Ubuntu Pro refuses", do(ubuntu, pro, answers(probes.HTTP{Reason: probes.Unauthorized, Status: 401}, proID)), "repo-access-denied"},
	{"SUSE refuses", do(suse, answers(probes.HTTP{Reason: probes.Unauthorized, Status: 401}, "SLES15-SP6-Updates")), "repo-access-denied"},
	{"SUSE refuses, where its plugin adds what is not known", do(suse, change("SLES15-SP6-Updates", func(rr *probes.RepoResult) { rr.Repo.AuthUnknown = true }),
		answers(probes.HTTP{Reason: probes.Unauthorized, Status: 401}, "SLES15-SP6-Updates")), ""},
	{"a mirror refuses", do(mirror(addrMirror), answers(refusal, "corp")), "repo-access-denied"},
	{"two vendors refuse", do(rhel, mirror(addrMirror), answers(refusal, "corp", rhuiID)), "repo-access-denied repo-access-denied"},
	{"EPEL not needed refuses (403)", do(epel(true), answers(refusal, "epel")), "repo-skipped-silently"},
	{"a filter's page says 403 for plain http", do(ubuntu, func(r *probes.Round) {
		answers(probes.HTTP{Reason: probes.AccessDenied, Status: 403, HTML: true, Title: "Web filter"}, allRepos(r)...)(r)
	}), "repo-access-denied"},
	// Content
	{"EPEL's metadata is not there", do(epel(false), answers(notFound, "epel")), "repo-metadata-missing"},
	{"Ubuntu's release is over", do(ubuntu, func(r *probes.Round) { answers(notFound, allRepos(r)...)(r) }), "repo-metadata-missing"},
	{"EPEL not needed is not there", do(epel(true), answers(notFound, "epel")), "repo-skipped-silently"},
	{"EPEL's list names no mirror", do(epel(false), answers(probes.HTTP{Reason: probes.BadContent, Status: 200}, "epel")), "repo-mirrorlist-empty"},
	{"a mirror serves something else", do(mirror(addrMirror), answers(probes.HTTP{Reason: probes.BadContent, Status: 200}, "corp")), "repo-metadata-invalid"},
	{"a mirror answers with 418", do(mirror(addrMirror), answers(probes.HTTP{Reason: probes.BadContent, Status: 418}, "corp")), "repo-metadata-invalid"},
	{"a mirror sends elsewhere", do(mirror(addrMirror), answers(probes.HTTP{Reason: probes.Redirect, Status: 302, Location: "https://portal.example/"}, "corp")), "repo-metadata-invalid"},
	{"a mirror is out of date", do(ubuntu, func(r *probes.Round) { answers(probes.HTTP{Reason: probes.Stale, Status: 200}, allRepos(r)...)(r) }), "repo-metadata-invalid"},
	{"a mirror looks out of date by a clock that is ahead", do(ubuntu, func(r *probes.Round) {
		answers(probes.HTTP{Reason: probes.Stale, Status: 200}, allRepos(r)...)(r)
		shift(r, -30*24*time.Hour)
	}), "clock-skew"},
	{"metadata looks of the future by a clock that is behind", do(ubuntu, func(r *probes.Round) {
		answers(probes.HTTP{Reason: probes.NotYetValid, Status: 200}, allRepos(r)...)(r)
		shift(r, time.Hour)
	}), "clock-skew"},
	{"a mirror is out of date, and the clock behind", do(ubuntu, func(r *probes.Round) {
		answers(probes.HTTP{Reason: probes.Stale, Status: 200}, allRepos(r)...)(r)
		shift(r, time.Hour)
	}), "clock-skew repo-metadata-invalid"},
	{"a folder that is not there", do(mirror(addrMirror), func(r *probes.Round) {
		repoFails(r, "corp", probes.NotFound, "")
		repoOf(r, "corp").URL = "file:///srv/repo/repodata/repomd.xml"
	}), "repo-metadata-missing"},
	// TLS
	{"EPEL intercepted", do(epel(false), untrusted("CN=Corporate Inspection CA,O=Example", "epel")), "tls-intercepted"},
	{"EPEL intercepted, which is not needed", do(epel(true), untrusted("CN=Corporate Inspection CA,O=Example", "epel")), "repo-skipped-silently"},
	{"EPEL's public authority is not in an old store", do(epel(false), untrusted("CN=ISRG Root X1,O=Internet Security Research Group,C=US", "epel")), "repo-tls-untrusted"},
	{"EPEL shows a certificate that signs itself", do(epel(false), untrusted("CN="+epelHost, "epel")), "repo-tls-untrusted"},
	{"EPEL by Amazon's own authority, which the store lacks", do(epel(false), change("epel", func(rr *probes.RepoResult) {
		rr.Result.TLS.Genuine, rr.Result.TLS.Trusted = true, false
		tlsFails(&rr.Result, probes.UntrustedIssuer)
	})), "tls-trust-store-outdated"},
	{"a mirror of one's own with an authority of one's own", do(mirror(addrMirror), untrusted("CN=Corporate CA,O=Example", "corp")), "repo-tls-untrusted"},
	{"Red Hat's authority, and another one shown", do(rhel, untrusted("CN=Corporate Inspection CA,O=Example", rhuiID)), "repo-tls-untrusted"},
	{"all is intercepted, Red Hat's too", do(rhel, untrusted("CN=Corporate Inspection CA,O=Example", rhuiID), func(r *probes.Round) {
		x := of(r, "ssm")
		x.TLS.Trusted, x.TLS.Genuine, x.TLS.Chain[0].Issuer = false, false, "CN=Corporate Inspection CA,O=Example"
		tlsFails(x, probes.UntrustedIssuer)
	}), "tls-intercepted"},
	{"Amazon Linux inspected, and accepted", change("amazonlinux", func(rr *probes.RepoResult) { rr.Result.TLS.Genuine = false }), "i:tls-inspected"},
	{"EPEL cut off by a filter of names", do(epel(false), handshake(probes.HandshakeReset, "epel", exp(probes.ExpClamp, probes.HandshakeReset), exp(probes.ExpNoMLKEM, probes.HandshakeReset))), "tls-blocked"},
	{"EPEL not needed, cut off", do(epel(true), handshake(probes.HandshakeReset, "epel", exp(probes.ExpNoMLKEM, probes.HandshakeReset))), "repo-skipped-silently"},
	{"EPEL's server ends the handshake with an alert", do(epel(false), handshake(probes.TLSAlert, "epel")), "repo-unreachable"},
	{"EPEL over a path that loses large packets", do(epel(false), handshake(probes.HandshakeTimeout, "epel", exp(probes.ExpClamp, probes.OK))), "path-mtu-blackhole"},
	{"EPEL and post-quantum hellos", do(epel(false), handshake(probes.HandshakeReset, "epel", exp(probes.ExpClamp, probes.HandshakeReset), exp(probes.ExpNoMLKEM, probes.OK))), "tls-pq-blocked"},
	{"EPEL and ssm, post-quantum hellos, the SSM Agent sends none", do(epel(false), handshake(probes.HandshakeReset, "epel", exp(probes.ExpNoMLKEM, probes.OK)), func(r *probes.Round) {
		r.Agent.GoVersion = "go1.21.5"
		tlsFails(of(r, "ssm"), probes.HandshakeReset, exp(probes.ExpNoMLKEM, probes.OK))
	}), "tls-pq-blocked"},
	{"a mirror with old TLS, and dnf", do(mirror(addrMirror), handshake(probes.ProtocolVersion, "corp")), "tls-version-unsupported"},
	{"a mirror with old TLS, and yum, which may take it", do(mirror(addrMirror), handshake(probes.ProtocolVersion, "corp"), func(r *probes.Round) { r.RepoConfig.Manager = "yum" }), "tls-version-unsupported"},
	{"a mirror's certificate is for other names", do(mirror(addrMirror), handshake(probes.NameMismatch, "corp")), "tls-name-mismatch"},
	{"a mirror's certificate is expired", do(mirror(addrMirror), change("corp", func(rr *probes.RepoResult) {
		rr.Result.TLS.Chain[0].NotAfter = noon.Add(-time.Hour)
		tlsFails(&rr.Result, probes.Expired)
	})), "tls-certificate-expired"},
	{"a mirror speaks no TLS on 443", do(mirror(addrMirror), handshake(probes.NotAWS, "corp")), "repo-unreachable"},
}

const proID = "esm.ubuntu.com/infra/ubuntu jammy-infra-security"

// pro adds Ubuntu Pro's repository.
func pro(r *probes.Round) {
	addRepo(r, probes.Repo{ID: proID, Own: true, Required: true, File: "/etc/apt/sources.list.d/ubuntu-esm-infra.sources"}, "https://esm.ubuntu.com/infra/ubuntu/dists/jammy-infra-security/InRelease", "185.125.190.60")
}

// bucket adds a repository in somebody's own bucket.
func bucket(r *probes.Round) {
	addRepo(r, probes.Repo{ID: "team", Required: true}, "https://team-packages.s3.us-east-1.amazonaws.com/repodata/repomd.xml", addrS3)
}

func disabled(r *probes.Round) {
	r.Repos = nil
	for i := range r.RepoConfig.Repos {
		r.RepoConfig.Repos[i].Enabled = false
	}
}

// noAddress adds an enabled repository without a usable address.
func noAddress(skip, own bool) func(*probes.Round) {
	return func(r *probes.Round) {
		rr := addRepo(r, probes.Repo{ID: "x", Skip: skip, Own: own, Required: own || !skip, File: "/etc/yum.repos.d/x.repo", Line: 1}, "https://mirror.corp.example/repodata/repomd.xml", addrMirror)
		rr.Repo.Problem = "neither baseurl nor mirrorlist nor metalink"
		r.RepoConfig.Repos[len(r.RepoConfig.Repos)-1].Problem = rr.Repo.Problem
		rr.Result, rr.Reason = probes.Result{Target: rr.Result.Target, State: probes.Skipped}, probes.SkippedReason
		r.RepoConfig.Problems = []probes.RepoProblem{{File: "/etc/yum.repos.d/x.repo", Line: 1, Text: "repository x: " + rr.Repo.Problem, Fatal: !skip}}
	}
}

func noCertificate(state probes.CertificateState) func(*probes.Round) {
	return func(r *probes.Round) {
		for _, id := range allRepos(r) {
			repoFails(r, id, probes.Unauthorized, "sslclientcert /etc/pki/rhui/product/content-rhel9.crt is not there")
			repoOf(r, id).Certificate = state
		}
	}
}
