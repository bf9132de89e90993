package aws

import (
	"slices"
	"strconv"
	"strings"
)

// Version is an SSM Agent version, such as 3.3.2299.0.
type Version [4]int

// Versions at which the SSM Agent's needs change.
var (
	// from here ssmmessages carries commands too, and ec2messages is only the
	// way back ("Reference: ec2messages, ssmmessages, and other API operations").
	versionBothChannels = Version{3, 1, 821, 0}
	// from here ssmmessages is used wherever it is available (release notes of
	// 3.3.40.0).
	versionOneChannel = Version{3, 3, 40, 0}
)

// ParseVersion reads four numbers with dots. What a package manager adds after
// a dash (the release) is left out. Anything else is an unknown version.
func ParseVersion(s string) (Version, bool) {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "-")
	parts := strings.Split(s, ".")
	var v Version
	if len(parts) != len(v) {
		return Version{}, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil || strings.HasPrefix(p, "+") {
			return Version{}, false
		}
		v[i] = int(n) // 31 bits by the parser
	}
	return v, true
}

// Compare returns -1, 0 or 1, as cmp.Compare.
func (v Version) Compare(w Version) int { return slices.Compare(v[:], w[:]) }

// String writes the four numbers with dots.
func (v Version) String() string {
	var b strings.Builder
	for i, n := range v {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// Need says how much something is needed.
type Need string

// The degrees of need.
const (
	NeedNone     Need = "none"     // not even probed
	NeedOptional Need = "optional" // probed; its loss alone blocks nothing
	NeedRequired Need = "required"
)

// regionsWithoutMessages opened in 2024 or later and have no ec2messages. The
// documentation states the rule and not the list; this one follows the order in
// which regions were added to its tables.
var regionsWithoutMessages = []string{"ap-southeast-5", "mx-central-1", "ap-southeast-7", "ap-east-2",
	"ap-southeast-6", "eusc-de-east-1"}

// MessagesNeeded tells whether an SSM Agent of this version needs ec2messages in
// a region, and why. An unknown version may need it: it is probed, and its loss
// blocks nothing.
func MessagesNeeded(version, region string) (Need, string) {
	if slices.Contains(regionsWithoutMessages, region) {
		return NeedNone, "not needed: " + region + " has no ec2messages, everything goes by ssmmessages"
	}
	v, ok := ParseVersion(version)
	switch {
	case !ok:
		return NeedOptional, "needed by SSM Agents older than " + versionOneChannel.String() + "; the version here is unknown"
	case v.Compare(versionOneChannel) >= 0:
		return NeedNone, "not needed: agent " + v.String() + " uses ssmmessages"
	case v.Compare(versionBothChannels) >= 0:
		return NeedOptional, "agent " + v.String() + " falls back to it when ssmmessages fails"
	default:
		return NeedRequired, "agent " + v.String() + " gets its commands from ec2messages"
	}
}
