//go:build linux

package lab

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/internal/lab/guest"
)

// releaseVersion is the Amazon Linux 2023 release that the instance is locked to.
const releaseVersion = "2023.9.20251117"

// guestSpec is the instance as the scenario describes it, and the command to run there.
func (v *VPC) guestSpec(args []string) guest.Spec {
	s := v.scenario
	spec := guest.Spec{
		Hostname:      v.hostname(),
		Agents:        !s.Agent.Absent && !s.Agent.Stopped,
		AgentBinaries: !s.Agent.Absent,
		Command:       append(append([]string{"/usr/bin/agentctl"}, s.Run.Args...), args...),
		Environment:   []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"},
		UID:           s.Run.UID,
		Limit:         runLimit,
	}
	for _, name := range sortedKeys(s.Agent.Environment) {
		spec.AgentEnvironment = append(spec.AgentEnvironment, name+"="+s.Agent.Environment[name])
	}
	files := v.systemFiles()
	files = append(files, v.networkFiles()...)
	files = append(files, v.trustFiles()...)
	if !s.Agent.Absent {
		files = append(files, v.agentFiles()...)
	}
	replace := strings.NewReplacer("${REGION}", v.world.region, "${SUFFIX}", v.world.suffix)
	for _, path := range sortedKeys(s.Instance.Files) {
		files = append(files, text(path, replace.Replace(s.Instance.Files[path])))
	}
	spec.Files = slices.DeleteFunc(files, func(f guest.File) bool { return slices.Contains(s.Instance.Remove, f.Path) })
	return spec
}

