package repos

import (
	"path"
	"slices"
	"strings"
)

// maxAptOptions bounds the configuration: a machine has some 300 options.
const maxAptOptions = 20_000

// aptConf is apt's configuration: a tree of options with a value each, such as
// Acquire::http::Proxy. Names do not know case. A name that ends in :: adds to a
// list (apt.conf(5)).
type aptConf struct {
	root  aptOption
	count int
}

type aptOption struct {
	tag, value string
	children   []*aptOption
}

// newAptConf has apt's own defaults of what we look up (apt-pkg/init.cc).
func newAptConf(arch string) *aptConf {
	c := &aptConf{}
	for _, o := range [...][2]string{
		{"APT::Architecture", arch},
		{"Dir", "/"},
		{"Dir::Etc", "etc/apt/"},
		{"Dir::Etc::sourcelist", "sources.list"},
		{"Dir::Etc::sourceparts", "sources.list.d"},
		{"Dir::Etc::main", "apt.conf"},
		{"Dir::Etc::netrc", "auth.conf"},
		{"Dir::Etc::netrcparts", "auth.conf.d"},
		{"Dir::Etc::parts", "apt.conf.d"},
		{"Dir::Bin::methods", "/usr/lib/apt/methods"},
	} {
		c.set(o[0], o[1])
	}
	return c
}

// lookup walks to an option. Missing ones are made only where create is set.
func (c *aptConf) lookup(name string, create bool) *aptOption {
	at := &c.root
	tags := strings.Split(name, "::")
	for i, tag := range tags {
		var next *aptOption
		if tag != "" {
			if j := slices.IndexFunc(at.children, func(o *aptOption) bool { return strings.EqualFold(o.tag, tag) }); j >= 0 {
				next = at.children[j]
			}
		}
		if next == nil {
			if !create || c.count >= maxAptOptions || i > 50 {
				return nil
			}
			next = &aptOption{tag: tag}
			at.children = append(at.children, next)
			c.count++
		}
		at = next
	}
	return at
}

func (c *aptConf) set(name, value string) {
	if o := c.lookup(name, true); o != nil {
		o.value = value
	}
}

// clear empties an option and all below it: #clear.
func (c *aptConf) clear(name string) {
	if o := c.lookup(name, false); o != nil {
		o.value, o.children = "", nil
	}
}

// find is an option's value; "" where it has none.
func (c *aptConf) find(name string) string {
	if o := c.lookup(name, false); o != nil {
		return o.value
	}
	return ""
}

// file is an option that names a file or folder: relative to what stands above
// it in the tree (Dir::Etc for Dir::Etc::main), and all below RootDir.
func (c *aptConf) file(name string) string {
	value := c.find(name)
	tags := strings.Split(name, "::")
	for n := len(tags) - 1; n > 0 && value != ""; n-- {
		parent := c.find(strings.Join(tags[:n], "::"))
		if parent == "" {
			continue
		}
		if strings.HasPrefix(value, "/") || strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../") || strings.HasPrefix(value, "~/") {
			break
		}
		value = strings.TrimSuffix(parent, "/") + "/" + value
	}
	if root := c.find("RootDir"); root != "" {
		value = root + "/" + value
	}
	if value == "" || value == "/dev/null" || strings.HasPrefix(value, "/dev/null/") {
		return ""
	}
	return path.Clean("/" + value)
}

// transport looks up an option of a transport for a host, in the order in which
// apt's methods do: https before http, and of both what is set for the host
// before what is set for all (methods/aptmethod.h, ConfigFind). The place of the
// host is Acquire::https::HOST::CaInfo, whatever the man page says.
func (c *aptConf) transport(access, host, name string) (value, option string) {
	methods := []string{"http"}
	if access == "https" {
		methods = []string{"https", "http"}
	}
	for _, place := range [...]string{"::" + host, ""} {
		for _, m := range methods {
			option := "Acquire::" + m + place + "::" + name
			if v := c.find(option); v != "" {
				return v, option
			}
		}
	}
	return "", ""
}
