package diagnosis

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"agentctl/agent/words"
	"agentctl/probes"
)

const imdsAddr = "169.254.169.254"

// ruleMetadata judges the instance metadata service. A machine that is managed
// by a hybrid activation has none, and needs none.
func ruleMetadata(v *view) {
	m := v.r.Metadata
	if m.State == probes.MetadataNotAsked || m.State == probes.MetadataOK || !v.free(subjectIMDS) || !v.has(probes.GroupIdentity) {
		return
	}
	if v.r.Agent.Identity.IdentityType == "OnPrem" || m.Reason == probes.Internal || m.Reason == probes.Canceled || v.onlyForRoot() {
		return
	}
	f := Finding{Severity: Critical, Capabilities: Capabilities(), Evidence: []Evidence{}}
	switch m.State {
	case probes.MetadataTokenLost:
		f.Code = "imds-hop-limit"
		f.Summary = "The instance metadata service answers a plain request but not the IMDSv2 token request: its hop limit is too low for where this runs."
		f.Evidence = append(f.Evidence,
			Evidence{imdsAddr + ":80", "accepts the connection; PUT /latest/api/token gets no answer in two tries"},
			Evidence{"plain GET", "is answered"})
		if shared := v.r.Agent.NetShared; shared == nil || !*shared {
			f.Severity = Warning
			f.Evidence = append(f.Evidence, Evidence{"SSM Agent", "not seen in this network namespace, so it may be nearer to the metadata service than this run is"})
		}
		f.Fix = fixHopLimit(v)
	case probes.MetadataDisabled:
		f.Code = "imds-disabled"
		f.Summary = "The instance metadata service refuses to answer (403): it, or this access to it, is disabled."
		f.Evidence = append(f.Evidence, Evidence{"http://" + imdsAddr + m.Denied, "403"})
		f.Fix = fixIMDSDisabled(v)
	default:
		f.Code = "imds-unreachable"
		f.Summary = "The instance metadata service at " + imdsAddr + " cannot be reached: " + metadataReason(m) + "."
		f.Evidence = append(f.Evidence, Evidence{imdsAddr + ":80", metadataReason(m) + ", in two tries"})
		if m.Detail != "" {
			f.Evidence = append(f.Evidence, Evidence{"detail", m.Detail})
		}
		if m.State == probes.MetadataForeign {
			f.Confidence = Likely
			f.Summary = "What answers at " + imdsAddr + " is not the EC2 instance metadata service. Is this an EC2 instance?"
		}
		if len(v.r.Host.Interfaces) > 0 && !hasAddress(v) {
			f.Evidence = append(f.Evidence, Evidence{"network", "no interface but loopback has an address"})
		} else if !hasDefaultRoute(v) {
			f.Evidence = append(f.Evidence, Evidence{"route table", "no default route"})
		}
		f.Fix = fixIMDSUnreachable(v)
	}
	if f.Severity == Warning {
		v.add(f, subjectIMDS, subjectRegion)
		return
	}
	// Without metadata the agent exits at start, so it being stopped, and the
	// region being unknown, are consequences.
	v.add(f, subjectIMDS, subjectRegion, subjectCredentials, subjectRunning)
}

// onlyForRoot: hardened hosts let only root ask the metadata service. A run as
// another user then sees it blocked, while the SSM Agent, which runs as root, has
// got its credentials there.
func (v *view) onlyForRoot() bool {
	m, a := v.r.Metadata, v.r.Agent
	return !v.r.Host.Privileged && m.State == probes.MetadataUnreachable && (a.Identity.Fresh(v.now()) || a.Worker != nil && *a.Worker)
}

func metadataReason(m probes.Metadata) string {
	switch m.Reason {
	case probes.Timeout:
		return "no answer"
	case probes.Refused:
		return "the connection is refused"
	case probes.NoRoute:
		return "this machine has no route to it"
	case probes.Unreachable, probes.Prohibited:
		if m.Sender.IsValid() {
			return m.Sender.String() + " says that it is unreachable"
		}
		return "unreachable"
	case probes.ServerError, probes.Throttled:
		return "it answers every request with an error of its own"
	case probes.Malformed, probes.BadContent:
		return "what it answers is not metadata"
	}
	return "no usable answer"
}

