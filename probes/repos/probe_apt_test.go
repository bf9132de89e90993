package repos

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// aptRepo is a repository of apt with the usual settings.
func aptRepo(change func(*probes.Repo)) probes.RepoConfig {
	r := probes.Repo{ID: "a.example s", Manager: "apt", Enabled: true, SSLVerify: true, Base: []string{"http://a.example/ubuntu/"},
		Metadata: []string{"dists/s/InRelease", "dists/s/Release"}, Internet: true}
	change(&r)
	return probes.RepoConfig{Known: true, Manager: "apt", Repos: []probes.Repo{r}}
}

const (
	aptGoodSignature = signatureBegin + "\n\nx\n-----END PGP SIGNATURE-----\n"
	aptGoodInRelease = clearSignedBegin + "\nHash: SHA512\n\n" + aptGoodRelease + aptGoodSignature
	loginPage        = "<!DOCTYPE html><html><title>Sign in</title></html>"
)

// aptFiles serves files by path; a number is a status.
func aptFiles(files map[string]any) http.HandlerFunc {
	return func(rw http.ResponseWriter, req *http.Request) {
		switch f := files[strings.TrimPrefix(req.URL.Path, "/ubuntu/dists/s/")].(type) {
		case string:
			_, _ = io.WriteString(rw, f)
		case int:
			rw.WriteHeader(f)
		default:
			http.NotFound(rw, req)
		}
	}
}

func TestProbeAPT(t *testing.T) {
	t.Parallel()
	none := func(*probes.Repo) {}
	unsigned := func(r *probes.Repo) { r.Unsigned = true }
	hidden := func(r *probes.Repo) { r.AuthUnknown = true }
	expired := strings.Replace(aptGoodInRelease, "Date:", "Valid-Until: Mon, 01 Jan 2024 00:00:00 UTC\nDate:", 1)
	tests := []struct {
		name   string
		files  map[string]any
		change func(*probes.Repo)
		want   probes.Reason
		state  probes.State
		last   string // of the address that decided
		detail string
	}{
		{"InRelease", map[string]any{"InRelease": aptGoodInRelease}, none, probes.OK, probes.Up, "InRelease", ""},
		{"Release and its signature", map[string]any{"Release": aptGoodRelease, "Release.gpg": aptGoodSignature}, none, probes.OK, probes.Up, "/Release", ""},
		{"a signature in packets", map[string]any{"Release": aptGoodRelease, "Release.gpg": "\x89\x01"}, none, probes.OK, probes.Up, "/Release", ""},
		{"no signature", map[string]any{"Release": aptGoodRelease}, none, probes.BadContent, probes.Down, "/Release", "not signed"},
		{"a page for a signature", map[string]any{"Release": aptGoodRelease, "Release.gpg": loginPage}, none, probes.BadContent, probes.Down, "/Release.gpg", "not a signature"},
		{"no signature, and none wanted", map[string]any{"Release": aptGoodRelease}, unsigned, probes.OK, probes.Up, "/Release", ""},
		{"captive portal", map[string]any{"InRelease": loginPage}, none, probes.BadContent, probes.Down, "InRelease", "a page for people"},
		{"captive portal, no signature wanted", map[string]any{"InRelease": loginPage, "Release": loginPage}, unsigned, probes.BadContent, probes.Down, "InRelease", "a page for people"},
		{"nothing there", nil, none, probes.NotFound, probes.Down, "/Release", "HTTP 404"},
		{"InRelease refused", map[string]any{"InRelease": 403, "Release": aptGoodRelease}, none, probes.AccessDenied, probes.Down, "InRelease", "HTTP 403"},
		{"wants a password", map[string]any{"InRelease": 401}, none, probes.Unauthorized, probes.Down, "InRelease", "HTTP 401"},
		{"wants a password that root may have", map[string]any{"InRelease": 401}, hidden, probes.SkippedReason, probes.Unknown, "InRelease", "this user may not read"},
		{"refuses what root may have", map[string]any{"InRelease": 403}, hidden, probes.SkippedReason, probes.Unknown, "InRelease", "this user may not read"},
		{"what root may have does not matter elsewhere", map[string]any{"InRelease": 500}, hidden, probes.ServerError, probes.Down, "InRelease", "HTTP 500"},
		{"out of date", map[string]any{"InRelease": expired}, none, probes.Stale, probes.Down, "InRelease", "past its end"},
		{"out of date, and taken", map[string]any{"InRelease": expired}, func(r *probes.Repo) { r.NoExpiry = true }, probes.OK, probes.Up, "InRelease", ""},
		{"the signature broke off", map[string]any{"InRelease": strings.TrimSuffix(aptGoodInRelease, aptGoodSignature)}, none, probes.BadContent, probes.Down, "InRelease", "signature"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, aptFiles(tt.files))
			r := one(t, Probe(t.Context(), s.prober(), aptRepo(tt.change), ProbeInput{Host: platformtest.New(nil)}))
			if r.Reason != tt.want || r.Result.State != tt.state || !strings.HasSuffix(r.URL, tt.last) || !strings.Contains(r.Detail, tt.detail) || r.Stage != StageMetadata {
				t.Errorf("%s, %s at %s %s: %q", r.Reason, r.Result.State, r.Stage, r.URL, r.Detail)
			}
			if tt.want == probes.OK && r.Revision.IsZero() {
				t.Error("its own time is not kept")
			}
			for _, step := range r.Result.Steps {
				if step.Phase == probes.PhaseTLS {
					t.Errorf("plain http has a step %+v", step)
				}
			}
			if last := r.Result.Steps[len(r.Result.Steps)-1]; last.Phase != probes.PhaseHTTP || last.State != tt.state || (last.Reason == probes.OK) != (tt.want == probes.OK) {
				t.Errorf("the last step is %+v", last)
			}
		})
	}
}

