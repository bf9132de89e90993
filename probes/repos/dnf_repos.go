package repos

import (
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"agentctl/probes"
)

// idBytes are those that a repository's id may hold (libdnf/repo/Repo.cpp,
// REPOID_CHARS; yum/misc.py, validate_repoid).
const idBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:"

// addFile takes over the sections of a file. Of two with one id the first
// counts: the package managers warn and leave the second out.
func (r *reader) addFile(name string, f *iniFile) {
	for _, s := range f.sections {
		if s.name == "main" || r.gen == genYum && s.name == "installed" {
			continue
		}
		id := r.vars.expand(s.name)
		if i := strings.IndexFunc(id, func(c rune) bool { return !strings.ContainsRune(idBytes, c) }); i >= 0 {
			if r.gen != genDNF5 {
				r.problem(name, s.line, "section ["+printableText(id)+"] is left out: its name is no repository id", false)
				continue
			}
		}
		if _, twice := r.ids[id]; twice || len(r.conf.Repos) >= maxRepos {
			continue
		}
		if key := r.undecodable(s); key != "" {
			r.problem(name, s.line, "section ["+printableText(id)+"]: "+key+" is not UTF-8, at which dnf ends with an error", true)
			return
		}
		repo := probes.Repo{ID: printableText(id), Manager: r.gen.manager(), File: name, Line: s.line,
			Metadata: []string{"repodata/repomd.xml"}}
		o := newOptions(s.keys, r.vars, r.gen)
		if !r.usable(o, repo) {
			continue
		}
		r.ids[id] = len(r.conf.Repos)
		r.conf.Repos = append(r.conf.Repos, repo)
		r.sections = append(r.sections, o)
	}
}

// undecodable returns a key whose value ends dnf 4: its Python cannot hand text
// that is not UTF-8 to libdnf, and nobody catches the TypeError
// (dnf/conf/config.py, _populate). Keys that are no options do not matter.
func (r *reader) undecodable(s *section) string {
	if r.gen != genDNF4 {
		return ""
	}
	for _, key := range repoOptions {
		if v, ok := s.keys[key]; ok && !utf8.ValidString(v) {
			return key
		}
	}
	return ""
}

// repoOptions are all options of a repository (libdnf/conf/ConfigRepo.cpp).
var repoOptions = strings.Fields(`bandwidth baseurl cachedir cost countme deltarpm deltarpm_percentage enabled
	enabled_metadata enablegroups exclude excludepkgs fastestmirror gpgcheck gpgkey includepkgs ip_resolve
	max_downloads_per_mirror max_parallel_downloads mediaid metadata_expire metalink minrate mirrorlist
	module_hotfixes name password priority protected_packages proxy proxy_auth_method proxy_password
	proxy_sslcacert proxy_sslclientcert proxy_sslclientkey proxy_sslverify proxy_username repo_gpgcheck retries
	skip_if_unavailable sslcacert sslclientcert sslclientkey sslverify sslverifystatus throttle timeout type
	user_agent username`)

// yumSchemes are all that yum 3 takes (yum/config.py, UrlOption). With another
// it leaves the section out.
var yumSchemes = []string{"http", "https", "ftp", "file"}

// rpmTypes are what type= may say (libdnf/repo/Repo.cpp, verify).
var rpmTypes = []string{"", "rpm-md", "rpm", "repomd", "rpmmd", "yum", "YUM"}

// usable tells whether the package manager takes a section for a repository at
// all.
func (r *reader) usable(o options, repo probes.Repo) bool {
	leftOut := func(why string) bool {
		r.problem(repo.File, repo.Line, "section ["+repo.ID+"] is left out: "+why, false)
		return false
	}
	if t, _ := o.text("type"); r.gen == genDNF4 && !slices.Contains(rpmTypes, t) {
		r.problem(repo.File, repo.Line, "section ["+repo.ID+"]: type="+printableText(t)+" is not supported, at which dnf ends with an error", true)
		return false
	}
	if r.gen != genYum {
		return true
	}
	for _, key := range []string{"enabled", "skip_if_unavailable", "sslverify", "gpgcheck"} {
		if v, ok := o.text(key); ok {
			if _, valid := truth(v, r.gen); !valid {
				return leftOut(key + "=" + printableText(v) + " is no truth value of yum")
			}
		}
	}
	urls := o.list("baseurl")
	for _, key := range []string{"mirrorlist", "metalink"} {
		if v, ok := o.text(key); ok {
			urls = append(urls, strings.TrimSpace(v))
		}
	}
	for _, s := range urls {
		if scheme, _, _ := strings.Cut(s, ":"); !slices.Contains(yumSchemes, strings.ToLower(scheme)) {
			return leftOut("an address that yum does not take: " + printableText(s))
		}
	}
	return true
}

// override applies dnf5's drop-in files: they change repositories that exist,
// by id or by a pattern of ids (dnf5.conf(5), "Drop-in repo directories").
func (r *reader) override() {
	for _, name := range r.dropIns(dnf5Over, dnf5OverDist, ".repo") {
		data, ok := r.read(name)
		if !ok {
			continue
		}
		f, bad := parseINI(data, true)
		if bad != nil {
			r.problem(name, bad.line, bad.text, true)
			return
		}
		for _, s := range f.sections {
			pattern := r.vars.expand(s.name)
			for id, i := range r.ids {
				if ok, err := path.Match(pattern, id); err == nil && ok {
					maps.Copy(r.sections[i].keys, newOptions(s.keys, r.vars, r.gen).keys)
				}
			}
		}
	}
}

