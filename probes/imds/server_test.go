package imds

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const (
	testToken = "AQAEAGZha2UtdG9rZW4tZm9yLXRlc3RzLW9ubHktMDAwMDAwMDAwMDAwMDA="
	testMAC   = "0e:49:61:0f:c3:11"
	otherMAC  = "0e:49:61:0f:c3:22"
)

// testData is what a healthy instance with two interfaces answers.
func testData() map[string]string {
	m := "/latest/meta-data/network/interfaces/macs/"
	return map[string]string{
		"/latest/meta-data/": "ami-id\ninstance-id\n",
		"/latest/dynamic/instance-identity/document": `{"accountId":"123456789012","architecture":"x86_64",
			"availabilityZone":"eu-central-1a","imageId":"ami-0abcdef1234567890","instanceId":"i-0123456789abcdef0",
			"instanceType":"t3.micro","privateIp":"10.0.1.5","region":"eu-central-1","version":"2017-09-30"}`,
		"/latest/meta-data/instance-id":                    "i-0123456789abcdef0",
		"/latest/meta-data/instance-type":                  "t3.micro",
		"/latest/meta-data/ami-id":                         "ami-0abcdef1234567890",
		"/latest/meta-data/mac":                            testMAC,
		"/latest/meta-data/local-ipv4":                     "10.0.1.5",
		"/latest/meta-data/placement/region":               "eu-central-1",
		"/latest/meta-data/placement/availability-zone":    "eu-central-1a",
		"/latest/meta-data/placement/availability-zone-id": "euc1-az2",
		"/latest/meta-data/services/partition":             "aws",
		m:                                                  testMAC + "/\n" + otherMAC + "/",
		m + testMAC + "/vpc-id":                            "vpc-0123456789abcdef0",
		m + testMAC + "/subnet-id":                         "subnet-0123456789abcdef0",
		m + testMAC + "/subnet-ipv4-cidr-block":            "10.0.1.0/24",
		m + testMAC + "/security-group-ids":                "sg-0123456789abcdef0\nsg-0123456789abcdef1",
		m + testMAC + "/local-ipv4s":                       "10.0.1.5\n10.0.1.6",
		m + testMAC + "/public-ipv4s":                      "198.51.100.7",
		m + testMAC + "/vpc-ipv4-cidr-blocks":              "10.0.0.0/16\n100.64.0.0/16",
		m + testMAC + "/vpc-ipv6-cidr-blocks":              "2001:db8:1::/56",
		m + otherMAC + "/vpc-ipv4-cidr-blocks":             "172.16.0.0/16",
		"/latest/meta-data/iam/security-credentials/":      "web",
		"/latest/meta-data/iam/security-credentials/web": `{"Code":"Success","LastUpdated":"2026-11-24T11:00:00Z","Type":"AWS-HMAC",
			"AccessKeyId":"ASIASECRETSECRET","SecretAccessKey":"topsecret","Token":"sessionsecret","Expiration":"2026-11-24T18:00:00Z"}`,
	}
}

// metadata answers like IMDSv2; tests change it by wrapping it.
type metadata struct {
	data map[string]string
	v1   bool          // also without a token
	slow time.Duration // before each answer
}

func (m metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m.slow > 0 {
		select {
		case <-time.After(m.slow):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Server", "EC2ws")
	if r.URL.Path == tokenPath {
		if r.Method != http.MethodPut || r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		io.WriteString(w, testToken)
		return
	}
	if r.Header.Get("X-aws-ec2-metadata-token") != testToken && !m.v1 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, ok := m.data[r.URL.Path]
	if !ok {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `<?xml version="1.0" encoding="iso-8859-1"?><html><title>404 - Not Found</title></html>`)
		return
	}
	io.WriteString(w, body)
}

// serve runs a handler and returns its address.
func serve(t testing.TB, h http.Handler) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// serveRaw runs a function for each connection and returns the address. The
// function's context ends with the test.
func serveRaw(t testing.TB, each func(ctx context.Context, c net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				stop := context.AfterFunc(ctx, func() { c.Close() })
				defer stop()
				each(ctx, c)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// page answers every request alike.
func page(status int, header map[string]string, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// hang never answers a request that match picks.
func hang(match func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if match(r) {
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	})
}

// instead answers the paths of the map with a status and the path as text.
func instead(status map[string]int, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for prefix, code := range status {
			if strings.HasPrefix(r.URL.Path, prefix) {
				w.WriteHeader(code)
				fmt.Fprintln(w, r.URL.Path)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
