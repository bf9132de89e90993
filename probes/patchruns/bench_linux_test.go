package patchruns

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
)

// below is the real root with another directory's name before each path, so that the
// cost is the one that the daemon has, without the care for a foreign root.
type below struct {
	platform.Host
	root string
}

func (b below) ReadFile(n string, l int64) ([]byte, error)     { return b.Host.ReadFile(b.root+n, l) }
func (b below) ReadTail(n string, l int64) ([]byte, error)     { return b.Host.ReadTail(b.root+n, l) }
func (b below) ReadDir(n string, l int) ([]fs.DirEntry, error) { return b.Host.ReadDir(b.root+n, l) }
func (b below) Stat(n string) (fs.FileInfo, error)             { return b.Host.Stat(b.root + n) }

// BenchmarkRead is a read of a typical instance: two weeks of daily scans and weekly
// installs, and a day of an inventory association. The budget is 5 ms of CPU.
func BenchmarkRead(b *testing.B) {
	w := newTree(b)
	dir := "var/lib/amazon/ssm/" + self + "/document/orchestration/"
	text := good("Scan", time.Hour) + strings.Repeat(line("INFO", "package x is installed", time.Hour), 400)
	for i := range 16 {
		id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
		op := "Scan"
		if i%7 == 3 {
			op = "Install"
		}
		w.write(dir+id+"/PatchLinux/_script.sh", strings.Repeat("# a line of the script\n", 600)+linuxScript("", op, "NoReboot", ""))
		w.write(dir+id+"/awsrunShellScript/PatchLinux/stdout", text)
		w.write(dir+id+"/awsrunShellScript/PatchLinux/stderr", "")
	}
	for i := range 48 {
		w.write(fmt.Sprintf("%s%s/2026-11-24T%02d-%02d-00.000Z/awssoftwareInventory/stdout", dir, assoc, i/2, i%2*30), "")
	}
	w.write("var/log/amazon/ssm/patch-configuration/"+inventoryName, summary)
	host, facts := below{platform.New("", platform.WithClock(func() time.Time { return clock })), w.root}, w.facts()
	b.ReportAllocs()
	for b.Loop() {
		Read(host, facts, In{InstanceID: self, Region: "eu-central-1"})
	}
}
