package repos

import (
	"testing"
	"time"

	"agentctl/probes"
)

func TestCheckMetadata(t *testing.T) {
	const repomd = `<?xml version="1.0"?><repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1767607200</revision><data type="primary"><location href="repodata/p.xml.gz"/></data></repomd>`
	for _, tt := range []struct {
		manager, name, body string
		want                probes.Reason
	}{
		{"zypper", "repodata/repomd.xml", repomd, probes.OK},
		{"zypper", "repodata/repomd.xml", "<html>", probes.BadContent},
		{"zypper", "content", "CONTENTSTYLE 11\nDESCRDIR suse/setup/descr\n", probes.OK},
		{"zypper", "content", "<html>", probes.BadContent},
		{"zypper", "repo/repoindex.xml", `<?xml version="1.0"?><repoindex ttl="0"></repoindex>`, probes.OK},
		{"zypper", "repo/repoindex.xml", "", probes.BadContent},
		{"apt", "dists/s/Release", aptGoodRelease, probes.OK},
		{"apt", "dists/s/InRelease", aptGoodRelease, probes.BadContent},
	} {
		if got, detail, _ := CheckMetadata(probes.Repo{Manager: tt.manager}, tt.name, []byte(tt.body), time.Now()); got != tt.want {
			t.Errorf("%s %q: %s %s", tt.name, tt.body, got, detail)
		}
	}
	for _, tt := range []struct {
		manager string
		reason  probes.Reason
		want    bool
	}{{"apt", probes.NotFound, true}, {"apt", probes.Refused, false}, {"apt", probes.ServerError, false}, {"zypper", probes.NotFound, true}, {"zypper", probes.Timeout, false}} {
		if got := NextMetadata(probes.Repo{Manager: tt.manager}, tt.reason); got != tt.want {
			t.Errorf("%s after %s: %v", tt.manager, tt.reason, got)
		}
	}
}
