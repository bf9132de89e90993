package agentlog

import "agentctl/probes"

// IAM's wording for a denied request ("Troubleshoot access denied error messages"
// in the IAM user guide): who is not authorized to perform what on what, and
// then, where it says so, "because no TYPE policy allows the ACTION action" or
// "with an explicit deny in a TYPE policy".
var denied = expr(`(?s)(?:assumed-role/(?P<role>[^/\s]+)/\S+ )?is not authorized to perform: (?P<action>[a-z0-9-]+:[A-Za-z]+)`)

const deniedText = "is not authorized to perform: "

// layered makes the signature of one layer.
func layered(id string, class probes.LogClass, layer, name, remedy string, either ...string) Signature {
	return Signature{
		ID: id, Class: class, Severity: "warning", all: []string{deniedText}, any: either, re: denied, inWorker: true,
		Meaning: "A request was denied, by " + name + ".",
		Cause:   name + " does not allow the action, or denies it",
		Remedy:  remedy,
		Source:  "IAM user guide, troubleshoot_access-denied",
		set:     map[string]string{"layer": layer},
	}
}

func policyFamilies() []family {
	const role = "attach AmazonSSMManagedInstanceCore to the instance's role, or allow the action there"
	return []family{{
		guard: []string{deniedText},
		signatures: []Signature{
			layered("denied-endpoint-policy-deny", probes.LogEndpointPolicy, probes.LayerEndpointDeny, "a VPC endpoint policy's explicit deny",
				"remove the deny from the policy of the interface endpoint", "explicit deny in a VPC endpoint policy"),
			layered("denied-endpoint-policy", probes.LogEndpointPolicy, probes.LayerEndpoint, "a VPC endpoint policy",
				"allow the action in the policy of the interface endpoint", "no VPC endpoint policy allows", "VPC endpoint policy"),
			layered("denied-service-control-policy", probes.LogIAM, probes.LayerSCP, "a service control policy of the organization",
				"ask the organization's administrators", "service control policy"),
			layered("denied-resource-control-policy", probes.LogIAM, probes.LayerRCP, "a resource control policy of the organization",
				"ask the organization's administrators", "resource control policy"),
			layered("denied-permissions-boundary", probes.LogIAM, probes.LayerBoundary, "the permissions boundary of the role",
				"allow the action in the boundary too", "permissions boundary"),
			layered("denied-session-policy", probes.LogIAM, probes.LayerSession, "a session policy",
				"allow the action in the session policy", "session policy"),
			layered("denied-identity-policy-deny", probes.LogIAM, probes.LayerIdentityDeny, "an explicit deny in a policy of the role",
				"remove the deny from the role's policies", "explicit deny in an identity-based policy"),
			layered("denied-identity-policy", probes.LogIAM, probes.LayerIdentity, "the role's policies",
				role, "no identity-based policy allows", "identity-based policy"),
			layered("denied-resource-policy", probes.LogIAM, probes.LayerResource, "a policy of the resource",
				"allow the role in the policy of the bucket or key", "resource-based policy"),
			layered("denied-explicit", probes.LogIAM, probes.LayerExplicitUnsaid, "an explicit deny in a policy that the message does not name",
				"look for Deny statements in the role's policies, the endpoint's and the organization's", "with an explicit deny"),
			layered("denied-unnamed", probes.LogIAM, probes.LayerUnnamed, "a policy that the message does not name", role+"; check the endpoint's policy too"),
		},
	}, {
		guard: []string{"AccessDenied", "nauthorized", "not authorized"},
		signatures: []Signature{
			{
				ID: "dhmc-not-configured", Class: probes.LogCredentials, Severity: "warning", all: []string{"instance management role is not configured"},
				Meaning: "Systems Manager has no Default Host Management role for this account.",
				Cause:   "Default Host Management Configuration is off in this Region",
				Remedy:  "attach an instance profile, or turn Default Host Management on",
				Source:  "RequestManagedInstanceRoleToken, RegisterManagedInstance",
			},
			{
				ID: "role-cannot-be-assumed", Class: probes.LogCredentials, Severity: "warning", all: []string{"AssumeRoleUnauthorizedAccess"},
				Meaning: "EC2 may not assume the role of the instance profile.",
				Cause:   "the role's trust policy does not name ec2.amazonaws.com, or the role was deleted",
				Remedy:  "correct the role's trust policy",
				Source:  "common/identity/credentialproviders/ec2roleprovider, ec2_role_provider_deps.go",
			},
			{
				ID: "denied-bare", Class: probes.LogIAM, Severity: "warning", any: []string{"AccessDeniedException", "AccessDenied:", "<Code>AccessDenied</Code>"},
				re: expr(`(?:AccessDeniedException>?|AccessDenied)[:\s]+(?:<Message>)?(?P<cause>[^<\n]{1,200})`), inWorker: true,
				Meaning: "A request was denied; the message names no policy and no action.",
				Cause:   "the role's policies, the endpoint's policy or the organization's",
				Remedy:  "attach AmazonSSMManagedInstanceCore; check the endpoint's policy",
				Source:  "agent/session/controlchannel, controlchannel.go; S3",
				set:     map[string]string{"layer": probes.LayerUnnamed},
			},
			{
				ID: "denied-unauthorized", Class: probes.LogIAM, Severity: "warning", any: []string{"Unauthorized request", "UnauthorizedRequest", "Request is not authorized"},
				Meaning: "Session Manager's service refused the request.",
				Cause:   "the role lacks the ssmmessages actions",
				Remedy:  "attach AmazonSSMManagedInstanceCore",
				Source:  "amazon-ssm-agent issue 121",
				set:     map[string]string{"layer": probes.LayerUnnamed, "service": "ssmmessages"},
			},
		},
	}, {
		guard: []string{"ignature", "ecurity token", "SkewedError", "TimeTooSkewed", "redential"},
		signatures: []Signature{
			{
				ID: "clock-behind", Class: probes.LogClock, Severity: "warning", all: []string{"Signature expired: "},
				re:      expr(`Signature expired: (?P<local>\d{8}T\d{6}Z) is now earlier than (?P<limit>\d{8}T\d{6}Z)(?: \((?P<server>\d{8}T\d{6}Z))?`),
				Meaning: "AWS refused a signature as too old.", Cause: "the clock is behind",
				Remedy: "set the clock: chrony with 169.254.169.123, or w32tm", Source: "SigV4: five minutes are allowed",
			},
			{
				ID: "clock-ahead", Class: probes.LogClock, Severity: "warning", all: []string{"Signature not yet current"},
				re:      expr(`Signature not yet current: (?P<local>\d{8}T\d{6}Z) is still later than (?P<limit>\d{8}T\d{6}Z)(?: \((?P<server>\d{8}T\d{6}Z))?`),
				Meaning: "AWS refused a signature as not yet valid.", Cause: "the clock is ahead",
				Remedy: "set the clock: chrony with 169.254.169.123, or w32tm", Source: "SigV4: five minutes are allowed",
			},
			{
				ID: "clock-skewed", Class: probes.LogClock, Severity: "warning", any: []string{"RequestTimeTooSkewed", "RequestExpired:"}, inWorker: true,
				Meaning: "AWS refused a request for its time.", Cause: "the clock is wrong",
				Remedy: "set the clock: chrony with 169.254.169.123, or w32tm", Source: "S3 and EC2 error codes",
			},
			{
				ID: "credentials-expired", Class: probes.LogCredentials, Severity: "warning",
				any:     []string{"security token included in the request is expired", "ExpiredToken", "shared credentials are already expired"},
				Meaning: "The credentials are past their time.", Cause: "they were not refreshed, or the clock is wrong",
				Remedy: "restart the agent; check the clock and /root/.aws/credentials",
				Source: "common/identity/credentialproviders/sharedprovider, sharedprovider.go",
			},
			{
				ID: "credentials-invalid", Class: probes.LogCredentials, Severity: "warning",
				any:     []string{"security token included in the request is invalid", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"},
				Meaning: "AWS does not know the credentials.", Cause: "another partition's or a deleted key, often from /root/.aws/credentials",
				Remedy: "remove stray credentials; restart the agent", Source: "common error codes of AWS APIs",
			},
			{
				ID: "signature-mismatch", Class: probes.LogCredentials, Severity: "warning", any: []string{"request signature we calculated does not match", "SignatureDoesNotMatch", "IncompleteSignature"},
				Meaning: "AWS computed another signature.", Cause: "a wrong secret key, or a proxy that rewrites requests",
				Remedy: "remove stray credentials; exempt AWS names from inspection", Source: "common error codes of AWS APIs",
			},
			{
				ID: "no-credentials-in-chain", Class: probes.LogCredentials, Severity: "warning", all: []string{"NoCredentialProviders"},
				Meaning: "No source of credentials had any.", Cause: "no instance profile, or the metadata service does not answer",
				Remedy: "attach an instance profile; check the metadata service", Source: "aws-sdk-go, aws/credentials, chain_provider.go",
			},
		},
	}}
}
