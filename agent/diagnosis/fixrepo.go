package diagnosis

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"agentctl/agent/words"
	"agentctl/probes"
)

// curlRepo is the command that shows what a document's address serves.
func curlRepo(rr *probes.RepoResult) string {
	return "curl -sSIL " + pasteURL(rr.URL)
}

// quotable is an address that single quotes keep a shell from reading.
var quotable = regexp.MustCompile(`^https?://[A-Za-z0-9._:/@+=,?&%~*-]+$`)

// pasteURL is an address from outside for use in a command.
func pasteURL(address string) string {
	switch {
	case plain.MatchString(address):
		return address
	case quotable.MatchString(address):
		return "'" + address + "'"
	}
	return "<address>"
}

// disableRepos is the command that disables repositories here; "" where it takes a
// look at the file first.
func (v *view) disableRepos(rs []*probes.RepoResult) string {
	var ids []string
	for _, rr := range rs {
		ids = append(ids, paste(rr.Repo.ID, "<repository>"))
	}
	all := strings.Join(dedup(ids), " ")
	switch v.packager() {
	case "yum":
		return "sudo yum-config-manager --disable " + all
	case "zypper":
		return "sudo zypper modifyrepo --disable " + all
	case "apt":
		return v.disableApt(rs)
	}
	if os := v.r.Host.OS; os.ID == "fedora" && os.Version >= "41" { // dnf5
		return "sudo dnf config-manager setopt " + strings.Join(dedup(ids), ".enabled=0 ") + ".enabled=0"
	}
	return "sudo dnf config-manager --set-disabled " + all
}

// disableApt puts away files that hold nothing else. A line of a file with others is
// commented out; a stanza needs a person.
func (v *view) disableApt(rs []*probes.RepoResult) string {
	var out []string
	for _, rr := range rs {
		file := pastePath(rr.Repo.File, "<file>")
		others := slices.ContainsFunc(v.r.RepoConfig.Repos, func(repo probes.Repo) bool {
			return repo.Enabled && repo.File == rr.Repo.File && !slices.ContainsFunc(rs, func(x *probes.RepoResult) bool { return x.Repo.ID == repo.ID })
		})
		switch {
		case !others:
			out = append(out, "sudo mv "+file+" "+file+".disabled")
		case path.Ext(rr.Repo.File) == ".list" && rr.Repo.Line > 0:
			out = append(out, fmt.Sprintf("sudo sed -i '%ds/^/# /' %s", rr.Repo.Line, file))
		default:
			out = append(out, "sudo apt edit-sources "+path.Base(file))
		}
	}
	return strings.Join(dedup(out), "\n")
}

// orDo turns "do this" into "or do this" behind another fix.
func orDo(out []Fix, text string) string {
	if len(out) == 0 {
		return text
	}
	return "or " + text
}

// fixInternet: what can be disabled, and the ways to the internet. Of a distribution's
// own repositories none can be done without.
func fixInternet(v *view, rs []*probes.RepoResult) []Fix {
	var out []Fix
	var spare []*probes.RepoResult
	for _, rr := range rs {
		if !rr.Repo.Own {
			spare = append(spare, rr)
		}
	}
	if len(spare) > 0 {
		out = append(out, Fix{fmt.Sprintf("if %s %s not needed here, disable %s: %s", list(repoIDs(spare)), agree(len(spare), "is", "are"), agree(len(spare), "it", "them"), v.leftAfter(spare)), v.disableRepos(spare)})
	}
	if slices.ContainsFunc(rs, func(rr *probes.RepoResult) bool { return repoHost(rr) == "cdn.amazonlinux.com" }) {
		out = append(out, Fix{orDo(out, "take Amazon Linux's packages from S3, which the free gateway endpoint carries: the package amazon-linux-repo-s3 in place of amazon-linux-repo-cdn (from a machine that has internet, if this one has not)"),
			"sudo dnf swap -y amazon-linux-repo-cdn amazon-linux-repo-s3"})
	}
	return append(out, v.waysOut(rs, out)...)
}

