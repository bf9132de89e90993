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

// fresh is a report of a moment ago.
func fresh(r *report.Report) *report.Report {
	r.StartedAt = now.Add(-40 * time.Second)
	for i := range r.Findings {
		r.Findings[i].Since = now.Add(-25 * time.Minute)
	}
	return r
}

// pages are the views that have golden files.
func pages() map[string]statuspage.View {
	pages := map[string]statuspage.View{"none": {}, "stale": {Report: reporttest.Healthy()}, "dns dead": {Report: dnsDead()}}
	for _, s := range reporttest.Samples() {
		pages[s.Name] = statuspage.View{Report: fresh(s.Report)}
	}
	broken := fresh(reporttest.Broken())
	broken.Pending = []report.Pending{{Code: "dns-slow", Severity: diagnosis.Warning, Looks: 1, Of: 2}, {Code: "clock-skew", Severity: diagnosis.Warning, Looks: 1, Of: 2, Clearing: true}}
	broken.Muted = []report.Muted{{Code: "repo-skipped-silently", Severity: diagnosis.Warning, Reason: "EPEL is off on purpose"}}
	pages["history"] = statuspage.View{Report: broken, History: day(broken)}
	r, h := worst()
	pages["worst"] = statuspage.View{Report: r, History: h}
	for name, v := range pages {
		v.Version = "1.2.3"
		pages[name] = v
	}
	return pages
}

func TestGolden(t *testing.T) {
	for name, v := range pages() {
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
	balanced(t, page)
	ids, links := map[string]int{}, []string{}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			if n.Data == "svg" && !named(n) {
				t.Error("an <svg> without a name that is not hidden from those who hear the page")
			}
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
				case a.Key == "aria-labelledby", a.Key == "aria-describedby", a.Key == "data-copy":
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

// skeleton is a page's elements and attributes in their order, without the texts; of
// drawings only that they are there: the length of a text moves what is in them.
func skeleton(page string) string {
	z := html.NewTokenizer(strings.NewReader(page))
	var b strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			b.WriteString("<" + t.Data)
			for _, a := range t.Attr {
				b.WriteString(" " + a.Key)
				if a.Key == "class" || a.Key == "id" || a.Key == "href" {
					b.WriteString("=" + a.Val)
				}
			}
		case html.EndTagToken:
			t := z.Token()
			b.WriteString("</" + t.Data)
		default:
		}
	}
}

// harmless begins every text of the tests below, so that none is a word of ours, such
// as a state, that is drawn in another way.
const harmless = "xx"

func sameSkeleton(t *testing.T, want, s string) {
	t.Helper()
	r := hostile(harmless + s)
	page := render(t, statuspage.View{Report: r, Version: harmless + s, History: day(r)})
	if got := skeleton(page); got != want {
		t.Errorf("%q changes the page's elements or attributes", s)
	}
	if strings.ContainsAny(page, "\x00\x1b\u202e\u2028") {
		t.Errorf("%q: control characters", s)
	}
}

func plainSkeleton(t testing.TB) string {
	r := hostile(harmless)
	return skeleton(render(t, statuspage.View{Report: r, Version: harmless, History: day(r)}))
}

// Whatever a text holds, the page has the same elements and attributes as with a
// harmless one.
func TestHostile(t *testing.T) {
	want := plainSkeleton(t)
	for _, s := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='x`, "</pre><b>", "</title></svg><b>", "</style><script>",
		"a\u202eb\u2028c\x00\x1b[31m", "&lt;", "\xff\xfe", "--><b>", "]]><b>", strings.Repeat("<b>", 300)} {
		sameSkeleton(t, want, s)
	}
}

func FuzzRender(f *testing.F) {
	f.Add("<script>")
	f.Add("\"'><b onclick=x>")
	f.Add("\x00\u202e\xff&#60;")
	want := plainSkeleton(f)
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) <= 500 {
			sameSkeleton(t, want, s)
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

// A round in the worst outage is drawn under the daemon's lock: 3 ms at most.
func BenchmarkRender(b *testing.B) {
	r, h := worst()
	for name, v := range map[string]statuspage.View{"broken": {Report: fresh(reporttest.Broken()), History: day(reporttest.Broken()), Now: now}, "worst": {Report: r, History: h, Now: now}} {
		b.Run(name, func(b *testing.B) {
			size := 0
			for b.Loop() {
				var out bytes.Buffer
				_ = statuspage.Render(&out, v)
				size = out.Len()
			}
			b.ReportMetric(float64(size), "page-bytes")
		})
	}
}
