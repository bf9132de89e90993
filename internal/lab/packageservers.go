//go:build linux

package lab

import (
	"net"
	"regexp"
	"slices"
	"strings"
)

// packageServer is a server of packages that is not AWS's. All of them lie on the internet, behind NAT or a proxy, but for the
// company's own mirror, which lies in the VPC.
type packageServer struct {
	service   string
	names     []string // ${REGION} stands for the region
	addresses []string // of each name; the names share them
	// holds are the places of its repositories, below which the index lies; lists are its lists of mirrors.
	holds *regexp.Regexp
	lists *regexp.Regexp
	// hidden names are in no DNS: a machine knows them by its hosts file.
	hidden bool
	// inVPC: the name is in the VPC's private zone only, the address is one of the VPC's.
	inVPC bool
}

const (
	mirrorIP   = "10.0.1.80"     // the company's mirror
	suseIP     = "54.245.101.47" // SUSE's update server of this region
	suseServer = "smt-ec2.susecloud.net"
)

// packageServers are named in scenarios by their service. Where a list of mirrors names several servers, each is a service of its
// own, so that one of them can fail alone.
var packageServers = []packageServer{
	{service: "epel", names: []string{"mirrors.fedoraproject.org"}, addresses: []string{"38.145.32.20"},
		lists: regexp.MustCompile(`^/(metalink|mirrorlist)$`)},
	{service: "epel-mirror", names: []string{"dl.fedoraproject.org"}, addresses: []string{"38.145.32.22"}, holds: epelTree},
	{service: "epel-mirror2", names: []string{"mirror.one.example.net"}, addresses: []string{"192.0.2.41"}, holds: epelTree},
	{service: "epel-mirror3", names: []string{"mirror.two.example.net"}, addresses: []string{"192.0.2.42"}, holds: epelTree},
	{service: "docker", names: []string{"download.docker.com"}, addresses: []string{"18.64.20.10"},
		holds: regexp.MustCompile(`^/linux/(rhel|centos|fedora)/\d+/x86_64/stable/$|^/linux/ubuntu/dists/(noble|jammy)/$`)},
	{service: "rhui", names: []string{"rhui.${REGION}.aws.ce.redhat.com"}, addresses: []string{"35.160.10.10"},
		lists: regexp.MustCompile(`^/pulp/mirror/(content/dist/rhel9/rhui/9/x86_64/(baseos|appstream)/os|protected/rhui-client-config/rhel/server/9/x86_64/os)$`)},
	{service: "rhui-content", names: []string{"rhui4-cds01.${REGION}.aws.ce.redhat.com", "rhui4-cds02.${REGION}.aws.ce.redhat.com"},
		addresses: []string{"35.160.10.11"}, holds: regexp.MustCompile(`^/pulp/content/(content|protected)/.*/os/$`)},
	{service: "rocky", names: []string{"mirrors.rockylinux.org"}, addresses: []string{"151.101.2.132"}, lists: regexp.MustCompile(`^/mirrorlist$`)},
	{service: "rocky-mirror", names: []string{"dl.rockylinux.org"}, addresses: []string{"151.101.66.132"}, holds: rockyTree},
	{service: "rocky-mirror2", names: []string{"rocky.one.example.net"}, addresses: []string{"192.0.2.51"}, holds: rockyTree},
	{service: "amazon-cdn", names: []string{"cdn.amazonlinux.com"}, addresses: []string{"18.64.20.30"},
		lists: regexp.MustCompile(`^/al2023/core/mirrors/(latest|` + knownReleases + `)/x86_64/mirror\.list$`), holds: regexp.MustCompile(`^/al2023/core/guids/[0-9a-f]{64}/x86_64/$`)},
	{service: "ubuntu", names: []string{"${REGION}.ec2.archive.ubuntu.com", "archive.ubuntu.com"}, addresses: []string{"54.191.55.41"}, holds: ubuntuTree},
	{service: "ubuntu-security", names: []string{"security.ubuntu.com"}, addresses: []string{"91.189.91.81"}, holds: ubuntuTree},
	{service: "esm", names: []string{"esm.ubuntu.com"}, addresses: []string{"91.189.91.46"},
		holds: regexp.MustCompile(`^/(infra|apps)/ubuntu/dists/(noble|jammy)-(infra|apps)-(security|updates)/$`)},
	{service: "debian", names: []string{"cdn-aws.deb.debian.org", "deb.debian.org", "security.debian.org"}, addresses: []string{"151.101.130.132"},
		holds: regexp.MustCompile(`^/debian/dists/bookworm(-updates|-backports)?/$|^/debian-security/dists/bookworm-security/$`)},
	{service: "suse", names: []string{suseServer}, addresses: []string{suseIP}, hidden: true,
		holds: regexp.MustCompile(`^/repo/SUSE/(Products|Updates)/[A-Za-z-]+/15-SP[67]/x86_64/(product|update)/$`)},
	{service: "third-party", names: []string{"packages.example.com"}, addresses: []string{"192.0.2.60"}, holds: anyTree},
	{service: "third-party-moved", names: []string{"new.example.com"}, addresses: []string{"192.0.2.61"}, holds: anyTree},
	{service: "portal", names: []string{"portal.example.net"}, addresses: []string{"203.0.113.90"}},
	{service: "mirror", names: []string{"mirror.corp.example"}, addresses: []string{mirrorIP}, inVPC: true, holds: anyTree},
}

