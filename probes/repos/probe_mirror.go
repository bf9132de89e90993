package repos

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/netpath"
)

// metadata asks for the metadata. apt asks all mirrors for one name before it asks
// any for the next; the others ask a mirror for all names.
func (a *asking) metadata(ctx context.Context, all []candidate) {
	if a.repo.Manager != "apt" {
		a.race(all).run(ctx, a.repo.Metadata)
		return
	}
	for i, name := range a.repo.Metadata {
		before := a.out
		r := a.race(all)
		r.run(ctx, []string{name})
		if i > 0 && a.out.Reason != probes.OK && before.Reason != probes.NotFound {
			a.out = before
		}
		if !slices.ContainsFunc(r.ended, func(o *outcome) bool { return a.goesOn(o) }) {
			break
		}
	}
}

// goesOn tells whether the next name is asked for after this outcome.
func (a *asking) goesOn(o *outcome) bool {
	return nextName(a.repo, o.fetch.Reason, o.fetch.Status, o.fetch.Body)
}

// mirror asks one place for the metadata, by each of its names until one is
// there. The failure that says most counts: that a file is not there only where
// nothing else was wrong.
func (a *asking) mirror(ctx context.Context, c candidate, names []string) outcome {
	var out outcome
	for i, name := range names {
		o := a.document(ctx, c, name)
		if a.repo.Manager == "apt" && path.Base(name) == "Release" && o.fetch.Reason == probes.OK {
			o = a.signed(ctx, c, name, o)
		}
		if i == 0 || o.fetch.Reason == probes.OK || out.fetch.Reason == probes.NotFound {
			out = o
		}
		if !a.goesOn(&o) {
			break
		}
	}
	if a.repo.Manager == "zypper" && out.fetch.Reason == probes.NotFound && a.folder(c.base) {
		out.fetch.Reason, out.fetch.Result.State = probes.OK, probes.Up
		out.fetch.Detail = "a folder of packages without metadata"
	}
	return out
}

// folder tells whether a base address is a folder of this machine. zypper takes one
// without metadata too (zypp/repo/RepoType, RPMPLAINDIR).
func (a *asking) folder(base string) bool {
	if !strings.HasPrefix(base, "file:") {
		return false
	}
	info, err := a.in.Host.Stat(strings.TrimSuffix(localPath(base), "/"))
	return err == nil && info.IsDir()
}

// signed asks for the signature that lies beside a Release file. Without one apt
// refuses the repository, unless it was told not to; a page in its place it
// refuses in any case.
func (a *asking) signed(ctx context.Context, c candidate, name string, release outcome) outcome {
	o := a.document(ctx, c, name+".gpg")
	switch {
	case o.fetch.Reason == probes.OK, a.repo.Unsigned && o.fetch.Status/100 != 2:
		return release
	case o.fetch.Reason == probes.NotFound:
		refuse(&release.fetch, "not signed: there is neither InRelease nor Release.gpg")
		return release
	}
	return o
}

// document asks for one file of the metadata.
func (a *asking) document(ctx context.Context, c candidate, name string) outcome {
	o := outcome{checked: c.link != nil && c.link.told()}
	address := withQuery(a.join(c.base, name), c.query)
	if strings.HasPrefix(address, "file:") {
		return a.localMirror(o, address, name, c)
	}
	if u, err := url.Parse(address); err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return a.unusable(o, address)
	}
	limit := a.limit()
	o.fetch = a.fetch(ctx, address, limit, func(_ int, body []byte) (probes.Reason, string) {
		reason, why := a.check(&o, c, name, body)
		return reason, why
	})
	if o.fetch.Status/100 == 2 && o.fetch.Cut && int64(len(o.fetch.Body)) == limit {
		refuse(&o.fetch, "larger than any repository's index")
	}
	return o
}

// refuse makes a document that came one that cannot be used.
func refuse(f *netpath.FetchResult, why string) {
	f.Reason, f.Detail, f.Result.State = probes.BadContent, why, probes.Down
	if n := len(f.Result.Steps); n > 0 {
		last := &f.Result.Steps[n-1]
		last.State, last.Reason, last.Detail = probes.Down, probes.BadContent, fmt.Sprintf("HTTP %d, %s", f.Status, why)
	}
}

// limit is the greatest size in bytes of a file of the metadata.
func (a *asking) limit() int64 {
	if a.repo.Manager == "apt" {
		return maxRelease
	}
	return maxRepomd
}

// check judges a file of the metadata as the package manager does.
func (a *asking) check(o *outcome, c candidate, name string, body []byte) (reason probes.Reason, why string) {
	if a.repo.Manager == "apt" || a.repo.Manager == "zypper" {
		reason, why, o.revision = CheckMetadata(a.repo, name, body, a.in.Host.Now())
		return reason, why
	}
	md, reason, why := checkRepomd(body, c.link)
	o.revision = md.Revision
	return reason, why
}

// join puts a file's name below a base address.
func (a *asking) join(base, name string) string {
	if a.repo.Manager == "apt" { // which puts them together as they are
		return base + name
	}
	return joinURL(base, name)
}

// withQuery adds a query to an address.
func withQuery(address, query string) string {
	switch {
	case query == "":
		return address
	case strings.Contains(address, "?"):
		return address + "&" + query
	}
	return address + "?" + query
}

// unusable is an address that cannot be asked: a variable without a value, or a
// scheme that is not probed.
func (a *asking) unusable(o outcome, address string) outcome {
	o.fetch.URL = printableText(netpath.ShowURL(address))
	o.fetch.Result = probes.Result{Target: a.target(o.fetch.URL), State: probes.Down}
	o.fetch.Reason, o.fetch.Detail = probes.Malformed, "the address cannot be used"
	if names := unset(address); len(names) > 0 {
		o.fetch.Detail += ": no value for $" + strings.Join(names, ", $")
	}
	if u, err := url.Parse(address); err == nil && u.Scheme == "ftp" {
		o.fetch.Result.State, o.fetch.Reason = probes.Unknown, probes.SkippedReason
		o.fetch.Detail = "ftp is not probed"
	}
	return o
}

// localMirror reads metadata that lies on this machine.
func (a *asking) localMirror(o outcome, address, name string, c candidate) outcome {
	data, err := a.in.Host.ReadFile(localPath(address), a.limit())
	reason, why := probes.Internal, "cannot be read"
	if err == nil {
		reason, why = a.check(&o, c, name, data)
	}
	o.fetch.URL, o.fetch.Body = address, data
	o.fetch.Result = probes.Result{Target: a.target(address)}
	o.fetch.Reason, o.fetch.Result.State = localReason(err, reason)
	o.fetch.Detail = why
	return o
}

// localReason is the outcome of reading a document on this machine.
func localReason(err error, found probes.Reason) (probes.Reason, probes.State) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return probes.NotFound, probes.Down
	case errors.Is(err, platform.ErrTooLarge):
		return probes.BadContent, probes.Down
	case err != nil:
		return probes.SkippedReason, probes.Unknown
	case found != probes.OK:
		return found, probes.Down
	}
	return probes.OK, probes.Up
}

func localPath(s string) string {
	s = strings.TrimPrefix(s, "file://")
	return strings.TrimPrefix(s, "file:")
}

// joinURL puts a path below a base address, before its query.
func joinURL(base, path string) string {
	base, query, has := strings.Cut(base, "?")
	base = strings.TrimRight(base, "/") + "/" + path
	if has {
		base += "?" + query
	}
	return base
}
