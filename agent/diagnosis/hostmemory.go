package diagnosis

import (
	"fmt"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

const (
	// memoryLow is the contract's limit, in bytes.
	memoryLow = 400 * mb
	// killsCount is how long a kill for want of memory says something of the next
	// patch run: most are weekly.
	killsCount = 7 * 24 * time.Hour
)

// ruleMemory: swap counts, because it is what a package manager then uses, and what
// AWS advises. While one works, its own use is no lack.
func ruleMemory(v *view) {
	if !v.has(probes.GroupHost) {
		return
	}
	m := v.r.HostState.Memory
	f := Finding{Code: "host-memory-low", Severity: Warning, Confidence: Likely, Capabilities: patching(), Fix: fixMemory(v)}
	if m.Known && m.Available+m.SwapFree < memoryLow && !v.atWork() {
		f.Confidence = Certain
		f.Summary = fmt.Sprintf("Only %s of memory are available, less than the 400 MB that a package manager may need.", words.Bytes(m.Available+m.SwapFree))
	}
	kills := v.killEvidence()
	if f.Summary == "" && len(kills) == 0 {
		return
	}
	if f.Summary == "" {
		f.Summary = "The kernel killed processes that patching consists of for want of memory (a package manager, Python, the SSM Agent or its commands), and no installation has gone well since."
	}
	if m.Known {
		value := fmt.Sprintf("%s available of %s", words.Bytes(m.Available), words.Bytes(m.Total))
		if m.SwapTotal > 0 {
			value += fmt.Sprintf(", %s of %s swap free", words.Bytes(m.SwapFree), words.Bytes(m.SwapTotal))
		} else {
			value += ", no swap"
		}
		f.Evidence = append(f.Evidence, Evidence{"memory", value})
	}
	f.Evidence = append(f.Evidence, kills...)
	v.add(f)
}

// killEvidence are the signs that processes of a patch run were killed for want of
// memory, of the last week and after the last installation that went well. That the
// kernel killed something else says nothing of package managers.
func (v *view) killEvidence() []Evidence {
	m := v.r.HostState.Memory
	since := v.r.Now.Add(-killsCount)
	if run, ok := v.r.PatchRuns.Last(probes.PatchInstall); ok && run.End == probes.PatchSucceeded && run.Ended.After(since) {
		since = run.Ended
	}
	var out []Evidence
	for _, k := range m.Kills {
		if k.Package && k.At.After(since) {
			out = append(out, Evidence{k.Source, clip(k.Line) + " (" + words.Ago(k.At, v.r.Now) + ")"})
		}
	}
	if len(out) > 0 {
		return out
	}
	killed, started := v.killedRun(), v.r.Agent.Started
	switch {
	case positive(m.AgentOOMKills) && (killed != "" || started.After(since)):
		value := words.Count(int(min(*m.AgentOOMKills, 1<<20)), "kill") + " for want of memory, of its own processes or those of commands"
		if !started.IsZero() {
			value += "; it was started " + words.Ago(started, v.r.Now)
		}
		out = append(out, Evidence{"control group of the SSM Agent", value + killed})
	case positive(m.OOMKills) && killed != "":
		out = append(out, Evidence{"/proc/vmstat", words.Count(int(min(*m.OOMKills, 1<<20)), "kill") + " for want of memory since boot" + killed})
	}
	return out
}

// killedRun says that the last patch run shows a kill as well; "" if not.
func (v *view) killedRun() string {
	for _, run := range v.failedRuns() {
		if s, ok := leadSignature(run); ok && (s.ID == "killed" || s.ID == "out-of-memory") {
			return "; the last " + operationWords(run) + " ended so"
		}
	}
	return ""
}

func positive(n *uint64) bool { return n != nil && *n > 0 }
