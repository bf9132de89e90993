package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/probes"
)

// vendor is who decides over the entitlement to a repository; "" anybody.
type vendor string

const (
	vendorRHUI vendor = "rhui"
	vendorRHSM vendor = "rhsm"
	vendorPro  vendor = "pro"
	vendorSUSE vendor = "suse"
)

var vendorHosts = []struct {
	end string
	of  vendor
}{
	{".aws.ce.redhat.com", vendorRHUI}, {"cdn.redhat.com", vendorRHSM}, {"subscription.rhsm.redhat.com", vendorRHSM},
	{"esm.ubuntu.com", vendorPro}, {".susecloud.net", vendorSUSE}, {"updates.suse.com", vendorSUSE}, {"scc.suse.com", vendorSUSE},
}

func vendorOf(rr *probes.RepoResult) vendor {
	h := repoHost(rr)
	for _, v := range vendorHosts {
		if h == v.end || strings.HasPrefix(v.end, ".") && strings.HasSuffix(h, v.end) {
			return v.of
		}
	}
	return ""
}

// entitlement is what a server asks for.
func entitlement(of vendor) string {
	switch of {
	case vendorRHUI:
		return "it lets in instances whose billing product is Red Hat's, by the certificates of the RHUI client package"
	case vendorRHSM:
		return "the Red Hat subscription of this machine is missing or over"
	case vendorPro:
		return "Ubuntu Pro's token is missing or not valid any more"
	case vendorSUSE:
		return "the registration of this machine is missing or not valid any more"
	}
	return "credentials, or a list of addresses that may come in, decide there"
}

func fixAccessOf(v *view, rs []*probes.RepoResult) []Fix {
	switch vendorOf(rs[0]) {
	case vendorRHUI:
		return []Fix{
			{"update the RHUI client package: an old one has certificates that are no longer accepted", "sudo " + v.packager() + " update --disablerepo='*' --enablerepo='rhui-client-config*'"},
			{"look at the billing product of the instance: one whose disk or image was copied without it is no customer of RHUI; use an image with Red Hat's product, or subscribe the machine (subscription-manager)",
				"T=$(curl -sX PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)\ncurl -s -H \"X-aws-ec2-metadata-token: $T\" http://169.254.169.254/latest/dynamic/instance-identity/document | grep -A2 billingProducts"},
			{"and at the clock, if it is off", "timedatectl"}}
	case vendorRHSM:
		return []Fix{{"renew the subscription's certificates", "sudo subscription-manager identity\nsudo subscription-manager refresh"}}
	case vendorPro:
		return []Fix{{"renew the token; on an image with Ubuntu Pro built in, auto-attach does it without one", "sudo pro status\nsudo pro refresh || sudo pro auto-attach || sudo pro attach <token>"}}
	case vendorSUSE:
		return []Fix{{"register this instance again: pay as you go with SUSE's servers in the cloud, own subscriptions with the SUSE Customer Center", "sudo registercloudguest --force-new   # or: sudo SUSEConnect -r <registration code>"}}
	}
	out := []Fix{{"see what it answers", curlRepo(rs[0])},
		{"ask whoever runs " + repoHosts(rs) + ", or the proxy or filter before it: is this machine let in, and are user and password in " + repoFiles(rs) + " still good?", ""}}
	return v.orDisable(out, rs)
}

func fixRepoConfig(v *view, hit []configFault) []Fix {
	var cmds []string
	for _, c := range hit {
		file := pastePath(c.file, "<file>")
		switch {
		case strings.Contains(c.text, "not registered"):
			return []Fix{{"register this instance with SUSE's update servers in this cloud; it must reach the region servers of /etc/regionserverclnt.cfg on 443 for that", "sudo registercloudguest --force-new"}}
		case c.line > 0:
			cmds = append(cmds, fmt.Sprintf("sudo sed -n '%d,%dp' %s", max(1, c.line-2), c.line+2, file))
		default:
			cmds = append(cmds, "sudo cat "+file)
		}
	}
	check := map[string]string{"dnf": "sudo dnf repolist", "yum": "sudo yum repolist", "apt": "sudo apt-get update", "zypper": "sudo zypper repos"}[v.packager()]
	return []Fix{{"mend the place that is named, or take the file away if it is not needed", strings.Join(dedup(cmds), "\n")}, {"then see that it is read without complaint", check}}
}

