package diagnosis

import "slices"

// Entry explains one code: what `agentctl explain` and docs/findings.md say.
type Entry struct {
	Code       Code
	Block      string
	Severity   string // in words, where it depends
	Title      string
	Meaning    string
	Recognised string
	Fix        string
	Source     string
	// Suppresses are the codes that are consequences of this one on the same
	// targets, nearest first. What those suppress in turn is left out.
	Suppresses []Code
}

// The blocks of the catalogue, in the order in which causes are judged.
const (
	BlockIdentity = "Identity"
	BlockDNS      = "DNS"
	BlockPath     = "Network path"
	BlockTLS      = "TLS and HTTP"
	BlockAgent    = "SSM Agent"
	BlockRepos    = "Package repositories"
	BlockHost     = "Host and patch runs"
)

// Catalogue lists every code that this version can raise, block by block.
func Catalogue() []Entry {
	return slices.Concat(identityEntries(), dnsEntries(), pathEntries(), tlsEntries(), agentEntries(), repoEntries(), hostEntries())
}

// Lookup finds a code's entry.
func Lookup(c Code) (Entry, bool) {
	for _, e := range Catalogue() {
		if e.Code == c {
			return e, true
		}
	}
	return Entry{}, false
}

const (
	srcIMDS    = "AWS: Use IMDS, Configure the Instance Metadata Service options"
	srcAgent   = "AWS: Troubleshooting SSM Agent; aws/amazon-ssm-agent source"
	srcVPCE    = "AWS: Improve the security of EC2 instances by using VPC endpoints for Systems Manager"
	srcS3      = "AWS: Gateway endpoints for Amazon S3; AWS PrivateLink for Amazon S3"
	srcDNS     = "AWS: DNS attributes for your VPC; Amazon DNS quotas"
	srcBuckets = "AWS: SSM Agent communications with AWS managed S3 buckets"
	srcATS     = "Amazon Trust Services repository; AWS: Troubleshooting managed node availability"
	srcGo      = "Go: net and crypto/tls documentation"
)

