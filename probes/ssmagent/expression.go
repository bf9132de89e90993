package ssmagent

import "strings"

// eval is the value of an expression: a string, a list, a variable, a string with
// % and its values, or os.path.join.
func (p *program) eval(e string) value {
	if p.depth++; p.depth > maxDepth {
		p.depth--
		return value{}
	}
	defer func() { p.depth-- }()
	e = strings.TrimSpace(e)
	if s, ok := quoted(e); ok {
		return value{text: s, known: true}
	}
	if v, ok := p.vars[e]; ok {
		return v
	}
	if template, args, ok := cutPercent(e); ok {
		return p.format(template, args)
	}
	if inner, ok := enclosed(e, "os.path.join(", ")"); ok {
		return p.join(splitTop(inner))
	}
	for _, pair := range [][2]string{{"[", "]"}, {"(", ")"}} {
		inner, ok := enclosed(e, pair[0], pair[1])
		if !ok {
			continue
		}
		parts := splitTop(inner)
		if len(parts) == 1 && pair[0] == "(" && !strings.HasSuffix(strings.TrimSpace(inner), ",") {
			return p.eval(inner)
		}
		if len(parts) > maxList {
			return value{}
		}
		v := value{known: true, list: []string{}}
		for _, part := range parts {
			if strings.TrimSpace(part) == "" {
				continue
			}
			item := p.eval(part)
			v.known = v.known && item.known && item.list == nil
			v.list = append(v.list, item.text)
		}
		return v
	}
	return value{}
}

// format puts values into a template of %s.
func (p *program) format(template, args string) value {
	t := p.eval(template)
	inner, ok := enclosed(strings.TrimSpace(args), "(", ")")
	if !ok {
		inner = args
	}
	parts := splitTop(inner)
	pieces := strings.Split(t.text, "%s")
	if !t.known || t.list != nil || strings.Contains(strings.Join(pieces, ""), "%") || len(pieces) != len(parts)+1 {
		return value{}
	}
	out := pieces[0]
	for i, part := range parts {
		v := p.eval(part)
		if !v.known || v.list != nil {
			return value{}
		}
		if out += v.text + pieces[i+1]; len(out) > maxValue {
			return value{}
		}
	}
	return value{text: out, known: true}
}

func (p *program) join(parts []string) value {
	var names []string
	total := 0
	for _, part := range parts {
		v := p.eval(part)
		if total += len(v.text); !v.known || v.list != nil || total > maxValue {
			return value{}
		}
		names = append(names, strings.Trim(v.text, "/"))
	}
	return value{text: strings.Join(names, "/"), known: true}
}

// quoted is the content of a string literal without escapes.
func quoted(e string) (string, bool) {
	if len(e) < 2 || e[0] != '"' && e[0] != '\'' || e[len(e)-1] != e[0] {
		return "", false
	}
	s := e[1 : len(e)-1]
	return s, !strings.ContainsAny(s, `\`+e[:1]) && len(s) <= maxValue
}

func enclosed(e, open, end string) (string, bool) {
	if !strings.HasPrefix(e, open) || !strings.HasSuffix(e, end) || len(e) < len(open)+len(end) {
		return "", false
	}
	return e[len(open) : len(e)-len(end)], true
}

// cutPercent cuts an expression at the % operator outside of strings.
func cutPercent(e string) (template, args string, ok bool) {
	found := -1
	scan(e, func(i, depth int) {
		if e[i] == '%' && depth == 0 && found < 0 {
			found = i
		}
	})
	if found < 0 {
		return "", "", false
	}
	return e[:found], e[found+1:], true
}

// splitTop splits at commas outside of strings and brackets.
func splitTop(e string) []string {
	var parts []string
	from := 0
	scan(e, func(i, depth int) {
		if e[i] == ',' && depth == 0 {
			parts = append(parts, e[from:i])
			from = i + 1
		}
	})
	return append(parts, e[from:])
}

// splitWord splits at a word outside of strings and brackets.
func splitWord(e, word string) []string {
	var parts []string
	from := 0
	scan(e, func(i, depth int) {
		if depth == 0 && i >= from && strings.HasPrefix(e[i:], word) {
			parts = append(parts, e[from:i])
			from = i + len(word)
		}
	})
	return append(parts, e[from:])
}

// scan calls visit for each byte outside of strings, with the depth of brackets.
func scan(e string, visit func(i, depth int)) {
	depth := 0
	var quote byte
	for i := 0; i < len(e); i++ {
		switch c := e[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			continue
		case c == '"' || c == '\'':
			quote = c
			continue
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		}
		visit(i, depth)
	}
}
