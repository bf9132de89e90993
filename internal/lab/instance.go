//go:build linux

package lab

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/internal/lab/guest"
)

// guestSpec is the instance as the scenario describes it, and the command to run there.
func (v *VPC) guestSpec(args []string) guest.Spec {
	s := v.scenario
	spec := guest.Spec{
		Hostname:      v.hostname(),
		Agents:        !s.Agent.Absent && !s.Agent.Stopped,
		AgentBinaries: !s.Agent.Absent,
		AgentFolder:   flavours[s.Instance.OS].agentFolder,
		AgentGo:       s.Agent.Go,
		Command:       append(append([]string{"/usr/bin/agentctl"}, s.Run.Args...), args...),
		Environment:   []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"},
		UID:           s.Run.UID,
		OpenFiles:     s.Run.OpenFiles,
		ReadAll:       s.Run.ReadAll,
		Limit:         max(runLimit, s.Run.Limit.Duration),
	}
	for _, name := range sortedKeys(s.Agent.Environment) {
		spec.AgentEnvironment = append(spec.AgentEnvironment, name+"="+s.Agent.Environment[name])
	}
	files := flavours[s.Instance.OS].files(v)
	files = append(files, v.networkFiles()...)
	files = append(files, v.trustFiles()...)
	if !s.Agent.Absent {
		files = append(files, v.agentFiles()...)
	}
	files = slices.DeleteFunc(files, func(f guest.File) bool { return slices.Contains(s.Instance.Remove, f.Path) })
	for _, path := range sortedKeys(s.Instance.Files) {
		file := text(v.fill(path), v.fill(s.Instance.Files[path]))
		if mode, found := s.Instance.Modes[path]; found {
			file.Mode = mode
		}
		files = append(files, file)
	}
	v.machine(&spec)
	spec.Files = files
	return spec
}

func (v *VPC) hostname() string {
	if name := v.scenario.Instance.Hostname; name != "" {
		return name
	}
	return "ip-10-0-1-10." + v.world.region + ".compute.internal"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func text(path, content string) guest.File {
	return guest.File{Path: path, Content: []byte(content), Mode: 0o644}
}

func program(path string) guest.File {
	return guest.File{Path: path, Content: []byte("\x7fELF stand-in: nothing in the lab runs it\n"), Mode: 0o755}
}

func link(path, to string) guest.File { return guest.File{Path: path, Link: to} }

// networkFiles are the resolver's configuration and the hosts file.
func (v *VPC) networkFiles() []guest.File {
	s := v.scenario.Instance
	nameservers := s.Nameservers
	if len(nameservers) == 0 {
		nameservers = []string{vpcResolverIP}
	}
	search := v.world.region + ".compute.internal"
	if s.Search != nil {
		search = *s.Search
	}
	resolvConf := func(servers []string) string {
		var out strings.Builder
		if search != "" {
			fmt.Fprintf(&out, "search %s\n", search)
		}
		for _, server := range servers {
			if server != "none" {
				fmt.Fprintf(&out, "nameserver %s\n", server)
			}
		}
		if s.Options != "" {
			fmt.Fprintf(&out, "options %s\n", s.Options)
		}
		return out.String()
	}
	vendorHosts := ""
	if s.OS == "sles15" {
		vendorHosts = suseHosts
	}
	files := []guest.File{
		text("/etc/hosts", "127.0.0.1   localhost localhost.localdomain localhost4 localhost4.localdomain4\n"+
			"::1         localhost6 localhost6.localdomain6\n"+vendorHosts+s.Hosts),
		text("/etc/nsswitch.conf", "passwd:     files\ngroup:      files\nhosts:      files dns myhostname\n"),
		text("/etc/host.conf", "multi on\n"),
		text("/etc/hostname", v.hostname()+"\n"),
	}
	if s.Resolved {
		return append(files,
			link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf"),
			text("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch "+search+"\n"),
			text("/run/systemd/resolve/resolv.conf", resolvConf(nameservers)))
	}
	return append(files, text("/etc/resolv.conf", resolvConf(nameservers)))
}

// trustFiles are the machine's certificate store where Amazon Linux keeps it, and agentctl's configuration, which names the
// lab's root as a service root: without that, no chain of the lab would count as Amazon's.
func (v *VPC) trustFiles() []guest.File {
	a := v.authorities
	store := append(slices.Clone(a.strangers), a.amazon.root, a.public.root)
	switch v.scenario.Instance.Trust {
	case "lab+corporate":
		store = append(store, a.corporate.root)
	case "strangers":
		store = a.strangers
	}
	return append(flavours[v.scenario.Instance.OS].trust(bundle(store...)),
		guest.File{Path: "/etc/pki/corporate.pem", Content: bundle(a.corporate.root), Mode: 0o644}, // for repositories that name their own authority
		guest.File{Path: "/etc/pki/strangers.pem", Content: bundle(a.strangers...), Mode: 0o644},   // for an SSM Agent that is told to trust others
		guest.File{Path: "/etc/agentctl/lab-roots.pem", Content: bundle(a.amazon.root), Mode: 0o644},
		text("/etc/agentctl/agentctl.yml", "tls:\n  service_roots: /etc/agentctl/lab-roots.pem\n"+v.scenario.Instance.Config))
}