func identityEntries() []Entry {
	return []Entry{
		{"imds-unreachable", BlockIdentity, "critical", "The instance metadata service cannot be reached",
			"The SSM Agent learns from 169.254.169.254 who it is and gets its credentials there. Without it the agent exits at start.",
			"Two connects to 169.254.169.254:80 get no answer, are refused, or have no route.",
			"Look at the host's routes and its own firewall. Security groups and network ACLs cannot block it.", srcIMDS, []Code{"region-unknown", "ssm-agent-stopped", "repo-access-denied"}},
		{"imds-hop-limit", BlockIdentity, "critical where the SSM Agent shares the network namespace, else warning", "The metadata token gets lost on the way",
			"The answer to the IMDSv2 token request carries a low hop limit, so that it does not get past one more router, such as a container's bridge.",
			"The TCP connection opens and a plain GET is answered (200 or 401), but PUT /latest/api/token gets no answer in two tries.",
			"Set the instance's http-put-response-hop-limit to 2, or run in the host's network namespace.", srcIMDS, []Code{"region-unknown", "ssm-agent-stopped", "repo-access-denied"}},
		{"imds-disabled", BlockIdentity, "critical", "The metadata service is disabled",
			"The metadata service, or this access to it, is switched off, so the SSM Agent has neither identity nor credentials.",
			"The token or the data request answers 403.", "Enable the HTTP endpoint in the instance's metadata options.", srcIMDS, []Code{"region-unknown", "ssm-agent-stopped", "repo-access-denied"}},
		{"imds-proxied", BlockIdentity, "critical; silent while the agent's credentials are fresh", "The SSM Agent asks a proxy for the metadata",
			"The SSM Agent's HTTP client honours http_proxy for link-local addresses too. The proxy cannot reach the instance's metadata.",
			"http_proxy is set for the SSM Agent's service, and its no_proxy does not cover 169.254.169.254.", "Add 169.254.169.254 to the service's no_proxy and restart it.",
			"AWS: Configure SSM Agent to use a proxy on Linux nodes", []Code{"iam-no-instance-profile", "ssm-agent-stopped"}},
		{"region-unknown", BlockIdentity, "critical", "The region is not known",
			"Every endpoint has the region in its name. Without it there is nothing to test.",
			"Neither the --region flag, the metadata, the configuration, the SSM Agent's files nor the resolver's search domain names a region.",
			"Give --region, or set region in the configuration file.", "agentctl", nil},
		{"clock-skew", BlockIdentity, "critical above 5 minutes, warning above 30 seconds", "The local clock is wrong",
			"AWS refuses requests whose signature is more than 5 minutes off, and certificates look expired or not yet valid.",
			"The local clock differs from the Date of several AWS answers that agree, or from Amazon Time Sync.", "Let chrony or Windows Time follow 169.254.169.123.",
			"AWS: Set the time for your instance; Signature Version 4", []Code{"iam-credentials-expired", "tls-certificate-expired", "repo-client-certificate", "repo-metadata-invalid"}},
		{"iam-no-instance-profile", BlockIdentity, "critical", "The instance has no role",
			"Without an instance profile, and without Default Host Management, the SSM Agent has no credentials.",
			"The metadata has no role, and there are no fresh Default Host Management credentials on disk. Files that may not be read mean no finding.",
			"Attach a profile with AmazonSSMManagedInstanceCore, or switch on Default Host Management.", "AWS: Configure instance permissions required for Systems Manager", nil},
		{"iam-role-unusable", BlockIdentity, "critical", "The role cannot be assumed",
			"The profile names a role that EC2 may not assume, or that was deleted.", "The metadata returns credentials with a Code other than Success.",
			"Mend the role's trust policy, or attach the profile anew.", "AWS: Troubleshoot IAM and Amazon EC2", nil},
		{"iam-credentials-expired", BlockIdentity, "critical", "The metadata hands out expired credentials",
			"The credentials are past their expiration, so every signed call fails.", "Expiration lies in the past by the true time.",
			"They renew themselves; attach the profile anew if they do not.", srcIMDS, nil},
		{"iam-access-denied", BlockIdentity, "critical; warning while the SSM Agent works by ec2messages instead", "AWS denies the SSM Agent's calls",
			"The role, or a policy above it (service control policy, permissions boundary, session policy), does not allow what the SSM Agent must call.",
			"AccessDenied in the SSM Agent's own log that names no VPC endpoint policy. The layer that denied is in the evidence; where AWS names none the finding is likely.",
			"Attach AmazonSSMManagedInstanceCore, or have the denying policy changed.", "IAM User Guide: Troubleshoot access denied error messages", []Code{"ssm-agent-backoff", "ssm-agent-credentials-stale", "ssm-agent-no-credentials", "ssm-agent-log-error"}},
		{"vpce-policy-denied", BlockIdentity, "critical; warning while the SSM Agent works by ec2messages instead", "The VPC endpoint's policy denies the SSM Agent's calls",
			"An interface endpoint has a policy of its own, which leaves out what the SSM Agent must call.",
			"AccessDenied in the SSM Agent's own log that names the VPC endpoint policy.",
			"Allow the calls in the endpoint's policy, or set it back to the default.", "AWS: Control access to VPC endpoints using endpoint policies", []Code{"ssm-agent-backoff", "ssm-agent-credentials-stale", "ssm-agent-no-credentials", "ssm-agent-log-error"}},
	}
}