func TestProbeAPTSteps(t *testing.T) {
	s := newStage(t, aptFiles(map[string]any{"InRelease": aptGoodInRelease}))
	r := one(t, Probe(t.Context(), s.prober(), aptRepo(func(*probes.Repo) {}), ProbeInput{Host: platformtest.New(nil)}))
	var phases []probes.Phase
	for _, step := range r.Result.Steps {
		phases = append(phases, step.Phase)
	}
	if !slices.Equal(phases, []probes.Phase{probes.PhaseDNS, probes.PhaseTCP, probes.PhaseHTTP}) {
		t.Errorf("%v", phases)
	}
	if len(r.Result.Conns) != 1 || r.Result.Conns[0].Addr.Port() != 80 {
		t.Errorf("%+v", r.Result.Conns)
	}
}

// TestProbeAPTMirrors: lists in a file are read with the configuration, those of a
// server are asked for; names go on to the next mirror as in apt.
func TestProbeAPTMirrors(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/list":
			_, _ = io.WriteString(rw, "# none\nhttp://b.example/ubuntu/\tpriority:2\nhttp://no.example/ubuntu/\tpriority:1\nftp://c.example/\n")
		case req.URL.Path == "/none":
			_, _ = io.WriteString(rw, "# none\n")
		case req.Host == "b.example":
			aptFiles(map[string]any{"InRelease": aptGoodInRelease})(rw, req)
		case req.Host == "portal.example":
			_, _ = io.WriteString(rw, loginPage)
		default:
			http.NotFound(rw, req)
		}
	})
	list := func(address string) func(*probes.Repo) {
		return func(r *probes.Repo) { r.Base, r.MirrorList = nil, address }
	}
	base := func(urls ...string) func(*probes.Repo) { return func(r *probes.Repo) { r.Base = urls } }
	tests := []struct {
		name   string
		change func(*probes.Repo)
		want   probes.Reason
		stage  string
		list   int // mirrors in it
		tried  int
	}{
		{"a list of a server", list("http://a.example/list"), probes.OK, StageMetadata, 2, 2},
		{"an empty list", list("http://a.example/none"), probes.BadContent, StageMirrorList, 0, 0},
		{"no list", list("http://a.example/gone"), probes.NotFound, StageMirrorList, 0, 0},
		{"a page for a list", list("http://portal.example/"), probes.BadContent, StageMirrorList, 0, 0},
		{"the first has nothing", base("http://a.example/ubuntu/", "http://b.example/ubuntu/"), probes.OK, StageMetadata, 0, 2},
		{"the first is unknown", base("http://no.example/ubuntu/", "http://b.example/ubuntu/"), probes.OK, StageMetadata, 0, 2},
		{"the first has a page", base("http://portal.example/ubuntu/", "http://b.example/ubuntu/"), probes.BadContent, StageMetadata, 0, 1},
		{"three at most", base("http://a.example/1/", "http://a.example/2/", "http://a.example/3/", "http://b.example/ubuntu/"), probes.NotFound, StageMetadata, 0, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := one(t, Probe(t.Context(), s.prober(), aptRepo(tt.change), ProbeInput{Host: platformtest.New(nil)}))
			if r.Reason != tt.want || r.Stage != tt.stage || r.Mirrors != tt.list || r.Tried != tt.tried {
				t.Errorf("%s at %s (%s), %d mirrors, %d tried", r.Reason, r.Stage, r.Detail, r.Mirrors, r.Tried)
			}
		})
	}
}

