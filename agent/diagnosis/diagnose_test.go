package diagnosis

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func port(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func exp(k probes.ExperimentKind, r probes.Reason) probes.Experiment {
	return probes.Experiment{Kind: k, Reason: r}
}

// custom puts a resolver of the owner's own before the VPC's.
func custom(r *probes.Round) {
	r.Host.Resolver.Servers = []netip.AddrPort{port("10.5.0.5:53")}
	r.Resolvers = []probes.ResolverResult{
		{Addr: port("10.5.0.5:53"), Configured: true, Questions: 8, Answered: 8, Usable: 8, EDNSOK: 4},
		{Addr: port("169.254.169.253:53"), VPC: true, Questions: 8, Answered: 8, Usable: 8, EDNSOK: 4}}
	each(r, func(x *probes.Result) {
		as := x.Name.Addrs
		x.Name.By = port("10.5.0.5:53")
		x.Name.Answers = []probes.DNSAnswer{
			{Resolver: port("10.5.0.5:53"), Question: x.Name.Host + ".", Type: "A", Reason: probes.OK, Addrs: as},
			{Resolver: port("169.254.169.253:53"), Question: x.Name.Host + ".", Type: "A", Reason: probes.OK, Addrs: as}}
	})
}

// customSays makes the owner's resolver fail for a name that the VPC's knows.
func customSays(x *probes.Result, reason probes.Reason, known string) {
	nameFails(x, "10.5.0.5:53", reason)
	answer(x, "169.254.169.253:53", probes.OK, known)
}

// roundCase is a healthy round with something changed, and what is to be said.
type roundCase struct {
	name string
	mod  func(*probes.Round)
	want string // codes of critical and warning findings; info behind "i:"
}

func allCases() []roundCase {
	return slices.Concat(cases, agentCases, repoCases, hostCases, runCases, expectCases, bucketCases)
}

var cases = []roundCase{
	{"healthy", func(*probes.Round) {}, ""},
	// Identity
	{"metadata unreachable", func(r *probes.Round) {
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.Timeout}
	}, "imds-unreachable"},
	{"metadata unreachable, so the agent exits and the region is unknown", func(r *probes.Round) {
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.Refused}
		r.Region, r.Results = probes.Region{}, nil
		stopped := false
		r.Agent.Running = &stopped
	}, "imds-unreachable"},
	{"hybrid machine without metadata", func(r *probes.Round) {
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.Timeout}
		r.Agent.Identity.IdentityType = "OnPrem"
	}, ""},
	{"metadata token lost", func(r *probes.Round) { r.Metadata.State = probes.MetadataTokenLost }, "imds-hop-limit"},
	{"metadata disabled", func(r *probes.Round) { r.Metadata.State = probes.MetadataDisabled }, "imds-disabled"},
	{"proxy for the metadata", func(r *probes.Round) {
		r.Agent.Proxy.HTTP = "http://u:secret@10.0.1.60:3128"
		r.Agent.Identity.Source = ""
	}, "imds-proxied"},
	{"proxy for the metadata, credentials fresh", func(r *probes.Round) { r.Agent.Proxy.HTTP = "http://10.0.1.60:3128" }, ""},
	{"proxy with no_proxy", func(r *probes.Round) {
		r.Agent.Proxy.HTTP, r.Agent.Proxy.NoProxy = "http://10.0.1.60:3128", "169.254.169.254"
		r.Agent.Started, r.Agent.Identity.Source = noon, ""
	}, ""},
	{"region unknown", func(r *probes.Round) { r.Region, r.Results = probes.Region{}, nil }, "region-unknown"},
	{"no role", func(r *probes.Round) { r.Metadata.Role = probes.RoleNone }, "iam-no-instance-profile"},
	{"no role, host management", func(r *probes.Round) {
		r.Metadata.Role = probes.RoleNone
		r.Agent.Identity.Source = "SSM"
	}, ""},
	{"no role, files unreadable", func(r *probes.Round) {
		r.Metadata.Role = probes.RoleNone
		r.Agent.Identity = probes.AgentIdentity{FileState: probes.FileState{Unknown: true}}
	}, ""},
	{"role unusable", func(r *probes.Round) {
		r.Metadata.Role, r.Metadata.RoleCode = probes.RoleFailing, "AssumeRoleUnauthorizedAccess"
	}, "iam-role-unusable"},
	{"credentials expired", func(r *probes.Round) { r.Metadata.RoleExpires = noon.Add(-time.Hour) }, "iam-credentials-expired"},
	{"clock ten minutes behind", func(r *probes.Round) { shift(r, 10*time.Minute) }, "clock-skew"},
	{"clock a minute ahead", func(r *probes.Round) { shift(r, -time.Minute) }, "clock-skew"},
	{"clock ten seconds off", func(r *probes.Round) { shift(r, 10*time.Second) }, ""},
	{"one odd date", func(r *probes.Round) { of(r, "ssm").HTTP.Date = noon.Add(time.Hour) }, ""},
	{"clock two years behind: certificates look not yet valid", func(r *probes.Round) {
		shift(r, 2*365*24*time.Hour)
		each(r, func(x *probes.Result) {
			h := x.HTTP
			x.TLS.Chain[0].NotBefore, x.TLS.Chain[0].NotAfter = noon.AddDate(1, 9, 0), noon.AddDate(2, 6, 0)
			tlsFails(x, probes.NotYetValid)
			x.HTTP = h
		})
	}, "clock-skew"},
	{"clock two years ahead: credentials look expired", func(r *probes.Round) {
		shift(r, -2*365*24*time.Hour)
		r.Metadata.RoleExpires = noon.Add(-2*365*24*time.Hour + time.Hour)
	}, "clock-skew"},
	{"metadata for root only, seen by another user", func(r *probes.Round) {
		r.Host.Privileged = false
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.Timeout}
		r.Agent.Identity = probes.AgentIdentity{FileState: probes.FileState{Unknown: true}}
	}, ""},
	{"metadata unreachable, seen by another user, agent without worker", func(r *probes.Round) {
		no := false
		r.Host.Privileged, r.Agent.Worker = false, &no
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.Timeout}
		r.Agent.Identity = probes.AgentIdentity{FileState: probes.FileState{Unknown: true}}
	}, "imds-unreachable"},
	{"too few descriptors to ask the metadata", func(r *probes.Round) {
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.Internal}
	}, ""},
	// DNS
	{"no resolver", func(r *probes.Round) {
		r.Host.Resolver = platform.Resolver{Implied: true, Servers: []netip.AddrPort{port("127.0.0.1:53")}}
		r.Resolvers = []probes.ResolverResult{{Addr: port("127.0.0.1:53"), Configured: true, Questions: 5, Worst: probes.Refused}}
		each(r, func(x *probes.Result) { nameFails(x, "127.0.0.1:53", probes.Refused) })
	}, "dns-no-resolver"},
	{"resolver dead", func(r *probes.Round) {
		r.Resolvers[0] = probes.ResolverResult{Addr: port("10.0.0.2:53"), Configured: true, VPC: true, Questions: 5, Worst: probes.Timeout}
		each(r, func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.Timeout) })
	}, "dns-resolver-unreachable"},
	{"resolver fails", func(r *probes.Round) {
		r.Resolvers[0].Usable, r.Resolvers[0].Failing, r.Resolvers[0].Worst = 0, 8, probes.ServFail
		each(r, func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.ServFail) })
	}, "dns-resolver-failing"},
	{"EDNS lost", func(r *probes.Round) {
		r.Resolvers[0].EDNSOK, r.Resolvers[0].EDNSLost = 0, 2
		for _, n := range []string{"ssm", "ssmmessages"} {
			x := of(r, n)
			x.Name.Answers[0].EDNS, x.Name.Answers[0].Plain = probes.Timeout, probes.OK
			x.Steps[0].State, x.Steps[0].Reason, x.State = probes.Down, probes.Timeout, probes.Down
		}
	}, "dns-edns-blocked"},
	{"truncated, no TCP", func(r *probes.Round) {
		nameFails(of(r, "ssm"), "10.0.0.2:53", probes.Truncated)
		of(r, "ssm").Name.Answers[0].TCP = probes.Timeout
	}, "dns-tcp-blocked"},
	{"hosts file pins a dead address", func(r *probes.Round) {
		x := of(r, "ssm")
		silentAt(x, "10.9.9.9")
		x.Name.Pinned, x.Name.PinnedLine = x.Addresses, 3
		internetIs(r, probes.Timeout)
	}, "dns-hosts-override"},
	{"hosts file pins a good address", func(r *probes.Round) {
		x := of(r, "ssm")
		x.Name.Pinned, x.Name.PinnedLine = x.Addresses, 3
	}, "dns-hosts-override"},
	{"hosts file, vendor's block", func(r *probes.Round) {
		x := of(r, "ssm")
		x.Name.Pinned, x.Name.PinnedLine, x.Name.PinVendor = x.Addresses, 3, "SUSE registration"
	}, ""},
	{"own resolver forwards", custom, ""},
	{"own resolver: NXDOMAIN", func(r *probes.Round) {
		custom(r)
		customSays(of(r, "ssm"), probes.NXDomain, addrSSM)
		customSays(of(r, "ssmmessages"), probes.NXDomain, addrMessages)
	}, "dns-custom-resolver"},
	{"own resolver: SERVFAIL for AWS alone", func(r *probes.Round) {
		custom(r)
		each(r, func(x *probes.Result) { customSays(x, probes.ServFail, addrS3) })
	}, "dns-custom-resolver"},
	{"own resolver: public address, no way out", func(r *probes.Round) {
		custom(r)
		for _, n := range []string{"ssm", "ssmmessages"} {
			x := of(r, n)
			known := x.Name.Answers[1]
			silentAt(x, addrPublic)
			x.Name.Answers[1] = known
			x.Name.Answers[1].Addrs = []netip.Addr{addr(addrSSM)}
		}
		internetIs(r, probes.Timeout)
	}, "dns-custom-resolver"},
	{"own resolver: public address that works", func(r *probes.Round) {
		custom(r)
		x := of(r, "ssm")
		x.Name.Answers[1].Addrs = []netip.Addr{addr(addrSSM)}
		x.Addresses, x.Name.Addrs = []netip.Addr{addr(addrPublic)}, []netip.Addr{addr(addrPublic)}
	}, ""},
	{"own resolver: block page's address", func(r *probes.Round) {
		custom(r)
		x := of(r, "ssm")
		x.Addresses, x.Name.Addrs = []netip.Addr{addr(addrPublic)}, []netip.Addr{addr(addrPublic)}
		x.Name.Answers[0].Addrs = x.Addresses
		x.TLS.Trusted, x.TLS.Genuine = false, false
		tlsFails(x, probes.UntrustedIssuer)
	}, "dns-custom-resolver"},
	{"own resolver: public address, the service fails", func(r *probes.Round) {
		custom(r)
		x := of(r, "ssm")
		x.Addresses, x.Name.Addrs = []netip.Addr{addr(addrPublic)}, []netip.Addr{addr(addrPublic)}
		x.Name.Answers[0].Addrs = x.Addresses
		http(x, probes.HTTP{Reason: probes.ServerError, Status: 503, AWSShaped: true})
	}, "service-unavailable"},
	{"own resolver knows an endpoint that is gone", func(r *probes.Round) {
		custom(r)
		x := of(r, "ssm")
		known := x.Name.Answers[1]
		silentAt(x, "10.0.1.99")
		x.Name.Answers[1] = known
		x.Name.Answers[1].Addrs = []netip.Addr{addr(addrSSM)}
		internetIs(r, probes.Timeout)
	}, "dns-custom-resolver"},
	{"a search domain's wildcard catches the name", func(r *probes.Round) {
		custom(r)
		each(r, func(x *probes.Result) {
			known := x.Name.Answers[1]
			silentAt(x, "203.0.113.66")
			x.Name.Answers[0].Question += "corp.example.com."
			x.Name.Answers[1] = known
			x.Name.Answers[1].Addrs = []netip.Addr{addr(addrS3)}
		})
		internetIs(r, probes.Timeout)
	}, "dns-custom-resolver"},
	{"own resolver knows a central endpoint, which is dead", func(r *probes.Round) {
		custom(r)
		x := of(r, "ssm")
		known := x.Name.Answers[1]
		silentAt(x, "10.9.0.51")
		x.Name.Answers[1] = known
		x.Name.Answers[1].Addrs = []netip.Addr{addr(addrPublic)}
		internetIs(r, probes.Timeout)
	}, "endpoint-central-unreachable"},
	{"name does not exist", func(r *probes.Round) { nameFails(of(r, "ssmmessages"), "10.0.0.2:53", probes.NXDomain) }, "dns-name-not-found"},
	{"SERVFAIL for one name", func(r *probes.Round) { nameFails(of(r, "ssmmessages"), "10.0.0.2:53", probes.ServFail) }, "dns-name-not-found"},
	{"second resolver dead", func(r *probes.Round) {
		r.Resolvers = append(r.Resolvers, probes.ResolverResult{Addr: port("10.0.0.3:53"), Configured: true, Questions: 8, Worst: probes.Timeout})
	}, "dns-resolver-degraded"},
	{"resolver slow", func(r *probes.Round) {
		r.Resolvers[0].Slow, r.Resolvers[0].Median, r.Resolvers[0].Slowest = 5, 2.4, 3
	}, "dns-slow"},
	{"one slow answer", func(r *probes.Round) { r.Resolvers[0].Slow = 1 }, ""},
	// Path
	{"no network at all", func(r *probes.Round) {
		r.Host.Routes, r.Host.Interfaces = nil, r.Host.Interfaces[:0]
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.NoRoute, Local: true}
		r.Resolvers[0] = probes.ResolverResult{Addr: port("10.0.0.2:53"), Configured: true, Questions: 5, Worst: probes.NoRoute, Local: true}
		each(r, func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.NoRoute) })
	}, "net-no-route"},
	{"no route to the metadata alone", func(r *probes.Round) {
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.NoRoute, Local: true}
	}, "imds-unreachable"},
	{"own firewall rejects", func(r *probes.Round) {
		each(r, func(x *probes.Result) {
			connect(x, probes.Prohibited)
			x.Conns[0].Sender = addr("10.0.1.10")
		})
	}, "host-firewall-blocked"},
	{"own firewall rejects everything", func(r *probes.Round) {
		r.Metadata = probes.Metadata{State: probes.MetadataUnreachable, Reason: probes.Unreachable, Sender: addr("10.0.1.10")}
		r.Resolvers[0] = probes.ResolverResult{Addr: port("10.0.0.2:53"), Configured: true, VPC: true, Questions: 5, Worst: probes.Prohibited, Local: true}
		each(r, func(x *probes.Result) { nameFails(x, "10.0.0.2:53", probes.Prohibited) })
	}, "host-firewall-blocked"},
	{"blackhole route", func(r *probes.Round) {
		connect(of(r, "ssm"), probes.NoRoute)
		of(r, "ssm").Conns[0].Local = true
	}, "net-no-route"},
	{"security group lets nothing out", func(r *probes.Round) {
		each(r, func(x *probes.Result) { connect(x, probes.Timeout) })
		internetIs(r, probes.Timeout)
	}, "egress-blocked"},
	{"no way out", func(r *probes.Round) {
		each(r, func(x *probes.Result) { silentAt(x, addrPublic) })
		internetIs(r, probes.Timeout)
	}, "egress-no-way-out"},
	{"firewall by destination", func(r *probes.Round) {
		silentAt(of(r, "ssm"), addrPublic)
		internetIs(r, probes.OK)
	}, "egress-filtered"},
	{"endpoint's security group", func(r *probes.Round) {
		connect(of(r, "ssmmessages"), probes.Timeout)
		internetIs(r, probes.Timeout)
	}, "endpoint-blocked"},
	{"dead neighbour is as silent", func(r *probes.Round) {
		connect(of(r, "ssmmessages"), probes.Unreachable)
		of(r, "ssmmessages").Conns[0].Errno = "EHOSTUNREACH"
		internetIs(r, probes.Timeout)
	}, "endpoint-blocked"},
	{"central endpoint", func(r *probes.Round) {
		silentAt(of(r, "ssm"), "10.9.0.51")
		internetIs(r, probes.Timeout)
	}, "endpoint-central-unreachable"},
	{"endpoint missing", func(r *probes.Round) {
		silentAt(of(r, "ssmmessages"), addrPublic)
		internetIs(r, probes.Timeout)
	}, "endpoint-missing"},
	{"no S3 gateway", func(r *probes.Round) {
		each3(r, func(x *probes.Result) { connect(x, probes.Timeout) })
		internetIs(r, probes.Timeout)
	}, "s3-unreachable"},
	{"S3 interface endpoint without dual-stack", func(r *probes.Round) {
		each3(r, func(x *probes.Result) {
			if isDualstackName(x) {
				connect(x, probes.Timeout)
			} else {
				x.Addresses, x.Conns[0].Addr = []netip.Addr{addr("10.0.1.53")}, port("10.0.1.53:443")
			}
		})
		internetIs(r, probes.Timeout)
	}, "s3-dualstack-unreachable"},
	{"IPv6 lost, IPv4 works", func(r *probes.Round) {
		x := of(r, "s3-dualstack")
		x.Conns = append(x.Conns, probes.Conn{Addr: port("[2600:1fa0::10]:443"), Reason: probes.Timeout, Attempts: 2})
	}, "path-ipv6-broken"},
	{"IPv6 not waited for", func(r *probes.Round) {
		x := of(r, "s3-dualstack")
		x.Conns = append(x.Conns, probes.Conn{Addr: port("[2600:1fa0::10]:443"), Reason: probes.Canceled})
	}, ""},
	{"router says no", func(r *probes.Round) {
		connect(of(r, "ssm"), probes.Prohibited)
		of(r, "ssm").Conns[0].Sender = addr("10.0.1.1")
	}, "net-unreachable"},
	{"refused", func(r *probes.Round) { connect(of(r, "ssm"), probes.Refused) }, "tcp-refused"},
	{"optional target dead", func(r *probes.Round) { connect(of(r, "bucket:amazon-ssm"), probes.Timeout) }, ""},
	{"MTU blackhole", func(r *probes.Round) {
		tlsFails(of(r, "ssm"), probes.HandshakeTimeout, exp(probes.ExpClamp, probes.OK), exp(probes.ExpNoMLKEM, probes.OK))
	}, "path-mtu-blackhole"},
	// TLS and HTTP
	{"intercepted", func(r *probes.Round) {
		each(r, func(x *probes.Result) {
			x.TLS.Trusted, x.TLS.Genuine = false, false
			tlsFails(x, probes.UntrustedIssuer)
		})
	}, "tls-intercepted"},
	{"inspected, trusted", func(r *probes.Round) {
		each(r, func(x *probes.Result) { x.TLS.Genuine = false })
	}, "i:tls-inspected"},
	{"store lacks the root", func(r *probes.Round) {
		each(r, func(x *probes.Result) { x.TLS.Trusted = false; tlsFails(x, probes.UntrustedIssuer) })
	}, "tls-trust-store-outdated"},
	{"certificate expired", func(r *probes.Round) {
		of(r, "ssm").TLS.Chain[0].NotAfter = noon.Add(-time.Hour)
		tlsFails(of(r, "ssm"), probes.Expired)
	}, "tls-certificate-expired"},
	{"wrong name", func(r *probes.Round) { tlsFails(of(r, "ssm"), probes.NameMismatch) }, "tls-name-mismatch"},
	{"filter by name", func(r *probes.Round) {
		tlsFails(of(r, "ssm"), probes.HandshakeReset, exp(probes.ExpClamp, probes.HandshakeReset), exp(probes.ExpNoMLKEM, probes.HandshakeReset), exp(probes.ExpNoSNI, probes.OK))
	}, "tls-blocked"},
	{"post-quantum hello reset, agent sends it", func(r *probes.Round) {
		r.Agent.GoVersion = "go1.24.1"
		tlsFails(of(r, "ssm"), probes.HandshakeReset, exp(probes.ExpClamp, probes.HandshakeReset), exp(probes.ExpNoMLKEM, probes.OK))
	}, "tls-pq-blocked"},
	{"post-quantum hello reset, agent does not send it", func(r *probes.Round) {
		r.Agent.GoVersion = "go1.21.5"
		tlsFails(of(r, "ssm"), probes.HandshakeReset, exp(probes.ExpClamp, probes.HandshakeReset), exp(probes.ExpNoMLKEM, probes.OK))
	}, "i:tls-pq-blocked"},
	{"old TLS", func(r *probes.Round) { tlsFails(of(r, "ssm"), probes.ProtocolVersion) }, "tls-version-unsupported"},
	{"plain HTTP on 443", func(r *probes.Round) { tlsFails(of(r, "ssm"), probes.NotAWS) }, "http-not-aws"},
	{"block page", func(r *probes.Round) {
		http(of(r, "ssm"), probes.HTTP{Reason: probes.NotAWS, Status: 403, HTML: true})
	}, "http-not-aws"},
	{"S3 policy denies the repository", func(r *probes.Round) {
		for _, n := range []string{"repo:amazonlinux", "repo:kernel-livepatch", "bucket:amazon-ssm"} {
			http(of(r, n), probes.HTTP{Reason: probes.AccessDenied, Status: 403, AWSShaped: true})
		}
	}, "s3-access-denied"},
	{"S3 policy denies agent updates", func(r *probes.Round) {
		http(of(r, "bucket:amazon-ssm"), probes.HTTP{Reason: probes.AccessDenied, Status: 403, AWSShaped: true})
	}, "s3-access-denied"},
	{"service fails", func(r *probes.Round) {
		http(of(r, "ssm"), probes.HTTP{Reason: probes.ServerError, Status: 503, AWSShaped: true})
	}, "service-unavailable"},
	// Proxy
	{"proxy wants a password", func(r *probes.Round) {
		x := of(r, "ssm")
		*x = probes.Result{Target: x.Target, Proxy: &probes.ProxyResult{URL: "http://***@10.0.1.60:3128", Reason: probes.ProxyAuth, Status: 407}}
		set(x, probes.PhaseProxy, probes.Down, probes.ProxyAuth)
	}, "proxy-auth-required"},
	{"proxy dead", func(r *probes.Round) {
		x := of(r, "ssm")
		*x = probes.Result{Target: x.Target, Proxy: &probes.ProxyResult{URL: "http://10.0.1.60:3128", Reason: probes.ProxyUnreachable}}
		set(x, probes.PhaseProxy, probes.Down, probes.ProxyUnreachable)
	}, "proxy-unreachable"},
	{"proxy refuses", func(r *probes.Round) {
		x := of(r, "ssm")
		*x = probes.Result{Target: x.Target, Proxy: &probes.ProxyResult{URL: "http://10.0.1.60:3128", Reason: probes.ProxyDenied, Status: 403}}
		set(x, probes.PhaseProxy, probes.Down, probes.ProxyDenied)
	}, "proxy-denied"},
	// Agent and host
	{"agent not installed", func(r *probes.Round) { r.Agent = probes.AgentState{Install: "absent"} }, "ssm-agent-not-installed"},
	{"agent stopped", func(r *probes.Round) { f := false; r.Agent.Running = &f }, "ssm-agent-stopped"},
	{"old agent without ec2messages", func(r *probes.Round) {
		x := of(r, "ec2messages")
		*x = up("ec2messages", probes.GroupSSM, "https://ec2messages.us-east-1.amazonaws.com/", probes.AnswerAWS, false, addrPublic)
		connect(x, probes.Timeout)
		r.Agent.Version = "3.2.1705.0"
		internetIs(r, probes.Timeout)
	}, "ssm-agent-outdated"},
	{"endpoints overridden", func(r *probes.Round) { r.Agent.Config.SSMEndpoint = "vpce-0abc.ssm.us-east-1.vpce.amazonaws.com" }, "i:ssm-agent-endpoint-override"},
	{"unprivileged", func(r *probes.Round) {
		r.Host.Privileged = false
		r.Agent.Identity = probes.AgentIdentity{FileState: probes.FileState{Unknown: true}}
	}, "i:host-unprivileged"},
	// Pairs of independent faults
	{"endpoint and role", func(r *probes.Round) {
		connect(of(r, "ssm"), probes.Timeout)
		r.Metadata.Role = probes.RoleNone
		internetIs(r, probes.Timeout)
	}, "endpoint-blocked iam-no-instance-profile"},
	{"S3 and one resolver", func(r *probes.Round) {
		each3(r, func(x *probes.Result) { connect(x, probes.Timeout) })
		internetIs(r, probes.Timeout)
		r.Resolvers = append(r.Resolvers, probes.ResolverResult{Addr: port("10.0.0.3:53"), Configured: true, Questions: 8, Worst: probes.Timeout})
	}, "dns-resolver-degraded s3-unreachable"},
	{"endpoint missing, S3 missing", func(r *probes.Round) {
		each3(r, func(x *probes.Result) { connect(x, probes.Timeout) })
		silentAt(of(r, "ssmmessages"), addrPublic)
		internetIs(r, probes.Timeout)
	}, "endpoint-missing s3-unreachable"},
}

