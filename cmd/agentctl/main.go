// Command agentctl says why AWS Systems Manager patching does not work on this
// instance, and what to change.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The operator's own GODEBUG must not change what the probes send: without
	// ML-KEM in the ClientHello a firewall that drops it would go unseen.
	_ = os.Unsetenv("GODEBUG")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
