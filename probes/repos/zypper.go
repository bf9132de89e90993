package repos

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/netpath"
)

// zyppRepoFile is what zypp takes for a file of repositories (zypp/RepoManager.cc).
var zyppRepoFile = regexp.MustCompile(`\.repo(_[0-9]+)?$`)

// ReadZypper reads the repositories of this machine as zypper sees them: repos.d
// and services.d of zypp.conf, credentials, variables, and the proxy of
// /etc/sysconfig/proxy. Nothing is run: an address plugin:/susecloud is resolved
// from the hosts file, addresses of other plugins are not probed.
//
// Known is false where there is no zypper, or where this run may read none of its
// repositories. Why then says so, and also where only a part could not be read.
func ReadZypper(host platform.Host, facts platform.Facts) probes.RepoConfig {
	out := probes.RepoConfig{Manager: "zypper"}
	if _, err := host.Stat("/etc/zypp"); err != nil {
		out.Why = "no /etc/zypp: " + plainError(err)
		return out
	}
	r := newZyppReader(host)
	arch := facts.OS.Arch
	if a := r.conf["arch"]; a != "" {
		arch = a
	}
	b := &zyppBuilder{reader: r, facts: facts, vars: r.readVars(arch), proxy: r.readProxy(), cloud: r.readCloud(facts)}
	services, complete := r.readServices()
	lost := len(r.denied)
	used := map[string]bool{}
	for _, s := range r.readRepos() {
		service := s.values["service"]
		used[service] = true
		if service != "" && complete && !slices.ContainsFunc(services, func(of zyppService) bool { return of.alias == service }) {
			r.problem(s.file, "[%s] belongs to the service %s, which is gone: zypper removes it", aptPrintable(s.name), aptPrintable(service))
			continue
		}
		out.Repos = append(out.Repos, b.repo(s))
	}
	lost = len(r.denied) - lost
	for _, s := range services {
		if used[s.alias] {
			continue
		}
		if repo, ok := b.serviceRepo(s); ok {
			out.Repos = append(out.Repos, repo)
		}
	}
	if b.cloudUsed {
		out.Variables = map[string]string{"regionsrv": b.cloud.regionServers, "httpsOnly": b.cloud.httpsOnly, "update_server": b.cloud.server}
	}
	b.vars.shown(&out)
	out.Problems = r.problems
	out.Known = lost == 0 || len(out.Repos) > 0
	if len(r.denied) > 0 {
		out.Why = "may not read " + strings.Join(r.denied[:min(len(r.denied), 10)], ", ")
	}
	return out
}

// zyppFileSection is a section and the file it stands in.
type zyppFileSection struct {
	*zyppSection
	file string
}

// readRepos reads the files of repos.d. Of an alias that comes twice the first
// counts. Addresses that zypp cannot take apart stop it, even in a section that
// is not enabled.
func (r *zyppReader) readRepos() (all []zyppFileSection) {
	seen := map[string]bool{}
	for _, name := range r.list(r.conf["reposdir"]) {
		if !zyppRepoFile.MatchString(name) {
			continue
		}
		data, ok := r.read(name, maxZyppFile)
		if !ok {
			continue
		}
		sections, line, fault := parseZyppINI(data)
		if fault != "" {
			r.fault(name, line, "%s: %s", name, fault)
		}
		for _, s := range sections {
			for _, key := range slices.Sorted(maps.Keys(s.urls)) {
				for _, u := range s.urls[key] {
					if _, fault := parseZyppURL(u); fault != "" {
						r.fault(name, s.line, "%s: [%s]: %s of %s", name, aptPrintable(s.name), fault, key)
					}
				}
			}
			if s.name == "" && len(s.values) > 0 {
				r.fault(name, s.line, "%s: Repository has no alias defined.", name)
			}
			if s.name != "" && !seen[s.name] && len(all) < maxZyppRepos {
				seen[s.name] = true
				all = append(all, zyppFileSection{s, name})
			}
		}
	}
	return all
}

// zyppBuilder turns sections into the repositories of a round.
type zyppBuilder struct {
	reader    *zyppReader
	facts     platform.Facts
	vars      *zyppVars
	proxy     sysconfigProxy
	cloud     suseCloud
	cloudUsed bool
}

