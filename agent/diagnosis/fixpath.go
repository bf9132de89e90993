package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/probes"
)

func fixNoRoute(v *view, rs []*probes.Result) []Fix {
	addr := "0.0.0.0"
	for _, r := range rs {
		for _, a := range r.Addresses {
			addr = a.String()
			break
		}
	}
	return []Fix{{"see which entry of this host's table decides, and remove or mend it", "ip route get " + addr + "; ip route show table all | grep -E 'blackhole|unreachable|prohibit|default'"},
		{"a missing default route comes back with the DHCP lease", "sudo networkctl renew " + firstInterface(v) + " || sudo dhclient " + firstInterface(v)}, v.thenRestart()}
}

func fixNoNetwork(v *view) []Fix {
	dev := firstInterface(v)
	return []Fix{{"bring the network interface up and take a DHCP lease", "ip -br address; ip route; sudo ip link set dev " + dev + " up; sudo networkctl renew " + dev + " || sudo dhclient " + dev},
		{"if this is not an EC2 instance and you want to try a network for one, run it where that network is, with the region", "agentctl probe --region <region>"}}
}

func fixEgressBlocked(v *view) []Fix {
	return []Fix{
		{"let 443 out of this instance's security group",
			aws("aws ec2 authorize-security-group-egress --region "+v.ids.region+" --group-id "+v.ids.sg, "--ip-permissions IpProtocol=tcp,FromPort=443,ToPort=443,IpRanges='[{CidrIp=0.0.0.0/0}]'")},
		{"if it is open: the subnet's network ACL must let 443/tcp out and 1024-65535/tcp in",
			aws("aws ec2 describe-network-acls --region "+v.ids.region, "--filters Name=association.subnet-id,Values="+v.ids.subnet)},
		{"if that is open too: a firewall on this host that drops without a word", "sudo nft list ruleset; sudo iptables -S OUTPUT"},
		v.thenRestart()}
}

func fixNoWayOut(v *view) []Fix {
	return []Fix{
		{"cheapest, if only Amazon's own repositories are used: interface endpoints for ssm and ssmmessages, and the free S3 gateway endpoint",
			v.createInterface("ssm") + "\n" + v.createInterface("ssmmessages") + "\n" + v.createGateway()},
		{"or a way to the internet: a NAT gateway in a public subnet, and a default route to it in this subnet's route table",
			aws("aws ec2 describe-route-tables --region "+v.ids.region, "--filters Name=association.subnet-id,Values="+v.ids.subnet)},
		{"if there is a NAT already: the security group or the network ACL does not let 443 out",
			aws("aws ec2 describe-security-groups --region "+v.ids.region+" --group-ids "+v.ids.sg, "--query 'SecurityGroups[].IpPermissionsEgress'")},
		v.thenRestart()}
}

func (v *view) createInterface(service string) string {
	return aws("aws ec2 create-vpc-endpoint --region "+v.ids.region+" --vpc-id "+v.ids.vpc, "--vpc-endpoint-type Interface --service-name "+v.ids.service(service),
		"--subnet-ids "+v.ids.subnet+" --security-group-ids <group that lets 443 in from "+v.ids.sg+">", "--private-dns-enabled")
}

func (v *view) createGateway() string {
	return aws("aws ec2 create-vpc-endpoint --region "+v.ids.region+" --vpc-id "+v.ids.vpc, "--vpc-endpoint-type Gateway --service-name "+v.ids.service("s3"),
		"--route-table-ids $(aws ec2 describe-route-tables --region "+v.ids.region, "  --filters Name=association.subnet-id,Values="+v.ids.subnet+" --query 'RouteTables[].RouteTableId' --output text)")
}

func fixFiltered(v *view, rs []*probes.Result) []Fix {
	out := []Fix{
		{"ask whoever runs the egress firewall (network team): \"please let " + v.ids.instance + " (" + v.ids.subnet + ") reach " + hostsOf(rs) + " on 443/tcp, without TLS inspection\"", ""},
		{"or look for a rule by destination in the security group and the network ACL",
			aws("aws ec2 describe-security-groups --region "+v.ids.region+" --group-ids "+v.ids.sg, "--query 'SecurityGroups[].IpPermissionsEgress'")},
		v.thenRestart()}
	for _, r := range rs {
		if rr := v.repos[r]; rr != nil && v.elsewhere(r) {
			return append(v.fixOtherRegion([]*probes.RepoResult{rr})[:1], out...)
		}
	}
	return out
}

