//go:build linux

package lab

import (
	"agentctl/internal/lab/guest"
)

// flavour is one operating system of the instance.
type flavour struct {
	files       func(*VPC) []guest.File
	trust       func(store []byte) []guest.File // where its certificate store lies
	agentFolder string                          // of the SSM Agent's programs
}

var flavours = map[string]flavour{
	"":           {al2023Files, redHatTrust, "/usr/bin"},
	"al2023":     {al2023Files, redHatTrust, "/usr/bin"},
	"al2":        {al2Files, redHatTrust, "/usr/bin"},
	"rhel":       {rhelFiles, redHatTrust, "/usr/bin"}, // as an image without repositories has it
	"rhel9":      {rhel9Files, redHatTrust, "/usr/bin"},
	"rocky9":     {rocky9Files, redHatTrust, "/usr/bin"},
	"sles":       {slesFiles, suseTrust, "/usr/sbin"}, // likewise
	"sles15":     {sles15Files, suseTrust, "/usr/sbin"},
	"ubuntu":     {ubuntuFiles, debianTrust, snapFolder},
	"ubuntu22":   {ubuntu22Files, debianTrust, snapFolder},
	"ubuntu-pro": {ubuntuProFiles, debianTrust, snapFolder},
	"debian12":   {debian12Files, debianTrust, "/usr/bin"},
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
		program("/usr/bin/xz"), link("/usr/bin/unxz", "xz"), program("/usr/bin/zstd"), program("/usr/bin/systemctl"), program("/usr/bin/bash"),
	}
}
