package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lines finds the line of a value in a file.
type lines struct{ root *yaml.Node }

func newLines(data []byte) lines {
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 {
		return lines{}
	}
	return lines{doc.Content[0]}
}

// of is the line of the value at a path of keys (string) and positions (int): the
// nearest that the file has, 0 where it has none.
func (l lines) of(path ...any) int {
	node, line := l.root, 0
	for _, p := range path {
		next, at := child(node, p)
		if next == nil {
			break
		}
		node, line = next, at
	}
	return line
}

// child is a value below a node, with the line of its key.
func child(node *yaml.Node, p any) (*yaml.Node, int) {
	if node == nil {
		return nil, 0
	}
	switch p := p.(type) {
	case string:
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == p {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	case int:
		if node.Kind == yaml.SequenceNode && p < len(node.Content) {
			return node.Content[p], node.Content[p].Line
		}
	}
	return nil, 0
}

var (
	atLine      = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?line (\d+): (.*)`)
	fieldText   = regexp.MustCompile(`field (\S+) (not found|already set) in type (?:config\.)?(\S+)`)
	keyTwice    = regexp.MustCompile(`mapping key "?([^" ]+)"? already defined`)
	kindMessage = regexp.MustCompile("cannot unmarshal !!(\\w+)(?: `([^`]*)`)? into (\\S+)")
)

// yamlError turns the library's message into file:line and plain words.
func yamlError(name string, err error) error {
	text := err.Error()
	var te *yaml.TypeError
	if errors.As(err, &te) && len(te.Errors) > 0 {
		text = te.Errors[0]
	}
	e := &Error{File: name, Text: strings.TrimPrefix(text, "yaml: ")}
	if m := atLine.FindStringSubmatch(text); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Text = m[2]
	}
	if m := keyTwice.FindStringSubmatch(e.Text); m != nil {
		e.Text = fmt.Sprintf("key %q stands twice", m[1])
	} else if m := fieldText.FindStringSubmatch(e.Text); m != nil {
		e.Text = fmt.Sprintf("unknown key %q; known are %s", m[1], strings.Join(keysOf(m[3]), ", "))
		if m[2] == "already set" {
			e.Text = fmt.Sprintf("key %q stands twice", m[1])
		}
	} else if m := kindMessage.FindStringSubmatch(e.Text); m != nil {
		e.Text = fmt.Sprintf("expected %s, found %s", kindWords(m[3]), strings.TrimSpace(kindWords(m[1])+" "+m[2]))
	}
	return e
}

// parts are the types that the file is read into.
var parts = []any{Config{}, TLS{}, Intervals{}, Confirm{}, Target{}, Mute{}, Web{}}

// keysOf are the keys of the part of the file that a type stands for.
func keysOf(typeName string) []string {
	var keys []string
	for _, p := range parts {
		t := reflect.TypeOf(p)
		for i := 0; t.Name() == typeName && i < t.NumField(); i++ {
			if key := t.Field(i).Tag.Get("yaml"); key != "-" {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func kindWords(s string) string {
	switch {
	case s == "seq", strings.HasPrefix(s, "[]"):
		return "a list"
	case s == "map", strings.HasPrefix(s, "config."), strings.HasPrefix(s, "map["):
		return "keys and values"
	case s == "str", s == "string", strings.HasPrefix(s, "diagnosis."), strings.HasPrefix(s, "probes."):
		return "a text"
	case s == "bool":
		return "true or false"
	case s == "int":
		return "a whole number"
	}
	return s
}
