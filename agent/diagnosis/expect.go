package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"agentctl/probes"
)

// ruleExpect: a target works, but not by the route that its owner expects. Where the
// route cannot be told, nothing is said.
func ruleExpect(v *view) {
	f := Finding{Code: "route-unexpected", Severity: Warning}
	for _, name := range slices.Sorted(maps.Keys(v.r.Expect)) {
		want := v.r.Expect[name]
		r := v.result(name)
		if r == nil || r.State != probes.Up {
			continue
		}
		got := v.route(r)
		if got.Route == probes.RouteUnknown || got.Route == want {
			continue
		}
		if got.Likely {
			f.Confidence = Likely
		}
		f.Targets = append(f.Targets, name)
		f.Evidence = append(f.Evidence, Evidence{name, fmt.Sprintf("expected by %s; goes by %s to %s", routeName(want), routeName(got.Route), addrList(r.Addresses))})
	}
	if len(f.Targets) == 0 {
		return
	}
	f.Summary = fmt.Sprintf("%s works, but not by the route that the configuration expects.", list(f.Targets))
	f.Fix = []Fix{{"mend the endpoint, its private DNS or the route table, or change expect in the configuration", "agentctl config show"}}
	v.addInfo(f)
}

// routeName is a route as the configuration writes it, in words.
func routeName(r probes.Route) string { return strings.ReplaceAll(string(r), "_", " ") }

func expectEntry() Entry {
	return Entry{"route-unexpected", BlockPath, "warning", "A target works, but by another route", "Traffic that was meant for a VPC endpoint goes by NAT, a proxy or the internet, or the other way round: it costs more, and a change elsewhere can break it.",
		"The configuration's expect names a route, and the target is up by a different one that could be told.", "Mend the endpoint, its private DNS or the route table.", "agentctl", nil}
}
