package repos

import (
	"net/url"
	"regexp"
	"strings"
)

// zyppURL is an address as zypp takes it apart (zypp/Url.cc): options for zypp
// itself stand in the query.
type zyppURL struct {
	scheme, user, password, host, port, path string
	query                                    []zyppParam
}

type zyppParam struct{ name, value, raw string }

// The grammar of zypp/url/UrlBase.cc: what does not fit it makes zypper stop.
var (
	zyppURLForm = regexp.MustCompile(`^(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?$`)
	zyppScheme  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9.+-]*$`)
	zyppHost    = regexp.MustCompile(`^[[:alnum:]${}_]+([.-][[:alnum:]${}_]+)*$`)
	zyppIPv6    = regexp.MustCompile(`^\[[0-9a-fA-F:.]+\]$`)
	zyppPort    = regexp.MustCompile(`^[0-9]{1,5}$`)
	zyppPath    = regexp.MustCompile(`^([a-zA-Z0-9\\!$&'(){}*+=,:;@/~._-]|%[a-fA-F0-9]{2})*$`)
	zyppOption  = regexp.MustCompile(`^([a-zA-Z0-9\\!$&'(){}*+=,:;@/?~._-]|%[a-fA-F0-9]{2})*$`)
	zyppUser    = regexp.MustCompile(`^([a-zA-Z0-9\\!$&'()*+=,:;~._-]|%[a-fA-F0-9]{2})*$`)
)

// parseZyppURL takes an address apart and returns what zypp would say against it.
func parseZyppURL(s string) (u zyppURL, fault string) {
	if strings.HasPrefix(s, "/") {
		s = "file://" + s
	}
	m := zyppURLForm.FindStringSubmatch(s)
	switch {
	case m == nil, m[2] == "":
		return u, "Url scheme is a required component"
	case !zyppScheme.MatchString(m[2]):
		return u, "Invalid Url scheme '" + aptPrintable(m[2]) + "'"
	case !zyppPath.MatchString(m[5]):
		return u, "Invalid path name component '" + aptPrintable(m[5]) + "'"
	case !zyppOption.MatchString(m[7]), !zyppOption.MatchString(m[9]):
		return u, "Invalid query string component" // may hold a token
	}
	u.scheme, u.path = strings.ToLower(m[2]), m[5]
	u.query = zyppQuery(m[7])
	u.path, _, _ = strings.Cut(u.path, ";") // parameters of the path
	authority := m[4]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		if !zyppUser.MatchString(user + password) {
			return u, "Invalid username component"
		}
		u.user, u.password = percentDecode(user), percentDecode(password)
		authority = authority[at+1:]
	}
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		u.port, authority = authority[colon+1:], authority[:colon]
		if !zyppPort.MatchString(u.port) {
			return u, "Invalid port component '" + aptPrintable(u.port) + "'"
		}
	}
	if u.host = percentDecode(authority); !strings.HasPrefix(u.host, "[") {
		u.host = strings.ToLower(u.host)
	}
	network := u.scheme == "http" || u.scheme == "https" || u.scheme == "ftp" || u.scheme == "tftp"
	switch {
	case u.host == "" && network:
		return u, "Url scheme requires a host component"
	case u.host != "" && !zyppHost.MatchString(u.host) && !zyppIPv6.MatchString(u.host):
		return u, "Invalid host component '" + aptPrintable(u.host) + "'"
	}
	return u, ""
}

// zyppQuery splits a query into its parameters.
func zyppQuery(s string) (params []zyppParam) {
	for _, raw := range strings.Split(s, "&") {
		if raw == "" || len(params) > 50 {
			continue
		}
		name, value, _ := strings.Cut(raw, "=")
		params = append(params, zyppParam{percentDecode(name), percentDecode(value), raw})
	}
	return params
}

// param is an option in the query; "" where it is not given.
func (u zyppURL) param(name string) string {
	for _, p := range u.query {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// zyppOptions are parameters that zypp takes for itself and does not send on
// (zypp/media/CurlHelper.cc, clearQueryString).
var zyppOptions = map[string]bool{
	"cookies": true, "proxy": true, "proxyport": true, "proxyuser": true, "proxypass": true, "ssl_capath": true,
	"ssl_verify": true, "ssl_clientcert": true, "ssl_clientkey": true, "timeout": true, "auth": true,
	"username": true, "password": true, "mediahandler": true, "credentials": true, "head_requests": true,
	"mirrorlist": true, "metalink": true,
}

// sent is the query that a server gets: a token of SUSE's, most often.
func (u zyppURL) sent() string {
	var kept []string
	for _, p := range u.query {
		if !zyppOptions[p.name] {
			kept = append(kept, p.raw)
		}
	}
	return strings.Join(kept, "&")
}

// address is the URL without user, password, query and fragment.
func (u zyppURL) address() string {
	if u.host == "" {
		return u.scheme + ":" + u.path
	}
	host := u.host
	if u.port != "" {
		host += ":" + u.port
	}
	p := u.path
	if p != "" && !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return u.scheme + "://" + host + p
}

// join puts a repository's path= below the address.
func (u zyppURL) join(sub string) zyppURL {
	if sub = strings.Trim(sub, "/"); sub != "" && sub != "." {
		u.path = strings.TrimRight(u.path, "/") + "/" + (&url.URL{Path: sub}).EscapedPath()
	}
	if !strings.HasSuffix(u.path, "/") {
		u.path += "/"
	}
	return u
}