// waysOut are a NAT gateway, a proxy, and a copy that can be reached.
func (v *view) waysOut(rs []*probes.RepoResult, before []Fix) []Fix {
	return []Fix{
		{orDo(before, "give this subnet a way to the internet: a NAT gateway in a public subnet, and a default route to it in this subnet's route table"),
			aws("aws ec2 describe-route-tables --region "+v.ids.region, "--filters Name=association.subnet-id,Values="+v.ids.subnet)},
		{"or a proxy that may reach " + repoHosts(rs) + ": http_proxy and https_proxy of the SSM Agent's unit, which the patch script inherits (with 169.254.169.254 in its no_proxy), or " + proxySetting(v.packager()), ""},
		{"or a mirror inside the VPC, or a copy in an S3 bucket of yours, which the gateway endpoint carries: name it in " + repoFiles(rs), ""}}
}

// proxySetting is where a package manager takes a proxy from.
func proxySetting(manager string) string {
	switch manager {
	case "apt":
		return "Acquire::http::Proxy and Acquire::https::Proxy in /etc/apt/apt.conf.d"
	case "zypper":
		return "/etc/sysconfig/proxy"
	}
	return "proxy= in the repository's file"
}

func repoFiles(rs []*probes.RepoResult) string {
	var files []string
	for _, rr := range rs {
		if rr.Repo.File != "" {
			files = append(files, rr.Repo.File)
		}
	}
	return orText(list(dedup(files)), "the repositories' file")
}

// leftAfter says what is left when some repositories are disabled.
func (v *view) leftAfter(gone []*probes.RepoResult) string {
	var left, bad []*probes.RepoResult
	s3 := true
	for i := range v.r.Repos {
		rr := &v.r.Repos[i]
		if !rr.Repo.Required || slices.Contains(gone, rr) {
			continue
		}
		left = append(left, rr)
		s3 = s3 && isS3(&rr.Result)
		if rr.Result.State != probes.Up {
			bad = append(bad, rr)
		}
	}
	switch {
	case len(left) == 0:
		return "no required repository is left"
	case len(bad) > 0:
		return list(repoIDs(bad)) + " would be left, and " + agree(len(bad), "does", "do") + " not work either"
	case s3:
		return "every required repository that is left (" + words.ListFirst(repoIDs(left), 2) + ") lies in S3 and works from here"
	}
	return "every required repository that is left (" + words.ListFirst(repoIDs(left), 2) + ") works from here"
}

func fixUnreachable(v *view, rs []*probes.RepoResult) []Fix {
	rr := rs[0]
	r := &rr.Result
	step, _ := r.Failed()
	var out []Fix
	switch kind := v.failureKind(rr); {
	case kind == "elsewhere":
		out = v.fixOtherRegion(rs)
	case kind == "over":
		return []Fix{
			{"move to a system that is still supported; until then take the packages from CentOS's archive, which gets no updates any more",
				"sudo sed -i -e 's/^mirrorlist=/#mirrorlist=/' -e 's|^#baseurl=http://mirror.centos.org|baseurl=https://vault.centos.org|' /etc/yum.repos.d/CentOS-*.repo"}}
	case step.Phase == probes.PhaseDNS:
		out = []Fix{{"correct the address in " + repoFiles(rs) + ", if it is wrong", "getent ahosts " + paste(hostOf(r), "<name>")}}
		if step.Reason == probes.Truncated {
			out = fixDNSTCP(v)[:1]
		} else if known, _, asked := v.vpcSays(r); asked && len(known) > 0 && !v.byVPC(r) {
			out = append(out, Fix{"or ask whoever runs the resolver " + byName(v, r) + " why it hides the name, which the VPC's own resolver knows", ""})
		} else {
			out = append(out, Fix{"or, if a DNS firewall or a private zone of yours hides it, allow it there", "dig " + paste(hostOf(r), "<name>") + " @169.254.169.253"})
		}
	case len(pinned(r)) > 0 && len(dnsSays(r)) > 0 && !slices.Equal(dnsSays(r), r.Name.Pinned):
		out = fixHosts(v, []*probes.Result{r})[:1]
	case step.Phase == probes.PhaseTCP && v.isPrivate(r):
		out = []Fix{{fmt.Sprintf("let port %s in from %s at %s (%s): its security group or firewall, the network ACLs, and the routes there and back", portOf(r), v.ids.sg, hostOf(r), addrList(r.Addresses)), ""},
			{"or mend the server itself", "curl -v --max-time 5 " + pasteURL(rr.URL)}}
	case step.Phase == probes.PhaseTCP:
		out = v.fixBlockedHost(rs)
	case step.Phase == probes.PhaseHTTP:
		out = []Fix{{"see what it says", curlRepo(rr)}, {"ask whoever runs " + repoHosts(rs) + ", or the proxy or firewall before it; public mirrors mostly recover by themselves", ""}}
	case step.Phase == probes.PhaseTLS:
		out = []Fix{{"see how far it comes", "openssl s_client -connect " + paste(hostOf(r), "<name>") + ":443 -servername " + paste(hostOf(r), "<name>") + " </dev/null"},
			{"ask whoever runs " + repoHosts(rs) + ", or the firewall before it, why TLS does not come about", ""}}
	default:
		out = []Fix{{"correct " + repoFiles(rs), ""}}
	}
	return v.orDisable(out, rs)
}

