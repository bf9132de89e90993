package imds

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"agentctl/platform"
	"agentctl/probes"
)

// quickPace is standardPace at a tenth, for tests of what waits.
var quickPace = func() pace {
	p := standardPace
	for _, d := range []*time.Duration{&p.total, &p.connect, &p.connectNext, &p.answer, &p.answerNext, &p.plain, &p.plainNext, &p.data, &p.dataNext, &p.retry} {
		*d /= 10
	}
	return p
}()

func ask(t testing.TB, addr netip.AddrPort, p pace) probes.Metadata {
	t.Helper()
	started := time.Now()
	m := Ask(t.Context(), Options{Addr: addr, pace: p})
	limit := p.total + 300*time.Millisecond
	if took := time.Since(started); took > limit {
		t.Errorf("took %v, more than %v", took, limit)
	}
	if b, err := json.Marshal(m); err != nil || strings.Contains(strings.ToLower(string(b)), "secret") {
		t.Errorf("a secret is kept, or no JSON: %s %v", b, err)
	}
	return m
}

func healthy() probes.Metadata {
	return probes.Metadata{
		State: probes.MetadataOK, Reason: probes.OK,
		InstanceID: "i-0123456789abcdef0", ImageID: "ami-0abcdef1234567890", InstanceType: "t3.micro",
		Region: "eu-central-1", Partition: "aws", AZ: "eu-central-1a", AZID: "euc1-az2", AccountID: "123456789012",
		VPCID: "vpc-0123456789abcdef0", SubnetID: "subnet-0123456789abcdef0", SubnetCIDR: "10.0.1.0/24",
		SecurityGroupIDs: []string{"sg-0123456789abcdef0", "sg-0123456789abcdef1"},
		VPCCIDRs:         []string{"10.0.0.0/16", "100.64.0.0/16", "172.16.0.0/16", "2001:db8:1::/56"},
		PrivateIPs:       []string{"10.0.1.5", "10.0.1.6"}, PublicIP: "198.51.100.7", MAC: testMAC,
		Role: probes.RoleOK, RoleName: "web", RoleCode: "Success",
		RoleExpires: time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC),
	}
}

var ignoreDuration = cmp.Options{cmpopts.IgnoreFields(probes.Metadata{}, "Duration"), cmpopts.EquateComparable(netip.Addr{})}

