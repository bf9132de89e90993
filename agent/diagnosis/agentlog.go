package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// recent is how old an error in the SSM Agent's log may be to still count when
// nothing after it says that it is over. The longest distance of two tries is an
// hour (health pings of a hibernating worker, credential refresher).
const recent = 70 * time.Minute

// logCurrent are the log's events that are neither past nor old, newest last.
func (v *view) logCurrent() []probes.LogEvent {
	var out []probes.LogEvent
	for _, e := range v.r.Agent.Log.Current() {
		if v.r.Now.Sub(e.Last) <= recent {
			out = append(out, e)
		}
	}
	return out
}

func (v *view) logEvidence(e probes.LogEvent) Evidence {
	text := clip(e.Line)
	if e.Count > 1 {
		text += fmt.Sprintf(" (%d times, last %s)", e.Count, words.Ago(e.Last, v.r.Now))
	} else {
		text += " (" + words.Ago(e.Last, v.r.Now) + ")"
	}
	return Evidence{"SSM Agent's log", text}
}

// byEC2Messages tells whether the agent works by its older channel instead.
func (v *view) byEC2Messages() bool { return v.r.Agent.Log.Channel == "ec2messages" }

var layerWords = map[string]string{
	probes.LayerIdentity:       "no identity-based policy allows it",
	probes.LayerIdentityDeny:   "an identity-based policy denies it",
	probes.LayerEndpoint:       "no VPC endpoint policy allows it",
	probes.LayerEndpointDeny:   "a VPC endpoint policy denies it",
	probes.LayerSCP:            "a service control policy",
	probes.LayerRCP:            "a resource control policy",
	probes.LayerBoundary:       "the role's permissions boundary",
	probes.LayerSession:        "a session policy",
	probes.LayerResource:       "a resource-based policy",
	probes.LayerExplicitUnsaid: "an explicit deny in a policy that AWS does not name",
	probes.LayerUnnamed:        "AWS does not say which policy",
}

// ruleAccessDenied reads the layer that denied from the texts in the SSM Agent's
// own log: no signed call is needed.
func ruleAccessDenied(v *view) {
	if !v.has(probes.GroupIdentity) && !v.has(probes.GroupAgent) {
		return
	}
	byCode := map[Code]*Finding{}
	var order []Code
	actions := map[Code][]string{}
	layers := map[Code][]string{}
	for _, e := range v.logCurrent() {
		if e.Class != probes.LogIAM && e.Class != probes.LogEndpointPolicy {
			continue
		}
		action, layer := e.Captures["action"], e.Captures["layer"]
		service, _, _ := strings.Cut(action, ":")
		if service == "" {
			service = e.Captures["service"]
		}
		if !slices.Contains([]string{"ssm", "ssmmessages", "ec2messages"}, service) {
			continue // not what patching stands on
		}
		if service == "ec2messages" && v.r.Agent.Log.Channel == "ssmmessages" {
			v.usedEvents[e.ID] = true
			continue // not needed
		}
		code := Code("iam-access-denied")
		if layer == probes.LayerEndpoint || layer == probes.LayerEndpointDeny {
			code = "vpce-policy-denied"
		}
		f := byCode[code]
		if f == nil {
			f = &Finding{Code: code, Severity: Warning}
			byCode[code] = f
			order = append(order, code)
		}
		if service != "ssmmessages" || !v.byEC2Messages() {
			f.Severity = Critical
		}
		if layer == probes.LayerUnnamed {
			f.Confidence = Likely
		}
		if !slices.Contains(f.Targets, service) {
			f.Targets = append(f.Targets, service)
		}
		actions[code] = appendNew(actions[code], orText(action, service+":*"))
		layers[code] = appendNew(layers[code], layerWords[layer])
		f.Evidence = append(f.Evidence, v.logEvidence(e))
		v.usedEvents[e.ID] = true
	}
	for _, code := range order {
		f := byCode[code]
		what := list(actions[code])
		if code == "vpce-policy-denied" {
			f.Summary = fmt.Sprintf("The policy of the VPC endpoint does not allow %s.", what)
			f.Fix = fixEndpointPolicy(v, f.Targets, actions[code])
		} else {
			f.Summary = fmt.Sprintf("AWS denies %s to this instance's role.", what)
			f.Fix = fixAccess(v, layers[code])
		}
		f.Evidence = append(f.Evidence, Evidence{"denied by", list(layers[code])})
		caps := capabilitiesOf(f.Targets)
		f.Capabilities = caps
		claims := []string{}
		if slices.Contains(f.Targets, "ssm") {
			claims = append(claims, subjectCredentials)
		}
		// The services answer here: nothing but the agent's own calls is denied,
		// so no probed target is explained by this.
		targets := f.Targets
		f.Targets = nil
		v.add(*f, append(claims, subjectChannelOf(targets)...)...)
		v.out[len(v.out)-1].Targets = targets
	}
}

// subjectChannelOf claims the agent's channel where ssmmessages is among them.
func subjectChannelOf(services []string) []string {
	if slices.Contains(services, "ssmmessages") {
		return []string{subjectChannel}
	}
	return nil
}

func appendNew(s []string, x string) []string {
	if slices.Contains(s, x) {
		return s
	}
	return append(s, x)
}