// orDisable adds that what is not the distribution's own can be done without.
func (v *view) orDisable(out []Fix, rs []*probes.RepoResult) []Fix {
	var spare []*probes.RepoResult
	for _, rr := range rs {
		if !rr.Repo.Own {
			spare = append(spare, rr)
		}
	}
	if len(spare) > 0 {
		out = append(out, Fix{"or disable " + list(repoIDs(spare)) + ", if not needed here", v.disableRepos(spare)})
	}
	return out
}

// fixBlockedHost: plain http needs port 80 as well, which people forget.
func (v *view) fixBlockedHost(rs []*probes.RepoResult) []Fix {
	port := portOf(&rs[0].Result)
	out := []Fix{{"ask whoever runs the egress firewall (network team): \"please let " + v.ids.instance + " (" + v.ids.subnet + ") reach " + repoHosts(rs) + " on " + port + "/tcp\"", ""}}
	if port == "80" {
		out = append(out, Fix{"these repositories use plain http: the security group and the network ACL must let 80/tcp out beside 443",
			aws("aws ec2 describe-security-groups --region "+v.ids.region+" --group-ids "+v.ids.sg, "--query 'SecurityGroups[].IpPermissionsEgress'")})
	}
	return out
}

// fixOtherRegion: the region in Amazon Linux's addresses is a variable.
func (v *view) fixOtherRegion(rs []*probes.RepoResult) []Fix {
	dir := "/etc/dnf/vars"
	if v.packager() == "yum" {
		dir = "/etc/yum/vars"
	}
	ways := []Fix{{"or a way to the internet (NAT, or a proxy of the SSM Agent's): the gateway endpoint carries no other region's S3", ""}}
	if v.r.RepoConfig.Variables["awsregion"] == s3Region(hostOf(&rs[0].Result)) {
		return append([]Fix{{"set the variable awsregion to this instance's region", "echo " + v.ids.region + " | sudo tee " + dir + "/awsregion"}}, ways...)
	}
	return append([]Fix{{"name this region's bucket in " + repoFiles(rs), ""}}, ways...)
}

func fixSkipped(v *view, rs []*probes.RepoResult) []Fix {
	them := agree(len(rs), "it", "them")
	out := []Fix{{"if " + list(repoIDs(rs)) + " should not be here, disable " + them + ", so that nobody counts on " + them + ": " + v.leftAfter(rs), v.disableRepos(rs)}}
	if v.noWayFor(rs) {
		return append(out, v.waysOut(rs, out)...)
	}
	text := "if it should, mend what the evidence says"
	if m := v.packager(); m == "dnf" || m == "yum" {
		text += "; a repository that must not be left out has skip_if_unavailable off"
	}
	return append(out, Fix{text, curlRepo(rs[0])})
}
