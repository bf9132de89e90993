package repos

import (
	"bytes"
	"strings"

	"agentctl/platform"
)

// The files of cloud-regionsrv-client, which registers pay-as-you-go instances
// with SUSE's update servers.
const (
	regionServerFile = "/etc/regionserverclnt.cfg"
	suseCloudPlugin  = "/usr/lib/zypp/plugins/urlresolver/susecloud"
	suseCloudDomain  = ".susecloud.net"
	suseVendor       = "SUSE registration" // platform's name for the block in the hosts file
)

// suseCloud is what plugin:/susecloud makes of an address, as far as files tell
// without running it: https, the update server of the hosts file, and path=
// (usr/lib/zypp/plugins/urlresolver/susecloud).
type suseCloud struct {
	server string // such as smt-ec2.susecloud.net
	// regionServers are the addresses that a registration asks first.
	regionServers string
	httpsOnly     string
	problem       string
}

// readCloud reads where this instance is registered.
func (r *zyppReader) readCloud(facts platform.Facts) suseCloud {
	c := suseCloud{server: suseUpdateServer(facts.Hosts)}
	if data, ok := r.read(regionServerFile, 64<<10); ok {
		c.regionServers, c.httpsOnly = regionServers(data)
	}
	_, err := r.host.Stat(suseCloudPlugin)
	switch {
	case err != nil && notThere(err):
		c.problem = "zypper has no plugin for plugin:/susecloud (package cloud-regionsrv-client)"
	case c.server == "":
		c.problem = "this instance is not registered with SUSE's update servers: the hosts file names none (registercloudguest --force-new registers it)"
	}
	return c
}

// suseUpdateServer is the update server's name in the block that the
// registration keeps in the hosts file; the registry's name stands there too.
func suseUpdateServer(hosts []platform.HostsLine) string {
	found := ""
	for _, line := range hosts {
		for _, name := range line.Names {
			known := strings.HasSuffix(name, suseCloudDomain)
			if strings.HasPrefix(name, "registry") || !strings.Contains(name, ".") || !known && line.Vendor != suseVendor {
				continue
			}
			if line.Vendor == suseVendor {
				return name
			}
			if found == "" {
				found = name
			}
		}
	}
	return found
}

// regionServers reads regionsrv of [server] and httpsOnly of [instance].
func regionServers(data []byte) (servers, httpsOnly string) {
	section := ""
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "[") {
			section = text
			continue
		}
		key, value, _ := strings.Cut(text, "=")
		switch section + strings.TrimSpace(key) {
		case "[server]regionsrv":
			servers = aptPrintable(strings.TrimSpace(value))
		case "[instance]httpsOnly":
			httpsOnly = aptPrintable(strings.TrimSpace(value))
		}
	}
	return servers, httpsOnly
}

// isSUSECloud tells whether the address is for that plugin: both plugin:/susecloud
// and plugin:susecloud are in use.
func (u zyppURL) isSUSECloud() bool {
	return u.scheme == "plugin" && strings.Trim(u.path, "/") == "susecloud"
}

// resolve is the address that the plugin answers with.
func (c suseCloud) resolve(u zyppURL) zyppURL {
	to, _ := parseZyppURL("https://" + c.server + "/" + strings.TrimLeft(u.param("path"), "/"))
	for _, p := range u.query {
		if p.name == "credentials" {
			to.query = append(to.query, p)
		}
	}
	return to
}
