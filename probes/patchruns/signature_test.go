package patchruns

import (
	"fmt"

	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each signature on the text in which it really comes: the root cause first, with the
// captures and the first code. Texts are those of the User Guide ("Troubleshooting
// Patch Manager"), of the package managers, of botocore.
func TestSignatures(t *testing.T) {
	const url = "https://s3.dualstack.eu-west-1.amazonaws.com/aws-ssm-eu-west-1/patchbaselineoperations/linux/payloads/patch-baseline-operations-1.83.tar.gz"
	for _, c := range []struct {
		family   string
		text     string
		ids      string
		captures string // of the first
		code     string // the first of the first
	}{
		{"linux", "OSError: [Errno 28] No space left on device: '/var/log/amazon/ssm/patch-baseline-operations/x'", "no-space", "", "host-disk-low"},
		{"linux", "Error Summary\n-------------\nDisk Requirements:\n   At least 120MB more space needed on the /boot filesystem.", "no-space", "", "host-disk-low"},
		{"linux", "E: You don't have enough free space in /var/cache/apt/archives/.", "no-space", "", "host-disk-low"},
		{"linux", "YumDownloadError: [u'Errors were encountered while downloading\npackages.', u'libxml2-2.9.1-6.el7_9.6.x86_64: [Errno 5] [Errno 12]\nCannot allocate memory'", "out-of-memory", "", "host-memory-low"},
		{"linux", "/var/lib/amazon/ssm/i-1/document/orchestration/c/PatchLinux/_script.sh: line 211:  1234 Done    echo\n      1235 Killed                  | $PYTHON_CMD", "", "", ""},
		{"linux", "/var/lib/amazon/ssm/i-1/document/orchestration/c/PatchLinux/_script.sh: line 211:  1235 Killed                  $PYTHON_CMD", "killed", "", "host-memory-low"},
		{"linux", "x\nKilled\n", "killed", "", "host-memory-low"},
		{"linux", "failed to run commands: signal: killed", "killed", "", "host-memory-low"},
		{"linux", "12/20/2019 21:41:48 root [INFO]: Killed off the old cache", "", "", ""},
		{"linux", "sh: \n/var/lib/amazon/ssm/i-1/document/orchestration/c/PatchLinux/_script.sh: Permission denied\nfailed to run commands: exit status 126", "script-noexec",
			"script=/var/lib/amazon/ssm/i-1/document/orchestration/c/PatchLinux/_script.sh", "host-noexec"},
		{"linux", "cat: /etc/shadow: Permission denied", "", "", ""},
		{"linux", "An unsupported package manager and python version combination was found. Apt requires Python3 to be installed.\nfailed to run commands: exit status 1", "python-unsupported", "detail=Apt requires Python3", "host-python-missing"},
		{"linux", "An unsupported package manager and python version combination was found.\nDnf requires Python2 or Python3 to be installed.\n", "python-unsupported", "detail=Dnf requires Python2 or Python3", "host-python-missing"},
		{"linux", "Unable to import yum module, please check version compatibility between Yum and Python", "yum-module", "", "host-python-missing"},
		{"linux", "05/01/2025 17:04:30 root [ERROR]: Error code returned from curl is 6\nUnable to download payload: " + url + ".failed to run commands: exit status 156", "payload-curl payload-download", "code=6 tool=curl", "dns-name-not-found"},
		{"linux", "Error code returned from curl is 28", "payload-curl", "code=28 tool=curl", "s3-unreachable"},
		{"linux", "Error code returned from curl is 7", "payload-curl", "code=7 tool=curl", "s3-unreachable"},
		{"linux", "Error code returned from curl is 22", "payload-curl", "code=22 tool=curl", "s3-access-denied"},
		{"linux", "05/01/2025 17:04:30 root [ERROR]: Error code returned from curl is 23", "payload-curl", "code=23 tool=curl", "host-disk-low"},
		{"linux", "Error code returned from curl is 35", "payload-curl", "code=35 tool=curl", "tls-blocked"},
		{"linux", "Error code returned from curl is 60", "payload-curl", "code=60 tool=curl", "tls-intercepted"},
		{"linux", "Error code returned from curl is 56", "payload-curl", "code=56 tool=curl", "path-mtu-blackhole"},
		{"linux", "Error code returned from wget is 4", "payload-curl", "code=4 tool=wget", "s3-unreachable"},
		{"linux", "patch-baseline-operations-1.80.tar.gz sha256 check failed, should be 321A, but is 0000", "payload-checksum", "file=patch-baseline-operations-1.80.tar.gz", "http-not-aws"},
		{"linux", "IOError: [Errno 2] No such file or directory: 'patch-baseline-operations-X.XX.tar.gz'", "payload-race", "", "host-disk-low"},
		{"linux", "Unable to extract tar file: /var/log/amazon/ssm/patch-baseline-operations/patch-baseline-operations-1.75.tar.gz.failed to run commands: exit status 155", "payload-extract",
			"file=/var/log/amazon/ssm/patch-baseline-operations/patch-baseline-operations-1.75.tar.gz", "host-disk-low"},
		{"linux", "Unable to load and extract the content of payload, abort.failed to run commands: exit status 152", "payload-load", "", "host-disk-low"},
		{"linux", "Unable to create dir: /var/log/amazon/ssm/patch-baseline-operations", "payload-directory", "dir=/var/log/amazon/ssm/patch-baseline-operations", "host-disk-low"},
		{"linux", "Unable to download payload:\n" + url + ".\nfailed  to run commands: exit status 156", "", "", ""},
		{"linux", "Unable to download payload: " + url + ".\nfailed  to run commands: exit status 156", "payload-download", "url=" + url, "s3-unreachable"},
		{"linux", "[ERROR]: Cannot acquire lock on /var/log/amazon/ssm/patch-baseline-concurrent.lock. Another patching operation is in progress.", "concurrent-run", "lock=/var/log/amazon/ssm/patch-baseline-concurrent.lock", ""},
		{"windows", `Cannot acquire lock on C:\ProgramData\Amazon\SSM\patch-baseline-concurrent.lock. Another patching operation is in progress.`, "concurrent-run", `lock=C:\ProgramData\Amazon\SSM\patch-baseline-concurrent.lock`, ""},
		{"linux", "12/20/2019 21:41:48 root [INFO]: another process has acquired yum lock, waiting 2 s and retry.", "yum-locked", "seconds=2", "host-package-lock"},
		{"linux", "System management is locked by the application with pid 4321 (zypper).", "zypper-locked", "holder=zypper pid=4321", "host-package-lock"},
		{"linux", "install errors: dpkg: error: dpkg frontend is locked by another process", "dpkg-locked", "", "host-package-lock"},
		{"linux", "dpkg: error: dpkg frontend lock was locked by another process with pid 77", "dpkg-locked", "", "host-package-lock"},
		{"linux", "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 77 (unattended-upgr)", "dpkg-locked", "lock=/var/lib/dpkg/lock-frontend", "host-package-lock"},
		{"linux", "E: dpkg was interrupted, you must manually run\n'dpkg --configure -a' to correct the problem.", "dpkg-interrupted", "", ""},
		{"linux", "Error : Error unpacking rpm package python-urllib3-1.25.9-1.amzn2.0.2.noarch\n", "rpm-unpack", "package=python-urllib3-1.25.9-1.amzn2.0.2.noarch", ""},
		{"linux", "FileNotFoundError: [Errno 2] No such file or directory: b'zstd'", "tool-missing", "tool=zstd", "host-tool-missing"},
		{"linux", "[Errno 2] No such file or directory: b'unxz': b'unxz'", "tool-missing", "tool=unxz", "host-tool-missing"},
		{"linux", "[Errno 2] No such file or directory: 'unzip'", "tool-missing", "tool=unzip", "host-tool-missing"},
		{"linux", "[Errno 2] No such file or directory: '/tmp/other'", "", "", ""},
		{"linux", "Could not contact any CDS load balancers: rhui2-cds01.eu-west-1.aws.ce.redhat.com, rhui2-cds02.eu-west-1.aws.ce.redhat.com.", "rhui-unreachable",
			"hosts=rhui2-cds01.eu-west-1.aws.ce.redhat.com, rhui2-cds02.eu-west-1.aws.ce.redhat.com.", "internet-required"},
		{"linux", "Could not retrieve mirrorlist https://amazonlinux-2-repos-eu-west-1.s3.dualstack.eu-west-1.amazonaws.com/2/core/latest/x86_64/mirror.list error was\n12: Timeout on https://amazonlinux-2-repos: (28, 'Connection timed out')",
			"mirrorlist-unreachable", "number=12 text=Timeout on url=https://amazonlinux-2-repos-eu-west-1.s3.dualstack.eu-west-1.amazonaws.com/2/core/latest/x86_64/mirror.list", "s3-unreachable"},
		{"linux", "Could not retrieve mirrorlist http://mirror.example/list error was\n14: curl#6 - \"Could not resolve host\"\n", "mirrorlist-unreachable repo-curl", "code=6 number=14 url=http://mirror.example/list", "dns-name-not-found"},
		{"linux", "  - Status code: 403 for https://al2023-repos-eu-west-1-de612dc2.s3.dualstack.eu-west-1.amazonaws.com/core/mirrors/2023/x86_64/mirror.list (IP: 52.218.0.1)", "repo-status",
			"addr=52.218.0.1 status=403 url=https://al2023-repos-eu-west-1-de612dc2.s3.dualstack.eu-west-1.amazonaws.com/core/mirrors/2023/x86_64/mirror.list", "s3-access-denied"},
		{"linux", "Status code: 404 for https://x.example/repodata/repomd.xml (IP: 192.0.2.1)", "repo-status", "addr=192.0.2.1 status=404 url=https://x.example/repodata/repomd.xml", "repo-metadata-missing"},
		{"linux", "  - Curl error (28): Timeout was reached for https://mirrors.fedoraproject.org/metalink?repo=epel-9&arch=x86_64 [Connection timed out after 30001 milliseconds]", "repo-curl",
			"code=28 text=Connection timed out after 30001 milliseconds url=https://mirrors.fedoraproject.org/metalink?***", "repo-unreachable"},
		{"linux", "Curl error (6): Couldn't resolve host name for https://x.example/ [Could not resolve host: x.example]", "repo-curl", "code=6 text=Could not resolve host: x.example url=https://x.example/", "dns-name-not-found"},
		{"linux", "Curl error (60): SSL peer certificate or SSH remote key was not OK for https://x.example/r [x]", "repo-curl", "code=60 text=x url=https://x.example/r", "repo-tls-untrusted"},
		{"linux", "[Errno 256] No more mirrors to try.", "no-more-mirrors", "", "repo-unreachable"},
		{"linux", "NoMoreMirrorsRepoError: failure: repodata/repomd.xml from pgdg94: [Errno 256] No more mirrors to try.", "no-more-mirrors", "file=repodata/repomd.xml repo=pgdg94", "repo-unreachable"},
		{"linux", "Error: Failed to download metadata for repo 'epel': Cannot prepare internal mirrorlist: Curl error (7): Couldn't connect to server for https://mirrors.fedoraproject.org/metalink [x]", "repo-curl no-more-mirrors",
			"code=7 text=x url=https://mirrors.fedoraproject.org/metalink", "repo-unreachable"},
		{"linux", "W:GPG error:\nhttp://repo.mysql.com/apt/ubuntu bionic InRelease: The following\nsignatures couldn't be verified because the public key is not available:\nNO_PUBKEY 467B942D3A79BD29, E:The repository", "apt-no-pubkey", "key=467B942D3A79BD29", ""},
		{"linux", "Unable to refresh Zypp repository. Command output: x", "zypper-refresh", "", "repo-unreachable"},
		{"linux", "E: Failed to fetch http://eu-west-1.ec2.archive.ubuntu.com/ubuntu/dists/noble/InRelease  Could not connect", "apt-fetch", "text=Could not connect url=http://eu-west-1.ec2.archive.ubuntu.com/ubuntu/dists/noble/InRelease", "repo-unreachable"},
		{"linux", "fetch_archives() failed: 'E:Unable to correct'", "apt-fetch", "text=E:Unable to correct'", "repo-unreachable"},
		{"linux", "Encountered a known exception in the CLI Invoker: CLIInvokerError(error_message='Dependency check failure during commit process', error_code='4')", "zypper-package-lock", "", ""},
		{"linux", " Solution 1: remove lock to allow installation of mock-pkg-standalone-0.2.0-21.adistro.noarch[local-repo]", "zypper-package-lock", "package=mock-pkg-standalone-0.2.0-21.adistro.noarch[local-repo]", ""},
		{"linux", "09/22/2020 08:56:09 root [ERROR]: yum update failed with result code: 1, message: [u'rpm-python-4.11.3-25.amzn2.0.3.x86_64 requires rpm = 4.11.3-25.amzn2.0.3']", "dependency",
			"code=1 manager=yum text=[u'rpm-python-4.11.3-25.amzn2.0.3.x86_64 requires rpm = 4.11.3-25.amzn2.0.3']", "repo-unreachable"},
		{"linux", "[ERROR]: Unable to download file from S3: s3://aws-quicksetup-patchpolicy-123456789012-abcde/baseline_overrides.json.\n[ERROR]: Error loading entrance module.", "policy-bucket override-download entrance-module",
			"account=123456789012 bucket=aws-quicksetup-patchpolicy-123456789012-abcde config=abcde url=s3://aws-quicksetup-patchpolicy-123456789012-abcde/baseline_overrides.json", "iam-access-denied"},
		{"linux", "[INFO]: Downloading Baseline Override from s3://aws-quicksetup-patchpolicy-123456789012-abcde/baseline_overrides.json", "", "", ""},
		{"linux", "Unable to download file from S3: s3://my-bucket/list.yaml.", "override-download", "url=s3://my-bucket/list.yaml", "iam-access-denied"},
		{"windows", "Invoke-PatchBaselineOperation : Access Denied\nAt C:\\x\n+ AmazonS3Exception", "windows-policy-denied", "", "iam-access-denied"},
		{"windows", `C:\x\_script.ps1 : An error occurred when executing PatchBaselineOperations: Unable to connect to the remote server` + "\r\n", "windows-module-download", "detail=Unable to connect to the remote server", "s3-unreachable"},
		{"windows", "The SHA hash of the PatchBaselineOperations S3 source file does not match the expected value.", "windows-module-hash", "file=PatchBaselineOperations", "http-not-aws"},
		{"windows", "Invoke-PatchBaselineOperation : Exception Details: An error occurred when\nattempting to search Windows Update.\nException Level 1:\n Error Message: Exception from HRESULT: 0x80240437\n", "windows-hresult windows-search", "code=0x80240437", "tls-intercepted"},
		{"windows", "Exception from HRESULT: 0x80072EE2", "windows-hresult", "code=0x80072EE2", "wsus-unreachable"},
		{"windows", "Exception from HRESULT: 0x8024402C", "windows-hresult", "code=0x8024402C", "dns-name-not-found"},
		{"windows", "Exception from HRESULT: 0x80070422", "windows-hresult", "code=0x80070422", "wu-service-disabled"},
		{"windows", "Exception from HRESULT: 0x80244022", "windows-hresult", "code=0x80244022", "wsus-error"},
		{"windows", "Exception from HRESULT: 0x12345678", "windows-hresult", "code=0x12345678", ""},
		{"windows", "An error occurred when attempting to search Windows Update.", "windows-search", "", "wsus-unreachable"},
		{"linux", "An error occurred (UnsupportedOperatingSystem) when calling the GetDeployablePatchSnapshotForInstance operation:", "os-unsupported", "", "host-os-unsupported"},
		{"linux", "botocore.exceptions.ClientError: An error occurred (InvalidSignatureException) when calling the GetDeployablePatchSnapshotForInstance operation: Signature expired: 20261124T100000Z is now earlier than", "clock", "error=InvalidSignatureException", "clock-skew"},
		{"linux", "An error occurred (AccessDeniedException) when calling the PutInventory operation: User: x is not authorized", "api-denied", "error=AccessDeniedException operation=PutInventory text=User: x is not authorized", "iam-access-denied"},
		{"linux", `botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: "https://ssm.eu-west-1.amazonaws.com/"`, "api-unreachable", "error=Could not connect to the url=https://ssm.eu-west-1.amazonaws.com/", "endpoint-missing"},
		{"linux", `ConnectTimeoutError: Connect timeout on endpoint URL: "https://ssm.eu-west-1.amazonaws.com/"`, "api-unreachable", "error=Connect timeout on url=https://ssm.eu-west-1.amazonaws.com/", "endpoint-missing"},
		{"linux", "SSL validation failed for https://ssm.eu-west-1.amazonaws.com/ [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "api-tls", "", "tls-intercepted"},
		{"linux", "botocore.exceptions.NoCredentialsError: Unable to locate credentials", "no-credentials", "", "iam-no-instance-profile"},
		{"linux", "Unable to pull security credentials from Instance Metadata Service, attempting to use local credentials file", "imds-credentials", "", "imds-unreachable"},
		{"linux", "Encounter service side error when uploading the inventory", "inventory-upload", "", "endpoint-blocked"},
		{"linux", "Patching payload failed to reboot 4x in a row, reporting failure code 3", "reboot-failed", "", "host-reboot-pending"},
		{"linux", "Error loading entrance module.", "entrance-module", "", ""},
		{"linux", "/var/log/amazon/ssm/patch-baseline-operations/urllib3/util/ssl_.py:369:\nSNIMissingWarning: An HTTPS request has been made", "sni-warning", "", ""},
		{"linux", good("Install", 0), "", "", ""},
	} {
		got := match([]source{{"f", []byte("before\n" + c.text + "\nafter\n")}}, c.family)
		var found []string
		for i := range got {
			found = append(found, got[i].ID)
			if len(got[i].Line) > maxLine || got[i].Line == "" || got[i].File != "f" || got[i].Cause == "" || got[i].Remedy == "" || got[i].Source == "" {
				t.Errorf("%+v", got[i])
			}
		}
		if strings.Join(found, " ") != c.ids {
			t.Errorf("%q: got %v, want %q", c.text, found, c.ids)
			continue
		}
		if len(got) == 0 {
			continue
		}
		var captures []string
		for k, v := range got[0].Captures {
			captures = append(captures, k+"="+v)
		}
		slices.Sort(captures)
		if diff := cmp.Diff(c.captures, strings.Join(captures, " ")); diff != "" && c.captures != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
		if first := strings.Join(got[0].Codes[:min(1, len(got[0].Codes))], ""); first != c.code {
			t.Errorf("%q: first code %q, want %q", c.text, first, c.code)
		}
		tried[found[0]] = true
	}
	for _, s := range Signatures() {
		if !tried[s.ID] && s.ID != "entrance-module" {
			t.Errorf("no text for %s", s.ID)
		}
	}
}

var tried = map[string]bool{}

func TestSignatureTable(t *testing.T) {
	code := regexp.MustCompile(`^(host|dns|net|egress|proxy|endpoint|s3|internet|tcp|path|tls|http|clock|iam|imds|vpce|repo|wu|wsus)-[a-z0-9-]+$`)
	form := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	all := Signatures()
	if len(all) < 45 {
		t.Errorf("%d signatures", len(all))
	}
	for _, s := range all {
		if seen[s.ID] || !form.MatchString(s.ID) {
			t.Errorf("id %q", s.ID)
		}
		seen[s.ID] = true
		codes := slices.Clone(s.Codes)
		for _, w := range s.When {
			codes = append(codes, w.Codes...)
			if !slices.Contains(s.Pattern.SubexpNames(), w.Group) || w.Cause == "" || len(w.Codes) == 0 {
				t.Errorf("%s: condition %+v", s.ID, w)
			}
			for _, v := range w.Values {
				if v != strings.ToLower(v) {
					t.Errorf("%s: values are compared in lower case: %s", s.ID, v)
				}
			}
		}
		for _, c := range codes {
			if !code.MatchString(c) {
				t.Errorf("%s: code %q", s.ID, c)
			}
		}
		if !slices.Contains([]string{"", "linux", "windows"}, s.Family) {
			t.Errorf("%s: os %q", s.ID, s.Family)
		}
	}
	for _, bad := range []string{
		"id: x", "id: x\nnonsense", "id: x\ncolour: red", "id: x\npattern: (", "id: x\nexit: many", "id: x\nwhen: a", "id: x\nliteral: l\npattern: p\ncause: c\nremedy: r\nwhen: x; y; z\nsource: s",
	} {
		if _, err := parseSignatures(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// The newest of many occurrences is shown; the count is bounded.
func TestNewestOccurrence(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "another process has acquired yum lock, waiting %d s and retry.\n", i)
	}
	got := match([]source{{"f", []byte(b.String())}}, "linux")
	if len(got) != 1 || got[0].Count != maxHits || got[0].Captures["seconds"] != fmt.Sprint(maxHits-1) {
		t.Errorf("%+v", got)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"fetch http://user:p@ss@proxy:3128/x":                                     "fetch http://***@proxy:3128/x",
		"GET https://b.s3.amazonaws.com/k?X-Amz-Signature=abc&X-Amz-Credential=d": "GET https://b.s3.amazonaws.com/k?***",
		"key AKIAABCDEFGHIJKLMNOP here":                                           "key AKIA*** here",
		"SecretAccessKey: abc/def":                                                "SecretAccessKey: ***",
		strings.Repeat("Q", 200):                                                  "***",
		"a\x00b\x1b[31mc\u202ed\te":                                               "ab[31mcd e",
		"\xff\xfe":                                                                "\ufffd",
	} {
		if got := tidy([]byte(in), maxLine); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := tidy([]byte(strings.Repeat("é", 1000)), 101); len(got) > 101 || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes, %q", len(got), got[len(got)-8:])
	}
}

// Real files: sparse 5 GB, a line of 100 MB, loops of links, NUL bytes, thousands of
// directories. All of it costs little.
func TestBadInput(t *testing.T) {
	w := newTree(t)
	dir := "var/lib/amazon/ssm/" + self + "/document/orchestration/"
	w.write(dir+command+"/PatchLinux/_script.sh", linuxScript("", "Install", "NoReboot", policy))
	w.write(dir+command+"/awsrunShellScript/PatchLinux/stdout", beginning("Install", time.Hour))
	w.grow(dir+command+"/awsrunShellScript/PatchLinux/stdout", 5<<30)
	w.writeAt(dir+command+"/awsrunShellScript/PatchLinux/stderr", 100<<20, " No space left on device")
	w.link(dir+command+"/loop", ".")
	w.link(dir+"loop", "loop")
	w.write(dir+window+"/PatchLinux/stdout", strings.Repeat("\x00", 300000)+"Error code returned from curl is 28\x00\n")
	w.link(dir+window+"/PatchLinux/stderr", "stderr")
	deep := dir + assoc
	for range 30 {
		deep += "/a"
	}
	w.write(deep+"/PatchLinux/stdout", "x")
	for i := range 1300 {
		w.write(fmt.Sprintf("%s%08x-0000-4000-8000-000000000000/awsrunShellScript/0/stdout", dir, i), "")
	}
	start := time.Now()
	p := Read(w.host(), w.facts(), In{InstanceID: self, Region: "eu-central-1"})
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %s", d)
	}
	if !p.Known || !p.Truncated {
		t.Errorf("known %v, truncated %v", p.Known, p.Truncated)
	}
	by := map[string]string{}
	for _, r := range p.Runs {
		by[r.ID] = ids(r)
		if r.ID == command && (!r.Cut || r.Operation != "Install" || r.PayloadURL != payload) {
			t.Errorf("%+v", r)
		}
	}
	if diff := cmp.Diff(map[string]string{command: "no-space", window: "payload-curl"}, by); diff != "" {
		t.Error(diff)
	}
}
