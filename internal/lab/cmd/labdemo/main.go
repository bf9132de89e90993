//go:build linux

// Command labdemo shows agentctl at work without an AWS account: it builds a VPC in network namespaces, once healthy and
// twice broken, and runs `agentctl probe` on the instance in it. It needs root and nft, and leaves nothing behind.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"agentctl/internal/lab"
)

// shows are the scenarios of the demonstration, with the picture of each network.
var shows = []struct{ title, scenario, picture string }{
	{"1. A healthy private subnet", "endpoints-only", `
  instance 10.0.1.10 ──┬── endpoint ssm          10.0.1.51   answers
                       ├── endpoint ssmmessages  10.0.1.53   answers
                       ├── S3 gateway endpoint               answers
                       └── no internet, no NAT gateway`},
	{"2. The same subnet, one endpoint's security group too tight", "endpoint-blocked-ssmmessages", `
  instance 10.0.1.10 ──┬── endpoint ssm          10.0.1.51   answers
                       ├── endpoint ssmmessages  10.0.1.53   drops our packets   <-- the fault
                       ├── S3 gateway endpoint               answers
                       └── no internet, no NAT gateway`},
	{"3. The same subnet, and somebody has enabled EPEL", "epel-without-internet-stops-dnf", `
  instance 10.0.1.10 ──┬── endpoint ssm          10.0.1.51   answers
                       ├── endpoint ssmmessages  10.0.1.53   answers
                       ├── S3 gateway endpoint               answers: Amazon Linux's repositories
                       └── no internet, no NAT gateway       EPEL is out there   <-- the fault`},
}

func main() {
	if err := demo(); err != nil {
		fmt.Fprintln(os.Stderr, "labdemo:", err)
		os.Exit(1)
	}
}

func demo() error {
	if os.Geteuid() != 0 {
		return errors.New("needs root, for network namespaces: sudo make demo")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return errors.New("needs nft: apt-get install nftables")
	}
	fmt.Println("agentctl in a make-believe VPC: network namespaces, real packets, servers that answer as AWS does.")
	for _, show := range shows {
		if err := run(show.title, show.scenario, show.picture); err != nil {
			return fmt.Errorf("%s: %w", show.scenario, err)
		}
	}
	fmt.Println("\nNothing is left behind. Hundreds of other faults: make lab")
	return nil
}

func run(title, name, picture string) error {
	scenario, err := lab.ReadScenario(name)
	if err != nil {
		return err
	}
	vpc, err := lab.Build(scenario)
	if err != nil {
		return err
	}
	defer vpc.Close()
	result, err := vpc.Run()
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n%s\n%s\n\n$ agentctl probe\n", title, strings.Repeat("=", len(title)), strings.TrimPrefix(picture, "\n"))
	os.Stdout.Write(result.Stdout)
	os.Stdout.Write(result.Stderr)
	fmt.Printf("\n(exit code %d, %.1f s)\n", result.Exit, result.Wall.Seconds())
	return nil
}