func (v *VPC) hostname() string {
	if name := v.scenario.Instance.Hostname; name != "" {
		return name
	}
	return "ip-10-0-1-10." + v.world.region + ".compute.internal"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func text(path, content string) guest.File {
	return guest.File{Path: path, Content: []byte(content), Mode: 0o644}
}

func program(path string) guest.File {
	return guest.File{Path: path, Content: []byte("\x7fELF stand-in: nothing in the lab runs it\n"), Mode: 0o755}
}

func link(path, to string) guest.File { return guest.File{Path: path, Link: to} }

// systemFiles are Amazon Linux 2023's own, as far as a diagnosis reads them.
func (v *VPC) systemFiles() []guest.File {
	mirrorlist := func(tree string) string {
		return "mirrorlist=https://al2023-repos-$awsregion-de612dc2.s3$dualstack.$awsregion.$awsdomain/" + tree + "/$basearch/$mirrorlist\n"
	}
	return []guest.File{
		text("/etc/os-release", `NAME="Amazon Linux"
VERSION="2023"
ID="amzn"
ID_LIKE="fedora"
VERSION_ID="2023"
PLATFORM_ID="platform:al2023"
PRETTY_NAME="Amazon Linux `+releaseVersion+`"
ANSI_COLOR="0;33"
CPE_NAME="cpe:2.3:o:amazon:amazon_linux:2023"
HOME_URL="https://aws.amazon.com/linux/amazon-linux-2023/"
DOCUMENTATION_URL="https://docs.aws.amazon.com/linux/"
SUPPORT_URL="https://aws.amazon.com/premiumsupport/"
BUG_REPORT_URL="https://github.com/amazonlinux/amazon-linux-2023"
VENDOR_NAME="AWS"
VENDOR_URL="https://aws.amazon.com/"
SUPPORT_END="2029-06-30"
`),
		text("/etc/system-release", "Amazon Linux release "+releaseVersion+" (Amazon Linux)\n"),
		text("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin\n"),
		text("/etc/group", "root:x:0:\nnobody:x:65534:\n"),
		text("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
		text("/etc/dnf/dnf.conf", "[main]\ngpgcheck=True\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=False\nskip_if_unavailable=True\n"),
		text("/etc/dnf/vars/awsregion", v.world.region+"\n"),
		text("/etc/dnf/vars/awsdomain", v.world.suffix+"\n"),
		text("/etc/dnf/vars/dualstack", ".dualstack\n"),
		text("/etc/dnf/vars/mirrorlist", "mirror.list\n"),
		text("/etc/dnf/vars/releasever", releaseVersion+"\n"),
		text("/etc/yum.repos.d/amazonlinux.repo", "[amazonlinux]\nname=Amazon Linux 2023 repository\n"+mirrorlist("core/mirrors/$releasever")+
			"priority=10\nenabled=1\nrepo_gpgcheck=0\ntype=rpm\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-amazon-linux-2023\n\n"+
			"[amazonlinux-source]\nname=Amazon Linux 2023 repository - Source packages\n"+mirrorlist("core/mirrors/$releasever/SRPMS")+"enabled=0\n\n"+
			"[amazonlinux-debuginfo]\nname=Amazon Linux 2023 repository - Debug\n"+mirrorlist("core/mirrors/$releasever/debuginfo")+"enabled=0\n"),
		text("/etc/yum.repos.d/kernel-livepatch.repo", "[kernel-livepatch]\nname=Amazon Linux 2023 Kernel Livepatch repository\n"+
			mirrorlist("kernel-livepatch/mirrors/al2023")+"priority=10\nenabled=1\nrepo_gpgcheck=0\ntype=rpm\ngpgcheck=1\n"),
		link("/bin", "usr/bin"), link("/sbin", "usr/sbin"), link("/lib", "usr/lib"), link("/lib64", "usr/lib64"),
		{Path: "/usr/sbin", Folder: true, Mode: 0o755},
		program("/usr/bin/python3.9"), link("/usr/bin/python3", "python3.9"),
		{Path: "/usr/lib/python3.9/site-packages/dnf", Folder: true, Mode: 0o755},
		{Path: "/usr/lib64/python3.9", Folder: true, Mode: 0o755},
		program("/usr/bin/dnf-3"), link("/usr/bin/dnf", "dnf-3"), link("/usr/bin/yum", "dnf-3"), program("/usr/bin/rpm"),
		program("/usr/bin/curl"), program("/usr/bin/tar"), program("/usr/bin/gzip"), program("/usr/bin/unzip"),
		program("/usr/bin/xz"), program("/usr/bin/zstd"), program("/usr/bin/systemctl"), program("/usr/bin/bash"),
		{Path: "/var/lib/rpm", Folder: true, Mode: 0o755}, {Path: "/var/cache/dnf", Folder: true, Mode: 0o755},
	}
}

// networkFiles are the resolver's configuration and the hosts file.
func (v *VPC) networkFiles() []guest.File {
	s := v.scenario.Instance
	nameservers := s.Nameservers
	if len(nameservers) == 0 {
		nameservers = []string{vpcResolverIP}
	}
	search := v.world.region + ".compute.internal"
	if s.Search != nil {
		search = *s.Search
	}
	resolvConf := func(servers []string) string {
		var out strings.Builder
		if search != "" {
			fmt.Fprintf(&out, "search %s\n", search)
		}
		for _, server := range servers {
			if server != "none" {
				fmt.Fprintf(&out, "nameserver %s\n", server)
			}
		}
		if s.Options != "" {
			fmt.Fprintf(&out, "options %s\n", s.Options)
		}
		return out.String()
	}
	files := []guest.File{
		text("/etc/hosts", "127.0.0.1   localhost localhost.localdomain localhost4 localhost4.localdomain4\n"+
			"::1         localhost6 localhost6.localdomain6\n"+s.Hosts),
		text("/etc/nsswitch.conf", "passwd:     files\ngroup:      files\nhosts:      files dns myhostname\n"),
		text("/etc/host.conf", "multi on\n"),
		text("/etc/hostname", v.hostname()+"\n"),
	}
	if s.Resolved {
		return append(files,
			link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf"),
			text("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch "+search+"\n"),
			text("/run/systemd/resolve/resolv.conf", resolvConf(nameservers)))
	}
	return append(files, text("/etc/resolv.conf", resolvConf(nameservers)))
}

// trustFiles are the machine's certificate store where Amazon Linux keeps it, and agentctl's configuration, which names the
// lab's root as a service root: without that, no chain of the lab would count as Amazon's.
func (v *VPC) trustFiles() []guest.File {
	a := v.authorities
	store := append(slices.Clone(a.strangers), a.amazon.root)
	switch v.scenario.Instance.Trust {
	case "lab+corporate":
		store = append(store, a.corporate.root)
	case "strangers":
		store = a.strangers
	}
	return []guest.File{
		{Path: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", Content: bundle(store...), Mode: 0o644},
		link("/etc/pki/tls/certs/ca-bundle.crt", "../../ca-trust/extracted/pem/tls-ca-bundle.pem"),
		link("/etc/pki/tls/cert.pem", "../ca-trust/extracted/pem/tls-ca-bundle.pem"),
		link("/etc/ssl/certs", "../pki/tls/certs"),
		link("/etc/pki/tls/certs/ca-certificates.crt", "ca-bundle.crt"),
		{Path: "/etc/agentctl/lab-roots.pem", Content: bundle(a.amazon.root), Mode: 0o644},
		text("/etc/agentctl/agentctl.yml", "tls:\n  service_roots: /etc/agentctl/lab-roots.pem\n"+v.scenario.Instance.Config),
	}
}