func TestHealthy(t *testing.T) {
	without := func(paths ...string) map[string]string {
		d := testData()
		for _, p := range paths {
			delete(d, p)
		}
		return d
	}
	tests := map[string]struct {
		handler http.Handler
		change  func(*probes.Metadata)
	}{
		"all":                  {metadata{data: testData()}, func(*probes.Metadata) {}},
		"no identity document": {metadata{data: without(documentPath)}, func(m *probes.Metadata) { m.AccountID = "" }},
		"broken identity document": {metadata{data: func() map[string]string {
			d := testData()
			d[documentPath] = `{"instanceId":`
			return d
		}()}, func(m *probes.Metadata) { m.AccountID = "" }},
		"no zone id, no partition": {metadata{data: without("/latest/meta-data/placement/availability-zone-id", "/latest/meta-data/services/partition")},
			func(m *probes.Metadata) { m.AZID, m.Partition = "", "" }},
		"v1 only emulator": {instead(map[string]int{tokenPath: http.StatusMethodNotAllowed}, metadata{data: testData(), v1: true}),
			func(m *probes.Metadata) { m.V1 = true }},
		"closes each connection": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			metadata{data: testData()}.ServeHTTP(w, r)
		}), func(*probes.Metadata) {}},
		"role denied": {instead(map[string]int{rolesPath: http.StatusForbidden}, metadata{data: testData()}), func(m *probes.Metadata) {
			m.Denied = rolesPath
			m.Role, m.RoleName, m.RoleCode, m.RoleExpires = "", "", "", time.Time{}
		}},
		"no role": {metadata{data: without(rolesPath)}, func(m *probes.Metadata) {
			m.Role, m.RoleName, m.RoleCode, m.RoleExpires = probes.RoleNone, "", "", time.Time{}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := healthy()
			tt.change(&want)
			if d := cmp.Diff(want, ask(t, serve(t, tt.handler), standardPace), ignoreDuration); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestRole(t *testing.T) {
	tests := map[string]struct {
		list, role string
		want       probes.Metadata
	}{
		"unusable": {"web", `{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role web.","LastUpdated":"2026-11-24T11:00:00Z"}`,
			probes.Metadata{Role: probes.RoleFailing, RoleName: "web", RoleCode: "AssumeRoleUnauthorizedAccess", RoleMessage: "EC2 cannot assume the role web."}},
		"expired": {"web", `{"Code":"Success","Expiration":"2026-11-24T11:59:59Z"}`,
			probes.Metadata{Role: probes.RoleOK, RoleName: "web", RoleCode: "Success", RoleExpires: time.Date(2026, 11, 24, 11, 59, 59, 0, time.UTC)}},
		"no date":      {"web", `{"Code":"Success","Expiration":"soon"}`, probes.Metadata{Role: probes.RoleOK, RoleName: "web", RoleCode: "Success"}},
		"number":       {"web", `{"Code":7}`, probes.Metadata{RoleName: "web"}},
		"not json":     {"web", `<html>`, probes.Metadata{RoleName: "web"}},
		"empty list":   {"\n", ``, probes.Metadata{Role: probes.RoleNone}},
		"strange name": {"../../x y", `{"Code":"Success"}`, probes.Metadata{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := testData()
			d[rolesPath], d[rolesPath+"web"] = tt.list, tt.role
			m := ask(t, serve(t, metadata{data: d}), standardPace)
			got := probes.Metadata{Role: m.Role, RoleName: m.RoleName, RoleCode: m.RoleCode, RoleMessage: m.RoleMessage, RoleExpires: m.RoleExpires}
			if diff := cmp.Diff(tt.want, got, ignoreDuration); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestStates(t *testing.T) {
	isPut := func(r *http.Request) bool { return r.Method == http.MethodPut }
	isAny := func(r *http.Request) bool { return true }
	good := metadata{data: testData()}
	tests := map[string]struct {
		handler http.Handler
		state   probes.MetadataState
		reason  probes.Reason
		denied  string
		id      bool // the data is there all the same
	}{
		"token lost, v2 only":         {hang(isPut, good), probes.MetadataTokenLost, probes.Timeout, "", false},
		"token lost, v1 too":          {hang(isPut, metadata{data: testData(), v1: true}), probes.MetadataTokenLost, probes.Timeout, "", true},
		"connects, never answers":     {hang(isAny, good), probes.MetadataUnreachable, probes.Timeout, "", false},
		"token, then silence":         {hang(func(r *http.Request) bool { return !isPut(r) }, good), probes.MetadataUnreachable, probes.Timeout, "", false},
		"token denied":                {page(403, nil, "<html>403 - Forbidden"), probes.MetadataDisabled, probes.AccessDenied, tokenPath, false},
		"data denied":                 {instead(map[string]int{"/latest/meta-data": 403, "/latest/dynamic": 403}, good), probes.MetadataDisabled, probes.AccessDenied, "*", false},
		"not found, all of it":        {page(404, nil, "<html>no such page"), probes.MetadataForeign, probes.NotAWS, "", false},
		"a page for everything":       {page(200, nil, "<html>Welcome to the hotel"), probes.MetadataForeign, probes.NotAWS, "", false},
		"a word for everything":       {page(200, nil, "hello"), probes.MetadataForeign, probes.NotAWS, "", false},
		"a proxy denies":              {page(403, map[string]string{"Via": "1.1 squid"}, "<html>denied"), probes.MetadataForeign, probes.NotAWS, "", false},
		"redirect":                    {page(302, map[string]string{"Location": "http://portal.example/"}, ""), probes.MetadataForeign, probes.NotAWS, "", false},
		"busy":                        {page(503, nil, ""), probes.MetadataUnreachable, probes.Throttled, "", false},
		"broken":                      {page(500, nil, ""), probes.MetadataUnreachable, probes.ServerError, "", false},
		"no token, v2 asked for":      {instead(map[string]int{tokenPath: 404}, good), probes.MetadataForeign, probes.NotAWS, "", false},
		"token lost, then a stranger": {hang(isPut, page(200, nil, "<html>")), probes.MetadataForeign, probes.NotAWS, "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := ask(t, serve(t, tt.handler), quickPace)
			if m.State != tt.state || m.Reason != tt.reason {
				t.Errorf("state %q reason %q (%s), want %q %q", m.State, m.Reason, m.Detail, tt.state, tt.reason)
			}
			if tt.denied == "*" && m.Denied == "" || tt.denied != "*" && m.Denied != tt.denied {
				t.Errorf("denied %q, want %q", m.Denied, tt.denied)
			}
			if (m.InstanceID != "") != tt.id {
				t.Errorf("instance id %q", m.InstanceID)
			}
		})
	}
}

func TestHostileServers(t *testing.T) {
	request := func(c net.Conn) { c.Read(make([]byte, 4096)) }
	drip := func(first string) func(context.Context, net.Conn) {
		return func(ctx context.Context, c net.Conn) {
			request(c)
			c.Write([]byte(first))
			for ctx.Err() == nil {
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	flood := func(first string) func(context.Context, net.Conn) {
		return func(ctx context.Context, c net.Conn) {
			request(c)
			c.Write([]byte(first))
			junk := []byte(strings.Repeat("x", 32<<10))
			for ctx.Err() == nil {
				if _, err := c.Write(junk); err != nil {
					return
				}
			}
		}
	}
	say := func(s string) func(context.Context, net.Conn) {
		return func(ctx context.Context, c net.Conn) { request(c); c.Write([]byte(s)) }
	}
	tests := map[string]struct {
		each  func(context.Context, net.Conn)
		state probes.MetadataState
	}{
		"a byte at a time":    {drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), probes.MetadataUnreachable},
		"endless body":        {flood("HTTP/1.1 200 OK\r\n\r\n"), probes.MetadataForeign},
		"endless header":      {flood("HTTP/1.1 200 OK\r\nX: "), probes.MetadataForeign},
		"endless line":        {flood(""), probes.MetadataForeign},
		"ssh":                 {say("SSH-2.0-OpenSSH_9.6\r\n"), probes.MetadataForeign},
		"interim for ever":    {say(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50)), probes.MetadataForeign},
		"bad chunks":          {say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), probes.MetadataForeign},
		"negative length":     {say("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), probes.MetadataForeign},
		"closes":              {func(ctx context.Context, c net.Conn) { request(c) }, probes.MetadataUnreachable},
		"resets":              {func(ctx context.Context, c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, probes.MetadataUnreachable},
		"promises and closes": {say("HTTP/1.1 200 OK\r\nContent-Length: 56\r\n\r\nAQ"), probes.MetadataUnreachable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := ask(t, serveRaw(t, tt.each), quickPace)
			if m.State != tt.state {
				t.Errorf("state %q reason %q (%s), want %q", m.State, m.Reason, m.Detail, tt.state)
			}
		})
	}
}

// An attempt that fails once must not count.
func TestOneFailureIsNone(t *testing.T) {
	t.Run("connect", func(t *testing.T) {
		addr := serve(t, metadata{data: testData()})
		var dials atomic.Int32
		dial := func(ctx context.Context, a netip.AddrPort) (net.Conn, probes.Conn) {
			if dials.Add(1) == 1 {
				<-ctx.Done()
				return nil, probes.Conn{Reason: probes.Timeout}
			}
			return dialPlain(ctx, a)
		}
		m := Ask(t.Context(), Options{Addr: addr, Dial: dial, pace: quickPace})
		if d := cmp.Diff(healthy(), m, ignoreDuration); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
	t.Run("token and each request", func(t *testing.T) {
		var seen syncSet
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if seen.first(r.Method + r.URL.Path) {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			metadata{data: testData()}.ServeHTTP(w, r)
		})
		if d := cmp.Diff(healthy(), ask(t, serve(t, h), quickPace), ignoreDuration); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

func TestConnectFails(t *testing.T) {
	sender := netip.MustParseAddr("10.0.0.1")
	tests := map[string]struct {
		conn  probes.Conn
		quick bool
	}{
		"refused":      {probes.Conn{Reason: probes.Refused}, true},
		"icmp":         {probes.Conn{Reason: probes.Unreachable, Sender: sender}, true},
		"no route":     {probes.Conn{Reason: probes.NoRoute, Local: true}, true},
		"times out":    {probes.Conn{Reason: probes.Timeout}, false},
		"its word":     {probes.Conn{Reason: probes.OK}, true},
		"own firewall": {probes.Conn{Reason: probes.Prohibited, Local: true}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int32
			dial := func(ctx context.Context, a netip.AddrPort) (net.Conn, probes.Conn) {
				dials.Add(1)
				if a != AddrIPv4 {
					t.Errorf("asks %v", a)
				}
				if !tt.quick {
					<-ctx.Done()
				}
				return nil, tt.conn
			}
			m := Ask(t.Context(), Options{Dial: dial, pace: quickPace})
			want := tt.conn.Reason
			if want == probes.OK {
				want = probes.Internal
			}
			if m.State != probes.MetadataUnreachable || m.Reason != want || m.Sender != tt.conn.Sender || m.Local != tt.conn.Local {
				t.Errorf("got %+v", m)
			}
			if n := dials.Load(); n != 2 {
				t.Errorf("%d dials, want 2", n)
			}
		})
	}
}

func TestRefusedForReal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	m := ask(t, addr, standardPace)
	if m.State != probes.MetadataUnreachable || m.Reason != probes.Refused || m.Duration > 1 {
		t.Errorf("got %+v", m)
	}
}

// 1.5 s for each answer leaves no time to waste: token, MAC, what it names.
func TestSlowService(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes 5 s")
	}
	m := ask(t, serve(t, metadata{data: testData(), slow: 1500 * time.Millisecond}), standardPace)
	if d := cmp.Diff(healthy(), m, ignoreDuration); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if m.Duration > 5 {
		t.Errorf("took %.1f s", m.Duration)
	}
}

// A request without a token is counted by CloudWatch: none is made in health.
func TestNoPlainRequestInHealth(t *testing.T) {
	var plain atomic.Int32
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.Header.Get("X-aws-ec2-metadata-token") == "" {
			plain.Add(1)
		}
		metadata{data: testData()}.ServeHTTP(w, r)
	})
	ask(t, serve(t, h), standardPace)
	if n := plain.Load(); n != 0 {
		t.Errorf("%d requests without a token", n)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	started := time.Now()
	m := Ask(ctx, Options{Addr: serve(t, hang(func(*http.Request) bool { return true }, metadata{}))})
	if m.State != probes.MetadataNotAsked || m.Reason != probes.Canceled || time.Since(started) > time.Second {
		t.Errorf("got %+v after %v", m, time.Since(started))
	}
}

func TestAddrFor(t *testing.T) {
	v6 := platform.Facts{Interfaces: []platform.Interface{{Name: "ens5", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("2001:db8::5/64")}}}}
	v4 := platform.Facts{Interfaces: []platform.Interface{{Name: "ens5", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24")}}}}
	for _, tt := range []struct {
		facts platform.Facts
		want  netip.AddrPort
	}{{v4, AddrIPv4}, {v6, AddrIPv6}, {platform.Facts{}, AddrIPv4}} {
		if got := AddrFor(tt.facts); got != tt.want {
			t.Errorf("got %v, want %v", got, tt.want)
		}
	}
	if got := string(requestText("GET", "/x", "", AddrIPv6)); !strings.Contains(got, "\r\nHost: [fd00:ec2::254]\r\n") {
		t.Errorf("got %q", got)
	}
}

func BenchmarkHealthy(b *testing.B) {
	addr := serve(b, metadata{data: testData()})
	for b.Loop() {
		if m := Ask(b.Context(), Options{Addr: addr}); m.State != probes.MetadataOK {
			b.Fatalf("got %+v", m)
		}
	}
}