func fixEndpointBlocked(v *view, rs []*probes.Result) []Fix {
	var out []Fix
	for _, s := range services(rs) {
		out = append(out, Fix{"find the security group of the " + s + " endpoint",
			aws("aws ec2 describe-vpc-endpoints --region "+v.ids.region, "--filters Name=vpc-id,Values="+v.ids.vpc+" Name=service-name,Values="+v.ids.service(s),
				"--query 'VpcEndpoints[].[VpcEndpointId,Groups[].GroupId]'")})
	}
	out = append(out,
		Fix{"allow 443 from this instance's security group in it",
			aws("aws ec2 authorize-security-group-ingress --region "+v.ids.region+" --group-id <that group>", "--protocol tcp --port 443 --source-group "+v.ids.sg)},
		Fix{"if it is open already: the network ACLs of the two subnets (443/tcp in at the endpoint's, 1024-65535/tcp back)", ""})
	return append(out, v.thenRestart())
}

func fixCentral(v *view, rs []*probes.Result) []Fix {
	return []Fix{
		{"ask whoever runs the central endpoints (network team): \"please let " + strings.Join(v.r.Metadata.VPCCIDRs, ", ") + " (" + v.ids.vpc + ") reach " + hostsOf(rs) + " at " + addressesOf(rs) + ":443\"", ""},
		{"three places decide: a route from this subnet to the peering or transit gateway, the route back, and the endpoint's security group, which must allow this VPC's CIDR",
			aws("aws ec2 describe-route-tables --region "+v.ids.region, "--filters Name=association.subnet-id,Values="+v.ids.subnet+" --query 'RouteTables[].Routes'")},
		v.thenRestart()}
}

func fixEndpointMissing(v *view, rs []*probes.Result) []Fix {
	var cmds []string
	for _, s := range services(rs) {
		cmds = append(cmds, v.createInterface(s))
	}
	return []Fix{
		{"create it, with private DNS on", strings.Join(cmds, "\n")},
		{"if it exists, its private DNS is off, or this VPC's DNS hostnames are",
			aws("aws ec2 describe-vpc-endpoints --region "+v.ids.region, "--filters Name=vpc-id,Values="+v.ids.vpc, "--query 'VpcEndpoints[].[VpcEndpointId,ServiceName,PrivateDnsEnabled,State]'")},
		v.thenRestart()}
}

func fixDualstack(v *view) []Fix {
	return []Fix{
		{"add the S3 gateway endpoint to this subnet's route table: it is free and serves both names", v.createGateway()},
		{"or make the S3 interface endpoint dual-stack",
			aws("aws ec2 modify-vpc-endpoint --region "+v.ids.region+" --vpc-endpoint-id <vpce-id>", "--ip-address-type dualstack --dns-options DnsRecordIpType=dualstack")}}
}

func fixS3Gateway(v *view) []Fix {
	return []Fix{
		{"create the S3 gateway endpoint, which is free, on this subnet's route table", v.createGateway()},
		{"if there is one: it must be on this subnet's route table, and the security group must let 443 out to S3's prefix list",
			aws("aws ec2 describe-vpc-endpoints --region "+v.ids.region, "--filters Name=vpc-id,Values="+v.ids.vpc+" Name=service-name,Values="+v.ids.service("s3"),
				"--query 'VpcEndpoints[].[VpcEndpointId,VpcEndpointType,RouteTableIds]'")}}
}

func fixAccelerate(v *view, rs []*probes.Result) []Fix {
	return []Fix{
		{"give this subnet a way to the internet for it: a NAT gateway in a public subnet and a default route to it, or a proxy that the SSM Agent uses; the S3 gateway endpoint stays useful beside it",
			aws("aws ec2 describe-route-tables --region "+v.ids.region, "--filters Name=association.subnet-id,Values="+v.ids.subnet)},
		{"behind an egress firewall, ask for " + hostsOf(rs) + " on 443/tcp", ""}}
}

// fixForeignBucket: Quick Setup makes the bucket in its home region, or in the region
// that the configuration was made in.
func fixForeignBucket(v *view, rs []*probes.Result) []Fix {
	return []Fix{
		{"give this subnet a way to S3 of " + paste(s3Region(hostOf(rs[0])), "<region>") + ": a NAT gateway and a default route to it, or a proxy that the SSM Agent uses; the S3 gateway endpoint stays useful beside it",
			aws("aws ec2 describe-route-tables --region "+v.ids.region, "--filters Name=association.subnet-id,Values="+v.ids.subnet)},
		{"or make the patch policy anew in " + v.ids.region + " (Systems Manager, Quick Setup, Patch Manager), so that its bucket lies here", ""}}
}

