package oracle

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/netpath"
	"agentctl/probes/repos"
)

// quiet is for servers whose errors are the point.
var quiet = log.New(io.Discard, "", 0)

// probe asks the one repository of a machine, as a round does. What the machine
// trusts is nothing: the servers of these tests have authorities of their own.
func probe(ctx context.Context, root string, cfg probes.RepoConfig, env map[string]string) (probes.RepoResult, error) {
	p := &netpath.Prober{Lookup: loopback{}, Trust: func(probes.Client) *x509.CertPool { return x509.NewCertPool() }}
	results := repos.Probe(ctx, p, cfg, repos.ProbeInput{Host: platform.New(root), Environment: proxyOf(env)})
	if len(results) != 1 {
		return probes.RepoResult{}, fmt.Errorf("%d results: %+v", len(results), cfg)
	}
	return results[0], nil
}

// up tells whether a repository counts as reached.
func up(r probes.RepoResult) bool { return r.Reason == probes.OK && r.Result.State == probes.Up }

// proxyOf is the SSM Agent's proxy where its environment is this.
func proxyOf(env map[string]string) *probes.AgentProxy {
	first := func(name string) string {
		if v := env[strings.ToUpper(name)]; v != "" {
			return v
		}
		return env[name]
	}
	p := &probes.AgentProxy{Known: true, Source: "environment", HTTP: probes.ProxyURL(first("http_proxy")),
		HTTPS: probes.ProxyURL(first("https_proxy")), NoProxy: first("no_proxy")}
	p.NoteCase(env)
	return p
}

// words are an environment's NAME=VALUE.
func words(env map[string]string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

// loopback knows one name. The real programs are not made to ask for others.
type loopback struct{}

func (loopback) Lookup(_ context.Context, host string, _ probes.Client) probes.NameResult {
	if host != "localhost" {
		return probes.NameResult{Host: host, Reason: probes.NXDomain}
	}
	return probes.NameResult{Host: host, Reason: probes.OK, Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
}
