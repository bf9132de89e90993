package statuspage_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/report/reporttest"
	"agentctl/agent/statuspage"
	"agentctl/probes"
)

// one is a page with one target, and the row of its table and its place in the list.
func one(t *testing.T, target report.Target, change func(*report.Report)) (row, item string) {
	t.Helper()
	target.Name = "ssm"
	r := fresh(&report.Report{Verdict: report.Verdict{State: diagnosis.Ready}, Targets: []report.Target{target}})
	if change != nil {
		change(r)
	}
	page := render(t, statuspage.View{Report: r})
	valid(t, page)
	return cut(page, "<tr><th scope=\"row\">ssm", "</tr>"), cut(page, "<ul class=\"netlist\">", "</ul>")
}

func cut(page, from, to string) string {
	_, page, _ = strings.Cut(page, from)
	page, _, _ = strings.Cut(page, to)
	return page
}

// Red is for what blocks, and for nothing else.
func TestLooks(t *testing.T) {
	down := []probes.Step{step(probes.PhaseDNS, probes.OK, 0.001), step(probes.PhaseTCP, probes.Timeout, 3)}
	warning := func(r *report.Report) {
		r.Findings = []diagnosis.Finding{{Code: "dns-slow", Severity: diagnosis.Warning, Targets: []string{"ssm"}}}
	}
	pending := func(r *report.Report) {
		r.Pending = []report.Pending{{Code: "endpoint-blocked", Severity: diagnosis.Critical, Targets: []string{"ssm"}, Looks: 1, Of: 2}}
	}
	both := func(r *report.Report) {
		pending(r)
		r.Findings = []diagnosis.Finding{{Code: "egress-blocked", Severity: diagnosis.Critical, Targets: []string{"ssm"}}}
	}
	cases := []struct {
		name      string
		target    report.Target
		change    func(*report.Report)
		row, item string
	}{
		{"up", report.Target{State: probes.Up, Required: true}, nil, `<span class="good">✓ up</span>`, `<span class="good">✓ works</span>`},
		{"up with a warning", report.Target{State: probes.Up, Required: true}, warning, `<span class="warn">! up, with a warning</span>`, `<span class="warn">! works, with a warning</span>`},
		{"down", report.Target{State: probes.Down, Required: true, Steps: down}, nil, `<span class="bad">✗ TCP timeout</span>`, `<span class="bad">✗ fails</span>`},
		{"seen once", report.Target{State: probes.Down, Required: true, Steps: down}, pending, `<span class="warn">! TCP timeout (seen once)</span>`, `! fails, waits for a second look`},
		{"raised by another cause", report.Target{State: probes.Down, Required: true, Steps: down, ExplainedBy: "egress-blocked"}, both, `<span class="bad">✗ TCP timeout</span> <a href="#f1">egress-blocked</a>`, `✗ fails`},
		{"not required", report.Target{State: probes.Down, Steps: down}, nil, `<span class="warn">! TCP timeout (optional)</span>`, `! fails, not required`},
		{"for comparison", report.Target{State: probes.Down, Control: true, Steps: down}, nil, `<span class="aside">– TCP timeout (for comparison)</span>`, `<span class="aside">– fails, only asked for comparison</span>`},
		{"not known", report.Target{State: probes.Unknown, Required: true}, nil, `<span class="unsure">? not known</span>`, `? not known`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			row, item := one(t, c.target, c.change)
			if !strings.Contains(row, c.row) {
				t.Errorf("row %s\nwants %s", row, c.row)
			}
			if !strings.Contains(item, c.item) {
				t.Errorf("list %s\nwants %s", item, c.item)
			}
		})
	}
}

// A healthy instance has no red and no amber on its page.
func TestHealthyIsCalm(t *testing.T) {
	r := fresh(reporttest.Healthy())
	page := render(t, statuspage.View{Report: r})
	_, page, _ = strings.Cut(page, "</style>")
	for _, not := range []string{`class="bad"`, `class="warn"`, `class="unsure"`, "✗", "box bad"} {
		if strings.Contains(page, not) {
			t.Errorf("%s on a healthy page", not)
		}
	}
}

