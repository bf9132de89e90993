//go:build linux

package lab

import (
	"fmt"
	"strings"

	"agentctl/internal/lab/guest"
)

// zypperFiles are what every SLES has.
func zypperFiles() []guest.File {
	return append(commonFiles(),
		program("/usr/bin/python3.6"), link("/usr/bin/python3", "python3.6"), program("/usr/bin/zypper"), program("/usr/bin/rpm"),
		text("/etc/products.d/SLES.prod", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<product schemeversion=\"0\"><vendor>SUSE</vendor><name>SLES</name></product>\n"),
		link("/etc/products.d/baseproduct", "SLES.prod"),
		text("/etc/zypp/zypp.conf", "[main]\n# arch = x86_64\n"),
		guest.File{Path: "/etc/zypp/repos.d", Folder: true, Mode: 0o755}, guest.File{Path: "/etc/zypp/services.d", Folder: true, Mode: 0o755},
		text("/etc/sysconfig/proxy", "PROXY_ENABLED=\"no\"\nHTTP_PROXY=\"\"\nHTTPS_PROXY=\"\"\nNO_PROXY=\"localhost, 127.0.0.1\"\n"),
		guest.File{Path: "/usr/lib/sysimage/rpm/.rpm.lock", Mode: 0o644}, text("/run/zypp.pid", ""))
}

// slesFiles have no repositories: an image that was never registered.
func slesFiles(*VPC) []guest.File {
	return append(zypperFiles(),
		text("/etc/os-release", "NAME=\"SLES\"\nVERSION=\"15-SP6\"\nVERSION_ID=\"15.6\"\nPRETTY_NAME=\"SUSE Linux Enterprise Server 15 SP6\"\nID=\"sles\"\nID_LIKE=\"suse\"\n"))
}

// sles15Files are those of a SLES that pays as it goes: registered with SUSE's update servers in this region, which no DNS knows.
func sles15Files(*VPC) []guest.File {
	const product, module = "SUSE_Linux_Enterprise_Server_x86_64", "Basesystem_Module_x86_64"
	files := append(zypperFiles(),
		text("/etc/os-release", "NAME=\"SLES\"\nVERSION=\"15-SP7\"\nVERSION_ID=\"15.7\"\nPRETTY_NAME=\"SUSE Linux Enterprise Server 15 SP7\"\nID=\"sles\"\nID_LIKE=\"suse\"\n"),
		text("/etc/regionserverclnt.cfg", "[server]\napi = regionInfo\ncertLocation = /usr/lib/regionService/certs\nregionsrv = 34.197.223.242,54.223.148.145\n\n[instance]\ndataProvider = /usr/bin/ec2metadata --api latest --document --signature --pkcs7 --xml\ninstanceArgs = none\nhttpsOnly = true\n"),
		program("/usr/lib/zypp/plugins/urlresolver/susecloud"))
	for _, service := range []struct {
		name string
		id   int
		tree string
	}{{product, 2690, "SLE-Product-SLES"}, {module, 2691, "SLE-Module-Basesystem"}} {
		files = append(files,
			text("/etc/zypp/services.d/"+service.name+".service", fmt.Sprintf("[%[1]s]\nname=%[1]s\nenabled=1\nautorefresh=1\nurl = plugin:/susecloud?credentials=%[1]s&path=/services/%[2]d\ntype = ris\n", service.name, service.id)),
			guest.File{Path: "/etc/zypp/credentials.d/" + service.name, Content: []byte("username=" + suseUser + "\npassword=" + susePassword + "\n"), Mode: 0o600})
		for _, part := range []struct{ suffix, path string }{{"Pool", "/repo/SUSE/Products/%s/15-SP7/x86_64/product/"}, {"Updates", "/repo/SUSE/Updates/%s/15-SP7/x86_64/update/"}} {
			alias := service.name + ":" + service.tree + "15-SP7-" + part.suffix
			files = append(files, text("/etc/zypp/repos.d/"+strings.ReplaceAll(alias, "/", "_")+".repo", fmt.Sprintf("[%s]\nname=%s15-SP7-%s\nenabled=1\nautorefresh=1\nbaseurl=plugin:/susecloud?credentials=%s&path=%s\nservice=%s\n",
				alias, service.tree, part.suffix, service.name, fmt.Sprintf(part.path, service.tree), service.name)))
		}
	}
	return files
}

// suseHosts is what SUSE's registration adds to the hosts file.
const suseHosts = "\n# Added by SMT registration do not remove, retain comment as well\n" + suseIP + "\t" + suseServer + "\tsmt-ec2\n"
