package repos

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// enabledRepo is a repository of dnf with the usual settings.
func enabledRepo(change func(*probes.Repo)) probes.RepoConfig {
	r := probes.Repo{ID: "r", Manager: "dnf", Enabled: true, SSLVerify: true, Metadata: []string{"repodata/repomd.xml"}, Internet: true}
	change(&r)
	return probes.RepoConfig{Known: true, Manager: "dnf", Repos: []probes.Repo{{ID: "off"}, r}, Variables: map[string]string{"basearch": "x86_64", "dir": "d"}}
}

func one(t *testing.T, results []probes.RepoResult) probes.RepoResult {
	t.Helper()
	if len(results) != 1 {
		t.Fatalf("%d results", len(results))
	}
	return results[0]
}

func TestProbeRHUI(t *testing.T) {
	t.Parallel()
	const host, mirror = "rhui.eu-west-1.aws.ce.redhat.com", "cds.eu-west-1.aws.ce.redhat.com"
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasPrefix(req.URL.Path, "/pulp/mirror"):
			_, _ = io.WriteString(rw, "http://"+mirror+"/status/\nhttps://"+mirror+"/content/\n")
		case strings.HasPrefix(req.URL.Path, "/status"):
			rw.WriteHeader(http.StatusForbidden)
		case req.Host == mirror:
			http.Redirect(rw, req, "https://elsewhere.example/x/repodata/repomd.xml", http.StatusFound)
		default:
			goodRepomd(rw, req)
		}
	})
	var asked atomic.Int32
	in := ProbeInput{Host: platformtest.New(nil), Identity: func(context.Context) ([]byte, []byte, error) {
		asked.Add(1)
		return []byte(`{"region":"eu-west-1"}??>`), []byte("c2ln\nbmF0dXJl"), nil
	}}
	cfg := enabledRepo(func(r *probes.Repo) { r.MirrorList, r.RHUI = "https://"+host+"/pulp/mirror/x", true })
	r := one(t, Probe(t.Context(), s.prober(), cfg, in))
	if r.Reason != probes.OK || r.Stage != StageMetadata || r.Mirrors != 2 || r.Tried != 2 || len(r.Redirects) != 1 || asked.Load() != 1 {
		t.Errorf("%s at %s (%s), %d mirrors, %d tried, redirects %v, asked %d times", r.Reason, r.Stage, r.Detail, r.Mirrors, r.Tried, r.Redirects, asked.Load())
	}
	document := base64.URLEncoding.EncodeToString([]byte(`{"region":"eu-west-1"}??>`))
	signature := base64.URLEncoding.EncodeToString([]byte("c2ln\nbmF0dXJl"))
	for _, h := range []string{host, mirror, "elsewhere.example"} {
		for _, req := range s.requests(h) {
			id, sig := req.Header.Get("X-RHUI-ID"), req.Header.Get("X-RHUI-SIGNATURE")
			ours := strings.HasSuffix(h, rhuiSuffix) && req.TLS != nil
			if ours && (id != document || sig != signature) || !ours && id+sig != "" {
				t.Errorf("%s%s (TLS %v): %q %q", h, req.URL, req.TLS != nil, id, sig)
			}
		}
	}
	if len(s.requests("elsewhere.example")) != 1 {
		t.Error("the redirect was not followed")
	}
	in.Identity = func(context.Context) ([]byte, []byte, error) { return nil, nil, errors.New("no metadata") }
	cfg = enabledRepo(func(r *probes.Repo) { r.Base, r.RHUI = []string{"https://" + host + "/status/"}, true })
	if r := one(t, Probe(t.Context(), s.prober(), cfg, in)); r.Reason != probes.AccessDenied || !strings.Contains(r.Detail, "identity") {
		t.Errorf("%s %q", r.Reason, r.Detail)
	}
}

func TestProbeKnownGood(t *testing.T) {
	t.Parallel()
	const host = "al2023-repos-eu-west-1-de612dc2.s3.eu-west-1.amazonaws.com"
	for _, latest := range []int{200, 403} {
		s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
			rw.Header().Set("X-Amz-Request-Id", "1")
			if req.URL.Path == "/core/mirrors/latest/x86_64/mirror.list" {
				rw.WriteHeader(latest)
				return
			}
			rw.WriteHeader(http.StatusForbidden)
		})
		cfg := enabledRepo(func(r *probes.Repo) { r.MirrorList = "https://" + host + "/core/mirrors/2023.0/x86_64/mirror.list" })
		r := one(t, Probe(t.Context(), s.prober(), cfg, ProbeInput{Host: platformtest.New(nil)}))
		want := map[int]probes.Reason{200: probes.OK, 403: probes.AccessDenied}[latest]
		if r.Reason != probes.AccessDenied || r.KnownGood != want || r.Status != 403 || r.Stage != StageMirrorList {
			t.Errorf("%d: %s, known good %s, %+v", latest, r.Reason, r.KnownGood, r.Status)
		}
	}
}

