//go:build linux

package lab

import (
	"slices"

	"agentctl/internal/lab/guest"
)

// aptFiles are what every system with apt has: lock files that nobody holds among them.
func aptFiles(python string) []guest.File {
	files := append(commonFiles(),
		program("/usr/bin/"+python), link("/usr/bin/python3", python), program("/usr/bin/apt-get"), program("/usr/bin/dpkg"),
		program("/usr/lib/apt/methods/http"), link("/usr/lib/apt/methods/https", "http"), program("/usr/lib/apt/methods/mirror"),
		link("/usr/lib/apt/methods/mirror+file", "mirror"), program("/usr/lib/apt/methods/file"), program("/usr/lib/apt/methods/store"),
		text("/var/lib/dpkg/status", "Package: base-files\nStatus: install ok installed\nVersion: 13ubuntu10\n\n"),
		guest.File{Path: "/etc/apt/sources.list.d", Folder: true, Mode: 0o755},
		text("/etc/apt/apt.conf.d/01autoremove", "APT\n{\n  NeverAutoRemove\n  {\n    \"^firmware-linux.*\";\n  };\n};\n"),
		text("/etc/apt/apt.conf.d/20auto-upgrades", "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n"))
	for _, lock := range []string{"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"} {
		files = append(files, guest.File{Path: lock, Mode: 0o640})
	}
	return files
}

// snapFiles are the SSM Agent's as a snap, with a unit and folders of its own.
func snapFiles(v *VPC) []guest.File {
	if v.scenario.Agent.Absent {
		return nil
	}
	return []guest.File{
		link("/snap/amazon-ssm-agent/current", "11797"),
		text(snapFolder+"/meta/snap.yaml", "name: amazon-ssm-agent\nversion: "+v.scenario.Agent.Version+"\nconfinement: classic\n"),
		text("/etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent.service", "[Unit]\nDescription=Service for snap application amazon-ssm-agent.amazon-ssm-agent\n\n[Service]\nEnvironmentFile=-/etc/environment\n"+
			"ExecStart=/usr/bin/snap run amazon-ssm-agent\nRestart=always\nType=simple\n\n[Install]\nWantedBy=multi-user.target\n"),
		link("/etc/systemd/system/multi-user.target.wants/snap.amazon-ssm-agent.amazon-ssm-agent.service", "../snap.amazon-ssm-agent.amazon-ssm-agent.service"),
	}
}

// ubuntuFiles are Ubuntu 24.04's, with sources in deb822 form as cloud-init writes them.
func ubuntuFiles(v *VPC) []guest.File {
	source := func(uri, suites string) string {
		return "Types: deb\nURIs: " + uri + "\nSuites: " + suites + "\nComponents: main universe restricted multiverse\nSigned-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n\n"
	}
	return slices.Concat(aptFiles("python3.12"), snapFiles(v), []guest.File{
		text("/etc/os-release", "PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nVERSION=\"24.04.3 LTS (Noble Numbat)\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n"),
		text("/etc/apt/sources.list", "# Ubuntu sources have moved to /etc/apt/sources.list.d/ubuntu.sources\n"),
		text("/etc/apt/sources.list.d/ubuntu.sources", source(v.world.fill("http://${REGION}.ec2.archive.ubuntu.com/ubuntu/"), "noble noble-updates noble-backports")+
			source("http://security.ubuntu.com/ubuntu/", "noble-security")),
		text("/usr/share/keyrings/ubuntu-archive-keyring.gpg", "a keyring"),
	})
}

// ubuntu22Files are Ubuntu 22.04's, with one line for each source.
func ubuntu22Files(v *VPC) []guest.File {
	archive := v.world.fill("http://${REGION}.ec2.archive.ubuntu.com/ubuntu/")
	return slices.Concat(aptFiles("python3.10"), snapFiles(v), []guest.File{
		text("/etc/os-release", "PRETTY_NAME=\"Ubuntu 22.04.5 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.5 LTS (Jammy Jellyfish)\"\nVERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian\n"),
		text("/etc/apt/sources.list", "## Note, this file is written by cloud-init on first boot of an instance\n"+
			"deb "+archive+" jammy main restricted\n# deb-src "+archive+" jammy main restricted\n\ndeb "+archive+" jammy-updates main restricted\n"+
			"deb "+archive+" jammy universe\ndeb "+archive+" jammy-updates universe\ndeb "+archive+" jammy-backports main restricted universe multiverse\n\n"+
			"deb http://security.ubuntu.com/ubuntu jammy-security main restricted\ndeb http://security.ubuntu.com/ubuntu jammy-security universe\n"),
	})
}

// ubuntuProFiles are those of an Ubuntu 24.04 that is attached to Ubuntu Pro: two more sources, with a token.
func ubuntuProFiles(v *VPC) []guest.File {
	source := func(name string) guest.File {
		return text("/etc/apt/sources.list.d/ubuntu-esm-"+name+".sources", "# Written by ubuntu-pro-client\nTypes: deb\nURIs: https://esm.ubuntu.com/"+name+"/ubuntu\n"+
			"Suites: noble-"+name+"-security noble-"+name+"-updates\nComponents: main\nSigned-By: /usr/share/keyrings/ubuntu-pro-esm-"+name+".gpg\n")
	}
	return append(ubuntuFiles(v), source("infra"), source("apps"),
		text("/usr/share/keyrings/ubuntu-pro-esm-infra.gpg", "a keyring"), text("/usr/share/keyrings/ubuntu-pro-esm-apps.gpg", "a keyring"),
		guest.File{Path: "/etc/apt/auth.conf.d/90ubuntu-advantage", Mode: 0o600, Content: []byte(
			"machine esm.ubuntu.com/infra/ubuntu/ login bearer password " + proToken + "  # ubuntu-pro-client\n" +
				"machine esm.ubuntu.com/apps/ubuntu/ login bearer password " + proToken + "  # ubuntu-pro-client\n")},
		text("/var/lib/ubuntu-advantage/status.json", `{"attached": true, "services": [{"name": "esm-infra", "status": "enabled"}, {"name": "esm-apps", "status": "enabled"}]}`+"\n"))
}

// debian12Files are those of Debian's image for AWS, whose sources lead by lists of mirrors in files to the CDN.
func debian12Files(*VPC) []guest.File {
	source := func(list, suites string) string {
		return "Types: deb deb-src\nURIs: mirror+file:///etc/apt/mirrors/" + list + ".list\nSuites: " + suites + "\nComponents: main\n\n"
	}
	return append(aptFiles("python3.11"),
		text("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n"),
		text("/etc/apt/sources.list", "# See /etc/apt/sources.list.d/debian.sources\n"),
		text("/etc/apt/sources.list.d/debian.sources", source("debian", "bookworm bookworm-updates bookworm-backports")+source("debian-security", "bookworm-security")),
		text("/etc/apt/mirrors/debian.list", "https://cdn-aws.deb.debian.org/debian\n"),
		text("/etc/apt/mirrors/debian-security.list", "https://cdn-aws.deb.debian.org/debian-security\n"))
}
