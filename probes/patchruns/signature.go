package patchruns

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"agentctl/probes"
)

//go:embed data/signatures.txt
var signatureText string

// Signature is a known failure in the output of a patch run.
type Signature struct {
	ID       string
	Literals [][]byte
	Pattern  *regexp.Regexp
	Family   string // linux, windows; "" both
	Exit     int    // exit code that goes with it; 0: none of its own
	Fatal    bool
	Cause    string
	Remedy   string
	Codes    []string
	When     []Condition
	Source   string
}

// Condition narrows a signature by the value of one of its groups.
type Condition struct {
	Group  string
	Values []string
	Codes  []string
	Cause  string
}

const (
	maxLine  = 600 // of a line in a report, in bytes
	maxBack  = 1 << 10
	maxAhead = 2 << 10
	maxHits  = 500 // occurrences that are counted
	maxGroup = 300 // of a capture
)

// Signatures returns the table, the root cause before its consequences.
func Signatures() []Signature { return slices.Clone(table()) }

var table = sync.OnceValue(func() []Signature {
	t, err := parseSignatures(signatureText)
	if err != nil {
		panic(err) // it is part of the program, and a test reads it
	}
	return t
})

// parseSignatures reads blocks of "key: value" lines.
func parseSignatures(text string) ([]Signature, error) {
	var out []Signature
	for block := range strings.SplitSeq(text, "\n\n") {
		s, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("signature %q: %w", s.ID, err)
		}
		if s.ID != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

func parseBlock(block string) (s Signature, err error) {
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			return s, fmt.Errorf("line %q has no value", line)
		}
		switch key {
		case "id":
			s.ID = value
		case "literal":
			s.Literals = append(s.Literals, []byte(value))
		case "pattern":
			s.Pattern, err = regexp.Compile(value)
		case "os":
			s.Family = value
		case "exit":
			s.Exit, err = strconv.Atoi(value)
		case "fatal":
			s.Fatal = value == "yes"
		case "cause":
			s.Cause = value
		case "remedy":
			s.Remedy = value
		case "codes":
			s.Codes = strings.Fields(value)
		case "when":
			err = s.addCondition(value)
		case "source":
			s.Source = value
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return s, err
		}
	}
	if s.ID != "" && (s.Pattern == nil || len(s.Literals) == 0 || s.Cause == "" || s.Remedy == "" || s.Source == "") {
		return s, fmt.Errorf("is incomplete")
	}
	return s, nil
}

func (s *Signature) addCondition(text string) error {
	parts := strings.SplitN(text, "; ", 3)
	group, values, ok := strings.Cut(parts[0], "=")
	if len(parts) != 3 || !ok {
		return fmt.Errorf("condition %q is not of the form group=values; codes; cause", text)
	}
	s.When = append(s.When, Condition{Group: group, Values: strings.Split(values, ","), Codes: strings.Fields(parts[1]), Cause: parts[2]})
	return nil
}

// source is one output of a run: its file and what was read of it.
type source struct {
	file string
	data []byte
}

// match finds the signatures in the outputs of a run, in the order of the table.
func match(outputs []source, family string) []probes.PatchSignature {
	var out []probes.PatchSignature
	all := table()
	for i := range all {
		s := &all[i]
		if s.Family != "" && s.Family != family {
			continue
		}
		if p, ok := s.find(outputs); ok {
			out = append(out, p)
		}
	}
	return out
}

// find looks for one signature. The newest occurrence is the one that is shown.
func (s *Signature) find(outputs []source) (probes.PatchSignature, bool) {
	p := probes.PatchSignature{ID: s.ID, Cause: s.Cause, Remedy: s.Remedy, Codes: s.Codes, Fatal: s.Fatal, Source: s.Source}
	for _, o := range outputs {
		for _, literal := range s.Literals {
			rest, at := o.data, 0
			for p.Count < maxHits {
				i := bytes.Index(rest, literal)
				if i < 0 {
					break
				}
				if s.take(&p, o, at+i, len(literal)) {
					p.Count++
				}
				rest, at = rest[i+len(literal):], at+i+len(literal)
			}
		}
	}
	return p, p.Count > 0
}

// take tries the pattern on the line of a literal and what follows it.
func (s *Signature) take(p *probes.PatchSignature, o source, at, length int) bool {
	from := max(bytes.LastIndexByte(o.data[:at], '\n')+1, at-maxBack)
	to := min(at+length+maxAhead, len(o.data))
	window := o.data[from:to]
	m := s.Pattern.FindSubmatchIndex(window)
	// The match must be about this occurrence, not about a later line.
	if m == nil || m[0] > at-from+length {
		return false
	}
	end := to
	if n := bytes.IndexByte(o.data[at:to], '\n'); n >= 0 {
		end = at + n
	}
	p.Line, p.File = tidy(o.data[from:end], maxLine), o.file
	p.Captures = nil
	for i, name := range s.Pattern.SubexpNames() {
		if name == "" || m[2*i] < 0 {
			continue
		}
		if p.Captures == nil {
			p.Captures = map[string]string{}
		}
		p.Captures[strings.TrimSuffix(name, "2")] = tidy(window[m[2*i]:m[2*i+1]], maxGroup)
	}
	p.Codes, p.Cause = s.Codes, s.Cause
	for _, c := range s.When {
		if slices.Contains(c.Values, strings.ToLower(p.Captures[c.Group])) {
			p.Codes, p.Cause = c.Codes, c.Cause
		}
	}
	return true
}
