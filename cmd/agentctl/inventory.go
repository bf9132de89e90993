package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"agentctl/agent/config"
	"agentctl/agent/history"
	"agentctl/agent/inventory"
)

// inventoryData is where the SSM Agent keeps a folder for each instance.
const inventoryData = "/var/lib/amazon/ssm"

func newInventory(g *globals) *cobra.Command {
	var stateDir string
	cmd := &cobra.Command{
		Use: "inventory", Short: "Write the daemon's last report for SSM Inventory",
		Long: `Writes the sum of the daemon's last report as ` + inventory.TypeName + `, for SSM
Inventory to collect. Does nothing unless the configuration says inventory: true.
agentctl-inventory.timer runs it as root; the daemon itself writes nowhere but its
own state directory.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(g.config)
			if err != nil {
				return err
			}
			say := func(format string, args ...any) error {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
				return err
			}
			if !c.Inventory {
				return say("inventory is off; to have it written, set  inventory: true  in the configuration")
			}
			if stateDir != "" {
				c.StateDir = stateDir
			}
			rep, err := history.In(c.StateDir).Last()
			switch {
			case err != nil:
				return err
			case rep == nil || rep.Instance.ID == "":
				return errors.New("the daemon has not yet made a report that knows this instance's id; is agentctl.service running?")
			}
			dir := inventory.Dir(g.rootfs+inventoryData, rep.Instance.ID)
			if err := inventory.Write(dir, rep); err != nil {
				return err
			}
			return say("%s/%s: %s", dir, inventory.FileName, rep.Verdict.State)
		},
	}
	cmd.Flags().StringVar(&stateDir, "state-dir", "", "the daemon's state `DIR`")
	return cmd
}