func TestProbeProxy(t *testing.T) {
	t.Parallel()
	s := newStage(t, goodRepomd)
	p := s.prober()
	p.Proxy = func(probes.Target) (probes.ProxyURL, string) { return "http://proxy.example:9", "unit" }
	base := func(r *probes.Repo) { r.Base = []string{"https://a.example/"} }
	r := one(t, Probe(t.Context(), p, enabledRepo(base), ProbeInput{Host: platformtest.New(nil)}))
	if r.Reason != probes.ProxyUnreachable || r.Direct != probes.OK {
		t.Errorf("%s, direct %s", r.Reason, r.Direct)
	}
	r = one(t, Probe(t.Context(), p, enabledRepo(func(r *probes.Repo) { base(r); r.NoProxy = true }), ProbeInput{Host: platformtest.New(nil)}))
	if r.Reason != probes.ProxyUnreachable {
		t.Errorf("dnf's _none_ leaves the environment's: %s", r.Reason)
	}
	r = one(t, Probe(t.Context(), p, enabledRepo(func(r *probes.Repo) { base(r); r.NoProxy, r.Manager = true, "yum" }), ProbeInput{Host: platformtest.New(nil)}))
	if r.Reason != probes.OK {
		t.Errorf("yum's _none_ is direct: %s", r.Reason)
	}
	r = one(t, Probe(t.Context(), p, enabledRepo(func(r *probes.Repo) { base(r); r.Proxy = "http://own.example:9" }), ProbeInput{Host: platformtest.New(nil)}))
	if r.Reason != probes.ProxyUnreachable || r.Direct != "" {
		t.Errorf("a proxy of its own is no matter of the agent's: %s, direct %q", r.Reason, r.Direct)
	}
}

func TestProbeInternet(t *testing.T) {
	t.Parallel()
	s := newStage(t, goodRepomd)
	for host, want := range map[string]bool{"outside.example": true, "inside.example": false, "no.example": true} {
		r := one(t, Probe(t.Context(), s.prober(), enabledRepo(func(r *probes.Repo) { r.Base = []string{"http://" + host} }), ProbeInput{Host: platformtest.New(nil)}))
		if r.Repo.Internet != want {
			t.Errorf("%s: internet %v (%s)", host, r.Repo.Internet, r.Reason)
		}
	}
}

func TestProbeCertificate(t *testing.T) {
	t.Parallel()
	s := newStage(t, goodRepomd)
	now := time.Now()
	files := func(until time.Time) map[string]string {
		cert, _ := selfSigned(t, until)
		der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"/c.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})),
			"/k.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "/no.pem": "x"}
	}
	tests := []struct {
		name, cert, key string
		until           time.Time
		denied          bool
		state           probes.CertificateState
		reason          probes.Reason
		up              probes.State
	}{
		{"good", "/c.pem", "/k.pem", now.Add(time.Hour), false, probes.CertificateOK, probes.OK, probes.Up},
		{"missing", "/absent.pem", "/k.pem", now.Add(time.Hour), false, probes.CertificateMissing, probes.Unauthorized, probes.Down},
		{"key missing", "/c.pem", "/absent.pem", now.Add(time.Hour), false, probes.CertificateMissing, probes.Unauthorized, probes.Down},
		{"no certificate", "/no.pem", "/k.pem", now.Add(time.Hour), false, probes.CertificateUnreadable, probes.Unauthorized, probes.Down},
		{"expired is sent all the same", "/c.pem", "/k.pem", now.Add(-time.Hour), false, probes.CertificateExpired, probes.OK, probes.Up},
		{"not yet valid", "/c.pem", "/k.pem", now.Add(100 * time.Hour), false, probes.CertificateEarly, probes.OK, probes.Up},
		{"not ours to read", "/c.pem", "/k.pem", now.Add(time.Hour), true, probes.CertificateDenied, probes.SkippedReason, probes.Unknown},
	}
	for _, tt := range tests {
		h := platformtest.New(files(tt.until))
		h.Clock = now
		if tt.denied {
			h.Files["/k.pem"] = platformtest.File{Err: fs.ErrPermission}
		}
		cfg := enabledRepo(func(r *probes.Repo) {
			r.Base, r.ClientCert, r.ClientKey = []string{"https://a.example"}, tt.cert, tt.key
		})
		r := one(t, Probe(t.Context(), s.prober(), cfg, ProbeInput{Host: h}))
		if r.Certificate != tt.state || r.Reason != tt.reason || r.Result.State != tt.up {
			t.Errorf("%s: certificate %s, %s, %s (%s)", tt.name, r.Certificate, r.Reason, r.Result.State, r.Detail)
		}
	}
}