// shift moves the true time against the local clock.
func shift(r *probes.Round, by time.Duration) {
	each(r, func(x *probes.Result) {
		if x.HTTP != nil {
			x.HTTP.Date = x.HTTP.Date.Add(by)
		}
	})
	r.TimeSync.Offset = by.Seconds()
	r.Metadata.RoleExpires = r.Metadata.RoleExpires.Add(by)
	r.Agent.Identity.Expires = r.Agent.Identity.Expires.Add(by)
}

func TestDiagnose(t *testing.T) {
	for _, c := range allCases() {
		t.Run(c.name, func(t *testing.T) {
			r := healthyRound()
			c.mod(r)
			r = recorded(t, settled(r))
			d := Diagnose(r)
			var got []string
			for _, f := range d.Findings {
				switch {
				case f.Severity != Info:
					got = append(got, string(f.Code))
				case strings.HasPrefix(c.want, "i:"):
					got = append(got, "i:"+string(f.Code))
				}
			}
			slices.Sort(got)
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("findings %q, want %q", g, c.want)
			}
			honest(t, r, d)
		})
	}
}

// recorded takes the round through JSON, as a recorded one comes.
func recorded(t *testing.T, r *probes.Round) *probes.Round {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	proxy := r.Agent.Proxy // masked in JSON, and judged unmasked
	out := new(probes.Round)
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	out.Agent.Proxy = proxy
	if strings.Contains(string(data), "secret") {
		t.Error("a password is in the recorded round")
	}
	return out
}

