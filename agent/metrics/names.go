package metrics

import "github.com/prometheus/client_golang/prometheus"

// desc is one metric of the contract (section 4).
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("agentctl_"+name, help, labels, nil)
}

// What is known of every program and machine.
var (
	buildInfo    = desc("build_info", "The build of agentctl; always 1.", "version", "revision", "goversion", "goos", "goarch")
	dataTime     = desc("data_timestamp_seconds", "Date of the built-in tables of endpoints, buckets and systems.")
	instanceInfo = desc("instance_info", "The instance, by its metadata; always 1.", "instance_id", "vpc_id", "subnet_id", "zone_id", "image_id", "instance_type")
)

// What was judged.
var (
	verdict         = desc("verdict", "Whether patching can work here: 1 for the state that holds.", "state")
	capabilityReady = desc("capability_ready", "Whether a capability of Systems Manager is ready (1), or is degraded or blocked (0).", "capability")
	findingActive   = desc("finding_active", "A root cause that is found now; always 1.", "code", "severity")
	findingSince    = desc("finding_since_timestamp_seconds", "Since when a root cause is found.", "code")
)

// What was measured.
var (
	targetUp         = desc("target_up", "Whether a target was reached in its last probe.", "target", "group", "required")
	targetRoute      = desc("target_route_info", "The way that packets take to a target; always 1.", "target", "route")
	phaseDuration    = desc("target_phase_duration_seconds", "How long one phase of a target's last probe took.", "target", "phase")
	certificateEnd   = desc("tls_certificate_not_after_timestamp_seconds", "When the certificate that a target shows ends.", "target")
	resolverUp       = desc("dns_resolver_up", "Whether a configured resolver gave a usable answer in the last round.", "resolver")
	resolverDuration = desc("dns_resolver_duration_seconds", "Median time of a resolver's answers in the last round.", "resolver")
	clockOffset      = desc("clock_offset_seconds", "The true time less the local clock's; positive where the local clock is behind.")
)

// What the machine says of itself.
var (
	agentState          = desc("ssm_agent_state", "How the SSM Agent stands: 1 for the state that holds.", "state")
	agentInfo           = desc("ssm_agent_info", "The SSM Agent's version; always 1.", "version")
	credentialsFrom     = desc("ssm_agent_credentials_retrieved_timestamp_seconds", "When the SSM Agent last retrieved credentials that Systems Manager accepted.")
	credentialsTill     = desc("ssm_agent_credentials_expire_timestamp_seconds", "When the SSM Agent's credentials expire.")
	logLastLine         = desc("ssm_agent_log_last_line_timestamp_seconds", "Time of the newest line in the SSM Agent's log.")
	logErrors           = desc("ssm_agent_log_errors_total", "Errors that the SSM Agent has logged since agentctl started.", "class")
	updateSource        = desc("update_source_info", "Where updates come from; always 1.", "source")
	patchLastRun        = desc("patch_last_run_timestamp_seconds", "When the last patch operation ended, or began where it has not ended.", "operation")
	patchLastRunEnd     = desc("patch_last_run_exit_code", "Exit code of the last patch operation, where one is written down.", "operation")
	roundSuccess        = desc("round_last_success_timestamp_seconds", "When a round last measured all of a group.", "group")
	roundDuration       = desc("round_duration_seconds", "How long the last round with a group took.", "group")
	reloadSuccessful    = desc("config_last_reload_successful", "Whether the configuration could be used when it was last read.")
	reloadSuccessfulEnd = desc("config_last_reload_success_timestamp_seconds", "When a configuration was last read that could be used.")
)

// What is counted.
var (
	probesTotal   = desc("probes_total", "Probes of a target since agentctl started.", "target")
	probeFailures = desc("probe_failures_total", "Failed probes of a target, by the phase and the reason that ended them.", "target", "phase", "reason")
	roundsTotal   = desc("rounds_total", "Rounds that measured a group since agentctl started.", "group")
)

// The one histogram.
const (
	durationName = "agentctl_probe_duration_seconds"
	durationHelp = "How long probes took."
)

// descs are all of them but the histogram.
func descs() []*prometheus.Desc {
	return []*prometheus.Desc{
		buildInfo, dataTime, instanceInfo, verdict, capabilityReady, findingActive, findingSince,
		targetUp, targetRoute, phaseDuration, certificateEnd, resolverUp, resolverDuration, clockOffset,
		agentState, agentInfo, credentialsFrom, credentialsTill, logLastLine, logErrors, updateSource, patchLastRun, patchLastRunEnd,
		roundSuccess, roundDuration, reloadSuccessful, reloadSuccessfulEnd, probesTotal, probeFailures, roundsTotal,
	}
}
