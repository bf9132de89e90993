package repos

import (
	"fmt"
	"strings"
)

// The ways that a distribution's own repositories need.
const (
	wayGateway  = "the S3 gateway endpoint of the subnet's route table, free; no NAT"
	wayInternet = "NAT, a proxy, or a mirror inside the VPC"
)

// need is one row of the table of docs/repositories.md.
type need struct{ name, manager, own, host, way, source string }

// needs are the rows, from the tables that decide.
func needs() []need {
	var out []need
	managers := map[string]string{"Amazon Linux": "dnf (2023), yum (2)", "CentOS": "dnf (Stream), yum (7)"}
	for _, d := range distributions {
		n := need{name: d.name, manager: "dnf", own: code(d.ids), host: code(d.hosts), way: wayInternet, source: d.source}
		if m := managers[d.name]; m != "" {
			n.manager = m
		}
		if d.inAWS {
			n.host, n.way = "S3 of the instance's own region", wayGateway
		}
		out = append(out, n)
	}
	for _, list := range []struct {
		manager string
		names   map[string]string
		hosts   []OwnHost
	}{{"apt", map[string]string{"ubuntu": "Ubuntu", "debian": "Debian"}, AptOwn()}, {"zypper", map[string]string{"suse": "SUSE Linux Enterprise, openSUSE"}, ZypperOwn()}} {
		for _, h := range list.hosts {
			out = append(out, need{name: list.names[h.OS], manager: list.manager, own: h.What, host: "`" + h.Host + "`", way: wayInternet, source: h.Source})
		}
	}
	return out
}

func code(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// Page is the generated part of docs/repositories.md: what each distribution's
// own repositories need, as a table.
func Page() string {
	var b strings.Builder
	b.WriteString("| distribution | package manager | its own: id or content | host | what is enough |\n|---|---|---|---|---|\n")
	sources := []string{}
	for _, n := range needs() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", n.name, n.manager, n.own, n.host, n.way)
		if s := n.name + ": " + n.source; len(sources) == 0 || sources[len(sources)-1] != s {
			sources = append(sources, s)
		}
	}
	b.WriteString("\nSources:\n\n")
	seen := map[string]bool{}
	for _, s := range sources {
		if !seen[s] {
			seen[s] = true
			fmt.Fprintf(&b, "- %s\n", s)
		}
	}
	return b.String()
}
