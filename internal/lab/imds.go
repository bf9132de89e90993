//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What the lab's instance is, in its own metadata.
const (
	instanceID   = "i-0abc1234567890def"
	instanceType = "t3.micro"
	accountID    = "123456789012"
	vpcID        = "vpc-0a1b2c3d4e5f60718"
	subnetID     = "subnet-0d4e5f60718293a4b"
	groupID      = "sg-0123abcd4567ef890"
	roleName     = "patching"
	macAddress   = "0a:1b:2c:3d:4e:5f"
)

// metadata is the instance metadata service.
type metadata struct {
	world *world
	ctx   context.Context

	mu    sync.Mutex
	fault IMDSFault
	used  int
}

func (m *metadata) setFault(f IMDSFault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

func (m *metadata) mode() IMDSFault {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault.Times > 0 && m.used >= m.fault.Times {
		return IMDSFault{}
	}
	m.used++
	return m.fault
}

func (m *metadata) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used = 0
}

type connKey struct{}

func (m *metadata) serve(wait *sync.WaitGroup, n *namespace) error {
	listener, err := n.listenTCP(net.JoinHostPort(imdsIP, "80"))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           m,
		ReadHeaderTimeout: 10 * time.Second,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	context.AfterFunc(m.ctx, func() { server.Close() })
	wait.Go(func() { _ = server.Serve(listener) })
	return nil
}

// identitySignature is the signature of the identity document, as base64 in lines; nothing in the lab verifies it.
const identitySignature = "bGFiIHNpZ25hdHVyZSBvZiB0aGUgaW5zdGFuY2UgaWRlbnRpdHkgZG9jdW1lbnQuIEl0IGlzIG1h\nZGUgdXAuCg=="

const sessionToken = "AQAEAJ-lab-session-token-0000000000000000000000000000000000=="

// ServeHTTP implements http.Handler.
func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := m.mode()
	w.Header().Set("Server", "EC2ws")
	w.Header().Set("Date", m.world.now().UTC().Format(http.TimeFormat))
	if !pause(r.Context(), fault.Delay.Duration) {
		return
	}
	if fault.Mode == "503" {
		http.Error(w, "503 - Service Unavailable", http.StatusServiceUnavailable)
		return
	}
	if fault.Mode == "forbidden" {
		http.Error(w, "403 - Forbidden", http.StatusForbidden)
		return
	}
	if r.URL.Path == "/latest/api/token" {
		if r.Method != http.MethodPut {
			http.Error(w, "405 - Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		if fault.Mode == "hop-limit" {
			dieAtNextHop(r)
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		fmt.Fprint(w, sessionToken)
		return
	}
	if r.Header.Get("X-Aws-Ec2-Metadata-Token") != sessionToken && fault.Mode != "v1-allowed" {
		http.Error(w, "401 - Unauthorized", http.StatusUnauthorized)
		return
	}
	if fault.Mode == "endless-document" && strings.HasSuffix(r.URL.Path, "/instance-identity/document") {
		m.endless(w)
		return
	}
	content, found := lookup(m.tree(fault.Mode), strings.TrimPrefix(r.URL.Path, "/latest/"))
	if !found {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<html><head><title>404 - Not Found</title></head><body><h1>404 - Not Found</h1></body></html>\n")
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprint(w, content)
}

// dieAtNextHop gives the answer a TTL of 1, as a hop limit of 1 does: a client behind one more router never sees it.
func dieAtNextHop(r *http.Request) {
	conn, ok := r.Context().Value(connKey{}).(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, 1) })
	}
}

