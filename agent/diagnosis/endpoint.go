package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/probes"
)

func ruleEndpointBlocked(v *view) {
	hit := where(v.silent(), func(r *probes.Result) bool {
		p := v.placeOf(r)
		return isAWS(r) && (p == placeInside || p == placePrivate)
	})
	if !anyRequired(hit) {
		return
	}
	v.add(v.endpointBlocked(hit, Certain), names(hit)...)
}

func (v *view) endpointBlocked(hit []*probes.Result, c Confidence) Finding {
	f := Finding{Code: "endpoint-blocked", Severity: Critical, Confidence: c, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("The VPC endpoint for %s (%s) does not accept connections from this instance.", list(requiredNames(hit)), addressesOf(hit)),
		Evidence: append(v.pathEvidence(hit), v.ruledOut()...), Fix: fixEndpointBlocked(v, hit)}
	if len(services(hit)) > 1 {
		f.Summary = fmt.Sprintf("The VPC endpoints for %s (%s) do not accept connections from this instance.", list(requiredNames(hit)), addressesOf(hit))
	}
	if len(v.vpc) == 0 {
		f.Confidence = Likely
		f.Evidence = append(f.Evidence, Evidence{"VPC CIDRs", "not known, so this may be a central endpoint in another VPC: then look at the peering or transit gateway and its routes first"})
	}
	return f
}

func addressesOf(rs []*probes.Result) string {
	var as []string
	for _, r := range rs {
		for _, a := range r.Addresses {
			if s := a.String(); !slices.Contains(as, s) {
				as = append(as, s)
			}
		}
	}
	return list(as)
}

func ruleEndpointCentral(v *view) {
	all := where(v.silent(), func(r *probes.Result) bool { return v.placeOf(r) == placeOutside })
	hit := where(all, func(r *probes.Result) bool { return !thirdParty(r) })
	if !anyRequired(hit) {
		return
	}
	// A mirror of the owner's own out there is lost on the same way.
	v.add(Finding{Code: "endpoint-central-unreachable", Severity: Critical, Targets: requiredNames(all),
		Summary: fmt.Sprintf("%s is served by an endpoint outside this VPC (%s), and it does not answer from here.", list(requiredNames(hit)), addressesOf(hit)),
		Evidence: append(append(v.pathEvidence(all), Evidence{"this VPC", strings.Join(v.r.Metadata.VPCCIDRs, ", ")}),
			v.ruledOut()...), Fix: fixCentral(v, hit)}, names(all)...)
}

// awsWorksBesides tells whether an AWS target other than these answers connects.
func (v *view) awsWorksBesides(hit []*probes.Result) bool {
	return slices.ContainsFunc(v.probed(), func(r *probes.Result) bool {
		return isAWS(r) && v.fate(r) == fateUp && !slices.Contains(hit, r)
	})
}

func ruleEndpointMissing(v *view) {
	hit := where(v.silent(), func(r *probes.Result) bool { return isSSM(r) && r.Target.AWS && v.placeOf(r) == placePublic })
	if !anyRequired(hit) || !v.awsWorksBesides(hit) {
		return
	}
	v.add(v.endpointMissing(hit, Certain), names(hit)...)
}

func (v *view) endpointMissing(hit []*probes.Result, c Confidence) Finding {
	if v.internet() == fateNone {
		c = Likely
	}
	n := list(requiredNames(hit))
	f := Finding{Code: "endpoint-missing", Severity: Critical, Confidence: c, Targets: requiredNames(hit),
		Summary:  fmt.Sprintf("This VPC has no interface endpoint with private DNS for %s: the name leads to the public internet, and there is no way there.", n),
		Evidence: append(append(v.pathEvidence(hit), v.controlEvidence()...), v.ruledOut()...), Fix: fixEndpointMissing(v, hit)}
	return f
}

func (v *view) s3Up(keep func(*probes.Result) bool) bool {
	return slices.ContainsFunc(v.probed(), func(r *probes.Result) bool {
		return isS3(r) && v.fate(r) == fateUp && keep(r)
	})
}

