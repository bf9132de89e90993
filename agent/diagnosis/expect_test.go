package diagnosis

import "agentctl/probes"

// expectCases: routes that the configuration says must hold.
var expectCases = []roundCase{
	{"routes are as expected", func(r *probes.Round) { r.Expect = map[string]probes.Route{"ssm": probes.RouteInterface} }, ""},
	{"ssm goes by NAT and not by its endpoint", func(r *probes.Round) {
		r.Expect = map[string]probes.Route{"ssm": probes.RouteInterface}
		at(of(r, "ssm"), addrPublic)
		connect(of(r, "ssm"), probes.OK)
		tlsOK(of(r, "ssm"))
		http(of(r, "ssm"), probes.HTTP{Reason: probes.OK, Status: 404, AWSShaped: true, Date: noon, ReceivedAt: noon})
	}, "route-unexpected"},
	{"a target that is down has a cause of its own", func(r *probes.Round) {
		r.Expect = map[string]probes.Route{"ssm": probes.RouteNAT}
		connect(of(r, "ssm"), probes.Refused)
	}, "tcp-refused"},
	{"a route that cannot be told says nothing", func(r *probes.Round) {
		r.Expect = map[string]probes.Route{"s3": probes.RouteNAT}
		internetIs(r, probes.OK)
	}, ""},
	{"a target that this machine does not have says nothing", func(r *probes.Round) { r.Expect = map[string]probes.Route{"wsus": probes.RouteNAT} }, ""},
}

// bucketCases: the bucket of a patch policy.
var bucketCases = []roundCase{
	{"the patch policy's bucket in this region", func(r *probes.Round) {
		r.Results = append(r.Results, up("bucket:aws-quicksetup-patchpolicy", probes.GroupS3, "https://aws-quicksetup-patchpolicy-123456789012-abcde.s3.us-east-1.amazonaws.com/", probes.AnswerS3, true, addrS3))
	}, ""},
	{"the patch policy's bucket in another region, without a way there", func(r *probes.Round) {
		x := up("bucket:aws-quicksetup-patchpolicy", probes.GroupS3, "https://aws-quicksetup-patchpolicy-123456789012-abcde.s3.eu-west-1.amazonaws.com/", probes.AnswerS3, true, "52.218.1.1")
		connect(&x, probes.Timeout)
		r.Results = append(r.Results, x)
		internetIs(r, probes.Timeout)
	}, "s3-unreachable"},
}