// Where a way's connect fails the line to it is cut; where something passes it, only
// what lies behind.
func TestWhereItBreaks(t *testing.T) {
	tcp, tls := []probes.Step{step(probes.PhaseTCP, probes.Timeout, 3)}, []probes.Step{step(probes.PhaseTCP, probes.OK, 0.001), step(probes.PhaseTLS, probes.HandshakeReset, 3)}
	denied, gone := []probes.Step{step(probes.PhaseProxy, probes.ProxyAuth, 0.1)}, []probes.Step{step(probes.PhaseProxy, probes.ProxyUnreachable, 3)}
	up := report.Target{Name: "s3", State: probes.Up, Required: true, Route: probes.RouteNAT}
	cases := []struct {
		name    string
		targets []report.Target
		lines   string // their classes, in the order of the drawing
	}{
		{"an endpoint that lets nothing in", []report.Target{{Name: "a", State: probes.Down, Required: true, Route: probes.RouteInterface, Steps: tcp}}, "bad aside"},
		{"an endpoint where TLS is cut", []report.Target{{Name: "a", State: probes.Down, Required: true, Route: probes.RouteInterface, Steps: tls}}, "good bad"},
		{"one of two behind NAT", []report.Target{up, {Name: "a", State: probes.Down, Required: true, Route: probes.RouteNAT, Steps: tcp}}, "good good bad"},
		{"a proxy that wants a password", []report.Target{{Name: "a", State: probes.Down, Required: true, Route: probes.RouteProxy, Steps: denied}}, "good bad"},
		{"a proxy that is gone", []report.Target{{Name: "a", State: probes.Down, Required: true, Route: probes.RouteProxy, Steps: gone}}, "bad aside"},
	}
	line := regexp.MustCompile(`<path class="(\w+)" d="M\d+ \d+C`)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, m := range line.FindAllStringSubmatch(render(t, statuspage.View{Report: fresh(&report.Report{Targets: c.targets})}), -1) {
				got = append(got, m[1])
			}
			if strings.Join(got, " ") != c.lines {
				t.Errorf("lines %v, not %s", got, c.lines)
			}
		})
	}
}

// A proxy's address is in the picture while there is a round, and missed by nobody
// after a restart.
func TestProxyOfTheRound(t *testing.T) {
	r := fresh(&report.Report{Targets: []report.Target{{Name: "ssm", State: probes.Up, Required: true, Route: probes.RouteProxy}}})
	round := &probes.Round{Results: []probes.Result{{Target: probes.Target{Name: "ssm"}, Proxy: &probes.ProxyResult{URL: "http://***@proxy.corp.example:3128"}}}}
	if page := render(t, statuspage.View{Report: r, Round: round}); !strings.Contains(page, "http://***@proxy.corp.example:3128") {
		t.Error("the proxy's address is not on the page")
	}
	if page := render(t, statuspage.View{Report: r}); !strings.Contains(page, "proxy") {
		t.Error("no proxy on the page")
	}
}

// Two findings of one code: each target leads to its own.
func TestExplainedByItsOwn(t *testing.T) {
	r := fresh(reporttest.Broken())
	second := reporttest.EndpointBlocked()
	second.Targets = []string{"ssm"}
	r.Findings = append(r.Findings, second)
	r.Targets[0].State, r.Targets[0].ExplainedBy = probes.Down, "endpoint-blocked"
	page := render(t, statuspage.View{Report: r})
	for name, want := range map[string]string{"ssm": "#f2", "ssmmessages": "#f1"} {
		if row := cut(page, "<tr><th scope=\"row\">"+name+"&nbsp;", "</tr>"); !strings.Contains(row, want) {
			t.Errorf("%s does not lead to %s: %s", name, want, row)
		}
	}
}

// An old report is not how things stand now, whatever it says.
func TestStale(t *testing.T) {
	for age, stale := range map[time.Duration]bool{14 * time.Minute: false, 16 * time.Minute: true} {
		r := reporttest.Healthy()
		r.StartedAt = now.Add(-age)
		page := render(t, statuspage.View{Report: r})
		if got := strings.Contains(page, "WAS READY") && strings.Contains(page, "verdict unknown"); got != stale {
			t.Errorf("%s old: stale is %v", age, got)
		}
	}
}

