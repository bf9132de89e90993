package aws

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed data/buckets.csv
var bucketsCSV string

// Stems of the names of the buckets that Systems Manager uses; the region
// follows, and for some a suffix.
const (
	BucketSSM          = "aws-ssm"                 // patch payload of older regions, document modules
	BucketAgent        = "amazon-ssm"              // SSM Agent packages and manifests
	BucketSnapshot     = "patch-baseline-snapshot" // snapshots of the patch baseline
	BucketPatchManager = "aws-patch-manager"       // patch payload of newer regions
	BucketWindows      = "aws-windows-downloads"   // modules of some documents for Windows
)

// suffixes are the parts of the bucket names that no rule gives.
type suffixes struct{ patchManager, snapshot string }

var bucketTable = sync.OnceValue(func() map[string]suffixes {
	table := map[string]suffixes{}
	for i, line := range strings.Split(strings.TrimSpace(bucketsCSV), "\n") {
		f := strings.Split(strings.TrimSpace(line), ",")
		if i == 0 || len(f) != 3 { // the heading; the test counts the rows
			continue
		}
		table[f[0]] = suffixes{f[1], f[2]}
	}
	return table
})

// Bucket returns the name of a bucket in a region, and whether it is known:
// the names of the last two stems with a suffix are published for the 34
// commercial regions only (user guide, "Amazon S3 buckets for patching
// operations").
func Bucket(stem, region string) (name string, known bool) {
	if !ValidRegion(region) {
		return "", false
	}
	switch stem {
	case BucketSSM, BucketAgent, BucketWindows:
		return stem + "-" + region, true
	case BucketSnapshot, BucketPatchManager:
	default:
		return "", false
	}
	s, ok := bucketTable()[region]
	if !ok {
		return "", false
	}
	name = stem + "-" + region
	if stem == BucketPatchManager {
		return name + "-" + s.patchManager, true
	}
	if s.snapshot != "" {
		name += "-" + s.snapshot
	}
	return name, true
}