// honest holds what every diagnosis promises.
func honest(t *testing.T, r *probes.Round, d Diagnosis) {
	t.Helper()
	for _, f := range d.Findings {
		if len(f.Evidence) == 0 || f.Summary == "" || len(f.Fix) == 0 {
			t.Errorf("%s lacks evidence, summary or fix: %+v", f.Code, f)
		}
		if _, ok := Lookup(f.Code); !ok {
			t.Errorf("%s is not in the catalogue", f.Code)
		}
		if f.Severity != Info && len(f.Capabilities) == 0 {
			t.Errorf("%s names no capability", f.Code)
		}
		if data, _ := json.Marshal(f); strings.Contains(string(data), "secret") {
			t.Errorf("%s shows a password", f.Code)
		}
	}
	v := newView(r)
	want := Ready
	for _, res := range allResults(r) {
		rr := v.repos[res]
		if res.Target.Required && res.State == probes.Down && d.ExplainedBy[res.Target.Name] == "" && (rr == nil || v.knowable(rr)) {
			t.Errorf("%s is down and nothing explains it", res.Target.Name)
		}
		if res.Target.Required && res.State == probes.Unknown && (rr == nil || v.notAsked(rr)) {
			want = Unknown
		}
	}
	for _, f := range d.Findings {
		if f.Severity == Critical {
			want = Blocked
		} else if f.Severity == Warning && want == Ready {
			want = Degraded
		}
	}
	if d.State != want {
		t.Errorf("verdict %s, want %s", d.State, want)
	}
}

