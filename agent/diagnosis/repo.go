package diagnosis

import "agentctl/probes"

// repoRules judge the package repositories: what no finding of DNS, path, TLS and
// HTTP has explained. First what their configuration and files say, then what they
// answer, then whether they can be reached, and last those that patching goes on
// without.
func repoRules() []func(*view) {
	return []func(*view){
		ruleRepoConfig, ruleNoRepos, ruleRepoCertificate, ruleRepoTLS, ruleRepoIdentity, ruleOwnBucket, ruleRepoAccess,
		ruleRepoMissing, ruleMirrorList, ruleRepoContent, ruleInternetRequired, ruleRepoUnreachable, ruleRepoSkipped,
	}
}

const (
	srcDNF    = "dnf.conf(5), yum.conf(5), apt-get(8), zypper(8)"
	srcLibrep = "librepo: handle.c, downloader.c; libdnf: repo/Repo.cpp"
	srcAL     = "AWS: Manage package and operating system updates in AL2023"
)

// repoEntries are the catalogue's entries of the block.
func repoEntries() []Entry {
	return []Entry{
		{"repo-none-enabled", BlockRepos, "critical", "No repository is enabled", "Patching has nowhere to look for updates, and finds none.",
			"The package manager's configuration can be read in full, and none of its repositories is enabled.", "Enable the distribution's own repositories.", srcDNF, nil},
		{"repo-config-invalid", BlockRepos, "critical where the package manager then refuses to run, or a required repository is meant; else warning", "A repository file is broken",
			"Some package managers end at a file that they cannot parse, others leave it out without a word that anybody reads.",
			"A repository file cannot be parsed, or an enabled section has no usable address.", "Mend the file at the line that is named.", srcDNF, []Code{"repo-none-enabled", "repo-unreachable"}},
		{"repo-client-certificate", BlockRepos, "critical", "The client certificate of a repository is of no use", "Red Hat's servers, among others, let a machine in by a certificate that its repository file names.",
			"The file is missing, holds no certificate with its key, or is expired and the server refuses it. A file that may not be read means no finding.", "Update the package, or renew the registration, that the certificate comes from.",
			"dnf.conf(5): sslclientcert, sslclientkey", []Code{"repo-access-denied", "repo-unreachable", "repo-skipped-silently"}},
		{"repo-tls-untrusted", BlockRepos, "critical", "A repository's certificate is not trusted", "A repository may name an authority of its own; then nothing else counts, not even a certificate that all the world trusts.",
			"The chain does not lead to the authority that the repository names; or, where it names none, to this machine's store, and the server is one of the owner's own, or its authority a public one.",
			"Correct or update the authority, or have the server's name exempted from TLS inspection.", "dnf.conf(5): sslcacert", []Code{"repo-unreachable", "repo-skipped-silently"}},
		{"repo-access-denied", BlockRepos, "critical", "A repository refuses this machine", "The network is fine. The entitlement, token or registration that the server asks for is missing, or not valid.",
			"401 or 403 from a host that is not S3's. Where there may be credentials that this run may not read, nothing is said.", "Renew the registration.", "Red Hat: RHUI in AWS; Ubuntu Pro client; SUSE: registercloudguest(8)", []Code{"repo-skipped-silently"}},
		{"repo-metadata-missing", BlockRepos, "critical", "A repository does not hold what is asked for", "The server works, but not with this path: a release that is over, a variable with a wrong value, a wrong address.",
			"404; or 403 from S3, which says that of missing keys too, while an object that surely exists can be read.", "Correct the release or the address.", srcAL, []Code{"repo-skipped-silently"}},
		{"repo-mirrorlist-empty", BlockRepos, "critical", "A list of mirrors names none", "Without a mirror the repository has no address.",
			"The mirrorlist or metalink is answered, and holds no address that can be used.", "Correct the release, or name a base address instead.", srcLibrep, []Code{"repo-skipped-silently"}},
		{"repo-metadata-invalid", BlockRepos, "critical", "What a repository serves is no repository", "A page for people, a truncated or outdated document stands where the index of the packages should be.",
			"The document is answered and fails the package manager's own check: root element, checksum of the metalink, signature frame, age.", "See what is served, then ask whoever runs the server, proxy or portal.", srcLibrep, []Code{"repo-skipped-silently"}},
		{"repo-unreachable", BlockRepos, "critical", "A repository's host cannot be reached", "The host fails for a reason of its own: AWS works, and the internet does where it is needed.",
			"The name, the connection or the request fails for a required repository, and nothing that AWS's own names suffer from explains it.", "Allow it, correct its address, or do without it.", srcDNF, []Code{"repo-skipped-silently"}},
		{"repo-skipped-silently", BlockRepos, "warning", "Patching goes on without a repository", "Its packages are not patched, and compliance does not show it.",
			"A repository that is not required cannot be used, and no other finding explains it.", "Disable it if it is not needed, else let it be reached.", "AWS: Patch Manager prerequisites", nil},
	}
}

// internetEntry stands among the path's: it is about the network, not about one
// repository.
func internetEntry() Entry {
	return Entry{"internet-required", BlockPath, "critical", "A repository needs the internet, and there is none", "Amazon Linux's own repositories lie in S3 and need the free gateway endpoint alone. EPEL, Docker, Red Hat's, Ubuntu's and SUSE's lie on the internet.",
		"A required repository outside AWS and the control target time out, while AWS targets work.", "Disable it if it is not needed; else NAT, a proxy, a mirror inside the VPC, or a copy in S3.", srcDNF, []Code{"repo-unreachable", "repo-skipped-silently"}}
}

// packager is the name of the package manager whose repositories these are.
func (v *view) packager() string {
	if m := v.r.RepoConfig.Manager; m != "" {
		return m
	}
	for i := range v.r.Repos {
		if m := v.r.Repos[i].Repo.Manager; m != "" {
			return m
		}
	}
	return "the package manager"
}

// broken are the repositories that fail, that no finding explains yet, and of which
// that can be said: what this run may not know is no failure.
func (v *view) broken(keep func(*probes.RepoResult) bool) []*probes.RepoResult {
	var out []*probes.RepoResult
	for i := range v.r.Repos {
		rr := &v.r.Repos[i]
		if rr.Result.State == probes.Down && v.free(rr.Result.Target.Name) && v.knowable(rr) && keep(rr) {
			out = append(out, rr)
		}
	}
	return out
}

// knowable tells whether an outcome is one: what was cut short, may not be read or
// cannot be asked as the package manager would says nothing. Of a bucket that is
// nobody's that is known, S3's 403 to an unsigned request proves the path and no
// more: its owner's package manager may sign.
func (v *view) knowable(rr *probes.RepoResult) bool {
	switch rr.Reason {
	case probes.Canceled, probes.Internal, probes.SkippedReason, "":
		return false
	case probes.AccessDenied, probes.Unauthorized:
		if rr.Repo.AuthUnknown || rr.Repo.RHUI && v.r.Metadata.State != probes.MetadataOK {
			return false
		}
		if isS3(&rr.Result) {
			return v.missingKey(rr)
		}
	}
	s, _ := rr.Result.Failed()
	return s.Reason != probes.Canceled && s.Reason != probes.Internal
}

// notAsked tells whether a repository could not be asked at all, unlike one whose
// answer or files this run may not judge.
func (v *view) notAsked(rr *probes.RepoResult) bool {
	if rr.Repo.Unprobed != "" || rr.Repo.ProxyUnknown != "" || rr.Reason != probes.SkippedReason {
		return true
	}
	return len(rr.Result.Steps) == 0 && v.r.Host.Privileged
}
