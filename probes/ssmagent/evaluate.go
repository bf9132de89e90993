package ssmagent

import (
	"regexp"
	"strings"
)

// The published PatchLinux script is a shell script around a Python one, which
// chooses bucket and host by comparing the region:
//
//	s3_bucket = "aws-ssm-%s"%(region)
//	elif region == "af-south-1":
//	    s3_bucket = "aws-patch-manager-af-south-1-..."
//	if region.startswith("cn-"):
//	    url_template = "https://s3.%s.amazonaws.com.cn/%s/%s"
//	download_to(url_template % (region_to_interpolate, s3_bucket, os.path.join(s3_prefix, payload_name)), payload_name)
//
// evaluate follows exactly these forms: assignments of strings and lists of
// strings, if, elif and else with comparisons of the region, and the call at the
// end. Anything else that could matter makes the result uncertain, and then there
// is none. Nothing is executed.

const (
	maxStatements = 4000
	maxValue      = 2048
	maxList       = 512
	maxDepth      = 16 // of brackets, and of not
)

var (
	assignment = regexp.MustCompile(`^([A-Za-z_]\w*)\s*=\s*([^=].*)$`)
	// changes are statements that change a variable in a way that is not followed.
	changes = regexp.MustCompile(`^([A-Za-z_]\w*)(?:\s*[-+*/%|&^]=|\.(?:append|extend|insert|remove|pop|clear|update)\()`)
	// several are assignments to more than one name.
	several    = regexp.MustCompile(`^((?:[A-Za-z_]\w*\s*,\s*)+[A-Za-z_]\w*)\s*=[^=]`)
	block      = regexp.MustCompile(`^(def|class|for|while|except|finally|with|try|if|elif|else)\b`)
	condition  = regexp.MustCompile(`^(if|elif)\s+(.+):$`)
	downloadTo = regexp.MustCompile(`^download_to\((.+)\)$`)
	regionForm = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{1,16}){1,4}-[0-9]{1,2}$`)
	// regionSource is how the script learns the region: from the agent.
	regionSource = regexp.MustCompile(`^os\.environ(\.get\(|\[)["']AWS_SSM_REGION_NAME["'][\])]$`)
)

// value is a string or a list of strings that is known, or something unknown.
type value struct {
	text  string
	list  []string
	known bool
}

// branch is one if statement that we are in.
type branch struct {
	indent int
	taken  bool // this arm is the one that runs
	done   bool // an arm has run
	unsure bool // a condition could not be told
}

// program is the state while a script is followed.
type program struct {
	vars     map[string]value
	branches []branch
	result   string
	calls    int
	unsure   bool
	depth    int // of eval and holds
}

// evaluate follows a script for a region to the address that it downloads from.
func evaluate(script, region string) (string, bool) {
	if !regionForm.MatchString(region) || !strings.Contains(script, "download_to(") {
		return "", false
	}
	p := &program{vars: map[string]value{"region": {text: region, known: true}}}
	for _, line := range statements(pythonPart(script)) {
		p.step(line)
	}
	if p.calls != 1 || p.unsure || p.result == "" {
		return "", false
	}
	u := payload(p.result)
	return u, u != ""
}

// pythonPart is the Python program in a shell script that pipes it, in single
// quotes, to the interpreter: from its first import to the quote. All of the text
// where there is no such quote.
func pythonPart(script string) string {
	i := strings.Index(script, "\nimport ")
	if i < 0 {
		return script
	}
	part, _, _ := strings.Cut(script[i+1:], "\n'")
	return part
}

// statements splits into lines, those of a list in brackets joined to one, without
// comments and blank lines.
func statements(script string) []string {
	var out []string
	open := ""
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, " \t\r\n")
		bare := strings.TrimSpace(line)
		if bare == "" || strings.HasPrefix(bare, "#") {
			continue
		}
		if len(out) == maxStatements {
			break
		}
		switch {
		case open != "":
			open += " " + bare
		case strings.Contains(line, "= [") && !strings.Contains(line, "]"):
			open = line
		default:
			out = append(out, line)
		}
		if open != "" && (strings.Contains(bare, "]") || len(open) > 16<<10) {
			out = append(out, open)
			open = ""
		}
	}
	return out
}

