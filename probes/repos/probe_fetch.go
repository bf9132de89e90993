package repos

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"agentctl/probes"
	"agentctl/probes/netpath"
)

// aptRedirects bounds those of apt, which itself goes on until one comes again
// (methods/basehttp.cc).
const aptRedirects = 30

// fetch downloads one document of the repository.
func (a *asking) fetch(ctx context.Context, address string, limit int64, check func(int, []byte) (probes.Reason, string)) netpath.FetchResult {
	if a.material.reason != "" && strings.HasPrefix(address, "https:") {
		return a.unfit(address)
	}
	req := netpath.FetchRequest{
		Target: a.target(address),
		Roots:  a.material.roots, Insecure: !a.repo.SSLVerify, AnyName: a.repo.AnyName, Certificate: a.material.cert,
		Limit: limit, Check: check,
	}
	req.Proxy, req.ProxySource, _ = a.proxyFor(address)
	if a.loginFor(address) {
		req.User, req.Password = a.repo.User, a.repo.Password
	}
	if a.repo.Manager == "apt" {
		req.Redirects, req.KeepTLS = aptRedirects, true
	}
	if a.repo.NoRedirect {
		req.Redirects = -1
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

// loginFor tells whether the repository's user and password are for an address.
// dnf and yum send them to every mirror; apt and zypper look them up by address,
// and what was found is for the first one's host.
func (a *asking) loginFor(address string) bool {
	if a.repo.Manager == "dnf" || a.repo.Manager == "yum" {
		return true
	}
	u, err := url.Parse(address)
	first, wrong := url.Parse(a.first)
	return err == nil && wrong == nil && strings.EqualFold(u.Host, first.Host)
}

// unknownLogin: a server that wants credentials says nothing where there may be
// some that this run does not have.
func (a *asking) unknownLogin() {
	o := &a.out
	refused := o.Reason == probes.Unauthorized || o.Reason == probes.AccessDenied || o.Reason == probes.ProxyAuth && a.repo.Manager == "apt"
	if !refused || o.Status == 0 || !a.repo.AuthUnknown && (a.repo.User == "" || a.loginFor(o.URL)) {
		return
	}
	why := "there may be credentials for it that this user may not read"
	if !a.repo.AuthUnknown {
		why = "credentials for this host are not looked up"
	}
	o.Detail = fmt.Sprintf("HTTP %d, which says nothing: %s", o.Status, why)
	o.Reason, o.Result.State = probes.SkippedReason, probes.Unknown
	if n := len(o.Result.Steps); n > 0 {
		last := &o.Result.Steps[n-1]
		last.State, last.Reason, last.Detail = probes.Unknown, probes.SkippedReason, o.Detail
	}
}
