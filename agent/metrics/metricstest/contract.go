package metricstest

import dto "github.com/prometheus/client_model/go"

// Promise is what the contract says of one metric.
type Promise struct {
	Kind   dto.MetricType
	Labels string // in the order of the alphabet
}

// Contract is what users, rules and dashboards rely on. Names are added, never
// changed.
var Contract = map[string]Promise{
	"agentctl_build_info":                                        {dto.MetricType_GAUGE, "goarch goos goversion revision version"},
	"agentctl_data_timestamp_seconds":                            {dto.MetricType_GAUGE, ""},
	"agentctl_instance_info":                                     {dto.MetricType_GAUGE, "image_id instance_id instance_type subnet_id vpc_id zone_id"},
	"agentctl_verdict":                                           {dto.MetricType_GAUGE, "state"},
	"agentctl_capability_ready":                                  {dto.MetricType_GAUGE, "capability"},
	"agentctl_finding_active":                                    {dto.MetricType_GAUGE, "code severity"},
	"agentctl_finding_since_timestamp_seconds":                   {dto.MetricType_GAUGE, "code"},
	"agentctl_target_up":                                         {dto.MetricType_GAUGE, "group required target"},
	"agentctl_target_route_info":                                 {dto.MetricType_GAUGE, "route target"},
	"agentctl_target_phase_duration_seconds":                     {dto.MetricType_GAUGE, "phase target"},
	"agentctl_probe_duration_seconds":                            {dto.MetricType_HISTOGRAM, "group"},
	"agentctl_probes_total":                                      {dto.MetricType_COUNTER, "target"},
	"agentctl_probe_failures_total":                              {dto.MetricType_COUNTER, "phase reason target"},
	"agentctl_tls_certificate_not_after_timestamp_seconds":       {dto.MetricType_GAUGE, "target"},
	"agentctl_dns_resolver_up":                                   {dto.MetricType_GAUGE, "resolver"},
	"agentctl_dns_resolver_duration_seconds":                     {dto.MetricType_GAUGE, "resolver"},
	"agentctl_clock_offset_seconds":                              {dto.MetricType_GAUGE, ""},
	"agentctl_ssm_agent_state":                                   {dto.MetricType_GAUGE, "state"},
	"agentctl_ssm_agent_info":                                    {dto.MetricType_GAUGE, "version"},
	"agentctl_ssm_agent_credentials_retrieved_timestamp_seconds": {dto.MetricType_GAUGE, ""},
	"agentctl_ssm_agent_credentials_expire_timestamp_seconds":    {dto.MetricType_GAUGE, ""},
	"agentctl_ssm_agent_log_last_line_timestamp_seconds":         {dto.MetricType_GAUGE, ""},
	"agentctl_ssm_agent_log_errors_total":                        {dto.MetricType_COUNTER, "class"},
	"agentctl_update_source_info":                                {dto.MetricType_GAUGE, "source"},
	"agentctl_patch_last_run_timestamp_seconds":                  {dto.MetricType_GAUGE, "operation"},
	"agentctl_patch_last_run_exit_code":                          {dto.MetricType_GAUGE, "operation"},
	"agentctl_round_last_success_timestamp_seconds":              {dto.MetricType_GAUGE, "group"},
	"agentctl_round_duration_seconds":                            {dto.MetricType_GAUGE, "group"},
	"agentctl_rounds_total":                                      {dto.MetricType_COUNTER, "group"},
	"agentctl_config_last_reload_successful":                     {dto.MetricType_GAUGE, ""},
	"agentctl_config_last_reload_success_timestamp_seconds":      {dto.MetricType_GAUGE, ""},
}