func fixNetUnreachable(v *view, rs []*probes.Result, senders []string) []Fix {
	who := "the router or firewall on the way"
	if len(senders) > 0 {
		who = list(senders)
	}
	return []Fix{{"ask whoever runs " + who + ": \"please route and allow " + v.ids.instance + " (" + v.ids.subnet + ") to " + hostsOf(rs) + " (" + addressesOf(rs) + ") on 443/tcp\"", ""}, v.thenRestart()}
}

func fixRefused(v *view, rs []*probes.Result) []Fix {
	return []Fix{
		{"check that the address is the endpoint's",
			aws("aws ec2 describe-network-interfaces --region "+v.ids.region, "--filters Name=addresses.private-ip-address,Values="+strings.ReplaceAll(strings.ReplaceAll(addressesOf(rs), " and ", ","), ", ", ","))},
		{"if it is: a firewall on the way rejects it; ask whoever runs it to let 443/tcp through to " + hostsOf(rs), ""}, v.thenRestart()}
}

func fixIPv6(v *view) []Fix {
	return []Fix{
		{"give the subnet a way out by IPv6 (an egress-only internet gateway, and ::/0 in its route table), and let 443 out to ::/0 in the security group and the network ACL",
			aws("aws ec2 describe-route-tables --region "+v.ids.region, "--filters Name=association.subnet-id,Values="+v.ids.subnet+" --query 'RouteTables[].Routes'")},
		{"or take the IPv6 default route off this host", "ip -6 route show default"}}
}

func fixMTU(v *view) []Fix {
	dev := firstInterface(v)
	return []Fix{
		{"for now, on this host: smaller packets", "sudo ip link set dev " + dev + " mtu 1400"},
		{"for good: the link on the way that is narrower (VPN, tunnel, transit, firewall) must send ICMP \"fragmentation needed\", and security groups and ACLs must let it in (ICMP type 3 code 4), or it must clamp the MSS", ""}, v.thenRestart()}
}

func fixPQ(v *view) []Fix {
	set := "GODEBUG=tlsmlkem=0"
	if strings.HasPrefix(v.r.Agent.GoVersion, "go1.23") {
		set = "GODEBUG=tlskyber=0"
	}
	return []Fix{
		{"for now: have the SSM Agent leave it out", v.dropIn("zz-godebug", set)},
		{"for good: ask whoever runs the firewall to let TLS ClientHellos of more than one packet through (AWS Network Firewall: stream reassembly rules)", ""}, v.thenRestart()}
}

func fixIntercepted(v *view, rs []*probes.Result) []Fix {
	return []Fix{
		{"ask whoever runs the inspecting proxy or firewall (security team): \"please exempt " + hostsOf(rs) + " from TLS inspection for " + v.ids.vpc + "\"", ""},
		{"or, if inspection must stay, add its certificate authority to this machine's store", installCA(v)}, v.thenRestart()}
}

func installCA(v *view) string {
	if v.ids.windows {
		return `Import-Certificate -FilePath ca.cer -CertStoreLocation Cert:\LocalMachine\Root`
	}
	switch id := v.r.Host.OS.ID; {
	case id == "debian" || id == "ubuntu":
		return "sudo cp ca.pem /usr/local/share/ca-certificates/ca.crt && sudo update-ca-certificates"
	case strings.HasPrefix(id, "sles") || strings.Contains(id, "suse"):
		return "sudo cp ca.pem /etc/pki/trust/anchors/ && sudo update-ca-certificates"
	}
	return "sudo cp ca.pem /etc/pki/ca-trust/source/anchors/ && sudo update-ca-trust"
}

func fixTrustStore(v *view) []Fix {
	cmd := "sudo dnf update ca-certificates && sudo update-ca-trust"
	switch id := v.r.Host.OS.ID; {
	case v.ids.windows:
		cmd = "certutil -generateSSTFromWU roots.sst"
	case id == "debian" || id == "ubuntu":
		cmd = "sudo apt-get install --only-upgrade ca-certificates && sudo update-ca-certificates"
	case strings.HasPrefix(id, "sles") || strings.Contains(id, "suse"):
		cmd = "sudo zypper update ca-certificates-mozilla && sudo update-ca-certificates"
	case id == "amzn" && v.r.Host.OS.Version == "2":
		cmd = "sudo yum update ca-certificates && sudo update-ca-trust"
	}
	return []Fix{{"update the certificate store; it needs Amazon Root CA 1 and Starfield Services Root CA - G2 (https://www.amazontrust.com/repository/)", cmd}, v.thenRestart()}
}