// TestProbeAPTLogin: a password goes to the host that it is for alone.
func TestProbeAPTLogin(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		if _, password, ok := req.BasicAuth(); !ok || password != "p@ssword" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		aptFiles(map[string]any{"InRelease": 404, "Release": 404})(rw, req)
	})
	cfg := aptRepo(func(r *probes.Repo) {
		r.Base, r.User, r.Password = []string{"http://a.example/ubuntu/", "http://b.example/ubuntu/"}, "joe", "p@ssword"
	})
	r := one(t, Probe(t.Context(), s.prober(), cfg, ProbeInput{Host: platformtest.New(nil)}))
	for _, req := range s.requests("b.example") {
		if req.Header.Get("Authorization") != "" {
			t.Error("another host got the password")
		}
	}
	if r.Reason != probes.NotFound || len(s.requests("b.example")) == 0 {
		t.Errorf("%s %s", r.Reason, r.Detail)
	}
	data, err := json.Marshal(r)
	if err != nil || strings.Contains(string(data), "p@ssword") || strings.Contains(string(data), "joe") {
		t.Errorf("%v %s", err, data)
	}
}

func TestProbeAPTUnknown(t *testing.T) {
	asked := newStage(t, func(http.ResponseWriter, *http.Request) { t.Error("nothing is to be asked") })
	for name, tt := range map[string]struct {
		change func(*probes.Repo)
		state  probes.State
		detail string
	}{
		"a proxy by a command":     {func(r *probes.Repo) { r.ProxyUnknown = "apt asks the command x" }, probes.Unknown, "apt asks the command x"},
		"a transport of its own":   {func(r *probes.Repo) { r.Unprobed = "by tor" }, probes.Unknown, "by tor"},
		"that and no address":      {func(r *probes.Repo) { r.Base, r.Unprobed = nil, "by tor" }, probes.Unknown, "by tor"},
		"no address":               {func(r *probes.Repo) { r.Base, r.Problem = nil, "the list names none" }, probes.Skipped, "the list names none"},
		"no address, and no words": {func(r *probes.Repo) { r.Base = nil }, probes.Skipped, ""},
	} {
		r := one(t, Probe(t.Context(), asked.prober(), aptRepo(tt.change), ProbeInput{Host: platformtest.New(nil)}))
		if r.Reason != probes.SkippedReason || r.Result.State != tt.state || !strings.Contains(r.Detail, tt.detail) {
			t.Errorf("%s: %s %s %q", name, r.Reason, r.Result.State, r.Detail)
		}
	}
}

// TestProbeAPTFolder reads what lies on this machine.
func TestProbeAPTFolder(t *testing.T) {
	h := platformtest.New(map[string]string{"/srv/dists/s/InRelease": aptGoodInRelease})
	h.Clock = time.Now()
	for base, want := range map[string]probes.Reason{"file:///srv/": probes.OK, "file:///other/": probes.NotFound} {
		r := one(t, Probe(t.Context(), (&stage{}).prober(), aptRepo(func(r *probes.Repo) { r.Base = []string{base} }), ProbeInput{Host: h}))
		if r.Reason != want || (r.Result.State == probes.Up) != (want == probes.OK) {
			t.Errorf("%s: %s %s %q", base, r.Reason, r.Result.State, r.Detail)
		}
	}
}

func TestProbeAPTRedirects(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		switch req.Host {
		case "up.example": // to TLS
			http.Redirect(rw, req, "https://a.example"+req.URL.Path, http.StatusFound)
		case "down.example":
			http.Redirect(rw, req, "http://a.example"+req.URL.Path, http.StatusFound)
		default:
			aptFiles(map[string]any{"InRelease": aptGoodInRelease})(rw, req)
		}
	})
	for name, tt := range map[string]struct {
		base string
		no   bool
		want probes.Reason
	}{
		"to TLS":            {"http://up.example/ubuntu/", false, probes.OK},
		"away from TLS":     {"https://down.example/ubuntu/", false, probes.Redirect},
		"none are followed": {"http://up.example/ubuntu/", true, probes.Redirect},
	} {
		r := one(t, Probe(t.Context(), s.prober(), aptRepo(func(r *probes.Repo) { r.Base, r.NoRedirect = []string{tt.base}, tt.no }), ProbeInput{Host: platformtest.New(nil)}))
		if r.Reason != tt.want {
			t.Errorf("%s: %s (%s)", name, r.Reason, r.Detail)
		}
	}
}
