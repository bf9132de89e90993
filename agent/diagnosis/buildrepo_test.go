package diagnosis

import (
	"net/netip"
	"slices"
	"strings"

	"agentctl/probes"
)

const (
	// alBucket is Amazon Linux 2023's in us-east-1.
	alBucket   = "al2023-repos-us-east-1-de612dc2.s3.dualstack.us-east-1.amazonaws.com"
	epelHost   = "mirrors.fedoraproject.org"
	addrEPEL   = "38.145.32.20"
	addrDocker = "18.65.3.10"
	addrMirror = "10.0.9.9"
)

// addRepo adds an enabled repository that works, whose document at the address was
// asked for last.
func addRepo(r *probes.Round, repo probes.Repo, address, addr string) *probes.RepoResult {
	repo.Enabled, repo.SSLVerify = true, true
	if repo.Manager == "" {
		repo.Manager = r.RepoConfig.Manager
	}
	if repo.File == "" {
		repo.File = "/etc/yum.repos.d/" + repo.ID + ".repo"
	}
	repo.Base = []string{strings.TrimSuffix(address, "repodata/repomd.xml")}
	aws := strings.Contains(address, ".amazonaws.com/")
	x := up("repo:"+repo.ID, probes.GroupRepos, address, probes.AnswerRepo, repo.Required, addr)
	x.Target.AWS = aws
	http(&x, probes.HTTP{Reason: probes.OK, Status: 200, AWSShaped: aws, Date: noon, ReceivedAt: noon})
	if !aws {
		x.TLS.Genuine = false
		x.TLS.Chain[0].Issuer = "CN=R11,O=Let's Encrypt,C=US"
	}
	if strings.HasPrefix(address, "http:") {
		x.TLS, x.Conns[0].Addr = nil, netip.AddrPortFrom(x.Addresses[0], 80)
		x.Steps = slices.DeleteFunc(x.Steps, func(s probes.Step) bool { return s.Phase == probes.PhaseTLS })
	}
	repo.Internet = !aws && !probes.Private(netip.MustParseAddr(addr))
	r.RepoConfig.Repos = append(r.RepoConfig.Repos, repo)
	r.Repos = append(r.Repos, probes.RepoResult{Repo: repo, Result: x, Stage: "metadata", URL: address, Reason: probes.OK, Status: 200})
	return &r.Repos[len(r.Repos)-1]
}

// settled makes the repositories' outcomes follow from their steps where a case
// changed only those, as probing does.
func settled(r *probes.Round) *probes.Round {
	for i := range r.Repos {
		rr := &r.Repos[i]
		if rr.Reason != probes.OK {
			continue
		}
		if s, failed := rr.Result.Failed(); failed {
			rr.Reason, rr.Detail = s.Reason, s.Detail
		} else if rr.Result.State == probes.Unknown {
			rr.Reason = probes.Canceled
		}
		rr.Status = 0
		if h := rr.Result.HTTP; h != nil {
			rr.Status = h.Status
		}
	}
	return r
}

// repoOf finds a repository's result.
func repoOf(r *probes.Round, id string) *probes.RepoResult {
	for i := range r.Repos {
		if r.Repos[i].Repo.ID == id {
			return &r.Repos[i]
		}
	}
	panic("no repository " + id)
}

// repoFails ends a repository without a step, for what stands in its configuration.
func repoFails(r *probes.Round, id string, reason probes.Reason, detail string) {
	rr := repoOf(r, id)
	rr.Result.Steps, rr.Result.State = nil, probes.Down
	rr.Result.Conns, rr.Result.TLS, rr.Result.HTTP, rr.Result.Name, rr.Result.Addresses = nil, nil, nil, nil, nil
	rr.Reason, rr.Detail = reason, detail
}

// do does one thing after the other.
func do(changes ...func(*probes.Round)) func(*probes.Round) {
	return func(r *probes.Round) {
		for _, c := range changes {
			c(r)
		}
	}
}

// epel is EPEL, which stops dnf where it fails if skip_if_unavailable is off.
func epel(skip bool) func(*probes.Round) {
	return func(r *probes.Round) {
		addRepo(r, probes.Repo{ID: "epel", Skip: skip, Required: !skip}, "https://"+epelHost+"/metalink?repo=epel-9&arch=x86_64", addrEPEL)
		repoOf(r, "epel").Stage = "metalink"
	}
}

// docker is a second repository on the internet.
func docker(skip bool) func(*probes.Round) {
	return func(r *probes.Round) {
		addRepo(r, probes.Repo{ID: "docker-ce-stable", Skip: skip, Required: !skip}, "https://download.docker.com/linux/centos/9/x86_64/stable/repodata/repomd.xml", addrDocker)
	}
}

