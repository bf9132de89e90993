package diagnosis

import (
	"net/netip"
	"slices"

	"agentctl/probes"
)

var (
	s3Denied = probes.HTTP{Reason: probes.AccessDenied, Status: 403, AWSShaped: true, Code: "AccessDenied"}
	refusal  = probes.HTTP{Reason: probes.AccessDenied, Status: 403}
	page     = probes.HTTP{Reason: probes.BadContent, Status: 200, HTML: true, Title: "Access blocked"}
	notFound = probes.HTTP{Reason: probes.NotFound, Status: 404}
	broken   = probes.HTTP{Reason: probes.ServerError, Status: 503}
)

const rhuiID = "rhel-9-baseos-rhui-rpms"

// internet makes the control target's connect end so.
func internet(reason probes.Reason) func(*probes.Round) {
	return func(r *probes.Round) { internetIs(r, reason) }
}

// noName makes the names of repositories fail.
func noName(reason probes.Reason, ids ...string) func(*probes.Round) {
	return func(r *probes.Round) {
		for _, id := range ids {
			nameFails(&repoOf(r, id).Result, "10.0.0.2:53", reason)
		}
	}
}

// handshake makes the handshakes with repositories fail.
func handshake(reason probes.Reason, id string, exps ...probes.Experiment) func(*probes.Round) {
	return func(r *probes.Round) { tlsFails(&repoOf(r, id).Result, reason, exps...) }
}

// untrusted shows a chain that the client does not trust.
func untrusted(issuer string, ids ...string) func(*probes.Round) {
	return func(r *probes.Round) {
		for _, id := range ids {
			x := &repoOf(r, id).Result
			x.TLS.Trusted, x.TLS.Genuine, x.TLS.Chain[0].Issuer = false, false, issuer
			tlsFails(x, probes.UntrustedIssuer)
		}
	}
}

// knownGood sets how the key that surely exists fared.
func knownGood(reason probes.Reason, ids ...string) func(*probes.Round) {
	return func(r *probes.Round) {
		for _, id := range ids {
			repoOf(r, id).KnownGood = reason
		}
	}
}

// change does anything to a repository's result.
func change(id string, do func(*probes.RepoResult)) func(*probes.Round) {
	return func(r *probes.Round) { do(repoOf(r, id)) }
}

// every silences each target, at its own address.
func every(r *probes.Round) { each(r, func(x *probes.Result) { connect(x, probes.Timeout) }) }

// otherRegion moves Amazon Linux's repositories to S3 of another region, where
// nothing answers.
func farAway(r *probes.Round) {
	r.RepoConfig.Variables["awsregion"] = "eu-west-1"
	for i := range r.Repos {
		rr := &r.Repos[i]
		rr.URL = "https://al2023-repos-eu-west-1-de612dc2.s3.dualstack.eu-west-1.amazonaws.com/core/guids/1a2b3c/x86_64/repodata/repomd.xml"
		rr.Result.Target.URL, rr.Result.Name.Host = rr.URL, "al2023-repos-eu-west-1-de612dc2.s3.dualstack.eu-west-1.amazonaws.com"
		silentAt(&rr.Result, "52.218.1.1")
	}
}

var repoCases = slices.Concat(repoConfigCases, repoAnswerCases, repoPathCases, repoElsewhereCases)

