package patchruns

import (
	"regexp"
	"strings"

	"agentctl/probes"
)

// parameters are those of the document, as they stand in the script that the agent
// wrote: it puts the values in before it runs the script.
type parameters struct {
	operation  string
	snapshotID string
	override   string
	// byAssociation: the script is AWS-RunPatchBaselineAssociation's.
	byAssociation bool
	associationID string
}

const (
	maxScript = 256 << 10
	maxCall   = 4 << 10
)

var (
	quotedText = regexp.MustCompile(`"([^"\n]*)"|'([^'\n]*)'`)
	uuidForm   = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	// windowsOption is one of -Operation Scan -SnapshotId '' -BaselineOverride ''.
	windowsOption = regexp.MustCompile(`-(\w+)\s+(?:'([^'\r\n]*)'|"([^"\r\n]*)"|([A-Za-z]+))`)
)

// readParameters finds the values in a script of either system.
func readParameters(script string) parameters {
	p := parameters{byAssociation: strings.Contains(script, "BaselineTags")}
	// The end of PatchWindows: $response = Invoke-PatchBaselineOperation -Operation ...
	if i := strings.LastIndex(script, "Invoke-PatchBaselineOperation "); i >= 0 {
		call, _, _ := strings.Cut(script[i:min(len(script), i+maxCall)], "\n")
		for _, m := range windowsOption.FindAllStringSubmatch(call, 32) {
			p.option(m[1], m[2]+m[3]+m[4])
		}
		return p
	}
	// common_startup_entrance.execute("os_selector", "PatchLinux", SNAPSHOT,
	// OPERATION, INSTALL OVERRIDE LIST, REBOOT OPTION, BASELINE OVERRIDE). Newer ones
	// have more, so values count by their form, and by the reboot option before them.
	const entrance = "entrance.execute("
	i := strings.LastIndex(script, entrance)
	if i < 0 {
		return p
	}
	call := script[i+len(entrance):]
	call = call[:min(len(call), maxCall)]
	if end := strings.Index(call, ")\n"); end >= 0 {
		call = call[:end]
	}
	rebootSeen := false
	for n, m := range quotedText.FindAllStringSubmatch(call, 32) {
		v := m[1] + m[2]
		switch {
		case n == 0:
			p.byAssociation = p.byAssociation || strings.Contains(strings.ToLower(v), "association")
		case n == 2 && uuidForm.MatchString(v):
			p.snapshotID = v
		case operationOf(v) != "":
			p.operation = operationOf(v)
		case v == "RebootIfNeeded" || v == "NoReboot":
			rebootSeen = true
		case n > 2 && uuidForm.MatchString(v):
			p.associationID = v
		case strings.Contains(v, "://") && (rebootSeen || strings.Contains(v, policyPrefix)):
			p.override = v
		}
	}
	return p
}

func (p *parameters) option(name, value string) {
	switch name {
	case "Operation":
		p.operation = operationOf(value)
	case "SnapshotId":
		if uuidForm.MatchString(value) {
			p.snapshotID = value
		}
	case "BaselineOverride":
		p.override = value
	case "AssociationId":
		if uuidForm.MatchString(value) {
			p.associationID = value
		}
	}
}

// operationOf is the operation that a word names.
func operationOf(s string) string {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "scan":
		return probes.PatchScan
	case "install":
		return probes.PatchInstall
	}
	return ""
}

// policyPrefix begins the name of a patch policy's bucket, which goes on with the
// account and the configuration's id.
const policyPrefix = "aws-quicksetup-patchpolicy-"

var (
	policyBucket = regexp.MustCompile(`^aws-quicksetup-patchpolicy-([0-9]{12})-([a-z0-9]{1,20})$`)
	bucketName   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	// s3Host are the names of S3, of either style, with the region where there is one.
	s3Host = regexp.MustCompile(`^(?:([a-z0-9][a-z0-9.-]*)\.)?s3(?:-fips)?(?:[.-](?:dualstack\.)?([a-z]{2,8}(?:-[a-z]{1,16}){1,4}-[0-9]{1,2}))?\.amazonaws\.com(?:\.cn)?$`)
)

// overrideOf takes an address of a baseline override apart; nil: it is none.
func overrideOf(address, source string) *probes.PatchOverride {
	address, _, _ = strings.Cut(strings.TrimSpace(address), "?")
	if len(address) > 1024 {
		return nil
	}
	o := &probes.PatchOverride{Source: source}
	if rest, ok := strings.CutPrefix(address, "s3://"); ok {
		o.Bucket, o.Key, _ = strings.Cut(rest, "/")
	} else if rest, ok := strings.CutPrefix(address, "https://"); ok {
		host, key, _ := strings.Cut(rest, "/")
		m := s3Host.FindStringSubmatch(host)
		if m == nil {
			return nil
		}
		o.Bucket, o.Key, o.Region = m[1], key, m[2]
		if o.Bucket == "" {
			o.Bucket, o.Key, _ = strings.Cut(key, "/")
		}
	}
	if !bucketName.MatchString(o.Bucket) || o.Key == "" {
		return nil
	}
	o.URL, o.Key = tidy([]byte(address), maxGroup), tidy([]byte(o.Key), maxGroup)
	if o.Key == "" { // nothing of it can be shown
		return nil
	}
	if m := policyBucket.FindStringSubmatch(o.Bucket); m != nil {
		o.Policy, o.AccountID, o.ConfigID = true, m[1], m[2]
	}
	return o
}