func dnsEntries() []Entry {
	return []Entry{
		{"dns-no-resolver", BlockDNS, "critical", "No nameserver is configured", "Nothing on this host can look up a name.",
			"resolv.conf (Windows: the adapters) names no nameserver, and nothing answers on loopback.", "Repair DHCP, or name 169.254.169.253.", "resolv.conf(5)",
			[]Code{"dns-resolver-unreachable", "dns-name-not-found"}},
		{"dns-resolver-unreachable", BlockDNS, "critical", "No resolver answers", "All configured resolvers are silent or unreachable.",
			"No configured resolver answers any question, with or without EDNS, over more than 4 seconds and several sends.",
			"VPC resolver: switch on DNS support in the VPC. Own resolver: let 53/udp and 53/tcp through, or change the DHCP options.", srcDNS,
			[]Code{"dns-edns-blocked", "dns-name-not-found"}},
		{"dns-edns-blocked", BlockDNS, "critical", "Queries with EDNS are lost", "Go programs such as the SSM Agent ask with EDNS and do not ask again without it. Programs that use libc work, so the host looks healthy.",
			"Questions with EDNS get no answer or FORMERR while the same ones without it are answered.", "Have the resolver, or the firewall before it, accept EDNS0.", srcGo, []Code{"dns-name-not-found"}},
		{"dns-tcp-blocked", BlockDNS, "critical", "DNS over TCP does not work", "An answer that does not fit into UDP must be fetched over TCP.",
			"The answer over UDP has the truncated bit, and 53/tcp fails twice.", "Let 53/tcp through to the resolver.", "RFC 7766", []Code{"dns-name-not-found"}},
		{"dns-resolver-failing", BlockDNS, "critical", "Every answer is an error", "The resolver works as a program, but cannot resolve anything.",
			"No configured resolver gives a usable answer to any question, and at least one answers SERVFAIL or REFUSED.", "Mend the resolver's forwarders, or use the VPC's own resolver.", srcDNS,
			[]Code{"dns-custom-resolver", "dns-name-not-found"}},
		{"dns-hosts-override", BlockDNS, "critical if the pinned address fails, warning if it works", "The hosts file pins an AWS name", "The addresses of endpoints change; a pinned one breaks sooner or later.",
			"The hosts file has a line of the owner's own for a required AWS name.", "Take the line out.", "hosts(5)", []Code{"dns-custom-resolver", "endpoint-blocked", "endpoint-central-unreachable", "tcp-refused", "tls-name-mismatch"}},
		{"dns-custom-resolver", BlockDNS, "critical", "The resolver hides the VPC's private zone", "Private DNS of VPC endpoints lives in the VPC's own resolver. A resolver of your own that does not forward there answers with public addresses, or not at all.",
			"The VPC resolver has an address where the configured one says NXDOMAIN, NODATA, SERVFAIL or REFUSED, or it has a private address where the configured one gives a public one that does not work.",
			"Forward the AWS zone to the VPC resolver.", srcVPCE, []Code{"dns-name-not-found", "egress-no-way-out", "endpoint-missing", "s3-unreachable"}},
		{"dns-name-not-found", BlockDNS, "critical", "A required name has no address", "The name does not exist for this VPC.",
			"Neither an A nor an AAAA record that this host could use, and the VPC resolver says the same or cannot be asked.", "Look for a private hosted zone that hides the public one, or for an endpoint override.", srcDNS, []Code{"repo-unreachable", "repo-skipped-silently"}},
		{"dns-resolver-degraded", BlockDNS, "warning", "One of several resolvers is dead", "Lookups wait for its timeout before they ask the next one.",
			"One configured resolver answers nothing, or only errors, and another one works.", "Take it off the list, or mend it.", "resolv.conf(5)", nil},
		{"dns-slow", BlockDNS, "warning", "The resolver is slow", "Slow answers make the SSM Agent's calls time out now and then.", "At least two answers of the resolver that is asked first took over 2 seconds.", "Look at its load, its forwarders, and the VPC's packet limit.", srcDNS, nil},
	}
}

