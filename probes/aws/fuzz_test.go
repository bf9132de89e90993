package aws

import (
	"net/url"
	"strings"
	"testing"

	"agentctl/probes"
)

// A region ends up in host names: whatever it is, it must stay one label.
func FuzzRegion(f *testing.F) {
	for _, s := range []string{"us-east-1", "cn-north-1", "", "a.b", "us-east-1/", "us-east-1\x00", "eusc-de-east-1"} {
		f.Add(s, "aws", s)
	}
	f.Fuzz(func(t *testing.T, region, partition, override string) {
		in := PlanInput{Region: region, Partition: partition, Agent: probes.AgentState{
			Config: probes.AgentConfig{SSMEndpoint: override, MGSRegion: override, ServiceDomain: override}},
			Payload: override, Policy: &probes.PatchOverride{Policy: true, Bucket: override, Region: override}}
		for _, target := range Plan(in) {
			u, err := url.Parse(target.URL)
			if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.ContainsAny(u.Host, " \t\r\n/\\@") {
				t.Errorf("%s: %q (%v)", target.Name, target.URL, err)
			}
		}
		if host, err := Hostname("ssm", region, Variant{}); err == nil && !strings.HasPrefix(host, "ssm."+region+".") {
			t.Errorf("Hostname(%q) = %q", region, host)
		}
	})
}

// A version that is read must be written and read again as the same.
func FuzzVersion(f *testing.F) {
	for _, s := range []string{"3.3.2299.0", "3.3.40.0-1", "", "...", "1.2.3.4.5", "-1.0.0.0", "99999999999.0.0.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := ParseVersion(s)
		need, because := MessagesNeeded(s, "eu-west-1")
		if because == "" || (!ok && need != NeedOptional) {
			t.Errorf("MessagesNeeded(%q) = %s, %q", s, need, because)
		}
		if !ok {
			return
		}
		if again, ok := ParseVersion(v.String()); !ok || again.Compare(v) != 0 {
			t.Errorf("%q: %v, then %v", s, v, again)
		}
	})
}
