// Package config is the configuration file: what it may hold, and a strict reader
// that names the line of each mistake. Every key is optional, and so is the file.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"agentctl/agent/diagnosis"
	"agentctl/probes"
	"agentctl/probes/aws"
)

// Config is the configuration with its defaults filled in.
type Config struct {
	// Region is where this machine lives, for hosts whose metadata does not say.
	Region string `yaml:"region"`
	// Internet is the control target that only the internet answers, host:port;
	// "off" in the file leaves it out, and is "" here.
	Internet string `yaml:"internet"`
	TLS      TLS    `yaml:"tls"`
	// Groups switches groups off (false). A group that is not named is on.
	Groups    map[probes.Group]bool `yaml:"groups"`
	Intervals Intervals             `yaml:"intervals"`
	Confirm   Confirm               `yaml:"confirm"`
	Targets   []Target              `yaml:"targets"`
	Mute      []Mute                `yaml:"mute"`
	// Expect names the route that a target must take, by its name.
	Expect map[string]probes.Route `yaml:"expect"`
	Web    Web                     `yaml:"web"`
	// StateDir holds the last report and the history. Absolute.
	StateDir string `yaml:"state_dir"`
	// Inventory has `agentctl inventory` write the SSM inventory file.
	Inventory bool `yaml:"inventory"`

	// Path is the file that was read; "" for the defaults.
	Path string `yaml:"-"`
	// RootsPEM is what TLS.ServiceRoots names.
	RootsPEM []byte `yaml:"-"`
}

// TLS says which certificates count as the service's own.
type TLS struct {
	// ServiceRoots is a PEM file of roots that count as genuine beside those of
	// Amazon Trust Services: for other partitions and for tests.
	ServiceRoots string `yaml:"service_roots"`
}

// Intervals are how often the daemon looks, each at least a tenth of its default
// and at most a day.
type Intervals struct {
	Network       Duration `yaml:"network"` // identity, ssm, s3 and the user's own targets
	Repos         Duration `yaml:"repos"`
	WindowsUpdate Duration `yaml:"windowsupdate"`
	Agent         Duration `yaml:"agent"`
	Host          Duration `yaml:"host"`
	// Quiet is how often control targets and experiments run while nothing fails.
	Quiet Duration `yaml:"quiet"`
}

// Confirm is how sure the daemon makes before it raises or clears a finding.
type Confirm struct {
	// Looks is how many rounds in a row must see it: 1 raises at once.
	Looks int `yaml:"looks"`
	// After is how soon the next look comes while something waits for it.
	After Duration `yaml:"after"`
}

// Target is one of the user's own: something that this machine needs besides.
type Target struct {
	Name     string `yaml:"name"`
	URL      string `yaml:"url"` // http or https
	Required bool   `yaml:"required"`
}

// Mute silences one finding, with the reason for the next reader.
type Mute struct {
	Code   diagnosis.Code `yaml:"code"`
	Reason string         `yaml:"reason"`
}

// Web is where metrics and the status page are served.
type Web struct {
	Listen []string `yaml:"listen"` // host:port
	// ConfigFile is an exporter-toolkit web configuration: TLS, client
	// certificates, basic auth.
	ConfigFile string `yaml:"config_file"`
	// Expose says what a listener off loopback serves: "metrics" (and health), or
	// "all".
	Expose string `yaml:"expose"`
}

// ExposeAll is the value of Web.Expose that shows everything everywhere.
const ExposeAll = "all"

// Duration reads "5m".
type Duration struct{ time.Duration }

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(node *yaml.Node) (err error) {
	if d.Duration, err = time.ParseDuration(node.Value); err != nil || node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: %q is not a duration; write it as 90s, 5m or 1h30m", node.Line, node.Value)
	}
	return nil
}

