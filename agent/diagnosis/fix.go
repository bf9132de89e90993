package diagnosis

import (
	"fmt"
	"regexp"
	"strings"

	"agentctl/probes"
)

// ids are this machine's own names, to be filled into commands. What is not
// known stays as <...>, with the command that finds it where there is one.
type ids struct {
	region, vpc, subnet, sg, instance string
	windows                           bool
}

func newIDs(r *probes.Round) ids {
	m := r.Metadata
	i := ids{
		region:   paste(r.Region.Name, "<region>"),
		vpc:      paste(m.VPCID, "<vpc-id>"),
		subnet:   paste(m.SubnetID, "<subnet-id>"),
		sg:       "<security-group-id>",
		instance: paste(m.InstanceID, "<instance-id>"),
		windows:  r.Host.OS.Family == "windows",
	}
	if len(m.SecurityGroupIDs) > 0 {
		i.sg = paste(m.SecurityGroupIDs[0], i.sg)
	}
	return i
}

// plain is what may stand in a command that people paste into a root shell.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+=,-]*$`)

// paste is a value from outside (metadata, files, names) for use in a command;
// one that a shell could read as more than a word gives the placeholder.
func paste(s, placeholder string) string {
	if plain.MatchString(s) {
		return s
	}
	return placeholder
}

// service is the VPC endpoint service's name.
func (i ids) service(name string) string {
	prefix := "com.amazonaws."
	if strings.HasPrefix(i.region, "cn-") {
		prefix = "cn.com.amazonaws."
	}
	return prefix + i.region + "." + name
}

// endpointService is the endpoint service behind a target: S3's targets share
// one, the SSM ones have one each.
func endpointService(r *probes.Result) string {
	if isS3(r) {
		return "s3"
	}
	return r.Target.Name
}

