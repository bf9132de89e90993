package repos

import (
	"path"
	"slices"
	"strings"

	"agentctl/platform"
)

// OwnHost is a host from which a distribution serves its own packages.
type OwnHost struct {
	// OS is the distribution by its os-release ID.
	OS string
	// Host is a name; * stands for any part of it.
	Host string
	// What is served, for people.
	What string
	// Source is where the name was read.
	Source string
}

// AptOwn lists the hosts of Ubuntu and Debian themselves. Their other hosts
// (ddebs.ubuntu.com, archive.canonical.com, ppa.launchpadcontent.net) hold what
// patching can do without.
func AptOwn() []OwnHost {
	const (
		cloudInit = "cloud-init, config/cloud.cfg.tmpl (package_mirrors)"
		proClient = "ubuntu-pro-client, uaclient/entitlements (esm, fips)"
		debian    = "https://www.debian.org/mirror/list, https://deb.debian.org/"
		cloudTeam = "Debian cloud images, /etc/apt/mirrors/*.list"
	)
	return []OwnHost{
		{"ubuntu", "archive.ubuntu.com", "all packages, on amd64", cloudInit},
		{"ubuntu", "*.archive.ubuntu.com", "mirrors of a region (REGION.ec2) or country", cloudInit},
		{"ubuntu", "security.ubuntu.com", "security updates", cloudInit},
		{"ubuntu", "ports.ubuntu.com", "all packages, on arm64", cloudInit},
		{"ubuntu", "*.ports.ubuntu.com", "mirrors of a region (REGION.ec2), on arm64", cloudInit},
		{"ubuntu", "old-releases.ubuntu.com", "releases past their support", "https://old-releases.ubuntu.com/"},
		{"ubuntu", "esm.ubuntu.com", "Ubuntu Pro (ESM, FIPS, Livepatch's packages)", proClient},
		{"debian", "deb.debian.org", "all packages, by a CDN", debian},
		{"debian", "cdn-aws.deb.debian.org", "all packages, by CloudFront", cloudTeam},
		{"debian", "cloudfront.debian.net", "all packages, by CloudFront (older images)", cloudTeam},
		{"debian", "security.debian.org", "security updates", debian},
		{"debian", "ftp.debian.org", "all packages", debian},
		{"debian", "ftp.*.debian.org", "mirrors of a country", debian},
		{"debian", "http.*.debian.org", "mirrors of a country (older)", debian},
		{"debian", "httpredir.debian.org", "all packages (older)", debian},
		{"debian", "archive.debian.org", "releases past their support", debian},
		{"debian", "snapshot.debian.org", "the archive as it was on a day", "https://snapshot.debian.org/"},
	}
}

// matchOwn tells whether a host is in the list for this machine's distribution, or for
// one that it is made from.
func matchOwn(hosts []OwnHost, os platform.OS, host string) (OwnHost, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, h := range hosts {
		if h.OS != os.ID && !slices.Contains(os.Like, h.OS) {
			continue
		}
		if ok, err := path.Match(h.Host, host); ok && err == nil {
			return h, true
		}
	}
	return OwnHost{}, false
}

// aptMirrorSuites end the names of suites that only a distribution has: a place
// that serves jammy-updates or bookworm-security is a mirror of it, whatever its
// host. A suite named after the release alone says nothing: third parties have it.
var aptMirrorSuites = [...]string{"-updates", "-security", "/updates"}

// aptMirrors are the places (URIs) that hold a mirror of the distribution.
func aptMirrors(indexes []*aptIndex) map[string]string {
	mirrors := map[string]string{}
	for _, x := range indexes {
		if !slices.Contains(x.components, "main") || x.disabled {
			continue
		}
		for _, end := range aptMirrorSuites {
			if strings.HasSuffix(x.suite, end) {
				mirrors[x.uri.String()] = x.suite
			}
		}
	}
	return mirrors
}
