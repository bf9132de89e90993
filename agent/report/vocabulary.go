package report

import (
	"agentctl/agent/diagnosis"
	"agentctl/probes"
)

// ReasonWords says in a few words how a step ended. Every output uses them.
func ReasonWords(r probes.Reason) string {
	if w, ok := reasonWords[r]; ok {
		return w
	}
	return string(r)
}

// reasonWords has each reason of the closed set; a test compares them.
var reasonWords = map[probes.Reason]string{
	probes.OK:                 "ok",
	probes.Timeout:            "timeout",
	probes.Refused:            "refused",
	probes.Unreachable:        "unreachable",
	probes.Prohibited:         "rejected by a firewall",
	probes.NoRoute:            "no route",
	probes.Reset:              "reset",
	probes.Closed:             "closed early",
	probes.NXDomain:           "no such name",
	probes.NoData:             "no address",
	probes.ServFail:           "resolver failed",
	probes.DNSRefused:         "resolver refused",
	probes.FormErr:            "resolver rejects EDNS",
	probes.Truncated:          "answer cut short",
	probes.Malformed:          "broken answer",
	probes.UntrustedIssuer:    "untrusted certificate",
	probes.Expired:            "certificate expired",
	probes.NotYetValid:        "certificate not yet valid",
	probes.NameMismatch:       "wrong certificate name",
	probes.HandshakeTimeout:   "no TLS answer",
	probes.HandshakeReset:     "TLS cut off",
	probes.TLSAlert:           "TLS refused",
	probes.ProtocolVersion:    "no common TLS version",
	probes.PQBlocked:          "post-quantum TLS blocked",
	probes.MTUBlackhole:       "large packets lost",
	probes.ProxyUnreachable:   "proxy unreachable",
	probes.ProxyAuth:          "proxy wants a password",
	probes.ProxyDenied:        "proxy refuses",
	probes.NotAWS:             "not answered by AWS",
	probes.AccessDenied:       "access denied",
	probes.Unauthorized:       "login required",
	probes.NotFound:           "not found",
	probes.Throttled:          "throttled",
	probes.ServerError:        "server error",
	probes.Redirect:           "redirected",
	probes.BadContent:         "wrong content",
	probes.Stale:              "outdated content",
	probes.SignatureExpired:   "signature expired",
	probes.InvalidCredentials: "invalid credentials",
	probes.Canceled:           "ran out of time",
	probes.SkippedReason:      "skipped",
	probes.Internal:           "agentctl failed",
}

// RouteWords names the way to a target; an unknown one has no words.
func RouteWords(r probes.Route, likely bool) string {
	var w string
	switch r {
	case probes.RouteInterface:
		w = "endpoint (VPC)"
	case probes.RouteCentral:
		w = "endpoint (central)"
	case probes.RouteGateway:
		w = "S3 gateway"
	case probes.RouteNAT:
		w = "NAT"
	case probes.RouteInternet:
		w = "internet"
	case probes.RouteProxy:
		w = "proxy"
	default:
		return ""
	}
	switch {
	case !likely:
		return w
	case w[len(w)-1] == ')':
		return w[:len(w)-1] + ", likely)"
	}
	return w + " (likely)"
}

// CapabilityWords names capabilities as users know them, in the contract's
// order. Scan and install together are "patching".
func CapabilityWords(caps []diagnosis.Capability) []string {
	has := map[diagnosis.Capability]bool{}
	for _, c := range caps {
		has[c] = true
	}
	var out []string
	add := func(words string, when bool) {
		if when {
			out = append(out, words)
		}
	}
	scan, install := has[diagnosis.PatchScan], has[diagnosis.PatchInstall]
	add("managed node", has[diagnosis.SSMManaged])
	add("Run Command", has[diagnosis.RunCommand])
	add("Session Manager", has[diagnosis.SessionManager])
	add("patching", scan && install)
	add("patch scans", scan && !install)
	add("patch installation", install && !scan)
	add("SSM Agent updates", has[diagnosis.AgentUpdate])
	return out
}

// groupWords names what a group of targets is to the user.
func groupWords(g probes.Group) string {
	switch g {
	case probes.GroupSSM:
		return "Systems Manager"
	case probes.GroupS3:
		return "S3"
	case probes.GroupRepos:
		return "repositories"
	case probes.GroupWindowsUpdate:
		return "Windows Update"
	case probes.GroupAgent:
		return "SSM Agent"
	case probes.GroupIdentity:
		return "identity"
	case probes.GroupHost:
		return "host"
	}
	return string(g)
}
