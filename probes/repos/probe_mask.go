package repos

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"agentctl/probes/netpath"
)

// shortSecret: what has fewer bytes is no token, and stands in many a text.
const shortSecret = 6

// mask takes tokens out of the result. Of a page for a request with one nothing is
// kept: servers like to repeat the address, in any form and cut off anywhere.
func (a *asking) mask() {
	o := &a.out
	o.Repo.Base = slices.Clone(o.Repo.Base)
	for i := range o.Repo.Base {
		o.Repo.Base[i] = netpath.ShowURL(o.Repo.Base[i])
	}
	o.Repo.MirrorList, o.Repo.MetaLink = netpath.ShowURL(o.Repo.MirrorList), netpath.ShowURL(o.Repo.MetaLink)
	secrets := a.secrets()
	if len(secrets) == 0 {
		return
	}
	texts := []*string{&o.Detail, &o.URL, &o.Result.Target.URL}
	for i := range o.Redirects {
		texts = append(texts, &o.Redirects[i])
	}
	for i := range o.Result.Steps {
		texts = append(texts, &o.Result.Steps[i].Detail)
	}
	if h := o.Result.HTTP; h != nil {
		for _, s := range texts {
			if h.Title != "" {
				*s = strings.ReplaceAll(*s, h.Title, "***")
			}
		}
		h.Snippet, h.Title, h.Location = "", "", netpath.ShowURL(h.Location)
		texts = append(texts, &h.Location)
	}
	r := strings.NewReplacer(secrets...)
	for _, s := range texts {
		*s = r.Replace(*s)
	}
}

// secrets are the forms of the repository's tokens, the longest first, each with
// what stands for it.
func (a *asking) secrets() (pairs []string) {
	words := append(netpath.Secrets(a.repo.Query), a.repo.Query)
	for _, address := range append([]string{a.repo.MirrorList, a.repo.MetaLink}, a.repo.Base...) {
		if u, err := url.Parse(address); err == nil {
			words = append(words, netpath.Secrets(u.RawQuery)...)
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, w := range words {
		if len(w) < shortSecret {
			break
		}
		pairs = append(pairs, w, "***", url.QueryEscape(w), "***")
		if plain, err := url.QueryUnescape(w); err == nil {
			pairs = append(pairs, plain, "***")
		}
	}
	return pairs
}