// mirror is a repository on a private address that dnf needs.
func mirror(addr string) func(*probes.Round) {
	return func(r *probes.Round) {
		addRepo(r, probes.Repo{ID: "corp", Required: true}, "https://mirror.corp.example/repodata/repomd.xml", addr)
	}
}

// ubuntu has Ubuntu's own repositories, over plain http.
func ubuntu(r *probes.Round) {
	r.Host.OS.ID, r.Host.OS.Version = "ubuntu", "22.04"
	r.Repos, r.RepoConfig = nil, probes.RepoConfig{Known: true, Manager: "apt", Variables: map[string]string{"ARCH": "amd64"}}
	for _, suite := range []string{"jammy", "jammy-updates", "jammy-security"} {
		host := "us-east-1.ec2.archive.ubuntu.com"
		if suite == "jammy-security" {
			host = "security.ubuntu.com"
		}
		addRepo(r, probes.Repo{ID: host + "/ubuntu " + suite, Own: true, Required: true, File: "/etc/apt/sources.list", Line: 3}, "http://"+host+"/ubuntu/dists/"+suite+"/InRelease", "91.189.91.81")
	}
}

// rhel has Red Hat's repositories of an image that is paid by the hour.
func rhel(r *probes.Round) {
	r.Host.OS.ID, r.Host.OS.Version = "rhel", "9.6"
	r.Repos, r.RepoConfig = nil, probes.RepoConfig{Known: true, Manager: "dnf"}
	for _, id := range []string{"rhel-9-baseos-rhui-rpms", "rhel-9-appstream-rhui-rpms"} {
		addRepo(r, probes.Repo{ID: id, Own: true, Required: true, RHUI: true, CAFile: "/etc/pki/rhui/cdn.redhat.com-chain.crt", ClientCert: "/etc/pki/rhui/product/content-rhel9.crt",
			ClientKey: "/etc/pki/rhui/content-rhel9.key", File: "/etc/yum.repos.d/redhat-rhui.repo"}, "https://rhui.us-east-1.aws.ce.redhat.com/pulp/mirror/content/dist/rhel9/"+id, "52.200.1.1")
		rr := repoOf(r, id)
		rr.Certificate, rr.Stage = probes.CertificateOK, "mirrorlist"
		rr.Result.TLS.Chain[0].Issuer = "CN=RHUI CA,O=Red Hat"
	}
}

// suse has the repositories of an image of SUSE's that is paid by the hour.
func suse(r *probes.Round) {
	r.Host.OS.ID, r.Host.OS.Version = "sles", "15.6"
	r.Repos, r.RepoConfig = nil, probes.RepoConfig{Known: true, Manager: "zypper"}
	addRepo(r, probes.Repo{ID: "SLES15-SP6-Updates", Own: true, Required: true, File: "/etc/zypp/repos.d/SLES15.repo"},
		"https://smt-ec2.susecloud.net/repo/SUSE/Updates/SLE-SERVER/15-SP6/x86_64/repodata/repomd.xml", "34.197.223.242")
	rr := repoOf(r, "SLES15-SP6-Updates")
	rr.Result.Name.Pinned, rr.Result.Name.PinnedLine, rr.Result.Name.PinVendor = rr.Result.Addresses, 5, "SUSE registration"
}

// fails makes repositories answer no connect, each at its own address.
func fails(reason probes.Reason, ids ...string) func(*probes.Round) {
	return func(r *probes.Round) {
		for _, id := range ids {
			connect(&repoOf(r, id).Result, reason)
		}
	}
}

// answers makes repositories answer so.
func answers(h probes.HTTP, ids ...string) func(*probes.Round) {
	return func(r *probes.Round) {
		for _, id := range ids {
			http(&repoOf(r, id).Result, h)
		}
	}
}

// proxied sends a result through a proxy, where it fails so.
func proxied(x *probes.Result, url, source string, reason probes.Reason, status int) {
	*x = probes.Result{Target: x.Target, Proxy: &probes.ProxyResult{URL: url, Source: source, Reason: reason, Status: status}}
	set(x, probes.PhaseProxy, stateOf(reason), reason)
}

func allRepos(r *probes.Round) []string {
	var ids []string
	for i := range r.Repos {
		ids = append(ids, r.Repos[i].Repo.ID)
	}
	return ids
}

// reposAlone is a round of that group alone: ssm and s3 come as controls.
func reposAlone(r *probes.Round) {
	r.Groups = []probes.Group{probes.GroupRepos}
	r.Results = slices.DeleteFunc(r.Results, func(x probes.Result) bool {
		return x.Target.Name != "ssm" && x.Target.Name != "s3" && x.Target.Name != "internet"
	})
	for i := range r.Results {
		r.Results[i].Target.Control, r.Results[i].Target.Required = true, false
	}
}
