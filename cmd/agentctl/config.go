package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"agentctl/agent/config"
)

func newConfig(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check or show the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(&cobra.Command{Use: "check", Short: "Say what is wrong with the configuration file, with its line", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(g.config)
			if err != nil {
				return err
			}
			text := c.Path + ": in order"
			if c.Path == "" {
				text = "no file at " + config.DefaultPath() + ": the defaults apply"
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		}}, &cobra.Command{Use: "show", Short: "Show the effective configuration, defaults included", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(g.config)
			if err != nil {
				return err
			}
			return c.Show(cmd.OutOrStdout())
		}})
	return cmd
}
