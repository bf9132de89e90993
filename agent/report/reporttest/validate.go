package reporttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"agentctl/agent/report"
)

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.SchemaJSON()))
	if err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat() // date-time is checked, not only noted
	const name = "report.schema.json"
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("load schema: %w", err)
	}
	return c.Compile(name)
})

// Validate checks a document against the report's schema. It lives apart from
// the report so that the binary does not carry the validator.
func Validate(data []byte) error {
	s, err := compiled()
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("parse report: %w", err)
	}
	return s.Validate(doc)
}

// Enum lists the values of a closed set of the schema by the name of its
// definition: "code", "reason", "route" and so on.
func Enum(name string) ([]string, error) {
	var doc struct {
		Defs map[string]struct {
			Enum []string `json:"enum"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(report.SchemaJSON(), &doc); err != nil {
		return nil, err
	}
	d, ok := doc.Defs[name]
	if !ok || len(d.Enum) == 0 {
		return nil, fmt.Errorf("the schema has no closed set %q", name)
	}
	return d.Enum, nil
}