func services(rs []*probes.Result) []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range rs {
		if s := endpointService(r); !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func aws(lines ...string) string { return strings.Join(lines, " \\\n  ") }

func fixClock(v *view) []Fix {
	if v.ids.windows {
		return []Fix{{"let the Windows Time service follow Amazon Time Sync", "w32tm /config /manualpeerlist:169.254.169.123 /syncfromflags:manual /update\nRestart-Service w32time\nw32tm /resync /force"}}
	}
	return []Fix{
		{"let chrony follow Amazon Time Sync, which every VPC has at 169.254.169.123, and step the clock once",
			"echo 'server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4' | sudo tee -a /etc/chrony.conf\nsudo systemctl restart chronyd && sudo chronyc makestep"},
		v.thenRestart(),
	}
}

func fixHopLimit(v *view) []Fix {
	return []Fix{{"raise the hop limit of the token's answer to 2",
		aws("aws ec2 modify-instance-metadata-options --region "+v.ids.region+" --instance-id "+v.ids.instance, "--http-put-response-hop-limit 2")},
		{"or run the program in the host's network namespace", ""}}
}

func fixIMDSDisabled(v *view) []Fix {
	return []Fix{{"switch the metadata service on for this instance",
		aws("aws ec2 modify-instance-metadata-options --region "+v.ids.region+" --instance-id "+v.ids.instance, "--http-endpoint enabled --http-tokens required")},
		{"if it is enabled, something on this host answers in its place: look at its firewall and at programs that guard the metadata", "ip route get 169.254.169.254; sudo nft list ruleset | grep -n 169.254"}, v.thenRestart()}
}

func fixIMDSUnreachable(v *view) []Fix {
	if !hasAddress(v) {
		return []Fix{{"if this is an EC2 instance, bring its network interface up; if it is not, name the region to test the network all the same", "agentctl probe --region <region>"}}
	}
	return []Fix{
		{"look at this host's route to it and at its firewall rules", "ip route get 169.254.169.254; sudo nft list ruleset | grep -n 169.254; sudo iptables -S OUTPUT"},
		{"no security group and no network ACL can block it; if this machine is not an EC2 instance, name the region", "agentctl probe --region <region>"},
		v.thenRestart()}
}

func fixNoProxy(v *view) []Fix {
	if v.ids.windows {
		return []Fix{{"add 169.254.169.254 to no_proxy in the Environment value of the AmazonSSMAgent service, then restart it", "Restart-Service AmazonSSMAgent"}}
	}
	np := strings.Trim(paste(v.r.Agent.Proxy.NoProxy, "<what it holds now>")+",169.254.169.254", ",")
	return []Fix{{"add 169.254.169.254 to no_proxy of the SSM Agent's unit", v.dropIn("zz-no-proxy", "no_proxy="+np)}, v.thenRestart()}
}

func fixRegion(_ *view) []Fix {
	return []Fix{{"name the region", "agentctl probe --region us-east-1"},
		{"or once and for all in /etc/agentctl/agentctl.yml", "region: us-east-1"}}
}

func fixRole(v *view) []Fix {
	return []Fix{
		{"attach an instance profile whose role has the policy AmazonSSMManagedInstanceCore",
			aws("aws ec2 associate-iam-instance-profile --region "+v.ids.region, "--instance-id "+v.ids.instance+" --iam-instance-profile Name=<profile-name>")},
		{"or switch on Default Host Management for the account and region (Systems Manager console, Fleet Manager, Account management); it takes up to 30 minutes", ""},
		v.thenRestart()}
}

func fixRoleTrust(v *view) []Fix {
	role := paste(v.r.Metadata.RoleName, "<role>")
	return []Fix{
		{"let ec2.amazonaws.com assume the role: its trust policy must name that service, and the role must still exist",
			"aws iam get-role --role-name " + role + " --query Role.AssumeRolePolicyDocument"},
		{"a role that was deleted and made again must be attached anew",
			aws("aws ec2 describe-iam-instance-profile-associations --region "+v.ids.region, "--filters Name=instance-id,Values="+v.ids.instance)}, v.thenRestart()}
}

func fixExpired(v *view) []Fix {
	return []Fix{{"the metadata service renews them by itself; if it does not within minutes, detach the instance profile and attach it again",
		aws("aws ec2 replace-iam-instance-profile-association --region "+v.ids.region, "--association-id <id> --iam-instance-profile Name=<profile-name>")}, v.thenRestart()}
}

func fixHostFirewall(_ *view) []Fix {
	return []Fix{{"find the rule on this host and let 443/tcp, 53 and 169.254.169.254 out",
		"sudo nft list ruleset | grep -nE 'reject|drop'; sudo iptables -S OUTPUT; sudo firewall-cmd --list-all"}}
}

func fixNoResolver(v *view) []Fix {
	return []Fix{{"name the VPC's resolver; on most systems DHCP does this: repair the DHCP client, or for now",
		"echo 'nameserver 169.254.169.253' | sudo tee -a /etc/resolv.conf"}, v.thenRestart()}
}

func fixResolverDead(v *view, rs []probes.ResolverResult) []Fix {
	vpc := false
	for _, r := range rs {
		vpc = vpc || r.VPC
	}
	var out []Fix
	if vpc {
		out = append(out, Fix{"this is the VPC's own resolver, which no security group blocks: DNS support must be on in the VPC",
			aws("aws ec2 modify-vpc-attribute --region "+v.ids.region+" --vpc-id "+v.ids.vpc, "--enable-dns-support '{\"Value\":true}'")})
	} else {
		out = append(out, Fix{fmt.Sprintf("let 53/udp and 53/tcp out to %s (security group, network ACL, routes, the server itself)", v.resolverList(rs)), ""})
		out = append(out, Fix{"or take it off the list: change the DHCP options of the VPC to servers that answer", aws("aws ec2 describe-vpcs --region "+v.ids.region+" --vpc-ids "+v.ids.vpc, "--query 'Vpcs[].DhcpOptionsId'")})
	}
	return append(out, v.thenRestart())
}

func (v *view) resolverList(rs []probes.ResolverResult) string {
	var as []string
	for _, r := range rs {
		as = append(as, v.resolverName(r.Addr))
	}
	return list(as)
}

func fixResolverFailing(v *view, rs []probes.ResolverResult) []Fix {
	return []Fix{
		{fmt.Sprintf("ask whoever runs the resolver %s why it answers with errors: usually it cannot reach the servers it forwards to, or does not serve this network", v.resolverList(rs)), ""},
		{"or let the VPC's own resolver answer: DHCP options with AmazonProvidedDNS",
			aws("aws ec2 create-dhcp-options --region "+v.ids.region, "--dhcp-configurations Key=domain-name-servers,Values=AmazonProvidedDNS")},
		v.thenRestart()}
}

func fixResolverSlow(v *view, rr probes.ResolverResult) []Fix {
	if rr.VPC {
		return []Fix{{"the VPC resolver is throttled at 1024 packets a second and network interface: look for a program that floods it, or cache on the host", "sudo ethtool -S " + firstInterface(v) + " | grep linklocal_allowance"}}
	}
	return []Fix{{fmt.Sprintf("ask whoever runs %s; or forward only your own zones to it and let the VPC's resolver answer the rest (Route 53 Resolver rules)", v.resolverName(rr.Addr)), ""}}
}

func firstInterface(v *view) string {
	for _, i := range v.r.Host.Interfaces {
		if i.Up && !i.Loopback {
			return paste(i.Name, "eth0")
		}
	}
	return "eth0"
}

func fixEDNS(v *view, rs []probes.ResolverResult) []Fix {
	return []Fix{
		{fmt.Sprintf("ask whoever runs %s, or the firewall before it, to let DNS queries with EDNS0 (OPT record, 1232 bytes) through", v.resolverList(rs)), ""},
		{"see it for yourself", fmt.Sprintf("dig +bufsize=1232 %s @%s; dig +noedns %s @%s", "ssm."+v.ids.region+".amazonaws.com", rs[0].Addr.Addr(), "ssm."+v.ids.region+".amazonaws.com", rs[0].Addr.Addr())},
		v.thenRestart()}
}

func fixDNSTCP(v *view) []Fix {
	return []Fix{{"let 53/tcp out to the resolver, beside 53/udp: security group, network ACL, firewall", ""}, v.thenRestart()}
}

func fixHosts(v *view, rs []*probes.Result) []Fix {
	var cmds []string
	for _, r := range rs {
		cmds = append(cmds, fmt.Sprintf("sudo sed -i '%ds/^/# /' /etc/hosts   # %s", r.Name.PinnedLine, paste(hostOf(r), "")))
	}
	if v.ids.windows {
		return []Fix{{`remove the lines from C:\Windows\System32\drivers\etc\hosts`, ""}, v.thenRestart()}
	}
	return []Fix{{"take the lines out of the hosts file, DNS knows the right addresses", strings.Join(dedup(cmds), "\n")}, v.thenRestart()}
}

func dedup(s []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, x := range s {
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}

func fixCustomResolver(v *view, rs []*probes.Result) []Fix {
	zones := []string{}
	for _, r := range rs {
		_, zone, _ := strings.Cut(hostOf(r), v.ids.region+".")
		if zone != "" {
			zones = append(zones, v.ids.region+"."+zone)
		}
	}
	zone := "amazonaws.com"
	if z := dedup(zones); len(z) == 1 {
		zone = z[0]
	}
	return []Fix{
		{fmt.Sprintf("have %s forward %s to the VPC's resolver: a conditional forwarder to the VPC's base address + 2, or to a Route 53 Resolver inbound endpoint", byName(v, rs[0]), zone), ""},
		{"or use the VPC's own resolver here (DHCP options with AmazonProvidedDNS), and forward only your own zones with Route 53 Resolver rules",
			aws("aws ec2 create-dhcp-options --region "+v.ids.region, "--dhcp-configurations Key=domain-name-servers,Values=AmazonProvidedDNS")},
		v.thenRestart()}
}

func fixNameNotFound(v *view, rs []*probes.Result) []Fix {
	h := paste(hostOf(rs[0]), "<name>")
	out := []Fix{{"see which zone answers: a private hosted zone of your own for a parent of this name hides the public one",
		fmt.Sprintf("dig %s @169.254.169.253\naws route53 list-hosted-zones-by-vpc --vpc-id %s --vpc-region %s", h, v.ids.vpc, v.ids.region)}}
	if c := v.r.Agent.Config; c.SSMEndpoint+c.MGSEndpoint+c.MDSEndpoint != "" {
		out = append(out, Fix{"the SSM Agent's configuration overrides endpoints: check the names there", "sudo cat " + paste(c.Path, "/etc/amazon/ssm/amazon-ssm-agent.json")})
	}
	return append(out, v.thenRestart())
}
