package aws

import (
	"errors"
	"strings"
	"testing"
)

func TestPartitionOf(t *testing.T) {
	tests := []struct {
		region string
		want   string // "" for no region at all
	}{
		{"us-east-1", "aws"},
		{"mx-central-1", "aws"},
		{"eu-central-9", "aws"}, // newer than the table
		{"cn-north-1", "aws-cn"},
		{"cn-south-3", "aws-cn"},
		{"us-gov-west-1", "aws-us-gov"},
		{"us-iso-east-1", "aws-iso"},
		{"us-isob-west-1", "aws-iso-b"},
		{"eu-isoe-west-1", "aws-iso-e"},
		{"us-isof-south-1", "aws-iso-f"},
		{"eusc-de-east-1", "aws-eusc"},
		{"", ""},
		{"us-east", ""},
		{"xx-nowhere-1", ""},
		{"us_east_1", ""},
		{"us-east-1.evil.example", ""},
		{"us-east-1\n", ""},
		{"us-" + strings.Repeat("a", 100) + "-1", ""},
	}
	for _, tt := range tests {
		p, ok := PartitionOf(tt.region)
		if ok != (tt.want != "") || p.ID != tt.want || ValidRegion(tt.region) != ok {
			t.Errorf("PartitionOf(%q) = %q, %v, want %q", tt.region, p.ID, ok, tt.want)
		}
	}
}

func TestHostname(t *testing.T) {
	tests := []struct {
		service, region string
		v               Variant
		want            string
	}{
		{"ssm", "eu-west-1", Variant{}, "ssm.eu-west-1.amazonaws.com"},
		{"ssm", "eu-west-1", Variant{DualStack: true}, "ssm.eu-west-1.api.aws"},
		{"ssm", "us-east-1", Variant{FIPS: true}, "ssm-fips.us-east-1.amazonaws.com"},
		{"ssm", "us-gov-west-1", Variant{FIPS: true}, "ssm.us-gov-west-1.amazonaws.com"},
		{"ssmmessages", "cn-north-1", Variant{}, "ssmmessages.cn-north-1.amazonaws.com.cn"},
		{"ssmmessages", "us-east-1", Variant{FIPS: true}, "ssmmessages-fips.us-east-1.amazonaws.com"},
		{"ec2messages", "us-iso-east-1", Variant{}, "ec2messages.us-iso-east-1.c2s.ic.gov"},
		{"logs", "eusc-de-east-1", Variant{}, "logs.eusc-de-east-1.amazonaws.eu"},
		{"monitoring", "us-west-2", Variant{}, "monitoring.us-west-2.amazonaws.com"},
		{"s3", "eu-west-1", Variant{}, "s3.eu-west-1.amazonaws.com"},
		{"s3", "eu-west-1", Variant{DualStack: true}, "s3.dualstack.eu-west-1.amazonaws.com"},
		{"s3", "us-gov-east-1", Variant{FIPS: true, DualStack: true}, "s3-fips.dualstack.us-gov-east-1.amazonaws.com"},
	}
	for _, tt := range tests {
		got, err := Hostname(tt.service, tt.region, tt.v)
		if err != nil || got != tt.want {
			t.Errorf("Hostname(%s, %s, %+v) = %q, %v, want %q", tt.service, tt.region, tt.v, got, err, tt.want)
		}
	}
	if _, err := Hostname("ssm", "nowhere", Variant{}); !errors.Is(err, ErrRegion) {
		t.Errorf("no region: %v", err)
	}
	if _, err := Hostname("route53", "us-east-1", Variant{}); !errors.Is(err, ErrService) {
		t.Errorf("no such service: %v", err)
	}
	if _, err := S3Dash("nowhere"); !errors.Is(err, ErrRegion) {
		t.Errorf("S3Dash without region: %v", err)
	}
	if got, _ := S3Dash("eu-west-1"); got != "s3-eu-west-1.amazonaws.com" {
		t.Errorf("S3Dash(eu-west-1) = %q", got)
	}
}

func TestIsAWSName(t *testing.T) {
	for host, want := range map[string]bool{
		"ssm.us-east-1.amazonaws.com": true, "SSM.us-east-1.AmazonAWS.com.": true, "ssm.eu-west-1.api.aws": true,
		"s3.cn-north-1.amazonaws.com.cn":                      true,
		"vpce-0a1b2c3d-4e5f.ssm.us-east-1.vpce.amazonaws.com": true,
		"amazonaws.com.evil.example":                          false,
		"evilamazonaws.com":                                   false,
		"cdn.amazonlinux.com":                                 false,
		"":                                                    false,
		"ec2-203-0-113-1.compute-1.amazonaws.com.internal.example.": false,
	} {
		if got := IsAWSName(host); got != want {
			t.Errorf("IsAWSName(%q) = %v", host, got)
		}
	}
}

func TestBuckets(t *testing.T) {
	if n := len(bucketTable()); n != 34 {
		t.Errorf("%d regions in the bucket table, the published one has 34", n)
	}
	for region, s := range bucketTable() {
		if !ValidRegion(region) || len(s.patchManager) != 9 {
			t.Errorf("row %s %+v is damaged", region, s)
		}
	}
	tests := []struct {
		stem, region string
		want         string // "" for unknown
	}{
		{BucketSSM, "us-east-1", "aws-ssm-us-east-1"},
		{BucketAgent, "cn-north-1", "amazon-ssm-cn-north-1"},
		{BucketWindows, "eu-west-1", "aws-windows-downloads-eu-west-1"},
		{BucketPatchManager, "us-east-1", "aws-patch-manager-us-east-1-1970c647d"},
		{BucketPatchManager, "me-south-1", "aws-patch-manager-me-south-1-a53fc9dce"},
		{BucketSnapshot, "us-east-1", "patch-baseline-snapshot-us-east-1"},
		{BucketSnapshot, "af-south-1", "patch-baseline-snapshot-af-south-1-tbxdb5b9"},
		{BucketSnapshot, "us-gov-west-1", ""},
		{BucketPatchManager, "eusc-de-east-1", ""},
		{BucketSSM, "nowhere", ""},
		{"my-bucket", "us-east-1", ""},
	}
	for _, tt := range tests {
		got, known := Bucket(tt.stem, tt.region)
		if got != tt.want || known != (tt.want != "") {
			t.Errorf("Bucket(%s, %s) = %q, %v, want %q", tt.stem, tt.region, got, known, tt.want)
		}
	}
}