// repoPathCases: whether repositories can be reached.
var repoPathCases = []roundCase{
	{"EPEL works, beside S3", do(epel(false), docker(true)), ""},
	{"all repositories lie in S3, no internet", internet(probes.Timeout), ""},
	// The showcase: an endpoints-only VPC
	{"EPEL needed, no internet", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.Timeout)), "internet-required"},
	{"EPEL not needed, no internet", do(epel(true), fails(probes.Timeout, "epel"), internet(probes.Timeout)), "repo-skipped-silently"},
	{"EPEL needed, Docker not, no internet", do(epel(false), docker(true), fails(probes.Timeout, "epel", "docker-ce-stable"), internet(probes.Timeout)), "internet-required"},
	{"EPEL and Docker not needed, no internet", do(epel(true), docker(true), fails(probes.Timeout, "epel", "docker-ce-stable"), internet(probes.Timeout)), "repo-skipped-silently"},
	{"EPEL as a dead neighbour, no internet", do(epel(false), fails(probes.Unreachable, "epel"), internet(probes.Timeout)), "internet-required"},
	{"EPEL needed, the control target has no address", do(epel(false), fails(probes.Timeout, "epel"), func(r *probes.Round) { nameFails(of(r, "internet"), "10.0.0.2:53", probes.NXDomain) }), "internet-required"},
	{"EPEL needed, the control target was not asked", do(epel(false), fails(probes.Timeout, "epel")), "internet-required"},
	{"Ubuntu's own, no internet", do(ubuntu, func(r *probes.Round) { fails(probes.Timeout, allRepos(r)...)(r) }, internet(probes.Timeout)), "internet-required"},
	{"Red Hat's own, no internet", do(rhel, func(r *probes.Round) { fails(probes.Timeout, allRepos(r)...)(r) }, internet(probes.Timeout)), "internet-required"},
	{"SUSE's own, no internet", do(suse, func(r *probes.Round) { fails(probes.Timeout, allRepos(r)...)(r) }, internet(probes.Timeout)), "internet-required"},
	{"Amazon Linux by its CDN, no internet", do(cdn, fails(probes.Timeout, "amazonlinux"), internet(probes.Timeout)), "internet-required"},
	{"EPEL needed, no internet, and one endpoint missing", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.Timeout), func(r *probes.Round) { silentAt(of(r, "ssmmessages"), addrPublic) }), "endpoint-missing internet-required"},
	{"EPEL needed, no internet, and no S3", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.Timeout), func(r *probes.Round) {
		each3(r, func(x *probes.Result) { connect(x, probes.Timeout) })
	}), "internet-required s3-unreachable"},
	// What takes AWS down explains the others
	{"nothing leaves, EPEL not needed", do(epel(true), every, internet(probes.Timeout)), "egress-blocked"},
	{"nothing leaves, EPEL needed", do(epel(false), every, internet(probes.Timeout)), "egress-blocked"},
	{"no way out, EPEL needed", do(epel(false), func(r *probes.Round) { each(r, func(x *probes.Result) { silentAt(x, addrPublic) }) }, internet(probes.Timeout)), "egress-no-way-out"},
	{"a dead resolver, EPEL not needed", do(epel(true), deadResolver), "dns-resolver-unreachable"},
	{"a dead resolver, EPEL needed", do(epel(false), deadResolver), "dns-resolver-unreachable"},
	{"names of AWS and EPEL do not exist", do(epel(false), noName(probes.NXDomain, "epel"), func(r *probes.Round) { nameFails(of(r, "ssm"), "10.0.0.2:53", probes.NXDomain) }), "dns-name-not-found"},
	{"a filter by destination drops ssm and EPEL", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.OK), func(r *probes.Round) { silentAt(of(r, "ssm"), addrPublic) }), "egress-filtered"},
	{"a router rejects ssm and EPEL", do(epel(true), func(r *probes.Round) {
		for _, x := range []*probes.Result{of(r, "ssm"), of(r, "repo:epel")} {
			connect(x, probes.Prohibited)
			x.Conns[0].Sender = addr("10.0.1.1")
		}
	}), "net-unreachable"},
	{"ssm and EPEL are refused", do(epel(false), fails(probes.Refused, "epel"), func(r *probes.Round) { connect(of(r, "ssm"), probes.Refused) }), "tcp-refused"},
	{"the central endpoint and a mirror out there", do(mirror("10.9.0.80"), fails(probes.Timeout, "corp"), internet(probes.Timeout), func(r *probes.Round) { silentAt(of(r, "ssm"), "10.9.0.51") }), "endpoint-central-unreachable"},
	{"the endpoint and a mirror beside it", do(mirror(addrMirror), fails(probes.Timeout, "corp"), internet(probes.Timeout), func(r *probes.Round) { connect(of(r, "ssm"), probes.Timeout) }), "endpoint-blocked repo-unreachable"},
	// A host that fails alone
	{"EPEL times out, the internet answers", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.OK)), "repo-unreachable"},
	{"EPEL times out, Docker answers", do(epel(false), docker(true), fails(probes.Timeout, "epel"), internet(probes.Timeout)), "repo-unreachable"},
	{"EPEL times out, ssm answers by a public address", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.Timeout), func(r *probes.Round) {
		at(of(r, "ssm"), addrPublic)
		connect(of(r, "ssm"), probes.OK)
		tlsOK(of(r, "ssm"))
	}), "repo-unreachable"},
	{"EPEL has no name", do(epel(false), noName(probes.NXDomain, "epel")), "repo-unreachable"},
	{"EPEL and Docker have no name", do(epel(false), docker(false), noName(probes.NXDomain, "epel", "docker-ce-stable")), "repo-unreachable"},
	{"EPEL has no name, Docker times out", do(epel(false), docker(false), noName(probes.NXDomain, "epel"), fails(probes.Timeout, "docker-ce-stable"), internet(probes.OK)), "repo-unreachable repo-unreachable"},
	{"EPEL's answer does not fit into UDP", do(epel(false), noName(probes.Truncated, "epel")), "repo-unreachable"},
	{"the owner's resolver hides EPEL", do(epel(false), custom, func(r *probes.Round) { customSays(of(r, "repo:epel"), probes.NXDomain, addrEPEL) }), "repo-unreachable"},
	{"EPEL refuses", do(epel(false), fails(probes.Refused, "epel")), "repo-unreachable"},
	{"a router rejects EPEL", do(epel(false), fails(probes.Prohibited, "epel"), change("epel", func(rr *probes.RepoResult) { rr.Result.Conns[0].Sender = addr("10.0.1.1") })), "repo-unreachable"},
	{"the internet rejects EPEL and all else", do(epel(false), fails(probes.Prohibited, "epel"), internet(probes.Prohibited)), "repo-unreachable"},
	{"EPEL not needed has no name", do(epel(true), noName(probes.NXDomain, "epel")), "repo-skipped-silently"},
	{"EPEL not needed refuses", do(epel(true), fails(probes.Refused, "epel")), "repo-skipped-silently"},
	{"EPEL not needed times out, the internet answers", do(epel(true), fails(probes.Timeout, "epel"), internet(probes.OK)), "repo-skipped-silently"},
	{"a mirror of one's own is silent", do(mirror(addrMirror), fails(probes.Timeout, "corp"), internet(probes.Timeout)), "repo-unreachable"},
	{"a mirror on premises is silent", do(mirror("192.168.4.4"), fails(probes.Timeout, "corp"), internet(probes.Timeout)), "repo-unreachable"},
	{"a mirror pinned in the hosts file works", do(mirror(addrMirror), change("corp", pin)), ""},
	{"a mirror pinned in the hosts file is silent", do(mirror(addrMirror), change("corp", pin), fails(probes.Timeout, "corp"), internet(probes.Timeout)), "repo-unreachable"},
	{"Ubuntu's port 80 is closed, the internet answers", do(ubuntu, func(r *probes.Round) { fails(probes.Timeout, allRepos(r)...)(r) }, internet(probes.OK)), "repo-unreachable"},
	{"CentOS 7 after its end", do(centos7, noName(probes.NXDomain, "base", "updates")), "repo-unreachable"},
	{"only source packages cannot be fetched, from which nothing is patched", do(epel(true), func(r *probes.Round) { repoOf(r, "epel").Repo.Sources = true }, fails(probes.Timeout, "epel"), internet(probes.OK)), ""},
	{"EPEL answers 503", do(epel(false), answers(broken, "epel")), "service-unavailable"},
	{"EPEL throttles", do(epel(false), answers(probes.HTTP{Reason: probes.Throttled, Status: 429}, "epel")), "service-unavailable"},
	{"EPEL's answer breaks off", do(epel(false), answers(probes.HTTP{Reason: probes.Closed, Status: 200}, "epel")), "repo-unreachable"},
	{"EPEL does not answer the request", do(epel(false), answers(probes.HTTP{Reason: probes.Timeout}, "epel")), "repo-unreachable"},
	{"EPEL not needed answers 503", do(epel(true), answers(broken, "epel")), "repo-skipped-silently"},
	{"Amazon Linux's S3 answers 503", answers(probes.HTTP{Reason: probes.ServerError, Status: 503, AWSShaped: true}, "amazonlinux", "kernel-livepatch"), "service-unavailable"},
	// This host's own doing
	{"our own firewall rejects EPEL", do(epel(false), fails(probes.Prohibited, "epel"), change("epel", func(rr *probes.RepoResult) { rr.Result.Conns[0].Sender = addr("10.0.1.10") })), "host-firewall-blocked"},
	{"our own firewall rejects EPEL, which is not needed", do(epel(true), fails(probes.Prohibited, "epel"), change("epel", func(rr *probes.RepoResult) { rr.Result.Conns[0].Sender = addr("10.0.1.10") })), "repo-skipped-silently"},
	{"our own route table blackholes EPEL", do(epel(false), fails(probes.NoRoute, "epel")), "net-no-route"},
	// IPv6 of others is theirs
	{"EPEL's IPv6 is lost", do(epel(false), change("epel", func(rr *probes.RepoResult) {
		rr.Result.Conns = append(rr.Result.Conns, probes.Conn{Addr: port("[2600:1fa0::10]:443"), Reason: probes.Timeout, Attempts: 2})
	})), ""},
}

