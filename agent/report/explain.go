package report

import (
	"fmt"
	"io"
	"strings"

	"agentctl/agent/diagnosis"
	"agentctl/agent/words"
)

// explainWidth keeps explanations readable on the narrowest usual terminal.
const explainWidth = 78

// WriteEntry prints one finding's meaning, how it is recognised, the fix and
// the source.
func WriteEntry(w io.Writer, e diagnosis.Entry) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", e.Code, e.Title)
	for _, p := range []struct{ head, text string }{
		{"Severity", e.Severity}, {"Meaning", e.Meaning}, {"Recognised by", e.Recognised}, {"Fix", e.Fix}, {"Explains", codes(e.Suppresses)}, {"Source", e.Source},
	} {
		if p.text != "" {
			for i, line := range words.Wrap(p.text, explainWidth-15) {
				if i > 0 {
					p.head = ""
				}
				fmt.Fprintf(&b, "%-15s%s\n", p.head, line)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteCatalogue prints a line for each code, block by block.
func WriteCatalogue(w io.Writer, es []diagnosis.Entry) error {
	var b strings.Builder
	block := ""
	for _, e := range es {
		if e.Block != block {
			if block != "" {
				b.WriteByte('\n')
			}
			block = e.Block
			fmt.Fprintf(&b, "%s\n", block)
		}
		fmt.Fprintf(&b, "  %-29s %s\n", e.Code, e.Title)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CatalogueMarkdown is docs/findings.md.
func CatalogueMarkdown(es []diagnosis.Entry) string {
	var b strings.Builder
	b.WriteString("# Findings\n\nGenerated from the catalogue (`make golden`); `agentctl explain CODE` says the same.\nA finding is a root cause: what it explains is not reported beside it.\n")
	block := ""
	for _, e := range es {
		if e.Block != block {
			block = e.Block
			fmt.Fprintf(&b, "\n## %s\n", block)
		}
		fmt.Fprintf(&b, "\n### %s\n\n**%s** (%s)\n\n%s\n\n- Recognised by: %s\n- Fix: %s\n", e.Code, e.Title, e.Severity, e.Meaning, e.Recognised, e.Fix)
		if len(e.Suppresses) > 0 {
			fmt.Fprintf(&b, "- Explains: `%s`\n", strings.ReplaceAll(codes(e.Suppresses), ", ", "`, `"))
		}
		fmt.Fprintf(&b, "- Source: %s\n", e.Source)
	}
	return b.String()
}

func codes(cs []diagnosis.Code) string {
	s := make([]string, len(cs))
	for i, c := range cs {
		s[i] = string(c)
	}
	return strings.Join(s, ", ")
}
