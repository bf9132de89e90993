package config

import (
	"bytes"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Show writes the effective configuration, defaults included, as a file that reads
// as the same. The file holds no secrets: those of the web configuration stay in
// their own.
func (c Config) Show(w io.Writer) error {
	from := "# " + c.Path + ", with the defaults filled in\n"
	if c.Path == "" {
		from = fmt.Sprintf("# no file at %s: the defaults\n", DefaultPath())
	}
	if c.Internet == "" {
		c.Internet = "off"
	}
	var b bytes.Buffer
	b.WriteString(from)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(c); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}