var (
	epelTree   = regexp.MustCompile(`^/pub/epel/9/Everything/x86_64/$`)
	rockyTree  = regexp.MustCompile(`^/pub/rocky/9/(BaseOS|AppStream|extras)/x86_64/os/$`)
	ubuntuTree = regexp.MustCompile(`^/ubuntu/dists/(noble|jammy)(-updates|-backports|-security)?/$`)
	anyTree    = regexp.MustCompile(`^/(rpm|corp|rocky|ubuntu|debian|al2023)/`)
)

// packageService finds a server by the name that scenarios give it.
func packageService(service string) (packageServer, bool) {
	i := slices.IndexFunc(packageServers, func(s packageServer) bool { return s.service == service })
	if i < 0 {
		return packageServer{}, false
	}
	return packageServers[i], true
}

// packageServer finds a server by its DNS name.
func (w *world) packageServer(name string) (packageServer, bool) {
	for _, server := range packageServers {
		if slices.ContainsFunc(server.names, func(n string) bool { return w.fill(n) == name }) {
			return server, true
		}
	}
	return packageServer{}, false
}

// packageAt finds a server by its address.
func packageAt(ip string) (packageServer, bool) {
	i := slices.IndexFunc(packageServers, func(s packageServer) bool { return slices.Contains(s.addresses, ip) })
	if i < 0 {
		return packageServer{}, false
	}
	return packageServers[i], true
}

// packageAddresses are the DNS's answers to a package server's name.
func (w *world) packageAddresses(name string, privateView, v6 bool) (answers []string, exists bool) {
	server, _ := w.packageServer(strings.TrimSuffix(strings.ToLower(name), "."))
	switch {
	case server.hidden, server.inVPC && !privateView:
		return nil, false
	case v6 && w.aaaa && !w.ipv6 && !server.inVPC: // most have IPv6 addresses, which are of no use to a host without
		return []string{public6}, true
	case v6:
		return nil, true
	}
	return server.addresses, true
}

// fill replaces what differs by region.
func (w *world) fill(text string) string {
	return strings.NewReplacer("${REGION}", w.region, "${SUFFIX}", w.suffix).Replace(text)
}

// outsidePackages are the addresses of package servers on the internet.
func outsidePackages() []string {
	var all []string
	for _, server := range packageServers {
		if server.inVPC {
			continue
		}
		for _, address := range server.addresses {
			all = append(all, net.ParseIP(address).String()+"/32")
		}
	}
	return all
}
