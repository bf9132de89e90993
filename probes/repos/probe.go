package repos

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

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
	// Proxy is the SSM Agent's proxy for a target, for repositories without one of
	// their own; nil: that of the Prober.
	Proxy func(probes.Target) (probes.ProxyURL, string)
}

// Probe asks every enabled repository of dnf or yum for its metadata, all at
// the same time, and returns the results in the configuration's order. Each
// ends by itself within about 10 s.
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
	material material
	proxy    probes.ProxyURL
	source   string
	header   map[string][]string // for RHUI
	noHeader string              // why there is none
	out      probes.RepoResult
}

func (s *session) repo(parent context.Context, repo probes.Repo) probes.RepoResult {
	ctx, cancel := context.WithTimeout(parent, repoTime)
	defer cancel()
	begin := time.Now()
	a := &asking{session: s, repo: repo}
	a.out.Repo = repo
	a.out.Result.Target = a.target(firstURL(&repo))
	if !a.ready() {
		return a.out
	}
	a.proxy, a.source = repo.Proxy, repo.ProxySource
	agent := false
	if a.proxy == "" && s.in.Proxy != nil && !(repo.NoProxy && repo.Manager == "yum") {
		// What dnf makes of proxy=_none_ is no proxy of its own, and libcurl then
		// takes the environment's; yum tells it to take none.
		a.proxy, a.source = s.in.Proxy(a.out.Result.Target)
		agent = a.proxy != ""
	}
	if repo.RHUI {
		a.header, a.noHeader = s.rhuiHeader(ctx)
	}
	a.run(ctx)
	a.knownGood(ctx)
	if agent && a.out.Reason != probes.OK && ctx.Err() == nil {
		direct := &asking{session: s, repo: repo, material: a.material, header: a.header, noHeader: a.noHeader}
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
	a.out.Repo.Internet = repo.Internet && !a.private()
	a.out.Result.Duration = time.Since(begin).Seconds()
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
	first := firstURL(&a.repo)
	if a.repo.Problem != "" || first == "" {
		return unknown(probes.SkippedReason, probes.Skipped, a.repo.Problem)
	}
	a.out.Stage = a.firstStage()
	a.out.URL = netpath.ShowURL(first)
	if a.repo.Unprobed != "" {
		return unknown(probes.SkippedReason, probes.Unknown, a.repo.Unprobed)
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

// fetch downloads one document of the repository.
func (a *asking) fetch(ctx context.Context, address string, limit int64, check func(int, []byte) (probes.Reason, string)) netpath.FetchResult {
	if a.material.reason != "" && strings.HasPrefix(address, "https:") {
		return a.unfit(address)
	}
	req := netpath.FetchRequest{
		Target: a.target(address), User: a.repo.User, Password: a.repo.Password,
		Roots: a.material.roots, Insecure: !a.repo.SSLVerify, AnyName: a.repo.AnyName, Certificate: a.material.cert,
		Proxy: a.proxy, ProxySource: a.source, Limit: limit, Check: check,
	}
	if u, err := url.Parse(address); err == nil && a.repo.RHUI && rhuiURL(u) && a.repo.SSLVerify {
		req.Header, req.HeaderTo = a.header, rhuiURL
	}
	return a.prober.Fetch(ctx, req)
}

// unfit is a request over TLS that cannot be tried for lack of a file that the
// repository names. What this run may not read says nothing.
func (a *asking) unfit(address string) netpath.FetchResult {
	f := netpath.FetchResult{Reason: a.material.reason, Detail: a.material.why, URL: netpath.ShowURL(address)}
	f.Result = probes.Result{Target: a.target(f.URL), State: probes.Down}
	if f.Reason == probes.SkippedReason {
		f.Result.State = probes.Unknown
	}
	return f
}

// take makes a fetch's outcome the repository's.
func (a *asking) take(stage string, f netpath.FetchResult) {
	o := &a.out
	o.Result, o.Stage, o.URL, o.Reason, o.Status, o.Detail = f.Result, stage, f.URL, f.Reason, f.Status, f.Detail
	o.Bytes = len(f.Body)
	o.Redirects = nil
	for _, h := range f.Hops {
		o.Redirects = append(o.Redirects, h.URL)
	}
	if a.material.note != "" && f.Reason != probes.OK {
		o.Detail = strings.TrimPrefix(o.Detail+", client certificate "+a.material.note, ", ")
	}
	if a.repo.RHUI && a.noHeader != "" && (f.Reason == probes.AccessDenied || f.Reason == probes.Unauthorized) {
		o.Detail = strings.TrimSpace(o.Detail + ", asked without the instance's identity: " + a.noHeader)
	}
}

// usableMirrors keeps the addresses that can be asked.
func usableMirrors(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		u, err := url.Parse(s)
		if err != nil {
			return true
		}
		return u.Scheme != "file" && (u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "")
	})
}
