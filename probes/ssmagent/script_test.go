package ssmagent

import (
	"os"
	"strings"
	"testing"

	"agentctl/platform/platformtest"
)

const orchestration = "/var/lib/amazon/ssm/i-0123456789abcdef0/document/orchestration/"

func testScript(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/script/_script.sh")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEvaluate(t *testing.T) {
	const key = "patchbaselineoperations/linux/payloads/patch-baseline-operations-1.99.tar.gz"
	script := testScript(t)
	tests := map[string]struct {
		script, region, want string
	}{
		"classic":        {script, "eu-central-1", "https://s3.dualstack.eu-central-1.amazonaws.com/aws-ssm-eu-central-1/" + key},
		"own bucket":     {script, "af-south-1", "https://s3.dualstack.af-south-1.amazonaws.com/aws-patch-manager-af-south-1-bdd5f65a9/" + key},
		"china":          {script, "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn/aws-ssm-cn-north-1/" + key},
		"gov":            {script, "us-gov-west-1", "https://s3-fips-us-gov-west-1.amazonaws.com/aws-ssm-us-gov-west-1/" + key},
		"new":            {script, "eu-south-2", "https://aws-patch-manager-eu-south-2.s3-accelerate.dualstack.amazonaws.com/" + key},
		"no region":      {script, "", ""},
		"bad region":     {script, "eu-central-1/../x", ""},
		"unknown test":   {strings.Replace(script, `if region.startswith("cn-"):`, `if in_china(region):`, 1), "eu-central-1", ""},
		"appended":       {strings.Replace(script, "where = region\n", "where = region\ns3_bucket += \"-x\"\n", 1), "eu-central-1", ""},
		"list changes":   {strings.Replace(script, "where = region\n", "where = region\nOLDER_REGIONS.append(region)\n", 1), "eu-central-1", ""},
		"one line if":    {strings.Replace(script, "where = region\n", "where = region\nif x: s3_bucket = \"y\"\n", 1), "eu-central-1", ""},
		"unknown value":  {strings.Replace(script, `s3_prefix = "`, `s3_prefix = prefix() + "`, 1), "eu-central-1", ""},
		"called twice":   {strings.Replace(script, "try:\n", "download_to(\"https://a.example/b\", payload_name)\ntry:\n", 1), "eu-central-1", ""},
		"in a loop":      {strings.Replace(script, "where = region\n", "where = region\nfor b in buckets:\n    s3_bucket = b\n", 1), "eu-central-1", ""},
		"not a download": {"echo hello\n", "eu-central-1", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := evaluate(tt.script, tt.region)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q %v, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestPayloadURL(t *testing.T) {
	const script = orchestration + "c1/PatchLinux/_script.sh"
	const url = "https://s3.dualstack.eu-west-1.amazonaws.com/aws-ssm-eu-west-1/p/patch-baseline-operations-1.83.tar.gz"
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"output":         {map[string]string{script: testScript(t), strings.Replace(script, "_script.sh", "stdout", 1): "11/23/2026 10:00:00 root [INFO]: Downloading payload from " + url + "\n"}, url},
		"literal":        {map[string]string{script: "curl -f " + url + "\nwget " + url + "\n"}, url},
		"two literals":   {map[string]string{script: "curl -f " + url + "\nwget " + strings.Replace(url, "1.83", "1.84", 1) + "\n"}, ""},
		"with a secret":  {map[string]string{script: "x", strings.Replace(script, "_script.sh", "stdout", 1): "Downloading payload from " + url + "?X-Amz-Signature=1\n"}, ""},
		"strange host":   {map[string]string{script: "x", strings.Replace(script, "_script.sh", "stdout", 1): "Downloading payload from https://a;b/c\n"}, ""},
		"nothing there":  {nil, ""},
		"needs a region": {map[string]string{script: testScript(t)}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, ok := PayloadURL(platformtest.New(tt.files), script, ""); got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q %v", got, ok)
			}
		})
	}
}