// repo makes one Repo.
func (b *zyppBuilder) repo(s zyppFileSection) probes.Repo {
	b.vars.open = map[string]bool{}
	repo := probes.Repo{
		ID: aptPrintable(s.name), Name: aptPrintable(b.vars.expand(s.values["name"])), Manager: "zypper", File: s.file, Line: s.line,
		Enabled: zyppTrue(s.values["enabled"]), SSLVerify: true,
		Metadata: []string{"repodata/repomd.xml", "content"},
	}
	if _, ok := s.values["enabled"]; !ok {
		repo.Enabled = true
	}
	var bases []zyppURL
	seen := map[string]bool{}
	for _, raw := range s.urls["baseurl"] {
		if seen[raw] {
			continue
		}
		seen[raw] = true
		u, fault := parseZyppURL(b.vars.expand(raw))
		if fault != "" {
			repo.Problem = "its address cannot be used: " + fault
			continue
		}
		bases = append(bases, withProxy(u, s.values["proxy"]))
	}
	switch {
	case len(bases) > 0:
		b.place(&repo, bases, s.values["path"])
	case len(s.urls["mirrorlist"]) > 0:
		b.lists(&repo, s.urls["mirrorlist"][0], false)
	case len(s.urls["metalink"]) > 0:
		b.lists(&repo, s.urls["metalink"][0], true)
	case repo.Problem == "":
		repo.Problem = "the section names no address: neither baseurl nor mirrorlist nor metalink"
	}
	repo.Open = slices.Sorted(maps.Keys(b.vars.open))
	return repo
}

// withProxy adds the section's own proxy= to an address without one; what stands
// after its last colon is the port.
func withProxy(u zyppURL, proxy string) zyppURL {
	if proxy != "" && u.param("proxy") == "" {
		u.query = append(u.query, zyppParam{"proxy", proxy, ""})
	}
	return u
}

// lists fills in a repository behind a list of mirrors. An address with /metalink
// in it is read as XML whatever the key says (zypp/repo/RepoMirrorList.cc).
func (b *zyppBuilder) lists(repo *probes.Repo, raw string, metalink bool) {
	u, fault := parseZyppURL(b.vars.expand(raw))
	if fault != "" {
		repo.Problem = "the address of its list of mirrors cannot be used: " + fault
		return
	}
	address, token := u.address(), ""
	if q := u.sent(); len(netpath.Secrets(q)) > 0 {
		token = q
	} else if q != "" {
		address += "?" + q // names the product, as repo=epel-9
	}
	if metalink || strings.Contains(address, "/metalink") {
		repo.MetaLink = address
	} else {
		repo.MirrorList = address
	}
	b.reader.transport(repo, u, b.proxy)
	repo.Query = token
	judgeZypper(repo, u, b.facts.OS)
}

// place fills in where the repository lies and how it is reached.
func (b *zyppBuilder) place(repo *probes.Repo, bases []zyppURL, sub string) {
	var first *zyppURL
	for _, u := range bases {
		switch {
		case u.isSUSECloud():
			b.cloudUsed = true
			if b.cloud.problem != "" {
				repo.Own, repo.Required, repo.Because = true, repo.Enabled, "SUSE's own: SUSE's update servers in this cloud (pay as you go)"
				repo.Problem = b.cloud.problem
				continue
			}
			u = b.cloud.resolve(u)
		case u.scheme == "plugin":
			repo.Unprobed = "a plugin of zypper makes its address (" + aptPrintable(u.scheme+":"+u.path) + "), which is not run"
			continue
		case u.scheme == "dir" || u.scheme == "file":
			repo.Base = append(repo.Base, "file://"+u.join(sub).path)
			continue
		case u.scheme != "http" && u.scheme != "https":
			repo.Unprobed = "it is not on an http server (" + aptPrintable(u.scheme) + ":)"
			continue
		}
		if first == nil {
			first = &u
			b.reader.transport(repo, u, b.proxy)
			judgeZypper(repo, u, b.facts.OS)
		}
		repo.Base = append(repo.Base, u.join(sub).address())
	}
	if len(repo.Base) > 0 {
		repo.Unprobed = ""
	}
	if repo.Because == "" {
		repo.Because = "not SUSE's own"
	}
	if b.cloudUsed && first != nil && strings.HasSuffix(first.host, suseCloudDomain) && bases[0].isSUSECloud() {
		repo.AuthUnknown = true // the plugin adds a header with the instance's identity
	}
}
