package statuspage_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/agent/report/reporttest"
	"agentctl/agent/statuspage"
	"agentctl/probes"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func render(t testing.TB, v statuspage.View) string {
	t.Helper()
	var b bytes.Buffer
	if v.Now.IsZero() {
		v.Now = now
	}
	if err := statuspage.Render(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// day is a history in which a report's findings have come and gone.
func day(r *report.Report) *history.History {
	h := history.New()
	good := &report.Report{Verdict: report.Verdict{State: diagnosis.Ready}}
	for _, t := range r.Targets {
		t.State = probes.Up
		good.Targets = append(good.Targets, t)
	}
	for m := -1400; m <= 0; m += 5 {
		x := good
		if m > -30 || m > -600 && m < -550 {
			x = r
		}
		h.Note(x, now.Add(time.Duration(m)*time.Minute))
	}
	return h
}

func TestGolden(t *testing.T) {
	pages := map[string]statuspage.View{"none": {Version: "1.2.3"}}
	for _, s := range reporttest.Samples() {
		pages[s.Name] = statuspage.View{Report: s.Report, Version: "1.2.3"}
	}
	broken := reporttest.Broken()
	broken.Pending = []report.Pending{{Code: "dns-slow", Severity: diagnosis.Warning, Looks: 1, Of: 2}, {Code: "clock-skew", Severity: diagnosis.Warning, Looks: 1, Of: 2, Clearing: true}}
	broken.Muted = []report.Muted{{Code: "repo-skipped-silently", Severity: diagnosis.Warning, Reason: "EPEL is off on purpose"}}
	pages["history"] = statuspage.View{Report: broken, History: day(broken), Version: "1.2.3"}
	for name, v := range pages {
		t.Run(name, func(t *testing.T) {
			got := render(t, v)
			valid(t, got)
			if len(got) > 150<<10 {
				t.Errorf("%d bytes", len(got))
			}
			file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".html")
			if *update {
				if err := os.MkdirAll("testdata", 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; run: make golden", file)
			}
		})
	}
}

// valid: ids are there once, links lead somewhere on the page or to a path of ours,
// nothing is asked of elsewhere, and no markup but ours is in it.
func valid(t *testing.T, page string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, links := map[string]int{}, []string{}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			switch n.Data {
			case "img", "iframe", "link", "object", "embed", "form", "base", "audio", "video", "source":
				t.Errorf("a <%s>", n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "id":
					ids[a.Val]++
				case a.Key == "href":
					links = append(links, a.Val)
				case a.Key == "aria-labelledby", a.Key == "data-copy":
					links = append(links, "#"+a.Val)
				case a.Key == "style", a.Key == "src", strings.HasPrefix(a.Key, "on"):
					t.Errorf("attribute %s=%q", a.Key, a.Val)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q stands %d times", id, n)
		}
	}
	for _, l := range links {
		if id, ok := strings.CutPrefix(l, "#"); ok && ids[id] == 0 {
			t.Errorf("link to %s leads nowhere", l)
		} else if !ok && l != "/api/v1/report" && l != "/metrics" {
			t.Errorf("link to %s", l)
		}
	}
}

// hostile puts a text wherever a report holds one that others wrote.
func hostile(s string) *report.Report {
	return &report.Report{Schema: report.Schema, Version: s, StartedAt: now, DataDate: s,
		Instance: report.Instance{ID: s, Type: s, VPCID: s, SubnetID: s, AvailabilityZone: s, Region: s, OS: report.OS{Name: s}},
		Verdict:  report.Verdict{State: diagnosis.State(s), Summary: s},
		Findings: []diagnosis.Finding{{Code: diagnosis.Code(s), Severity: diagnosis.Critical, Summary: s, Targets: []string{s}, Evidence: []diagnosis.Evidence{{What: s, Value: s}},
			Fix: []diagnosis.Fix{{Text: s, Command: s}}, Since: now}, {Code: diagnosis.Code(s), Severity: diagnosis.Info, Summary: s}},
		Targets: []report.Target{{Name: s, State: probes.Down, Route: probes.RouteInterface, Addresses: []string{s}, ExplainedBy: diagnosis.Code(s),
			Steps: []probes.Step{{Phase: probes.Phase(s), State: probes.Down, Reason: probes.Reason(s)}, {Phase: probes.PhaseTCP, State: probes.Down, Reason: probes.Reason(s), Duration: 3}}},
			{Name: s, State: probes.Skipped}},
		Checks:  []report.Check{{Name: "resolver " + s, Value: s, Detail: s, State: probes.State(s)}, {Name: s, Value: s, Detail: s}},
		Pending: []report.Pending{{Code: diagnosis.Code(s), Severity: diagnosis.Severity(s)}}, Muted: []report.Muted{{Code: diagnosis.Code(s), Reason: s}}}
}

func elements(page string) (n int, text string) {
	z := html.NewTokenizer(strings.NewReader(page))
	var b strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			return n, b.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			n++
			t := z.Token()
			for _, a := range t.Attr {
				b.WriteString(a.Key + " ")
			}
		default:
		}
	}
}

// Whatever a text holds, the page has the same elements and attributes as with a
// harmless one.
func TestHostile(t *testing.T) {
	wantN, wantAttr := elements(render(t, statuspage.View{Report: hostile("xx"), History: day(hostile("xx"))}))
	for _, s := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='x`, "</pre><b>", "</style><script>", "a\u202eb\u2028c\x00\x1b[31m", "&lt;", "\xff\xfe"} {
		page := render(t, statuspage.View{Report: hostile(s), Version: s, History: day(hostile(s))})
		if n, attr := elements(page); n != wantN || attr != wantAttr {
			t.Errorf("%q: %d elements, not %d, or other attributes", s, n, wantN)
		}
		if strings.ContainsAny(page, "\x00\x1b\u202e\u2028") {
			t.Errorf("%q: control characters", s)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("<script>", "x")
	wantN, _ := elements(render(f, statuspage.View{Report: hostile("xx")}))
	f.Fuzz(func(t *testing.T, s, _ string) {
		if s == "" || len(s) > 500 || strings.TrimSpace(s) == "" {
			return
		}
		page := render(t, statuspage.View{Report: hostile(s)})
		n, _ := elements(page)
		if diff := n - wantN; diff < -12 || diff > 12 { // a word that is a state or a code of ours draws more or less
			t.Errorf("%q: %d elements, not %d", s, n, wantN)
		}
	})
}

func TestPolicy(t *testing.T) {
	for _, must := range []string{"default-src 'none'", "style-src 'sha256-", "script-src 'sha256-", "form-action 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(statuspage.CSP(), must) {
			t.Errorf("no %s in %s", must, statuspage.CSP())
		}
	}
	if strings.Contains(statuspage.CSP(), "unsafe") {
		t.Error(statuspage.CSP())
	}
}

func BenchmarkRender(b *testing.B) {
	r := reporttest.Broken()
	for len(r.Targets) < 100 {
		r.Targets = append(r.Targets, r.Targets...)
	}
	v := statuspage.View{Report: r, History: day(r), Now: now}
	for b.Loop() {
		var out bytes.Buffer
		_ = statuspage.Render(&out, v)
		b.SetBytes(int64(out.Len()))
	}
}
