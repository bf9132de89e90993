package repos

import (
	"errors"
	"io/fs"
	"path"
	"strings"
)

// Red Hat Update Infrastructure in AWS. Its repository files hold the literal
// REGION; the plugin amazon-id replaces it and adds the instance's signed
// identity document to every request (amazon-id.py of rh-amazon-rhui-client).
const rhuiSuffix = ".aws.ce.redhat.com"

func rhuiHost(host string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), rhuiSuffix)
}

// rhuiRegion is the region in RHUI's names. GovCloud has none of its own: there
// the names of the region without -gov are used.
func rhuiRegion(region string) string { return strings.Replace(region, "-gov", "", 1) }

// amazonID tells whether the plugin amazon-id works here: plugins are not off in
// [main], and its own file does not switch it off. Where there is no file dnf
// runs a plugin that is installed all the same, and yum does not.
func (r *reader) amazonID() bool {
	conf, on := "/etc/dnf/plugins", r.main.flag("plugins", true)
	if r.gen == genYum {
		conf, on = "/etc/yum/pluginconf.d", r.main.flag("plugins", false)
	}
	if !on {
		return false
	}
	if own := r.main.list("pluginconfpath"); len(own) > 0 {
		conf = own[0]
	}
	name := path.Join(conf, "amazon-id.conf")
	data, err := r.host.ReadFile(name, maxVarFile)
	if err != nil {
		return r.gen != genYum
	}
	f, bad := parseINI(data, false)
	if bad != nil {
		return false
	}
	s := f.get("main")
	if s == nil {
		return r.gen != genYum
	}
	return newOptions(s.keys, r.vars, genDNF4).flag("enabled", r.gen != genYum)
}

func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
