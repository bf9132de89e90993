package agentlog

import "agentctl/probes"

// Parts of what Go's network packages say. Where no name was looked up, the host
// is that of the request, which hostIn finds.
const (
	addrPart   = `dial (?:tcp|udp)[46]? (?P<addr>\[?[0-9a-fA-F.:%a-z]+\]?:\d+)`
	lookupPart = `lookup (?P<host>[A-Za-z0-9._-]+)(?: on (?P<resolver>\[?[0-9a-fA-F.:]+\]?:\d+))?: `
)

// network makes a signature of the network: the same remedy goes for all, the
// probe finds the place.
func network(id string, class probes.LogClass, meaning, cause, re string, either ...string) Signature {
	s := Signature{
		ID: id, Class: class, Severity: "warning", any: either,
		Meaning: meaning, Cause: cause, Remedy: "agentctl probe tells where the path ends",
		Source: "Go net, crypto/tls and net/http; aws-sdk-go, aws/request",
	}
	if re != "" {
		s.re = expr(`(?s)` + re)
	}
	return s
}

func notAWS(either ...string) Signature {
	return Signature{
		ID: "http-not-aws", Class: probes.LogHTTP, Severity: "warning", any: either,
		re:      expr(`(?s)(?:status code: (?P<status>\d{3}))|(?:<title>(?P<title>[^<]{1,80}))`),
		Meaning: "The answer was not written by AWS.", Cause: "a proxy, a block page, a captive portal",
		Remedy: "let AWS names pass the proxy without inspection", Source: "aws-sdk-go, private/protocol; agent/session/service, service.go",
	}
}

