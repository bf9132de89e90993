package repos

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// transport fills in proxy, certificates and credentials of an http or https
// repository: apt-transport-http(1), apt-transport-https(1), apt_auth.conf(5).
func (b *aptBuilder) transport(repo *probes.Repo, u aptURI) {
	c := b.reader.conf
	repo.Internet = onInternet(u.host)
	b.proxy(repo, u)
	repo.User, repo.Password = b.login(u, repo.Metadata[0])
	if repo.User == "" && repo.Password == "" {
		repo.AuthUnknown = !b.complete
	}
	allowed, _ := c.transport(u.access, u.host, "AllowRedirect")
	repo.NoRedirect = !aptBool(allowed, true)
	option := func(name string) string {
		value, _ := c.transport("https", u.host, name)
		return value
	}
	// A redirect may lead from http to https.
	repo.SSLVerify = aptBool(option("Verify-Peer"), true)
	repo.AnyName = repo.SSLVerify && !aptBool(option("Verify-Host"), true)
	repo.CAFile = option("CaInfo")
	if u.access != "https" {
		return
	}
	if repo.ClientCert = option("SslCert"); repo.ClientCert != "" {
		if repo.ClientKey = option("SslKey"); repo.ClientKey == "" {
			repo.ClientKey = repo.ClientCert
		}
	}
	for _, name := range [...]string{"IssuerCert", "SslForceVersion"} {
		if v, o := c.transport(u.access, u.host, name); v != "" {
			repo.Problem = "apt refuses https with " + o + " set: it no longer knows that option"
		}
	}
}

// proxy finds the proxy as methods/http.cc does: one for the host, else one for
// all, else the environment's, which the caller knows. "DIRECT", or a word that
// is no address, means none.
func (b *aptBuilder) proxy(repo *probes.Repo, u aptURI) {
	c := b.reader.conf
	value, option := c.transport(u.access, u.host, "Proxy::"+u.host)
	if value == "" {
		for _, name := range [...]string{"Proxy-Auto-Detect", "ProxyAutoDetect"} {
			if command := c.find("Acquire::" + u.access + "::" + name); command != "" {
				repo.ProxyUnknown = fmt.Sprintf("apt asks the command %s for it (Acquire::%s::%s)", aptPrintable(command), u.access, name)
				break
			}
		}
		value, option = c.transport(u.access, u.host, "Proxy")
	}
	if value == "" {
		return
	}
	repo.ProxySource = "apt.conf: " + option
	p := parseAptURI(value)
	switch {
	case value == "DIRECT", p.host == "":
		repo.NoProxy = true
		return
	case p.access == "http" || p.access == "https" || p.access == "socks5h":
	default:
		repo.Problem = fmt.Sprintf("apt cannot use the proxy of %s: it must begin with http://, https:// or socks5h://", option)
	}
	if p.user == "" && p.password == "" {
		p.user, p.password = b.login(p, "")
	}
	repo.Proxy = probes.ProxyURL(p.reveal())
}

// reveal is the address with user and password, as a dialer needs it.
func (u aptURI) reveal() string {
	if u.user == "" && u.password == "" {
		return u.access + "://" + u.site()
	}
	const reserved = ":/?#[]@"
	login := percentEncode(u.user, reserved)
	if u.password != "" {
		login += ":" + percentEncode(u.password, reserved)
	}
	return u.access + "://" + login + "@" + u.site()
}

// login is the user and password for what lies at the address: from itself, else
// from the first file that has them.
func (b *aptBuilder) login(u aptURI, file string) (user, password string) {
	if u.user != "" || u.password != "" {
		return u.user, u.password
	}
	u.path += file
	for _, data := range b.logins {
		if user, password = netrcLogin(data, u); user != "" || password != "" {
			return user, password
		}
	}
	return "", ""
}

// plainError is an error without the name that the text around it has.
func plainError(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// notThere: surely absent, not merely hidden from this run.
func notThere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, platform.ErrNotRegular)
}

// mirrorListURI is the address of the list that a mirror transport reads
// (apt-transport-mirror(1)): mirror+file:/path, mirror+https://host/path, and
// mirror://host/path, which is http.
func mirrorListURI(u aptURI) (list aptURI, ok bool) {
	access, ok := strings.CutPrefix(u.access, "mirror")
	switch {
	case !ok || access != "" && access[0] != '+':
		return aptURI{}, false
	case access == "":
		access = "http"
	default:
		access = access[1:]
	}
	u.access, u.path = access, strings.TrimSuffix(u.path, "/")
	return u, true
}
