package diagnosis

import (
	"agentctl/probes"
)

// route tells the way to a target from its addresses and from what else
// answers. The experiment that tells a gateway endpoint from NAT for certain is
// not needed where only one of them can be.
func (v *view) route(r *probes.Result) Route {
	if r.Target.Skip || r.State == probes.Skipped {
		return Route{Route: probes.RouteUnknown}
	}
	if r.Proxy != nil {
		return Route{Route: probes.RouteProxy}
	}
	if len(r.Addresses) == 0 {
		return Route{Route: probes.RouteUnknown}
	}
	switch v.placeOf(r) {
	case placeInside:
		return Route{Route: probes.RouteInterface}
	case placeOutside:
		return Route{Route: probes.RouteCentral}
	case placePrivate:
		return Route{Route: probes.RouteInterface, Likely: true}
	}
	if v.fate(r) != fateUp {
		return Route{Route: probes.RouteUnknown}
	}
	if isS3(r) {
		if _, out := v.answersPublicly(); !out && v.internet() == fateSilent {
			return Route{Route: probes.RouteGateway, Likely: true}
		}
		return Route{Route: probes.RouteUnknown}
	}
	if v.r.Metadata.State != probes.MetadataOK {
		return Route{Route: probes.RouteUnknown}
	}
	if v.r.Metadata.PublicIP != "" {
		return Route{Route: probes.RouteInternet, Likely: true}
	}
	return Route{Route: probes.RouteNAT, Likely: true}
}