// step follows one statement.
func (p *program) step(line string) {
	text := strings.TrimLeft(line, " \t")
	indent := len(line) - len(text)
	// A statement that is not deeper than an if ends it, unless it is its next arm.
	arm := text == "else:" || strings.HasPrefix(text, "elif ")
	for len(p.branches) > 0 {
		b := p.branches[len(p.branches)-1]
		if indent > b.indent || arm && indent == b.indent {
			break
		}
		p.branches = p.branches[:len(p.branches)-1]
	}
	if p.branch(text, indent) {
		return
	}
	runs, unsure := p.running()
	if !runs {
		return
	}
	if m := downloadTo.FindStringSubmatch(text); m != nil {
		p.calls++
		args := splitTop(m[1])
		v := p.eval(args[0])
		p.unsure = p.unsure || unsure || !v.known
		p.result = v.text
		return
	}
	if m := changes.FindStringSubmatch(text); m != nil {
		p.vars[m[1]] = value{}
		return
	}
	if m := several.FindStringSubmatch(text); m != nil {
		for name := range strings.SplitSeq(m[1], ",") {
			p.vars[strings.TrimSpace(name)] = value{}
		}
		return
	}
	m := assignment.FindStringSubmatch(text)
	if m == nil {
		return
	}
	v := value{}
	switch {
	case m[1] == "region" && regionSource.MatchString(strings.TrimSpace(m[2])):
		v = p.vars["region"] // as the caller gave it
	case !unsure:
		v = p.eval(m[2])
	}
	p.vars[m[1]] = v
}

// branch follows what opens a block; it is false for any other statement. The body
// of a function does not run by itself, a loop's or a handler's may or may not.
func (p *program) branch(text string, indent int) bool {
	if text == "else:" {
		if n := len(p.branches); n > 0 && p.branches[n-1].indent == indent {
			b := &p.branches[n-1]
			b.taken, b.done = !b.done, true
		}
		return true
	}
	m := condition.FindStringSubmatch(text)
	if m == nil {
		word := block.FindString(text)
		switch {
		case word == "":
			return false
		case !strings.HasSuffix(text, ":"):
			p.unsure = p.unsure || word != "with" && word != "def" && strings.Contains(text, "=")
		case word == "def" || word == "class":
			p.branches = append(p.branches, branch{indent: indent, done: true})
		case word == "try" || word == "with":
		default:
			p.branches = append(p.branches, branch{indent: indent, taken: true, unsure: true})
		}
		return true
	}
	holds, known := p.holds(m[2])
	if m[1] == "if" {
		p.branches = append(p.branches, branch{indent: indent, taken: holds || !known, done: holds, unsure: !known})
		return true
	}
	if n := len(p.branches); n > 0 && p.branches[n-1].indent == indent {
		b := &p.branches[n-1]
		b.taken = !b.done && (holds || !known)
		b.done = b.done || holds
		b.unsure = b.unsure || !known
	}
	return true
}

// running tells whether the present statement runs, and whether that is unsure.
func (p *program) running() (runs, unsure bool) {
	for _, b := range p.branches {
		if !b.taken {
			return false, false
		}
		unsure = unsure || b.unsure
	}
	return true, unsure
}

// holds tells whether a condition holds. It knows comparisons of the region, not,
// and, or.
func (p *program) holds(c string) (holds, known bool) {
	if p.depth++; p.depth > maxDepth {
		p.depth--
		return false, false
	}
	defer func() { p.depth-- }()
	if parts := splitWord(c, " or "); len(parts) > 1 {
		known = true
		for _, part := range parts {
			h, k := p.holds(part)
			holds, known = holds || h, known && k
		}
		return holds, known
	}
	if parts := splitWord(c, " and "); len(parts) > 1 {
		holds, known = true, true
		for _, part := range parts {
			h, k := p.holds(part)
			holds, known = holds && h, known && k
		}
		return holds, known
	}
	c = strings.TrimSpace(c)
	if rest, ok := strings.CutPrefix(c, "not "); ok {
		h, k := p.holds(rest)
		return !h, k
	}
	region := p.vars["region"]
	if !region.known {
		return false, false
	}
	switch {
	case strings.HasPrefix(c, "region.startswith(") && strings.HasSuffix(c, ")"):
		v := p.eval(strings.TrimSuffix(strings.TrimPrefix(c, "region.startswith("), ")"))
		for _, prefix := range append(v.list, v.text) {
			holds = holds || prefix != "" && strings.HasPrefix(region.text, prefix)
		}
		return holds, v.known
	case strings.HasPrefix(c, "region not in "):
		h, k := p.within(c[len("region not in "):], region.text)
		return !h, k
	case strings.HasPrefix(c, "region in "):
		return p.within(c[len("region in "):], region.text)
	case strings.HasPrefix(c, "region == "):
		v := p.eval(c[len("region == "):])
		return v.text == region.text, v.known && v.list == nil
	case strings.HasPrefix(c, "region != "):
		v := p.eval(c[len("region != "):])
		return v.text != region.text, v.known && v.list == nil
	}
	return false, false
}

func (p *program) within(list, s string) (holds, known bool) {
	v := p.eval(list)
	for _, e := range v.list {
		holds = holds || e == s
	}
	return holds, v.known && v.list != nil
}