// repoElsewhereCases: proxies, other regions, rounds of that group alone, and what is
// not known.
var repoElsewhereCases = []roundCase{
	{"the SSM Agent's proxy refuses EPEL", do(epel(false), func(r *probes.Round) {
		proxied(of(r, "repo:epel"), "http://10.0.1.60:3128", "unit", probes.ProxyDenied, 403)
		repoOf(r, "epel").Direct = probes.OK
	}), "proxy-denied"},
	{"the SSM Agent's proxy refuses EPEL, which is not needed", do(epel(true), func(r *probes.Round) {
		proxied(of(r, "repo:epel"), "http://10.0.1.60:3128", "unit", probes.ProxyDenied, 403)
	}), "repo-skipped-silently"},
	{"the repository's own proxy is dead", do(epel(false), func(r *probes.Round) {
		repoOf(r, "epel").Repo.Proxy = "http://10.0.1.61:3128"
		proxied(of(r, "repo:epel"), "http://10.0.1.61:3128", "/etc/yum.repos.d/epel.repo", probes.ProxyUnreachable, 0)
	}), "proxy-unreachable"},
	{"the proxy does not answer CONNECT", do(epel(false), func(r *probes.Round) {
		proxied(of(r, "repo:epel"), "http://10.0.1.60:3128", "unit", probes.Timeout, 0)
	}), "proxy-unreachable"},
	{"the proxy does not answer the SSM Agent's CONNECT", func(r *probes.Round) {
		proxied(of(r, "ssm"), "http://10.0.1.60:3128", "unit", probes.Closed, 0)
	}, "proxy-unreachable"},
	{"the proxy asks plain http for a password", do(ubuntu, func(r *probes.Round) {
		for _, id := range allRepos(r) {
			x := &repoOf(r, id).Result
			proxied(x, "http://10.0.1.60:3128", "apt.conf: Acquire::http::Proxy", probes.OK, 0)
			http(x, probes.HTTP{Reason: probes.ProxyAuth, Status: 407})
		}
	}), "proxy-auth-required"},
	{"two proxies refuse", do(epel(false), mirror(addrMirror), func(r *probes.Round) {
		proxied(of(r, "repo:epel"), "http://10.0.1.60:3128", "unit", probes.ProxyDenied, 403)
		proxied(of(r, "repo:corp"), "http://10.0.1.61:3128", "/etc/yum.repos.d/corp.repo", probes.ProxyDenied, 403)
	}), "proxy-denied proxy-denied"},
	{"repositories by a proxy that works", do(epel(false), func(r *probes.Round) {
		x := of(r, "repo:epel")
		proxied(x, "http://10.0.1.60:3128", "unit", probes.OK, 200)
		http(x, probes.HTTP{Reason: probes.OK, Status: 200})
	}), ""},
	{"EPEL times out, and the proxy may not be read", do(epel(false), fails(probes.Timeout, "epel"), internet(probes.OK), func(r *probes.Round) { r.Agent.Proxy.Known = false }), "repo-unreachable"},
	// S3 of another region
	{"Amazon Linux of another region, endpoints only", do(farAway, internet(probes.Timeout)), "repo-unreachable"},
	{"Amazon Linux of another region, the internet answers", do(farAway, internet(probes.OK)), "egress-filtered"},
	{"Amazon Linux of another region, by NAT", do(farAway, func(r *probes.Round) { each(r, func(x *probes.Result) { connect(x, probes.OK); tlsOK(x) }) }), ""},
	{"Amazon Linux of another region, and no S3 at all", do(farAway, internet(probes.Timeout), func(r *probes.Round) {
		each3(r, func(x *probes.Result) { connect(x, probes.Timeout) })
	}), "repo-unreachable s3-unreachable"},
	// A round of that group alone
	{"repositories alone, healthy", do(epel(false), reposAlone), ""},
	{"repositories alone, no internet", do(epel(false), reposAlone, fails(probes.Timeout, "epel"), internet(probes.Timeout)), "internet-required"},
	{"repositories alone, no S3", do(reposAlone, fails(probes.Timeout, "amazonlinux", "kernel-livepatch"), internet(probes.Timeout), func(r *probes.Round) { connect(of(r, "s3"), probes.Timeout) }), "s3-unreachable"},
	{"Ubuntu's repositories alone, nothing leaves", do(ubuntu, reposAlone, func(r *probes.Round) {
		for _, x := range allResults(r) {
			if x.Target.Name != "internet" {
				connect(x, probes.Timeout)
			}
		}
	}, internet(probes.Timeout)), "egress-blocked"},
	{"Ubuntu's repositories alone, no way out", do(ubuntu, reposAlone, func(r *probes.Round) {
		for _, x := range allResults(r) {
			if x.Target.Name != "internet" {
				silentAt(x, addrPublic)
			}
		}
	}, internet(probes.Timeout)), "egress-no-way-out"},
	{"repositories alone and no region, no internet", do(ubuntu, reposAlone, func(r *probes.Round) {
		r.Region = probes.Region{}
		r.Results = r.Results[len(r.Results)-1:]
		fails(probes.Timeout, allRepos(r)...)(r)
	}, internet(probes.Timeout)), "internet-required"},
	// What is not known
	{"the round was cut short", do(epel(false), change("epel", func(rr *probes.RepoResult) {
		connect(&rr.Result, probes.Canceled)
		rr.Result.State = probes.Unknown
	})), ""},
	{"cut short, and marked as down", do(epel(false), change("epel", func(rr *probes.RepoResult) {
		connect(&rr.Result, probes.Canceled)
	})), ""},
	{"a transport of its own", do(mirror(addrMirror), change("corp", func(rr *probes.RepoResult) {
		rr.Repo.Unprobed = "it is reached by a transport of its own (tor:)"
		rr.Reason, rr.Result = probes.SkippedReason, probes.Result{Target: rr.Result.Target, State: probes.Unknown}
	})), ""},
	{"a server wants credentials that may not be read", do(mirror(addrMirror), change("corp", func(rr *probes.RepoResult) {
		rr.Repo.AuthUnknown = true
		http(&rr.Result, probes.HTTP{Reason: probes.Unauthorized, Status: 401})
	})), ""},
	{"a client certificate that may not be read", do(rhel, func(r *probes.Round) { r.Host.Privileged = false }, change(rhuiID, func(rr *probes.RepoResult) {
		rr.Certificate, rr.Reason = probes.CertificateDenied, probes.SkippedReason
		rr.Result = probes.Result{Target: rr.Result.Target, State: probes.Unknown}
	})), ""},
	{"Red Hat refuses a machine without metadata", do(rhel, answers(refusal, rhuiID), func(r *probes.Round) { r.Metadata = probes.Metadata{} }), ""},
	{"Red Hat refuses, as the metadata is disabled", do(rhel, answers(refusal, rhuiID), func(r *probes.Round) {
		r.Metadata = probes.Metadata{State: probes.MetadataDisabled, Denied: "/latest/api/token"}
	}), "imds-disabled"},
	{"apt's proxy is a command's to say", do(ubuntu, func(r *probes.Round) {
		rr := repoOf(r, allRepos(r)[0])
		rr.Repo.ProxyUnknown, rr.Reason = "apt asks a command", probes.SkippedReason
		rr.Result = probes.Result{Target: rr.Result.Target, State: probes.Unknown}
	}), ""},
}

