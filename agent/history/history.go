// Package history is what the daemon remembers over a restart: the last report, and
// since when each finding and target is as it is. It is one small file, written as a
// whole or not at all.
package history

import (
	"cmp"
	"slices"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
	"agentctl/probes"
)

// Bounds of what is remembered.
const (
	// Window is how far back changes are kept.
	Window     = 24 * time.Hour
	maxChanges = 3000
	maxNames   = 400 // of findings and of targets, each
)

// Kind says of what a change is.
type Kind string

// The kinds.
const (
	KindVerdict Kind = "verdict" // its name is ""
	KindFinding Kind = "finding" // its name is the code; its states are Active, Noted and ""
	KindTarget  Kind = "target"  // its states are those of a target
)

// Active is the state of a finding that is raised, Noted of one that is only worth
// knowing.
const (
	Active = "active"
	Noted  = "noted"
)

// Change is one change of state.
type Change struct {
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	Name string    `json:"name,omitempty"`
	From string    `json:"from,omitempty"`
	To   string    `json:"to,omitempty"`
}

// Past is how one finding or target stands.
type Past struct {
	State string    `json:"state"`
	Since time.Time `json:"since"`
	Seen  time.Time `json:"seen"` // last
}

// History is the memory. It is not safe for use by several goroutines at once.
type History struct {
	Verdict  Past            `json:"verdict"`
	Findings map[string]Past `json:"findings"`
	Targets  map[string]Past `json:"targets"`
	// Changes are the newest ones, oldest first, of the last 24 hours.
	Changes []Change `json:"changes"`
	// Pauses are the times within the window in which nobody looked.
	Pauses []Pause `json:"pauses,omitempty"`
}

// Pause is a time in which nobody looked: the daemon was off, or the machine slept.
type Pause struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// pauseFrom is how long nobody looks before it counts as a pause; the daemon looks
// at least every ten minutes (its agent and host intervals are a minute).
const pauseFrom = 15 * time.Minute

// New is a memory of nothing.
func New() *History {
	return &History{Findings: map[string]Past{}, Targets: map[string]Past{}}
}

// Note takes in a report, fills in since when its findings hold, and returns what
// has changed. A report that is older than what is known (the clock was set back)
// counts from its own time.
func (h *History) Note(r *report.Report, now time.Time) []Change {
	first := len(h.Changes)
	now = now.UTC()
	if seen := h.Verdict.Seen; !seen.IsZero() && now.Sub(seen) > pauseFrom {
		h.Pauses = append(h.Pauses, Pause{seen, now})
	}
	h.Verdict = h.move(KindVerdict, "", h.Verdict, string(r.Verdict.State), now)
	active := map[string]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		name := string(f.Code)
		if !active[name] {
			active[name] = true
			state := Active
			if f.Severity == diagnosis.Info {
				state = Noted
			}
			h.Findings[name] = h.move(KindFinding, name, h.Findings[name], state, now)
		}
		f.Since = h.Findings[name].Since
	}
	for name, p := range h.Findings {
		if !active[name] && p.State != "" {
			h.Findings[name] = h.move(KindFinding, name, p, "", now)
		}
	}
	for _, t := range r.Targets {
		if t.State == probes.Skipped || t.Control {
			continue
		}
		h.Targets[t.Name] = h.move(KindTarget, t.Name, h.Targets[t.Name], string(t.State), now)
	}
	changed := slices.Clone(h.Changes[first:])
	slices.SortStableFunc(changed, func(a, b Change) int { return cmp.Compare(rank(a.Kind), rank(b.Kind)) })
	h.forget(now)
	return changed
}

func rank(k Kind) int { return slices.Index([]Kind{KindVerdict, KindFinding, KindTarget}, k) }

// move is how something stands after it was seen in a state.
func (h *History) move(kind Kind, name string, old Past, state string, now time.Time) Past {
	if old.State == state && !old.Since.IsZero() && !old.Since.After(now) {
		old.Seen = now
		return old
	}
	if old.State != state {
		h.Changes = append(h.Changes, Change{At: now, Kind: kind, Name: name, From: old.State, To: state})
	}
	return Past{State: state, Since: now, Seen: now}
}

// forget drops what is older than the window, and what a clock that was set back
// left in the future.
func (h *History) forget(now time.Time) {
	h.Changes = slices.DeleteFunc(h.Changes, func(c Change) bool { return now.Sub(c.At) > Window || c.At.After(now) })
	h.Pauses = slices.DeleteFunc(h.Pauses, func(p Pause) bool { return now.Sub(p.To) > Window || p.To.After(now) })
	if n := len(h.Changes) - maxChanges; n > 0 {
		h.Changes = slices.Delete(h.Changes, 0, n)
	}
	for _, m := range []map[string]Past{h.Findings, h.Targets} {
		for name, p := range m {
			if p.State != Active && p.State != Noted && now.Sub(p.Seen) > Window {
				delete(m, name)
			}
		}
		for len(m) > maxNames {
			oldest := ""
			for name, p := range m {
				if oldest == "" || p.Seen.Before(m[oldest].Seen) {
					oldest = name
				}
			}
			delete(m, oldest)
		}
	}
}

// Flaps is how often something changed its state within the window.
func (h *History) Flaps(kind Kind, name string) int {
	n := 0
	for _, c := range h.Changes {
		if c.Kind == kind && c.Name == name && c.From != "" {
			n++
		}
	}
	return n
}

// Slot is one part of a strip of time: the worst state in it, "" where nothing is
// known.
type Slot struct {
	From, To time.Time
	State    string
}

// Strip is the last 24 hours of a target, a finding or the verdict, in n slots.
func (h *History) Strip(kind Kind, name string, now time.Time, n int) []Slot {
	past := h.Verdict
	switch kind {
	case KindFinding:
		past = h.Findings[name]
	case KindTarget:
		past = h.Targets[name]
	case KindVerdict:
	}
	// The stretches of time with their states, from the newest back.
	type stretch struct {
		from, to time.Time
		state    string
	}
	var all []stretch
	end, state := past.Seen, past.State
	for i := len(h.Changes) - 1; i >= 0; i-- {
		c := h.Changes[i]
		if c.Kind != kind || c.Name != name {
			continue
		}
		all = append(all, stretch{c.At, end, c.To})
		end, state = c.At, c.From
	}
	if state != "" {
		all = append(all, stretch{time.Time{}, end, state})
		if past.Since.After(all[len(all)-1].from) && len(all) == 1 {
			all[0].from = past.Since
		}
	}
	out := make([]Slot, n)
	length := Window / time.Duration(n)
	begin := now.Add(-Window)
	for i := range out {
		s := Slot{From: begin.Add(time.Duration(i) * length), To: begin.Add(time.Duration(i+1) * length)}
		for _, x := range all {
			if x.from.Before(s.To) && x.to.After(s.From) && bad(x.state) > bad(s.State) {
				s.State = x.state
			}
		}
		if slices.ContainsFunc(h.Pauses, func(p Pause) bool { return !p.From.After(s.From) && !p.To.Before(s.To) }) {
			s.State = ""
		}
		out[i] = s
	}
	return out
}

// bad orders states from nothing known to the worst.
func bad(state string) int {
	switch state {
	case "":
		return 0
	case string(probes.Up), string(diagnosis.Ready), Noted:
		return 1
	case string(probes.Unknown):
		return 2
	case string(diagnosis.Degraded):
		return 3
	}
	return 4
}
