package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/probes"
)

// pastePath is an absolute path from outside for use in a command.
func pastePath(p, placeholder string) string {
	if p == "/" {
		return p
	}
	if rest, ok := strings.CutPrefix(p, "/"); ok && plain.MatchString(rest) {
		return p
	}
	return placeholder
}

// pick is the command for this machine's package manager; "" where it has none.
func (v *view) pick(byManager map[string]string) string { return byManager[v.manager()] }

// install is the command that installs packages of the distribution here.
func (v *view) install(packages ...string) string {
	cmd := v.pick(map[string]string{"dnf": "sudo dnf install -y", "yum": "sudo yum install -y",
		"apt": "sudo apt-get install -y", "zypper": "sudo zypper --non-interactive install"})
	if cmd == "" {
		return ""
	}
	for _, p := range packages {
		cmd += " " + paste(p, "<package>")
	}
	return cmd
}

func fixDisk(v *view, low []lowDisk) []Fix {
	if v.ids.windows {
		return []Fix{{"free space on the system drive: what old updates left in the component store is mostly the largest part", "Dism.exe /Online /Cleanup-Image /StartComponentCleanup"}, v.fixVolume()}
	}
	var out []Fix
	var space, boot []lowDisk
	for _, l := range low {
		if l.For(probes.DiskBoot) && !l.For(probes.DiskSpace) {
			boot = append(boot, l)
		} else {
			space = append(space, l)
		}
	}
	if len(space) > 0 {
		at := pastePath(space[0].Mount, "<mount point>")
		see := "sudo du -xh --max-depth=3 " + at + " 2>/dev/null | sort -h | tail -n 20"
		if space[0].inodes {
			see = "sudo du -x --inodes --max-depth=3 " + at + " 2>/dev/null | sort -n | tail -n 20"
		}
		out = append(out, Fix{"see what fills it", see},
			Fix{"give back what can be had again: the package manager's cache and old journals", strings.TrimPrefix(v.pick(map[string]string{
				"dnf": "sudo dnf clean all", "yum": "sudo yum clean all", "apt": "sudo apt-get clean", "zypper": "sudo zypper clean --all"})+"\nsudo journalctl --vacuum-size=100M", "\n")})
	}
	if len(boot) > 0 {
		out = append(out, Fix{"remove kernels that are no longer needed; the one that runs stays", v.pick(map[string]string{
			"dnf": "sudo dnf remove --oldinstallonly", "yum": "sudo package-cleanup --oldkernels --count=2",
			"apt": "sudo apt-get autoremove --purge", "zypper": "sudo zypper purge-kernels"})})
	}
	if len(space) > 0 {
		out = append(out, v.fixVolume())
	}
	return out
}

// fixVolume: which of the instance's volumes it is cannot be known from a device's
// name alone.
func (v *view) fixVolume() Fix {
	return Fix{"or enlarge the volume, then its partition and its file system",
		aws("aws ec2 describe-volumes --region "+v.ids.region, "--filters Name=attachment.instance-id,Values="+v.ids.instance, "--query 'Volumes[].[VolumeId,Size,Attachments[0].Device]'") +
			"\naws ec2 modify-volume --region " + v.ids.region + " --volume-id <volume-id> --size <GiB>"}
}

func fixNoExec(d probes.Disk) []Fix {
	at := pastePath(d.Mount, "<mount point>")
	return []Fix{
		{"mount it with exec now, and take noexec out of its line in /etc/fstab (or its .mount unit)", "sudo mount -o remount,exec " + at + "\ngrep -n noexec /etc/fstab"},
		{"or, if a rule asks for noexec there, give /var/lib/amazon a file system of its own that is mounted without it", ""}}
}

func fixPython(v *view) []Fix {
	p := v.r.HostState.Python
	wrong := slices.ContainsFunc(p.Candidates, func(c probes.Python) bool { return c.Support == probes.PythonWrong })
	if v.manager() == "yum" && wrong {
		return []Fix{{"give yum its own Python 2 back: the first one on the search path cannot import it", "type -a python2.7 python2 python\nsudo rpm --verify yum python"}}
	}
	pkg := map[string]string{"yum": "python"}[v.manager()]
	if pkg == "" {
		pkg = "python3"
	}
	return []Fix{{"install it", v.install(pkg)}}
}

func fixTools(v *view, packages []string) []Fix {
	return []Fix{{"install " + list(packages), v.install(packages...)}}
}

// fixMemory: a swap file on btrfs must not be copied on write.
func fixMemory(v *view) []Fix {
	file := "sudo dd if=/dev/zero of=/swapfile bs=1M count=1024"
	if d, ok := v.r.HostState.DiskAt("/"); ok && d.FSType == "btrfs" {
		file = "sudo truncate -s 0 /swapfile && sudo chattr +C /swapfile\n" + file
	}
	return []Fix{
		{"see what uses it", "ps -eo rss,pid,comm --sort=-rss | head -n 10"},
		{"add swap, of 1 GB for example", file + "\nsudo chmod 600 /swapfile && sudo mkswap /swapfile && sudo swapon /swapfile\necho '/swapfile none swap sw 0 0' | sudo tee -a /etc/fstab"},
		{"or take an instance type with more memory", aws("aws ec2 stop-instances --region "+v.ids.region+" --instance-ids "+v.ids.instance) + "\n" +
			aws("aws ec2 modify-instance-attribute --region "+v.ids.region+" --instance-id "+v.ids.instance, "--instance-type Value=<larger type>") + "\n" +
			aws("aws ec2 start-instances --region "+v.ids.region+" --instance-ids "+v.ids.instance)}}
}

func fixLock(v *view, l probes.HostLock) []Fix {
	if l.PID == 0 {
		return []Fix{{"find who holds it", "sudo fuser -v " + pastePath(l.Path, "<lock file>")}}
	}
	out := []Fix{{"see what it does; if it still works, let it end", fmt.Sprintf("ps -o pid,ppid,etime,args -p %d", l.PID)}}
	if strings.HasPrefix(l.Comm, "packagekit") {
		return append(out, Fix{"stop it, it starts again when somebody asks for it", "sudo systemctl stop packagekit"})
	}
	end := fmt.Sprintf("sudo kill %d", l.PID)
	if v.manager() == "apt" {
		end += "\nsudo dpkg --configure -a"
	}
	return append(out, Fix{"if it hangs, end it; do not remove the lock's file", end})
}

func fixReboot(v *view) []Fix {
	if v.ids.windows {
		return []Fix{{"reboot when it suits", "Restart-Computer"}}
	}
	return []Fix{{"reboot when it suits", "sudo systemctl reboot"}}
}
