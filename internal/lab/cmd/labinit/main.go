//go:build linux

// Command labinit is the first process inside the lab's instance. The lab builds and starts it; it is of no use alone.
package main

import "agentctl/internal/lab/guest"

func main() { guest.Main() }