// ruleS3Dualstack: an S3 interface endpoint with IPv4 does not serve the
// dual-stack names (AWS: "AWS PrivateLink for Amazon S3", considerations).
func ruleS3Dualstack(v *view) {
	if !v.s3Up(func(r *probes.Result) bool { return v.isPrivate(r) && !isDualstackName(r) }) {
		return
	}
	hit := where(v.silent(), func(r *probes.Result) bool {
		return isS3(r) && isDualstackName(r) && v.placeOf(r) == placePublic && !v.elsewhere(r)
	})
	if !anyRequired(hit) {
		return
	}
	f := Finding{Code: "s3-dualstack-unreachable", Severity: Critical, Targets: requiredNames(hit),
		Summary:  "The S3 interface endpoint does not serve the dual-stack name that patching uses: s3.REGION works by a private address, s3.dualstack.REGION leads to public addresses that do not answer.",
		Evidence: append(v.pathEvidence(hit), v.controlEvidence()...), Fix: fixDualstack(v)}
	f.Summary = strings.ReplaceAll(f.Summary, "REGION", v.ids.region)
	for _, r := range v.probed() {
		if isS3(r) && !isDualstackName(r) && v.fate(r) == fateUp && v.isPrivate(r) {
			f.Evidence = append(f.Evidence, Evidence{r.Target.Name, addrList(r.Addresses) + ", connects"})
			break
		}
	}
	v.add(f, names(hit)...)
}

func ruleS3Unreachable(v *view) {
	hit := where(v.silent(), func(r *probes.Result) bool { return isS3(r) && v.placeOf(r) == placePublic && !v.elsewhere(r) })
	if !anyRequired(hit) {
		return
	}
	conf := Certain
	if v.s3Up(func(*probes.Result) bool { return true }) || v.internet() == fateNone ||
		!slices.ContainsFunc(v.probed(), func(r *probes.Result) bool { return isSSM(r) && v.fate(r) == fateUp && v.isPrivate(r) }) {
		conf = Likely
	}
	v.add(v.s3Unreachable(hit, conf), names(hit)...)
}

func (v *view) s3Unreachable(hit []*probes.Result, c Confidence) Finding {
	if !slices.ContainsFunc(hit, func(r *probes.Result) bool { return !v.foreignBucket(r) }) {
		return Finding{Code: "s3-unreachable", Severity: Critical, Confidence: c, Targets: requiredNames(hit),
			Summary: fmt.Sprintf("The bucket of the patch policy lies in %s, another region than this instance's: this subnet's S3 gateway endpoint does not lead there, and there is no other way.",
				s3Region(hostOf(hit[0]))),
			Evidence: append(append(v.pathEvidence(hit), v.controlEvidence()...), v.ruledOut()...), Fix: fixForeignBucket(v, hit)}
	}
	if !slices.ContainsFunc(hit, func(r *probes.Result) bool { return !strings.Contains(hostOf(r), ".s3-accelerate.") }) {
		return Finding{Code: "s3-unreachable", Severity: Critical, Confidence: c, Targets: requiredNames(hit),
			Summary:  fmt.Sprintf("The patch script downloads by S3 Transfer Acceleration (%s), which no VPC endpoint carries: it needs a way to the internet, and there is none.", hostsOf(hit)),
			Evidence: append(append(v.pathEvidence(hit), v.controlEvidence()...), v.ruledOut()...), Fix: fixAccelerate(v, hit)}
	}
	return Finding{Code: "s3-unreachable", Severity: Critical, Confidence: c, Targets: requiredNames(hit),
		Summary:  "S3 cannot be reached from this subnet, so the patch payload and Amazon's repositories cannot be downloaded: its route table has no S3 gateway endpoint.",
		Evidence: append(append(v.pathEvidence(hit), v.controlEvidence()...), v.ruledOut()...), Fix: fixS3Gateway(v)}
}

// rulePathLeftOver makes sure that no failing required target stays without a
// cause where the picture is too mixed for the rules above: the likeliest one by
// its kind, said as such.
func rulePathLeftOver(v *view) {
	hit := where(v.failing(probes.PhaseTCP), func(r *probes.Result) bool { return !thirdParty(r) && !v.elsewhere(r) })
	for _, c := range []struct {
		keep func(*probes.Result) bool
		make func([]*probes.Result, Confidence) Finding
	}{
		{func(r *probes.Result) bool { return v.isPrivate(r) }, v.endpointBlocked},
		{isSSM, v.endpointMissing},
		{isS3, v.s3Unreachable},
	} {
		rs := where(hit, func(r *probes.Result) bool { return v.free(r.Target.Name) && c.keep(r) })
		if anyRequired(rs) {
			v.add(c.make(rs, Likely), names(rs)...)
		}
	}
}
