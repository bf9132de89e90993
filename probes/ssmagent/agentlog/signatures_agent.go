package agentlog

import "agentctl/probes"

// agentFamilies are causes in the agent's own words that more than one of its
// messages can hold.
func agentFamilies() []family {
	return []family{{
		guard: []string{"bad handshake"},
		signatures: []Signature{{
			ID: "websocket-refused", Class: probes.LogWebSocket, Severity: "warning", all: []string{"bad handshake"},
			re:      expr(`status: (?P<status>\d{3})`),
			Meaning: "The WebSocket to ssmmessages was refused at its upgrade.",
			Cause:   "a proxy or an inspecting firewall that does not pass WebSockets on (403, 502); 4xx by AWS itself: an old token",
			Remedy:  "let wss:// to ssmmessages pass", Source: "agent/session/communicator/websocketutil, websocketutil.go",
		}},
	}, {
		guard: []string{"websocket: close ", "retry limit"},
		signatures: []Signature{{
			ID: "websocket-cut", Class: probes.LogWebSocket, Severity: "info", any: []string{"websocket: close ", "retry limit"},
			re:      expr(`websocket: close (?P<status>\d{4})(?: \((?P<cause>[^)\n]{1,60})\))?`),
			Meaning: "The control channel was closed by the other side.", Cause: "an ordinary end, or an idle limit of a firewall or proxy; harmless if it is opened again at once",
			Remedy: "none if it is opened again", Source: "agent/session/communicator, websocketchannel.go; issue 256",
		}},
	}}
}

// said makes the signature of a message of the agent's.
func said(id string, class probes.LogClass, meaning, cause, remedy, source string) Signature {
	return Signature{ID: id, Class: class, Severity: "warning", Meaning: meaning, Cause: cause, Remedy: remedy, Source: source}
}

func info(s Signature) Signature { s.Severity = "info"; return s }

func credentialOuters() []outer {
	const roleProvider = "common/identity/credentialproviders/ec2roleprovider, ec2_role_provider.go"
	const refresher = "core/app/credentialrefresher, credentialrefresher.go"
	sub := probes.SubjectCredentials
	role := said("role-cannot-report", probes.LogCredentials, "The role's credentials could not report to ssm.", "", "see the cause in the line", roleProvider)
	failed := said("credentials-failed", probes.LogCredentials, "The agent got no credentials that ssm accepts.", "", "restart the agent once the cause is gone: it waits for up to an hour", refresher)
	dhmc := said("dhmc-failed", probes.LogCredentials, "Default Host Management gave no credentials.", "it is off, or registration failed; the line above holds what failed with the role", "attach a role, or turn it on", roleProvider)
	shared := said("shared-credentials-lost", probes.LogCredentials, "The file of Default Host Management's credentials cannot be used.", "it was deleted or is broken", "restart the agent", roleProvider)
	return []outer{
		{Signature: failed, prefix: "Retrieve credentials produced error", subject: sub},
		{Signature: role, prefix: "Failed to connect to Systems Manager with instance profile role credentials", subject: sub},
		{Signature: dhmc, prefix: "Failed to connect to Systems Manager with SSM role credentials", subject: sub},
		{Signature: role, prefix: "failed to retrieve instance profile role credentials", subject: sub},
		{Signature: shared, prefix: "unable to load shared credentials", subject: sub},
		{Signature: shared, prefix: "Credentials are not available when they should be", subject: sub},
		{Signature: shared, prefix: "Failed to read runtime config for ShareFile", subject: sub},
		{Signature: said("credentials-not-saved", probes.LogResource, "The agent cannot save its credentials' state.", "a full or read-only disk", "free space in /var/lib/amazon", refresher),
			prefix: "Failed to write credentials to disk even with force", subject: sub},
		{Signature: said("credentials-not-saved", probes.LogResource, "The agent cannot save its credentials' state.", "a full or read-only disk", "free space in /var/lib/amazon", refresher),
			prefix: "Failed to save new expiration", subject: sub},
		{Signature: failed, prefix: "Status code ", subject: sub, quiet: true},
		{Signature: said("refresher-panic", probes.LogProcess, "The credential refresher crashed; it starts again after 5 minutes.", "a bug", "update the agent", refresher), prefix: "credentials refresher panic", subject: sub},
	}
}

