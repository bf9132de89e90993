package repos

import (
	"strings"
	"testing"
	"time"

	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// checkConfig holds what is true of every configuration.
func checkConfig(t *testing.T, config probes.RepoConfig) {
	t.Helper()
	for _, r := range config.Repos {
		if r.ID == "" || r.Manager == "" || r.File == "" {
			t.Errorf("incomplete: %+v", r)
		}
		if r.Required && (!r.Own || !r.Enabled) {
			t.Errorf("required all the same: %+v", r)
		}
		if r.Problem == "" && r.Unprobed == "" && len(r.Base) == 0 && r.MirrorList == "" && r.MetaLink == "" {
			t.Errorf("nowhere, and no word why: %+v", r)
		}
		for _, b := range r.Base {
			_, rest, _ := strings.Cut(b, "://")
			place, _, _ := strings.Cut(rest, "/") // a path may hold the same letters
			if strings.HasPrefix(b, "http") && r.Password != "" && strings.Contains(place, ":"+r.Password+"@") {
				t.Errorf("password in %s", b)
			}
		}
	}
	for _, p := range config.Problems {
		if p.Text == "" || p.File == "" {
			t.Errorf("empty problem: %+v", p)
		}
	}
}

func FuzzAptList(f *testing.F) {
	for _, s := range []string{
		"deb http://a.example/d s main\n", "deb [arch=amd64 signed-by=/x.gpg] https://u:p@a.example:8443/d s main contrib # x\n",
		"deb-src file:/srv ./\n", "deb [a=b", "deb \"http://a b/\" s main", "deb http://[::1]/ %41 main", "deb mirror+file:/etc/apt/sources.list s main\n",
		"deb cdrom:[x y]/ s main", "deb http://a/d s main\ndeb [trusted=yes] https://a/d s x\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		host := platformtest.New(map[string]string{"/etc/apt/sources.list": string(data)})
		checkConfig(t, ReadAPT(host, host.FactsValue))
	})
}

func FuzzDeb822(f *testing.F) {
	for _, s := range []string{
		"Types: deb\nURIs: http://a.example/d\nSuites: s\nComponents: main\n", "Types: deb deb-src\nURIs: http://a/ \n http://b/\n# c\n mirror+http://c/\nSuites: ./\n\n\nEnabled: no\nTypes: deb\n",
		"Types\nURIs: x", ":\n", " x\n\n", "Types: deb\nURIs: x:\nSuites: s\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		host := platformtest.New(map[string]string{"/etc/apt/sources.list.d/x.sources": string(data)})
		checkConfig(t, ReadAPT(host, host.FactsValue))
	})
}

func FuzzAptConf(f *testing.F) {
	for _, s := range []string{
		"Acquire { http { Proxy \"http://p:1\"; }; };\n", "#clear Acquire::http;\n#include \"/etc/apt/apt.conf\";\n", "A::B:: \"x\"; /* c */ // d\n",
		"Dir::Etc::sourcelist \"other\";\nRootDir \"/x\";", "{", "};};", "a \"b", "/*", "Acquire::https::a.example::Verify-Peer \"no\"; Acquire::https::SslCert \"/c\";",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		host := platformtest.New(map[string]string{"/etc/apt/apt.conf": string(data), "/etc/apt/sources.list": "deb https://a.example/d s main\n"})
		checkConfig(t, ReadAPT(host, host.FactsValue))
	})
}

func FuzzNetrc(f *testing.F) {
	f.Add([]byte("machine a.example/d login joe password p\nmachine http://b login x\n"), "https://a.example/d/x")
	f.Add([]byte("machine\nlogin\npassword"), "http://a:1/")
	f.Add([]byte("machine a.example machine login login password password"), "https://a.example/")
	f.Fuzz(func(t *testing.T, data []byte, address string) {
		user, password := netrcLogin(data, parseAptURI(address))
		if (user != "" || password != "") && !strings.Contains(string(data), "machine") {
			t.Error("credentials without a machine")
		}
	})
}

func FuzzRelease(f *testing.F) {
	f.Add([]byte(aptGoodRelease))
	f.Add([]byte(aptClearSigned(aptGoodRelease)))
	f.Add([]byte("Date: Sat, 10 May 2025 08:34:36 +0000\nValid-Until: x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRelease(data)
		if err == nil && r.Files == 0 {
			t.Errorf("%+v", r)
		}
		r.Check(time.Now(), probes.Repo{ValidMin: 1, ValidMax: 1})
		CheckAPT("InRelease", data, probes.Repo{}, time.Now())
	})
}

func FuzzAptMirrors(f *testing.F) {
	f.Add([]byte("http://a/\tpriority:1\n# c\nfile:/x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := len(AptMirrors(data, true)); n > maxAptMirrors {
			t.Errorf("%d mirrors", n)
		}
	})
}
