package repos

import (
	"slices"
	"strings"
)

// options are one section's keys, with variables filled in, and those of [main]
// behind them.
type options struct {
	keys   map[string]string
	gen    generation
	parent *options
}

func newOptions(keys map[string]string, vars *variables, gen generation) options {
	out := options{keys: make(map[string]string, len(keys)), gen: gen}
	for k, v := range keys {
		v = vars.expand(v)
		if v == "None" && gen == genDNF4 { // dnf/conf/config.py, _populate
			v = ""
		}
		out.keys[k] = v
	}
	return out
}

// text is a key's value. An empty one is a value too: it undoes that of [main].
func (o options) text(key string) (string, bool) {
	v, ok := o.keys[key]
	return v, ok
}

// inherited is a key's value, or [main]'s.
func (o options) inherited(key string) string {
	if v, ok := o.keys[key]; ok {
		return v
	}
	if o.parent != nil {
		return o.parent.inherited(key)
	}
	return ""
}

// truth reads a truth value; a word that is none is as good as no line at all
// for dnf (OptionBool.hpp), and makes yum 3 drop the section (yum/config.py,
// BoolOption, which does not know "on").
func truth(s string, gen generation) (value, ok bool) {
	yes, no := []string{"1", "yes", "true", "on"}, []string{"0", "no", "false", "off"}
	if gen == genYum {
		yes, no = yes[:3], no[:3]
	}
	s = strings.ToLower(s)
	return slices.Contains(yes, s), slices.Contains(yes, s) || slices.Contains(no, s)
}

// flag reads a truth value of the section or of [main].
func (o options) flag(key string, otherwise bool) bool {
	if v, ok := o.keys[key]; ok {
		if b, valid := truth(v, o.gen); valid {
			return b
		}
	}
	if o.parent != nil {
		return o.parent.flag(key, otherwise)
	}
	return otherwise
}

// list reads words.
func (o options) list(key string) []string {
	v, ok := o.keys[key]
	if !ok {
		return nil
	}
	return words(v, o.gen)
}

// words splits a list: yum 3 and dnf5 at white space and commas. libdnf of dnf 4
// splits at blanks, commas and newlines, with rules of its own about which of
// them stand together, so that a value which begins on the line after its key
// has an empty first word (libdnf/conf/OptionStringList.cpp, fromString).
func words(v string, gen generation) []string {
	if gen == genDNF4 {
		return dnfWords(v)
	}
	out := strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ' ' || c >= '\t' && c <= '\r' })
	if gen == genYum {
		for i := range out {
			out[i] = strings.Trim(out[i], `"'`)
		}
	}
	return out[:min(len(out), maxURLs)]
}

func dnfWords(v string) []string {
	var out []string
	at := func(i int) byte {
		if i >= 0 && i < len(v) {
			return v[i]
		}
		return 0
	}
	next := func(i int) int { // the next byte that is no blank, -1: none
		for ; i < len(v); i++ {
			if v[i] != ' ' {
				return i
			}
		}
		return -1
	}
	for start := next(0); start >= 0 && len(out) < maxURLs; {
		n := strings.IndexAny(v[start:], " ,\n")
		if n < 0 {
			return append(out, v[start:])
		}
		end := start + n
		out = append(out, v[start:end])
		start = next(end + 1)
		if start >= 0 && at(start) == ',' && at(end) == ' ' {
			end = start
			start = next(start + 1)
		}
		if start >= 0 && at(start) == '\n' && (at(end) == ' ' || at(end) == ',') {
			start = next(start + 1)
		}
	}
	return out
}

// printableText makes what a file says fit for a report.
func printableText(s string) string {
	out := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == 0xfffd || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
			return '.'
		}
		return c
	}, strings.ToValidUTF8(s[:min(len(s), 2000)], "."))
	return out
}

// lookup is a key's value here or in [main], and whether either has the key.
func (o options) lookup(key string) (string, bool) {
	if v, ok := o.keys[key]; ok {
		return v, true
	}
	if o.parent != nil {
		return o.parent.lookup(key)
	}
	return "", false
}