func channelOuters() []outer {
	const channel = "agent/session/controlchannel, controlchannel.go"
	const socket = "agent/session/communicator, websocketchannel.go"
	sub := probes.SubjectControlChannel
	failed := said("control-channel-failed", probes.LogChannel, "The control channel to ssmmessages could not be opened.", "", "check ssmmessages: endpoint, its policy, the role's ssmmessages actions", channel)
	idle := info(said("websocket-idle", probes.LogWebSocket, "The control channel was silent too long, and is opened again.", "an idle limit of a firewall, NAT or proxy below two minutes", "raise the idle limit; none if it is opened again", socket))
	// Its captures are those of the cause of the same name.
	cut := info(said("websocket-cut", probes.LogWebSocket, "The control channel was closed by the other side.", "an ordinary end, or an idle limit of a firewall or proxy", "none if it is opened again", socket))
	dial := said("websocket-dial-failed", probes.LogWebSocket, "The WebSocket to ssmmessages could not be opened.", "a proxy or firewall", "let wss:// to ssmmessages pass", "agent/session/communicator/websocketutil, websocketutil.go")
	return []outer{
		{Signature: failed, prefix: "Failed to get controlchannel token", subject: sub},
		{Signature: failed, prefix: "failed to reconnect to the control channel", subject: sub},
		{Signature: failed, prefix: "failed to initialize websocket channel for controlchannel", subject: sub},
		{Signature: failed, prefix: "Error setting up control channel", subject: sub, quiet: true},
		{Signature: failed, prefix: "failed to connect controlchannel", subject: sub},
		{Signature: failed, prefix: "CreateControlChannel failed", subject: sub},
		{Signature: dial, prefix: "Failed to dial websocket", subject: sub},
		{Signature: cut, prefix: "Reach the retry limit ", subject: sub, plain: true},
		{Signature: idle, prefix: "I/O timeout. Error", subject: sub, plain: true},
		{Signature: idle, prefix: "Error while sending websocket ping", subject: sub, plain: true},
		{Signature: info(said("messages-cut", probes.LogTCP, "A long poll of ec2messages was cut.", "an idle limit of a firewall", "raise the idle limit", "agent/runcommand/mds, service.go")),
			prefix: "Server terminated MDS long poll", subject: probes.SubjectMessages, plain: true},
		{Signature: info(said("messages-cut", probes.LogTCP, "A long poll of ec2messages was cut.", "an idle limit of a firewall", "raise the idle limit", "agent/runcommand/mds, service.go")),
			prefix: "Client terminated MDS long poll", subject: probes.SubjectMessages, plain: true},
		{Signature: said("messages-failed", probes.LogChannel, "Polling ec2messages failed.", "", "check ec2messages; not needed while ssmmessages works", "agent/messageservice/interactor/mdsinteractor"),
			prefix: "MDS Polling job started with errors", subject: probes.SubjectMessages},
	}
}

func startOuters() []outer {
	const selector = "common/identity/identity, identity_selector.go"
	sub := probes.SubjectIdentity
	none := said("identity-failed", probes.LogIdentity, "The agent finds no identity, and exits.", "the metadata service does not answer it", "free the way to 169.254.169.254; set no_proxy=169.254.169.254", selector)
	imds := said("imds-failed", probes.LogIMDS, "The agent got nothing of the metadata service.", "blocked, turned off, or asked through a proxy", "free the way to 169.254.169.254; set no_proxy=169.254.169.254", "common/identity/availableidentities/ec2, ec2_identity.go")
	start := said("start-failed", probes.LogProcess, "The agent gave up at its start.", "", "see the cause in the line", "core, agent.go")
	register := said("registration-failed", probes.LogRegistration, "Registering for Default Host Management failed; harmless with a working role.", "", "none with a working role", "core/app/registrar, registrar.go")
	crash := said("crashed", probes.LogProcess, "A part of the agent crashed.", "a bug, or a broken file", "update the agent", "core, agent.go; agent, agent.go")
	return []outer{
		{Signature: imds, prefix: "Failed to get instance info from IMDS", subject: sub},
		{Signature: none, prefix: "Agent failed to assume any identity", subject: sub},
		{Signature: none, prefix: "failed to find identity, retrying", subject: sub},
		{Signature: none, prefix: "failed to get identity", subject: sub},
		{Signature: none, prefix: "error fetching the instanceID", subject: sub},
		{Signature: none, prefix: "error fetching the region", subject: sub},
		{Signature: none, prefix: "Failed to fetch instance ID", subject: sub},
		{Signature: none, prefix: "Failed to fetch region", subject: sub},
		{Signature: start, prefix: "Error occurred when starting amazon-ssm-agent", subject: sub},
		{Signature: start, prefix: "error occurred when starting", subject: sub},
		{Signature: start, prefix: "error occured when starting", subject: sub}, //nolint:misspell // as 2.0 writes it
		{Signature: start, prefix: "Failed to start agent.", subject: sub},
		{Signature: start, prefix: "Failed to start core agent", subject: probes.SubjectProcess},
		{Signature: said("config-not-loaded", probes.LogConfig, "The agent's configuration could not be loaded.", "amazon-ssm-agent.json is broken", "correct the file", "core/app/bootstrap, bootstrap.go"), prefix: "context could not be loaded", subject: probes.SubjectProcess},
		{Signature: said("ipc-failed", probes.LogResource, "The agent cannot make its channel between processes.", "a full or read-only disk, or rights", "check /var/lib/amazon/ssm/ipc", "core/app/bootstrap, bootstrap.go"), prefix: "failed to create IPC folder", subject: probes.SubjectProcess},
		{Signature: register, prefix: "failed to register identity", subject: probes.SubjectRegistration},
		{Signature: info(said("already-registered", probes.LogRegistration, "The instance is registered already, and its keys are lost.", "a restored or cloned disk", "none with a working role", "common/identity/availableidentities/ec2, ec2_identity.go")), prefix: "Instance appears to already be registered", subject: probes.SubjectRegistration, plain: true},
		{Signature: said("identity-role-failed", probes.LogIMDS, "The instance identity role could not be read from the metadata service.", "that path is blocked", "free 169.254.169.254/latest/meta-data/identity-credentials", "common/identity/credentialproviders/iirprovider, iir_role_provider.go"), prefix: "failed to retrieve instance identity role", subject: probes.SubjectRegistration},
		{Signature: said("worker-failed", probes.LogProcess, "The worker could not be started.", "its program is missing or may not run", "install the agent again", "core/workerprovider/longrunningprovider/provider, provider.go"), prefix: "failed to start worker", subject: probes.SubjectProcess},
		{Signature: crash, prefix: "Core Agent crashed with message", subject: probes.SubjectProcess},
		{Signature: crash, prefix: "core Agent service crashed with message", subject: probes.SubjectProcess},
		{Signature: crash, prefix: "SSM Agent Worker crashed with message", subject: probes.SubjectProcess},
		{Signature: crash, prefix: "Agent core startup panic", subject: probes.SubjectProcess},
		{Signature: crash, prefix: "registrar panic", subject: probes.SubjectProcess},
		{Signature: crash, prefix: "Hibernate panic", subject: probes.SubjectProcess},
	}
}

