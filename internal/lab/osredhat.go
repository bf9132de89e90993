//go:build linux

package lab

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"agentctl/internal/lab/guest"
)

// dnfFiles are what every system with dnf has.
func dnfFiles() []guest.File {
	return []guest.File{
		program("/usr/bin/python3.9"), link("/usr/bin/python3", "python3.9"), link("/usr/libexec/platform-python", "/usr/bin/python3.9"),
		{Path: "/usr/lib/python3.9/site-packages/dnf", Folder: true, Mode: 0o755},
		{Path: "/usr/lib64/python3.9", Folder: true, Mode: 0o755},
		program("/usr/bin/dnf-3"), link("/usr/bin/dnf", "dnf-3"), link("/usr/bin/yum", "dnf-3"), program("/usr/bin/rpm"),
		{Path: "/var/lib/rpm/.rpm.lock", Mode: 0o644}, {Path: "/var/cache/dnf", Folder: true, Mode: 0o755},
	}
}

// al2023Files are Amazon Linux 2023's own, as far as a diagnosis reads them.
func al2023Files(v *VPC) []guest.File {
	mirrorlist := func(tree string) string {
		return "mirrorlist=https://al2023-repos-$awsregion-de612dc2.s3$dualstack.$awsregion.$awsdomain/" + tree + "/$basearch/$mirrorlist\n"
	}
	files := append(commonFiles(), dnfFiles()...)
	return append(files,
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
			mirrorlist("kernel-livepatch/mirrors/al2023")+"priority=10\nenabled=1\nrepo_gpgcheck=0\ntype=rpm\ngpgcheck=1\n"))
}

// al2Files are Amazon Linux 2's: yum, and its variables below /etc/yum.
func al2Files(v *VPC) []guest.File {
	list := func(path string) string {
		return "mirrorlist=$awsproto://$amazonlinux.$awsregion.$awsdomain/$releasever/" + path + "/$basearch/mirror.list\n"
	}
	return append(commonFiles(),
		text("/etc/os-release", "NAME=\"Amazon Linux\"\nVERSION=\"2\"\nID=\"amzn\"\nID_LIKE=\"centos rhel fedora\"\nVERSION_ID=\"2\"\nPRETTY_NAME=\"Amazon Linux 2\"\nCPE_NAME=\"cpe:2.3:o:amazon:amazon_linux:2\"\nSUPPORT_END=\"2026-06-30\"\n"),
		text("/etc/system-release", "Amazon Linux release 2 (Karoo)\n"),
		text("/etc/yum.conf", "[main]\ngpgcheck=1\nplugins=1\n"),
		text("/etc/yum/vars/awsproto", "https\n"),
		text("/etc/yum/vars/amazonlinux", "amazonlinux-2-repos-"+v.world.region+".s3.dualstack\n"),
		text("/etc/yum/vars/awsregion", v.world.region+"\n"),
		text("/etc/yum/vars/awsdomain", v.world.suffix+"\n"),
		text("/etc/yum.repos.d/amzn2-core.repo", "[amzn2-core]\nname=Amazon Linux 2 core repository\n"+list("$product/$target")+
			"priority=10\nenabled=1\ngpgcheck=1\nmetadata_expire=300\n"),
		text("/etc/yum.repos.d/amzn2-extras.repo", "[amzn2extra-docker]\nname=Amazon Extras repo for docker\n"+list("extras/docker/latest")+
			"enabled=1\ngpgcheck=1\nskip_if_unavailable=1\nreport_instanceid=yes\n"),
		text("/etc/yum/vars/product", "core\n"), text("/etc/yum/vars/target", "latest\n"),
		program("/usr/bin/python2.7"), link("/usr/bin/python2", "python2.7"), link("/usr/bin/python", "python2.7"),
		text("/usr/lib/python2.7/site-packages/yum/__init__.py", ""),
		program("/usr/bin/yum"), program("/usr/bin/rpm"), guest.File{Path: "/var/lib/rpm/.rpm.lock", Mode: 0o644})
}

// rhelFiles have no repositories at all.
func rhelFiles(*VPC) []guest.File {
	files := append(commonFiles(), dnfFiles()...)
	return append(files,
		text("/etc/os-release", "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"9.6 (Plow)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"9.6\"\nPLATFORM_ID=\"platform:el9\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 9.6 (Plow)\"\n"),
		text("/etc/redhat-release", "Red Hat Enterprise Linux release 9.6 (Plow)\n"),
		text("/etc/dnf/dnf.conf", "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n"),
		guest.File{Path: "/etc/yum.repos.d", Folder: true, Mode: 0o755})
}

