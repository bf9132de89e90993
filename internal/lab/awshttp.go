//go:build linux

package lab

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// agentVersion is what amazon-ssm-REGION/latest/VERSION says and what the healthy instance runs.
const agentVersion = "3.3.2299.0"

// answer is one HTTP answer; it is written by hand, so that nothing is in it that AWS would not send.
type answer struct {
	status  int
	headers []string // "Name: value", in order
	body    []byte
	endless bool          // the body never ends
	half    bool          // the connection ends in the middle of the body
	offset  time.Duration // of its Date
}

func requestID(bytes int) string {
	id := make([]byte, bytes)
	_, _ = rand.Read(id)
	return hex.EncodeToString(id)
}

// serveHTTP answers requests on one connection until the client closes it.
func (f *front) serveHTTP(conn net.Conn, p peer) {
	service, address := p.service, p.address
	reader := bufio.NewReader(conn)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(request.Body, 1<<20))
		fault := f.http.request(service, address, request.Host+request.URL.Path)
		if !pause(f.ctx, fault.Delay.Duration) {
			return
		}
		switch fault.Mode {
		case "close":
			return
		case "garbage":
			_, _ = conn.Write([]byte("\x00\x01\x02 not HTTP at all\r\n\r\n"))
			return
		}
		reply := f.answerTo(request, p, fault.Mode)
		reply.offset = fault.Offset.Duration
		if err := f.write(conn, request, reply); err != nil || request.Close || reply.endless || reply.half {
			return
		}
	}
}

func (f *front) write(conn net.Conn, request *http.Request, a answer) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	for _, header := range a.headers {
		fmt.Fprintf(&out, "%s\r\n", header)
	}
	fmt.Fprintf(&out, "Date: %s\r\n", f.world.now().Add(a.offset).UTC().Format(http.TimeFormat))
	if a.endless {
		fmt.Fprintf(&out, "Transfer-Encoding: chunked\r\n\r\n")
		if _, err := conn.Write(out.Bytes()); err != nil {
			return err
		}
		chunk := []byte("1000\r\n" + strings.Repeat("x", 0x1000) + "\r\n")
		for f.ctx.Err() == nil {
			if _, err := conn.Write(chunk); err != nil {
				return err
			}
			time.Sleep(time.Millisecond) // endless is enough; it need not be fast
		}
		return f.ctx.Err()
	}
	fmt.Fprintf(&out, "Content-Length: %d\r\n\r\n", len(a.body))
	switch {
	case request.Method == http.MethodHead:
	case a.half:
		out.Write(a.body[:len(a.body)/2])
	default:
		out.Write(a.body)
	}
	_, err := conn.Write(out.Bytes())
	return err
}

func (f *front) answerTo(request *http.Request, p peer, mode string) answer {
	service := p.service
	if service == "block-page" {
		mode = "block-page-403"
	}
	if server, ok := packageService(service); ok && !strings.HasPrefix(mode, "block-page-") {
		return f.answerPackages(request, server, p, mode)
	}
	switch mode {
	case "block-page-403", "block-page-200":
		status, _ := strconv.Atoi(strings.TrimPrefix(mode, "block-page-"))
		return answer{status: status, headers: []string{"Server: FilterGuard/7.2", "Content-Type: text/html; charset=utf-8", "Cache-Control: no-store"},
			body: []byte("<html><head><title>Web Page Blocked</title></head><body><h1>Access denied</h1><p>This site is blocked by company policy. Category: Uncategorized.</p></body></html>")}
	case "503":
		return answer{status: 503, headers: []string{"x-amzn-RequestId: " + uuid(), "Content-Type: application/x-amz-json-1.1"},
			body: []byte(`{"__type":"ServiceUnavailableException","message":"Service is unable to handle request."}`)}
	case "elb-503": // what AWS's own load balancers say when nothing is behind them
		return answer{status: 503, headers: []string{"Server: awselb/2.0", "Content-Type: text/html"},
			body: []byte("<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n")}
	case "long-header":
		return answer{status: 404, headers: []string{"x-amzn-RequestId: " + uuid(), "X-Padding: " + strings.Repeat("x", 1<<20)}}
	case "429":
		return answer{status: 429, headers: []string{"x-amzn-RequestId: " + uuid(), "Content-Type: application/x-amz-json-1.1"},
			body: []byte(`{"__type":"ThrottlingException","message":"Rate exceeded"}`)}
	}
	name, _, err := net.SplitHostPort(request.Host)
	if err != nil {
		name = request.Host
	}
	h, ok := f.world.parseHost(name)
	if !ok {
		h = host{service: service}
	}
	switch h.service {
	case "s3", "s3-accelerate":
		return f.answerS3(request, h, mode)
	case "internet":
		return answer{status: 200, headers: []string{"Server: nginx", "Content-Type: text/plain"}, body: []byte(natPublicIP + "\n")}
	}
	a := answer{status: 404, headers: []string{"x-amzn-RequestId: " + uuid()}, body: []byte("<UnknownOperationException/>\n")}
	if h.service == "ssmmessages" {
		a.status = 400
	}
	if mode == "endless" {
		a.status, a.endless = 200, true
	}
	return a
}

