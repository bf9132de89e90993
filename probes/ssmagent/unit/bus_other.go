//go:build !linux

package unit

import "context"

// fromBus is for Linux: no other system that agentctl runs on has systemd.
func fromBus(context.Context, Options) ([]loaded, error) { return nil, errNoBus }
