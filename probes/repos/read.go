package repos

import (
	"slices"

	"agentctl/platform"
	"agentctl/probes"
)

// Read reads the configuration of this machine's package manager, as Patch
// Manager chooses it (AWS-RunPatchBaseline, step PatchLinux: by what is installed,
// apt first). Known is false where there is none.
func Read(host platform.Host, facts platform.Facts, in Input) probes.RepoConfig {
	ids := append([]string{facts.OS.ID}, facts.OS.Like...)
	is := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(ids, n) })
	}
	var order []func() probes.RepoConfig
	dnf := func() probes.RepoConfig { return ReadDNF(host, facts, in) }
	apt := func() probes.RepoConfig { return ReadAPT(host, facts) }
	zypper := func() probes.RepoConfig { return ReadZypper(host, facts) }
	switch {
	case is("debian", "ubuntu"):
		order = append(order, apt)
	case is("suse", "sles", "opensuse"):
		order = append(order, zypper)
	case is("rhel", "fedora", "centos", "amzn", "rocky", "almalinux", "ol"):
		order = append(order, dnf)
	default:
		order = append(order, apt, dnf, zypper)
	}
	var out probes.RepoConfig
	for _, read := range order {
		if out = read(); out.Known {
			return out
		}
	}
	return out
}
