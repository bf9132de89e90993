package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"agentctl/agent/diagnosis"
	"agentctl/probes"
)

//go:embed schema.json
var schema []byte

// SchemaJSON returns the JSON Schema (2020-12) of the report's format. Validating
// against it needs a library that the binary does without: see reporttest.
func SchemaJSON() []byte { return bytes.Clone(schema) }

// WriteJSON writes the report in the format of the schema, indented, in a stable
// order and with one write. Lists are never null. Characters that a terminal
// would obey are escaped also where JSON would let them stand.
func WriteJSON(w io.Writer, r *Report) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // "<that group>" in a fix stays readable
	enc.SetIndent("", "  ")
	if err := enc.Encode(Normalize(r)); err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	_, err := w.Write(escapeInvisible(b.Bytes()))
	return err
}

// Normalize returns a copy of the report as the schema wants it: lists and maps
// are empty instead of nil, an unknown route is called so, every capability has a
// state, a finding without a date began with this round, times are in UTC to the
// millisecond, and durations are to the microsecond. The report itself and what
// it refers to are left as they are.
func Normalize(r *Report) *Report {
	n := *r
	if n.Schema == "" {
		n.Schema = Schema
	}
	n.StartedAt = utc(n.StartedAt)
	n.Duration = micro(n.Duration)
	i := &n.Instance
	for _, l := range []*[]string{&i.SecurityGroupIDs, &i.VPCCIDRs, &i.PrivateIPs} {
		*l = list(*l)
	}
	if n.Verdict.State == "" {
		n.Verdict.State = diagnosis.Unknown
	}
	n.Verdict.Capabilities = map[diagnosis.Capability]diagnosis.State{}
	for _, c := range diagnosis.Capabilities() {
		n.Verdict.Capabilities[c] = diagnosis.Unknown
		if st := r.Verdict.Capabilities[c]; st != "" {
			n.Verdict.Capabilities[c] = st
		}
	}
	if n.Verdict.Summary == "" {
		n.Verdict.Summary = Summarize(&n)
	}
	n.Findings = each(r.Findings, func(f *diagnosis.Finding) {
		f.Targets, f.Evidence, f.Fix, f.Capabilities = list(f.Targets), list(f.Evidence), list(f.Fix), list(f.Capabilities)
		if f.Since.IsZero() {
			f.Since = n.StartedAt
		}
		f.Since = utc(f.Since)
	})
	n.Targets = each(r.Targets, func(t *Target) {
		t.Addresses = list(t.Addresses)
		t.Steps = each(t.Steps, func(s *probes.Step) { s.Duration = micro(s.Duration) })
		if t.Route == "" {
			t.Route = probes.RouteUnknown
		}
		if t.State == "" {
			t.State = probes.Unknown
		}
	})
	n.Checks = list(r.Checks)
	n.Pending = each(r.Pending, func(p *Pending) { p.Targets = list(p.Targets) })
	n.Advice = each(r.Advice, func(a *Advice) {
		a.Changes = list(a.Changes)
		if a.MonthlyUSD == nil {
			a.MonthlyUSD = map[string]float64{}
		}
	})
	return &n
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// each copies a list and changes every element of the copy.
func each[T any](l []T, change func(*T)) []T {
	out := append(make([]T, 0, len(l)), l...)
	for i := range out {
		change(&out[i])
	}
	return out
}

func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func micro(s float64) float64 { return math.Round(s*1e6) / 1e6 }

// escapeInvisible writes control and format characters beyond ASCII as \uXXXX.
// JSON allows them in strings, and nowhere else; in a terminal U+009B starts a
// control sequence, and U+202E turns the direction of what follows.
func escapeInvisible(doc []byte) []byte {
	if !bytes.ContainsFunc(doc, invisible) {
		return doc
	}
	out := make([]byte, 0, len(doc)+64)
	for len(doc) > 0 {
		r, size := utf8.DecodeRune(doc)
		if invisible(r) {
			for _, u := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, u)
			}
		} else {
			out = append(out, doc[:size]...)
		}
		doc = doc[size:]
	}
	return out
}

func invisible(r rune) bool {
	// The replacement character is written in one way, wherever it came from.
	return r >= 0x7f && (r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp))
}
