//go:build linux

package lab

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Addresses of the lab's VPC. The public ones lie in ranges that AWS really uses for the purpose, so that a report reads true.
const (
	vpcCIDR        = "10.0.0.0/16"
	subnetCIDR     = "10.0.1.0/24"
	instanceIP     = "10.0.1.10"
	gatewayIP      = "10.0.1.1"
	vpcResolverIP  = "10.0.0.2"
	linkLocalDNS   = "169.254.169.253"
	imdsIP         = "169.254.169.254"
	timeSyncIP     = "169.254.169.123"
	natPrivateIP   = "10.0.0.30"
	natPublicIP    = "198.51.100.1"
	peerCIDR       = "10.9.0.0/16"
	s3PrefixList   = "52.219.0.0/16" // what an S3 gateway endpoint carries: S3 of this region only
	containerIP    = "172.17.0.2"
	containerGW    = "172.17.0.1"
	instanceIP6    = "2600:1f18:1234:5600::10"
	gatewayIP6     = "2600:1f18:1234:5600::1"
	vpcCIDR6       = "2600:1f18:1234:5600::/56"
	vpcResolverIP6 = "fd00:ec2::253"
	s3Address6     = "2600:1fa0:4010::10"
	public6        = "2600:1f14:7777::10"
	internetIP     = "18.205.30.40"
	accelerateIP   = "18.64.10.10"
	otherRegionIP  = "52.94.77.10"
	otherRegionS3  = "3.5.200.10"
	blockPageIP    = "203.0.113.80" // a filter's page, where a resolver may send people
)

// publicAddresses are the services' addresses on the internet, in this region.
var publicAddresses = map[string][]string{
	"ssm":           {"52.46.133.10"},
	"ssmmessages":   {"52.46.140.20"},
	"ec2messages":   {"52.46.141.30"},
	"kms":           {"52.46.142.40"},
	"logs":          {"52.46.143.50"},
	"sts":           {"52.46.144.60"},
	"monitoring":    {"52.46.145.70"},
	"ec2":           {"52.46.146.80"},
	"s3":            {"52.219.10.10", "52.219.10.11"},
	"s3-dualstack":  {"52.219.20.10", "52.219.20.11"},
	"s3-accelerate": {accelerateIP},
	"internet":      {internetIP},
}

// endpointNumbers are the last octets of interface endpoints: 10.0.1.N here, 10.9.0.N in a central VPC.
var endpointNumbers = map[string]string{
	"ssm": "51", "ec2messages": "52", "ssmmessages": "53", "s3": "54", "kms": "55", "logs": "56", "sts": "57",
}

// internetNames resolve for everybody, in every region.
var internetNames = []string{"checkip.amazonaws.com", "aws.amazon.com", "example.com"}

// world is what the names mean: region, suffix, which service has an interface endpoint and where.
type world struct {
	region, suffix, partition string
	endpoints                 map[string][]string // service to private addresses
	ipv6                      bool                // endpoints and services are dual-stack
	aaaa                      bool                // every name has an AAAA answer too, usable or not
	vpceOnly                  bool                // private DNS is off: only the vpce-... names lead to the endpoints
	offset                    time.Duration       // the world's clock against the instance's
	cidrs                     []string            // of the VPC, as the metadata names them
	policyBucketRegion        string              // where the patch policy's bucket lies
	started                   time.Time           // by the world's clock: what servers hold was made some time before
}

func newWorld(t Topology) *world {
	w := &world{region: t.Region, suffix: "amazonaws.com", partition: "aws", endpoints: map[string][]string{},
		ipv6: t.IPv6, aaaa: t.AAAA || t.IPv6, vpceOnly: t.NoPrivateDNS, offset: t.WorldClock.Duration, cidrs: t.VPCCIDRs}
	if len(w.cidrs) == 0 {
		w.cidrs = []string{vpcCIDR}
	}
	w.started = w.now()
	if w.policyBucketRegion = t.PolicyBucket; w.policyBucketRegion == "" {
		w.policyBucketRegion = w.region
	}
	switch {
	case strings.HasPrefix(t.Region, "cn-"):
		w.suffix, w.partition = "amazonaws.com.cn", "aws-cn"
	case strings.HasPrefix(t.Region, "us-gov-"):
		w.partition = "aws-us-gov"
	}
	for service, addresses := range t.Endpoints {
		if len(addresses) == 0 {
			prefix := "10.0.1."
			if t.Central {
				prefix = "10.9.0."
			}
			addresses = []string{prefix + endpointNumbers[service]}
		}
		w.endpoints[service] = addresses
	}
	return w
}

// now is the time that servers in this world tell.
func (w *world) now() time.Time { return time.Now().Add(w.offset) }

// otherRegion is a region whose S3 no gateway endpoint here can carry.
func (w *world) otherRegion() string {
	if w.region == "us-east-1" {
		return "us-west-2"
	}
	return "us-east-1"
}

// host is what a DNS name of AWS stands for.
type host struct {
	service   string // ssm, s3, s3-accelerate, internet, ...
	region    string // empty for a global name
	bucket    string
	dualStack bool
	vpce      bool
	packages  bool // a package server that is not AWS's
}

