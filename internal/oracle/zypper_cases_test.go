package oracle

// slesProduct is the base product's file, as far as it is read.
const slesProduct = `<?xml version="1.0" encoding="UTF-8"?>
<product schemeversion="0">
  <vendor>SUSE</vendor>
  <name>SLES</name>
  <version>15.6</version>
  <release>0</release>
  <arch>x86_64</arch>
</product>
`

// zyppCases are machines whose repositories the real zypper lists. No name in
// them is ever asked for.
func zyppCases() map[string]aptTree {
	const repo = "etc/zypp/repos.d/a.repo"
	one := func(text string) aptTree { return aptTree{repo: text} }
	product := func(tree aptTree) aptTree {
		tree["etc/products.d/SLES.prod"] = slesProduct
		tree["etc/products.d/baseproduct"] = "-> SLES.prod"
		return tree
	}
	return map[string]aptTree{
		"by the customer center": product(aptTree{
			"etc/zypp/services.d/SLES.service":   "[SUSE_Linux_Enterprise_Server_15_SP6_x86_64]\nname=SUSE_Linux_Enterprise_Server_15_SP6_x86_64\nenabled=1\nautorefresh=1\nurl = https://scc.suse.com/access/services/2609?credentials=SLES\ntype = ris\n",
			"etc/zypp/repos.d/SLES-Updates.repo": "[SUSE_Linux_Enterprise_Server_15_SP6_x86_64:SLE-Product-SLES15-SP6-Updates]\nname=SLE-Product-SLES15-SP6-Updates\nenabled=1\nautorefresh=1\nbaseurl=https://updates.suse.com/SUSE/Updates/SLE-Product-SLES/15-SP6/x86_64/update?dlauth_token&credentials=SLES\nservice=SUSE_Linux_Enterprise_Server_15_SP6_x86_64\n",
			"etc/zypp/credentials.d/SLES":        "username=SCC_1\npassword=secret\n",
		}),
		"pay as you go": product(aptTree{
			"etc/zypp/services.d/B.service": "[Basesystem_Module_x86_64]\nname=Basesystem_Module_x86_64\nenabled=1\nautorefresh=1\nurl = plugin:/susecloud?credentials=Basesystem_Module_x86_64&path=/services/2613\ntype = ris\n",
			"etc/zypp/repos.d/B.repo":       "[Basesystem_Module_x86_64:Updates]\nname=Updates\nenabled=1\nautorefresh=1\nbaseurl=plugin:/susecloud?credentials=Basesystem_Module_x86_64&path=/repo/SUSE/Updates/SLE-Module-Basesystem/15-SP6/x86_64/update/\nservice=Basesystem_Module_x86_64\n",
		}),
		"several addresses":            one("[a]\nbaseurl = http://h.example/x, http://h.example/y\n  http://h.example/z\n\n http://h.example/w\nname=A\n"),
		"several keys":                 one("[a]\nbaseurl=http://h.example/1\nbaseurl=http://h.example/2\n[b]\nenabled=0\n[a]\nname=N\nbaseurl=http://h.example/3\n"),
		"enabled in many ways":         one("[a]\nenabled=yes\nbaseurl=http://h.example/\n[b]\nenabled=ON\nbaseurl=http://h.example/\n[c]\nenabled=2\nbaseurl=http://h.example/\n[d]\nenabled=perhaps\nbaseurl=http://h.example/\n[e]\nenabled=\nbaseurl=http://h.example/\n[f]\nenabled=always\nbaseurl=http://h.example/\n[g]\nbaseurl=http://h.example/\n[h]\nenabled=0\nbaseurl=http://h.example/\n[i]\nenabled=-\nbaseurl=http://h.example/\n[j]\nenabled=01\nbaseurl=http://h.example/\n[k]\nEnabled=0\nbaseurl=http://h.example/\n"),
		"users and options":            one("[a]\nbaseurl=http://u:p@h.example:8080/1?credentials=x&path=/foo#frag\n[b]\nproxy=http://p.example:3128\nbaseurl=https://h.example/1?ssl_verify=no\n"),
		"variables":                    product(aptTree{repo: "[a]\nname=N $releasever\nbaseurl=http://$region.h.example/$releasever/$basearch/${arch}/${releasever_major}.$releasever_minor/$unknown\n[b]\nbaseurl=http://h.example/${foo:-bar}/${foo:+no}/${region:+yes}/${region:-no}/${foo:-a${region}b}/$region_x/${region}x\n[c]\nbaseurl=http://h.example/$/${}/${a/${a:b}/x\n", "etc/zypp/vars.d/region": "us-east-1\nsecond line\n"}),
		"variables of the owner":       {repo: "[a]\nbaseurl=http://h.example/$releasever/$releasever_major/$basearch\n", "etc/zypp/vars.d/releasever": "42.3", "etc/zypp/vars.d/basearch": "riscv"},
		"no product":                   one("[a]\nbaseurl=http://h.example/$releasever/$releasever_major/${releasever:-none}/x\n"),
		"a variable as the host":       {repo: "[a]\nbaseurl=http://${where}/x\n", "etc/zypp/vars.d/where": "h.example:81"},
		"other schemes":                one("[a]\nbaseurl=dir:/srv/a\n[b]\nbaseurl=iso:/?iso=x.iso&url=dir:/srv\n[c]\nbaseurl=hd:///x?device=/dev/sda1\n[d]\nbaseurl=file:///srv/d\n[e]\nbaseurl=cd:///\n[f]\nbaseurl=nfs://h.example/x\n"),
		"lists":                        one("[a]\nmirrorlist=http://127.0.0.1:9/list?x=y\n[c]\nmirrorlist=http://127.0.0.1:9/list\nbaseurl=http://h.example/c\n"),
		"no address":                   one("[a]\nenabled=1\n[b]\nbaseurl=\n[c]\nenabled=0\n"),
		"comments and blanks":          one("# c\n; d\n[a]\n  name = A B  \n\tbaseurl\t=\thttp://h.example/x\t\n# e\n  # f\n[ b ]\nbaseurl=http://h.example/y\n"),
		"carriage returns":             one("[a]\r\nname=A\r\nbaseurl=http://h.example/x\r\n"),
		"carriage returns, no blank":   one("[a]\r\nenabled=1\r\n[b]\nbaseurl=http://h.example/\n"),
		"no final newline":             one("[a]\nbaseurl=http://h.example/x"),
		"capitals":                     one("[a]\nbaseurl=HTTP://H.Example/X\n"),
		"IPv6 and odd paths":           one("[a]\nbaseurl=http://[2001:DB8::1]:8080/x\n[b]\nbaseurl=http://h.example//x//y\n[c]\nbaseurl=http://h.example/a%20b\n[d]\nbaseurl=http://h.example\n[e]\nbaseurl=http://h.example/x;p=1\n"),
		"other file names":             {repo: "[a]\nbaseurl=http://h.example/a\n", "etc/zypp/repos.d/b.repo.rpmsave": "garbage\n", "etc/zypp/repos.d/c.repo_1": "[c]\nbaseurl=http://h.example/c\n", "etc/zypp/repos.d/.d.repo": "garbage\n", "etc/zypp/repos.d/e": "garbage\n", "etc/zypp/repos.d/f.repo": "-> nowhere", "etc/zypp/repos.d/g.repo/x": "a folder"},
		"an orphan of a service":       one("[a]\nservice=gone\nbaseurl=http://h.example/a\n[b]\nbaseurl=http://h.example/b\n"),
		"other folders":                {"etc/zypp/zypp.conf": "[main]\nreposdir = /etc/other\n", repo: "garbage\n", "etc/other/b.repo": "[b]\nbaseurl=http://h.example/b\n"},
		"garbage in a section":         one("[a]\nname=x\ngarbage here\nbaseurl=http://h.example/\n"),
		"garbage after an address":     one("[a]\nbaseurl=http://h.example/\ngarbage\n"),
		"header not closed":            one("[a\nbaseurl=http://h.example/\n"),
		"address without scheme":       one("[a]\nbaseurl=h.example/x\n"),
		"address with a path alone":    one("[a]\nbaseurl=/srv/x\n"),
		"address without host":         one("[a]\nbaseurl=http:///x\n"),
		"address with a bad port":      one("[a]\nbaseurl=http://h.example:x/\n"),
		"address with a blank":         one("[a]\nbaseurl=http://h.example/x y\n"),
		"fault in what is disabled":    one("[a]\nenabled=0\nbaseurl=nothing\n"),
		"fault in a key's address":     one("[a]\nbaseurl=http://h.example/\ngpgkey=nothing\n"),
		"fault in a service":           {repo: "[b]\nbaseurl=http://h.example/b\n", "etc/zypp/services.d/x": "garbage\n"},
		"key with a colon":             one("[a]\nname:x=y\nbaseurl=http://h.example/\n"),
		"key with a colon, addresses":  one("[a]\nbaseurl=http://h.example/\nhttp://h.example/?a=b\n"),
		"underscore in the host":       one("[a]\nbaseurl=http://my_h.example/x\n"),
		"dot at the end of the host":   one("[a]\nbaseurl=http://h.example./x\n"),
		"hash in the address":          one("[a]\nbaseurl=http://h.example/x#y\n"),
		"nothing":                      {},
		"unknown keys":                 one("[a]\nfoo=bar\ntype=yast2\npriority=x\nkeeppackages=1\ngpgcheck=maybe\nbaseurl=http://h.example/\n"),
		"not UTF-8":                    one("[a]\nname=D\xe9p\xf4t\nbaseurl=http://h.example/x\n[b]\nbaseurl=http://h.example/\xe9\n"),
		"not UTF-8 in a comment":       one("# d\xe9p\xf4t\n[a]\nbaseurl=http://h.example/x\n"),
		"a byte order mark":            one("\xef\xbb\xbf[a]\nbaseurl=http://h.example/x\n"),
		"NUL bytes in a comment":       one("# \x00\x00\n[a]\nbaseurl=http://h.example/x\n"),
		"an alias in two files":        {repo: "[a]\nbaseurl=http://h.example/1\n", "etc/zypp/repos.d/b.repo": "[a]\nbaseurl=http://h.example/2\nenabled=0\n"},
		"an HTML page":                 one("<!DOCTYPE html>\n<html><body>login</body></html>\n"),
		"an empty file":                one(""),
		"quotes":                       one("[a]\nname='x'\nbaseurl=\"http://h.example/x\"\n"),
		"no equals sign":               one("[a]\nbaseurl http://h.example/x\n"),
		"a key twice":                  one("[a]\nenabled=1\nenabled=0\nname=x\nname=y\nbaseurl=http://h.example/x\n"),
		"addresses with commas":        one("[a]\nbaseurl=http://h.example/1,http://h.example/2 , http://h.example/3,\n"),
		"an address on the next line":  one("[a]\nbaseurl=\n  http://h.example/1\n\thttp://h.example/2\nname=x\n"),
		"a comment between addresses":  one("[a]\nbaseurl=http://h.example/1\n# c\n  http://h.example/2\n"),
		"variables deep":               {repo: "[a]\nbaseurl=http://h.example/${a:-${b:-${c:-x}}}/${a:+$b}\n", "etc/zypp/vars.d/c": "$basearch\n"},
		"options of zypp.conf":         {"etc/zypp/zypp.conf": "[main]\nrepo.refresh.delay = 10\nfoo = bar\n", repo: "[a]\nbaseurl=http://h.example/x\n"},
		"disabled service":             {repo: "[b]\nbaseurl=http://h.example/b\n", "etc/zypp/services.d/x.service": "[x]\nenabled=0\nurl=http://127.0.0.1:9/s\ntype=ris\n"},
		"repositories of two services": {repo: "[s:a]\nservice=s\nenabled=0\nbaseurl=http://h.example/a\n[t:a]\nservice=t\nbaseurl=http://h.example/t\n", "etc/zypp/services.d/s.service": "[s]\nurl=http://127.0.0.1:9/s\ntype=ris\n[t]\nenabled=0\nurl=http://127.0.0.1:9/t\ntype=ris\n"},
		"an included file":             one("[a]\nbaseurl=http://h.example/x\ninclude=/etc/zypp/other.repo\n"),
		"a key in front of a section":  one("enabled=1\n[a]\nbaseurl=http://h.example/x\n"),
	}
}