// rhel9Files are RHEL's from AWS's marketplace, with Red Hat's update servers in AWS (rh-amazon-rhui-client).
func rhel9Files(v *VPC) []guest.File {
	repo := func(id, name, path, certificate string) string {
		return "[" + id + "]\nname=" + name + "\nmirrorlist=https://rhui.REGION.aws.ce.redhat.com/pulp/mirror/" + path +
			"\nenabled=1\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release\nsslverify=1\nsslcacert=/etc/pki/rhui/cdn.redhat.com-chain.crt\n" +
			"sslclientcert=/etc/pki/rhui/product/" + certificate + ".crt\nsslclientkey=/etc/pki/rhui/" + certificate + ".key\n\n"
	}
	files := append(rhelFiles(v),
		text("/etc/dnf/plugins/amazon-id.conf", "[main]\nenabled = 1\n"),
		text("/etc/yum.repos.d/redhat-rhui.repo",
			repo("rhel-9-baseos-rhui-rpms", "Red Hat Enterprise Linux 9 for $basearch - BaseOS from RHUI (RPMs)", "content/dist/rhel9/rhui/$releasever/$basearch/baseos/os", "content-rhel9")+
				repo("rhel-9-appstream-rhui-rpms", "Red Hat Enterprise Linux 9 for $basearch - AppStream from RHUI (RPMs)", "content/dist/rhel9/rhui/$releasever/$basearch/appstream/os", "content-rhel9")),
		text("/etc/yum.repos.d/redhat-rhui-client-config.repo",
			repo("rhui-client-config-server-9", "Red Hat Enterprise Linux 9 Client Configuration", "protected/rhui-client-config/rhel/server/9/$basearch/os", "rhui-client-config-server-9")),
		text("/etc/pki/rhui/cdn.redhat.com-chain.crt", string(bundle(v.authorities.redHat.intermediate, v.authorities.redHat.root))),
	)
	for _, name := range []string{"content-rhel9", "rhui-client-config-server-9"} {
		certificate, key := v.clientCertificate(name)
		files = append(files, text("/etc/pki/rhui/product/"+name+".crt", certificate), guest.File{Path: "/etc/pki/rhui/" + name + ".key", Content: []byte(key), Mode: 0o600})
	}
	return files
}

// clientCertificate is an entitlement of Red Hat's and its key, in PEM. The scenario says how it stands.
func (v *VPC) clientCertificate(name string) (certificate, key string) {
	now := time.Now()
	from, to := now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)
	if v.scenario.Instance.ClientCertificate == "expired" {
		to = now.AddDate(0, 0, -20)
	}
	leaf, err := v.authorities.redHat.leaf(v.authorities.leafKey, []string{name}, from, to)
	if err != nil {
		return fmt.Sprint("no certificate: ", err), ""
	}
	der, err := x509.MarshalPKCS8PrivateKey(v.authorities.leafKey)
	if err != nil {
		return fmt.Sprint("no key: ", err), ""
	}
	return string(bundle(leaf.Leaf)), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// rocky9Files are Rocky Linux's, whose lists of mirrors lie on the internet.
func rocky9Files(*VPC) []guest.File {
	repo := func(id, name string, enabled int) string {
		return fmt.Sprintf("[%s]\nname=Rocky Linux $releasever - %s\nmirrorlist=https://mirrors.rockylinux.org/mirrorlist?arch=$basearch&repo=%s-$releasever$rltype\n"+
			"#baseurl=http://dl.rockylinux.org/$contentdir/$releasever/%s/$basearch/os/\ngpgcheck=1\nenabled=%d\ncountme=1\nmetadata_expire=6h\n"+
			"gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-9\n\n", id, name, name, name, enabled)
	}
	files := append(commonFiles(), dnfFiles()...)
	return append(files,
		text("/etc/os-release", "NAME=\"Rocky Linux\"\nVERSION=\"9.6 (Blue Onyx)\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.6\"\nPLATFORM_ID=\"platform:el9\"\nPRETTY_NAME=\"Rocky Linux 9.6 (Blue Onyx)\"\nSUPPORT_END=\"2032-05-31\"\n"),
		text("/etc/dnf/dnf.conf", "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n"),
		text("/etc/dnf/vars/contentdir", "pub/rocky\n"), text("/etc/dnf/vars/rltype", ""),
		text("/etc/yum.repos.d/rocky.repo", repo("baseos", "BaseOS", 1)+repo("appstream", "AppStream", 1)+repo("crb", "CRB", 0)),
		text("/etc/yum.repos.d/rocky-extras.repo", repo("extras", "extras", 1)+repo("plus", "plus", 0)))
}
