package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"agentctl/agent"
	"agentctl/agent/config"
	"agentctl/agent/diagnosis"
	"agentctl/agent/metrics"
	"agentctl/agent/report"
	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/aws"
)

// probeFlags are the flags of `agentctl probe`.
type probeFlags struct {
	output, outputFile, failOn, region string
	compare                            string
	timeout                            time.Duration
	verbose                            bool
	file                               outputFile
}

func newProbe(g *globals) *cobra.Command {
	f := &probeFlags{}
	var groups []string
	for _, gr := range probes.Groups() {
		groups = append(groups, string(gr))
	}
	cmd := &cobra.Command{
		Use:   "probe [GROUP...]",
		Short: "One full round now: what blocks patching here, and the change that fixes it",
		Long: `Runs one full round and prints the report. Needs no daemon and no configuration,
changes nothing, and runs without root too: what it may not read is unknown.

Groups: ` + strings.Join(groups, ", ") + ` (default: all that apply).

Exit code: 0 nothing blocks patching, 1 blocked, 2 usage or configuration error,
3 it cannot be said.`,
		Example:   "  agentctl probe\n  agentctl probe ssm s3 --output json\n  agentctl probe --region eu-west-1",
		ValidArgs: groups,
		RunE: func(cmd *cobra.Command, args []string) error {
			return probe(cmd, g, f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.output, "output", "o", "text", "`FORMAT` of the report: text, json or prometheus")
	fl.StringVar(&f.outputFile, "output-file", "", "write the report to `FILE`, as a whole or not at all")
	fl.DurationVar(&f.timeout, "timeout", 20*time.Second, "hard limit of the whole round")
	fl.StringVar(&f.failOn, "fail-on", "blocked", "exit 1 from this verdict on: blocked or degraded")
	fl.StringVar(&f.region, "region", "", "test for this `REGION`: the groups identity, agent and host are off unless named")
	fl.StringVar(&f.compare, "compare", "", "say also what has changed since the report in `OLD.json`")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "show every step with its timing")
	return cmd
}

// check refuses what cannot be carried out, before anything runs.
func (f *probeFlags) check(args []string) ([]probes.Group, error) {
	var groups []probes.Group
	for _, a := range args {
		g := probes.Group(a)
		if !slices.Contains(probes.Groups(), g) {
			return nil, fmt.Errorf("unknown group %q; groups are %s", a, groupList())
		}
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	if !slices.Contains([]string{"text", "json", "prometheus"}, f.output) {
		return nil, fmt.Errorf("--output %q is not a format; it is text, json or prometheus", f.output)
	}
	if f.compare != "" && f.output != "text" {
		return nil, errNotText
	}
	if f.failOn != "blocked" && f.failOn != "degraded" {
		return nil, fmt.Errorf("--fail-on %q is not a verdict; it is blocked or degraded", f.failOn)
	}
	if f.timeout < time.Second || f.timeout > 10*time.Minute {
		return nil, fmt.Errorf("--timeout %s is out of range; it is between 1s and 10m", f.timeout)
	}
	if f.region != "" && !aws.ValidRegion(f.region) {
		return nil, fmt.Errorf("--region %q is not an AWS region; write it as us-east-1", f.region)
	}
	return groups, nil
}

func groupList() string {
	var s []string
	for _, g := range probes.Groups() {
		s = append(s, string(g))
	}
	return strings.Join(s, ", ")
}

func probe(cmd *cobra.Command, g *globals, f *probeFlags, args []string) error {
	groups, err := f.check(args)
	if err != nil {
		return err
	}
	cfg, err := config.Load(g.config)
	if err != nil {
		return err
	}
	if g.rootfs != "" {
		if st, err := os.Stat(g.rootfs); err != nil || !st.IsDir() {
			return fmt.Errorf("--path.rootfs %s is not a directory that can be read", g.rootfs)
		}
	}
	if f.outputFile != "" {
		if f.file, err = openOutput(f.outputFile); err != nil {
			return fmt.Errorf("--output-file %s: %w", f.outputFile, err)
		}
	}
	var old *report.Report
	if f.compare != "" {
		if old, err = compareWith(f.compare); err != nil {
			return err
		}
	}
	line := progressLine(cmd.ErrOrStderr())
	round, rep, err := agent.Run(cmd.Context(), agent.Options{Host: platform.New(g.rootfs), RootFS: g.rootfs, Config: cfg, Groups: groups,
		Region: f.region, Timeout: f.timeout, Progress: line})
	line.Stop()
	if err != nil {
		return err
	}
	if cmd.Context().Err() != nil {
		return fmt.Errorf("interrupted; nothing is reported")
	}
	if err := write(cmd.OutOrStdout(), f, round, rep, old); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return exitFor(rep.Verdict.State, f.failOn)
}

func exitFor(s diagnosis.State, failOn string) error {
	switch {
	case s == diagnosis.Blocked, s == diagnosis.Degraded && failOn == "degraded":
		return exitError(exitBlocked)
	case s == diagnosis.Unknown:
		return exitError(exitUnknown)
	}
	return nil
}

// write prints the report, to the file if one is named.
func write(stdout io.Writer, f *probeFlags, round *probes.Round, rep, old *report.Report) error {
	var buf bytes.Buffer
	opt := report.TextOptions{Verbose: f.verbose}
	if f.outputFile == "" {
		opt.Color, opt.Width = terminal(stdout)
	}
	var err error
	switch f.output {
	case "json":
		err = report.WriteJSON(&buf, rep)
	case "prometheus":
		err = metrics.WriteText(&buf, round, rep)
	default:
		err = report.WriteText(&buf, rep, opt)
		if err == nil && old != nil {
			err = report.WriteCompare(&buf, old, rep, opt)
		}
	}
	if err != nil {
		return err
	}
	if f.outputFile == "" {
		_, err = stdout.Write(buf.Bytes())
		return err
	}
	return f.file.write(buf.Bytes())
}

// progressLine shows on a terminal what the round is doing, and nothing elsewhere.
func progressLine(w io.Writer) *report.Progress {
	f, _ := w.(*os.File)
	return report.NewProgress(f, false)
}

// terminal tells whether the report goes to a person's terminal: colour there
// unless NO_COLOR is set (no-color.org), and its width.
func terminal(w io.Writer) (color bool, width int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 80
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", width
}
