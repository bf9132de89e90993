package aws

import (
	"context"
	"errors"
	"net/url"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// oracle answers as the SDK does, without any network.
type oracle func(region string, v Variant) (url.URL, error)

func oracles() map[string]oracle {
	ctx := context.Background()
	return map[string]oracle{
		"ssm": func(r string, v Variant) (url.URL, error) {
			e, err := ssm.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, ssm.EndpointParameters{
				Region: &r, UseFIPS: &v.FIPS, UseDualStack: &v.DualStack}.WithDefaults())
			return e.URI, err
		},
		"kms": func(r string, v Variant) (url.URL, error) {
			e, err := kms.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, kms.EndpointParameters{
				Region: &r, UseFIPS: &v.FIPS, UseDualStack: &v.DualStack}.WithDefaults())
			return e.URI, err
		},
		"sts": func(r string, v Variant) (url.URL, error) {
			e, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sts.EndpointParameters{
				Region: &r, UseFIPS: &v.FIPS, UseDualStack: &v.DualStack}.WithDefaults())
			return e.URI, err
		},
		"s3": func(r string, v Variant) (url.URL, error) {
			e, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, s3.EndpointParameters{
				Region: &r, UseFIPS: &v.FIPS, UseDualStack: &v.DualStack}.WithDefaults())
			return e.URI, err
		},
	}
}

// Our names must be those of the SDK, for every region and variant.
func TestHostnamesAreTheSDKs(t *testing.T) {
	compared := 0
	for service, ask := range oracles() {
		for _, p := range Partitions() {
			for _, region := range p.Regions {
				for _, v := range []Variant{{}, {FIPS: true}, {DualStack: true}, {FIPS: true, DualStack: true}} {
					want, err := ask(region, v)
					got, ourErr := Hostname(service, region, v)
					if err != nil {
						t.Logf("%s %s %+v: the SDK gives none (%v), we say %q %v", service, region, v, err, got, ourErr)
						continue
					}
					compared++
					if ourErr != nil || got != want.Host {
						t.Errorf("%s in %s, %+v: %q (%v), the SDK says %q", service, region, v, got, ourErr, want.Host)
					}
				}
			}
		}
	}
	if compared < 700 {
		t.Errorf("only %d names compared: the SDK's resolvers have changed", compared)
	}
}

// S3 has two more forms that the SDK knows: the global name and Acceleration.
func TestS3FormsAreTheSDKs(t *testing.T) {
	ctx, resolver := context.Background(), s3.NewDefaultEndpointResolverV2()
	region := "us-east-1"
	e, err := resolver.ResolveEndpoint(ctx, s3.EndpointParameters{Region: &region, UseGlobalEndpoint: sdk.Bool(true)}.WithDefaults())
	if got, _ := S3Dash(region); err != nil || got != e.URI.Host {
		t.Errorf("S3Dash(us-east-1) = %q, the SDK says %q (%v)", got, e.URI.Host, err)
	}
	bucket := "aws-patch-manager-eu-south-2-a4cf248b1"
	for _, dual := range []bool{false, true} {
		region := "eu-south-2"
		e, err := resolver.ResolveEndpoint(ctx, s3.EndpointParameters{Region: &region, Bucket: &bucket,
			Accelerate: sdk.Bool(true), UseDualStack: &dual}.WithDefaults())
		if got := S3Accelerate(bucket, dual); err != nil || got != e.URI.Host {
			t.Errorf("S3Accelerate(dual stack %v) = %q, the SDK says %q (%v)", dual, got, e.URI.Host, err)
		}
	}
	if _, err := Hostname("s3", "cn-north-1", Variant{FIPS: true}); !errors.Is(err, ErrNoFIPS) {
		t.Errorf("S3 with FIPS in China: %v", err)
	}
}