func pathEntries() []Entry {
	egress := []Code{"endpoint-blocked", "endpoint-central-unreachable", "endpoint-missing", "s3-dualstack-unreachable", "s3-unreachable", "internet-required"}
	lost := []Code{"repo-unreachable", "repo-skipped-silently"}
	return []Entry{
		{"host-firewall-blocked", BlockPath, "critical", "This host's own firewall rejects", "nftables, iptables, firewalld or a security product on the host itself says no.",
			"The ICMP error comes from an address of this host, or the send itself fails with EPERM.", "Find the rule on the host.", "Linux: icmp(7), ip(7) IP_RECVERR",
			[]Code{"imds-unreachable", "dns-resolver-unreachable", "net-no-route", "egress-blocked", "net-unreachable", "ssm-agent-stopped"}},
		{"proxy-unreachable", BlockPath, "critical", "The proxy cannot be reached", "The SSM Agent, which passes it on to the package manager, or a repository of its own accord goes to a proxy that does not answer.", "The proxy's name does not resolve, its port does not accept connections, or it does not answer CONNECT.", "Correct https_proxy, or let this instance in.", srcAgent, lost},
		{"proxy-auth-required", BlockPath, "critical", "The proxy asks for a password", "The client has no answer to a proxy's question for a user.", "CONNECT, or a request in plain http, is answered with 407.", "Let the instance in without a password, or configure one.", srcAgent, lost},
		{"proxy-denied", BlockPath, "critical", "The proxy refuses the names", "The proxy does not allow the names of AWS, or of a required repository.", "CONNECT is answered with a status that is neither 200 nor 407.", "Allow the names in the proxy.", srcAgent, lost},
		{"net-no-route", BlockPath, "critical", "The host has no route", "The host's own route table has no way, or a blackhole, for the address.", "connect() itself fails at once, before a packet leaves.", "Mend the route table.", "Linux: ip-route(8)", append([]Code{"imds-unreachable", "dns-resolver-unreachable"}, egress...)},
		{"egress-blocked", BlockPath, "critical", "Nothing leaves the instance", "The instance's security group, the subnet's network ACL or a firewall on the host lets nothing out.",
			"Names resolve and link-local services work, but every connection, at least one of them to a private address, gets no answer to two connects.", "Let 443/tcp out, and 1024-65535/tcp back in at the ACL.", srcVPCE, egress},
		{"egress-no-way-out", BlockPath, "critical, likely", "No NAT and no endpoints", "All names lead to the internet, and there is no way there.", "Every AWS name resolves to public addresses, and none of them, nor the internet control target, answers.", "Create the endpoints, or a NAT, or mend the rules before the NAT.", srcVPCE, egress},
		{"egress-filtered", BlockPath, "critical", "A filter by destination", "There is a way out, but not to this address.", "A public address of a required AWS target is silent, while the internet control target or another public target outside S3 answers.", "Allow the names or addresses in the egress firewall.", "AWS: AWS Network Firewall", egress},
		{"endpoint-blocked", BlockPath, "critical", "The VPC endpoint does not let this instance in", "The endpoint's security group must allow 443 from the instance.", "The name resolves to a private address in the VPC, and two connects get no answer, while others work.", "Allow 443 from this instance in the endpoint's security group.", srcVPCE, nil},
		{"endpoint-central-unreachable", BlockPath, "critical", "The central endpoint cannot be reached", "The endpoint lies in another VPC or on premises, and the way there is closed.", "The name resolves to a private address outside the VPC's CIDRs, and two connects get no answer.", "Routes there and back, and the endpoint's security group.", "AWS: Centralized access to VPC private endpoints", nil},
		{"endpoint-missing", BlockPath, "critical", "The VPC endpoint is missing", "The service has no interface endpoint with private DNS in this VPC.", "A required SSM name resolves to public addresses that are silent, the internet is silent too, and another AWS target works.", "Create the interface endpoint with private DNS.", srcVPCE, nil},
		{"s3-dualstack-unreachable", BlockPath, "critical", "The S3 interface endpoint does not serve the dual-stack name", "Patching and Amazon's repositories use s3.dualstack.REGION.", "s3.REGION works by a private address; the dual-stack name leads to public addresses that are silent.", "Add the free gateway endpoint, or make the interface endpoint dual-stack.", srcS3, []Code{"s3-unreachable"}},
		{"s3-unreachable", BlockPath, "critical", "No way to S3", "The patch payload and Amazon's repositories lie in S3.", "S3's public addresses are silent, the internet too, while the SSM endpoints work.", "Create the free S3 gateway endpoint on this subnet's route table.", srcS3, nil},
		{"net-unreachable", BlockPath, "critical", "A router on the way says no", "Somebody on the way, not this host, rejects the packets.", "An ICMP error (unreachable, prohibited) from an address that is not this host's.", "Ask whoever runs that router or firewall.", "RFC 792, RFC 1812", lost},
		{"tcp-refused", BlockPath, "critical", "The connection is refused", "AWS endpoints do not refuse; a firewall does, or the address is wrong.", "Two connects are answered by a reset.", "Check the address, then the firewall.", "RFC 9293", lost},
		{"path-ipv6-broken", BlockPath, "warning", "IPv6 does not work, IPv4 does", "This host has IPv6, so its programs try it first and wait until it fails.", "Every IPv6 address of a required target fails two connects, and an IPv4 address of it works.", "Give the subnet a way out by IPv6, or take the IPv6 default route away.", "RFC 8305; AWS: Egress-only internet gateways", nil},
		{"path-mtu-blackhole", BlockPath, "critical", "Large packets get lost", "A link on the way is narrower than the host thinks, and the ICMP that would say so is dropped.", "The TCP connection opens, the TLS handshake hangs, and the same handshake completes in small segments.", "Lower the MTU, clamp the MSS, or let ICMP type 3 code 4 through.", "RFC 4821; AWS: Network MTU for your EC2 instance", []Code{"tls-pq-blocked", "tls-blocked"}},
		internetEntry(), expectEntry(),
	}
}

