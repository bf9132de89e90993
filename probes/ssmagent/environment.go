package ssmagent

import (
	"slices"
	"strconv"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// environment is what a service's environment sets.
type environment map[string]string

// proxyNames are the variables of a proxy, in the order in which Go asks
// (golang.org/x/net/http/httpproxy, FromEnvironment): the upper-case name first.
// The agent logs the lower-case ones only (agent/proxyconfig/proxy.go), but all its
// connections go by http.ProxyFromEnvironment, through http.DefaultTransport
// (agent/network/transport.go) and for WebSockets (controlchannel.go,
// websocketutil.go): so both cases count.
var proxyNames = struct{ http, https, none []string }{
	http:  []string{"HTTP_PROXY", "http_proxy"},
	https: []string{"HTTPS_PROXY", "https_proxy"},
	none:  []string{"NO_PROXY", "no_proxy"},
}

// caNames are the variables by which the agent takes other roots: Go's own, and
// the AWS SDK's, whose file replaces the roots of SDK calls.
var caNames = [...]string{"SSL_CERT_FILE", "AWS_CA_BUNDLE"}

const (
	maxCAFile   = 4096 // bytes of a path
	maxRepoVars = 64
	maxRepoVar  = 1024 // bytes of a value
)

// readEnvironment fills in the proxy and the trust store of the agent's service:
// from the running process where that may be read, else from its units.
func readEnvironment(s *probes.AgentState, host platform.Host, l layout) {
	if s.PID > 0 {
		if env, err := host.ProcessEnv(s.PID); err == nil {
			setEnvironment(s, env, "/proc/"+strconv.Itoa(s.PID)+"/environ")
			return
		}
	}
	if len(l.units) == 0 {
		return // Windows keeps it in the registry
	}
	names := l.units
	if s.Package == "snap" {
		names = slices.Clone(names)
		slices.Reverse(names)
	}
	for _, name := range names {
		u := readUnit(host, name)
		switch {
		case u.unreadable != "":
			s.Proxy = probes.AgentProxy{Source: u.unreadable} // unknown, and not: none
			return
		case u.found:
			setEnvironment(s, u.env, u.source)
			return
		}
	}
}

// setEnvironment takes from an environment what Go and the AWS SDK would.
func setEnvironment(s *probes.AgentState, env environment, source string) {
	s.Proxy = probes.AgentProxy{
		Known: true, Source: source,
		HTTP: probes.ProxyURL(env.first(proxyNames.http)), HTTPS: probes.ProxyURL(env.first(proxyNames.https)),
		NoProxy: env.first(proxyNames.none),
	}
	s.Proxy.NoteCase(env)
	s.RepoVars = env.repoVars()
	if env["REQUEST_METHOD"] != "" {
		s.Proxy.HTTP = "" // Go takes this for CGI, where the header Proxy sets the variable
	}
	for _, name := range caNames {
		file := env[name]
		if file == "" || len(file) > maxCAFile || strings.ContainsRune(file, 0) || slices.Contains(s.CAFiles, file) {
			continue
		}
		s.CAFiles = append(s.CAFiles, file)
	}
}

// repoVars are the variables that yum (YUM0 to YUM9) and dnf (DNF_VAR_...) take for
// their own; nil where there are none.
func (e environment) repoVars() map[string]string {
	var out map[string]string
	for name, value := range e {
		yum := len(name) == 4 && strings.HasPrefix(name, "YUM") && name[3] >= '0' && name[3] <= '9'
		if !yum && !strings.HasPrefix(name, "DNF_VAR_") || len(out) == maxRepoVars || len(value) > maxRepoVar {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out
}

// first is the first of the names that is set to something.
func (e environment) first(names []string) string {
	for _, n := range names {
		if v := e[n]; v != "" {
			return v
		}
	}
	return ""
}
