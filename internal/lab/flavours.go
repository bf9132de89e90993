//go:build linux

package lab

import (
	"slices"

	"agentctl/internal/lab/guest"
)

// flavour is one operating system of the instance.
type flavour struct {
	files       func(*VPC) []guest.File
	trust       func(store []byte) []guest.File // where its certificate store lies
	agentFolder string                          // of the SSM Agent's programs
}

var flavours = map[string]flavour{
	"":       {al2023Files, redHatTrust, "/usr/bin"},
	"al2023": {al2023Files, redHatTrust, "/usr/bin"},
	"al2":    {al2Files, redHatTrust, "/usr/bin"},
	"rhel":   {rhelFiles, redHatTrust, "/usr/bin"},
	"sles":   {slesFiles, suseTrust, "/usr/sbin"},
	"ubuntu": {ubuntuFiles, debianTrust, snapFolder},
}

const snapFolder = "/snap/amazon-ssm-agent/11797"

// releaseVersion is the Amazon Linux 2023 release that the instance is locked to.
const releaseVersion = "2023.9.20251117"

func redHatTrust(store []byte) []guest.File {
	return []guest.File{
		{Path: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", Content: store, Mode: 0o644},
		link("/etc/pki/tls/certs/ca-bundle.crt", "../../ca-trust/extracted/pem/tls-ca-bundle.pem"),
		link("/etc/pki/tls/cert.pem", "../ca-trust/extracted/pem/tls-ca-bundle.pem"),
		link("/etc/ssl/certs", "../pki/tls/certs"),
		link("/etc/pki/tls/certs/ca-certificates.crt", "ca-bundle.crt"),
	}
}

func debianTrust(store []byte) []guest.File {
	return []guest.File{{Path: "/etc/ssl/certs/ca-certificates.crt", Content: store, Mode: 0o644}}
}

func suseTrust(store []byte) []guest.File {
	return []guest.File{
		{Path: "/var/lib/ca-certificates/ca-bundle.pem", Content: store, Mode: 0o644},
		link("/etc/ssl/ca-bundle.pem", "../../var/lib/ca-certificates/ca-bundle.pem"),
	}
}

// commonFiles are the same on every Linux.
func commonFiles() []guest.File {
	return []guest.File{
		text("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin\n"),
		text("/etc/group", "root:x:0:\nnobody:x:65534:\n"),
		text("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
		link("/bin", "usr/bin"), link("/sbin", "usr/sbin"), link("/lib", "usr/lib"), link("/lib64", "usr/lib64"),
		{Path: "/usr/sbin", Folder: true, Mode: 0o755},
		program("/usr/bin/curl"), program("/usr/bin/tar"), program("/usr/bin/gzip"), program("/usr/bin/unzip"),
		program("/usr/bin/xz"), program("/usr/bin/zstd"), program("/usr/bin/systemctl"), program("/usr/bin/bash"),
	}
}

// al2023Files are Amazon Linux 2023's own, as far as a diagnosis reads them.
func al2023Files(v *VPC) []guest.File {
	mirrorlist := func(tree string) string {
		return "mirrorlist=https://al2023-repos-$awsregion-de612dc2.s3$dualstack.$awsregion.$awsdomain/" + tree + "/$basearch/$mirrorlist\n"
	}
	return append(commonFiles(),
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
			mirrorlist("kernel-livepatch/mirrors/al2023")+"priority=10\nenabled=1\nrepo_gpgcheck=0\ntype=rpm\ngpgcheck=1\n"),
		program("/usr/bin/python3.9"), link("/usr/bin/python3", "python3.9"),
		guest.File{Path: "/usr/lib/python3.9/site-packages/dnf", Folder: true, Mode: 0o755},
		guest.File{Path: "/usr/lib64/python3.9", Folder: true, Mode: 0o755},
		program("/usr/bin/dnf-3"), link("/usr/bin/dnf", "dnf-3"), link("/usr/bin/yum", "dnf-3"), program("/usr/bin/rpm"),
		guest.File{Path: "/var/lib/rpm", Folder: true, Mode: 0o755}, guest.File{Path: "/var/cache/dnf", Folder: true, Mode: 0o755})
}

// al2Files are Amazon Linux 2's: yum, and its variables below /etc/yum.
func al2Files(v *VPC) []guest.File {
	return append(commonFiles(),
		text("/etc/os-release", "NAME=\"Amazon Linux\"\nVERSION=\"2\"\nID=\"amzn\"\nID_LIKE=\"centos rhel fedora\"\nVERSION_ID=\"2\"\nPRETTY_NAME=\"Amazon Linux 2\"\nCPE_NAME=\"cpe:2.3:o:amazon:amazon_linux:2\"\nSUPPORT_END=\"2026-06-30\"\n"),
		text("/etc/system-release", "Amazon Linux release 2 (Karoo)\n"),
		text("/etc/yum.conf", "[main]\ngpgcheck=1\nplugins=1\n"),
		text("/etc/yum/vars/awsproto", "https\n"),
		text("/etc/yum/vars/amazonlinux", "amazonlinux-2-repos-"+v.world.region+".s3.dualstack\n"),
		text("/etc/yum/vars/awsregion", v.world.region+"\n"),
		text("/etc/yum/vars/awsdomain", v.world.suffix+"\n"),
		text("/etc/yum.repos.d/amzn2-core.repo", "[amzn2-core]\nname=Amazon Linux 2 core repository\nmirrorlist=$awsproto://$amazonlinux.$awsregion.$awsdomain/$releasever/$product/$target/$basearch/mirror.list\n"+
			"priority=10\nenabled=1\ngpgcheck=1\nmetadata_expire=300\n"),
		text("/etc/yum/vars/product", "core\n"), text("/etc/yum/vars/target", "latest\n"),
		program("/usr/bin/python2.7"), link("/usr/bin/python2", "python2.7"), link("/usr/bin/python", "python2.7"),
		guest.File{Path: "/usr/lib/python2.7/site-packages/yum", Folder: true, Mode: 0o755},
		program("/usr/bin/yum"), program("/usr/bin/rpm"), guest.File{Path: "/var/lib/rpm", Folder: true, Mode: 0o755})
}

// rhelFiles, slesFiles and ubuntuFiles have no repositories: their scenarios are about the rest.
func rhelFiles(*VPC) []guest.File {
	return append(commonFiles(),
		text("/etc/os-release", "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"9.6 (Plow)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"9.6\"\nPLATFORM_ID=\"platform:el9\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 9.6 (Plow)\"\n"),
		program("/usr/bin/python3.9"), link("/usr/bin/python3", "python3.9"), program("/usr/bin/dnf"), program("/usr/bin/rpm"),
		guest.File{Path: "/var/lib/rpm", Folder: true, Mode: 0o755})
}

func slesFiles(*VPC) []guest.File {
	return append(commonFiles(),
		text("/etc/os-release", "NAME=\"SLES\"\nVERSION=\"15-SP6\"\nVERSION_ID=\"15.6\"\nPRETTY_NAME=\"SUSE Linux Enterprise Server 15 SP6\"\nID=\"sles\"\nID_LIKE=\"suse\"\n"),
		program("/usr/bin/python3.6"), link("/usr/bin/python3", "python3.6"), program("/usr/bin/zypper"), program("/usr/bin/rpm"),
		guest.File{Path: "/usr/lib/sysimage/rpm", Folder: true, Mode: 0o755})
}

// ubuntuFiles: the SSM Agent is a snap there, with a unit and folders of its own.
func ubuntuFiles(v *VPC) []guest.File {
	files := slices.Concat(commonFiles(), []guest.File{
		text("/etc/os-release", "PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nVERSION=\"24.04.3 LTS (Noble Numbat)\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n"),
		program("/usr/bin/python3.12"), link("/usr/bin/python3", "python3.12"), program("/usr/bin/apt-get"), program("/usr/bin/dpkg"),
		text("/var/lib/dpkg/status", "Package: base-files\nStatus: install ok installed\nVersion: 13ubuntu10\n\n"),
	})
	if v.scenario.Agent.Absent {
		return files
	}
	return append(files,
		link("/snap/amazon-ssm-agent/current", "11797"),
		text(snapFolder+"/meta/snap.yaml", "name: amazon-ssm-agent\nversion: "+v.scenario.Agent.Version+"\nconfinement: classic\n"),
		text("/etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent.service", "[Unit]\nDescription=Service for snap application amazon-ssm-agent.amazon-ssm-agent\n\n[Service]\nEnvironmentFile=-/etc/environment\n"+
			"ExecStart=/usr/bin/snap run amazon-ssm-agent\nRestart=always\nType=simple\n\n[Install]\nWantedBy=multi-user.target\n"),
		link("/etc/systemd/system/multi-user.target.wants/snap.amazon-ssm-agent.amazon-ssm-agent.service", "../snap.amazon-ssm-agent.amazon-ssm-agent.service"))
}
