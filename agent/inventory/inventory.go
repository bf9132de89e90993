// Package inventory writes the last report's sum for SSM Inventory, as the custom
// type Custom:AgentctlPatchReadiness.
//
// The rules are the SSM Agent's (agent/plugins/inventory/gatherers/custom/
// customGatherer.go): one file with the extension .json in the instance's own
// folder, at most 20 files there or none is read, at most 50 attributes, each a
// string of at most 4,096 bytes.
package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"agentctl/agent/diagnosis"
	"agentctl/agent/history"
	"agentctl/agent/report"
)

// TypeName is the inventory type. FileName is its one file.
const (
	TypeName = "Custom:AgentctlPatchReadiness"
	FileName = "agentctl-patch-readiness.json"
)

const (
	maxFiles = 20
	maxValue = 4096
)

// document is the file.
type document struct {
	SchemaVersion string            `json:"SchemaVersion"`
	TypeName      string            `json:"TypeName"`
	Content       map[string]string `json:"Content"`
}

// Document is the file's content for a report.
func Document(r *report.Report) ([]byte, error) {
	c := map[string]string{
		"Verdict":     string(r.Verdict.State),
		"Summary":     r.Verdict.Summary,
		"CheckedAt":   r.StartedAt.UTC().Format(time.RFC3339),
		"Version":     r.Version,
		"DataDate":    r.DataDate,
		"Region":      r.Instance.Region,
		"VpcId":       r.Instance.VPCID,
		"SubnetId":    r.Instance.SubnetID,
		"ZoneId":      r.Instance.ZoneID,
		"OS":          r.Instance.OS.Name,
		"Critical":    codes(r.Findings, diagnosis.Critical),
		"Warnings":    codes(r.Findings, diagnosis.Warning),
		"TargetsDown": strconv.Itoa(down(r)),
	}
	for _, capability := range diagnosis.Capabilities() {
		c["Can"+camel(string(capability))] = string(r.Verdict.Capabilities[capability])
	}
	for _, f := range r.Findings {
		if f.Severity == diagnosis.Critical { // the first is the one to mend first
			c["FirstCause"] = f.Summary
			if len(f.Fix) > 0 {
				c["FirstFix"] = f.Fix[0].Text
			}
			break
		}
	}
	for name, value := range c {
		if value == "" {
			delete(c, name) // null is refused, and an empty value says nothing
			continue
		}
		c[name] = cut(value)
	}
	return json.Marshal(document{SchemaVersion: "1.0", TypeName: TypeName, Content: c})
}

func codes(fs []diagnosis.Finding, s diagnosis.Severity) string {
	var out []string
	for _, f := range fs {
		if f.Severity == s {
			out = append(out, string(f.Code))
		}
	}
	return strings.Join(out, ",")
}

func down(r *report.Report) int {
	n := 0
	for _, t := range r.Targets {
		if !t.Control && t.State == "down" {
			n++
		}
	}
	return n
}

func camel(s string) string {
	var b strings.Builder
	for _, part := range strings.Split(s, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// cut keeps a value within the limit, at a whole character.
func cut(s string) string {
	if len(s) <= maxValue {
		return s
	}
	s = s[:maxValue]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// Dir is where the SSM Agent looks for an instance's custom inventory, below its
// data directory.
func Dir(data, instanceID string) string {
	return filepath.Join(data, instanceID, "inventory", "custom")
}

// ErrNoFolder says that the SSM Agent has not made its folder.
var ErrNoFolder = errors.New("the SSM Agent's inventory folder is not there; it makes it when its worker starts")

// Write puts the document into the folder. It makes no folder, and adds no file
// where the agent would then read none.
func Write(dir string, r *report.Report) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", dir, ErrNoFolder)
	}
	if err != nil {
		return err
	}
	others := 0
	for _, e := range entries {
		if e.Name() != FileName && filepath.Ext(e.Name()) == ".json" {
			others++
		}
	}
	if others >= maxFiles {
		return fmt.Errorf("%s holds %d files already, and of more than %d the SSM Agent reads none", dir, others, maxFiles)
	}
	data, err := Document(r)
	if err != nil {
		return err
	}
	return history.WriteFile(filepath.Join(dir, FileName), data, 0o600)
}
