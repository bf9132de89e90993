// Package lab is a VPC in a test: an instance, its subnet's router, VPC endpoints, S3, a NAT gateway and a little internet,
// each in a network namespace of its own, with servers that answer as AWS does. Faults are made where they happen in life
// (a dropped packet, a server that resets, a resolver that lies) and the real agentctl binary must name them.
//
// The namespaces have no names, the instance's files live in a tmpfs of a private mount namespace, and nothing is written
// outside: when the process dies, even by SIGKILL, the kernel takes everything away.
//
// The scenarios are data: scenarios/NAME.yaml. See scenario.go for their keys, and run
//
//	go test ./internal/lab -run TestScenarios
//
// as root with nft installed. SCENARIO=name runs one and prints both reports, SCENARIO='epel-*' several; LAB_PROOF_ONLY=1 proves
// the faults without agentctl; LAB_TIMEOUT=2s gives each round too little time, and what agentctl then says may be less than
// expected but must be true.
//
// Linux only: on other systems the package is empty.
package lab
