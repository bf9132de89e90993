#!/bin/bash
# Written for the tests, in the forms of the published PatchLinux script.
if [ "$HAS_APT" = "0" ] && grep "ID=debian" /etc/os-release >/dev/null; then
    PYTHON_CMD=python3
fi

echo '
import os
import sys

OLDER_REGIONS = ["eu-central-1", "us-east-1", "cn-north-1",
                 "us-gov-west-1", "af-south-1"]
if os.path.exists("/var/log/amazon/ssm/marker") or os.path.exists("/var/log/amazon/ssm/other"):
    if os.path.exists("/tmp/x"):
        os.remove("/tmp/x")

def download_to(url, file_path):
    s3_bucket = "not-this-one"
    code = run(["curl", "-f", "-o", file_path, url])
    if code != 0:
        abort(156, (url))

region = os.environ["AWS_SSM_REGION_NAME"]
# where it lies
s3_bucket = "aws-ssm-%s"%(region)
s3_prefix = "patchbaselineoperations/linux/payloads"
payload_name = "patch-baseline-operations-1.99.tar.gz"

if region == "me-south-1":
    s3_bucket = "aws-patch-manager-me-south-1-a53fc9dce"
elif region == "af-south-1":
    s3_bucket = "aws-patch-manager-af-south-1-bdd5f65a9"

if region not in OLDER_REGIONS and not region.startswith(("cn-","us-gov-")):
    s3_bucket = "aws-patch-manager-%s" % (region)

where = region
if region.startswith("cn-"):
    url_template = "https://s3.%s.amazonaws.com.cn/%s/%s"
elif region.startswith("us-gov-"):
    url_template = "https://s3-fips-%s.amazonaws.com/%s/%s"
elif region in OLDER_REGIONS:
    url_template = "https://s3.dualstack.%s.amazonaws.com/%s/%s"
else:
    url_template = "https://%s%s.s3-accelerate.dualstack.amazonaws.com/%s"
    where = ""

download_to(url_template % (where, s3_bucket, os.path.join(s3_prefix, payload_name)), payload_name)
try:
    extract_tar(payload_name)
except Exception as e:
    abort(152)
' | $PYTHON_CMD
