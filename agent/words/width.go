package words

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Width is the number of terminal columns that a text takes: two for the wide
// characters of East Asia and for emoji, none for combining marks.
func Width(s string) int {
	if plain(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r < 0x300 { // before the first combining mark
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Pad fills a text with spaces up to n columns.
func Pad(s string, n int) string {
	if w := Width(s); w < n {
		return s + strings.Repeat(" ", n-w)
	}
	return s
}

// Fit shortens a text to n columns; one that is cut ends in the given sign.
func Fit(s string, n int, sign string) string {
	if Width(s) <= n {
		return s
	}
	left := n - Width(sign)
	for i, r := range s {
		if left -= runeWidth(r); left < 0 {
			return strings.TrimRight(s[:i], " ") + sign
		}
	}
	return s
}

// Wrap breaks a text into lines of at most n columns, at spaces and between the
// characters of scripts that write without them. A word that is longer than a
// line, such as a URL, stays whole: it can then still be copied. The text has to
// be clean.
func Wrap(s string, n int) []string {
	var lines []string
	var line strings.Builder
	used := 0
	flush := func() {
		if line.Len() > 0 {
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		}
	}
	for _, word := range strings.Fields(s) {
		gap := 1
		for _, part := range parts(word) {
			w := Width(part)
			if used > 0 && used+gap+w > n {
				flush()
			}
			if used > 0 && gap > 0 {
				line.WriteByte(' ')
				used += gap
			}
			line.WriteString(part)
			used += w
			gap = 0
		}
	}
	flush()
	return lines
}

// parts splits a word at its wide characters: a line may end at each of them.
func parts(word string) []string {
	if plain(word) {
		return []string{word}
	}
	var out []string
	start := 0
	for i, r := range word {
		if i > start && runeWidth(r) == 2 {
			out = append(out, word[start:i])
			start = i
		}
	}
	return append(out, word[start:])
}
