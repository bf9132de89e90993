package aws

import (
	"regexp"

	"agentctl/probes"
)

// BucketPolicy is the stem of the bucket in which Quick Setup keeps the baseline
// overrides of a patch policy; the account and the configuration's id follow.
const BucketPolicy = "aws-quicksetup-patchpolicy"

// bucketForm is what a general-purpose bucket may be called, without dots, which no
// wildcard certificate covers (S3 user guide, "Bucket naming rules").
var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

// policyTargets are the bucket of a patch policy in use. Each run reads its
// baseline_overrides.json there, and stops where it cannot (user guide, "Patch
// policy configurations in Quick Setup"). The bucket lies in the region where the
// policy was made, and in an organization in the management account.
func (b builder) policyTargets() []probes.Target {
	p := b.in.Policy
	if p == nil || !p.Policy || !bucketForm.MatchString(p.Bucket) {
		return nil
	}
	t, ok := policyTarget(p.Bucket, b.in.Region)
	if p.Region != "" {
		t, ok = policyTarget(p.Bucket, p.Region)
	}
	if !ok {
		return nil
	}
	return []probes.Target{t}
}

func policyTarget(bucket, region string) (probes.Target, bool) {
	partition, known := PartitionOf(region)
	if !known {
		return probes.Target{}, false
	}
	t := script("bucket:"+BucketPolicy, VirtualHostURL("s3."+region+"."+partition.DNSSuffix, bucket, ""), probes.AnswerS3)
	t.Required, t.Because = true, "the patch policy's baseline lies in it"
	return t, true
}

// Elsewhere is the target for a bucket of which S3 says that it lies in another
// region than the one that was asked: clients are sent there. The bucket is the
// one that the answered request named in its host.
func Elsewhere(t probes.Target, bucket string, answer *probes.HTTP) (probes.Target, bool) {
	if answer == nil || !answer.AWSShaped || !ValidRegion(answer.BucketRegion) || !bucketForm.MatchString(bucket) {
		return probes.Target{}, false
	}
	other, ok := policyTarget(bucket, answer.BucketRegion)
	if !ok || other.URL == t.URL {
		return probes.Target{}, false
	}
	other.Because = "the patch policy's baseline lies in it, in " + answer.BucketRegion
	return other, true
}
