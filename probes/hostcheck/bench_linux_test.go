package hostcheck

import (
	"fmt"
	"testing"
)

// BenchmarkRead is a read of a typical Amazon Linux 2023 instance. The budget is
// 5 ms of CPU.
func BenchmarkRead(b *testing.B) {
	files := map[string]string{
		"/proc/1/mountinfo": rootOnly + efi, "/proc/meminfo": meminfo, "/proc/vmstat": "oom_kill 0\n", "/proc/locks": "",
		"/usr/bin/dnf": "", "/usr/bin/curl": "", "/usr/bin/tar": "", "/usr/bin/zstd": "", "/usr/bin/unxz": "", "/usr/bin/unzip": "",
		"/usr/bin/python3": "-> python3.9", "/usr/bin/python3.9": "x", "/bin": "-> usr/bin", "/sbin": "-> usr/sbin",
		"/etc/system-release": "Amazon Linux release 2023.9.20251117 (Amazon Linux)\n",
		"/lib/modules/6.1.119-129.201.amzn2023.x86_64/vmlinuz": "",
	}
	for i := range 8 {
		files[fmt.Sprintf("/var/cache/dnf/repo-%d/repodata/x-updateinfo.xml.zst", i)] = ""
	}
	host := tree(b, files)
	facts := linux("amzn", "2023")
	facts.OS.Kernel = "6.1.119-129.201.amzn2023.x86_64"
	b.ReportAllocs()
	for b.Loop() {
		Read(host, facts, In{})
	}
}