func uuid() string {
	id := requestID(16)
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

var (
	repoList    = regexp.MustCompile(`^/(core/mirrors/(?:latest|` + knownReleases + `)|kernel-livepatch/mirrors/al2023)/(x86_64|aarch64)/mirror\.list$`)
	al2List     = regexp.MustCompile(`^/2/(core|extras/[a-z0-9.-]+)/(?:latest|2\.0)/(x86_64|aarch64)/mirror\.list$`)
	repoData    = regexp.MustCompile(`^/(?:core|kernel-livepatch)/guids/[0-9a-f]{64}/(?:x86_64|aarch64)/repodata/repomd\.xml$`)
	al2Data     = regexp.MustCompile(`^/2/(?:core|extras/[a-z0-9.-]+)/2\.0/(?:x86_64|aarch64)/[0-9a-f]{64}/repodata/repomd\.xml$`)
	payload     = regexp.MustCompile(`^/patchbaselineoperations/linux/payloads/patch-baseline-operations-\d+\.\d+\.tar\.gz$`)
	patchBucket = regexp.MustCompile(`^(aws-ssm-|aws-patch-manager-)`)
)

// knownReleases are the releases of Amazon Linux 2023 that its bucket holds.
const knownReleases = `2023\.9\.20251117|2023\.12\.20260817`

// policyBucket begins the name of the bucket that Quick Setup makes for a patch policy; account and configuration follow.
const policyBucket = "aws-quicksetup-patchpolicy-"

// ownBucket is a repository of the owner's own, in S3.
const ownBucket = "corp-yum-repository"

const repoGUID = "3f1d1c36fcdf1c3b2b1a0a7e0f7b0d8e4d0c6c0d7a7f9e5b1b7c2a4d9e8f6a51"

// answerS3 knows the few objects that patching reads without credentials; everything else is 403, as from a bucket whose list
// the caller may not see.
func (f *front) answerS3(request *http.Request, h host, mode string) answer {
	headers := []string{"x-amz-request-id: " + strings.ToUpper(requestID(8)), "x-amz-id-2: " + requestID(48) + "=", "Server: AmazonS3"}
	region := h.region
	if region == "" {
		region = f.world.region
	}
	bucket, key := h.bucket, request.URL.Path
	if bucket == "" {
		if key == "/" {
			return answer{status: 307, headers: append(headers, "Location: https://aws.amazon.com/s3/")}
		}
		bucket, key, _ = strings.Cut(strings.TrimPrefix(key, "/"), "/")
		key = "/" + key
	}
	if home := f.world.policyBucketRegion; strings.HasPrefix(bucket, policyBucket) && home != region {
		// S3 sends clients of a bucket of another region there before it looks at rights.
		return answer{status: 301, headers: append(headers, "x-amz-bucket-region: "+home, "Content-Type: application/xml"), body: fmt.Appendf(nil,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be addressed using the specified endpoint. "+
				"Please send all future requests to this endpoint.</Message><Endpoint>%s.s3-%s.amazonaws.com</Endpoint><Bucket>%s</Bucket></Error>", bucket, home, bucket)}
	}
	headers = append(headers, "x-amz-bucket-region: "+region)
	denied := answer{status: 403, headers: append(headers, "Content-Type: application/xml"), body: fmt.Appendf(nil,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>%s</RequestId><HostId>%s=</HostId></Error>",
		strings.ToUpper(requestID(8)), requestID(48))}
	if mode == "deny" || mode == "deny-agent-updates" && bucket == "amazon-ssm-"+region {
		return denied
	}
	ok := answer{status: 200, headers: append(headers, "Accept-Ranges: bytes", `ETag: "`+requestID(16)+`"`, "Content-Type: binary/octet-stream")}
	if mode == "endless" {
		ok.endless = true
		return ok
	}
	switch {
	case mode == "404":
		return answer{status: 404, headers: append(headers, "Content-Type: application/xml"), body: fmt.Appendf(nil,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>%s</Key><RequestId>%s</RequestId></Error>",
			key[1:], strings.ToUpper(requestID(8)))}
	case bucket == "amazon-ssm-"+region && key == "/latest/VERSION":
		ok.body = []byte(agentVersion)
	case patchBucket.MatchString(bucket) && payload.MatchString(key):
		ok.body = bytes.Repeat([]byte("\x1f\x8b agentctl lab payload "), 4096)
	case bucket == "al2023-repos-"+region+"-de612dc2" && repoList.MatchString(key):
		match := repoList.FindStringSubmatch(key)
		tree, _, _ := strings.Cut(match[1], "/")
		ok.body = fmt.Appendf(nil, "https://%s/%s/guids/%s/%s/\n", request.Host, tree, repoGUID, match[2])
	case bucket == "amazonlinux-2-repos-"+region && al2List.MatchString(key):
		match := al2List.FindStringSubmatch(key)
		ok.body = fmt.Appendf(nil, "https://%s/2/%s/2.0/%s/%s/\n", request.Host, match[1], match[2], repoGUID)
	case bucket == "al2023-repos-"+region+"-de612dc2" && repoData.MatchString(key), bucket == "amazonlinux-2-repos-"+region && al2Data.MatchString(key),
		bucket == ownBucket && strings.HasSuffix(key, "/x86_64/repodata/repomd.xml"):
		ok.headers = append(headers, "Accept-Ranges: bytes", "Content-Type: text/xml")
		ok.body = f.world.repomd(24 * time.Hour)
	default:
		return denied
	}
	return inRange(request, damaged(ok, mode))
}

// inRange cuts an object to the one range that a client may ask for.
func inRange(request *http.Request, a answer) answer {
	wanted, found := strings.CutPrefix(request.Header.Get("Range"), "bytes=")
	if !found {
		return a
	}
	first, last, _ := strings.Cut(wanted, "-")
	from, err := strconv.Atoi(first)
	if err != nil || from >= len(a.body) {
		return a
	}
	to, err := strconv.Atoi(last)
	if err != nil || to >= len(a.body) {
		to = len(a.body) - 1
	}
	a.headers = append(a.headers, fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, to, len(a.body)))
	a.status, a.body = 206, a.body[from:to+1]
	return a
}