// parseHost tells what a name stands for. ok is false for a name that does not exist.
func (w *world) parseHost(name string) (h host, ok bool) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if slices.Contains(internetNames, name) {
		return host{service: "internet"}, true
	}
	if server, ok := w.packageServer(name); ok {
		return host{service: server.service, packages: true}, true
	}
	labels, found := strings.CutSuffix(name, "."+w.suffix)
	if !found {
		if labels, found = strings.CutSuffix(name, ".api.aws"); found {
			h.dualStack = true
		} else if labels, found = strings.CutSuffix(name, ".amazonaws.com"); !found {
			return h, false
		}
	}
	if rest, isVPCE := strings.CutSuffix(labels, ".vpce"); isVPCE {
		h.vpce, labels = true, rest
		if _, labels, found = strings.Cut(labels, "."); !found { // without vpce-0abc-xyz
			return h, false
		}
	}
	parts := strings.Split(labels, ".")
	if last := parts[len(parts)-1]; last == "s3" || strings.HasPrefix(last, "s3-") && strings.Count(last, "-") >= 2 {
		h.service, h.region = "s3", strings.TrimPrefix(strings.TrimPrefix(last, "s3-"), "fips-")
		if last == "s3" {
			h.region = "us-east-1"
		}
		h.bucket = strings.Join(parts[:len(parts)-1], ".")
		return h, true
	}
	if n := len(parts) - 1; n > 0 && parts[n] == "dualstack" && parts[n-1] == "s3-accelerate" {
		parts = parts[:n]
	}
	if parts[len(parts)-1] == "s3-accelerate" {
		return host{service: "s3-accelerate", bucket: strings.Join(parts[:len(parts)-1], ".")}, true
	}
	if len(parts) < 2 || strings.Count(parts[len(parts)-1], "-") < 2 {
		return h, false
	}
	h.region, parts = parts[len(parts)-1], parts[:len(parts)-1]
	if n := len(parts) - 1; parts[n] == "dualstack" && n > 0 {
		h.dualStack, parts = true, parts[:n]
	}
	h.service = strings.TrimSuffix(parts[len(parts)-1], "-fips")
	h.bucket = strings.Join(parts[:len(parts)-1], ".")
	_, known := publicAddresses[h.service]
	return h, known && (h.service == "s3" || h.bucket == "")
}

// private tells whether the VPC's own resolver leads this name to an interface endpoint.
func (w *world) private(h host) []string {
	addresses := w.endpoints[h.service]
	if len(addresses) == 0 || h.region != w.region || w.vpceOnly && !h.vpce {
		return nil
	}
	if h.service == "s3" && h.dualStack { // an IPv4 interface endpoint serves no dualstack name (S3 user guide, PrivateLink)
		return nil
	}
	return addresses
}

// addresses are the A (or AAAA) answers to a name, as the VPC resolver (private) or the public DNS gives them.
func (w *world) addresses(name string, privateView, v6 bool) (answers []string, exists bool) {
	h, ok := w.parseHost(name)
	if !ok {
		return nil, false
	}
	if h.packages {
		return w.packageAddresses(name, privateView, v6)
	}
	private := w.private(h)
	if h.vpce && private == nil {
		return nil, false
	}
	switch {
	case (privateView || h.vpce) && private != nil && !v6:
		return private, true
	case v6 && (privateView || h.vpce) && private != nil:
		switch {
		case w.ipv6:
			return []string{endpointAddress6(private[0])}, true
		case w.aaaa:
			return []string{public6}, true
		}
		return nil, true
	case v6 && h.service == "s3" && h.dualStack && h.region == w.region:
		return []string{s3Address6}, true // real dualstack names always have them
	case v6 && w.aaaa && h.region == w.region && h.service != "s3": // s3.REGION itself never has AAAA
		return []string{public6}, true
	case v6:
		return nil, true
	case h.region != "" && h.region != w.region && h.service == "s3":
		return []string{otherRegionS3}, true
	case h.region != "" && h.region != w.region:
		return []string{otherRegionIP}, true
	case h.service == "s3" && h.dualStack:
		return publicAddresses["s3-dualstack"], true
	}
	return publicAddresses[h.service], true
}

// endpointAddress6 is the IPv6 address of an endpoint: 10.0.1.51 becomes ...::51.
func endpointAddress6(v4 string) string {
	return "2600:1f18:1234:5601::" + v4[strings.LastIndexByte(v4, '.')+1:]
}

// hostName is the name that a short target name of the scenarios stands for.
func (w *world) hostName(target string) string {
	switch target {
	case "s3-dualstack":
		return "s3.dualstack." + w.region + "." + w.suffix
	case "s3-dash":
		return "s3-" + w.region + "." + w.suffix
	case "s3-other-region":
		return "s3." + w.otherRegion() + ".amazonaws.com"
	case "repo":
		return "al2023-repos-" + w.region + "-de612dc2.s3.dualstack." + w.region + "." + w.suffix
	case "internet":
		return internetNames[0]
	}
	if strings.Contains(target, ".") {
		return target
	}
	if server, ok := packageService(target); ok {
		return w.fill(server.names[0])
	}
	return target + "." + w.region + "." + w.suffix
}

// targetAddresses are the addresses that packets to a target carry: what the VPC resolver says, or a literal address or prefix.
func (w *world) targetAddresses(target string) []string {
	if _, err := netip.ParseAddr(target); err == nil {
		return []string{target}
	}
	if _, err := netip.ParsePrefix(target); err == nil {
		return []string{target}
	}
	if server, ok := packageService(target); ok { // some are in no DNS
		return server.addresses
	}
	answers, _ := w.addresses(w.hostName(target), true, false)
	return answers
}