func (m *metadata) endless(w http.ResponseWriter) {
	chunk := strings.Repeat(" ", 4096)
	for m.ctx.Err() == nil {
		if _, err := fmt.Fprint(w, chunk); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// lookup finds a value, or lists a directory as the service does: one name a line, folders with a slash.
func lookup(tree map[string]string, path string) (string, bool) {
	path = strings.TrimSuffix(path, "/")
	if value, ok := tree[path]; ok {
		return value, true
	}
	names := map[string]bool{}
	for key := range tree {
		rest, below := strings.CutPrefix(key, path+"/")
		if !below {
			continue
		}
		name, _, folder := strings.Cut(rest, "/")
		if folder {
			name += "/"
		}
		names[name] = true
	}
	if len(names) == 0 {
		return "", false
	}
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	sort.Strings(list)
	return strings.Join(list, "\n"), true
}

// tree is everything below /latest/.
func (m *metadata) tree(mode string) map[string]string {
	w := m.world
	now := w.now().UTC()
	stamp := func(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }
	document := map[string]any{
		"accountId": accountID, "architecture": "x86_64", "availabilityZone": w.region + "a", "billingProducts": nil,
		"devpayProductCodes": nil, "marketplaceProductCodes": nil, "imageId": "ami-0123456789abcdef0", "instanceId": instanceID,
		"instanceType": instanceType, "kernelId": nil, "pendingTime": stamp(now.Add(-48 * time.Hour)), "privateIp": instanceIP,
		"ramdiskId": nil, "region": w.region, "version": "2017-09-30",
	}
	if mode == "no-region" {
		delete(document, "region")
		delete(document, "availabilityZone")
	}
	documentText, _ := json.MarshalIndent(document, "", "  ") // strings and nil only
	card := "meta-data/network/interfaces/macs/" + macAddress + "/"
	tree := map[string]string{
		"dynamic/instance-identity/document":       string(documentText),
		"dynamic/instance-identity/signature":      identitySignature,
		"meta-data/instance-id":                    instanceID,
		"meta-data/instance-type":                  instanceType,
		"meta-data/instance-life-cycle":            "on-demand",
		"meta-data/ami-id":                         "ami-0123456789abcdef0",
		"meta-data/hostname":                       "ip-10-0-1-10." + w.region + ".compute.internal",
		"meta-data/local-hostname":                 "ip-10-0-1-10." + w.region + ".compute.internal",
		"meta-data/local-ipv4":                     instanceIP,
		"meta-data/mac":                            macAddress,
		"meta-data/security-groups":                "patched-instances",
		"meta-data/services/domain":                w.suffix,
		"meta-data/services/partition":             w.partition,
		"meta-data/placement/availability-zone":    w.region + "a",
		"meta-data/placement/availability-zone-id": zoneID(w.region),
		"meta-data/placement/region":               w.region,
		"meta-data/identity-credentials/ec2/info":  `{"Code":"Success","LastUpdated":"` + stamp(now.Add(-20*time.Minute)) + `","AccountId":"` + accountID + `"}`,
		"meta-data/identity-credentials/ec2/security-credentials/ec2-instance": credentials("Success", now, now.Add(6*time.Hour)),
		card + "device-number":          "0",
		card + "interface-id":           "eni-0f1e2d3c4b5a69788",
		card + "local-hostname":         "ip-10-0-1-10." + w.region + ".compute.internal",
		card + "local-ipv4s":            instanceIP,
		card + "mac":                    macAddress,
		card + "owner-id":               accountID,
		card + "security-group-ids":     groupID,
		card + "security-groups":        "patched-instances",
		card + "subnet-id":              subnetID,
		card + "subnet-ipv4-cidr-block": subnetCIDR,
		card + "vpc-id":                 vpcID,
		card + "vpc-ipv4-cidr-block":    w.cidrs[0],
		card + "vpc-ipv4-cidr-blocks":   strings.Join(w.cidrs, "\n"),
	}
	if mode == "garbage-cidrs" {
		tree[card+"vpc-ipv4-cidr-block"] = "<html><body>It works!</body></html>"
		tree[card+"vpc-ipv4-cidr-blocks"] = "300.0.0.0/99\n\x00\xff\n/16\n10.0.0.0"
	}
	if w.ipv6 {
		tree[card+"ipv6s"] = instanceIP6
		tree[card+"vpc-ipv6-cidr-blocks"] = vpcCIDR6
		tree[card+"subnet-ipv6-cidr-blocks"] = "2600:1f18:1234:5600::/64"
	}
	if mode != "no-role" {
		tree["meta-data/iam/info"] = `{"Code":"Success","LastUpdated":"` + stamp(now.Add(-20*time.Minute)) +
			`","InstanceProfileArn":"arn:` + w.partition + `:iam::` + accountID + `:instance-profile/` + roleName + `","InstanceProfileId":"AIPAEXAMPLE"}`
		code, expires := "Success", now.Add(6*time.Hour)
		switch mode {
		case "role-unusable":
			code = "AssumeRoleUnauthorizedAccess"
		case "credentials-expired":
			expires = now.Add(-40 * time.Minute)
		}
		tree["meta-data/iam/security-credentials/"+roleName] = credentials(code, now, expires)
	}
	if mode == "no-region" {
		for key := range tree {
			if strings.HasPrefix(key, "meta-data/placement/") || strings.HasSuffix(key, "hostname") || strings.HasPrefix(key, "meta-data/services/") {
				delete(tree, key)
			}
		}
	}
	return tree
}

// credentials is the document of one role. The values are made up; nothing in the lab checks a signature.
func credentials(code string, now, expires time.Time) string {
	document := map[string]string{"Code": code, "LastUpdated": now.Add(-20 * time.Minute).Format(time.RFC3339)}
	if code == "Success" {
		document["Type"], document["AccessKeyId"] = "AWS-HMAC", "ASIAEXAMPLEEXAMPLE00"
		document["SecretAccessKey"], document["Token"] = "lab-secret-access-key", "lab-session-token"
		document["Expiration"] = expires.Format(time.RFC3339)
	} else {
		document["Message"] = "EC2 cannot assume the role " + roleName + ". Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc."
	}
	text, _ := json.MarshalIndent(document, "", "  ") // strings only
	return string(text)
}

// zoneID makes a zone id of a region's name: us-west-2 is usw2-az1.
func zoneID(region string) string {
	parts := strings.Split(region, "-")
	id := parts[0]
	for _, part := range parts[1:] {
		id += part[:1]
	}
	return id + "-az1"
}
