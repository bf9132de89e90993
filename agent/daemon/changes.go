package daemon

import (
	"context"
	"log/slog"
	"slices"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/platform"
	"agentctl/probes"
)

// tell writes one line for each change, and nothing for a round without one.
func (d *Daemon) tell(rep *report.Report, changes []history.Change) {
	for _, c := range changes {
		switch c.Kind {
		case history.KindVerdict:
			level := slog.LevelInfo
			if rep.Verdict.State == diagnosis.Blocked {
				level = slog.LevelWarn
			}
			d.o.Log.Log(context.Background(), level, "verdict", "state", c.To, "was", c.From, "summary", rep.Verdict.Summary)
		case history.KindFinding:
			i := slices.IndexFunc(rep.Findings, func(f diagnosis.Finding) bool { return string(f.Code) == c.Name })
			if i < 0 {
				d.o.Log.Info("finding cleared", "code", c.Name)
				continue
			}
			f := rep.Findings[i]
			level := slog.LevelWarn
			if f.Severity == diagnosis.Info {
				level = slog.LevelInfo
			}
			d.o.Log.Log(context.Background(), level, "finding raised", "code", c.Name, "severity", string(f.Severity), "summary", f.Summary)
		case history.KindTarget:
			if c.From == "" {
				continue // the first look at it
			}
			d.o.Log.Info("target changed", "target", c.Name, "state", c.To, "was", c.From)
		}
	}
}

// networkChanged tells whether this machine's own network looks other than in the
// round before: resolvers, addresses, routes.
func (d *Daemon) networkChanged(r *probes.Round) bool {
	if d.round == nil {
		return false
	}
	a, b := d.round.Host, r.Host
	return !slices.Equal(a.Resolver.Servers, b.Resolver.Servers) || !slices.Equal(a.Resolver.Search, b.Resolver.Search) ||
		!slices.EqualFunc(a.Interfaces, b.Interfaces, sameInterface) ||
		!slices.EqualFunc(a.Routes, b.Routes, func(x, y platform.Route) bool { return x == y })
}

func sameInterface(x, y platform.Interface) bool {
	return x.Name == y.Name && x.Up == y.Up && x.MTU == y.MTU && slices.Equal(x.Addrs, y.Addrs)
}
