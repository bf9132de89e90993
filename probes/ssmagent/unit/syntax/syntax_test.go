package syntax

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettings(t *testing.T) {
	const text = "Key=outside\n[Service]\n# comment\n; comment\nA=1\n  B = two words  \nC=a \\\n# between\n  b\nnothing\n[Install]\nD=4\n[Service]\r\nE=5\r\nF=\n"
	want := []Setting{{"A", "1"}, {"B", "two words"}, {"C", "a    b"}, {"E", "5"}, {"F", ""}}
	if diff := cmp.Diff(want, Settings([]byte(text), "Service")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string][]string{
		"":                       nil,
		" a  b ":                 {"a", "b"},
		`"a b" 'c d'`:            {"a b", "c d"},
		`x="a b"c`:               {"x=a bc"},
		`"" a`:                   {"", "a"},
		`a\sb\tc\\d`:             {"a b\tc\\d"},
		`a "never closed b c`:    {"a"},
		`https_proxy=http://p:1`: {"https_proxy=http://p:1"},
	} {
		if diff := cmp.Diff(want, Words(in)); diff != "" {
			t.Errorf("%s: -want +got\n%s", in, diff)
		}
	}
}

func TestEnvFile(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want map[string]string
	}{
		{"", map[string]string{}},
		{"# c\n; c\nA=b\n\n B = c d \nno assignment\n1C=d\nD=\n", map[string]string{"A": "b", "B": "c d", "D": ""}},
		{"A=\"b c\"\nB='d \"e'\nC=\"x\\\"y\\z\"\n", map[string]string{"A": "b c", "B": `d "e`, "C": `x"y\z`}},
		{"A=b\\\nc\r\nB=\"d\ne\"\n", map[string]string{"A": "bc", "B": "d\ne"}},
		{"A=\"never closed\nB=c\n", map[string]string{"A": ""}},
		{"A=b", map[string]string{"A": "b"}},
	} {
		if diff := cmp.Diff(tt.want, EnvFile([]byte(tt.in))); diff != "" {
			t.Errorf("%q: -want +got\n%s", tt.in, diff)
		}
	}
}

func FuzzSyntax(f *testing.F) {
	f.Add([]byte("[Service]\nEnvironment=\"A=b\" C=d \\\n E='f'\n"))
	f.Add([]byte("A=\"b\nc\"\n#x\nD=e\\\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name := range EnvFile(data) {
			if !ValidName(name) {
				t.Fatalf("takes the name %q", name)
			}
		}
		for _, s := range Settings(data, "Service") {
			if strings.ContainsAny(s.Key, "=\n") {
				t.Fatalf("key %q", s.Key)
			}
			Words(s.Value)
		}
	})
}
