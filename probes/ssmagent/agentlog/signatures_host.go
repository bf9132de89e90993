package agentlog

import "agentctl/probes"

// hostFamilies are causes on the machine itself: its metadata service, its disk,
// its limits. They come before the network's, whose words they share.
func hostFamilies() []family {
	return []family{{
		guard: []string{"169.254.169.254", "fd00:ec2::254", "EC2Metadata", "EC2RoleRequestError", "EC2 metadata", "IMDS"},
		signatures: []Signature{
			{
				ID: "imds-refused", Class: probes.LogIMDS, Severity: "warning", all: []string{"EC2Metadata"}, any: []string{"status code: 401", "status code: 403"},
				re:      expr(`status code: (?P<status>\d{3})`),
				Meaning: "The metadata service refuses.", Cause: "it is turned off for this instance, or a local firewall or proxy answers",
				Remedy: "enable the metadata endpoint; set no_proxy=169.254.169.254", Source: "aws-sdk-go, aws/ec2metadata",
			},
			{
				ID: "imds-proxied", Class: probes.LogIMDS, Severity: "warning", any: []string{"proxyconnect"},
				re:      expr(`proxyconnect tcp: (?P<cause>[^\n]{1,160})`),
				Meaning: "The metadata service is asked through a proxy.", Cause: "http_proxy without no_proxy=169.254.169.254",
				Remedy: "set no_proxy=169.254.169.254 for the agent", Source: "aws-sdk-go uses the environment's proxy for the metadata service too",
			},
			{
				ID: "imds-unreachable", Class: probes.LogIMDS, Severity: "warning",
				any: []string{"dial tcp", "i/o timeout", "Client.Timeout", "deadline exceeded", "connection refused", "no route to host", "network is unreachable",
					"unreachable network", "request canceled", "send request failed", "connection reset", "EOF", "actively refused", "did not properly respond"},
				not:     []string{"no EC2 instance role found"},
				re:      expr(`(?P<cause>i/o timeout|Client\.Timeout[^\n)]*|context deadline exceeded|connection refused|no route to host|network is unreachable|unreachable network|connection reset by peer|EOF|actively refused it|did not properly respond)`),
				Meaning: "The metadata service does not answer.", Cause: "a missing route, a local firewall, a proxy, the hop limit in a container",
				Remedy: "free the way to 169.254.169.254; set no_proxy=169.254.169.254", Source: "re:Post, ssm-agent-logs; amazon-ssm-agent issue 348",
			},
			{
				ID: "imds-unreachable-for-role", Class: probes.LogIMDS, Severity: "warning", all: []string{"no EC2 instance role found"},
				any:     []string{"send request failed", "dial tcp", "i/o timeout", "Client.Timeout", "deadline exceeded"},
				Meaning: "The metadata service does not answer when asked for the role.", Cause: "as imds-unreachable; the agent reads it as having no role",
				Remedy: "free the way to 169.254.169.254; set no_proxy=169.254.169.254", Source: "aws-sdk-go, aws/credentials/ec2rolecreds",
			},
			{
				ID: "no-instance-role", Class: probes.LogCredentials, Severity: "warning", all: []string{"EC2RoleRequestError"},
				Meaning: "The metadata service has no role for this instance.", Cause: "no instance profile is attached; the same words stand for any failure of that request",
				Remedy: "attach an instance profile, or turn Default Host Management on", Source: "aws-sdk-go, aws/credentials/ec2rolecreds",
			},
			{
				ID: "imds-status", Class: probes.LogIMDS, Severity: "warning", all: []string{"EC2Metadata"},
				re:      expr(`status code: (?P<status>\d{3})`),
				Meaning: "The metadata service answers with an error.", Cause: "it lacks what was asked for, or something else answers in its place",
				Remedy: "agentctl probe --only identity", Source: "aws-sdk-go, aws/ec2metadata",
			},
		},
	}, {
		guard: []string{"too many open file", "no space left", "annot allocate memory", "ead-only file system", "quota exceeded", "ot enough space"},
		signatures: []Signature{
			{
				ID: "resource-inotify", Class: probes.LogResource, Severity: "warning", inWorker: true, all: []string{"ilewatcher"},
				any:     []string{"too many open file", "no space left"},
				Meaning: "The kernel's limit for inotify is reached.", Cause: "other programs hold the user's inotify instances or watches: the agent's workers cannot talk to each other, so no command runs",
				Remedy: "raise fs.inotify.max_user_instances (to 8192) and fs.inotify.max_user_watches", Source: "common/filewatcherbasedipc, filewatcherchannel.go; Session Manager troubleshooting; issues 262, 330, 677",
			},
			{
				ID: "resource-files", Class: probes.LogResource, Severity: "warning", inWorker: true, any: []string{"too many open file"},
				Meaning: "There are too many open files.", Cause: "a limit of descriptors, or inotify instances",
				Remedy: "raise LimitNOFILE of the service and fs.inotify.max_user_instances", Source: "amazon-ssm-agent issue 323",
			},
			{
				ID: "resource-disk-full", Class: probes.LogResource, Severity: "warning", inWorker: true, any: []string{"no space left on device", "ot enough space on the disk", "quota exceeded"},
				Meaning: "A disk is full.", Cause: "/var has no space or no inodes left", Remedy: "free space in /var", Source: "errno(3) ENOSPC",
			},
			{
				ID: "resource-memory", Class: probes.LogResource, Severity: "warning", inWorker: true, any: []string{"annot allocate memory"},
				Meaning: "Memory ran out.", Cause: "a small instance", Remedy: "add memory or swap", Source: "errno(3) ENOMEM",
			},
			{
				ID: "resource-read-only", Class: probes.LogResource, Severity: "warning", inWorker: true, any: []string{"ead-only file system"},
				Meaning: "The agent may not write to its disk.", Cause: "a file system that was mounted read-only after an error", Remedy: "check the disk; mount it again", Source: "errno(3) EROFS",
			},
		},
	}, {
		guard: []string{"MachineFingerprint", "InvalidInstanceId", "InvalidActivation"},
		signatures: []Signature{
			{
				ID: "fingerprint-mismatch", Class: probes.LogIdentity, Severity: "warning", any: []string{"MachineFingerprintDoesNotMatch"},
				Meaning: "The registration is another machine's.", Cause: "an image made with the agent's data in it, or changed hardware",
				Remedy: "remove the agent's Vault, register again", Source: "amazon-ssm-agent issue 165; amazon-ssm-agent -fingerprint",
			},
			{
				ID: "instance-id-refused", Class: probes.LogIdentity, Severity: "warning", any: []string{"InvalidInstanceId", "InvalidActivation"},
				Meaning: "Systems Manager does not know this instance id.", Cause: "a deregistered node, or a hybrid registration left in an image",
				Remedy: "register again", Source: "ssm API errors",
			},
		},
	}}
}
