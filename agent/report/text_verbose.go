package report

import (
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/words"
	"agentctl/probes"
)

// steps writes under a target where it was looked for and how each step went.
func (p *page) steps(t *Target) {
	const in = 6
	need := "optional"
	switch {
	case t.Required:
		need = "required"
	case t.Control:
		need = "for comparison"
	}
	if because := p.clean(t.Because); because != "" {
		need += ": " + because
	}
	p.para(in, "", plain, strings.TrimSpace(p.clean(probes.MaskURL(t.URL))+" "+"("+need+")"))
	if addrs := p.cleanAll(t.Addresses); len(addrs) > 0 {
		p.para(in, "", plain, strings.Join(addrs, ", "))
	}
	for _, s := range t.Steps {
		text := words.Pad(words.Seconds(s.Duration), 8) + ReasonWords(s.Reason)
		if s.State == probes.Skipped {
			text = words.Pad("", 8) + "skipped"
		}
		if s.Attempts > 1 {
			text += ", " + words.Count(s.Attempts, "attempt")
		}
		if d := p.clean(s.Detail); d != "" {
			text += ": " + d
		}
		p.para(in+16, strings.Repeat(" ", in)+words.Pad(p.clean(string(s.Phase)), 8)+text[:8], plain, p.clean(text[8:]))
	}
}

// capabilities writes what of Systems Manager works here.
func (p *page) capabilities(r *Report) {
	by := map[diagnosis.State][]diagnosis.Capability{}
	for _, c := range diagnosis.Capabilities() {
		st := r.Verdict.Capabilities[c]
		by[st] = append(by[st], c)
	}
	for _, st := range []diagnosis.State{diagnosis.Blocked, diagnosis.Degraded, diagnosis.Unknown, diagnosis.Ready} {
		if len(by[st]) > 0 {
			p.para(indent+10, words.Pad("", indent)+string(st), plain, strings.Join(CapabilityWords(by[st]), ", "))
		}
	}
}

// checks writes every fact about the host that is not a target.
func (p *page) checks(r *Report) {
	if len(r.Checks) == 0 {
		return
	}
	p.space()
	p.line(p.paint(bold, "Checks"))
	for _, c := range r.Checks {
		group := words.Pad(p.clean(string(c.Group)), 15)
		mark, st := "", plain
		switch c.State {
		case probes.Down:
			mark, st = p.m.bad, red
		case probes.Unknown:
			mark, st = p.m.unknown, amber
		}
		text := p.clean(c.Name)
		if v := p.clean(c.Value); v != "" {
			text += ": " + v
		}
		if d := p.clean(c.Detail); d != "" {
			text += " (" + d + ")"
		}
		p.para(2+words.Width(group), p.paint(st, words.Pad(mark, 2))+group, plain, text)
	}
}

// footer says with what the report was made.
func (p *page) footer(r *Report) {
	parts := []string{"agentctl " + p.clean(r.Version)}
	if r.DataDate != "" {
		parts = append(parts, "data of "+p.clean(r.DataDate))
	}
	if !r.StartedAt.IsZero() {
		parts = append(parts, "started "+r.StartedAt.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	i := r.Instance
	add := func(label string, values ...string) {
		if v := p.cleanAll(values); len(v) > 0 {
			parts = append(parts, label+strings.Join(v, ", "))
		}
	}
	add("account ", i.AccountID)
	add("security groups ", i.SecurityGroupIDs...)
	add("VPC ", i.VPCCIDRs...)
	add("addresses ", append(append([]string{}, i.PrivateIPs...), i.PublicIP)...)
	p.space()
	for _, l := range p.pack(parts, p.width, p.width) {
		p.line(l)
	}
}