func hasAddress(v *view) bool {
	return v.r.Host.HasIPv4() || v.r.Host.HasGlobalIPv6()
}

func hasDefaultRoute(v *view) bool {
	return slices.ContainsFunc(v.r.Host.Routes, func(r routeEntry) bool {
		return r.Dst.IsValid() && r.Dst.Bits() == 0 && r.Kind == "unicast"
	})
}

// ruleProxiedMetadata: the agent's HTTP client honours http_proxy for the
// metadata service too (AWS: "Configure SSM Agent to use a proxy").
func ruleProxiedMetadata(v *view) {
	p := v.r.Agent.Proxy
	id := v.r.Agent.Identity
	if !p.Known || p.HTTP == "" || !v.has(probes.GroupIdentity) || !v.free(subjectCredentials) {
		return
	}
	if id.Fresh(v.now()) || (id.Unknown && v.r.Agent.Worker != nil && *v.r.Agent.Worker) {
		return // it gets its credentials all the same
	}
	cfg := httpproxy.Config{HTTPProxy: p.HTTP.Reveal(), NoProxy: p.NoProxy}
	target, err := url.Parse("http://" + imdsAddr + "/latest/meta-data/")
	if err != nil {
		return
	}
	via, err := cfg.ProxyFunc()(target)
	if err != nil || via == nil {
		return
	}
	f := Finding{Code: "imds-proxied", Severity: Critical, Capabilities: Capabilities(),
		Summary: "The SSM Agent asks the proxy for the instance metadata: its no_proxy leaves out " + imdsAddr + ".",
		Evidence: []Evidence{
			{"http_proxy of the SSM Agent", p.HTTP.String() + " (" + p.Source + ")"},
			{"no_proxy of the SSM Agent", orNone(p.NoProxy)},
		},
		Fix: fixNoProxy(v)}
	if id.Unknown {
		f.Confidence = Likely
	} else {
		f.Evidence = append(f.Evidence, Evidence{"credentials of the SSM Agent", credentialAge(id, v.now())})
	}
	v.add(f, subjectCredentials, subjectRunning)
}

func credentialAge(id probes.AgentIdentity, now time.Time) string {
	if !id.Exists || id.Source == "" || id.Retrieved.IsZero() {
		return "never received"
	}
	return "last received " + words.Duration(now.Sub(id.Retrieved)) + " ago"
}

func orNone(s string) string {
	if s == "" {
		return "(not set)"
	}
	return s
}

func ruleRegion(v *view) {
	if v.r.Region.Name != "" || !v.free(subjectRegion) || !(v.has(probes.GroupSSM) || v.has(probes.GroupS3) || v.has(probes.GroupIdentity)) {
		return
	}
	f := Finding{Code: "region-unknown", Severity: Critical, Capabilities: Capabilities(),
		Summary:  "The AWS region of this machine is not known, so its endpoints have no names to test.",
		Evidence: []Evidence{{"asked", "--region, instance metadata, configuration, SSM Agent's files, resolver search domain: none names a region"}},
		Fix:      fixRegion(v)}
	if v.r.Metadata.State == probes.MetadataNotAsked {
		f.Evidence[0].Value = "--region, configuration, SSM Agent's files, resolver search domain: none names a region (the metadata was not asked)"
	}
	v.add(f, subjectRegion)
}

