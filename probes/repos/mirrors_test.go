package repos

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentctl/probes"
)

const repomdText = `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1720000000</revision>
  <data type="primary"><checksum type="sha256">00</checksum><location href="repodata/primary.xml.gz"/><timestamp>1720000100</timestamp><size>1</size></data>
  <data type="filelists"><timestamp>1719990000</timestamp></data>
</repomd>`

func metalinkText(sum string, stamp int64, urls ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager"><files>
<file name="repomd.xml"><mm0:timestamp>%d</mm0:timestamp><size>%d</size><verification><hash type="md5">zz</hash><hash type="sha256">%s</hash></verification><resources>`, stamp, len(repomdText), sum)
	for _, u := range urls {
		fmt.Fprintf(&b, "<url protocol=\"https\">%s</url>", u)
	}
	return b.String() + "</resources></file></files></metalink>"
}

func sumOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestParseMirrorList(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"plain", "https://a/x/\nhttps://b/\n", []string{"https://a/x/", "https://b/"}},
		{"comments and blanks", "# https://no/\n\n \t https://a/ \t\nfoo\n/srv\n", []string{"https://a/", "/srv"}},
		{"no newline", "https://a/", []string{"https://a/"}},
		{"nothing", "", nil},
		{"carriage returns stay", "https://a/\r\n", []string{"https://a/\r"}},
		{"a line that is too long", strings.Repeat("h", 5000) + "://x\nhttps://a/\n", []string{"https://a/"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ParseMirrorList([]byte(tt.text))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	if n := len(ParseMirrorList([]byte(strings.Repeat("https://a/\n", 1000000)))); n != maxMirrors {
		t.Errorf("%d mirrors of a million lines", n)
	}
}

func TestParseMetalink(t *testing.T) {
	link, err := ParseMetalink([]byte(metalinkText(sumOf(repomdText), 1720000000, "https://a/repodata/repomd.xml", "rsync://b/")))
	if err != nil {
		t.Fatal(err)
	}
	want := Metalink{URLs: []string{"https://a/repodata/repomd.xml", "rsync://b/"}, Sums: []Checksums{{"sha256": sumOf(repomdText)}},
		Timestamp: 1720000000, Size: int64(len(repomdText))}
	if diff := cmp.Diff(want, link); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	bomb := `<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]><metalink><files><file name="repomd.xml"><resources><url>&c;</url></resources></file></files></metalink>`
	for name, text := range map[string]string{
		"entity bomb": bomb, "HTML": "<html><body></body></html>", "cut off": metalinkText("00", 1, "https://a/")[:200],
		"another file": strings.Replace(metalinkText("00", 1), "repomd.xml", "other.xml", 1), "nothing": "", "text": "https://a/\n",
		"deep": "<metalink>" + strings.Repeat("<a>", 100000), "a file without a name": "<metalink><files><file/></files></metalink>",
	} {
		if _, err := ParseMetalink([]byte(text)); err == nil {
			t.Errorf("%s is taken for a metalink", name)
		}
	}
}

func TestCheckRepomd(t *testing.T) {
	zipped := string(gzipBomb(t)[:maxRepomd])
	good, err := ParseMetalink([]byte(metalinkText(sumOf(repomdText), 1720000000)))
	if err != nil {
		t.Fatal(err)
	}
	newer, _ := ParseMetalink([]byte(metalinkText(sumOf("x"), 1730000000)))
	older, _ := ParseMetalink([]byte(metalinkText(sumOf("x"), 1600000000)))
	tests := []struct {
		name, text string
		link       *Metalink
		want       probes.Reason
	}{
		{"good", repomdText, nil, probes.OK},
		{"the metalink agrees", repomdText, &good, probes.OK},
		{"the mirror is behind the metalink", repomdText, &newer, probes.Stale},
		{"another document", repomdText, &older, probes.BadContent},
		{"empty", "", nil, probes.BadContent},
		{"white space", " \n", nil, probes.BadContent},
		{"HTML", "<html></html>", nil, probes.BadContent},
		{"cut off", repomdText[:len(repomdText)-10], nil, probes.BadContent},
		{"a gzip bomb", zipped, nil, probes.BadContent},
		{"an entity", `<!DOCTYPE r [<!ENTITY a "x">]><repomd><revision>&a;</revision></repomd>`, nil, probes.BadContent},
		{"no revision", "<repomd/>", nil, probes.OK},
	}
	for _, tt := range tests {
		md, reason, why := checkRepomd([]byte(tt.text), tt.link)
		if reason != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, reason, why, tt.want)
		}
		if tt.name == "good" && (md.Revision != time.Unix(1720000000, 0).UTC() || md.Newest != time.Unix(1720000100, 0).UTC() || len(md.Types) != 2) {
			t.Errorf("%+v", md)
		}
	}
}

// TestExpandEnds: an unknown operator within another makes libdnf look again at what
// stands within, and so at the innermost 2^30 times.
func TestExpandEnds(t *testing.T) {
	v := &variables{values: map[string]string{"v": "val"}, syntax: syntaxShell}
	text := strings.Repeat("${v:x", 30) + strings.Repeat("}", 30)
	steps := testing.AllocsPerRun(1, func() { v.expand(text) })
	if steps > 100*float64(len(text)) {
		t.Errorf("%v allocations", steps)
	}
	x := expansion{v, stepsPerByte * (len(text) + 1)}
	if x.shell(text, 0); x.left < 0 {
		t.Errorf("%d steps left", x.left)
	}
}

func TestExpand(t *testing.T) {
	values := map[string]string{"v": "val", "empty": "", "releasever": "9.4", "w": "$v"}
	tests := []struct{ text, yum, plain, shell string }{
		{"a/$v/${v}b", "a/val/valb", "a/val/valb", "a/val/valb"},
		{"$V", "val", "$V", "$V"},
		{"$x/${x}/$", "$x/${x}/$", "$x/${x}/$", "$x/${x}/$"},
		{"${v:-d}${x:-d}${empty:-d}", "${v:-d}${x:-d}${empty:-d}", "${v:-d}${x:-d}${empty:-d}", "valdd"},
		{"${v:+d}${x:+d}${empty:+d}", "${v:+d}${x:+d}${empty:+d}", "${v:+d}${x:+d}${empty:+d}", "d"},
		{"${x:-${v}/${y:-z}}", "${x:-val/${y:-z}}", "${x:-val/${y:-z}}", "val/z"},
		{"$releasever_major-$releasever_minor", "$releasever_major-$releasever_minor", "$releasever_major-$releasever_minor", "9-4"},
		{"\\$v", "\\val", "\\val", "$v"},
		{"${v/${v", "${v/${v", "${v/${v", "${v/${v"},
		{"${x:-d", "${x:-d", "${x:-d", "${x:-d"},
		{"${x:?d}$v", "${x:?d}val", "${x:?d}val", "${x:?d}val"},
		{"$w", "$v", "$v", "$v"},
	}
	for _, tt := range tests {
		for s, want := range map[syntax]string{syntaxYum: tt.yum, syntaxPlain: tt.plain, syntaxShell: tt.shell} {
			if got := (&variables{values: values, syntax: s}).expand(tt.text); got != want {
				t.Errorf("syntax %d, %q: %q, want %q", s, tt.text, got, want)
			}
		}
	}
}
