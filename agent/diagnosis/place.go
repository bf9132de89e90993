package diagnosis

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"agentctl/probes"
)

// fate is how the connects to a target went, over all its addresses.
type fate int

const (
	fateNone    fate = iota // never tried
	fateUp                  // an address accepted the connection
	fateSilent              // no answer, or a dead neighbour
	fateRefused             // a reset
	fateICMP                // a router or firewall on the way said no
	fateNoRoute             // our own route table
	fateOwn                 // our own firewall
)

// deadNeighbour parts two kinds of EHOSTUNREACH that bear no router's address:
// what a firewall or router sends comes with the first or second SYN, within
// little more than a second, while a kernel that finds no neighbour gives up
// after three ARP probes, one second apart, which a connect begun 1.3 s later
// shares. The kernel signs its own verdict with one of our addresses.
const deadNeighbour = 1250 * time.Millisecond

func (v *view) connFate(c probes.Conn) fate {
	late := c.Duration >= deadNeighbour.Seconds()
	own := c.Sender.IsValid() && v.r.Host.OwnsAddr(c.Sender)
	switch {
	case c.Reason == probes.OK:
		return fateUp
	case c.Reason == probes.Timeout:
		return fateSilent
	case c.Reason == probes.Unreachable && late && (own || !c.Sender.IsValid()):
		return fateSilent
	case own:
		return fateOwn
	case c.Sender.IsValid():
		return fateICMP
	case c.Reason == probes.Refused:
		return fateRefused
	case c.Reason == probes.NoRoute:
		return fateNoRoute
	case c.Reason == probes.Prohibited && c.Local:
		return fateOwn
	case c.Reason == probes.Prohibited, c.Reason == probes.Unreachable:
		return fateICMP
	}
	return fateNone
}

// fate sums up the connects of a result. A proxy's connects say nothing of it.
func (v *view) fate(r *probes.Result) fate {
	if r == nil || r.Proxy != nil {
		return fateNone
	}
	worst := fateNone
	for _, c := range r.Conns {
		f := v.connFate(c)
		if f == fateUp {
			return fateUp
		}
		if worst == fateNone || f == fateOwn {
			worst = f
		}
	}
	return worst
}

// place is where an address lies.
type place int

const (
	placePublic  place = iota
	placeInside        // inside the VPC's CIDRs
	placeOutside       // private, outside the VPC's CIDRs
	placePrivate       // private, and the VPC's CIDRs are not known
)

func (v *view) place(a netip.Addr) place {
	a = a.Unmap()
	for _, p := range v.vpc {
		if p.Contains(a) {
			return placeInside
		}
	}
	if !probes.Private(a) {
		return placePublic
	}
	if len(v.vpc) == 0 {
		return placePrivate
	}
	return placeOutside
}

// placeOf is where a target's first address lies.
func (v *view) placeOf(r *probes.Result) place {
	for _, c := range r.Conns {
		if c.Reason != probes.Canceled {
			return v.place(c.Addr.Addr())
		}
	}
	for _, a := range r.Addresses {
		return v.place(a)
	}
	return placePublic
}

func (v *view) isPrivate(r *probes.Result) bool {
	return len(r.Addresses) > 0 && v.placeOf(r) != placePublic
}

// isS3 tells whether a target's host is S3's.
func isS3(r *probes.Result) bool {
	if r.Target.Answer == probes.AnswerRepo {
		return r.Target.AWS && s3Label(hostOf(r)) >= 0
	}
	h := r.Target.URL
	return r.Target.Group == probes.GroupS3 || r.Target.Answer == probes.AnswerS3 ||
		r.Target.Answer == probes.AnswerS3Object || strings.Contains(h, ".s3.") || strings.Contains(h, "//s3")
}

// s3Label is the place of the label in a host name that says S3: s3, s3-fips, or
// s3-REGION of old; below 0 where there is none.
func s3Label(host string) int {
	return slices.IndexFunc(strings.Split(strings.ToLower(host), "."), func(l string) bool {
		return l == "s3" || l == "s3-fips" || regionName.MatchString(strings.TrimPrefix(l, "s3-")) && strings.HasPrefix(l, "s3-")
	})
}

var regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)

// s3Region is the region in the name of a host of S3; "" where it has none.
func s3Region(host string) string {
	labels, at := strings.Split(strings.ToLower(host), "."), s3Label(host)
	if at < 0 {
		return ""
	}
	for _, l := range append([]string{strings.TrimPrefix(labels[at], "s3-")}, labels[at+1:]...) {
		if regionName.MatchString(l) {
			return l
		}
	}
	return ""
}

// thirdParty tells whether a target is a repository that does not lie in S3, the
// only service of AWS's own that serves repositories: what answers there is whoever
// runs it, and it has no endpoint.
func thirdParty(r *probes.Result) bool { return r.Target.Answer == probes.AnswerRepo && !isS3(r) }

// isAWS tells whether AWS itself answers at a target.
func isAWS(r *probes.Result) bool { return r.Target.AWS && !thirdParty(r) }

// regionEvidence names the repositories that lie in S3 of another region.
func (v *view) regionEvidence(rs []*probes.Result) []Evidence {
	var out []Evidence
	for _, r := range rs {
		if v.elsewhere(r) {
			out = append(out, Evidence{r.Target.Name, "lies in S3 of " + s3Region(hostOf(r)) + "; this instance is in " + v.r.Region.Name + ", and its gateway endpoint carries the S3 of its own region alone"})
		}
	}
	return v.sameRepos(out)
}

// elsewhere tells whether a repository lies in S3 of another region, whose
// addresses the gateway endpoint of this one does not carry (AWS: Gateway endpoints for Amazon S3).
func (v *view) elsewhere(r *probes.Result) bool {
	if v.repos[r] == nil || !isS3(r) || v.r.Region.Name == "" {
		return false
	}
	region := s3Region(hostOf(r))
	return region != "" && region != v.r.Region.Name
}

// foreignBucket tells whether a target is a bucket in S3 of another region, such as a
// patch policy's that was made there.
func (v *view) foreignBucket(r *probes.Result) bool {
	region := s3Region(hostOf(r))
	return v.repos[r] == nil && isS3(r) && region != "" && v.r.Region.Name != "" && region != v.r.Region.Name
}

// isDualstackName tells whether the host is one of S3's dual-stack names.
func isDualstackName(r *probes.Result) bool {
	return strings.Contains(r.Target.URL, "s3.dualstack.") || strings.Contains(r.Target.URL, "s3-fips.dualstack.")
}

func isSSM(r *probes.Result) bool { return r.Target.Group == probes.GroupSSM }

// internet is the control target's fate: up, something else, or fateNone where
// nothing is known (not asked, or its name does not resolve).
func (v *view) internet() fate { return v.fate(v.result("internet")) }