// The strips say how long something was bad, and how bad.
func TestStrips(t *testing.T) {
	r := fresh(reporttest.Degraded())
	h := history.New()
	good := &report.Report{Verdict: report.Verdict{State: diagnosis.Ready}}
	for m := -1435; m <= 0; m += 5 {
		x := good
		if m >= -60 {
			x = r
		}
		h.Note(x, now.Add(time.Duration(m)*time.Minute))
	}
	page := render(t, statuspage.View{Report: r, History: h})
	day := cut(page, `id="day"`, "</section>")
	row := cut(day, "repo-skipped-silently", "</tr>")
	if !strings.Contains(row, `class="warn"`) || strings.Contains(row, `class="bad"`) {
		t.Errorf("a warning's strip is not amber: %s", row)
	}
	if !strings.Contains(row, "a fault in 1 h of 24 h") && !strings.Contains(row, "a fault in 1.") && !strings.Contains(row, "75 min") {
		t.Errorf("strip in words: %s", row)
	}
	if strings.Contains(day, "quarter") {
		t.Error("quarters of an hour are no unit")
	}
}

// What is over is as severe as its code is as a rule.
func TestStripOfThePast(t *testing.T) {
	h := history.New()
	good := &report.Report{Verdict: report.Verdict{State: diagnosis.Ready}}
	bad := &report.Report{Verdict: report.Verdict{State: diagnosis.Blocked}, Findings: []diagnosis.Finding{
		{Code: "endpoint-blocked", Severity: diagnosis.Critical}, {Code: "dns-slow", Severity: diagnosis.Warning}}}
	h.Note(bad, now.Add(-70*time.Minute))
	for m := -65; m <= 0; m += 5 {
		h.Note(good, now.Add(time.Duration(m)*time.Minute))
	}
	page := render(t, statuspage.View{Report: fresh(reporttest.Healthy()), History: h})
	for code, class := range map[string]string{"endpoint-blocked": "bad", "dns-slow": "warn"} {
		row := cut(cut(page, `id="day"`, "</section>"), code, "</tr>")
		if !strings.Contains(row, `class="`+class+`"`) {
			t.Errorf("%s is not %s: %s", code, class, row)
		}
	}
}

// Texts have a contrast of at least 4.5 to what they stand on, lines and bars of 3
// (WCAG 2.2, 1.4.3 and 1.4.11), in the light and in the dark.
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	themes := regexp.MustCompile(`:root\{([^}]*)\}`).FindAllStringSubmatch(string(css), -1)
	if len(themes) != 2 {
		t.Fatalf("%d themes", len(themes))
	}
	for i, theme := range themes {
		colours := map[string]string{}
		for _, d := range strings.Split(theme[1], ";") {
			name, value, _ := strings.Cut(strings.TrimPrefix(d, "--"), ":")
			colours[name] = value
		}
		check := func(front, back string, least float64) {
			if c := contrast(t, colours[front], colours[back]); c < least {
				t.Errorf("theme %d: %s on %s has %.2f, not %.1f", i, front, back, c, least)
			}
		}
		for _, back := range []string{"bg", "box", "redbg", "amberbg", "greenbg"} {
			check("fg", back, 4.5)
			check("dim", back, 4.5)
		}
		for _, back := range []string{"bg", "box"} {
			for _, front := range []string{"red", "amber", "green", "blue"} {
				check(front, back, 4.5)
			}
		}
		check("red", "redbg", 4.5)
		check("amber", "amberbg", 4.5)
		check("amber", "redbg", 4.5)
		check("amber", "greenbg", 4.5)
		check("green", "greenbg", 4.5)
		for n := 1; n <= 4; n++ {
			check(fmt.Sprintf("bar%d", n), "bg", 3)
		}
	}
}

// contrast is WCAG's ratio of two colours.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(hex string) float64 {
		hex = strings.TrimPrefix(hex, "#")
		if len(hex) == 3 {
			hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
		}
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
			if err != nil {
				t.Fatalf("colour %q: %v", hex, err)
			}
			c := float64(n) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}