func workOuters() []outer {
	call := said("api-call-failed", probes.LogTransport, "A call of an AWS API failed.", "", "see the cause in the line", "agent/sdkutil, awserr.go")
	ping := said("hibernating", probes.LogHealth, "The agent got no answer of ssm at its start, and only pings now.", "", "restart the agent once the cause is gone: it waits for up to an hour", "agent, agent.go; agent/hibernation, hibernation.go")
	upload := said("s3-upload-failed", probes.LogTransport, "Output could not be uploaded to S3.", "", "allow the bucket; check the way to S3", "agent/s3util, s3util.go")
	upload.inWorker = true
	update := said("update-failed", probes.LogUpdate, "The agent's update of itself failed.", "S3 cannot be reached", "check the way to S3", "core/app/selfupdate, selfupdate.go")
	inventory := info(said("inventory-upload-failed", probes.LogOther, "Inventory could not be uploaded.", "", "none", "agent/plugins/inventory/datauploader"))
	watch := said("ipc-watch-failed", probes.LogResource, "A worker cannot be talked to.", "", "raise fs.inotify.max_user_instances", "common/filewatcherbasedipc, filewatcherchannel.go")
	watch.inWorker = true
	return []outer{
		{Signature: call, prefix: "error when calling AWS APIs. error details"},
		{Signature: ping, prefix: "Entering SSM Agent hibernate", subject: probes.SubjectHealth},
		{Signature: ping, prefix: "Entering SSM Agent Worker hibernate", subject: probes.SubjectHealth},
		{Signature: ping, prefix: "Health ping failed with error", subject: probes.SubjectHealth},
		{Signature: upload, prefix: "Failed uploading ", subject: probes.SubjectS3},
		{Signature: upload, prefix: "failed uploading ", subject: probes.SubjectS3},
		{Signature: upload, prefix: "Failed to upload ", subject: probes.SubjectS3},
		{Signature: upload, prefix: "HTTP HEAD request failed", subject: probes.SubjectS3},
		{Signature: update, prefix: "Self update failed", subject: probes.SubjectS3},
		{Signature: update, prefix: "Self Update failed", subject: probes.SubjectS3},
		{Signature: info(said("update-to-older", probes.LogUpdate, "An update would go to an older version.", "the Region has not got the newest one yet", "wait up to two weeks, or allow the downgrade", "agent/update/processor")), prefix: "updating amazon-ssm-agent to an older version", subject: probes.SubjectOther, plain: true},
		{Signature: info(said("update-unsupported", probes.LogUpdate, "There is no update for this platform.", "the Region has not got it yet", "wait up to two weeks", "agent/update/processor")), prefix: "Unsupported on current platform", subject: probes.SubjectOther, plain: true},
		{Signature: inventory, prefix: "the following error occured while calling PutInventory API", subject: probes.SubjectOther}, //nolint:misspell // as the agent writes it
		{Signature: watch, prefix: "filewatcher listener encountered error", subject: probes.SubjectProcess},
	}
}
