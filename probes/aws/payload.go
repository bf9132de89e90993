package aws

import (
	"net/url"
	"slices"
	"strings"

	"agentctl/probes"
)

// classicRegions is the list in AWS-RunPatchBaseline's own scripts (published
// text of 2021, Linux payload 1.80, Windows payload 1.33) without China and
// GovCloud, which have forms of their own. In all other regions the document
// names Transfer Acceleration.
var classicRegions = []string{"ap-east-1", "ca-central-1", "ap-southeast-2", "ap-southeast-1", "us-west-1",
	"us-west-2", "ap-northeast-1", "eu-west-2", "ap-northeast-2", "us-east-1", "sa-east-1", "eu-central-1",
	"eu-west-1", "us-east-2", "eu-west-3", "ap-south-1", "eu-north-1", "me-south-1", "af-south-1", "eu-south-1",
	"ap-northeast-3"}

// patchManagerRegions are the classic regions whose payload lies in the
// aws-patch-manager bucket (same scripts).
var patchManagerRegions = []string{"me-south-1", "af-south-1", "eu-south-1", "ap-northeast-3"}

// Names of the S3 targets by the form of their host.
const (
	s3Plain      = "s3"            // s3.REGION
	s3DualStack  = "s3-dualstack"  // s3.dualstack.REGION
	s3Dash       = "s3-dash"       // s3-REGION, s3-fips-REGION, and s3.amazonaws.com
	s3Accelerate = "s3-accelerate" // BUCKET.s3-accelerate
)

// place is where the patch document fetches its payload.
type place struct {
	target  string // target name of the host
	host    string
	stem    string // of the bucket
	because string
}

// payloadPlace is the table of OS and region. It stands for the document as
// long as no script of an earlier run is on disk.
func (p Partition) payloadPlace(family, region string) place {
	stem := BucketSSM
	if slices.Contains(patchManagerRegions, region) {
		stem = BucketPatchManager
	}
	plain := "s3." + region + "." + p.DNSSuffix
	dual := "s3.dualstack." + region + "." + p.DNSSuffix
	because := "the patch document names it in this region"
	switch {
	case p.ID == "aws-cn":
		return place{s3Plain, plain, stem, because}
	case p.ID == "aws-us-gov" && family == "windows":
		return place{s3Dash, p.s3Dash(region), stem, because}
	case p.ID == "aws-us-gov":
		return place{s3Dash, "s3-fips-" + region + "." + p.DNSSuffix, stem, because}
	case strings.HasPrefix(p.ID, "aws-iso"):
		return place{s3Plain, plain, stem, "no published text of the patch document covers this partition"}
	case !slices.Contains(classicRegions, region):
		// The document's Transfer Acceleration name is required only where a
		// script or the service names it: no gateway endpoint carries it.
		return place{s3DualStack, dual, BucketPatchManager, "stands in for the name that the patch document uses in this region"}
	case family == "windows" && (region == "eu-south-1" || region == "ap-northeast-3"):
		return place{s3Plain, plain, stem, because}
	case family == "windows" && region != "af-south-1":
		// af-south-1: a later script (payload 1.65) names the dual-stack host.
		return place{s3Dash, p.s3Dash(region), stem, because}
	}
	return place{s3DualStack, dual, stem, because}
}

// payload is the exact object that an earlier run fetched.
type payload struct {
	url    string
	host   string
	target string // target name of the host, "" for a host that is not S3's
	answer probes.Answer
}

// lastPayload reads the URL of an earlier run's script. A URL that cannot be
// used, or one of another region (a cloned image), counts as none.
func (b builder) lastPayload() (payload, bool) {
	u, err := url.Parse(b.in.Payload)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || !domainForm.MatchString(u.Hostname()) {
		return payload{}, false
	}
	host := strings.ToLower(u.Hostname())
	target, region := s3HostForm(host)
	if region != "" && region != b.in.Region {
		return payload{}, false
	}
	answer := probes.AnswerS3Object
	if u.RawQuery != "" {
		answer = probes.AnswerS3 // signed: without its query, which is a secret, it need not be readable
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return payload{url: u.String(), host: u.Host, target: target, answer: answer}, true
}

// s3HostForm tells which form of S3's names a host has, with or without a
// bucket before it, and its region where the name has one.
func s3HostForm(host string) (target, region string) {
	name := host
	for _, p := range partitions() {
		if rest, ok := strings.CutSuffix(host, "."+p.DNSSuffix); ok {
			name = rest
		}
	}
	if name == host {
		return "", ""
	}
	labels := strings.Split(name, ".")
	if n := len(labels); n > 1 && labels[n-1] == "dualstack" && labels[n-2] == "s3-accelerate" {
		return s3Accelerate, ""
	}
	last := labels[len(labels)-1]
	switch {
	case last == "s3-accelerate":
		return s3Accelerate, ""
	case last == "s3":
		return s3Dash, "us-east-1"
	case strings.HasPrefix(last, "s3-"):
		region = strings.TrimPrefix(strings.TrimPrefix(last, "s3-"), "fips-")
		if ValidRegion(region) {
			return s3Dash, region
		}
		return "", ""
	case len(labels) < 2 || !ValidRegion(last):
		return "", ""
	}
	switch labels[len(labels)-2] {
	case "s3", "s3-fips":
		return s3Plain, last
	case "dualstack":
		return s3DualStack, last
	}
	return "", ""
}
