package ssmagent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"agentctl/platform"
	"agentctl/probes"
)

const maxConfig = 1 << 20

// endpointKey finds an endpoint of its own in a file that cannot be parsed.
var endpointKey = regexp.MustCompile(`(?i)"(endpoint|servicedomain)"\s*:\s*"[^"]+`)

// agentJSON has the fields of amazon-ssm-agent.json with their types
// (agent/appconfig/contracts.go). All are here, because a wrong type in any of
// them makes the agent refuse the file.
type agentJSON struct {
	Profile struct {
		ShareCreds, ForceUpdateCreds bool
		ShareProfile                 string
		KeyAutoRotateDays            int
	}
	Mds struct {
		Endpoint                                                         string
		CommandWorkersLimit, CommandWorkerBufferLimit, CommandRetryLimit int
		StopTimeoutMillis                                                int64
	}
	Ssm struct {
		Endpoint                              string
		HealthFrequencyMinutes                int
		AssociationFrequencyMinutes           int
		AssociationRetryLimit                 int
		CustomInventoryDefaultLocation        string
		AssociationLogsRetentionDurationHours int
		RunCommandLogsRetentionDurationHours  int
		SessionLogsRetentionDurationHours     int
		SessionLogsDestination                string
		PluginLocalOutputCleanup              string
		OrchestrationDirectoryCleanup         string
	}
	Mgs struct {
		Region, Endpoint                              string
		StopTimeoutMillis                             int64
		SessionWorkersLimit, SessionWorkerBufferLimit int
		DeniedPortForwardingRemoteIPs                 []string
	}
	Agent struct {
		Name, Version, Region, ServiceDomain, OrchestrationRootDir, DownloadRootDir string
		ContainerMode, SelfUpdate                                                   bool
		SelfUpdateScheduleDay                                                       int
		TelemetryMetricsToCloudWatch, TelemetryMetricsToSSM                         bool
		TelemetryMetricsNamespace                                                   string
		LongRunningWorkerMonitorIntervalSeconds                                     int
		ShouldPurgeInstanceProfileRoleCreds                                         bool
		AuditExpirationDay                                                          int
		ForceFileIPC                                                                bool
		GoMaxProcForAgentWorker                                                     int
	}
	Os          struct{ Lang, Name, Version string }
	S3          struct{ Endpoint, Region, LogBucket, LogKey string }
	Birdwatcher struct{ ForceEnable bool }
	Kms         struct {
		Endpoint                    string
		RequireKMSChallengeResponse bool
	}
	Identity struct {
		Ec2SystemInfoDetectionResponse string
		ConsumptionOrder               []string
		CustomIdentities               []*struct {
			InstanceID, Region, AvailabilityZone, AvailabilityZoneID, InstanceType, CredentialsProvider string
		}
	}
}

// readConfig reads the configuration that the agent of that binary takes.
func readConfig(host platform.Host, l layout, program string) probes.AgentConfig {
	name := l.config
	if dir := dirName(program); dir != "" && dir != l.usualDir {
		// A file beside the program wins (constants_unix.go, init).
		if info, err := host.Stat(dir + l.configBeside); err == nil && info.Mode().IsRegular() {
			name = dir + l.configBeside
		}
	}
	c := probes.AgentConfig{FileState: fileState(host, name)}
	if !c.Exists {
		return c
	}
	data, err := host.ReadFile(name, maxConfig)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.FileState = probes.FileState{Path: name}
		return c
	case errors.Is(err, platform.ErrTooLarge):
		c.Unknown = true // the agent has no such limit: we cannot tell what it reads
		return c
	case err != nil:
		c.Unknown = true
		return c
	}
	parseConfig(&c, data)
	return c
}

// parseConfig fills in what a configuration says, or why it cannot be parsed.
func parseConfig(c *probes.AgentConfig, data []byte) {
	var j agentJSON
	if err := json.Unmarshal(data, &j); err != nil {
		c.Invalid = jsonProblem(data, err)
		c.Overrides = endpointKey.Match(data)
		return
	}
	c.Region, c.ServiceDomain = j.Agent.Region, j.Agent.ServiceDomain
	c.SSMEndpoint, c.MDSEndpoint = j.Ssm.Endpoint, j.Mds.Endpoint
	c.MGSEndpoint, c.MGSRegion = j.Mgs.Endpoint, j.Mgs.Region
	c.S3Endpoint, c.S3Region = j.S3.Endpoint, j.S3.Region
	c.KMSEndpoint = j.Kms.Endpoint
	for _, v := range []*string{&c.Region, &c.ServiceDomain, &c.SSMEndpoint, &c.MDSEndpoint, &c.MGSEndpoint,
		&c.MGSRegion, &c.S3Endpoint, &c.S3Region, &c.KMSEndpoint} {
		*v = clip(*v, 512)
	}
}

// jsonProblem says what is wrong with JSON text and where: "line 3, column 7: ...".
func jsonProblem(data []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")):
		return "line 1, column 1: begins with a byte order mark, which JSON does not allow"
	case errors.As(err, &syntax):
		// The offset counts the bytes read, the bad one included.
		return position(data, syntax.Offset-1) + clip(syntax.Error(), 256)
	case errors.As(err, &kind):
		return position(data, kind.Offset-1) + fmt.Sprintf("%s must be %s, not %s", clip(kind.Field, 128), kind.Type, clip(kind.Value, 64))
	}
	return clip(err.Error(), 256)
}

// position turns an offset into a line and a column, both from 1, the column in
// bytes.
func position(data []byte, offset int64) string {
	head := data[:min(max(offset, 0), int64(len(data)))]
	line := bytes.Count(head, []byte("\n")) + 1
	column := len(head) - bytes.LastIndexByte(head, '\n')
	return fmt.Sprintf("line %d, column %d: ", line, column)
}
