package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"agentctl/agent/words"
	"agentctl/probes"
)

// methodWords name what started a run.
var methodWords = map[probes.PatchMethod]string{
	probes.MethodPolicy:            "a Quick Setup patch policy",
	probes.MethodHostManagement:    "Quick Setup host management",
	probes.MethodMaintenanceWindow: "a maintenance window",
	probes.MethodPatchNow:          "Patch now",
	probes.MethodRunCommand:        "Run Command",
	probes.MethodAssociation:       "a State Manager association",
}

// runEvidence is a failed run in one line, as the evidence of another finding.
func (v *view) runEvidence(f failure) Evidence {
	value := "failed"
	if f.run.End == probes.PatchInterrupted {
		value = "was broken off"
	}
	if at := endOf(f.run); !at.IsZero() {
		value += " " + words.Ago(at, v.r.Now)
	}
	if f.run.ExitCode != nil && *f.run.ExitCode != 0 {
		value += fmt.Sprintf(", exit status %d", *f.run.ExitCode)
	}
	if f.sign != nil {
		value += ": " + f.sign.ID + ", " + clip(f.sign.Line)
	} else if f.run.LastError != "" {
		value += ": " + clip(f.run.LastError)
	}
	return Evidence{"the last " + operationWords(f.run), value}
}

// runDetails is all that is known of the run that a finding is about.
func (v *view) runDetails(f failure) []Evidence {
	run := f.run
	when := run.EndBy
	if at := endOf(run); !at.IsZero() {
		when = words.Time(at) + "; " + when
	}
	out := []Evidence{{operationWords(run) + " " + run.ID, strings.TrimSuffix(when, "; ")}}
	if by := methodWords[run.Method]; by != "" {
		if !run.MethodSure {
			by = "likely " + by
		}
		out = append(out, Evidence{"started by", strings.TrimSuffix(by+": "+run.MethodBy, ": ")})
	}
	if s := f.sign; s != nil {
		line := clip(s.Line)
		if s.Count > 1 {
			line += fmt.Sprintf(" (%d times)", s.Count)
		}
		out = append(out, Evidence{orText(s.File, "its output"), line}, Evidence{"recognised as", s.ID})
	}
	if run.LastError != "" && (f.sign == nil || !f.sign.Fatal) {
		out = append(out, Evidence{"its last error", clip(run.LastError)})
	}
	if len(run.Overlaps) > 0 {
		out = append(out, Evidence{"at the same time ran", list(run.Overlaps)})
	}
	if running, ok := v.runUnderWay(); ok {
		out = append(out, Evidence{"now", "a " + operationWords(running) + " is under way"})
	}
	out = append(out, v.readOnlyNow(f)...)
	switch {
	case f.gone != "":
		out = append(out, Evidence{"now", f.gone})
	case f.old:
		out = append(out, Evidence{"since then", "no newer run left traces here"})
	default:
		out = append(out, Evidence{"now", "nothing in this round shows that it is mended, or that it is not"})
	}
	return out
}

// readOnlyNow tells that a file system which a run writes to is mounted read-only: the
// kernel does that to one with errors.
func (v *view) readOnlyNow(f failure) []Evidence {
	if f.sign != nil && !slices.Contains(f.sign.Codes, "host-disk-low") {
		return nil
	}
	var out []Evidence
	for _, d := range v.r.HostState.Disks {
		if d.ReadOnly && d.Source == ofInit && (d.For(probes.DiskSpace) || d.For(probes.DiskLogs)) {
			out = append(out, Evidence{"file system " + d.Mount, "is mounted read-only now"})
		}
	}
	return out
}

// mend is the remedy of a signature that goes with a command.
func (v *view) mend(s probes.PatchSignature) Fix {
	switch s.ID {
	case "dpkg-interrupted":
		return Fix{"let dpkg finish what was broken off", "sudo dpkg --configure -a"}
	case "zypper-package-lock":
		return Fix{"see the locks, and remove the one that stands in the way", "zypper locks\nsudo zypper removelock <package>"}
	case "rpm-unpack":
		return Fix{"remove the copy that pip installed", "sudo pip uninstall urllib3"}
	case "reboot-failed":
		return Fix{"find what inhibits the reboot", "systemd-inhibit --list"}
	case "tool-missing":
		return Fix{"install it", v.install(orText(toolOf(s), "<package>"))}
	case "no-more-mirrors":
		return Fix{"see which repository it is; make it reachable, or disable it", v.pick(map[string]string{"dnf": "sudo dnf repolist -v", "yum": "sudo yum repolist -v"})}
	}
	return Fix{Text: orText(s.Remedy, "read what its output says")}
}

// fixRun: the cause's remedy, the output where it is not known, and a scan to see.
func (v *view) fixRun(f failure) []Fix {
	var out []Fix
	switch {
	case f.gone != "":
		out = append(out, Fix{Text: "nothing to mend; let the operation run again, or wait for its next time"})
	case f.sign != nil:
		out = append(out, v.mend(*f.sign))
	}
	if f.sign == nil {
		for _, p := range []string{f.run.Stderr, f.run.Stdout} {
			if p != "" && !v.ids.windows {
				out = append(out, Fix{"read the end of its output", "sudo tail -n 50 " + pastePath(p, "<output of the run>")})
				break
			}
		}
	}
	return append(out, Fix{"run a scan to see that it goes well",
		aws("aws ssm send-command --region "+v.ids.region+" --instance-ids "+v.ids.instance, "--document-name AWS-RunPatchBaseline --parameters Operation=Scan")})
}
