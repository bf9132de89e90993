package statuspage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/report/reporttest"
	"agentctl/probes"
)

func step(p probes.Phase, r probes.Reason, seconds float64) probes.Step {
	st := probes.Down
	if r == probes.OK {
		st = probes.Up
	}
	return probes.Step{Phase: p, State: st, Reason: r, Duration: seconds, Attempts: 1}
}

// dnsDead is an instance whose only resolver is silent.
func dnsDead() *report.Report {
	r := fresh(reporttest.Broken())
	f := reporttest.EndpointBlocked()
	f.Code, f.Targets, f.Summary = "dns-resolver-unreachable", []string{"ssm", "ssmmessages", "s3"}, "The resolver 10.0.0.2 does not answer."
	f.Evidence = []diagnosis.Evidence{{What: "resolver 10.0.0.2", Value: "no answer to 9 questions, each sent again (timeout)"}}
	f.Fix = []diagnosis.Fix{{Text: "Allow UDP and TCP port 53 to 10.0.0.2."}}
	r.Findings = []diagnosis.Finding{f}
	r.Verdict.Summary = ""
	r.Checks = []report.Check{{Name: "imds", State: probes.Up, Value: "ok", Detail: "answered within 1 ms"},
		{Name: "resolver 10.0.0.2", State: probes.Down, Value: "0 of 9 answered", Detail: "timeout"},
		{Name: "resolver 169.254.169.253", State: probes.Up, Value: "9 of 9 answered", Detail: "median 1 ms, not configured here, asked for comparison"}}
	for i := range r.Targets {
		if t := &r.Targets[i]; t.State != probes.Skipped {
			t.State, t.Route, t.Addresses, t.ExplainedBy = probes.Down, probes.RouteUnknown, nil, f.Code
			t.Steps = []probes.Step{step(probes.PhaseDNS, probes.Timeout, 8)}
		}
	}
	return r
}

// worst is an outage of 100 targets by 20 causes, coming and going for a day.
func worst() (*report.Report, *history.History) {
	r := fresh(reporttest.Broken())
	r.Targets, r.Findings, r.Verdict.Summary = nil, nil, ""
	codes := diagnosis.Catalogue()
	for i := range 20 {
		f := reporttest.EndpointBlocked()
		f.Code, f.Since = codes[i].Code, now.Add(-25*time.Minute)
		r.Findings = append(r.Findings, f)
	}
	good := *r
	good.Findings, good.Verdict.State = nil, diagnosis.Ready
	for i := range 100 {
		t := report.Target{Name: fmt.Sprintf("repo:team-%03d-with-a-name-of-its-own", i), Required: true, Route: probes.RouteInterface, Addresses: []string{fmt.Sprintf("10.0.%d.7", i)}}
		t.State, t.Steps = probes.Up, []probes.Step{step(probes.PhaseDNS, probes.OK, 0.001), step(probes.PhaseTCP, probes.OK, 0.001), step(probes.PhaseTLS, probes.OK, 0.004), step(probes.PhaseHTTP, probes.OK, 0.006)}
		good.Targets = append(good.Targets, t)
		t.State, t.ExplainedBy = probes.Down, codes[i%20].Code
		t.Steps = []probes.Step{step(probes.PhaseDNS, probes.OK, 0.001), step(probes.PhaseTCP, probes.OK, 0.001), step(probes.PhaseTLS, probes.OK, 0.004), step(probes.PhaseHTTP, probes.ServerError, 3)}
		r.Targets = append(r.Targets, t)
	}
	h := history.New()
	for m := -1440; m <= 0; m += 5 {
		x := r
		if m%50 == 0 && m < 0 {
			x = &good
		}
		h.Note(x, now.Add(time.Duration(m)*time.Minute))
	}
	return r, h
}

// void are the elements without an end.
var void = map[string]bool{"meta": true, "br": true, "hr": true, "input": true}

// balanced: each element ends where it should. The parser would mend it silently.
func balanced(t *testing.T, page string) {
	t.Helper()
	var open []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("not closed: %v", open)
			}
			return
		case html.StartTagToken:
			if name := z.Token().Data; !void[name] {
				open = append(open, name)
			}
		case html.EndTagToken:
			name := z.Token().Data
			if len(open) == 0 || open[len(open)-1] != name {
				t.Errorf("</%s> in %v", name, open)
				return
			}
			open = open[:len(open)-1]
		default:
		}
	}
}

// named: a drawing has a title or is hidden from screen readers.
func named(n *html.Node) bool {
	for _, a := range n.Attr {
		if a.Key == "aria-hidden" && a.Val == "true" {
			return true
		}
	}
	return n.FirstChild != nil && n.FirstChild.Data == "title" && n.FirstChild.FirstChild != nil
}
