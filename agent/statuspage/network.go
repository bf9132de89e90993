package statuspage

import (
	"slices"
	"strings"

	"agentctl/agent/report"
	"agentctl/agent/words"
	"agentctl/probes"
)

// way is what lies between the instance and targets: an endpoint, a gateway, NAT, a
// proxy. A resolver or the metadata service is one with nothing behind it.
type way struct {
	title, detail string
	look          look // of the line to it
	ends          []end
	lost          bool // nothing gets as far as the way: the lines behind it are not walked
}

// end is a group of targets behind a way that stand alike.
type end struct {
	names  []string
	detail string
	look   look
}

// maxRows keeps the picture on one screen.
const maxRows = 14

// network is the picture's content, nearest things first.
func network(v View) []way {
	r := v.Report
	another := slices.ContainsFunc(r.Checks, func(c report.Check) bool { return resolver(c) && c.State == probes.Up })
	var out []way
	for _, c := range r.Checks {
		switch {
		case resolver(c):
			out = append(out, way{title: "DNS " + c.Name, detail: c.Value, look: lookOfCheck(r, c, "dns-", another)})
		case c.Name == "imds":
			out = append(out, way{title: "instance metadata", detail: c.Value, look: lookOfCheck(r, c, "imds-", false)})
		}
	}
	return crop(append(out, routes(v)...))
}

// resolver tells whether a check is about a resolver that this machine asks, and not
// one that is only asked for comparison.
func resolver(c report.Check) bool {
	return strings.HasPrefix(c.Name, "resolver ") && !strings.Contains(c.Detail, "not configured")
}

// routes are the ways to the targets.
func routes(v View) []way {
	var out []way
	at := map[string]int{}
	proxies := proxiesOf(v.Round)
	for _, t := range v.Report.Targets {
		if t.State == probes.Skipped {
			continue
		}
		title, detail := wayOf(t, proxies)
		// One way, whether it is sure or likely of each target.
		key := report.RouteWords(t.Route, false) + "|" + detail
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, way{title: title, detail: detail, look: aside, lost: true})
		} else if t.RouteLikely {
			out[i].title = title
		}
		out[i].add(v.Report, t)
	}
	return out
}

// add puts a target behind a way.
func (y *way) add(r *report.Report, t report.Target) {
	l, s, detail := lookOf(r, t), probes.Step{}, ""
	if t.State == probes.Down {
		s, _ = stopped(t)
		detail = failure(t)
	}
	if t.State == probes.Up || passed(s) {
		y.look, y.lost = works, false
	} else if y.lost && l.badness() < y.look.badness() {
		y.look = l
	}
	i := slices.IndexFunc(y.ends, func(e end) bool { return e.look == l && e.detail == detail })
	if i < 0 {
		i = len(y.ends)
		y.ends = append(y.ends, end{detail: detail, look: l})
	}
	y.ends[i].names = append(y.ends[i].names, t.Name)
}

// passed tells whether what failed at a step had got as far as the way: behind the
// connect, or to a proxy that answers.
func passed(s probes.Step) bool {
	switch s.Phase {
	case probes.PhaseTLS, probes.PhaseHTTP, probes.PhaseSigned:
		return true
	case probes.PhaseProxy:
		return s.Reason == probes.ProxyAuth || s.Reason == probes.ProxyDenied
	case probes.PhaseDNS, probes.PhaseTCP:
	}
	return false
}

// wayOf names the way to a target, and the address of what stands there.
func wayOf(t report.Target, proxies map[string]string) (title, detail string) {
	if s, ok := stopped(t); ok && s.Phase == probes.PhaseDNS {
		return "no way", "the name gives no address"
	}
	title = first(report.RouteWords(t.Route, t.RouteLikely), "way not known")
	switch t.Route {
	case probes.RouteInterface, probes.RouteCentral:
		detail = words.ListFirst(t.Addresses, 2)
	case probes.RouteNAT:
		detail = "to the internet"
	case probes.RouteProxy:
		detail = proxies[t.Name]
	case probes.RouteGateway, probes.RouteInternet, probes.RouteUnknown:
	}
	return title, detail
}

// proxiesOf are the proxies' addresses by target; passwords are masked already.
func proxiesOf(r *probes.Round) map[string]string {
	out := map[string]string{}
	if r == nil {
		return out
	}
	for i := range r.Results {
		if p := r.Results[i].Proxy; p != nil {
			out[r.Results[i].Target.Name] = p.URL
		}
	}
	for i := range r.Repos {
		if p := r.Repos[i].Result.Proxy; p != nil {
			out[r.Repos[i].Result.Target.Name] = p.URL
		}
	}
	return out
}

// rows is how many lines of the picture a way takes.
func (y way) rows() int { return max(1, len(y.ends)) }

// worst is the worst look of a way and what lies behind it.
func (y way) worst() int {
	n := y.look.badness()
	for _, e := range y.ends {
		n = min(n, e.look.badness())
	}
	return n
}

// crop leaves out what does not fit, what works first.
func crop(all []way) []way {
	rows := 0
	for _, y := range all {
		rows += y.rows()
	}
	if rows <= maxRows {
		return all
	}
	slices.SortStableFunc(all, func(a, b way) int { return a.worst() - b.worst() })
	var out []way
	left, free := 0, maxRows-1
	for _, y := range all {
		if y.rows() > 1 && y.rows() > free { // one way can have many ends
			slices.SortStableFunc(y.ends, func(a, b end) int { return a.look.badness() - b.look.badness() })
			for _, e := range y.ends[max(free, 0):] {
				left += len(e.names)
			}
			y.ends = y.ends[:max(free, 0)]
		} else if free < 1 {
			for _, e := range y.ends {
				left += len(e.names)
			}
		}
		if free > 0 {
			out = append(out, y)
		}
		free -= y.rows()
	}
	if left == 0 {
		return out
	}
	return append(out, way{title: "and " + words.Count(left, "more target"), detail: "in the table below", look: rest})
}
