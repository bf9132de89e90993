package diagnosis

import (
	"fmt"
	"slices"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// waits tells whether the agent waits now: asleep between two tries for
// credentials, or its worker hibernating. until is zero where it is not known.
func (v *view) waits() (kind, reason string, until time.Time, yes bool) {
	log := v.r.Agent.Log
	if !v.agentRuns() || !log.Known {
		return "", "", time.Time{}, false
	}
	if s := log.Sleep; s != nil && s.Until.After(v.r.Now) {
		return "sleeping", s.Reason, s.Until, true
	}
	if h := log.Hibernate; h != nil {
		until := h.Checked.Add(h.Interval)
		if h.Interval <= 0 || until.Before(v.r.Now) {
			until = time.Time{}
		}
		return "hibernating", h.Reason, until, true
	}
	return "", "", time.Time{}, false
}

// unproven tells whether something that patching needs could not be tested at all,
// as when the round was cut short: nothing can then be said to work.
// Repositories are the package manager's matter, and none of the SSM Agent's.
func (v *view) unproven() bool {
	if v.has(probes.GroupIdentity) && v.r.Metadata.State == probes.MetadataNotAsked && v.r.Metadata.Reason == probes.Canceled {
		return true
	}
	return slices.ContainsFunc(v.probed(), func(r *probes.Result) bool {
		return r.Target.Required && r.State == probes.Unknown && v.repos[r] == nil
	})
}

// pathsWork tells whether nothing below the agent is in its way: no critical
// finding of host, identity, DNS, path, TLS and HTTP.
func (v *view) pathsWork() bool {
	if v.unproven() {
		return false
	}
	return !slices.ContainsFunc(v.out, func(f Finding) bool {
		e, _ := Lookup(f.Code)
		return f.Severity == Critical && e.Block != BlockAgent && e.Block != BlockHost && !onlyRepos(f.Targets)
	})
}

// ruleBackoff: every path works now, and the agent has not noticed yet.
func ruleBackoff(v *view) {
	kind, reason, until, yes := v.waits()
	if !yes || !v.has(probes.GroupAgent) || !v.free(subjectCredentials) || !v.pathsWork() {
		return
	}
	f := Finding{Code: "ssm-agent-backoff", Severity: Critical, Capabilities: Capabilities(), Fix: []Fix{v.restartNow()}}
	log := v.r.Agent.Log
	if kind == "sleeping" {
		s := log.Sleep
		f.Summary = fmt.Sprintf("Everything works now, but the SSM Agent still waits after an earlier failure: its next try is in %s at the latest.", words.Duration(until.Sub(v.r.Now)))
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent's log", fmt.Sprintf("waits since %s, at most %s between two tries", words.Time(s.Since), words.Duration(max(s.Longest, s.Duration)))})
	} else {
		f.Summary = "Everything works now, but the SSM Agent's worker still hibernates after an earlier failure."
		if !until.IsZero() {
			f.Summary = fmt.Sprintf("Everything works now, but the SSM Agent's worker still hibernates after an earlier failure: it looks again in %s.", words.Duration(until.Sub(v.r.Now)))
		}
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent's log", "hibernates since " + words.Time(log.Hibernate.Since)})
	}
	if reason != "" {
		f.Evidence = append(f.Evidence, Evidence{"its last failure", clip(reason)})
	}
	f.Evidence = append(f.Evidence, Evidence{"now", "names, connections, TLS and the services' answers are all right, and so are role and clock"})
	v.add(f, subjectCredentials)
}

// clip shortens a log line for evidence.
func clip(s string) string { return words.Fit(words.Clean(s), 240, "…") }

// pastRefresh tells whether credentials should have been renewed by now: the
// agent renews at half their life and records that after ssm accepted them.
func pastRefresh(id probes.AgentIdentity, now time.Time) bool {
	if !id.Exists || id.Source == "" || id.Retrieved.IsZero() {
		return false
	}
	life := id.Expires.Sub(id.Retrieved)
	if life <= 0 {
		return now.After(id.Expires)
	}
	return now.After(id.Retrieved.Add(life / 2).Add(life / 6)) // ten minutes of grace for the usual hour
}

func ruleCredentialsStale(v *view) {
	id := v.r.Agent.Identity
	if !v.has(probes.GroupAgent) || !v.free(subjectCredentials) || !v.pathsWork() || !v.agentRuns() || !v.settled() || !pastRefresh(id, v.now()) {
		return
	}
	f := Finding{Code: "ssm-agent-credentials-stale", Severity: Critical, Capabilities: Capabilities(),
		Summary: fmt.Sprintf("The SSM Agent has not renewed its credentials when it should have: it last reached ssm %s.", words.Ago(id.Retrieved, v.now())),
		Evidence: []Evidence{{orText(id.Path, "identity_config.json"), fmt.Sprintf("retrieved %s, expire %s", words.Time(id.Retrieved), words.Time(id.Expires))},
			{"now", "every path to Systems Manager works"}},
		Fix: []Fix{v.restartNow(), fixAgentLog()}}
	f.Evidence = append(f.Evidence, v.lastWords()...)
	v.add(f, subjectCredentials)
}

func ruleNoCredentials(v *view) {
	id := v.r.Agent.Identity
	if !v.has(probes.GroupAgent) || !v.free(subjectCredentials) || !v.pathsWork() || !v.agentRuns() || !v.settled() ||
		id.Unknown || id.Source != "" || id.Invalid != "" {
		return
	}
	if v.r.Agent.Log.Known && !v.r.Agent.Log.CredentialsAt.IsZero() && v.r.Agent.Log.CredentialsAt.After(v.r.Agent.Log.Started) {
		return // its log says that ssm accepted them
	}
	f := Finding{Code: "ssm-agent-no-credentials", Severity: Critical, Capabilities: Capabilities(),
		Summary:  "The SSM Agent runs, but has never reported to Systems Manager, and nothing that was tested explains it.",
		Evidence: []Evidence{{orText(id.Path, "identity_config.json"), "no credentials were ever accepted"}},
		Fix:      []Fix{v.restartNow(), fixAgentLog()}}
	if !id.Exists {
		f.Evidence[0].Value = "does not exist: no credentials were ever accepted"
	}
	if w := v.r.Agent.Worker; w != nil && !*w {
		f.Evidence = append(f.Evidence, Evidence{"ssm-agent-worker", "not started, which the agent does when it has credentials"})
	}
	f.Evidence = append(f.Evidence, v.lastWords()...)
	v.add(f, subjectCredentials)
}
