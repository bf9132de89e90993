// Package aws knows AWS's names: partitions, service and bucket names, and
// which of them this machine needs. It is data and rules; it opens no
// connection.
package aws

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// DataDate is the day on which the built-in tables were compiled.
const DataDate = "2026-11-23"

//go:embed data/partitions.json
var partitionsJSON []byte

// Partition is one of AWS's separate worlds of regions, such as aws-cn.
type Partition struct {
	ID        string   `json:"id"`
	DNSSuffix string   `json:"dns_suffix"`
	DualStack string   `json:"dual_stack_dns_suffix"` // suffix of names with IPv4 and IPv6
	Pattern   string   `json:"region_regex"`
	Regions   []string `json:"regions"`
	pattern   *regexp.Regexp
}

// partitions parses the embedded table once. The table is part of the binary
// and tested, so a broken one is a bug and panics.
var partitions = sync.OnceValue(func() []Partition {
	var ps []Partition
	if err := json.Unmarshal(partitionsJSON, &ps); err != nil {
		panic(fmt.Sprintf("embedded partitions.json: %v", err))
	}
	for i := range ps {
		ps[i].pattern = regexp.MustCompile(ps[i].Pattern)
	}
	return ps
})

// Partitions returns all partitions, in the order of the SDK's table.
func Partitions() []Partition { return slices.Clone(partitions()) }

// regionForm is what the SSM Agent itself accepts as a region
// (amazon-ssm-agent, common/identity/endpoint): a region ends up in host names,
// so nothing else may pass.
var regionForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

// PartitionOf returns the partition of a region: by the table, else by the
// partitions' patterns, so that a region newer than the table still works.
func PartitionOf(region string) (Partition, bool) {
	if !regionForm.MatchString(region) {
		return Partition{}, false
	}
	for _, p := range partitions() {
		if slices.Contains(p.Regions, region) {
			return p, true
		}
	}
	for _, p := range partitions() {
		if p.pattern.MatchString(region) {
			return p, true
		}
	}
	return Partition{}, false
}

// ValidRegion tells whether s has the form of a region of some partition.
func ValidRegion(s string) bool {
	_, ok := PartitionOf(s)
	return ok
}

// partitionByID returns the partition named id, such as "aws-us-gov".
func partitionByID(id string) (Partition, bool) {
	i := slices.IndexFunc(partitions(), func(p Partition) bool { return p.ID == id })
	if i < 0 {
		return Partition{}, false
	}
	return partitions()[i], true
}

// IsAWSName tells whether a host is AWS's own: at or below a DNS suffix of a
// partition. For these names the genuine roots are known.
func IsAWSName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, p := range partitions() {
		for _, suffix := range []string{p.DNSSuffix, p.DualStack} {
			if host == suffix || strings.HasSuffix(host, "."+suffix) {
				return true
			}
		}
	}
	return false
}
