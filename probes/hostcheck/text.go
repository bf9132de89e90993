package hostcheck

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// show makes a text that somebody else wrote fit for a report: one line, no control
// characters, not long.
func show(s string) string {
	if len(s) > 4*maxShown {
		s = s[:4*maxShown]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.TrimSpace(s)
	if len(s) <= maxShown {
		return s
	}
	n := maxShown
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// compareVersions compares as package managers do: runs of digits by their value,
// runs of letters as text, anything else separates (rpmvercmp without ~ and ^).
func compareVersions(a, b string) int {
	for {
		a, b = strings.TrimLeftFunc(a, separator), strings.TrimLeftFunc(b, separator)
		if a == "" || b == "" {
			return len(a) - len(b)
		}
		var x, y string
		digits := a[0] >= '0' && a[0] <= '9'
		x, a = run(a, digits)
		y, b = run(b, digits)
		if y == "" { // digits against letters: digits are newer
			if digits {
				return 1
			}
			return -1
		}
		if digits {
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
}

func separator(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// run cuts the digits or letters off that a version begins with.
func run(s string, digits bool) (head, rest string) {
	i := 0
	for i < len(s) && !separator(rune(s[i])) && (s[i] >= '0' && s[i] <= '9') == digits {
		i++
	}
	return s[:i], s[i:]
}

// number is a decimal number, false where it is none or too large.
func number(s string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	return n, err == nil
}
