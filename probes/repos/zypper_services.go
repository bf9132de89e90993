package repos

import (
	"agentctl/probes"
)

// zyppService is one service: a list of repositories that a server keeps. Their
// .repo entries name it (zypper(8), "Services").
type zyppService struct {
	alias, file string
	line        int
	kind        string // ris, plugin; "" is found out
	enabled     bool
	url         string
}

// zyppPluginServices are programs that list repositories, such as SUSE Manager's.
const zyppPluginServices = "/usr/lib/zypp/plugins/services"

// readServices reads every file of services.d, whatever its name. complete: there
// is no service beyond those.
func (r *zyppReader) readServices() (services []zyppService, complete bool) {
	known := len(r.denied)
	for _, name := range r.list(r.conf["servicesdir"]) {
		data, ok := r.read(name, maxZyppFile)
		if !ok {
			continue
		}
		sections, line, fault := parseZyppINI(data)
		if fault != "" {
			r.fault(name, line, "%s: %s", name, fault)
		}
		for _, s := range sections {
			if s.name == "" {
				continue
			}
			if len(services) >= maxZyppRepos {
				return services, false
			}
			services = append(services, zyppService{
				alias: s.name, file: name, line: s.line, kind: s.values["type"], url: s.values["url"],
				enabled: zyppTrue(s.values["enabled"]) || s.values["enabled"] == "",
			})
			if url := s.values["url"]; url != "" {
				if _, fault := parseZyppURL(url); fault != "" {
					r.fault(name, s.line, "%s: [%s]: %s", name, aptPrintable(s.name), fault)
				}
			}
		}
	}
	return services, len(r.denied) == known && len(r.list(zyppPluginServices)) == 0
}

// serviceRepo stands for a service that has not given its repositories yet: what
// zypper asks it for is its index.
func (b *zyppBuilder) serviceRepo(s zyppService) (probes.Repo, bool) {
	u, fault := parseZyppURL(b.vars.expand(s.url))
	if s.url == "" || fault != "" || s.kind == "plugin" || !s.enabled {
		return probes.Repo{}, false
	}
	repo := probes.Repo{
		ID: "service:" + aptPrintable(s.alias), Name: "the index of a service", Manager: "zypper", File: s.file, Line: s.line,
		Enabled: true, SSLVerify: true, Metadata: []string{"repo/repoindex.xml"},
	}
	b.place(&repo, []zyppURL{u}, "")
	return repo, true
}
