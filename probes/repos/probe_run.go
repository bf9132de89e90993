package repos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// candidate is one place where the metadata may lie.
type candidate struct {
	base  string
	query string    // what every request bears after the path
	link  *Metalink // that named it and whose checksums count, nil without one
}

// run asks for the list of mirrors, and then for the metadata.
func (a *asking) run(ctx context.Context) {
	if a.repo.Manager == "apt" || a.repo.Manager == "zypper" {
		a.runPlain(ctx)
		return
	}
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

// runPlain is what apt and zypper do: they have a list or addresses, never both.
// Variables are filled in when they are read.
func (a *asking) runPlain(ctx context.Context) {
	var all []candidate
	switch {
	case a.repo.MetaLink != "":
		all, _ = a.list(ctx, StageMetaLink, withQuery(a.repo.MetaLink, a.repo.Query))
	case a.repo.MirrorList != "":
		all, _ = a.list(ctx, StageMirrorList, withQuery(a.repo.MirrorList, a.repo.Query))
	default:
		for _, b := range a.repo.Base {
			all = append(all, candidate{base: b, query: a.repo.Query})
		}
	}
	if len(all) > 0 {
		a.metadata(ctx, all)
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
	if errors.Is(err, platform.ErrTooLarge) {
		err = nil // its beginning is enough
	}
	var out []candidate
	reason, why := probes.OK, "cannot be read"
	if err == nil {
		if out, why = a.readList(stage, address, data); why != "" {
			reason = probes.BadContent
		}
	}
	a.out.Reason, a.out.Result.State = localReason(err, reason)
	a.out.Detail, a.out.Mirrors = why, len(out)
	return out, a.out.Reason == probes.OK
}

// readList reads a mirror list or a metalink; the text says what is wrong. Some
// repositories name a metalink as their mirror list; dnf and yum both notice by
// the word in its address.
func (a *asking) readList(stage, address string, body []byte) ([]candidate, string) {
	var out []candidate
	if a.repo.Manager == "apt" {
		for _, u := range usableMirrors(AptMirrors(body, true)) {
			out = append(out, candidate{base: u})
		}
	} else if stage == StageMetaLink || strings.Contains(address, "metalink") {
		link, err := ParseMetalink(body)
		if err == nil {
			for _, u := range usableMirrors(link.URLs) {
				c := candidate{base: a.vars.expand(strings.TrimSuffix(u, "repodata/repomd.xml"))}
				if a.repo.Manager != "zypper" { // which takes the addresses alone
					c.link = &link
				}
				out = append(out, c)
			}
		} else if stage == StageMetaLink {
			return nil, "not a metalink: " + printableText(err.Error())
		}
	}
	if out == nil && stage == StageMirrorList && a.repo.Manager != "apt" {
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
