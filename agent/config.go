package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"agentctl/probes/aws"
)

// Config is the configuration file. Every key is optional, and so is the file.
type Config struct {
	// Region is where this machine lives, for hosts whose metadata does not say.
	Region string `yaml:"region"`
	// Internet is the control target that only the internet answers, host:port;
	// "off" leaves it out.
	Internet string    `yaml:"internet"`
	TLS      TLSConfig `yaml:"tls"`

	path string // file that was read; "" for the defaults
}

// TLSConfig says which certificates count as the service's own.
type TLSConfig struct {
	// ServiceRoots is a PEM file of roots that count as genuine beside those of
	// Amazon Trust Services: for other partitions and for tests.
	ServiceRoots string `yaml:"service_roots"`

	rootsPEM []byte
}

// maxConfig is far above any sensible configuration (bytes).
const maxConfig = 1 << 20

// DefaultConfigPath is where the configuration is looked for unless --config
// names another file.
func DefaultConfigPath() string {
	if runtime.GOOS == "windows" {
		return os.Getenv("ProgramData") + `\agentctl\agentctl.yml`
	}
	return "/etc/agentctl/agentctl.yml"
}

// ConfigError is a fault of the configuration, with its place.
type ConfigError struct {
	File string
	Line int // 0: the file as a whole
	Text string
}

func (e *ConfigError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
	}
	return e.File + ": " + e.Text
}

// LoadConfig reads the file strictly: an unknown key is an error with its line.
// With path "" the default file is read if there is one.
func LoadConfig(path string) (Config, error) {
	name := path
	if name == "" {
		name = DefaultConfigPath()
	}
	data, err := readBounded(name, maxConfig)
	if errors.Is(err, fs.ErrNotExist) && path == "" {
		return Config{Internet: aws.DefaultInternet}, nil
	}
	if err != nil {
		return Config{}, &ConfigError{File: name, Text: plainError(err)}
	}
	c, err := ParseConfig(name, data)
	if err != nil {
		return Config{}, err
	}
	if f := c.TLS.ServiceRoots; f != "" {
		if c.TLS.rootsPEM, err = readBounded(f, maxConfig); err != nil {
			return Config{}, &ConfigError{File: name, Line: lineOf(data, "service_roots"), Text: fmt.Sprintf("tls.service_roots: read %s: %s", f, plainError(err))}
		}
	}
	return c, nil
}

// ParseConfig reads a configuration from its text; name stands in errors.
func ParseConfig(name string, data []byte) (Config, error) {
	c := Config{Internet: aws.DefaultInternet, path: name}
	if i := bytes.IndexByte(data, 0); i >= 0 || !utf8.Valid(data) {
		return Config{}, &ConfigError{File: name, Text: "is not a text file; expected YAML in UTF-8"}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, yamlError(name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, &ConfigError{File: name, Text: "holds more than one YAML document; keep one"}
	}
	c.path = name
	return c, c.check(name, data)
}

func (c *Config) check(name string, data []byte) error {
	if c.Region != "" && !aws.ValidRegion(c.Region) {
		return &ConfigError{name, lineOf(data, "region"), fmt.Sprintf("region: %q is not an AWS region; write it as us-east-1", c.Region)}
	}
	if c.Internet == "off" {
		c.Internet = ""
	}
	if c.Internet == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(c.Internet)
	if err != nil && !strings.Contains(c.Internet, ":") {
		host, port, err = c.Internet, "443", nil
		c.Internet += ":443"
	}
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || host == "" || n < 1 || n > 65535 || strings.ContainsAny(host, "/@ ") {
		return &ConfigError{name, lineOf(data, "internet"), fmt.Sprintf("internet: %q is not host:port; write it as checkip.amazonaws.com:443, or off", c.Internet)}
	}
	return nil
}

// yamlError turns the library's message into file:line and plain words.
func yamlError(name string, err error) error {
	text := err.Error()
	var te *yaml.TypeError
	if errors.As(err, &te) && len(te.Errors) > 0 {
		text = te.Errors[0]
	}
	e := &ConfigError{File: name, Text: strings.TrimPrefix(text, "yaml: ")}
	if m := regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)`).FindStringSubmatch(text); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Text = m[2]
	}
	if m := regexp.MustCompile(`field (\S+) (?:not found|already set) in type`).FindStringSubmatch(e.Text); m != nil {
		if strings.Contains(e.Text, "already set") {
			e.Text = fmt.Sprintf("key %q stands twice", m[1])
		} else {
			e.Text = fmt.Sprintf("unknown key %q; known are region, internet, tls.service_roots", m[1])
		}
	} else if m := regexp.MustCompile("cannot unmarshal !!(\\w+)(?: `([^`]*)`)? into (\\S+)").FindStringSubmatch(e.Text); m != nil {
		e.Text = fmt.Sprintf("expected %s, found %s", yamlKind(m[3]), strings.TrimSpace(yamlKind(m[1])+" "+m[2]))
	}
	return e
}

func yamlKind(s string) string {
	switch {
	case s == "seq":
		return "a list"
	case s == "map", strings.Contains(s, "Config"):
		return "keys and values"
	case s == "str", s == "string":
		return "a text"
	}
	return s
}

var keyLine = regexp.MustCompile(`^\s*([\w.]+)\s*:`)

func lineOf(data []byte, key string) int {
	for i, line := range strings.Split(string(data), "\n") {
		if m := keyLine.FindStringSubmatch(line); m != nil && m[1] == key {
			return i + 1
		}
	}
	return 0
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