func tlsEntries() []Entry {
	return []Entry{
		{"tls-intercepted", BlockTLS, "critical", "TLS is intercepted", "A proxy or firewall ends TLS and shows its own certificate, which the SSM Agent does not trust.", "The chain leads neither to this machine's store nor to Amazon's roots. For a repository on the internet that names no authority of its own: it leads to nothing that is known, by an issuer that is no public authority (likely).", "Exempt the AWS names from inspection, or trust the authority.", srcATS, []Code{"tls-trust-store-outdated", "tls-name-mismatch", "tls-certificate-expired", "repo-tls-untrusted"}},
		{"tls-inspected", BlockTLS, "info", "TLS is inspected, and accepted", "A proxy or firewall ends TLS with an authority that this machine trusts.", "The chain leads to this machine's store, and not to Amazon's roots.", "Nothing, unless sessions break.", srcATS, nil},
		{"tls-trust-store-outdated", BlockTLS, "critical", "The machine's store lacks Amazon's root", "The certificate is genuine, but the machine does not know its root.", "The chain leads to a root of Amazon Trust Services that the store lacks.", "Update ca-certificates.", srcATS, []Code{"tls-name-mismatch", "tls-certificate-expired"}},
		{"tls-certificate-expired", BlockTLS, "critical", "The certificate is out of date", "The certificate is expired or not yet valid, and the clock is right.", "Its validity does not cover the true time.", "Whoever answers there must renew it.", "RFC 5280", nil},
		{"tls-name-mismatch", BlockTLS, "critical", "The certificate is for other names", "The address belongs to another service.", "None of the leaf's names matches.", "Find where the address comes from.", "RFC 9525", []Code{"tls-certificate-expired"}},
		{"tls-pq-blocked", BlockTLS, "critical if the SSM Agent sends it, info if it does not, else (and for package managers) warning", "Post-quantum ClientHellos are dropped", "Go 1.23 and newer send a hybrid key share (ML-KEM) of more than one packet; old firewalls drop it.", "The handshake is reset or lost, also in small segments; without any ML-KEM group it completes.", "GODEBUG for the agent, then mend the firewall.", "aws/amazon-ssm-agent issue 640; Go 1.23 and 1.24 release notes", []Code{"tls-blocked"}},
		{"tls-blocked", BlockTLS, "critical", "TLS is cut off", "A filter looks at the server's name or at the content.", "Reset, close or silence after the ClientHello, with and without ML-KEM and at every segment size.", "Allow the names in the firewall.", "RFC 8446", []Code{"repo-unreachable", "repo-skipped-silently"}},
		{"tls-version-unsupported", BlockTLS, "critical; warning for a repository of yum, whose libraries may take older ones", "No common TLS version", "The SSM Agent and today's package managers need TLS 1.2 or newer.", "The handshake ends for lack of a common version.", "Mend the proxy or firewall that ends TLS.", srcAgent, nil},
		{"http-not-aws", BlockTLS, "critical", "Somebody else answers", "A block page, portal or proxy answers in AWS's place.", "The answer lacks the marks of an AWS front end, or what answers on 443 is not TLS.", "Exempt the AWS names.", srcAgent, []Code{"service-unavailable", "repo-access-denied", "repo-metadata-invalid"}},
		{"s3-access-denied", BlockTLS, "critical for the patch payload or the distribution's repository, warning for SSM Agent updates", "The S3 endpoint's policy leaves AWS's buckets out", "Downloads of the payload and of Amazon's repositories are anonymous; the endpoint's policy decides.", "A public object that is known to exist answers 403. For a repository of Amazon's, one that surely exists in the same bucket does: S3 says 403 of missing objects too.", "Allow s3:GetObject for everybody on AWS's buckets in the endpoint's policy.", srcBuckets, []Code{"repo-metadata-missing"}},
		{"ssm-channel-websocket-blocked", BlockTLS, "critical; warning while the SSM Agent works by ec2messages instead", "The SSM Agent's WebSocket is refused or cut",
			"Commands and sessions come over a WebSocket to ssmmessages that stays open. Proxies that do not know WebSockets refuse it, firewalls cut it when it is idle.",
			"ssmmessages answers a plain request, but the SSM Agent's log shows the WebSocket refused or lost, and not opened again.", "Let wss through uninspected, and keep idle connections open.", srcAgent, []Code{"ssm-agent-channel-fallback", "ssm-agent-log-error"}},
		{"service-unavailable", BlockTLS, "critical on a required target in two looks, else warning", "The service itself fails", "The service answers with an error of its own.", "5xx or throttling in an answer that the service wrote.", "Wait; see the AWS Health Dashboard.", "AWS: Common errors", nil},
	}
}

