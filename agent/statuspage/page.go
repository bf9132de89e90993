// Package statuspage draws the daemon's status page: one document without anything
// from elsewhere, which works without JavaScript and shows nothing that the report
// does not hold.
//
// It is written by hand and not with html/template: that one's use of reflection keeps
// the linker from dropping unused methods, 2.9 MB of the binary. Every text goes
// through writer.text, and a test feeds hostile ones everywhere.
package statuspage

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"
	"sync"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
	"agentctl/probes"
)

//go:embed page.css page.js
var files embed.FS

// View is what the page shows.
type View struct {
	Report *report.Report // nil before the first round
	// Round is what the report was made of: the page takes the proxies' addresses from
	// it. It is nil after a restart.
	Round *probes.Round
	// History may be nil.
	History *history.History
	Now     time.Time
	Version string
}

// parts are the style and the script, with the policy that allows these two and
// nothing else.
var parts = sync.OnceValue(func() (p struct{ css, js, csp string }) {
	css, _ := files.ReadFile("page.css") // embedded: they are there
	js, _ := files.ReadFile("page.js")
	hash := func(b []byte) string {
		sum := sha256.Sum256(b)
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	p.css, p.js = string(css), string(js)
	p.csp = "default-src 'none'; style-src " + hash(css) + "; script-src " + hash(js) + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return p
})

// CSP is the Content-Security-Policy under which the page works.
func CSP() string { return parts().csp }

// writer builds the page.
type writer struct {
	strings.Builder
	found []diagnosis.Finding // the causes; their places are their numbers on the page
}

// raw writes markup of our own.
func (w *writer) raw(format string, args ...any) { fmt.Fprintf(&w.Builder, format, args...) }

// text writes foreign text.
func (w *writer) text(s string) { w.WriteString(clean(s)) }

// el writes an element with foreign text in it.
func (w *writer) el(name, class, s string) {
	if class != "" {
		w.raw("<%s class=%q>", name, class)
	} else {
		w.raw("<%s>", name)
	}
	w.text(s)
	w.raw("</%s>", name)
}

// clean makes foreign text fit for an element or an attribute in quotes. Control
// characters, and those that turn the direction of what follows, become spaces.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return html.EscapeString(s)
}

// staleFrom is the age from which a report says how it was and not how it is. The
// daemon looks at least every ten minutes.
const staleFrom = 15 * time.Minute

func (v View) stale() bool { return v.Now.Sub(v.Report.StartedAt) > staleFrom }

// Render writes the page.
func Render(out io.Writer, v View) error {
	w := &writer{}
	if v.Report != nil {
		w.found = causesOf(v.Report)
		// About what it will be: growing from nothing copies it several times.
		w.Grow(16<<10 + len(v.Report.Targets)<<10 + len(w.found)<<11)
	}
	title := "agentctl: no report yet"
	if r := v.Report; r != nil {
		title = first(verdict(v), "agentctl")
		if r.Instance.ID != "" {
			title += ": " + r.Instance.ID
		}
	}
	w.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
	w.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>\n")
	w.el("title", "", title)
	w.raw("\n<style>%s</style>\n</head>\n<body>\n", parts().css)
	if v.Report == nil {
		w.raw("<main class=\"verdict unknown\"><h1>? No report yet</h1><p>The first round is under way; this page asks again by itself.</p></main>\n")
	} else {
		w.body(v)
	}
	w.raw("<script>%s</script>\n</body>\n</html>\n", parts().js)
	_, err := io.WriteString(out, w.String())
	return err
}

func (w *writer) body(v View) {
	r := v.Report
	w.header(v)
	w.raw("<main>\n")
	w.causes(v)
	w.waiting(r)
	w.picture(v)
	w.targets(v)
	w.day(v)
	w.notes(r)
	w.checks(r)
	w.raw("</main>\n")
	w.footer(v)
}
