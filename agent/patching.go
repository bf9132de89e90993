package agent

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"

	"agentctl/probes"
	"agentctl/probes/hostcheck"
	"agentctl/probes/imds"
	"agentctl/probes/netpath"
	"agentctl/probes/patchruns"
	"agentctl/probes/repos"
)

// wants tells whether one of the groups was asked for.
func (r *round) wants(groups ...probes.Group) bool {
	return slices.ContainsFunc(groups, func(g probes.Group) bool { return slices.Contains(r.Round.Groups, g) })
}

// prerequisites reads what the package manager needs of this machine, beside the
// probing: logs of the kernel may be long.
func (r *round) prerequisites() {
	r.state = make(chan probes.HostState, 1)
	if !r.wants(probes.GroupHost) {
		r.state <- probes.HostState{}
		return
	}
	go func() { r.state <- hostcheck.Read(r.Options.Host, r.Round.Host, hostcheck.In{Root: r.RootFS}) }()
}

// patchRuns reads what earlier patch runs left. S3's targets depend on it, and what
// it reads on the region.
func (r *round) patchRuns() {
	if r.wants(probes.GroupS3, probes.GroupHost) {
		r.PatchRuns = patchruns.Read(r.Options.Host, r.Round.Host, patchruns.In{InstanceID: r.Metadata.InstanceID, Region: r.Round.Region.Name})
	}
}

// lastPayload is the address from which the newest run that names one fetched its
// payload.
func (r *round) lastPayload() string {
	for _, run := range r.PatchRuns.Runs {
		if run.PayloadURL != "" {
			return run.PayloadURL
		}
	}
	return ""
}

// repoConfig reads the package manager's configuration; some of its variables have
// the region in them.
func (r *round) repoConfig() {
	if r.wants(probes.GroupRepos) {
		r.RepoConfig = repos.Read(r.Options.Host, r.Round.Host, repos.Input{Region: r.Round.Region.Name, Env: r.Agent.RepoVars})
	}
}

// probeRepos asks the enabled repositories, and returns how many there are.
func (r *round) probeRepos(ctx context.Context, p *netpath.Prober, wait *sync.WaitGroup) int {
	n := 0
	for _, repo := range r.RepoConfig.Repos {
		if repo.Enabled {
			n++
		}
	}
	if n == 0 {
		return 0
	}
	wait.Go(func() {
		r.Repos = repos.Probe(ctx, p, r.RepoConfig, repos.ProbeInput{Host: r.Options.Host, Identity: r.identity, Environment: &r.Agent.Proxy})
		for _, repo := range r.Repos {
			r.done(repo.Result.Target.Name)
		}
	})
	return n
}

// identity asks the metadata service for what Red Hat's update servers let an
// instance in by.
func (r *round) identity(ctx context.Context) (document, signature []byte, err error) {
	return imds.Identity(ctx, r.imds())
}

func (r *round) imds() imds.Options {
	return imds.Options{Addr: imds.AddrFor(r.Round.Host), Dial: func(ctx context.Context, a netip.AddrPort) (net.Conn, probes.Conn) {
		return netpath.DialTCP(ctx, a, netpath.DialOptions{})
	}}
}