func fixNoRepos(v *view) []Fix {
	enable := map[string]string{"dnf": "sudo dnf repolist --all\nsudo dnf config-manager --set-enabled <repository>", "yum": "sudo yum repolist all\nsudo yum-config-manager --enable <repository>",
		"apt": "grep -rn '' /etc/apt/sources.list /etc/apt/sources.list.d", "zypper": "sudo zypper repos --uri\nsudo zypper modifyrepo --enable <repository>"}[v.packager()]
	out := []Fix{{"enable the distribution's own repositories", enable}}
	switch id := v.r.Host.OS.ID; {
	case id == "rhel":
		out = append(out, Fix{"or, where there is none to enable, install the RHUI client package of the image, or subscribe the machine", "sudo subscription-manager register"})
	case strings.HasPrefix(id, "sles"):
		out = append(out, Fix{"or, where there is none to enable, register the instance: that brings them", "sudo registercloudguest --force-new   # or: sudo SUSEConnect -r <registration code>"})
	}
	return out
}

func fixClientCertificate(v *view, rs []*probes.RepoResult) []Fix {
	switch vendorOf(rs[0]) {
	case vendorRHUI:
		return []Fix{{"update the RHUI client package, or install it again: it brings the certificates", "sudo " + v.packager() + " update --disablerepo='*' --enablerepo='rhui-client-config*' || sudo " + v.packager() + " reinstall 'rh-amazon-rhui-client*'"}}
	case vendorRHSM:
		return fixAccessOf(v, rs)
	}
	file := pastePath(rs[0].Repo.ClientCert, "<certificate>")
	return v.orDisable([]Fix{{"see what is there", "sudo ls -l " + file + "; sudo openssl x509 -noout -subject -dates -in " + file},
		{"put a valid certificate and its key there, from whoever runs " + orText(repoHosts(rs), "the server") + ", or correct the names in " + repoFiles(rs), ""}}, rs)
}

func fixRepoTrust(v *view, rs []*probes.RepoResult) []Fix {
	rr := rs[0]
	ca := orText(rr.Repo.CAFile, rr.Repo.CADir)
	switch {
	case vendorOf(rr) == vendorRHUI:
		return []Fix{fixAccessOf(v, rs)[0],
			{"if a firewall on the way inspects TLS, ask whoever runs it (security team): \"please exempt " + repoHosts(rs) + " from TLS inspection for " + v.ids.vpc + "\"; Red Hat's servers have an authority of their own, which no inspection can stand in for", ""}}
	case ca != "":
		return v.orDisable([]Fix{{"put the authority of " + orText(repoHosts(rs), "the server") + " into " + ca + ", or name the right file in " + repoFiles(rs), "sudo openssl x509 -noout -subject -dates -in " + pastePath(ca, "<file>")},
			{"if a firewall on the way inspects TLS, ask whoever runs it (security team) to exempt " + orText(repoHosts(rs), "the server"), ""}}, rs)
	case publicAuthority(topIssuer(&rr.Result)):
		return v.orDisable([]Fix{{"update the certificate store", fixTrustStore(v)[0].Command},
			{"or ask whoever runs " + repoHosts(rs) + " to send the whole chain", "openssl s_client -connect " + paste(hostOf(&rr.Result), "<name>") + ":443 -servername " + paste(hostOf(&rr.Result), "<name>") + " -showcerts </dev/null"}}, rs)
	}
	return v.orDisable([]Fix{{"add its authority to this machine's store", installCA(v)}, {"or name it in " + repoFiles(rs) + " (sslcacert=)", ""}}, rs)
}

