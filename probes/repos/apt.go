package repos

import (
	"net/netip"
	"path"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// debArch are dpkg's names of architectures by those of uname.
var debArch = map[string]string{
	"x86_64": "amd64", "aarch64": "arm64", "i386": "i386", "i686": "i386", "armv7l": "armhf", "armv6l": "armel",
	"ppc64le": "ppc64el", "s390x": "s390x", "riscv64": "riscv64",
}

// ReadAPT reads the repositories of this machine as apt-get update sees them:
// sources.list(5) in both forms, with the proxies, certificates and credentials
// of apt.conf(5) and apt_auth.conf(5). One Repo stands for one (In)Release file;
// entries that share one are put together, as apt does. Nothing is run and
// nothing written.
//
// Known is false where there is no apt, or where this run may read none of its
// sources. Why then says so, and also where only a part could not be read.
func ReadAPT(host platform.Host, facts platform.Facts) probes.RepoConfig {
	out := probes.RepoConfig{Manager: "apt"}
	arch := debArch[facts.OS.Arch]
	if arch == "" {
		arch = facts.OS.Arch
	}
	if _, err := host.Stat("/etc/apt"); err != nil {
		out.Why = "no /etc/apt: " + plainError(err)
		return out
	}
	r := &aptReader{host: host, conf: newAptConf(arch)}
	r.configure()
	if a := r.conf.find("APT::Architecture"); a != "" {
		arch = a
	}
	entries := r.sources(arch)
	lost := len(r.denied)
	logins, complete := r.netrc()

	indexes, faults := mergeApt(entries, arch, r.conf)
	r.problems = append(r.problems, faults...)
	mirrors := aptMirrors(indexes)
	b := aptBuilder{reader: r, facts: facts, arch: arch, logins: logins, complete: complete, mirrors: mirrors}
	for _, x := range indexes {
		if repo, ok := b.repo(x); ok {
			out.Repos = append(out.Repos, repo)
		}
	}
	out.Problems = r.problems
	out.Variables = map[string]string{"ARCH": arch}
	out.Known = lost == 0 || len(out.Repos) > 0
	if len(r.denied) > 0 {
		out.Why = "may not read " + strings.Join(r.denied[:min(len(r.denied), 10)], ", ")
	}
	return out
}

// aptBuilder turns what apt would update into the repositories of a round.
type aptBuilder struct {
	reader   *aptReader
	facts    platform.Facts
	arch     string
	logins   [][]byte
	complete bool // every file with credentials could be read
	mirrors  map[string]string
}

// repo makes one Repo; it is false for what apt-get update passes over.
func (b *aptBuilder) repo(x *aptIndex) (probes.Repo, bool) {
	repo := probes.Repo{
		ID:        x.id(),
		Name:      strings.Join(x.components, " "),
		Manager:   "apt",
		File:      x.file,
		Line:      x.line,
		Enabled:   !x.disabled,
		Sources:   x.sources,
		SSLVerify: true,
		NoExpiry:  b.noExpiry(x),
		ValidMin:  x.validMin,
		ValidMax:  x.validMax,
		Unsigned:  x.trusted == triYes || x.release[0],
	}
	if repo.ValidMin == 0 {
		repo.ValidMin = aptSeconds(b.reader.conf.find("Acquire::Min-ValidTime"))
	}
	if repo.ValidMax == 0 {
		repo.ValidMax = aptSeconds(b.reader.conf.find("Acquire::Max-ValidTime"))
	}
	if x.uri.access == "cdrom" {
		return repo, false // apt-get update leaves them to apt-cdrom
	}
	dir := x.metadataDir()
	if x.inPath != "" { // apt then asks for nothing else
		repo.Metadata = []string{dir + percentEncode(x.inPath, "+~ ")}
	} else {
		repo.Metadata = []string{dir + "InRelease", dir + "Release"}
	}
	b.place(&repo, x)
	b.judge(&repo, x)
	for _, file := range x.keyrings() {
		if _, err := b.reader.host.Stat(file); err != nil && notThere(err) {
			b.reader.problem(x.file, "signed-by of %s names %s, which does not exist: apt takes no key from elsewhere and refuses the repository", repo.ID, file)
		}
	}
	return repo, true
}

// id is short and does not change with the scheme: archive.ubuntu.com/ubuntu jammy.
func (x *aptIndex) id() string {
	where := x.uri.site() + strings.TrimSuffix(x.uri.path, "/")
	if x.uri.host == "" {
		where = x.uri.access + ":" + strings.TrimSuffix(x.uri.path, "/")
	}
	return aptPrintable(where + " " + x.suite)
}

// noExpiry: Check-Date "no" turns Valid-Until off too (debmetaindex.cc, Load).
func (b *aptBuilder) noExpiry(x *aptIndex) bool {
	set := func(t aptTriState, option string) bool {
		switch t {
		case triYes:
			return true
		case triNo:
			return false
		}
		return aptBool(b.reader.conf.find(option), true)
	}
	return !set(x.date, "Acquire::Check-Date") || !set(x.expiry, "Acquire::Check-Valid-Until")
}

// place fills in where the repository lies and how it is reached.
func (b *aptBuilder) place(repo *probes.Repo, x *aptIndex) {
	access := x.uri.access
	if list, ok := mirrorListURI(x.uri); ok {
		b.mirror(repo, list)
		return
	}
	switch access {
	case "http", "https":
		repo.Base = []string{x.uri.String()}
		b.transport(repo, x.uri)
	case "file", "copy":
		repo.Base = []string{"file://" + x.uri.path}
	default:
		repo.Base = []string{x.uri.String()}
		repo.Internet = x.uri.host != "" && onInternet(x.uri.host)
		methods := b.reader.conf.file("Dir::Bin::methods")
		if _, err := b.reader.host.Stat(path.Join(methods, access)); err != nil && notThere(err) {
			repo.Problem = "apt has no transport for " + aptPrintable(access) + ":"
			return
		}
		repo.Unprobed = "it is reached by a transport of its own (" + aptPrintable(access) + ":)"
	}
}

// judge says whether patching needs the repository.
func (b *aptBuilder) judge(repo *probes.Repo, x *aptIndex) {
	host := x.uri.host
	if len(repo.Base) > 0 && host == "" {
		host = parseAptURI(repo.Base[0]).host // of a list of mirrors
	}
	o, isOwn := matchOwn(AptOwn(), b.facts.OS, host)
	suite, isMirror := b.mirrors[x.uri.String()]
	switch {
	case isOwn:
		repo.Own, repo.Because = true, "the distribution's own: "+o.What
	case isMirror:
		repo.Own, repo.Because = true, "a mirror of the distribution's own: it has "+suite
	default:
		repo.Because = "not the distribution's own"
	}
	repo.Required = repo.Own && repo.Enabled
	switch {
	case !repo.Required:
	case x.sources:
		repo.Required, repo.Because = false, "the distribution's own, source packages only"
	case !x.native:
		repo.Required, repo.Because = false, "the distribution's own, for "+aptPrintable(x.arches)+" only; this machine is "+b.arch
	}
}

// onInternet tells by a host's name or address whether it can only lie on the
// internet. AWS's own names do not count: an endpoint may serve them.
func onInternet(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return !a.IsLoopback() && !a.IsLinkLocalUnicast() && !probes.Private(a)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.Contains(host, ".") {
		return false
	}
	for _, end := range [...]string{".amazonaws.com", ".amazonaws.com.cn", ".aws", ".internal", ".local", ".lan", ".corp", ".intranet", ".private", ".home.arpa", ".localhost"} {
		if strings.HasSuffix(host, end) {
			return false
		}
	}
	return true
}