// finish fills a repository in from its section's keys and [main].
func (r *reader) finish(i int) {
	repo, o := &r.conf.Repos[i], r.sections[i]
	if r.gen != genYum || o.parent == nil {
		o.parent = &r.main
	}
	own := o
	own.parent = nil
	enabled, skip := o.flag("enabled", true), o.flag("skip_if_unavailable", false)
	if r.gen == genYum { // yum 3 takes neither from [main] (yum/config.py, RepoConf)
		enabled, skip = own.flag("enabled", true), own.flag("skip_if_unavailable", false)
	}
	repo.Enabled, repo.Skip = enabled, skip
	name, _ := own.text("name")
	repo.Name = printableText(name)
	r.addresses(repo, own)
	r.security(repo, o)
	r.proxy(repo, o)
	if word, bad := noAddress(repo.Base); bad && repo.Manager == "dnf" && repo.MirrorList+repo.MetaLink == "" && repo.Problem == "" {
		repo.Problem = "baseurl has " + word + ", and dnf then uses none of its addresses"
	}
	if repo.Base == nil && repo.MirrorList == "" && repo.MetaLink == "" && repo.Problem == "" {
		repo.Problem = "neither baseurl nor mirrorlist nor metalink"
	}
	r.judge(repo)
	if repo.Enabled && repo.Problem != "" {
		r.problem(repo.File, repo.Line, "repository "+repo.ID+": "+repo.Problem, !repo.Skip)
	}
}

// noAddress finds a word of baseurl that is no address. librepo takes it for a
// path below the working folder and, as there is none, uses none of the others
// either (handle.c, lr_handle_prepare_urls).
func noAddress(base []string) (what string, found bool) {
	for _, s := range base {
		switch {
		case s == "":
			return "an empty word, as where the value begins on the line below", true
		case !strings.Contains(s, "://") && !strings.HasPrefix(s, "file:/") && !strings.HasPrefix(s, "/"):
			return "a word that is no address: " + printableText(s), true
		}
	}
	return "", false
}

// addresses fills in where the repository is.
func (r *reader) addresses(repo *probes.Repo, o options) {
	for _, s := range o.list("baseurl") {
		if strings.HasPrefix(s, "/") {
			s = "file://" + s
		}
		repo.Base = append(repo.Base, r.address(repo, s))
	}
	if s, _ := o.text("mirrorlist"); s != "" {
		repo.MirrorList = r.address(repo, s)
	}
	if s, _ := o.text("metalink"); s != "" {
		repo.MetaLink = r.address(repo, s)
	}
	if r.gen == genYum && repo.MetaLink == "" && strings.Contains(repo.MirrorList, "metalink") {
		repo.MetaLink, repo.MirrorList = repo.MirrorList, "" // yumRepo.py, _hack_mirrorlist_for_anaconda
	}
}

// address takes credentials out of an address and fills the region in.
func (r *reader) address(repo *probes.Repo, s string) string {
	for _, name := range unset(s) {
		if !slices.Contains(repo.Open, name) && len(repo.Open) < maxURLs {
			repo.Open = append(repo.Open, name)
		}
	}
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	if rhuiHost(u.Hostname()) {
		repo.RHUI = r.rhui
		if strings.Contains(s, "REGION") {
			if r.rhui && r.in.Region != "" {
				s = strings.ReplaceAll(s, "REGION", rhuiRegion(r.in.Region))
				u, _ = url.Parse(s)
			} else if !slices.Contains(repo.Open, "REGION") {
				repo.Open = append(repo.Open, "REGION")
			}
		}
	}
	if u != nil && u.User != nil {
		repo.User = u.User.Username()
		repo.Password, _ = u.User.Password()
		head, rest, _ := strings.Cut(s, "://")
		s = head + "://" + rest[strings.IndexByte(rest, '@')+1:]
	}
	return s
}

// security fills in TLS and credentials.
func (r *reader) security(repo *probes.Repo, o options) {
	repo.SSLVerify = o.flag("sslverify", true)
	repo.CAFile = strings.TrimPrefix(o.inherited("sslcacert"), "file://")
	repo.ClientCert = o.inherited("sslclientcert")
	repo.ClientKey = o.inherited("sslclientkey")
	if user := o.inherited("username"); user != "" {
		repo.User, repo.Password = user, o.inherited("password")
	}
	if r.gen != genYum {
		return
	}
	// yum goes on without a repository whose files it may not read, whatever the
	// repository says (yum/__init__.py, getReposFromConfigFile).
	for _, name := range []string{repo.CAFile, repo.ClientCert, repo.ClientKey} {
		if name == "" {
			continue
		}
		if _, err := r.host.Stat(name); isAbsent(err) {
			repo.Skip = true
		}
	}
}

// proxy fills in the repository's own proxy, or [main]'s.
func (r *reader) proxy(repo *probes.Repo, o options) {
	value := strings.TrimSpace(o.inherited("proxy"))
	if strings.EqualFold(value, "_none_") {
		repo.NoProxy, value = true, ""
	}
	user := o.inherited("proxy_username")
	if _, has := o.lookup("proxy_password"); user != "" && !has && r.gen != genYum {
		repo.Problem = "proxy_username is set and proxy_password is not"
	}
	if value == "" || strings.EqualFold(value, "libproxy") {
		return
	}
	repo.ProxySource = repo.File
	if _, own := o.keys["proxy"]; !own {
		repo.ProxySource = "[main]"
	}
	if user != "" {
		text := value
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		if u, err := url.Parse(text); err == nil {
			u.User = url.UserPassword(user, o.inherited("proxy_password"))
			value = u.String()
		}
	}
	repo.Proxy = probes.ProxyURL(value)
}
