package oracle

// aptCases are machines whose sources the real apt reads too. No name in them is
// ever asked for: apt-get only prints the addresses.
func aptCases() map[string]aptTree {
	const (
		list  = "etc/apt/sources.list"
		parts = "etc/apt/sources.list.d/"
		conf  = "etc/apt/apt.conf.d/"
	)
	return map[string]aptTree{
		"ubuntu 22.04": {list: `# See http://help.ubuntu.com/community/UpgradeNotes
deb http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ jammy main restricted
# deb-src http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ jammy main restricted
deb http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ jammy-updates main restricted
deb http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ jammy universe
deb http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ jammy-updates universe
deb http://security.ubuntu.com/ubuntu jammy-security main restricted
deb http://security.ubuntu.com/ubuntu jammy-security universe
`},
		"ubuntu 24.04": {list: "# Ubuntu sources have moved to /etc/apt/sources.list.d/ubuntu.sources\n", parts + "ubuntu.sources": `Types: deb
URIs: http://us-east-1.ec2.archive.ubuntu.com/ubuntu/
Suites: noble noble-updates noble-backports
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

Types: deb
URIs: http://security.ubuntu.com/ubuntu
Suites: noble-security
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
`},
		"folded fields and comments": {parts + "x.sources": "Types: deb deb-src\nURIs: http://a.example/debian\n# a comment in a field\n http://b.example:8080/debian/\nSuites: stable\n\ttesting\nComponents:\n main\n contrib\n\n\n# only a comment\n\nTypes: deb\nURIs: http://c.example/flat\nSuites: ./ sub/dir/\n"},
		"disabled stanzas":           {parts + "x.sources": "Enabled: no\nTypes: deb\nURIs: http://a.example/debian\nSuites: stable\nComponents: main\n\nEnabled: yes\nTypes: deb\nURIs: http://b.example/debian\nSuites: stable\nComponents: main\n\nEnabled: perhaps\nTypes: deb\nURIs: http://c.example/debian\nSuites: stable\nComponents: main\n\nEnabled: no\nTypes: deb\n"},
		"field names in any case":    {parts + "x.sources": "tYpEs: deb\nuris: http://a.example/d\nSUITES: s\ncomponents: main\nUris: http://b.example/d\n"},
		"carriage returns":           {parts + "x.sources": "Types: deb\r\nURIs: http://a.example/d\r\nSuites: s\r\nComponents: main\r\n\r\nTypes: deb\r\nURIs: http://b.example/d\r\nSuites: s\r\nComponents: main\r\n", list: "deb http://c.example/d s main\r\n"},
		"options":                    {list: "deb [ arch=amd64 signed-by=/usr/share/keyrings/x.gpg ] http://a.example/d s main\ndeb [trusted=yes arch=arm64,armhf] http://b.example/d s main # comment\ndeb\t[arch+=i386 lang=none]\thttp://c.example/d\ts\tmain\tcontrib\n"},
		"option with a hash":         {list: "deb [signed-by=/x#y.gpg] http://a.example/d s main\ndeb http://b.example/d s main#contrib\n"},
		"quotes and percents":        {list: "deb \"http://a.example/with space/\" s main\ndeb http://b.example/a%20b s main\ndeb http://c.example/d s~x+y main\n"},
		"other file names": {parts + "a.list": "deb http://a.example/d s main\n", parts + "b.list.save": "garbage\n", parts + "c.list.dpkg-old": "garbage\n", parts + "d": "garbage\n",
			parts + "e.sources.disabled": "garbage\n", parts + ".f.list": "garbage\n", parts + "g h.list": "garbage\n", parts + "i.LIST": "garbage\n", parts + "j.list.": "garbage\n", parts + "k~.list": "garbage\n", parts + "l:m.list": "deb http://l.example/d s main\n"},
		"links": {parts + "a.list": "-> ../elsewhere", "etc/apt/elsewhere": "deb http://a.example/d s main\n", parts + "b.list": "-> nowhere", parts + "c.list": "-> c.list", parts + "d.list/x": "a folder"},
		"sources of other schemes": {list: "deb file:/srv/repo s main\ndeb file:///srv/other s main\ndeb copy:/srv/third s main\ndeb cdrom:[Debian GNU/Linux 12.0.0 _Bookworm_ - Official amd64 DVD]/ bookworm main\n" +
			"deb mirror+https://m.example/list.txt s main\ndeb mirror://m.example/other.txt s main\n"},
		"flat":                            {list: "deb http://a.example/flat ./\ndeb http://b.example/flat /\ndeb http://c.example sub/$(ARCH)/\ndeb http://d.example/$(ARCH) s main\n"},
		"ports users and IPv6":            {list: "deb http://user:p%40ss@a.example:8080/d s main\ndeb https://[2001:db8::1]:8443/d s main\ndeb http://c.example:/d s main\n"},
		"http and https are one":          {list: "deb http://a.example/d s main\ndeb https://a.example/d s universe\ndeb-src http://a.example/d/ s main\n"},
		"only sources":                    {list: "deb-src http://a.example/d s main\n"},
		"signed-by later":                 {list: "deb http://a.example/d s main\ndeb [signed-by=/x.gpg] http://a.example/d s universe\n"},
		"signed-by earlier":               {list: "deb [signed-by=/x.gpg] http://a.example/d s main\ndeb http://a.example/d s universe\n"},
		"signed-by twice":                 {list: "deb [signed-by=/x.gpg] http://a.example/d s main\n", parts + "y.list": "deb [signed-by=/y.gpg] http://a.example/d s main\n"},
		"signed-by is none":               {list: "deb [signed-by=0xABC] http://a.example/d s main\n"},
		"signed-by in full":               {parts + "x.sources": "Types: deb\nURIs: http://a.example/d\nSuites: s\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEYCQjIxYJKwYBBAHaRw8BAQdAD/P5Nvvnvk66SxBBHDbhRml9ORg1WV5CvzKY\n -----END PGP PUBLIC KEY BLOCK-----\n"},
		"trusted twice":                   {list: "deb [trusted=yes] http://a.example/d s main\ndeb http://a.example/d s universe\n"},
		"malformed: no component":         {list: "deb http://a.example/d s\n"},
		"malformed: no suite":             {list: "deb http://a.example/d\n"},
		"malformed: type":                 {list: "debs http://a.example/d s main\n"},
		"malformed: one word":             {list: "deb\n"},
		"malformed: no scheme":            {list: "deb a.example/d s main\n"},
		"malformed: open bracket":         {list: "deb [arch=amd64 http://a.example/d s main\n"},
		"malformed: no value":             {list: "deb [arch=] http://a.example/d s main\n"},
		"malformed: not assigned":         {list: "deb [trusted] http://a.example/d s main\n"},
		"malformed: flat with component":  {list: "deb http://a.example/d ./ main\n"},
		"malformed: no types":             {parts + "x.sources": "URIs: http://a.example/d\nSuites: s\nComponents: main\n"},
		"malformed: no URIs":              {parts + "x.sources": "Types: deb\nSuites: s\nComponents: main\n"},
		"malformed: no colon":             {parts + "x.sources": "Types deb\n"},
		"malformed: name without a colon": {parts + "x.sources": "Types: deb\nURIs: http://a.example/d\nSuites\nComponents: main\n"},
		"malformed: one-line in .sources": {parts + "x.sources": "deb http://a.example/d s main\n"},
		"malformed: deb822 in .list":      {parts + "x.list": "Types: deb\nURIs: http://a.example/d\n"},
		"malformed: later in the file":    {list: "deb http://a.example/d s main\n\nfoo bar\n", parts + "b.list": "deb http://b.example/d s main\n"},
		"no final newline":                {list: "deb http://a.example/d s main", parts + "x.sources": "Types: deb\nURIs: http://b.example/d\nSuites: s\nComponents: main"},
		"other folders": {conf + "10dirs": "Dir::Etc::sourcelist \"other.list\";\nDir { Etc { SourceParts \"other.d/\"; }; };\n", list: "garbage\n", parts + "x.list": "garbage\n",
			"etc/apt/other.list": "deb http://a.example/d s main\n", "etc/apt/other.d/x.list": "deb http://b.example/d s main\n"},
		"configuration with comments": {conf + "a": "/* over\nlines */ APT::Get::Assume-Yes \"true\"; // to the end\n# whole line\nAcquire { http { Proxy \"http://p.example:3128\"; /* in */ }; };\nAcquire::http::Proxy::a.example DIRECT;\n",
			"etc/apt/apt.conf": "#clear Acquire::http;\n#include \"{{ROOT}}/etc/apt/more\";\n", "etc/apt/more": "Dir::Etc::sourcelist \"third.list\";\n", "etc/apt/third.list": "deb http://a.example/d s main\n"},
		"configuration: missing semicolon":  {conf + "a": "APT::Get::Assume-Yes \"true\"\n", list: "deb http://a.example/d s main\n"},
		"configuration: junk":               {conf + "a": "APT::Get::Assume-Yes \"true\" \"x\" y;\n", list: "deb http://a.example/d s main\n"},
		"configuration: block without name": {conf + "a": "{ a \"b\"; };\n", list: "deb http://a.example/d s main\n"},
		"configuration: directive":          {conf + "a": "#includes \"x\";\n", list: "deb http://a.example/d s main\n"},
		"configuration: include missing":    {conf + "a": "#include \"{{ROOT}}/nowhere\";\n", list: "deb http://a.example/d s main\n"},
		"configuration: include loop":       {conf + "a": "#include \"{{ROOT}}/etc/apt/apt.conf.d/a\";\n", list: "deb http://a.example/d s main\n"},
		"configuration: open block":         {conf + "a": "Acquire { http { Proxy \"http://p:1\"; };\n", list: "deb http://a.example/d s main\n"},
		"configuration: open comment":       {conf + "a": "/* Acquire { \n", list: "deb http://a.example/d s main\n"},
		"configuration: odd quotes":         {conf + "a": "APT::Foo \"a \" \"b\";\nAPT::Bar \"x//y#z/*\";\nAPT::Baz \"1;2\" ;\n", list: "deb http://a.example/d s main\n"},
		"configuration: file names":         {conf + "a.conf": "", conf + "b.save": "garbage", conf + "c.conf.dpkg-dist": "garbage", conf + ".d": "garbage", list: "deb http://a.example/d s main\n"},
		"not UTF-8":                         {list: "# d\xe9p\xf4t\ndeb http://a.example/d s main\n", parts + "x.sources": "X-Name: d\xe9p\xf4t\nTypes: deb\nURIs: http://b.example/\xe9\nSuites: s\nComponents: main\n"},
		"a byte order mark":                 {list: "\xef\xbb\xbfdeb http://a.example/d s main\n"},
		"a byte order mark, 822":            {parts + "x.sources": "\xef\xbb\xbfTypes: deb\nURIs: http://b.example/d\nSuites: s\nComponents: main\n"},
		"NUL bytes":                         {list: "deb http://a.example/d s main\n# \x00\x00\ndeb http://b.example/d s main\n"},
		"the same entry twice":              {list: "deb http://a.example/d s main\ndeb http://a.example/d s main\n", parts + "b.list": "deb http://a.example/d s main\n"},
		"the same entry, disabled":          {list: "deb http://a.example/d s main\n", parts + "x.sources": "Enabled: no\nTypes: deb\nURIs: http://a.example/d\nSuites: s\nComponents: main\n"},
		"variables without value":           {list: "deb http://a.example/$(ARCH)/$(RELEASE)/$ARCH/${ARCH} $(ARCH)-s main\n"},
		"unknown fields":                    {parts + "x.sources": "Types: deb\nURIs: http://a.example/d\nSuites: s\nComponents: main\nFoo: bar\nX-Repolib-Name: x\nPriority: 3\n"},
		"unknown options":                   {list: "deb [foo=bar by-hash=no pdiffs=yes target=Packages priority=3] http://a.example/d s main\n"},
		"many blanks and tabs":              {list: "  \t deb   \t http://a.example/d \t\t s   main \t contrib  \n\n   \n\t\n"},
		"several suites folded":             {parts + "x.sources": "Types:\n deb\n deb-src\nURIs:\n http://a.example/d\n http://b.example/d\nSuites:\n s\n t\nComponents:\n main\n"},
		"configuration: not UTF-8":          {conf + "a": "APT::D\xe9p\xf4t \"\xff\";\n", list: "deb http://a.example/d s main\n"},
		"configuration: the later":          {conf + "a": "Dir::Etc::sourcelist \"a.list\";\n", conf + "b": "dir::etc::SOURCELIST \"b.list\";\n", "etc/apt/a.list": "garbage\n", "etc/apt/b.list": "deb http://b.example/d s main\n"},
	}
}
