package repos

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"agentctl/probes"
)

// distribution says which repositories are a distribution's own, without which
// patching finds nothing to install.
type distribution struct {
	name string
	os   []string // ID of os-release
	// ids are patterns of repository ids (path.Match) that count wherever the
	// repository lies: a mirror of the owner's own keeps the id.
	ids []string
	// hosts are suffixes of host names that serve nothing else.
	hosts []string
	// source is where the ids and hosts come from.
	source string
	// inAWS: as shipped they lie in S3, where a gateway endpoint leads.
	inAWS bool
}

// Distributions is the table behind "the distribution's own".
var distributions = []distribution{
	{"Amazon Linux", []string{"amzn"},
		[]string{"amazonlinux", "kernel-livepatch", "amzn2-core", "amzn2extra-*"}, nil,
		"amazon-linux-repo-s3, system-release of Amazon Linux 2", true},
	{"Red Hat Enterprise Linux", []string{"rhel"},
		[]string{"rhel-*-baseos-*rpms", "rhel-*-appstream-*rpms", "rhel-7-server-rpms", "rhui-REGION-rhel-server-releases"},
		[]string{rhuiSuffix}, "rh-amazon-rhui-client; redhat.repo of subscription-manager", false},
	{"Rocky Linux", []string{"rocky"}, []string{"baseos", "appstream", "extras"},
		[]string{"mirrors.rockylinux.org", "dl.rockylinux.org"}, "rocky-repos", false},
	{"AlmaLinux", []string{"almalinux"}, []string{"baseos", "appstream", "extras"},
		[]string{"mirrors.almalinux.org", "repo.almalinux.org"}, "almalinux-repos", false},
	{"Oracle Linux", []string{"ol"}, []string{"ol*_baseos_latest", "ol*_appstream", "ol*_UEKR*", "ol*_latest"},
		nil, "oraclelinux-release-el8, -el9", false},
	{"CentOS", []string{"centos"}, []string{"base", "updates", "baseos", "appstream", "extras", "extras-common"},
		[]string{"mirrorlist.centos.org", "mirrors.centos.org"}, "centos-release, centos-stream-repos", false},
	{"Fedora", []string{"fedora"}, []string{"fedora", "updates"}, nil, "fedora-repos", false},
}

// helperParts mark repositories of symbols and sources: nothing is patched from
// them.
var helperParts = []string{"debug", "source"}

// ownOf returns the distribution whose own repository this is.
func ownOf(osID, id string, hosts []string) (string, bool) {
	lower := strings.ToLower(id)
	if slices.ContainsFunc(helperParts, func(p string) bool { return strings.Contains(lower, p) }) {
		return "", false
	}
	for _, d := range distributions {
		if !slices.Contains(d.os, osID) {
			continue
		}
		for _, pattern := range d.ids {
			if ok, err := path.Match(pattern, id); err == nil && ok {
				return d.name, true
			}
		}
		for _, h := range hosts {
			if hasSuffix(h, d.hosts) {
				return d.name, true
			}
		}
	}
	return "", false
}

// awsSuffixes are the names that lie in AWS and can be reached by a VPC
// endpoint. cdn.amazonlinux.com is CloudFront's: it needs the internet.
var awsSuffixes = []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov"}

// hasSuffix tells whether a host is one of the names, or below one that begins
// with a dot.
func hasSuffix(host string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return host == n || strings.HasPrefix(n, ".") && strings.HasSuffix(host, n)
	})
}

func awsHost(host string) bool { return hasSuffix(strings.ToLower(host), awsSuffixes) }

// hostsOf are the hosts that the repository's addresses name, list first.
func hostsOf(repo *probes.Repo) []string {
	var out []string
	for _, s := range append([]string{repo.MetaLink, repo.MirrorList}, repo.Base...) {
		if u, err := url.Parse(s); err == nil && u.Hostname() != "" {
			out = append(out, strings.ToLower(u.Hostname()))
		}
	}
	return out
}

// anyOnInternet: one of the hosts lies outside AWS and is not private by its
// name. What a name resolves to is seen when it is probed.
func anyOnInternet(hosts []string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool { return !awsHost(h) && onInternet(h) })
}

// judge says whether a repository is the distribution's own, whether it is
// required, and whether it lies on the internet.
func (r *reader) judge(repo *probes.Repo) {
	hosts := hostsOf(repo)
	repo.Internet = anyOnInternet(hosts)
	name, own := ownOf(r.facts.OS.ID, repo.ID, hosts)
	repo.Own = own
	if !repo.Enabled {
		repo.Because = "disabled"
		return
	}
	repo.Required = own || !repo.Skip
	switch {
	case own:
		repo.Because = "a repository of " + name + " itself"
	case repo.Skip:
		repo.Because = fmt.Sprintf("%s goes on without it (skip_if_unavailable)", repo.Manager)
	default:
		repo.Because = fmt.Sprintf("%s stops where it fails (skip_if_unavailable is off)", repo.Manager)
	}
}
