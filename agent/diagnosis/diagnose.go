package diagnosis

import (
	"cmp"
	"slices"

	"agentctl/probes"
)

// rules is the order of judgement, from the deepest cause to the shallowest:
// host > identity > DNS > path > TLS and HTTP > SSM Agent > repositories > host
// prerequisites and patch runs. A rule sees only the
// targets that no rule before it has explained, which is how one dead resolver
// stays one finding. The catalogue's Suppresses says the same for the reader,
// and a test holds the two together.
func rules() []func(*view) {
	return slices.Concat([]func(*view){
		ruleHostFirewall, ruleNothingRoutes,
		ruleMetadata, ruleProxiedMetadata, ruleRegion, ruleClock, ruleRole, ruleAccessDenied,
		ruleNoResolver, ruleResolverUnreachable, ruleEDNS, ruleDNSOverTCP, ruleResolverFailing,
		ruleHostsOverride, ruleCustomResolver, ruleNameNotFound, ruleResolverDegraded, ruleResolverSlow,
		ruleProxy,
		ruleNoRoute, ruleEgressBlocked, ruleEgressNoWayOut, ruleEgressFiltered,
		ruleEndpointBlocked, ruleEndpointCentral, ruleEndpointMissing,
		ruleS3Dualstack, ruleS3Unreachable, ruleNetUnreachable, ruleRefused, rulePathLeftOver, ruleIPv6,
		ruleMTU, rulePQ, ruleIntercepted, ruleTrustStore, ruleTLSVersion, ruleNameMismatch, ruleCertificateTime,
		ruleNotTLS, ruleTLSBlocked, ruleNotAWS, ruleS3Denied, ruleService, ruleInspected,
		ruleWebSocket, ruleExpect,
		ruleAgentInstalled, ruleAgentConfig, ruleAgentCrashLoop, ruleAgentStopped, ruleAgentIdentity,
		ruleBackoff, ruleCredentialsStale, ruleNoCredentials, ruleChannelFallback,
		ruleStrayCredentials, ruleAgentDisabled, ruleAgentVersion, ruleLogErrors, ruleEndpointOverride,
	}, repoRules(), hostRules(), []func(*view){ruleUnprivileged})
}

// Diagnose judges one round. It reads the round and nothing else.
func Diagnose(r *probes.Round) Diagnosis {
	v := newView(r)
	for _, rule := range rules() {
		rule(v)
	}
	d := Diagnosis{Findings: v.out, ExplainedBy: map[string]Code{}, Routes: map[string]Route{}}
	for _, res := range v.results {
		if code, ok := v.claimed[res.Target.Name]; ok && res.State != probes.Up && !res.Target.Skip {
			d.ExplainedBy[res.Target.Name] = code
		}
		d.Routes[res.Target.Name] = v.route(res)
	}
	slices.SortStableFunc(d.Findings, func(a, b Finding) int {
		return cmp.Compare(rank(a.Severity), rank(b.Severity))
	})
	d.State, d.Capabilities = verdict(v, d.Findings)
	return d
}

func rank(s Severity) int {
	switch s {
	case Critical:
		return 0
	case Warning:
		return 1
	}
	return 2
}

// verdict: blocked with any critical finding, else unknown where something that is
// required could not be tested at all, else degraded with any warning, else ready.
// Unknown stands above degraded, whose exit code says that nothing blocks patching.
func verdict(v *view, fs []Finding) (State, map[Capability]State) {
	caps := map[Capability]State{}
	for _, c := range Capabilities() {
		caps[c] = Ready
	}
	state := Ready
	for _, r := range v.probed() {
		if rr := v.repos[r]; r.Target.Required && r.State == probes.Unknown && (rr == nil || v.notAsked(rr)) {
			state = Unknown
			for _, c := range capabilitiesOf([]string{r.Target.Name}) {
				caps[c] = Unknown
			}
		}
	}
	if v.unproven() {
		state = Unknown
	}
	for _, f := range fs {
		s := Ready
		switch f.Severity {
		case Critical:
			s = Blocked
		case Warning:
			s = Degraded
		case Info:
			continue
		}
		state = worse(state, s)
		for _, c := range f.Capabilities {
			caps[c] = worse(caps[c], s)
		}
	}
	return state, caps
}

// worse is the state that decides: blocked > unknown > degraded > ready.
func worse(a, b State) State {
	order := []State{Ready, Degraded, Unknown, Blocked}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}
