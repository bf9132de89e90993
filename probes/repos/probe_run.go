package repos

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"agentctl/probes"
	"agentctl/probes/netpath"
)

// candidate is one place where the metadata may lie.
type candidate struct {
	base string
	link *Metalink // that named it, nil without one
}

// run asks for the list of mirrors, and then for the metadata.
func (a *asking) run(ctx context.Context) {
	var listed []candidate
	asked, ok := false, false
	// dnf takes one list, the metalink before the mirror list (libdnf/repo/Repo.cpp,
	// lrHandleInitRemote); yum takes both.
	if a.repo.MetaLink != "" {
		asked = true
		listed, ok = a.list(ctx, StageMetaLink, a.repo.MetaLink)
	}
	if a.repo.MirrorList != "" && (!asked || a.repo.Manager == "yum") {
		asked = true
		more, good := a.list(ctx, StageMirrorList, a.repo.MirrorList)
		listed, ok = append(listed, more...), ok || good
	}
	var based []candidate
	if _, bad := noAddress(a.repo.Base); !bad || a.repo.Manager == "yum" {
		for _, b := range a.repo.Base {
			based = append(based, candidate{base: a.vars.expand(b)})
		}
	}
	all := append(listed, based...)
	if a.repo.Manager == "yum" { // yumRepo.py, _baseurlSetup
		all = append(based, listed...)
	}
	if len(all) == 0 { // the list's own failure stands
		return
	}
	// A list that fails is no failure where there are addresses beside it
	// (librepo/handle.c, lr_handle_prepare_internal_mirrorlist).
	note := ""
	if asked && !ok {
		note = a.out.Stage + ": " + string(a.out.Reason)
	}
	a.metadata(ctx, all)
	if note != "" {
		a.out.Detail = strings.TrimPrefix(a.out.Detail+"; "+note, "; ")
	}
}

// list asks for a list of mirrors.
func (a *asking) list(ctx context.Context, stage, address string) ([]candidate, bool) {
	if strings.HasPrefix(address, "/") || strings.HasPrefix(address, "file:") {
		return a.localList(stage, address)
	}
	if u, err := url.Parse(address); err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		a.take(stage, a.unusable(outcome{}, address).fetch)
		return nil, false
	}
	var out []candidate
	f := a.fetch(ctx, address, maxList, func(_ int, body []byte) (probes.Reason, string) {
		var why string
		out, why = a.readList(stage, address, body)
		if why != "" {
			return probes.BadContent, why
		}
		return probes.OK, ""
	})
	if f.Reason == probes.OK && f.Cut {
		f.Detail = fmt.Sprintf("the first %d bytes of a longer list", maxList)
	}
	a.take(stage, f)
	if f.Reason != probes.OK {
		out = nil
	}
	a.out.Mirrors = len(out)
	return out, f.Reason == probes.OK
}

// localList reads a list that lies on this machine.
func (a *asking) localList(stage, address string) ([]candidate, bool) {
	data, err := a.in.Host.ReadFile(localPath(address), maxList)
	a.out.Stage, a.out.URL = stage, address
	var out []candidate
	why := "cannot be read"
	if err == nil {
		out, why = a.readList(stage, address, data)
	}
	a.local(err, why)
	a.out.Mirrors = len(out)
	return out, a.out.Reason == probes.OK
}

// local records the outcome of a document on this machine.
func (a *asking) local(err error, why string) {
	o := &a.out
	o.Detail, o.Reason, o.Result.State = why, probes.OK, probes.Up
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.Reason, o.Result.State = probes.NotFound, probes.Down
	case err != nil:
		o.Reason, o.Result.State = probes.SkippedReason, probes.Unknown
	case why != "":
		o.Reason, o.Result.State = probes.BadContent, probes.Down
	}
}

func localPath(s string) string {
	s = strings.TrimPrefix(s, "file://")
	return strings.TrimPrefix(s, "file:")
}