func fixMiddlebox(v *view, rs []*probes.Result, want string) []Fix {
	return []Fix{{"ask whoever runs the proxy or firewall on the way to " + hostsOf(rs) + ": " + want, ""}, v.thenRestart()}
}

func fixNameMismatch(v *view, rs []*probes.Result) []Fix {
	if !slices.ContainsFunc(rs, isAWS) {
		return []Fix{
			{"look where the address comes from: a hosts file, or a zone of your own", fmt.Sprintf("getent ahosts %[1]s; dig %[1]s", paste(hostOf(rs[0]), "<name>"))},
			{"if it is the right server, ask whoever runs it for a certificate for " + hostsOf(rs) + ", or name in the repository's file the host that its certificate is for", ""}}
	}
	return []Fix{
		{"look where the address comes from: a hosts file, a private hosted zone of your own, or an endpoint override",
			fmt.Sprintf("getent ahosts %[1]s; dig %[1]s @169.254.169.253", paste(hostOf(rs[0]), "<name>"))},
		{"if it is an interface endpoint, it must be that of this service: one endpoint serves one service", ""}, v.thenRestart()}
}

func fixCertificateTime(v *view, rs []*probes.Result) []Fix {
	if !slices.ContainsFunc(rs, isAWS) {
		return []Fix{{"ask whoever runs " + hostsOf(rs) + ", or the proxy or firewall that answers in its place, to renew the certificate", ""}}
	}
	return []Fix{{"AWS renews its certificates long before they expire, so this one is somebody else's: ask whoever runs the proxy, firewall or private endpoint that answers for " + hostsOf(rs) + " to renew it", ""}, v.thenRestart()}
}

func fixNotAWS(v *view, rs []*probes.Result) []Fix {
	return []Fix{{"ask whoever runs the proxy, firewall or portal on the way (security team): \"please let " + v.ids.instance + " reach " + hostsOf(rs) + " on 443 untouched\"", ""},
		{"see the page for yourself", "curl -ks https://" + paste(hostOf(rs[0]), "<name>") + "/ | head"}, v.thenRestart()}
}

func fixTLSBlocked(v *view, rs []*probes.Result) []Fix {
	return []Fix{{"ask whoever runs the firewall on the way (network or security team): \"please allow TLS to " + hostsOf(rs) + " from " + v.ids.vpc + "; the TCP connection opens, the ClientHello is dropped or reset\"", ""}, v.thenRestart()}
}

func fixS3Policy(v *view, rs []*probes.Result) []Fix {
	var arns []string
	part := orText(v.r.Region.Partition, "aws")
	for _, r := range rs {
		if b := bucketOf(r.Target.URL); b != "" {
			arns = append(arns, fmt.Sprintf("%q", "arn:"+part+":s3:::"+b+"/*"))
		}
	}
	for _, b := range []string{"aws-ssm-" + v.ids.region, "patch-baseline-snapshot-" + v.ids.region + "*", "aws-patch-manager-" + v.ids.region + "-*", "amazon-ssm-" + v.ids.region} {
		arns = append(arns, fmt.Sprintf("%q", "arn:"+part+":s3:::"+b+"/*"))
	}
	return []Fix{
		{"find the S3 endpoint's policy", aws("aws ec2 describe-vpc-endpoints --region "+v.ids.region, "--filters Name=vpc-id,Values="+v.ids.vpc+" Name=service-name,Values="+v.ids.service("s3"),
			"--query 'VpcEndpoints[].[VpcEndpointId,PolicyDocument]'")},
		{"let everybody read AWS's buckets (the downloads are anonymous, so the Principal must be \"*\", without conditions on the organization): add this statement",
			"{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"s3:GetObject\",\n \"Resource\": [" + strings.Join(dedup(arns), ",\n              ") + "]}"}}
}

// bucketOf takes the bucket from a virtual-host or path-style S3 URL.
func bucketOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	if i := strings.Index(host, ".s3"); i > 0 {
		return host[:i]
	}
	if strings.HasPrefix(host, "s3") {
		b, _, _ := strings.Cut(path, "/")
		return b
	}
	return ""
}

func fixService(v *view, rs []*probes.Result) []Fix {
	others := where(rs, thirdParty)
	var out []Fix
	if len(others) < len(rs) {
		out = append(out, Fix{"wait, and look at the AWS Health Dashboard for " + v.ids.region, "agentctl probe"})
	}
	if len(others) > 0 {
		out = append(out, Fix{"wait, or tell whoever runs " + hostsOf(others) + "; another mirror of it helps until then", "agentctl probe repos"})
	}
	return out
}
