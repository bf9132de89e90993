package repos

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/netpath"
)

// The times and numbers of one run.
const (
	// repoTime bounds one repository, list and metadata together.
	repoTime = 10 * time.Second
	// parallel is how many repositories are asked at once.
	parallel = 8
	// mirrorsTried is how many mirrors are asked before a repository counts as
	// failed. The package managers go on to the end of the list.
	mirrorsTried = 3
	// mirrorLate is when the next mirror is asked beside one that is silent: three
	// dead ones must not cost three times the wait for one.
	mirrorLate = 900 * time.Millisecond
)

// The stages at which a repository can end.
const (
	StageMirrorList = "mirrorlist"
	StageMetaLink   = "metalink"
	StageMetadata   = "metadata"
)

// ProbeInput is what probing needs beside the configuration.
type ProbeInput struct {
	// Host reads the authorities and certificates that repositories name.
	Host platform.Host
	// Identity returns the instance's identity document and its signature, as the
	// metadata service gives them (dynamic/instance-identity/document and
	// .../signature). It is called at most once, and only for RHUI. Nil: none.
	Identity func(context.Context) (document, signature []byte, err error)
	// Environment is the SSM Agent's proxy environment, which the patch script and
	// the package manager inherit: each reads it by rules of its own.
	Environment *probes.AgentProxy
	// Proxy stands for it where Environment is nil; nil: that of the Prober.
	Proxy func(probes.Target) (probes.ProxyURL, string)
}

// Probe asks every enabled repository for its metadata as its package manager
// does, all at the same time, and returns the results in the configuration's
// order. Each ends by itself within about 10 s.
func Probe(ctx context.Context, p *netpath.Prober, cfg probes.RepoConfig, in ProbeInput) []probes.RepoResult {
	s := &session{prober: p, in: in, manager: cfg.Manager,
		vars: &variables{values: cfg.Variables, syntax: syntaxPlain}}
	if s.in.Proxy == nil {
		s.in.Proxy = p.Proxy
	}
	var enabled []probes.Repo
	for _, repo := range cfg.Repos {
		if repo.Enabled {
			enabled = append(enabled, repo)
		}
	}
	out := make([]probes.RepoResult, len(enabled))
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, repo := range enabled {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i] = s.repo(ctx, repo)
		})
	}
	wg.Wait()
	return out
}

// session is one run of Probe.
type session struct {
	prober   *netpath.Prober
	in       ProbeInput
	manager  string
	vars     *variables
	identity sync.Once
	document map[string][]string // the identity's header lines
	noDoc    string              // why there are none
}

// asking is one repository under way.
type asking struct {
	*session
	repo     probes.Repo
	first    string // what the package manager asks first
	material material
	direct   bool                // without the environment's proxy
	header   map[string][]string // for RHUI
	noHeader string              // why there is none
	out      probes.RepoResult
}

func (s *session) repo(parent context.Context, repo probes.Repo) probes.RepoResult {
	ctx, cancel := context.WithTimeout(parent, repoTime)
	defer cancel()
	begin := time.Now()
	a := &asking{session: s, repo: repo, first: firstURL(&repo)}
	a.out.Repo = repo
	a.out.Result.Target = a.target(netpath.ShowURL(a.first))
	if !a.ready() {
		a.mask()
		return a.out
	}
	if repo.RHUI {
		a.header, a.noHeader = s.rhuiHeader(ctx)
	}
	a.run(ctx)
	a.knownGood(ctx)
	if _, _, agent := a.proxyFor(a.first); agent && a.out.Reason != probes.OK && ctx.Err() == nil {
		direct := *a
		direct.direct, direct.out = true, probes.RepoResult{}
		direct.run(ctx)
		a.out.Direct = direct.out.Reason
	}
	if parent.Err() == nil && a.out.Reason == probes.Canceled {
		a.out.Reason, a.out.Detail = probes.Timeout, "no answer within "+repoTime.String()
		a.out.Result.State = probes.Down
		if n := len(a.out.Result.Steps); n > 0 {
			last := &a.out.Result.Steps[n-1]
			last.State, last.Reason, last.Detail = probes.Down, probes.Timeout, a.out.Detail
		}
	}
	a.unknownLogin()
	a.out.Repo.Internet = repo.Internet && !a.private()
	a.out.Result.Duration = time.Since(begin).Seconds()
	a.mask()
	return a.out
}

// private tells whether the name that decided resolves to private addresses: a
// mirror of the owner's own, however it is called.
func (a *asking) private() bool {
	addrs := a.out.Result.Addresses
	if len(addrs) == 0 {
		return false
	}
	for _, addr := range addrs {
		if !probes.Private(addr) && !addr.IsLoopback() {
			return false
		}
	}
	return true
}

// ready tells whether there is something to ask. What stands in the way is the
// configuration's fault or this run's, and no measurement.
func (a *asking) ready() bool {
	unknown := func(reason probes.Reason, state probes.State, why string) bool {
		a.out.Result.State, a.out.Reason, a.out.Detail = state, reason, why
		return false
	}
	if a.repo.Problem != "" || a.first == "" && a.repo.Unprobed == "" {
		return unknown(probes.SkippedReason, probes.Skipped, a.repo.Problem)
	}
	a.out.Stage = a.firstStage()
	a.out.URL = netpath.ShowURL(a.first)
	switch {
	case a.repo.Unprobed != "":
		return unknown(probes.SkippedReason, probes.Unknown, a.repo.Unprobed)
	case a.repo.ProxyUnknown != "":
		return unknown(probes.SkippedReason, probes.Unknown, "the proxy is not known: "+a.repo.ProxyUnknown)
	}
	a.material = a.load(a.repo)
	a.out.Certificate = a.material.state
	return true
}

func (a *asking) firstStage() string {
	switch {
	case a.repo.MetaLink != "":
		return StageMetaLink
	case a.repo.MirrorList != "":
		return StageMirrorList
	}
	return StageMetadata
}

// firstURL is what the package manager asks first.
func firstURL(repo *probes.Repo) string {
	for _, s := range append([]string{repo.MetaLink, repo.MirrorList}, repo.Base...) {
		if s != "" {
			return s
		}
	}
	return ""
}

func (a *asking) target(address string) probes.Target {
	t := probes.Target{Name: "repo:" + a.repo.ID, Group: probes.GroupRepos, URL: address, Required: a.repo.Required,
		Because: a.repo.Because, Answer: probes.AnswerRepo, Client: probes.ClientScript}
	if u, err := url.Parse(address); err == nil {
		t.AWS = awsHost(u.Hostname())
	}
	return t
}

// usableMirrors keeps the addresses that can be asked.
func usableMirrors(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		u, err := url.Parse(s)
		// What stands behind # is parsed without regard to what it is.
		if err != nil || strings.ContainsFunc(s, unicode.IsControl) {
			return true
		}
		return u.Scheme != "file" && (u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "")
	})
}
