package report

import (
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/words"
	"agentctl/probes"
)

// columns are the phases that the table shows. The way to a proxy takes the
// place of the way to the target; what is signed is shown only where it fails.
var columns = [...]probes.Phase{probes.PhaseDNS, probes.PhaseTCP, probes.PhaseTLS, probes.PhaseHTTP}

// row is a target as the table shows it.
type row struct {
	t       *Target
	mark    string
	st      style
	name    string
	route   string
	cells   [len(columns)]string
	failAt  int    // column where the failure stands; len(columns): behind them
	failure string // why it is down, in words; "" up
	phase   string // where it failed, for a table without columns
	took    string // of all steps, for the same
	tail    string
}

// maxHealthy is how many required targets in order the table lists beside the
// failing ones; more are named in one line.
const maxHealthy = 8

// targets writes the table, if a target fails or everything is wanted. A ready
// instance shows only what fails.
func (p *page) targets(r *Report) {
	healthy, failing := 0, 0
	for i := range r.Targets {
		switch t := &r.Targets[i]; {
		case fails(t):
			failing++
		case t.Required && t.State == probes.Up:
			healthy++
		}
	}
	if failing == 0 && !p.o.Verbose {
		return
	}
	short := r.Verdict.State == diagnosis.Ready
	var rows []row
	var working, skipped []string
	for i := range r.Targets {
		t := &r.Targets[i]
		switch {
		case t.State == probes.Skipped:
			skipped = append(skipped, p.clean(t.Name))
			if p.o.Verbose && t.Because != "" {
				skipped[len(skipped)-1] += " (" + p.clean(t.Because) + ")"
			}
		case p.o.Verbose || fails(t) || t.Control && !short ||
			t.Required && t.State == probes.Up && healthy <= maxHealthy && !short:
			rows = append(rows, p.row(t))
		case t.State == probes.Up && !short:
			working = append(working, p.clean(t.Name))
		}
	}
	p.space()
	p.table(rows)
	if len(working) > 0 {
		text := strings.Join(working, ", ")
		if len(working) > maxHealthy {
			text = words.ListFirst(working, maxHealthy/2) + " (agentctl probe -v lists them)"
		}
		p.para(2, "", plain, "working too: "+text)
	}
	if len(skipped) > 0 && !short || p.o.Verbose && len(skipped) > 0 {
		p.para(2, "", plain, "not needed here: "+strings.Join(skipped, ", "))
	}
}

// fails tells whether a target's state is worth a reader's time.
func fails(t *Target) bool {
	return t.State == probes.Down && !t.Control || t.State == probes.Unknown && t.Required
}

// row puts a target into words.
func (p *page) row(t *Target) row {
	w := row{t: t, name: p.clean(t.Name), route: RouteWords(t.Route, t.RouteLikely), failAt: len(columns)}
	if p.o.ASCII {
		w.route = words.ASCII(w.route)
	}
	total := 0.0
	for c, phase := range columns {
		spent, n := 0.0, 0
		for _, s := range t.Steps {
			if s.State == probes.Up && (s.Phase == phase || phase == probes.PhaseTCP && s.Phase == probes.PhaseProxy) {
				spent += s.Duration
				n++
			}
		}
		if n > 0 {
			w.cells[c] = words.Seconds(spent)
		}
		total += spent
	}
	w.took = words.Seconds(total)
	switch t.State {
	case probes.Down:
		w.mark, w.st, w.failure = p.m.bad, red, "failed"
		if s, ok := failedStep(t.Steps); ok {
			w.failAt = columnOf(s.Phase)
			w.failure = ReasonWords(s.Reason)
			w.phase = phaseWords(s.Phase)
		}
		if !t.Required {
			w.mark, w.st, w.tail = p.m.warn, amber, "(optional)"
		}
		if t.Control {
			w.mark, w.st, w.tail = "", plain, "(for comparison)"
		}
		if t.ExplainedBy != "" {
			w.tail = p.clean(string(t.ExplainedBy))
		}
	case probes.Unknown:
		w.mark, w.st, w.failure, w.failAt = p.m.unknown, amber, "not probed", 0
		if s, ok := lastStep(t.Steps); ok && s.State == probes.Unknown {
			w.failAt, w.failure = columnOf(s.Phase), ReasonWords(s.Reason)
			w.phase = phaseWords(s.Phase)
		}
		if !t.Required {
			w.mark, w.st, w.tail = "", plain, "(optional)"
		}
	}
	for c := w.failAt; c < len(columns); c++ {
		w.cells[c] = "" // what came after a failure belongs to another attempt
	}
	w.failure = p.clean(w.failure)
	return w
}

func failedStep(steps []probes.Step) (probes.Step, bool) {
	for _, s := range steps {
		if s.State == probes.Down {
			return s, true
		}
	}
	return probes.Step{}, false
}

func lastStep(steps []probes.Step) (probes.Step, bool) {
	if len(steps) == 0 {
		return probes.Step{}, false
	}
	return steps[len(steps)-1], true
}

// columnOf is the table's column for a phase.
func columnOf(ph probes.Phase) int {
	if ph == probes.PhaseProxy {
		ph = probes.PhaseTCP
	}
	for c, phase := range columns {
		if phase == ph {
			return c
		}
	}
	return len(columns)
}

// phaseWords names a phase before the reason that ended it.
func phaseWords(ph probes.Phase) string {
	switch ph {
	case probes.PhaseProxy:
		return "" // its reasons name the proxy
	case probes.PhaseSigned:
		return "signed call:"
	}
	return strings.ToUpper(string(ph))
}
