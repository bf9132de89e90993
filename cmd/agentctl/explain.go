package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"agentctl/agent/diagnosis"
	"agentctl/agent/report"
)

func newExplain() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "explain CODE", Short: "What a finding means, how it is recognised, and what fixes it",
		Args: func(_ *cobra.Command, args []string) error {
			if all != (len(args) == 0) || len(args) > 1 {
				return fmt.Errorf("explain takes one finding's code, or --list; see agentctl explain --list")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var codes []string
			for _, e := range diagnosis.Catalogue() {
				codes = append(codes, string(e.Code)+"\t"+e.Title)
			}
			return codes, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return report.WriteCatalogue(cmd.OutOrStdout(), diagnosis.Catalogue())
			}
			e, ok := diagnosis.Lookup(diagnosis.Code(args[0]))
			if !ok {
				return fmt.Errorf("%q is not a finding of this version%s; see agentctl explain --list", args[0], nearest(args[0]))
			}
			return report.WriteEntry(cmd.OutOrStdout(), e)
		},
	}
	cmd.Flags().BoolVar(&all, "list", false, "list all codes")
	return cmd
}

// nearest names the codes that a mistyped one may mean.
func nearest(s string) string {
	var hits []string
	for _, e := range diagnosis.Catalogue() {
		if strings.Contains(string(e.Code), s) || strings.Contains(s, string(e.Code)) {
			hits = append(hits, string(e.Code))
		}
	}
	if len(hits) == 0 || len(hits) > 8 {
		return ""
	}
	return " (did you mean " + strings.Join(hits, ", ") + "?)"
}
