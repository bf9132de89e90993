package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"agentctl/internal/version"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Version, revision, build date, and the date of the built-in data", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), version.Get())
			return err
		},
	}
}