// ruleWebSocket: the service answers a GET, but the agent's log shows that the
// channel itself, a WebSocket, is refused or cut.
func ruleWebSocket(v *view) {
	r := v.result("ssmmessages")
	if r == nil || r.State != probes.Up || !v.free(subjectChannel) || !v.has(probes.GroupAgent) {
		return
	}
	var hit []probes.LogEvent
	for _, e := range v.logCurrent() {
		if e.Class == probes.LogWebSocket {
			hit = append(hit, e)
		}
	}
	if len(hit) == 0 {
		return
	}
	f := Finding{Code: "ssm-channel-websocket-blocked", Severity: Critical, Capabilities: capabilitiesOf([]string{"ssmmessages"}),
		Summary: "The SSM Agent's channel does not stay open: ssmmessages answers a plain request, but its WebSocket is refused or cut on the way.",
		Fix:     fixWebSocket(v)}
	if v.byEC2Messages() {
		f.Severity = Warning
		f.Evidence = append(f.Evidence, Evidence{"SSM Agent", "works by ec2messages instead"})
	}
	for _, e := range hit {
		f.Evidence = append(f.Evidence, v.logEvidence(e))
		v.usedEvents[e.ID] = true
	}
	v.add(f, subjectChannel)
}

func ruleChannelFallback(v *view) {
	log := v.r.Agent.Log
	if !v.has(probes.GroupAgent) || !v.agentRuns() || !v.byEC2Messages() || !v.free(subjectChannel) || !v.free(subjectCredentials) || !v.free("ssmmessages") || v.unproven() {
		return
	}
	if since := v.r.Now.Sub(log.ChannelSince); !log.ChannelSince.IsZero() && since < settling {
		return // it has just started, and tries ssmmessages first
	}
	f := Finding{Code: "ssm-agent-channel-fallback", Severity: Warning, Capabilities: []Capability{SessionManager, RunCommand},
		Summary:  "The SSM Agent works by ec2messages, because it could not open its channel to ssmmessages. Sessions do not work.",
		Evidence: []Evidence{{"SSM Agent's log", "its connection is ec2messages since " + words.Time(log.ChannelSince)}},
		Fix:      []Fix{v.restartNow(), fixAgentLog()}}
	for _, e := range v.logCurrent() {
		if e.Subject == probes.SubjectControlChannel {
			f.Evidence = append(f.Evidence, v.logEvidence(e))
			v.usedEvents[e.ID] = true
		}
	}
	v.add(f, subjectChannel)
}

// blocksOf are the blocks whose findings explain a class of log errors.
func blocksOf(c probes.LogClass) []string {
	switch c {
	case probes.LogDNS:
		return []string{BlockDNS, BlockPath}
	case probes.LogTCP, probes.LogProxy:
		return []string{BlockPath, BlockDNS}
	case probes.LogTLS:
		return []string{BlockTLS, BlockPath, BlockIdentity}
	case probes.LogHTTP, probes.LogThrottle:
		return []string{BlockTLS, BlockPath}
	case probes.LogClock, probes.LogIMDS:
		return []string{BlockIdentity, BlockPath}
	case probes.LogConfig, probes.LogProcess, probes.LogUpdate:
		return []string{BlockAgent}
	case probes.LogIdentity:
		return []string{BlockAgent, BlockIdentity}
	case probes.LogResource:
		return []string{BlockHost}
	case probes.LogTransport, probes.LogWebSocket, probes.LogChannel, probes.LogHealth, probes.LogRegistration,
		probes.LogCredentials, probes.LogIAM, probes.LogEndpointPolicy, probes.LogOther:
	}
	return []string{BlockIdentity, BlockDNS, BlockPath, BlockTLS, BlockAgent}
}

// ruleLogErrors joins the log with what was found: an error that a finding
// explains is that one's evidence; what is left is reported once.
func ruleLogErrors(v *view) {
	if !v.has(probes.GroupAgent) || !v.agentRuns() {
		return
	}
	var left []probes.LogEvent
	for _, e := range v.logCurrent() {
		if v.usedEvents[e.ID] || e.Severity != "warning" {
			continue
		}
		if e.Class == probes.LogRegistration && v.r.Agent.Identity.Source == "EC2" && v.r.Agent.Identity.Fresh(v.now()) {
			continue // the registration serves Default Host Management, and the role works
		}
		if i := v.explains(e); i >= 0 {
			if len(v.out[i].Evidence) < 12 {
				v.out[i].Evidence = append(v.out[i].Evidence, v.logEvidence(e))
			}
			continue
		}
		left = append(left, e)
	}
	if len(left) == 0 || v.unproven() { // what was not tested may explain it
		return
	}
	worst := left[len(left)-1]
	f := Finding{Code: "ssm-agent-log-error", Severity: Warning, Capabilities: Capabilities(), Confidence: Likely,
		Summary: fmt.Sprintf("The SSM Agent's log shows a recent error that nothing in this round explains: %s.", strings.TrimSuffix(worst.Meaning, "."))}
	for _, e := range left {
		f.Evidence = append(f.Evidence, v.logEvidence(e))
	}
	if worst.Remedy != "" {
		f.Fix = append(f.Fix, Fix{Text: worst.Remedy})
	}
	f.Fix = append(f.Fix, fixAgentLog())
	v.add(f)
}

// explains is the index of the finding that explains a log error: one that hits
// the service which the line names, else one of the blocks that can be behind
// its class; -1: none.
func (v *view) explains(e probes.LogEvent) int {
	service := e.Captures["service"]
	for i, f := range v.out {
		if f.Severity != Info && service != "" && slices.Contains(f.Targets, service) {
			return i
		}
	}
	for _, block := range blocksOf(e.Class) {
		for i, f := range v.out {
			if entry, _ := Lookup(f.Code); f.Severity == Critical && entry.Block == block {
				return i
			}
		}
	}
	for i, f := range v.out { // an agent that waits repeats what it waits for
		if f.Code == "ssm-agent-backoff" || f.Code == "ssm-agent-credentials-stale" || f.Code == "ssm-agent-no-credentials" || f.Code == "ssm-agent-channel-fallback" {
			return i
		}
	}
	return -1
}