func deadResolver(r *probes.Round) {
	r.Resolvers[0] = probes.ResolverResult{Addr: port("10.0.0.2:53"), Configured: true, VPC: true, Questions: 5, Worst: probes.Timeout}
	each(r, func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.Timeout) })
}

func pin(rr *probes.RepoResult) {
	rr.Result.Name.Pinned, rr.Result.Name.PinnedLine = []netip.Addr{addr(addrMirror)}, 7
}

// cdn is Amazon Linux with its packages from the CDN.
func cdn(r *probes.Round) {
	r.Repos, r.RepoConfig.Repos = nil, nil
	addRepo(r, probes.Repo{ID: "amazonlinux", Own: true, Skip: true, Required: true}, "https://cdn.amazonlinux.com/al2023/core/guids/1a2b3c/x86_64/repodata/repomd.xml", "13.224.1.1")
}

// centos7 has the mirror lists that went with the release.
func centos7(r *probes.Round) {
	r.Host.OS.ID, r.Host.OS.Version = "centos", "7"
	r.Repos, r.RepoConfig = nil, probes.RepoConfig{Known: true, Manager: "yum", Variables: map[string]string{"releasever": "7", "basearch": "x86_64"}}
	for _, id := range []string{"base", "updates"} {
		addRepo(r, probes.Repo{ID: id, Own: true, Required: true, File: "/etc/yum.repos.d/CentOS-Base.repo"}, "http://mirrorlist.centos.org/?release=7&arch=x86_64&repo="+id, addrPublic)
		repoOf(r, id).Stage = "mirrorlist"
	}
}