// readList reads a mirror list or a metalink; the text says what is wrong. Some
// repositories name a metalink as their mirror list; dnf and yum both notice by
// the word in its address.
func (a *asking) readList(stage, address string, body []byte) ([]candidate, string) {
	var out []candidate
	if stage == StageMetaLink || strings.Contains(address, "metalink") {
		link, err := ParseMetalink(body)
		if err == nil {
			for _, u := range usableMirrors(link.URLs) {
				base := strings.TrimSuffix(u, "repodata/repomd.xml")
				out = append(out, candidate{a.vars.expand(base), &link})
			}
		} else if stage == StageMetaLink {
			return nil, "not a metalink: " + printableText(err.Error())
		}
	}
	if out == nil && stage == StageMirrorList {
		for _, u := range ParseMirrorList(body) {
			if a.repo.Manager == "yum" { // yumRepo.py, _readMirrorList
				u = strings.TrimSpace(u)
			}
			for _, u := range usableMirrors([]string{a.vars.expand(u)}) {
				out = append(out, candidate{base: u})
			}
		}
	}
	if len(out) == 0 {
		return nil, "no mirror in it"
	}
	return out, ""
}

// outcome is how one mirror fared.
type outcome struct {
	at    int
	fetch netpath.FetchResult
	md    Repomd
	// checked: a metalink's checksum was compared.
	checked bool
	local   func() // set for a mirror on this machine
}

// final: the package manager asks no further mirror. librepo takes whatever
// comes with a 2xx status, and only a checksum of a metalink makes it try the
// next one; that the document is no index is noticed too late for that. yum
// looks into it first (yumRepo.py, _getFileRepoXML).
func (o *outcome) final(manager string) bool {
	return o.fetch.Reason == probes.OK || manager != "yum" && o.fetch.Status/100 == 2 && !o.checked &&
		(o.fetch.Reason == probes.BadContent || o.fetch.Reason == probes.NotAWS)
}

// metadata asks the mirrors in order. The next one is asked when one has failed
// or is late; the first whose answer is final decides, and where none is, the
// first.
func (a *asking) metadata(ctx context.Context, all []candidate) {
	n := min(len(all), mirrorsTried)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan outcome, n)
	failed := make([]*outcome, n)
	started, ended := 0, 0
	start := func() {
		i := started
		started++
		go func() { results <- a.mirror(ctx, i, all[i]) }()
	}
	start()
	late := time.NewTicker(mirrorLate)
	defer late.Stop()
	var good *outcome
	for ended < started {
		select {
		case o := <-results:
			ended++
			if o.final(a.repo.Manager) && good == nil {
				good = &o
				cancel() // the others end at once
				continue
			}
			failed[o.at] = &o
			if good == nil && started < n {
				start()
				late.Reset(mirrorLate)
			}
		case <-late.C:
			if good == nil && started < n && ctx.Err() == nil {
				start()
			}
		}
	}
	best := good
	if best == nil {
		best = failed[0]
	}
	a.take(StageMetadata, best.fetch)
	if best.local != nil {
		best.local()
	}
	a.out.Tried, a.out.Revision = started, best.md.Revision
	if a.out.Reason != probes.OK && good == nil && len(all) > started {
		a.out.Detail += fmt.Sprintf(" (%d of %d mirrors asked)", started, len(all))
	}
}

// mirror asks one place for the metadata.
func (a *asking) mirror(ctx context.Context, at int, c candidate) outcome {
	address := joinURL(c.base, a.repo.Metadata[0])
	o := outcome{at: at, checked: c.link != nil && c.link.told()}
	if strings.HasPrefix(address, "file:") {
		return a.localMirror(o, address, c)
	}
	if u, err := url.Parse(address); err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return a.unusable(o, address)
	}
	o.fetch = a.fetch(ctx, address, maxRepomd, func(_ int, body []byte) (probes.Reason, string) {
		md, reason, why := checkRepomd(body, c.link)
		o.md = md
		return reason, why
	})
	if o.fetch.Reason == probes.OK && o.fetch.Cut {
		o.fetch.Reason, o.fetch.Detail = probes.BadContent, "larger than any repository's index"
		o.fetch.Result.State = probes.Down
	}
	return o
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
func (a *asking) localMirror(o outcome, address string, c candidate) outcome {
	data, err := a.in.Host.ReadFile(localPath(address), maxRepomd)
	why := "cannot be read"
	if err == nil {
		o.md, o.fetch.Reason, why = checkRepomd(data, c.link)
	}
	if err == nil && o.fetch.Reason == probes.OK {
		o.fetch.Reason = probes.OK
	} else {
		o.fetch.Reason = probes.NotFound
	}
	o.fetch.URL, o.fetch.Body = address, data
	o.fetch.Result = probes.Result{Target: a.target(address)}
	o.local = func() { a.local(err, why) }
	return o
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
