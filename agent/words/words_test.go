package words

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                  "0 ms",
		0:                             "0 ms",
		300 * time.Microsecond:        "<1 ms",
		time.Millisecond:              "1 ms",
		11*time.Millisecond + 400:     "11 ms",
		99*time.Millisecond + 400_000: "99 ms",
		99*time.Millisecond + 600_000: "0.1 s",
		412 * time.Millisecond:        "0.4 s",
		2312 * time.Millisecond:       "2.3 s",
		9960 * time.Millisecond:       "10 s",
		31 * time.Second:              "31 s",
		59*time.Second + 700_000_000:  "1 min",
		12 * time.Minute:              "12 min",
		26 * time.Hour:                "26 h",
		71 * time.Hour:                "3 days",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
	for s, want := range map[float64]string{0.0009: "1 ms", 3: "3.0 s", math.Inf(1): "?", math.NaN(): "?", 1e300: "?", -4: "0 ms"} {
		if got := Seconds(s); got != want {
			t.Errorf("%v: got %q, want %q", s, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 7, 30, 11, 12, 5, 0, time.FixedZone("CEST", 7200))
	if got := Time(now); got != "2026-07-30 09:12 UTC" {
		t.Error(got)
	}
	for _, c := range []struct {
		at   time.Time
		want string
	}{{now.Add(-12 * time.Minute), "12 min ago"}, {now, "just now"}, {now.Add(time.Minute), "in 1 min"}, {time.Time{}, "never"}} {
		if got := Ago(c.at, now); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestLists(t *testing.T) {
	four := []string{"ssm", "ssmmessages", "s3", "kms"}
	for _, c := range []struct{ got, want string }{
		{List(nil), ""},
		{List(four[:1]), "ssm"},
		{List(four[:2]), "ssm and ssmmessages"},
		{List(four[:3]), "ssm, ssmmessages and s3"},
		{ListFirst(four, 2), "ssm, ssmmessages and 2 more"},
		{ListFirst(four, 3), "ssm, ssmmessages, s3 and kms"},
		{ListFirst(four, 0), "ssm and 3 more"},
		{Count(1, "cause"), "1 cause"},
		{Count(2, "repository"), "2 repositories"},
		{Count(0, "day"), "0 days"},
		{Sentence(" no internet "), "no internet."},
		{Sentence("Really?"), "Really?"},
		{Sentence(""), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                    "plain",
		"two\r\n\tlines\u2028and\u00a0more ":       "two lines and more",
		"\x1b[1;31mred\x1b[0m":                     "red",
		"\x1b]0;title\x07after":                    "after",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": "link",
		"\u009b31mred":                             "red",
		"\x1bPdevice\x1b\\after":                   "after",
		"\x1b]0;without an end":                    "0;without an end",
		"\x1b\x1b[[31mred":                         "31mred",
		"a\x00b\x07c\x7f":                          "abc",
		"gpj.\u202eexe\u200b":                      "gpj.exe",
		"\xff":                                     "\uFFFD",
		"e" + strings.Repeat("\u0301", 9):          "e" + strings.Repeat("\u0301", maxMarks),
	} {
		got := Clean(in)
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if again := Clean(got); again != got {
			t.Errorf("%q is not clean at once: %q", got, again)
		}
	}
	if d := cmp.Diff([]string{`aws ec2 x \`, "    --y", "", "z"}, CleanLines("aws ec2 x \\ \r\n\t--y\n\x1b[2J\nz\n\n")); d != "" {
		t.Error(d)
	}
	if got := ASCII("a · b… „ü“ → c"); got != `a - b... ???" -> c` && got != `a - b... ??" -> c` {
		t.Error(got)
	}
}

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"ssm": 3, "日本": 4, "e\u0301": 1, "✗ ·": 3, "\U0001F512": 2, "": 0} {
		if got := Width(s); got != want {
			t.Errorf("%q: got %d, want %d", s, got, want)
		}
	}
	if got := Fit("日本語", 5, "…"); got != "日本…" {
		t.Error(got)
	}
	if got := Pad("日本", 6); got != "日本  " {
		t.Errorf("%q", got)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want []string
	}{
		{"", 10, nil},
		{"one two three", 7, []string{"one two", "three"}},
		{"see https://example.com/long for more", 10, []string{"see", "https://example.com/long", "for more"}},
		{"日本語のabc名前", 6, []string{"日本語", "のabc", "名前"}},
		{"x 。", 2, []string{"x", "。"}},
	} {
		if d := cmp.Diff(c.want, Wrap(c.in, c.n)); d != "" {
			t.Errorf("%q:\n%s", c.in, d)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 bytes", 999: "999 bytes", 1000: "1.0 KB", 612 << 20: "612 MB", 1023 << 20: "1.0 GB", 3 << 29: "1.5 GB",
		30 << 30: "30 GB", 5 << 40: "5.0 TB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, not %q", n, got, want)
		}
	}
}
