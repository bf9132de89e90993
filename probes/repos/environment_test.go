package repos

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

func TestEnvironmentProxy(t *testing.T) {
	lower := probes.AgentProxy{HTTP: "http://p", HTTPS: "http://s"}
	upper := probes.AgentProxy{HTTP: "http://p", HTTPS: "http://s", UpperHTTP: true, UpperHTTPS: true}
	onlyHTTP := probes.AgentProxy{HTTP: "http://p"}
	tests := []struct {
		name            string
		env             probes.AgentProxy
		manager, scheme string
		want            probes.ProxyURL
	}{
		{"dnf", lower, "dnf", "http", "http://p"},
		{"dnf", lower, "dnf", "https", "http://s"},
		{"dnf, capitals", upper, "dnf", "http", ""},
		{"dnf, capitals", upper, "dnf", "https", "http://s"},
		{"dnf, http alone", onlyHTTP, "dnf", "https", ""},
		{"yum, capitals", upper, "yum", "http", ""},
		{"apt", lower, "apt", "http", "http://p"},
		{"apt", lower, "apt", "https", "http://s"},
		{"apt, capitals", upper, "apt", "http", ""},
		{"apt, capitals", upper, "apt", "https", ""},
		{"apt, http alone", onlyHTTP, "apt", "https", "http://p"},
		{"zypper, capitals", upper, "zypper", "http", "http://p"},
		{"zypper, http alone", onlyHTTP, "zypper", "https", "http://p"},
	}
	for _, tt := range tests {
		if got := environmentProxy(tt.env, tt.manager, tt.scheme); got != tt.want {
			t.Errorf("%s, %s: %q", tt.name, tt.scheme, got.Reveal())
		}
	}
}

func TestSpared(t *testing.T) {
	tests := []struct {
		manager, list, host string
		want                bool
	}{
		{"dnf", "", "h.example", false},
		{"dnf", "*", "h.example", true},
		{"dnf", "a.example, h.example", "h.example", true},
		{"dnf", "example", "h.example", true},
		{"dnf", ".example", "H.Example.", true},
		{"dnf", "ample", "h.example", false},
		{"dnf", "h.example:80", "h.example", false},
		{"dnf", "10.0.0.0/8", "10.1.2.3", true},
		{"dnf", "10.1.2.3", "10.1.2.3", true},
		{"dnf", "2.3", "10.1.2.3", false},
		{"dnf", "fd00::/8", "fd00::1", true},
		{"zypper", "example", "h.example", true},
		{"apt", "example", "h.example", true},
		{"apt", "ample", "h.example", true}, // the end of the name, wherever it begins
		{"apt", "*", "h.example", false},
		{"apt", "a, h.example", "h.example", false}, // the blank belongs to it
		{"apt", "EXAMPLE", "h.example", true},
		{"apt", ",", "h.example", false},
		{"apt", "10.0.0.0/8", "10.1.2.3", false},
	}
	for _, tt := range tests {
		if got := spared(probes.AgentProxy{NoProxy: tt.list}, tt.manager, tt.host); got != tt.want {
			t.Errorf("%s, no_proxy=%s, %s: %v", tt.manager, tt.list, tt.host, got)
		}
	}
	if spared(probes.AgentProxy{NoProxy: "example", UpperNoProxy: true}, "apt", "h.example") {
		t.Error("apt does not read NO_PROXY")
	}
}

// TestProbeEnvironment: whose proxy is taken. That of the environment refuses.
func TestProbeEnvironment(t *testing.T) {
	t.Parallel()
	const dead, other = "http://dead.example:9", "http://other.example:9"
	s := newStage(t, func(rw http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "InRelease") {
			_, _ = io.WriteString(rw, aptGoodInRelease)
			return
		}
		goodRepomd(rw, req)
	})
	env := func(none string) *probes.AgentProxy {
		return &probes.AgentProxy{Known: true, Source: "unit", HTTP: dead, NoProxy: none}
	}
	own := func(r *probes.Repo) { r.Proxy, r.ProxySource = other, "own" }
	direct := func(r *probes.Repo) { r.NoProxy = true }
	none := func(*probes.Repo) {}
	tests := []struct {
		name   string
		cfg    probes.RepoConfig
		env    *probes.AgentProxy
		want   probes.Reason
		source string
		direct probes.Reason
	}{
		{"apt", aptRepo(none), env(""), probes.ProxyUnreachable, "unit", probes.OK},
		{"apt, one of its own", aptRepo(own), env(""), probes.ProxyUnreachable, "own", ""},
		{"apt, DIRECT", aptRepo(direct), env(""), probes.OK, "", ""},
		{"apt, no_proxy", aptRepo(none), env("a.example"), probes.OK, "", ""},
		{"apt, no_proxy and one of its own", aptRepo(own), env("a.example"), probes.OK, "", ""},
		{"zypper", zyppRepo(none), env(""), probes.ProxyUnreachable, "unit", probes.OK},
		{"zypper, _none_", zyppRepo(direct), env(""), probes.OK, "", ""},
		{"zypper, no_proxy and one of its own", zyppRepo(own), env("example"), probes.OK, "", ""},
		{"dnf, no_proxy", enabledRepo(func(r *probes.Repo) { r.Base = []string{"http://a.example/"} }), env("*"), probes.OK, "", ""},
		{"nothing set", aptRepo(none), &probes.AgentProxy{Known: true}, probes.OK, "", ""},
		{"unknown", aptRepo(none), &probes.AgentProxy{}, probes.OK, "", ""},
	}
	for _, tt := range tests {
		r := one(t, Probe(t.Context(), s.prober(), tt.cfg, ProbeInput{Host: platformtest.New(nil), Environment: tt.env}))
		source := ""
		if r.Result.Proxy != nil {
			source = r.Result.Proxy.Source
		}
		if r.Reason != tt.want || source != tt.source || r.Direct != tt.direct {
			t.Errorf("%s: %s by %q, direct %q (%s)", tt.name, r.Reason, source, r.Direct, r.Detail)
		}
	}
}
