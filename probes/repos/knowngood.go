package repos

import (
	"context"
	"net/url"
	"strings"

	"agentctl/probes"
)

// knownKeys are objects of Amazon Linux's buckets that exist for every release.
// S3 answers 403 for a missing one as for a policy that denies, and only such a
// key tells the two apart.
var knownKeys = []struct{ prefix, key string }{
	{"/core/", "/core/mirrors/latest/$basearch/mirror.list"}, // Amazon Linux 2023
	{"/kernel-livepatch/", "/core/mirrors/latest/$basearch/mirror.list"},
	{"/2/", "/2/core/latest/$basearch/mirror.list"}, // Amazon Linux 2
}

// knownGood asks for the known key of a host in S3 that answered 403 or 404.
func (a *asking) knownGood(ctx context.Context) {
	if a.out.Reason != probes.AccessDenied && a.out.Reason != probes.NotFound || ctx.Err() != nil {
		return
	}
	u, err := url.Parse(a.out.URL)
	if err != nil || !awsHost(u.Hostname()) || !strings.Contains(u.Hostname(), "repos-") {
		return
	}
	for _, k := range knownKeys {
		if !strings.HasPrefix(u.Path, k.prefix) {
			continue
		}
		key := a.vars.expand(k.key)
		if key == u.Path {
			a.out.KnownGood = a.out.Reason
			return
		}
		if len(unset(key)) > 0 {
			return
		}
		f := a.fetch(ctx, u.Scheme+"://"+u.Host+key, maxList, nil)
		a.out.KnownGood = f.Reason
		return
	}
}