func networkFamilies() []family {
	return []family{{
		// The text of a page can hold any of the words below.
		guard:      []string{"<html", "<HTML", "<!DOCTYPE", "<!doctype"},
		signatures: []Signature{notAWS("<html", "<HTML", "<!DOCTYPE", "<!doctype")},
	}, {
		// A proxy's failure names both the proxy and the target.
		guard: []string{"proxyconnect", "Proxy Auth", "\": Forbidden", "\": Bad Gateway", "\": Service Unavailable", "\": Gateway Time", ": Forbidden", "\": Method Not", "\": Not Found"},
		signatures: []Signature{
			network("proxy-auth", probes.LogProxy, "The proxy wants a user and a password.", "credentials missing or wrong in the agent's proxy setting", "", "Proxy Authentication Required"),
			network("proxy-not-tls", probes.LogProxy, "The proxy does not speak TLS.", "https:// in the address of a proxy that speaks plain HTTP", "", "proxyconnect tcp: tls: first record does not look like a TLS handshake"),
			network("proxy-unreachable", probes.LogProxy, "The proxy cannot be reached.", "a wrong address, or the proxy is down",
				`proxyconnect tcp: (?P<cause>[^\n]{1,160})`, "proxyconnect"),
			network("proxy-denied", probes.LogProxy, "The proxy refused to connect.", "its rules do not allow the name",
				`: (?P<status>Forbidden|Bad Gateway|Service Unavailable|Gateway Time-?[Oo]ut|Method Not Allowed|Not Found)`,
				"\": Forbidden", "\": Bad Gateway", "\": Service Unavailable", "\": Gateway Time", "\": Method Not Allowed", "\": Not Found"),
		},
	}, {
		guard: []string{"lookup ", "getaddrinfow", "name resolution"},
		signatures: []Signature{
			network("dns-no-such-host", probes.LogDNS, "A name does not exist.", "no such record with this resolver", lookupPart, "no such host", "No such host is known"),
			network("dns-server-failed", probes.LogDNS, "The resolver answers with a failure.", "its forwarding or the zone is broken", lookupPart, "server misbehaving", "temporary error during hostname resolution", "Temporary failure in name resolution"),
			network("dns-refused", probes.LogDNS, "Nothing listens where the resolver should.", "a resolver that is down", lookupPart, ": connection refused", "connectex: No connection could be made"),
			network("dns-timeout", probes.LogDNS, "The resolver does not answer.", "a firewall, or a resolver that is down", lookupPart, "i/o timeout", "operation timed out", "context deadline exceeded"),
			network("dns-failed", probes.LogDNS, "A name could not be looked up.", "", `lookup (?P<host>[A-Za-z0-9._-]+)(?: on (?P<resolver>[^ ]+?:\d+))?: (?P<cause>[^\n]{1,160})`, "dial tcp: lookup ", "getaddrinfow", "dial udp: lookup "),
		},
	}, {
		guard: []string{"x509: ", "tls: ", "TLS handshake"},
		signatures: []Signature{
			network("tls-unknown-authority", probes.LogTLS, "A certificate is signed by nobody whom this machine trusts.", "TLS inspection, or Amazon's roots are missing", "", "certificate signed by unknown authority", "certificate is not trusted", "certificate chain processed, but terminated in a root certificate which is not trusted"),
			network("tls-name-mismatch", probes.LogTLS, "A certificate is for other names.", "an endpoint override, a wrong hosts line, or inspection",
				`x509: certificate is (?:valid for (?P<names>[^\n]{1,200}?), not (?P<wanted>[A-Za-z0-9._-]+)|not valid for any names)`, "x509: certificate is valid for", "not valid for any names", "cannot validate certificate for"),
			network("tls-not-yet-valid", probes.LogTLS, "A certificate is not valid yet.", "the clock is behind", `current time (?P<local>\S+) is before (?P<limit>\S+)`, " is before "),
			network("tls-expired", probes.LogTLS, "A certificate has expired.", "the clock is ahead, or an old certificate", `current time (?P<local>\S+) is after (?P<limit>\S+)`, "certificate has expired"),
			network("tls-handshake-timeout", probes.LogTLS, "The TLS handshake got no answer.", "a firewall that filters by name or by size of the hello, or an MTU too large", "", "TLS handshake timeout"),
			network("tls-alert", probes.LogTLS, "The other side refused the TLS handshake.", "inspection, or versions that do not meet", `remote error: tls: (?P<cause>[^\n]{1,80})`, "remote error: tls:"),
			network("tls-not-tls", probes.LogTLS, "The other side does not speak TLS.", "a block page or a plain proxy at that address", "", "first record does not look like a TLS handshake"),
			network("tls-failed", probes.LogTLS, "TLS failed.", "", `(?P<cause>(?:tls|x509): [^\n]{1,160})`, "x509: ", "tls: failed to verify", "tls: "),
		},
	}, {
		guard: []string{"dial tcp", "connect", "imeout", "deadline exceeded", "reset by peer", "EOF", "wsarecv", "wsasend", "broken pipe"},
		signatures: []Signature{
			network("tcp-refused", probes.LogTCP, "A connection was refused.", "nothing listens there, or a firewall rejects", addrPart, "connect: connection refused", "actively refused it"),
			network("tcp-no-route", probes.LogTCP, "There is no route.", "no route table entry, or no such neighbour", addrPart, "no route to host", "network is unreachable", "unreachable network", "unreachable host"),
			network("tcp-forbidden", probes.LogTCP, "This machine's own firewall forbids the connection.", "a local rule", addrPart, "connect: operation not permitted", "forbidden by its access permissions"),
			network("tcp-timeout", probes.LogTCP, "A connection got no answer.", "security group, network ACL, a missing route or endpoint", addrPart, ": i/o timeout", "connection timed out", "did not properly respond", "waiting for connection"),
			network("tcp-reset", probes.LogTCP, "A connection was cut with a reset.", "a firewall that inspects; since 3.3.2299.0 often one that drops the post-quantum hello",
				`(?:read|write) tcp \S+->(?P<addr>\S+?): `, "connection reset by peer", "forcibly closed by the remote host", "broken pipe"),
			network("http-timeout", probes.LogTransport, "No answer came in time.", "TCP, TLS or the server; the wording does not tell", "", "Client.Timeout", "deadline exceeded", "request canceled"),
			network("tcp-closed", probes.LogTCP, "A connection was closed before an answer.", "a proxy or firewall", "", ": EOF", "unexpected EOF"),
		},
	}, {
		guard: []string{"SerializationError", "unmarshal", "malformed HTTP"},
		signatures: []Signature{
			notAWS("SerializationError", "failed to unmarshal createControlChannel", "malformed HTTP"),
		},
	}, {
		guard: []string{"Throttl", "Rate exceeded", "RequestLimitExceeded", "TooManyRequests", "status code: 5", "InternalServer", "ServiceUnavailable", "InternalFailure"},
		signatures: []Signature{
			{
				ID: "throttled", Class: probes.LogThrottle, Severity: "info", any: []string{"Throttl", "Rate exceeded", "RequestLimitExceeded", "TooManyRequests"},
				Meaning: "AWS asked to slow down.", Cause: "many instances at once", Remedy: "none; the agent tries again", Source: "common error codes of AWS APIs",
			},
			{
				ID: "aws-server-error", Class: probes.LogHTTP, Severity: "info", any: []string{"status code: 5", "InternalServerError", "ServiceUnavailable", "InternalFailure"},
				re:      expr(`status code: (?P<status>5\d\d)`),
				Meaning: "The server failed.", Cause: "AWS, or a proxy in between", Remedy: "none if it passes", Source: "common error codes of AWS APIs",
			},
		},
	}, {
		guard: []string{"send request failed"},
		signatures: []Signature{{
			ID: "transport-hidden", Class: probes.LogTransport, Severity: "warning", any: []string{"send request failed"},
			re:      expr(`caused by: (?P<cause>[^\n]{1,160})`),
			Meaning: "A request could not be sent; the line does not say why.",
			Cause:   "DNS, TCP, TLS and proxies all read alike here",
			Remedy:  "agentctl probe tells where the path ends",
			Source:  "common/identity/credentialproviders/ec2roleprovider, ec2_role_provider.go: the inner error is dropped",
		}},
	}}
}
