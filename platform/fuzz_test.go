package platform

import (
	"strings"
	"testing"
	"time"
)

func FuzzResolvConf(f *testing.F) {
	f.Add([]byte("search a. b\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\noptions ndots:2 timeout:1 attempts:3 rotate use-vc\n;x\n"))
	f.Add([]byte("nameserver 10.0.0.2#x\r\ndomain x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := parseResolvConf(data, maxServers)
		if len(r.Servers) > maxServers || len(r.Search) > maxSearch || r.Ndots < 0 || r.Ndots > maxNdots ||
			r.Timeout < time.Second || r.Timeout > 30*time.Second || r.Attempts < 1 || r.Attempts > 5 {
			t.Fatalf("got %+v", r)
		}
		for _, s := range r.Search {
			if strings.ContainsAny(s, " \t\n\x1b") || s == "" {
				t.Fatalf("search %q", s)
			}
		}
	})
}

func FuzzHosts(f *testing.F) {
	f.Add([]byte("127.0.0.1 localhost\n# Added by SMT registration do not remove, retain comment as well\n1.2.3.4 a b\n1.2.3.4 c\n5.6.7.8 d\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, _ := parseHosts(data)
		last := 0
		for _, l := range lines {
			if !l.Addr.IsValid() || len(l.Names) == 0 || len(l.Names) > maxHostNames || l.Line <= last {
				t.Fatalf("got %+v", l)
			}
			last = l.Line
			for _, n := range l.Names {
				if n == "" || strings.ToLower(n) != n || strings.ContainsAny(n, " \n#\x1b") {
					t.Fatalf("name %q", n)
				}
			}
		}
	})
}

func FuzzOSRelease(f *testing.F) {
	f.Add([]byte("ID=\"amzn\"\nID_LIKE='a b'\nVERSION_ID=2023\nPRETTY_NAME=\"a \\\"b\\\" \\$c\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := parseOSRelease(data)
		if len(o.ID) > 1024 || strings.ContainsAny(o.ID+o.Name+o.Version, "\n\x00\x1b") {
			t.Fatalf("got %+v", o)
		}
	})
}

func FuzzNsswitch(f *testing.F) {
	f.Add([]byte("hosts: files dns\n"))
	f.Add([]byte("hosts: dns [!UNAVAIL=return\n] myhostname\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if ignoresHosts(data) && !strings.Contains(string(data), "hosts") {
			t.Fatal("ignores the hosts file without a word of it")
		}
	})
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("842 (amazon-ssm-agen) S 1 842 842 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 12345 1 2 3"))
	f.Add([]byte("9 (a) b (c ) ) R 1 2 3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseStat(data)
		if err == nil && (s.pid < 1 || s.ppid < 0 || s.state <= ' ') {
			t.Fatalf("got %+v", s)
		}
		parseBootTime(data)
		splitNUL(data)
	})
}

func TestNsswitch(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                     false,
		"passwd: files\n":                      false,
		"hosts:\n":                             false,
		"hosts: files dns\n":                   false,
		"hosts: dns files":                     false,
		"hosts: dns\n":                         true,
		"hosts:dns[NOTFOUND=return]files":      false,
		"hosts: dns [!UNAVAIL=return] files":   false,
		"hosts: resolve [!UNAVAIL=return] dns": false,
		"hosts: dns # files\n":                 true,
		"#hosts: dns\nhosts: files\n":          false,
		"hosts: dns [ files ]\n":               true,
	} {
		if got := ignoresHosts([]byte(text)); got != want {
			t.Errorf("%q gives %v", text, got)
		}
	}
}