// ruleRole judges the instance profile. Fresh credentials of Default Host
// Management do in its place; where they cannot be read nothing is said.
func ruleRole(v *view) {
	m := v.r.Metadata
	if m.State != probes.MetadataOK || !v.free(subjectCredentials) || !v.has(probes.GroupIdentity) {
		return
	}
	dhmc := hostManaged(v)
	switch {
	case m.Role == probes.RoleNone && dhmc == no:
		f := Finding{Code: "iam-no-instance-profile", Severity: Critical, Capabilities: Capabilities(),
			Summary: "This instance has no IAM role: no instance profile is attached, and Default Host Management gives it no credentials.",
			Evidence: []Evidence{
				{"metadata iam/security-credentials", "404, no role"},
				{"Default Host Management", dhmcEvidence(v)},
			},
			Fix: fixRole(v)}
		v.add(f, subjectCredentials)
	case m.Role == probes.RoleFailing && dhmc != yes:
		f := Finding{Code: "iam-role-unusable", Severity: Critical, Capabilities: Capabilities(),
			Summary:  fmt.Sprintf("The instance profile's role %s cannot be assumed: the metadata service says %s.", m.RoleName, m.RoleCode),
			Evidence: []Evidence{{"metadata iam/security-credentials/" + m.RoleName, "Code " + m.RoleCode}},
			Fix:      fixRoleTrust(v)}
		if m.RoleMessage != "" {
			f.Evidence = append(f.Evidence, Evidence{"message", m.RoleMessage})
		}
		v.add(f, subjectCredentials)
	case m.Role == probes.RoleOK && !m.RoleExpires.IsZero() && m.RoleExpires.Before(v.now()) && dhmc != yes:
		f := Finding{Code: "iam-credentials-expired", Severity: Critical, Capabilities: Capabilities(),
			Summary: "The metadata service hands out credentials that have expired.",
			Evidence: []Evidence{
				{"Expiration of role " + m.RoleName, m.RoleExpires.UTC().Format(time.RFC3339) + ", " + words.Duration(v.now().Sub(m.RoleExpires)) + " ago"},
			},
			Fix: fixExpired(v)}
		v.add(f, subjectCredentials)
	}
}

type ternary int

const (
	no ternary = iota
	yes
	unknown
)

// dhmcLife is the longest that a credentials file of Default Host Management is
// taken for fresh by its age alone; the agent renews it within the hour.
const dhmcLife = 2 * time.Hour

// hostManaged tells whether Default Host Management gives credentials.
func hostManaged(v *view) ternary {
	id, file := v.r.Agent.Identity, v.r.Agent.DHMC
	if id.Source == "SSM" && id.Fresh(v.now()) {
		return yes
	}
	if file.Exists && v.r.Now.Sub(file.Modified) < dhmcLife && (id.Unknown || id.Source == "SSM") {
		return yes
	}
	if id.Unknown || file.Unknown {
		return unknown
	}
	return no
}

func dhmcEvidence(v *view) string {
	if id := v.r.Agent.Identity; id.Source == "SSM" {
		return "its credentials are stale: " + credentialAge(id, v.now())
	}
	if !v.r.Agent.DHMC.Exists {
		return "no credentials file"
	}
	return "its credentials file is old: " + words.Duration(v.r.Now.Sub(v.r.Agent.DHMC.Modified))
}

// ruleUnprivileged says what an unprivileged run could not know.
func ruleUnprivileged(v *view) {
	if v.r.Host.Privileged {
		return
	}
	var what []string
	for _, u := range v.r.Host.Unreadable {
		if u.Denied {
			what = append(what, u.What)
		}
	}
	a := v.r.Agent
	for _, p := range []struct {
		denied bool
		what   string
	}{{a.Identity.Unknown, "the SSM Agent's credentials state"}, {a.DHMC.Unknown, "Default Host Management credentials"},
		{a.Config.Unknown, "the SSM Agent's configuration"}, {!a.Proxy.Known && a.Install == "installed", "the SSM Agent's proxy"}} {
		if p.denied {
			what = append(what, p.what)
		}
	}
	if len(what) == 0 {
		return
	}
	slices.Sort(what)
	v.addInfo(Finding{Code: "host-unprivileged", Severity: Info, Capabilities: []Capability{},
		Summary:  "Run without the rights to read everything; what follows is not known: " + strings.Join(slices.Compact(what), ", ") + ".",
		Evidence: []Evidence{{"not readable", strings.Join(slices.Compact(what), ", ")}},
		Fix:      []Fix{{Text: "run it again as root for the full answer", Command: "sudo agentctl probe"}}})
}
