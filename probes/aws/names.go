package aws

import (
	"errors"
	"fmt"
	"slices"
)

// Variant selects among the names of one service in one region.
type Variant struct {
	FIPS      bool
	DualStack bool
}

// Errors of Hostname.
var (
	ErrRegion  = errors.New("not a region of any partition")
	ErrService = errors.New("service is not in the table")
	ErrNoFIPS  = errors.New("partition has no FIPS names for this service")
)

// services that Hostname knows. The SDK has rules for ssm, s3, kms and sts,
// which the tests compare; the others follow the same pattern by the user guide
// ("Create VPC endpoints", "ssm-cli").
var services = []string{"ssm", "ssmmessages", "ec2messages", "s3", "kms", "sts", "logs", "monitoring"}

// Hostname returns the name of a service in a region. It is a rule and no list
// of what exists: a FIPS name is made for regions that have none too.
func Hostname(service, region string, v Variant) (string, error) {
	p, ok := PartitionOf(region)
	if !ok {
		return "", fmt.Errorf("%q: %w", region, ErrRegion)
	}
	return p.hostname(service, region, v)
}

func (p Partition) hostname(service, region string, v Variant) (string, error) {
	if !slices.Contains(services, service) {
		return "", fmt.Errorf("%q: %w", service, ErrService)
	}
	if service == "s3" {
		return p.s3Host(region, v)
	}
	label := service
	if v.FIPS && !p.plainIsFIPS(service, v) {
		label += "-fips"
	}
	suffix := p.DNSSuffix
	if v.DualStack {
		suffix = p.DualStack
	}
	return label + "." + region + "." + suffix, nil
}

// plainIsFIPS: GovCloud's plain names of these two are its FIPS names (the SDK's
// rules of ssm and sts).
func (p Partition) plainIsFIPS(service string, v Variant) bool {
	return p.ID == "aws-us-gov" && !v.DualStack && (service == "ssm" || service == "sts")
}

// s3Host differs from all others: its dual-stack name stands below the plain
// suffix, and China has no FIPS name (the SDK's rules of s3).
func (p Partition) s3Host(region string, v Variant) (string, error) {
	if v.FIPS && p.ID == "aws-cn" {
		return "", fmt.Errorf("s3 in %s: %w", region, ErrNoFIPS)
	}
	label := "s3"
	if v.FIPS {
		label = "s3-fips"
	}
	if v.DualStack {
		label += ".dualstack"
	}
	return label + "." + region + "." + p.DNSSuffix, nil
}

// S3Dash returns S3's older name with a dash, s3-REGION, and s3.amazonaws.com
// for us-east-1. An S3 interface endpoint serves neither (S3 user guide,
// "AWS PrivateLink for Amazon S3", considerations).
func S3Dash(region string) (string, error) {
	p, ok := PartitionOf(region)
	if !ok {
		return "", fmt.Errorf("%q: %w", region, ErrRegion)
	}
	return p.s3Dash(region), nil
}

func (p Partition) s3Dash(region string) string {
	if region == "us-east-1" {
		return "s3." + p.DNSSuffix
	}
	return "s3-" + region + "." + p.DNSSuffix
}

// S3Accelerate returns the Transfer Acceleration name of a bucket. It has no
// region in it, so a regional gateway endpoint does not carry it.
func S3Accelerate(bucket string, dualStack bool) string {
	if dualStack {
		return bucket + ".s3-accelerate.dualstack.amazonaws.com"
	}
	return bucket + ".s3-accelerate.amazonaws.com"
}

// VirtualHostURL is the URL of a key with the bucket in the host name.
func VirtualHostURL(host, bucket, key string) string {
	return "https://" + bucket + "." + host + "/" + key
}

// PathStyleURL is the URL of a key with the bucket in the path, as the patch
// script writes it.
func PathStyleURL(host, bucket, key string) string {
	return "https://" + host + "/" + bucket + "/" + key
}
