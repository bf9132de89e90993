package agent

import (
	"crypto/x509"
	"net/netip"
	"net/url"
	"sync"

	"golang.org/x/net/http/httpproxy"

	"agentctl/probes"
	"agentctl/probes/aws"
)

// custom are the user's own targets.
func (r *round) custom() []probes.Target {
	if !r.wants(probes.GroupCustom) {
		return nil
	}
	var out []probes.Target
	for _, t := range r.Config.Targets {
		because := "named in the configuration, not required"
		if t.Required {
			because = "required by the configuration"
		}
		u, err := url.Parse(t.URL)
		out = append(out, probes.Target{Name: t.Name, Group: probes.GroupCustom, URL: t.URL, Required: t.Required, Because: because,
			Answer: probes.AnswerHTTP, Client: probes.ClientScript, AWS: err == nil && aws.IsAWSName(u.Hostname())})
	}
	return out
}

// vpcAlias: the VPC's resolver also answers at the base address of each VPC
// CIDR plus two, and at fd00:ec2::253 (VPC User Guide, "Amazon DNS server").
func (r *round) vpcAlias(a netip.Addr) bool {
	if a == netip.MustParseAddr("fd00:ec2::253") {
		return true
	}
	for _, c := range r.Metadata.VPCCIDRs {
		if p, err := netip.ParsePrefix(c); err == nil && p.Masked().Addr().Next().Next() == a {
			return true
		}
	}
	return false
}

// trust loads each client's certificate store once, when it is first needed.
func (r *round) trust() func(probes.Client) *x509.CertPool {
	load := func(files ...string) func() *x509.CertPool {
		return sync.OnceValue(func() *x509.CertPool {
			s, err := r.Options.Host.TrustStore(files...)
			if err != nil {
				return x509.NewCertPool()
			}
			return s.Pool
		})
	}
	machine := load()
	agent := machine
	if len(r.Agent.CAFiles) > 0 {
		agent = load(r.Agent.CAFiles...)
	}
	return func(c probes.Client) *x509.CertPool {
		if c == probes.ClientAgent {
			return agent()
		}
		return machine()
	}
}

// agentProxy is the SSM Agent's proxy environment, which the patch script
// inherits, as Go's own clients read it.
func agentProxy(p probes.AgentProxy) func(probes.Target) (probes.ProxyURL, string) {
	if !p.Known || (p.HTTP == "" && p.HTTPS == "") {
		return nil
	}
	cfg := httpproxy.Config{HTTPProxy: p.HTTP.Reveal(), HTTPSProxy: p.HTTPS.Reveal(), NoProxy: p.NoProxy}
	via := cfg.ProxyFunc()
	return func(t probes.Target) (probes.ProxyURL, string) {
		u, err := url.Parse(t.URL)
		if err != nil || t.Control {
			return "", ""
		}
		proxy, err := via(u)
		if err != nil || proxy == nil {
			return "", ""
		}
		return probes.ProxyURL(proxy.String()), p.Source
	}
}
