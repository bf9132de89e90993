package ssmagent

import (
	"regexp"
)

// endpointHost finds the agent's service names with their region in a log, such as
// ssm.eu-central-1.amazonaws.com (common/identity/endpoint/endpoint.go), dual-stack
// and FIPS forms included.
var endpointHost = regexp.MustCompile(`\b(?:ssm|ec2messages|ssmmessages)(?:-fips)?\.([a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2})\.(?:amazonaws|api|c2s|sc2s|csp|cloud)\.`)

// logRegion is the region that the newest such line of a log's tail names.
func logRegion(tail []byte) string {
	all := endpointHost.FindAllSubmatchIndex(tail, -1)
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1]
	return string(tail[last[2]:last[3]])
}
