package repos

import (
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// ZypperOwn lists the hosts of SUSE and openSUSE themselves.
func ZypperOwn() []OwnHost {
	const (
		scc       = "https://documentation.suse.com/sles/15-SP6/html/SLES-all/cha-register-sle.html (hosts to allow)"
		cloud     = "cloud-regionsrv-client, cloudregister/registerutils.py"
		opensuse  = "openSUSE-repos, /etc/zypp/services.d"
		suseNames = "suse"
	)
	return []OwnHost{
		{suseNames, "*.susecloud.net", "SUSE's update servers in this cloud (pay as you go)", cloud},
		{suseNames, "updates.suse.com", "all packages, by the SUSE Customer Center", scc},
		{suseNames, "scc.suse.com", "the SUSE Customer Center's services", scc},
		{suseNames, "installer-updates.suse.com", "the installer's updates", scc},
		{suseNames, "nu.novell.com", "all packages of SLES 12 (older)", scc},
		{suseNames, "download.opensuse.org", "openSUSE's packages", opensuse},
		{suseNames, "cdn.opensuse.org", "openSUSE's packages, by a CDN", opensuse},
	}
}

// suseLike makes sure that every product of SUSE's counts as one: not all say so
// in ID_LIKE.
func suseLike(os platform.OS) platform.OS {
	for _, name := range [...]string{"sle", "sl-", "opensuse", "suse"} {
		if strings.HasPrefix(os.ID, name) {
			os.Like = append(os.Like[:len(os.Like):len(os.Like)], "suse")
		}
	}
	return os
}

// suseTrees are paths that only SUSE's products have: a server that holds them
// (RMT, SMT, SUSE Manager) mirrors SUSE's own.
var suseTrees = [...]string{"/SUSE/Products/", "/SUSE/Updates/", "/SUSE/Backports/"}

// judgeZypper says whether patching needs the repository. Zypper skips one that
// it cannot refresh and ends with 106 then (zypper(8), "Exit codes").
func judgeZypper(repo *probes.Repo, u zyppURL, os platform.OS) {
	repo.Because = "not SUSE's own"
	if o, ok := matchOwn(ZypperOwn(), suseLike(os), strings.Trim(u.host, "[]")); ok {
		repo.Own, repo.Because = true, "SUSE's own: "+o.What
	}
	for _, tree := range suseTrees {
		if !repo.Own && strings.Contains(u.path, tree) {
			repo.Own, repo.Because = true, "a mirror of SUSE's own: it has "+strings.Trim(tree, "/")
		}
	}
	repo.Required = repo.Own && repo.Enabled
}
