package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentctl/agent/diagnosis"
	"agentctl/probes"
	"agentctl/probes/aws"
)

// Bounds of lists: each target is probed in every round, and each is a series.
const (
	maxTargets   = 50
	maxListeners = 8
	maxLooks     = 10
)

// checker makes errors with the line of what is wrong.
type checker struct {
	name  string
	lines lines
}

// wrong is a fault of the value at a path of keys and list positions.
func (k checker) wrong(format string, args []any, path ...any) error {
	return &Error{File: k.name, Line: k.lines.of(path...), Text: keyPath(path) + ": " + fmt.Sprintf(format, args...)}
}

// keyPath writes a path as users do: targets[1].url.
func keyPath(path []any) string {
	var b strings.Builder
	for i, p := range path {
		switch p := p.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", p)
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(p)
		}
	}
	return b.String()
}

// check refuses what cannot be carried out, and fills in what a short form leaves
// out.
func (c *Config) check(k checker) error {
	if c.Region != "" && !aws.ValidRegion(c.Region) {
		return k.wrong("%q is not an AWS region; write it as us-east-1", []any{c.Region}, "region")
	}
	for _, part := range []func(checker) error{c.checkInternet, c.checkGroups, c.checkIntervals, c.checkTargets, c.checkMute, c.checkExpect, c.checkWeb} {
		if err := part(k); err != nil {
			return err
		}
	}
	if !filepath.IsAbs(c.StateDir) {
		return k.wrong("%q is not an absolute path", []any{c.StateDir}, "state_dir")
	}
	return nil
}

func (c *Config) checkInternet(k checker) error {
	if c.Internet == "off" {
		c.Internet = ""
	}
	if c.Internet == "" {
		return nil
	}
	if !strings.Contains(c.Internet, ":") {
		c.Internet += ":443"
	}
	if !hostPort(c.Internet, false) {
		return k.wrong("%q is not host:port; write it as checkip.amazonaws.com:443, or off", []any{c.Internet}, "internet")
	}
	return nil
}

// hostPort tells whether a text is host:port; noHost allows ":9855".
func hostPort(s string, noHost bool) bool {
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(port)
	return err == nil && perr == nil && (host != "" || noHost) && n >= 1 && n <= 65535 && !strings.ContainsAny(host, "/@ ")
}

func (c *Config) checkGroups(k checker) error {
	for _, g := range slices.Sorted(maps.Keys(c.Groups)) {
		if !slices.Contains(probes.Groups(), g) {
			return k.wrong("there is no such group; groups are %s", []any{join(probes.Groups())}, "groups", string(g))
		}
	}
	return nil
}

func join[T ~string](names []T) string {
	s := make([]string, len(names))
	for i, n := range names {
		s[i] = string(n)
	}
	return strings.Join(s, ", ")
}

func (c *Config) checkIntervals(k checker) error {
	d := Default().Intervals
	for _, i := range []struct {
		key          string
		value, usual Duration
	}{{"network", c.Intervals.Network, d.Network}, {"repos", c.Intervals.Repos, d.Repos}, {"windowsupdate", c.Intervals.WindowsUpdate, d.WindowsUpdate},
		{"agent", c.Intervals.Agent, d.Agent}, {"host", c.Intervals.Host, d.Host}, {"quiet", c.Intervals.Quiet, d.Quiet}} {
		least := Duration{i.usual.Duration / 10}
		if i.value.Duration < least.Duration || i.value.Duration > 24*time.Hour {
			return k.wrong("%s is out of range; it is between %s and 24h", []any{i.value, least}, "intervals", i.key)
		}
	}
	if n := c.Confirm.Looks; n < 1 || n > maxLooks {
		return k.wrong("%d is out of range; it is between 1 and %d", []any{n, maxLooks}, "confirm", "looks")
	}
	if a := c.Confirm.After; a.Duration < time.Second || a.Duration > time.Hour {
		return k.wrong("%s is out of range; it is between 1s and 1h", []any{a}, "confirm", "after")
	}
	return nil
}

// targetName is what the user's own targets may be called: a label of metrics.
var targetName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// taken are names of targets that agentctl has itself.
var taken = []string{"ssm", "ssmmessages", "ec2messages", "s3", "s3-dualstack", "s3-dash", "s3-accelerate", "patch-payload", "wsus", "kms", "logs", "sts", "monitoring", "internet"}

func (c *Config) checkTargets(k checker) error {
	if len(c.Targets) > maxTargets {
		return k.wrong("holds %d; at most %d are probed", []any{len(c.Targets), maxTargets}, "targets")
	}
	seen := map[string]bool{}
	for i, t := range c.Targets {
		switch {
		case !targetName.MatchString(t.Name):
			return k.wrong("%q is no name for a target; use a-z, 0-9, dots, dashes, at most 63", []any{t.Name}, "targets", i, "name")
		case slices.Contains(taken, t.Name):
			return k.wrong("%q is a target of agentctl's own; choose another name", []any{t.Name}, "targets", i, "name")
		case seen[t.Name]:
			return k.wrong("%q stands twice", []any{t.Name}, "targets", i, "name")
		}
		seen[t.Name] = true
		u, err := url.Parse(t.URL)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
			return k.wrong("%q is not a URL; write it as https://repo.example.com/health", []any{probes.MaskURL(t.URL)}, "targets", i, "url")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return k.wrong("a user, a query or a fragment may not be part of it: it is shown in reports", nil, "targets", i, "url")
		}
	}
	return nil
}

func (c *Config) checkMute(k checker) error {
	for i, m := range c.Mute {
		e, ok := diagnosis.Lookup(m.Code)
		switch {
		case !ok:
			return k.wrong("%q is not a finding of this version; see agentctl explain --list", []any{m.Code}, "mute", i, "code")
		case strings.TrimSpace(m.Reason) == "":
			return k.wrong("say why %s is not to be reported", []any{e.Code}, "mute", i, "reason")
		}
	}
	return nil
}

func (c *Config) checkExpect(k checker) error {
	routes := []probes.Route{probes.RouteInterface, probes.RouteCentral, probes.RouteGateway, probes.RouteNAT, probes.RouteInternet, probes.RouteProxy}
	for _, name := range slices.Sorted(maps.Keys(c.Expect)) {
		if !slices.Contains(routes, c.Expect[name]) {
			return k.wrong("%q is not a route; routes are %s", []any{c.Expect[name], join(routes)}, "expect", name)
		}
	}
	return nil
}

func (c *Config) checkWeb(k checker) error {
	if len(c.Web.Listen) > maxListeners {
		return k.wrong("holds %d addresses; at most %d", []any{len(c.Web.Listen), maxListeners}, "web", "listen")
	}
	for i, l := range c.Web.Listen {
		if !hostPort(l, true) {
			return k.wrong("%q is not an address to listen on; write it as 127.0.0.1:9855, [::1]:9855 or :9855", []any{l}, "web", "listen", i)
		}
	}
	if e := c.Web.Expose; e != "metrics" && e != ExposeAll {
		return k.wrong("%q is neither metrics nor all", []any{e}, "web", "expose")
	}
	if f := c.Web.ConfigFile; f != "" && !filepath.IsAbs(f) {
		return k.wrong("%q is not an absolute path", []any{f}, "web", "config_file")
	}
	return nil
}

// Loopback tells whether a listen address can be reached from this machine alone.
func Loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
