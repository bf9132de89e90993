package repos

import (
	"bytes"
	"path"
	"strings"

	"agentctl/probes"
)

// sysconfigProxy is /etc/sysconfig/proxy, which YaST writes and which libproxy
// tells zypp (zypp/media/ProxyInfo.cc; libproxy's config_sysconfig.cpp).
type sysconfigProxy struct {
	enabled bool
	proxies map[string]string // by scheme
	none    []string
	login   string // user:password of .curlrc
}

const sysconfigProxyFile = "/etc/sysconfig/proxy"

// readProxy reads it, and the proxy-user of root's .curlrc.
func (r *zyppReader) readProxy() sysconfigProxy {
	p := sysconfigProxy{enabled: true, proxies: map[string]string{}}
	data, ok := r.read(sysconfigProxyFile, 64<<10)
	if !ok {
		return sysconfigProxy{}
	}
	values := map[string]string{}
	for line := range bytes.Lines(data) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') {
			if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
				value = value[1 : 1+end]
			}
		}
		values[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	p.enabled = values["PROXY_ENABLED"] != "no"
	for _, scheme := range [...]string{"http", "https", "ftp"} {
		p.proxies[scheme] = values[strings.ToUpper(scheme)+"_PROXY"]
	}
	p.none = strings.FieldsFunc(strings.ToLower(values["NO_PROXY"]), func(c rune) bool { return strings.ContainsRune(", \t", c) })
	if data, ok := r.read("/root/.curlrc", 64<<10); ok {
		p.login = curlrcProxyUser(data)
	}
	return p
}

// curlrcProxyUser is the one option of .curlrc that zypp looks at
// (zypp/media/CurlConfig.cc).
func curlrcProxyUser(data []byte) (login string) {
	for line := range bytes.Lines(data) {
		text := strings.TrimLeft(strings.TrimSpace(string(line)), "-")
		at := strings.IndexAny(text, "=: \t")
		if at < 0 || text[:at] != "proxy-user" {
			continue
		}
		value := strings.TrimLeft(text[at:], "=: \t")
		if quoted, ok := strings.CutPrefix(value, `"`); ok {
			value = strings.NewReplacer(`\\`, `\`, `\`, "").Replace(strings.TrimSuffix(quoted, `"`))
		}
		login = value
	}
	return login
}

// forHost is the proxy for an address; "" none.
func (p sysconfigProxy) forHost(scheme, host string) string {
	proxy := p.proxies[scheme]
	if !p.enabled || proxy == "" || len(p.none) == 1 && p.none[0] == "*" {
		return ""
	}
	for _, n := range p.none {
		if n = strings.TrimPrefix(n, "."); host == n || n != "" && strings.HasSuffix(host, "."+n) {
			return ""
		}
	}
	if !strings.Contains(proxy, "://") {
		proxy = "http://" + proxy
	}
	if !strings.HasPrefix(proxy, "http://") {
		return "" // zypp takes no other kind
	}
	return proxy
}

// transport fills in proxy, certificates and credentials of an address.
func (r *zyppReader) transport(repo *probes.Repo, u zyppURL, p sysconfigProxy) {
	repo.Internet = onInternet(strings.Trim(u.host, "[]"))
	repo.Query = u.sent()
	r.zyppProxy(repo, u, p)
	var missing bool
	repo.User, repo.Password, repo.AuthUnknown, missing = r.login(u)
	if missing {
		r.problem(repo.File, "[%s] names the credentials %s, which are not there: zypper asks for a user and password", repo.ID, aptPrintable(path.Base(u.param("credentials"))))
	}
	if u.scheme != "https" {
		return
	}
	switch verify := u.param("ssl_verify"); verify {
	case "", "yes":
	case "no":
		repo.SSLVerify = false
	default:
		flags := "," + verify + ","
		repo.SSLVerify = strings.Contains(flags, ",peer,")
		repo.AnyName = repo.SSLVerify && !strings.Contains(flags, ",host,")
		if strings.Trim(strings.NewReplacer("peer", "", "host", "").Replace(verify), ",") != "" {
			repo.Problem = "ssl_verify may be yes, no, peer and host, and not " + aptPrintable(verify)
		}
	}
	repo.CADir, repo.ClientCert, repo.ClientKey = u.param("ssl_capath"), u.param("ssl_clientcert"), u.param("ssl_clientkey")
	if repo.ClientKey == "" {
		repo.ClientKey = repo.ClientCert
	}
}

// zyppProxy: the address's own, else the machine's. Without either, curl takes
// the environment's, which the caller knows.
func (r *zyppReader) zyppProxy(repo *probes.Repo, u zyppURL, p sysconfigProxy) {
	value, source := u.param("proxy"), repo.File
	user, password := u.param("proxyuser"), u.param("proxypass")
	switch {
	case value == "_none_":
		repo.NoProxy, repo.ProxySource = true, source
		return
	case value != "":
		if port := u.param("proxyport"); port != "" {
			value += ":" + port
		}
		if !strings.Contains(value, "://") {
			value = "http://" + value
		}
	default:
		if value, source = p.forHost(u.scheme, u.host), sysconfigProxyFile; value == "" {
			return
		}
	}
	proxy := parseAptURI(value)
	if user != "" {
		proxy.user, proxy.password = user, password
	}
	if proxy.user == "" {
		name, word, _ := strings.Cut(p.login, ":")
		proxy.user, proxy.password = percentDecode(name), percentDecode(word)
	}
	repo.Proxy, repo.ProxySource = probes.ProxyURL(proxy.reveal()), source
}