// MarshalYAML implements yaml.Marshaler.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// String writes whole minutes and hours without the zeros of time.Duration.
func (d Duration) String() string {
	switch s := d.Duration; {
	case s >= time.Hour && s%time.Hour == 0:
		return fmt.Sprintf("%dh", s/time.Hour)
	case s >= time.Minute && s%time.Minute == 0:
		return fmt.Sprintf("%dm", s/time.Minute)
	default:
		return s.String()
	}
}

// DefaultListen is where the daemon serves unless told otherwise.
const DefaultListen = "127.0.0.1:9855"

// Default is the configuration of a machine without a file.
func Default() Config {
	every := func(d time.Duration) Duration { return Duration{d} }
	return Config{
		Internet: aws.DefaultInternet,
		Intervals: Intervals{Network: every(5 * time.Minute), Repos: every(30 * time.Minute), WindowsUpdate: every(30 * time.Minute),
			Agent: every(time.Minute), Host: every(time.Minute), Quiet: every(time.Hour)},
		Confirm:  Confirm{Looks: 2, After: every(15 * time.Second)},
		Web:      Web{Listen: []string{DefaultListen}, Expose: "metrics"},
		StateDir: defaultStateDir(),
	}
}

// On tells whether a group is not switched off.
func (c Config) On(g probes.Group) bool {
	on, named := c.Groups[g]
	return on || !named
}

// Muted returns the reason for which a finding is silenced.
func (c Config) Muted(code diagnosis.Code) (reason string, muted bool) {
	for _, m := range c.Mute {
		if m.Code == code {
			return m.Reason, true
		}
	}
	return "", false
}

// maxFile is far above any sensible configuration (bytes).
const maxFile = 1 << 20

// DefaultPath is where the configuration is looked for unless --config names
// another file.
func DefaultPath() string {
	if runtime.GOOS == "windows" {
		return os.Getenv("ProgramData") + `\agentctl\agentctl.yml`
	}
	return "/etc/agentctl/agentctl.yml"
}

func defaultStateDir() string {
	if runtime.GOOS == "windows" {
		return os.Getenv("ProgramData") + `\agentctl\state`
	}
	return "/var/lib/agentctl"
}

// Error is a fault of the configuration, with its place.
type Error struct {
	File string
	Line int // 0: the file as a whole
	Text string
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
	}
	return e.File + ": " + e.Text
}

// Load reads the file strictly: an unknown key is an error with its line. With
// path "" the default file is read if there is one.
func Load(path string) (Config, error) {
	name := path
	if name == "" {
		name = DefaultPath()
	}
	data, err := readBounded(name, maxFile)
	if errors.Is(err, fs.ErrNotExist) && path == "" {
		return Default(), nil
	}
	if err != nil {
		return Config{}, &Error{File: name, Text: plainError(err)}
	}
	c, err := Parse(name, data)
	if err != nil {
		return Config{}, err
	}
	if f := c.TLS.ServiceRoots; f != "" {
		if c.RootsPEM, err = readBounded(f, maxFile); err != nil {
			return Config{}, &Error{File: name, Line: newLines(data).of("tls", "service_roots"), Text: fmt.Sprintf("tls.service_roots: read %s: %s", f, plainError(err))}
		}
	}
	return c, nil
}

// Parse reads a configuration from its text; name stands in errors.
func Parse(name string, data []byte) (Config, error) {
	c := Default()
	if i := bytes.IndexByte(data, 0); i >= 0 || !utf8.Valid(data) {
		return Config{}, &Error{File: name, Text: "is not a text file; expected YAML in UTF-8"}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, yamlError(name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, &Error{File: name, Text: "holds more than one YAML document; keep one"}
	}
	c.Path = name
	if err := c.check(checker{name: name, lines: newLines(data)}); err != nil {
		return Config{}, err
	}
	return c, nil
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("is larger than %d KiB", limit>>10)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("is larger than %d KiB", limit>>10)
	}
	return data, err
}

// plainError is an error without the operation and path that stand beside it.
func plainError(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
