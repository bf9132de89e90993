package diagnosis

import "agentctl/probes"

// Keep is a diagnosis without the findings that keep refuses, its verdict judged
// anew. What they explain stays explained.
func Keep(r *probes.Round, d Diagnosis, keep func(Finding) bool) Diagnosis {
	var left []Finding
	for _, f := range d.Findings {
		if keep(f) {
			left = append(left, f)
		}
	}
	return With(r, d, left)
}

// With is a diagnosis with other findings, its verdict judged anew.
func With(r *probes.Round, d Diagnosis, findings []Finding) Diagnosis {
	d.Findings = findings
	d.State, d.Capabilities = verdict(newView(r), findings)
	return d
}