// TestEveryCodeHasACase counts from the catalogue.
func TestEveryCodeHasACase(t *testing.T) {
	raised := map[Code]bool{}
	for _, c := range allCases() {
		r := healthyRound()
		c.mod(r)
		for _, f := range Diagnose(settled(r)).Findings {
			raised[f.Code] = true
		}
	}
	for _, e := range Catalogue() {
		if !raised[e.Code] {
			t.Errorf("no case raises %s", e.Code)
		}
	}
}

// TestSuppressionOrder holds the catalogue's word against the rules: what a code
// is said to explain must be judged after it.
func TestSuppressionOrder(t *testing.T) {
	first, last := map[Code]int{}, map[Code]int{}
	for _, c := range allCases() {
		r := healthyRound()
		c.mod(r)
		v := newView(settled(r))
		for i, rule := range rules() {
			before := len(v.out)
			rule(v)
			for _, f := range v.out[before:] {
				if n, seen := first[f.Code]; !seen || i < n {
					first[f.Code] = i
				}
				last[f.Code] = max(last[f.Code], i)
			}
		}
	}
	for _, e := range Catalogue() {
		for _, s := range e.Suppresses {
			if _, ok := Lookup(s); !ok {
				t.Errorf("%s suppresses %s, which is not in the catalogue", e.Code, s)
			}
			if s == e.Code || first[e.Code] > last[s] {
				t.Errorf("%s is said to explain %s, which is judged before it", e.Code, s)
			}
		}
	}
}

func TestVerdictUnknown(t *testing.T) {
	r := healthyRound()
	of(r, "ssm").State = probes.Unknown
	if d := Diagnose(r); d.State != Unknown || d.Capabilities[SSMManaged] != Unknown {
		t.Errorf("state %s, capabilities %v", d.State, d.Capabilities)
	}
	of(r, "ssm").State = probes.Up
	of(r, "bucket:amazon-ssm").State = probes.Unknown // not required: says nothing
	if d := Diagnose(r); d.State != Ready {
		t.Errorf("state %s for an optional target that was not probed", d.State)
	}
}