func agentEntries() []Entry {
	return []Entry{
		{"ssm-agent-not-installed", BlockAgent, "critical", "The SSM Agent is not installed", "Nothing on this machine talks to Systems Manager.", "No program, package or process of it.", "Install it.", srcAgent, []Code{"ssm-agent-stopped"}},
		{"ssm-agent-stopped", BlockAgent, "critical", "The SSM Agent does not run", "It is installed, but no process of it runs.", "It is on disk and not in the process table.", "Start and enable it.", srcAgent, nil},
		{"ssm-agent-crash-loop", BlockAgent, "critical", "The SSM Agent ends again and again", "systemd restarts it over and over, 90 seconds apart, so it never gets to work.",
			"systemd counts restarts while each life is short, or has given up.", "Its log says why it ends.", "systemd: org.freedesktop.systemd1(5)", []Code{"ssm-agent-stopped"}},
		{"ssm-agent-identity-mismatch", BlockAgent, "critical", "The SSM Agent takes itself for another machine", "An image that was made of a registered machine carries its identity; a hybrid registration left in it does the same.",
			"The recorded instance id is not this instance's, or the recorded identity is a hybrid one on an EC2 instance.", "Remove the recorded identity and let it register anew.", "AWS: Troubleshooting SSM Agent", []Code{"ssm-agent-credentials-stale", "ssm-agent-no-credentials"}},
		{"ssm-agent-config-invalid", BlockAgent, "critical if it keeps the SSM Agent from starting or its defaults do not work here, else warning", "The SSM Agent's configuration cannot be parsed",
			"With a file that it cannot parse the SSM Agent does not start (before August 2020 it silently used its defaults). One that runs read it while it was good.",
			"amazon-ssm-agent.json is not one JSON object of the expected types.", "Mend the file, or take it away.", "aws/amazon-ssm-agent: core/app/bootstrap/bootstrap.go", []Code{"ssm-agent-crash-loop", "ssm-agent-stopped"}},
		{"ssm-agent-backoff", BlockAgent, "critical", "Everything works, but the SSM Agent still waits", "After failures the SSM Agent sleeps longer and longer between its tries, up to an hour and more, and does not notice a repair.",
			"Its log says that it sleeps or hibernates, and every path, the role and the clock are right now.", "Restart it.", "aws/amazon-ssm-agent: core/app/credentialrefresher, agent/hibernation", []Code{"ssm-agent-credentials-stale", "ssm-agent-no-credentials"}},
		{"ssm-agent-credentials-stale", BlockAgent, "critical", "The SSM Agent has not renewed its credentials", "It renews them at half their life and records that when ssm has accepted them.",
			"The recorded credentials are past that time, the SSM Agent runs, and no other finding explains it.", "Restart it, and read its log.", "aws/amazon-ssm-agent: core/app/credentialrefresher", []Code{"ssm-agent-no-credentials"}},
		{"ssm-agent-no-credentials", BlockAgent, "critical", "The SSM Agent has never reported", "It runs, but Systems Manager has never accepted its credentials.",
			"No credentials were ever recorded, it does not wait in its backoff, and no other finding explains it.", "Restart it, and read its log.", srcAgent, nil},
		{"ssm-agent-channel-fallback", BlockAgent, "warning", "The SSM Agent works by ec2messages", "Its channel to ssmmessages does not open, so it polls ec2messages. Sessions do not work.",
			"Its log says that its connection is ec2messages, and no other finding explains it.", "Restart it, and read its log.", "AWS: Reference: ec2messages, ssmmessages, and other API operations", nil},
		{"ssm-agent-log-error", BlockAgent, "warning", "A recent error in the SSM Agent's log that nothing explains", "The log shows a known error, and nothing later says that it is over.",
			"A known signature of the last hour without a later success of the same part.", "As the signature says.", "aws/amazon-ssm-agent source; AWS: Troubleshooting SSM Agent", nil},
		{"ssm-agent-stray-credentials", BlockAgent, "warning", "The SSM Agent prefers a credentials file", "Keys in the credentials file of the SSM Agent's own user go before the instance profile.",
			"root's (LocalSystem's) .aws/credentials has keys in its default profile.", "Move it away.", "AWS: SSM Agent technical details, credentials precedence", nil},
		{"ssm-agent-disabled", BlockAgent, "warning", "The SSM Agent will not start at boot", "It runs now, but its service is not enabled.", "The unit is active and disabled.", "Enable it.", "systemctl(1)", nil},
		{"ssm-agent-outdated", BlockAgent, "warning; critical before 2.0.834.0", "The SSM Agent's version changes what is needed", "Agents from 3.1.821.0 to before 3.3.40.0 use ec2messages beside ssmmessages; Patch Manager refuses agents before 2.0.834.0.",
			"The version lies in that range and ec2messages does not work, or it is older than Patch Manager accepts.", "Update it, or create the ec2messages endpoint.", "AWS: Reference: ec2messages, ssmmessages, and other API operations; Patch Manager prerequisites", nil},
		{"ssm-agent-endpoint-override", BlockAgent, "info", "The SSM Agent's endpoints are overridden", "amazon-ssm-agent.json names endpoints, a service domain or a region of its own. The overridden names are the ones that are probed.", "The configuration holds Ssm.Endpoint, Mgs.Endpoint, Mds.Endpoint, S3.Endpoint, Kms.Endpoint, Agent.ServiceDomain, or another region than the instance's.", "Nothing while they work.", srcAgent, nil},
	}
}
