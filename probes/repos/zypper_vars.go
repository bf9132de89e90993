package repos

import (
	"encoding/xml"
	"strings"

	"agentctl/probes"
)

// zyppVars are the variables of repository addresses (zypper(8), "Variable
// substitution"; zypp/repo/RepoVariables.cc).
type zyppVars struct {
	values map[string]string
	open   map[string]bool // asked for and without a value
}

// readZyppVars: files of vars.d, their first line with its blanks; arch and
// basearch; releasever from the product that /etc/products.d/baseproduct links
// to, and its parts before and after the dot.
func (r *zyppReader) readVars(arch string) *zyppVars {
	v := &zyppVars{values: map[string]string{}, open: map[string]bool{}}
	for _, name := range r.list(r.conf["varsdir"]) {
		if data, ok := r.read(name, 4<<10); ok {
			line, _, _ := strings.Cut(string(data), "\n")
			v.values[name[strings.LastIndexByte(name, '/')+1:]] = line
		}
	}
	for _, name := range [...]string{"arch", "basearch"} {
		if v.values[name] == "" {
			v.values[name] = arch
		}
	}
	release, ok := v.values["releasever"]
	if !ok {
		release = r.productVersion()
		v.values["releasever"] = release
	}
	major, minor, _ := strings.Cut(release, ".")
	for name, value := range map[string]string{"releasever_major": major, "releasever_minor": minor} {
		if _, ok := v.values[name]; !ok {
			v.values[name] = value
		}
	}
	return v
}

// productVersion is the version in the base product's file; "" without one, as
// zypper has it then.
func (r *zyppReader) productVersion() string {
	data, ok := r.read("/etc/products.d/baseproduct", 1<<20)
	if !ok {
		return ""
	}
	var product struct {
		Version string `xml:"version"`
	}
	if err := xml.Unmarshal(data, &product); err != nil {
		r.problem("/etc/products.d/baseproduct", "is not the XML of a product")
		return ""
	}
	return strings.TrimSpace(product.Version)
}

// get is what a name stands for; names without a value are noted.
func (v *zyppVars) get(name string) (string, bool) {
	value, ok := v.values[name]
	if value == "" && (!ok || strings.HasPrefix(name, "releasever")) && len(v.open) < 50 {
		v.open[aptPrintable(name)] = true
	}
	return value, ok
}

// maxZyppNesting bounds words within words; zypp has no bound of its own.
const maxZyppNesting = 32

// expand fills variables in: $name, ${name}, ${name:-word} and ${name:+word}.
// A plain one without value stays as it is. Within words, \ takes the special
// meaning off $, } and \.
func (v *zyppVars) expand(s string) string { return v.expandAt(s, 0) }

func (v *zyppVars) expandAt(s string, level int) string {
	var out strings.Builder
	for i := 0; i < len(s) && out.Len() < maxZyppFile; {
		if level > 0 && s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`$}\`, s[i+1]) >= 0 {
			out.WriteByte(s[i+1])
			i += 2
			continue
		}
		name, op, word, width := zyppVariable(s[i:], 0)
		if width == 0 {
			out.WriteByte(s[i])
			i++
			continue
		}
		var value string
		var known bool
		if op == 0 {
			value, known = v.get(name) // notes what is open
		} else {
			value, known = v.values[name]
		}
		switch {
		case op == 0 && !known:
			out.WriteString(s[i : i+width])
		case op == 0:
			out.WriteString(value)
		case level >= maxZyppNesting:
		case op == '-' && value != "":
			out.WriteString(value)
		case op == '-', op == '+' && value != "":
			out.WriteString(v.expandAt(word, level+1))
		}
		i += width
	}
	return out.String()
}

// zyppVariable reads the variable that s begins with: its name, '-' or '+' with
// the word after it, and its width in s; 0: there is none.
func zyppVariable(s string, depth int) (name string, op byte, word string, width int) {
	if len(s) < 2 || s[0] != '$' || depth > maxZyppNesting {
		return "", 0, "", 0
	}
	body := s[1:]
	braced := body[0] == '{'
	if braced {
		body = body[1:]
	}
	n := 0
	for n < len(body) && (body[n] == '_' || body[n] >= '0' && body[n] <= '9' || body[n]|0x20 >= 'a' && body[n]|0x20 <= 'z') {
		n++
	}
	name = body[:n]
	switch {
	case n == 0:
		return "", 0, "", 0
	case !braced:
		return name, 0, "", 1 + n
	case strings.HasPrefix(body[n:], "}"):
		return name, 0, "", n + 3
	case strings.HasPrefix(body[n:], ":-"), strings.HasPrefix(body[n:], ":+"):
	default:
		return "", 0, "", 0
	}
	op = body[n+1]
	for i := n + 2; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '}':
			return name, op, body[n+2 : i], 2 + i + 1
		case '$':
			_, _, _, inner := zyppVariable(body[i:], depth+1)
			if inner == 0 {
				return "", 0, "", 0
			}
			i += inner - 1
		}
	}
	return "", 0, "", 0
}

// shown are the variables for the report. Values of the owner's own files may hold
// a token: only the well-known ones are shown.
func (v *zyppVars) shown(out *probes.RepoConfig) {
	if out.Variables == nil {
		out.Variables = map[string]string{}
	}
	for _, name := range [...]string{"arch", "basearch", "releasever", "releasever_major", "releasever_minor"} {
		out.Variables[name] = aptPrintable(v.values[name])
	}
}
