// Package words writes the small parts of a sentence: durations, lists, times
// and counts, in one manner for every output. It also makes text from outside
// fit to be printed: see Clean.
package words

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration writes a time span with one unit and no more digits than a reader
// uses: "<1 ms", "12 ms", "0.4 s", "2.3 s", "31 s", "12 min", "3 h", "5 days".
// A negative span is written as none.
func Duration(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	ms := math.Round(float64(d) / float64(time.Millisecond))
	tenths := math.Round(d.Seconds()*10) / 10
	switch {
	case d == 0:
		return "0 ms"
	case ms < 1:
		return "<1 ms"
	case ms < 100:
		return fmt.Sprintf("%.0f ms", ms)
	case tenths < 10:
		return fmt.Sprintf("%.1f s", tenths)
	case math.Round(d.Seconds()) < 60:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case math.Round(d.Minutes()) < 60:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case math.Round(d.Hours()) < 48:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return Count(int(math.Round(d.Hours()/24)), "day")
}

// Seconds is Duration for a number of seconds, as reports hold it. What is not
// a number, or too large for a time span, is "?".
func Seconds(s float64) string {
	if math.IsNaN(s) || math.Abs(s) > math.MaxInt64/1e9 {
		return "?"
	}
	return Duration(time.Duration(s * float64(time.Second)))
}

// Ago writes when something was, seen from now: "12 min ago", "just now". A time
// that lies ahead is "in 12 min"; the zero time is "never".
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < -time.Second:
		return "in " + Duration(-d)
	case d < time.Second:
		return "just now"
	}
	return Duration(d) + " ago"
}

// Time writes a moment to the minute, in UTC, as logs are compared.
func Time(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// List joins names as a sentence does: "ssm", "ssm and s3", "ssm, ssmmessages
// and s3".
func List(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// ListFirst is List of at most n items; the rest is counted: "a, b and 3 more".
// One item left over is named rather than counted.
func ListFirst(items []string, n int) string {
	if n < 1 {
		n = 1
	}
	if len(items) <= n+1 {
		return List(items)
	}
	return strings.Join(items[:n], ", ") + " and " + strconv.Itoa(len(items)-n) + " more"
}

// Count writes a number with its noun: "1 cause", "2 causes", "3 repositories".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && !strings.HasSuffix(stem, "a") {
		return strconv.Itoa(n) + " " + stem + "ies"
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Sentence ends a text with a full stop, unless it ends a sentence already.
func Sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?:") {
		return s
	}
	return s + "."
}

// Bytes writes a size as df -h and Windows do, in units of 1024: "612 MB", "1.4 GB".
func Bytes(n uint64) string {
	units := []string{"bytes", "KB", "MB", "GB", "TB"}
	v, u := float64(n), 0
	for v >= 1000 && u < len(units)-1 {
		v /= 1024
		u++
	}
	if u == 0 || v >= 9.95 {
		return strconv.Itoa(int(v+0.5)) + " " + units[u]
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + units[u]
}
