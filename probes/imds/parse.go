package imds

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"agentctl/probes"
)

const (
	maxWord    = 256 // bytes of one value
	maxList    = 64  // values of one list
	maxMessage = 512
)

// What the values look like. An answer that does not is not the service's.
var (
	isInstanceID = regexp.MustCompile(`^i-[0-9A-Za-z-]{1,64}$`).MatchString
	isRegion     = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{1,16}){1,4}-[0-9]{1,2}$`).MatchString
	isZone       = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{1,16}){1,4}-[0-9]{1,2}[a-z0-9-]{1,32}$`).MatchString
	isZoneID     = regexp.MustCompile(`^[a-z0-9-]{3,32}-az[0-9]{1,2}$`).MatchString
	isPartition  = regexp.MustCompile(`^aws[a-z-]{0,32}$`).MatchString
	isMAC        = regexp.MustCompile(`^[0-9a-f]{2}(:[0-9a-f]{2}){5}$`).MatchString
	isType       = regexp.MustCompile(`^[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}$`).MatchString
	isName       = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$`).MatchString
	isAccount    = regexp.MustCompile(`^[0-9]{12}$`).MatchString
	// isRoleName as IAM allows them (CreateRole, RoleName).
	isRoleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`).MatchString
)

func isAddr(s string) bool   { _, err := netip.ParseAddr(s); return err == nil }
func isPrefix(s string) bool { _, err := netip.ParsePrefix(s); return err == nil }

// hasPrefix checks resource ids such as vpc-0123456789abcdef0.
func hasPrefix(prefix string) func(string) bool {
	return func(s string) bool {
		rest, ok := strings.CutPrefix(s, prefix)
		return ok && isName(rest)
	}
}

// word stores an answer of one value.
func (a *asker) word(into *string, valid func(string) bool) func([]byte) bool {
	return func(body []byte) bool {
		w := oneWord(body, valid)
		if w != "" {
			*into = w
		}
		return w != ""
	}
}

// words adds an answer of one value a line, each value once.
func (a *asker) words(into *[]string, valid func(string) bool) func([]byte) bool {
	return func(body []byte) bool {
		list := wordList(body, valid)
		*into = addNew(*into, list...)
		return len(list) > 0
	}
}

func addNew(list []string, more ...string) []string {
	for _, m := range more {
		if !slices.Contains(list, m) && len(list) < maxList {
			list = append(list, m)
		}
	}
	return list
}

// oneWord is the value of an answer that is nothing else; "" if it is not valid.
func oneWord(body []byte, valid func(string) bool) string {
	if len(body) > maxWord {
		return ""
	}
	w := strings.TrimSpace(string(body))
	if w == "" || !valid(w) {
		return ""
	}
	return w
}

// wordList has the valid values of an answer with one a line. Lists of folders
// end each name with a slash.
func wordList(body []byte, valid func(string) bool) []string {
	var out []string
	for line := range strings.Lines(string(body)) {
		w := strings.TrimSuffix(strings.TrimSpace(line), "/")
		if w != "" && len(w) <= maxWord && valid(w) && len(out) < maxList {
			out = append(out, w)
		}
	}
	return out
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(string(body), "\n")
	return line
}

// document is the part of the instance identity document that is used.
type document struct {
	InstanceID   string `json:"instanceId"`
	InstanceType string `json:"instanceType"`
	ImageID      string `json:"imageId"`
	Region       string `json:"region"`
	AZ           string `json:"availabilityZone"`
	AccountID    string `json:"accountId"`
	PrivateIP    string `json:"privateIp"`
}

// parseDocument reads the instance identity document; values that are not as they
// should be are left out. It is false where no instance id is left.
func parseDocument(body []byte) (document, bool) {
	var d document
	if json.Unmarshal(body, &d) != nil {
		return document{}, false
	}
	for _, v := range []struct {
		value *string
		valid func(string) bool
	}{
		{&d.InstanceID, isInstanceID}, {&d.InstanceType, isType}, {&d.ImageID, hasPrefix("ami-")},
		{&d.Region, isRegion}, {&d.AZ, isZone}, {&d.AccountID, isAccount}, {&d.PrivateIP, isAddr},
	} {
		if !v.valid(*v.value) {
			*v.value = ""
		}
	}
	return d, d.InstanceID != ""
}

func (a *asker) takeDocument(body []byte) bool {
	d, ok := parseDocument(body)
	if !ok {
		return false
	}
	a.m.InstanceID, a.m.InstanceType, a.m.ImageID = d.InstanceID, d.InstanceType, d.ImageID
	a.m.Region, a.m.AZ, a.m.AccountID = d.Region, d.AZ, d.AccountID
	if d.PrivateIP != "" {
		a.m.PrivateIPs = addNew(a.m.PrivateIPs, d.PrivateIP)
	}
	return true
}

// credentials is what is kept of a role's credentials. There are no fields for
// the keys, so that they are never decoded.
type credentials struct {
	Code    string
	Message string
	Expires time.Time // zero where it is missing or no date
}

// parseCredentials reads the answer to iam/security-credentials/ROLE. It is false
// where that is not a JSON object with a Code.
func parseCredentials(body []byte) (credentials, bool) {
	var raw struct {
		Code       string
		Message    string
		Expiration string
	}
	if json.Unmarshal(body, &raw) != nil || raw.Code == "" {
		return credentials{}, false
	}
	c := credentials{Code: clip(raw.Code, 128), Message: clip(raw.Message, maxMessage)}
	if t, err := time.Parse(time.RFC3339, raw.Expiration); err == nil {
		// A zone can push the year out of what JSON can hold.
		if t = t.UTC(); t.Year() >= 1 && t.Year() <= 9999 {
			c.Expires = t
		}
	}
	return c, true
}

// state is how the role stands. Whether its credentials have expired is for the
// judge to say, who knows how far off the local clock is.
func (c credentials) state() probes.RoleState {
	if c.Code != "Success" {
		return probes.RoleFailing
	}
	return probes.RoleOK
}

// clip makes a text of the service fit for a report: printable and short.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return strings.TrimSpace(s)
}
