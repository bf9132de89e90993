package diagnosis

import (
	"net/netip"
	"strings"
	"time"

	"agentctl/platform"
	"agentctl/probes"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const (
	addrSSM      = "10.0.1.51"
	addrMessages = "10.0.1.52"
	addrS3       = "52.219.10.10"
	addrPublic   = "52.46.133.10"
	addrInternet = "54.1.2.3"
)

// healthyRound is an instance with endpoints for ssm and ssmmessages, S3 by its
// gateway endpoint, and no way to the internet.
func healthyRound() *probes.Round {
	yes := true
	res := platform.Resolver{Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:53")}, Ndots: 1}
	r := &probes.Round{
		Started: noon, Now: noon, Groups: []probes.Group{probes.GroupSSM, probes.GroupS3, probes.GroupRepos, probes.GroupAgent, probes.GroupIdentity, probes.GroupHost},
		Host: platform.Facts{OS: platform.OS{Family: "linux", ID: "amzn", Version: "2023"}, Privileged: true, Resolver: res,
			Interfaces: []platform.Interface{{Name: "ens5", MTU: 9001, Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.1.10/24")}}},
			Routes:     []platform.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.0.1.1"), Kind: "unicast"}}},
		Region: probes.Region{Name: "us-east-1", Partition: "aws", Source: "imds"},
		Metadata: probes.Metadata{State: probes.MetadataOK, InstanceID: "i-0abc", Region: "us-east-1", VPCID: "vpc-1", SubnetID: "subnet-1",
			SecurityGroupIDs: []string{"sg-1"}, VPCCIDRs: []string{"10.0.0.0/16"}, Role: probes.RoleOK, RoleName: "r", RoleExpires: noon.Add(time.Hour)},
		Agent: probes.AgentState{Install: "installed", Running: &yes, Worker: &yes, Version: "3.3.2299.0", NetShared: &yes,
			Identity: probes.AgentIdentity{FileState: probes.FileState{Exists: true}, Source: "EC2", Retrieved: noon.Add(-10 * time.Minute), Expires: noon.Add(50 * time.Minute)},
			Proxy:    probes.AgentProxy{Known: true}},
		Resolvers: []probes.ResolverResult{
			{Addr: netip.MustParseAddrPort("10.0.0.2:53"), Configured: true, VPC: true, Questions: 8, Answered: 8, Usable: 8, EDNSOK: 4, Median: 0.001}},
		TimeSync: probes.TimeSync{Asked: true, OK: true},
	}
	r.Results = []probes.Result{
		up("ssm", probes.GroupSSM, "https://ssm.us-east-1.amazonaws.com/", probes.AnswerAWS, true, addrSSM),
		up("ssmmessages", probes.GroupSSM, "https://ssmmessages.us-east-1.amazonaws.com/", probes.AnswerAWS, true, addrMessages),
		{Target: probes.Target{Name: "ec2messages", Group: probes.GroupSSM, Skip: true}, State: probes.Skipped},
		up("s3", probes.GroupS3, "https://s3.us-east-1.amazonaws.com/", probes.AnswerS3, false, addrS3),
		up("s3-dualstack", probes.GroupS3, "https://s3.dualstack.us-east-1.amazonaws.com/", probes.AnswerS3, true, addrS3),
		up("bucket:aws-ssm", probes.GroupS3, "https://s3.dualstack.us-east-1.amazonaws.com/aws-ssm-us-east-1/", probes.AnswerS3, true, addrS3),
		up("bucket:amazon-ssm", probes.GroupS3, "https://s3.us-east-1.amazonaws.com/amazon-ssm-us-east-1/latest/VERSION", probes.AnswerS3Object, false, addrS3),
		{Target: probes.Target{Name: "internet", URL: "https://checkip.amazonaws.com:443/", Control: true, AWS: true, Answer: probes.AnswerConnect}, State: probes.Skipped},
	}
	r.RepoConfig = probes.RepoConfig{Known: true, Manager: "dnf", Variables: map[string]string{"awsregion": "us-east-1", "releasever": "2023.12.20260817", "basearch": "x86_64"}}
	for _, id := range []string{"amazonlinux", "kernel-livepatch"} {
		addRepo(r, probes.Repo{ID: id, Own: true, Skip: true, Required: true, File: "/etc/yum.repos.d/" + id + ".repo"}, "https://"+alBucket+"/core/guids/1a2b3c/x86_64/repodata/repomd.xml", addrS3)
	}
	return r
}

// up is a target that works all the way at one address.
func up(name string, g probes.Group, url string, a probes.Answer, required bool, addr string) probes.Result {
	client := probes.ClientScript
	if g == probes.GroupSSM {
		client = probes.ClientAgent
	}
	r := probes.Result{Target: probes.Target{Name: name, Group: g, URL: url, Answer: a, Required: required, AWS: true, Client: client}}
	answer(&r, "10.0.0.2:53", probes.OK, addr)
	at(&r, addr)
	connect(&r, probes.OK)
	tlsOK(&r)
	http(&r, probes.HTTP{Reason: probes.OK, Status: 404, AWSShaped: true, Date: noon, ReceivedAt: noon.Add(500 * time.Millisecond)})
	return r
}

func set(r *probes.Result, p probes.Phase, state probes.State, reason probes.Reason) {
	var keep []probes.Step
	for _, s := range r.Steps {
		if s.Phase == p {
			break
		}
		keep = append(keep, s)
	}
	r.Steps = append(keep, probes.Step{Phase: p, State: state, Reason: reason, Attempts: 2})
	r.State = state
}

func stateOf(reason probes.Reason) probes.State {
	if reason == probes.OK {
		return probes.Up
	}
	return probes.Down
}

// answer sets what one resolver says; the first one given is the client's.
func answer(r *probes.Result, resolver string, reason probes.Reason, addrs ...string) {
	if r.Name == nil {
		r.Name = &probes.NameResult{Host: hostOf(r), Reason: reason, By: netip.MustParseAddrPort(resolver)}
		set(r, probes.PhaseDNS, stateOf(reason), reason)
		for _, a := range addrs {
			r.Name.Addrs = append(r.Name.Addrs, netip.MustParseAddr(a))
		}
	}
	d := probes.DNSAnswer{Resolver: netip.MustParseAddrPort(resolver), Question: r.Name.Host + ".", Type: "A", Reason: reason, Attempts: 1}
	for _, a := range addrs {
		d.Addrs = append(d.Addrs, netip.MustParseAddr(a))
	}
	r.Name.Answers = append(r.Name.Answers, d)
}

// nameFails makes the lookup fail at the configured resolver.
func nameFails(r *probes.Result, resolver string, reason probes.Reason) {
	r.Name, r.Addresses, r.Conns, r.TLS, r.HTTP = nil, nil, nil, nil, nil
	r.Steps = nil
	answer(r, resolver, reason)
}

func at(r *probes.Result, addr string) {
	r.Addresses = []netip.Addr{netip.MustParseAddr(addr)}
	if r.Name != nil {
		r.Name.Addrs = r.Addresses
		for i := range r.Name.Answers {
			r.Name.Answers[i].Addrs = r.Addresses
		}
	}
}

func connect(r *probes.Result, reason probes.Reason) {
	r.TLS, r.HTTP = nil, nil
	port := uint16(443)
	if strings.HasPrefix(r.Target.URL, "http:") {
		port = 80
	}
	r.Conns = []probes.Conn{{Addr: netip.AddrPortFrom(r.Addresses[0], port), Reason: reason, Attempts: 2, Duration: 3}}
	set(r, probes.PhaseTCP, stateOf(reason), reason)
}

func silentAt(r *probes.Result, addr string) {
	at(r, addr)
	connect(r, probes.Timeout)
}

func tlsOK(r *probes.Result) {
	r.TLS = &probes.TLS{Reason: probes.OK, Trusted: true, Genuine: true, NameOK: true, TimeOK: true, Chain: []probes.Cert{
		{Subject: "CN=" + hostOf(r), Issuer: "CN=Amazon RSA 2048 M01", NotBefore: noon.AddDate(0, -3, 0), NotAfter: noon.AddDate(0, 9, 0), Names: []string{hostOf(r)}}}}
	set(r, probes.PhaseTLS, probes.Up, probes.OK)
}

func tlsFails(r *probes.Result, reason probes.Reason, exps ...probes.Experiment) {
	r.HTTP = nil
	if r.TLS == nil {
		tlsOK(r)
	}
	r.TLS.Reason, r.Experiments = reason, exps
	set(r, probes.PhaseTLS, probes.Down, reason)
}

func http(r *probes.Result, h probes.HTTP) {
	r.HTTP = &h
	set(r, probes.PhaseHTTP, stateOf(h.Reason), h.Reason)
}

func of(r *probes.Round, name string) *probes.Result {
	for _, x := range allResults(r) {
		if x.Target.Name == name {
			return x
		}
	}
	panic("no target " + name)
}

// allResults are those of all targets, the repositories last.
func allResults(r *probes.Round) []*probes.Result {
	var out []*probes.Result
	for i := range r.Results {
		out = append(out, &r.Results[i])
	}
	for i := range r.Repos {
		out = append(out, &r.Repos[i].Result)
	}
	return out
}

// each applies a change to every measured target but the controls.
func each(r *probes.Round, change func(*probes.Result)) {
	for _, x := range allResults(r) {
		if !x.Target.Skip && !x.Target.Control {
			change(x)
		}
	}
}

func each3(r *probes.Round, change func(*probes.Result)) {
	each(r, func(x *probes.Result) {
		if isS3(x) {
			change(x)
		}
	})
}

// internetIs sets the control target's connect.
func internetIs(r *probes.Round, reason probes.Reason) {
	x := of(r, "internet")
	x.Steps = nil
	answer(x, "10.0.0.2:53", probes.OK, addrInternet)
	at(x, addrInternet)
	connect(x, reason)
}
