package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit codes of the contract.
const (
	exitReady   = 0
	exitBlocked = 1
	exitUsage   = 2 // usage or configuration error, or the round could not run
	exitUnknown = 3
)

// exitError carries an exit code out of a command that has said all it had to.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run is the whole program but for the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exitError
	switch {
	case err == nil:
		return exitReady
	case errors.As(err, &code):
		return int(code)
	}
	_, _ = fmt.Fprintf(stderr, "agentctl: %v\n", err)
	return exitUsage
}

// globals are the flags of every command.
type globals struct {
	config    string
	rootfs    string
	logLevel  string
	logFormat string
}

func newRoot() *cobra.Command {
	g := &globals{}
	root := &cobra.Command{
		Use:   "agentctl",
		Short: "Says why Systems Manager patching does not work on this instance, and what to change",
		Long: `agentctl runs on an EC2 instance in a private subnet. It probes what AWS Systems
Manager and Patch Manager need from there (names, TLS, S3, metadata, the SSM
Agent) and names the root cause and the change that fixes it.

Start with:  agentctl probe`,
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&g.config, "config", "", "configuration `FILE` (default: the system's, if it exists)")
	root.PersistentFlags().StringVar(&g.rootfs, "path.rootfs", "", "read the host's files below `DIR`")
	root.PersistentFlags().StringVar(&g.logLevel, "log.level", "info", "log from this `LEVEL` on: debug, info, warn or error")
	root.PersistentFlags().StringVar(&g.logFormat, "log.format", "logfmt", "`FORMAT` of the log: logfmt or json")
	root.AddCommand(newProbe(g), newRun(g), newExplain(), newConfig(g), newInventory(g), newVersion())
	return root
}
