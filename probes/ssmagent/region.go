package ssmagent

import (
	"bytes"
	"regexp"
)

// endpointHost finds the agent's service names with their region in a log, such as
// ssm.eu-central-1.amazonaws.com (common/identity/endpoint/endpoint.go), dual-stack
// and FIPS forms included.
var endpointHost = regexp.MustCompile(`\b(?:ssm|ec2messages|ssmmessages)(?:-fips)?\.([a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2})\.(?:amazonaws|api|c2s|sc2s|csp|cloud)\.`)

// endpointMarks are what a line must have for endpointHost to be tried: nearly all
// lines name the agent, few a service.
var endpointMarks = [...][]byte{[]byte("messages."), []byte("messages-fips."), []byte("ssm."), []byte("ssm-fips.")}

// logRegion is the region that the newest such line of a log's tail names.
func logRegion(tail []byte) string {
	for len(tail) > 0 {
		i := bytes.LastIndexByte(tail[:len(tail)-1], '\n') + 1
		line := tail[i:]
		tail = tail[:i]
		for _, mark := range endpointMarks {
			if !bytes.Contains(line, mark) {
				continue
			}
			if m := endpointHost.FindSubmatch(line); m != nil {
				return string(m[1])
			}
			break
		}
	}
	return ""
}
