package words

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// escapes matches terminal control sequences (ECMA-48): CSI, then the strings
// that a terminator ends (OSC, DCS, SOS, PM, APC), then short ones. It is built
// on first use because clean text, which is nearly all, never needs it.
var escapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]` +
		`|(?:\x1b[\]PX^_]|[\x{9d}\x{90}\x{98}\x{9e}\x{9f}])[^\x07\x1b\x{9c}]*(?:\x07|\x1b\\|\x{9c})` +
		`|\x1b[ -/]*[0-~]`)
})

// maxMarks is how many combining marks one letter may carry. Real scripts need
// two or three; more is a text made to spill over its neighbours.
const maxMarks = 4

// Clean makes a text from outside (a page's title, a server's name) fit to be
// printed in one line: terminal sequences and control characters are taken out,
// also the invisible ones that turn the direction of writing; line breaks and
// runs of white space become one space.
func Clean(s string) string {
	s = strip(s)
	if !strings.ContainsFunc(s, unicode.IsSpace) {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}

// CleanLines is Clean for a text whose line breaks and indentation matter, such
// as a command. A tab becomes four spaces.
func CleanLines(s string) []string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(strip(strings.ReplaceAll(l, "\t", "    ")), " ")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// strip takes out terminal sequences and everything that has no glyph; what
// separates words becomes a space.
func strip(s string) string {
	if plain(s) {
		return s
	}
	s = escapes().ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	var b strings.Builder
	marks := 0
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case !unicode.IsPrint(r):
			continue
		}
		if unicode.In(r, unicode.Mn, unicode.Me) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		b.WriteRune(r)
	}
	return b.String()
}

// plain tells whether a text is printable ASCII: nothing to strip.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// typography is what ASCII writes for the characters that our texts use.
var typography = strings.NewReplacer("·", "-", "…", "...", "–", "-", "—", "-", "‘", "'", "’", "'",
	"“", `"`, "”", `"`, "→", "->", "×", "x", "≥", ">=", "≤", "<=", "µ", "u", "✗", "x", "✓", "ok")

// ASCII writes a text for a terminal that shows nothing else; a character
// without a likeness becomes "?".
func ASCII(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, typography.Replace(s))
}