// TestProbeHostile: whatever a server sends, the probe ends in bounded time and
// says a clear word.
func TestProbeHostile(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		kind, rest, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		switch kind {
		case "silent":
			select {
			case <-release:
			case <-req.Context().Done():
			}
		case "endless":
			for i := 0; i < 64<<10 && req.Context().Err() == nil; i++ {
				_, _ = io.WriteString(rw, strings.Repeat("https://b.example/\n", 64))
			}
		case "million":
			_, _ = io.WriteString(rw, "http://a.example/good/\n"+strings.Repeat("http://b.example/\n", 1000000))
		case "drip":
			for i := 0; i < 200 && req.Context().Err() == nil; i++ {
				_, _ = io.WriteString(rw, "<")
				rw.(http.Flusher).Flush()
				time.Sleep(100 * time.Millisecond)
			}
		case "list":
			_, _ = io.WriteString(rw, strings.ReplaceAll(rest, "+", "\n"))
		default:
			goodRepomd(rw, req)
		}
	})
	t.Cleanup(func() { close(release) })
	base := func(urls ...string) probes.RepoConfig { return enabledRepo(func(r *probes.Repo) { r.Base = urls }) }
	tests := []struct {
		name   string
		cfg    probes.RepoConfig
		want   probes.Reason
		within time.Duration
	}{
		{"the first mirror is silent", base("http://a.example/silent", "http://a.example/good"), probes.OK, 3 * time.Second},
		{"the first name is unknown", base("http://no.example/", "http://a.example/good"), probes.OK, 2 * time.Second},
		{"all silent", base("http://a.example/silent", "http://b.example/silent", "http://c.example/silent", "http://a.example/good"), probes.Timeout, 11 * time.Second},
		{"metadata without end", base("http://a.example/endless"), probes.BadContent, 11 * time.Second},
		{"metadata in drips", base("http://a.example/drip"), probes.Closed, 11 * time.Second},
		{"a list of a million", enabledRepo(func(r *probes.Repo) { r.MirrorList = "http://a.example/million" }), probes.OK, 5 * time.Second},
		{"variables in a list", enabledRepo(func(r *probes.Repo) { r.MirrorList = "http://a.example/list/ftp:" + "+http:" }), probes.BadContent, 3 * time.Second},
		{"an address that is none", base("http://a{b/"), probes.Malformed, time.Second},
		{"ftp", base("ftp://a.example/"), probes.SkippedReason, time.Second},
	}
	var wg sync.WaitGroup
	for _, tt := range tests {
		wg.Go(func() {
			begin := time.Now()
			r := one(t, Probe(t.Context(), s.prober(), tt.cfg, ProbeInput{Host: platformtest.New(nil)}))
			if took := time.Since(begin); r.Reason != tt.want || took > tt.within {
				t.Errorf("%s: %s (%s, %s) after %s", tt.name, r.Reason, r.Stage, r.Detail, took)
			}
		})
	}
	wg.Wait()
}

func TestProbeCanceled(t *testing.T) {
	s := newStage(t, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	r := one(t, Probe(ctx, s.prober(), enabledRepo(func(r *probes.Repo) { r.Base = []string{"https://a.example/"} }), ProbeInput{Host: platformtest.New(nil)}))
	if r.Reason != probes.Canceled || r.Result.State != probes.Unknown || time.Since(begin) > 2*time.Second {
		t.Errorf("%s %s after %s", r.Reason, r.Result.State, time.Since(begin))
	}
}

func TestProbeWithoutAddress(t *testing.T) {
	r := one(t, Probe(t.Context(), (&stage{}).prober(), enabledRepo(func(r *probes.Repo) { r.Problem = "none" }), ProbeInput{Host: platformtest.New(nil)}))
	if r.Reason != probes.SkippedReason || r.Result.State != probes.Skipped || r.Detail != "none" {
		t.Errorf("%+v", r)
	}
}
