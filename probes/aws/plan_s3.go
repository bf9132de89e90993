package aws

import "agentctl/probes"

// s3Targets are the S3 names behind a patch run: the host and bucket of the
// payload, the snapshot's bucket, then what only helps.
func (b builder) s3Targets() []probes.Target {
	if !b.known {
		return b.payloadTargets() // an exact URL needs no region
	}
	ts := b.payloadTargets()
	ts = append(ts, b.snapshot())
	ts = append(ts, b.policyTargets()...)
	if !hasTarget(ts, s3Plain) {
		ts = append(ts, b.s3Regional()...)
	}
	return append(ts, b.agentUpdates())
}

func hasTarget(ts []probes.Target, name string) bool {
	for _, t := range ts {
		if t.Name == name {
			return true
		}
	}
	return false
}

// payloadTargets are the payload's host and what is behind it: the exact object
// of an earlier run, else the bucket by the table.
func (b builder) payloadTargets() []probes.Target {
	if last, ok := b.lastPayload(); ok {
		return b.exactPayload(last)
	}
	if !b.known {
		return nil
	}
	at := b.partition.payloadPlace(b.in.OS.Family, b.in.Region)
	host := b.s3Host(at.target, at.host)
	host.Required, host.Likely, host.Because = true, true, at.because
	return []probes.Target{host, b.bucket(at)}
}

// exactPayload is what the last run's script fetched, and its host.
func (b builder) exactPayload(last payload) []probes.Target {
	object := script("patch-payload", last.url, last.answer)
	object.Required, object.Because = true, "the script of the last patch run names it"
	object.AWS = last.target != ""
	ts := []probes.Target{object}
	if last.target != "" && b.known {
		host := b.s3Host(last.target, last.host)
		host.Required, host.Because = true, "the script of the last patch run names it"
		ts = append([]probes.Target{host}, ts...)
	}
	return ts
}

// s3Host is a probe of one S3 host. It asks for the list of the bucket of agent
// packages, which S3 refuses with 403: the root would be answered with a
// redirect to S3's product page, which looks like a portal's.
func (b builder) s3Host(name, host string) probes.Target {
	if name == s3Accelerate { // the bucket is in the host name already
		return script(name, "https://"+host+"/", probes.AnswerS3)
	}
	return script(name, PathStyleURL(host, BucketAgent+"-"+b.in.Region, ""), probes.AnswerS3)
}

// bucket is the payload's bucket, path style as the script writes it.
func (b builder) bucket(at place) probes.Target {
	name, ok := Bucket(at.stem, b.in.Region)
	if !ok {
		return b.unnamed(at.stem)
	}
	t := script("bucket:"+at.stem, PathStyleURL(at.host, name, ""), probes.AnswerS3)
	t.Required, t.Likely, t.Because = true, true, "the patch payload lies in it"
	return t
}

// snapshot is the bucket of the presigned URL that GetDeployablePatchSnapshot-
// ForInstance returns, which has the bucket in the host name: BUCKET.s3.us-east-2.
// amazonaws.com (API reference). Dual stack comes only on request (UseS3Dual-
// StackEndpoint, off by default). For us-east-1 an example of 2017 (AWS CLI
// reference) still has S3's global name; the regional one is what SDKs have
// signed there since, and what an S3 interface endpoint can serve.
func (b builder) snapshot() probes.Target {
	name, ok := Bucket(BucketSnapshot, b.in.Region)
	if !ok {
		return b.unnamed(BucketSnapshot)
	}
	host := "s3." + b.in.Region + "." + b.partition.DNSSuffix
	t := script("bucket:"+BucketSnapshot, VirtualHostURL(host, name, ""), probes.AnswerS3)
	t.Required, t.Likely, t.Because = true, true, "the snapshot of the patch baseline lies in it"
	return t
}

// unnamed stands for a bucket whose name in this region is not published. It is
// not probed: a guess would be reported as if it were known.
func (b builder) unnamed(stem string) probes.Target {
	host := "s3." + b.in.Region + "." + b.partition.DNSSuffix
	t := script("bucket:"+stem, "https://"+host+"/", probes.AnswerS3)
	t.Skip, t.Because = true, "the name of this bucket in "+b.in.Region+" is not published"
	return t
}

// s3Regional is S3's plain name: the one that an interface endpoint serves in
// any case, and therefore what the other names are compared with.
func (b builder) s3Regional() []probes.Target {
	if !b.known {
		return nil
	}
	t := b.s3Host(s3Plain, "s3."+b.in.Region+"."+b.partition.DNSSuffix)
	t.Because = "for comparison with the name that the patch script uses"
	return []probes.Target{t}
}

// agentUpdates is a public object that exists in every region, and what the
// agent's updater reads first. The agent fetches it itself.
func (b builder) agentUpdates() probes.Target {
	host := "s3." + b.in.Region + "." + b.partition.DNSSuffix
	t := script("bucket:"+BucketAgent, PathStyleURL(host, BucketAgent+"-"+b.in.Region, "latest/VERSION"), probes.AnswerS3Object)
	t.Client, t.Because = probes.ClientAgent, "updates of the SSM Agent come from it"
	return t
}

// script is a target that the patch script reaches with curl.
func script(name, url string, answer probes.Answer) probes.Target {
	return probes.Target{
		Name: name, Group: probes.GroupS3, URL: url,
		Answer: answer, Client: probes.ClientScript, AWS: true,
	}
}
