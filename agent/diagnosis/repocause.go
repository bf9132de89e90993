package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/agent/words"
	"agentctl/probes"
)

// cause are required repositories that fail alike, and those beside them at the same
// host that are not required.
type cause struct {
	key      string
	required []*probes.RepoResult
	others   []*probes.RepoResult
}

// causes sorts failing repositories by what they have in common: the same key, or the
// same host. What is not required does not make a cause of its own.
func causes(rs []*probes.RepoResult, key func(*probes.RepoResult) string) []*cause {
	var out []*cause
	for _, rr := range rs {
		if !rr.Repo.Required {
			continue
		}
		i := slices.IndexFunc(out, func(c *cause) bool { return c.key == key(rr) || c.hasHost(rr) })
		if i < 0 {
			out = append(out, &cause{key: key(rr)})
			i = len(out) - 1
		}
		out[i].required = append(out[i].required, rr)
	}
	for _, rr := range rs {
		if i := slices.IndexFunc(out, func(c *cause) bool { return c.hasHost(rr) }); !rr.Repo.Required && i >= 0 {
			out[i].others = append(out[i].others, rr)
		}
	}
	return out
}

func (c *cause) hasHost(rr *probes.RepoResult) bool {
	return slices.ContainsFunc(c.required, func(x *probes.RepoResult) bool { return repoHost(x) == repoHost(rr) && repoHost(rr) != "" })
}

func (c *cause) all() []*probes.RepoResult { return append(slices.Clone(c.required), c.others...) }

// oneCause is a key by which all that fail are alike.
func oneCause(*probes.RepoResult) string { return "" }

// addRepo records a finding about the repositories of a cause.
func (v *view) addRepo(f Finding, c *cause) {
	for _, rr := range c.required {
		f.Targets = append(f.Targets, rr.Result.Target.Name)
	}
	f.Severity = Critical
	f.Evidence = append(v.repoEvidence(c.all()), f.Evidence...)
	var claims []string
	for _, rr := range c.others {
		claims = append(claims, rr.Result.Target.Name)
	}
	v.add(f, claims...)
}

// repoHost is the host that decided; "" for files of this machine.
func repoHost(rr *probes.RepoResult) string {
	if strings.HasPrefix(rr.URL, "file:") || strings.HasPrefix(rr.URL, "/") {
		return ""
	}
	return hostOf(&rr.Result)
}

// repoHosts are the hosts of several repositories, each once.
func repoHosts(rs []*probes.RepoResult) string {
	var hs []string
	for _, rr := range rs {
		if h := repoHost(rr); h != "" {
			hs = append(hs, h)
		}
	}
	return list(dedup(hs))
}

func repoIDs(rs []*probes.RepoResult) []string {
	var out []string
	for _, rr := range rs {
		out = append(out, rr.Repo.ID)
	}
	return out
}

// consequence says what patching loses with required repositories.
func (v *view) consequence(rs []*probes.RepoResult) string {
	manager := rs[0].Repo.Manager
	stops := slices.ContainsFunc(rs, func(rr *probes.RepoResult) bool { return !rr.Repo.Skip })
	others := slices.ContainsFunc(v.r.Repos, func(rr probes.RepoResult) bool { return rr.Repo.Own && rr.Result.State == probes.Up })
	switch {
	case stops && (manager == "dnf" || manager == "yum"):
		return fmt.Sprintf("%s stops where a repository fails whose skip_if_unavailable is off, so nothing is patched.", manager)
	case others:
		return fmt.Sprintf("%s goes on without: those updates are missing, and Patch Manager may say Compliant all the same.", manager)
	}
	return "Without the distribution's own repositories patching finds nothing to install, and Patch Manager may say Compliant all the same."
}

// agree is the form of a verb for so many.
func agree(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// repoEvidence is one line for what several repositories have in common.
func (v *view) repoEvidence(rs []*probes.RepoResult) []Evidence {
	var out []Evidence
	for _, rr := range rs {
		out = append(out, Evidence{rr.Result.Target.Name, v.repoSeen(rr)})
		if rr.Direct == probes.OK {
			out = append(out, Evidence{rr.Result.Target.Name, "without the SSM Agent's proxy it works, so it does by hand too"})
		}
	}
	if out = v.sameRepos(out); len(out) > evidenceLines {
		more := len(out) - evidenceLines
		out = append(out[:evidenceLines], Evidence{"and", words.Count(more, "more line") + " like these"})
	}
	return out
}

// evidenceLines is how many lines about repositories a reader wants to see.
const evidenceLines = 8

// sameRepos joins lines about repositories that say the same.
func (v *view) sameRepos(in []Evidence) []Evidence {
	var out []Evidence
	for _, e := range in {
		i := slices.IndexFunc(out, func(o Evidence) bool { return o.Value == e.Value && strings.HasPrefix(o.What, "repo:") })
		if i < 0 || !strings.HasPrefix(e.What, "repo:") {
			out = append(out, e)
			continue
		}
		out[i].What += ", " + e.What
	}
	return out
}

// repoSeen is what was seen of a repository that fails: the step that stopped it.
func (v *view) repoSeen(rr *probes.RepoResult) string {
	r := &rr.Result
	step, failed := r.Failed()
	detail := func(s string) string {
		d := strings.TrimPrefix(rr.Detail, fmt.Sprintf("HTTP %d, ", rr.Status))
		if d == "" || strings.Contains(s, d) {
			return s
		}
		return s + "; " + d
	}
	switch {
	case !failed:
		return orText(strings.TrimPrefix(rr.URL+": "+orText(rr.Detail, strings.ReplaceAll(string(rr.Reason), "_", " ")), ": "), "fails")
	case step.Phase == probes.PhaseDNS && r.Name != nil:
		s := fmt.Sprintf("%s: resolver %s says %s", hostOf(r), byName(v, r), dnsWords(r.Name.Reason))
		if known, reason, asked := v.vpcSays(r); asked && !v.byVPC(r) {
			s += "; the VPC resolver says " + orText(addrList(known), dnsWords(reason))
		}
		return s
	case step.Phase == probes.PhaseProxy && r.Proxy != nil:
		return fmt.Sprintf("%s: the proxy %s fails (%s)", hostOf(r), r.Proxy.URL, orText(step.Detail, strings.ReplaceAll(string(step.Reason), "_", " ")))
	case step.Phase == probes.PhaseTCP:
		s := v.pathEvidence([]*probes.Result{r})[0].Value
		if len(pinned(r)) > 0 {
			s += fmt.Sprintf("; line %d of the hosts file says so", r.Name.PinnedLine)
		}
		return s
	case step.Phase == probes.PhaseTLS && r.TLS != nil:
		return detail(hostOf(r) + ": " + v.tlsSeen(r))
	case r.HTTP != nil:
		return detail(rr.URL + ": " + httpWords(r))
	}
	return detail(rr.URL + ": " + strings.ReplaceAll(string(step.Reason), "_", " "))
}

// tlsSeen is how a handshake failed.
func (v *view) tlsSeen(r *probes.Result) string {
	switch r.TLS.Reason {
	case probes.UntrustedIssuer:
		return "certificate issued by " + orText(topIssuer(r), "(no name)") + ", which is not trusted"
	case probes.Expired, probes.NotYetValid:
		return "certificate outside its validity"
	case probes.NameMismatch:
		return "certificate for other names"
	}
	s := "connects; TLS handshake: " + handshakeWords(r.TLS.Reason)
	if r.TLS.Alert != 0 {
		s += fmt.Sprintf(" (alert %d)", r.TLS.Alert)
	}
	return s
}
