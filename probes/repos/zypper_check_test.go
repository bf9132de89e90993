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
}

func TestNextName(t *testing.T) {
	page, framed := []byte("<html>"), []byte(clearSignedBegin+"\n")
	for _, tt := range []struct {
		manager  string
		unsigned bool
		reason   probes.Reason
		status   int
		body     []byte
		want     bool
	}{
		{"apt", false, probes.NotFound, 404, nil, true},
		{"apt", false, probes.NotFound, 0, nil, true}, // a folder
		{"apt", false, probes.NotFound, 410, nil, false},
		{"apt", false, probes.AccessDenied, 403, nil, false},
		{"apt", false, probes.BadContent, 200, page, false},
		{"apt", false, probes.Refused, 0, nil, false},
		{"apt", true, probes.Refused, 0, nil, false},
		{"apt", true, probes.AccessDenied, 403, nil, true},
		{"apt", true, probes.ServerError, 503, nil, true},
		{"apt", true, probes.BadContent, 200, page, true},
		{"apt", true, probes.BadContent, 200, framed, false},
		{"apt", true, probes.Stale, 200, framed, false},
		{"apt", true, probes.Closed, 200, page, false},
		{"zypper", false, probes.NotFound, 404, nil, true},
		{"zypper", false, probes.Timeout, 0, nil, false},
	} {
		if got := nextName(probes.Repo{Manager: tt.manager, Unsigned: tt.unsigned}, tt.reason, tt.status, tt.body); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