// fixWhichS3 tells a policy from a missing object.
func fixWhichS3(v *view, rs []*probes.Result) []Fix {
	for _, r := range rs {
		if rr := v.repos[r]; rr != nil && rr.KnownGood != probes.AccessDenied {
			key := "/core/mirrors/latest/x86_64/mirror.list"
			if strings.HasPrefix(hostOf(r), "amazonlinux-2-") {
				key = "/2/core/latest/x86_64/mirror.list"
			}
			return []Fix{{"to tell it from a wrong release: this object surely exists; if it is refused too, it is the policy", "curl -sI https://" + paste(hostOf(r), "<bucket's host>") + key}}
		}
	}
	return nil
}

// archiveOf is where a distribution keeps releases that are over; "" where the host
// that lacks the metadata has no such place.
func archiveOf(rs []*probes.RepoResult) string {
	h := repoHost(rs[0])
	if rs[0].Repo.Manager != "apt" || rs[0].Reason != probes.NotFound || !rs[0].Repo.Own {
		return ""
	}
	switch {
	case strings.HasSuffix(h, "archive.ubuntu.com"), h == "security.ubuntu.com", strings.HasSuffix(h, "ports.ubuntu.com"):
		return "old-releases.ubuntu.com"
	case h != "archive.debian.org" && (strings.HasSuffix(h, ".debian.org") || h == "cloudfront.debian.net"):
		return "archive.debian.org"
	}
	return ""
}

func fixMissing(v *view, rs []*probes.RepoResult) []Fix {
	rr := rs[0]
	if old := archiveOf(rs); old != "" {
		return []Fix{{"move to a release that is still supported; until then the packages, without updates, are on " + old, "cat /etc/os-release\ngrep -n " + paste(repoHost(rr), "<host>") + " " + pastePath(rr.Repo.File, "<file>")}}
	}
	if repoHost(rr) == "" {
		return v.orDisable([]Fix{{"put the repository there, or correct its address in " + repoFiles(rs), "sudo ls -l " + pastePath(strings.TrimPrefix(rr.URL, "file://"), "<file>")}}, rs)
	}
	out := []Fix{{"see the address as it is asked for, and correct it in " + repoFiles(rs), curlRepo(rr)}}
	if v.packager() == "dnf" || v.packager() == "yum" {
		out[0] = Fix{"correct the release: the address is made of these variables", "cat /etc/" + v.packager() + "/vars/* ; rpm -q --qf '%{version}\\n' --whatprovides system-release\n" + curlRepo(rr)}
	}
	if slices.ContainsFunc(rs, func(rr *probes.RepoResult) bool { return rr.Repo.Own && isS3(&rr.Result) }) && v.packager() == "dnf" {
		out = append(out, Fix{"Amazon Linux 2023 asks for one release, which must exist; latest always does", "sudo dnf check-release-update\nsudo dnf --releasever=latest repolist"})
	}
	return v.orDisable(out, rs)
}

func fixMirrorList(v *view, rs []*probes.RepoResult) []Fix {
	return v.orDisable([]Fix{{"see what the list holds: for a release that is over, or a wrong $releasever, it is empty", "curl -sSL " + pasteURL(rs[0].URL) + " | head"},
		{"or name a server in " + repoFiles(rs) + ": baseurl= in place of the list", ""}}, rs)
}

func fixContent(v *view, rs []*probes.RepoResult) []Fix {
	rr := rs[0]
	switch contentKind(rr) {
	case "page":
		return v.orDisable([]Fix{{"see the page", "curl -sSL " + pasteURL(rr.URL) + " | head"},
			{"if it is a filter's or portal's, ask whoever runs it (security team): \"please let " + v.ids.instance + " reach " + repoHosts(rs) + " untouched\"; if it is the server's own, the address in " + repoFiles(rs) + " is out of date", ""}}, rs)
	case "age":
		return v.orDisable([]Fix{{"ask whoever runs the mirror " + orText(repoHosts(rs), "") + " to update it, or name another in " + repoFiles(rs), ""}, {"and look at the clock of this machine, if it could not be checked", "timedatectl"}}, rs)
	}
	return v.orDisable([]Fix{{"see what is served", "curl -sSL " + pasteURL(rr.URL) + " | head"}, {"correct the address in " + repoFiles(rs) + ", or ask whoever runs " + orText(repoHosts(rs), "the mirror"), ""}}, rs)
}
