package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"agentctl/probes"
)

// ruleOSSupport: what is newer than our table may be on the list by now, and
// extended support that cannot be seen may be there.
func ruleOSSupport(v *view) {
	o := v.r.HostState.OS
	if !v.has(probes.GroupHost) {
		return
	}
	name := orText(o.Name, orText(v.r.Host.OS.Name, strings.TrimSpace(o.ID+" "+o.Version)))
	f := Finding{Code: "host-os-unsupported", Severity: Warning, Capabilities: patching(), Fix: fixSupport(o)}
	switch o.State {
	case probes.SupportEnded:
		f.Summary = fmt.Sprintf("%s is past its end of support (%s): nothing is missing where no more updates come, so Patch Manager may say Compliant.", name, lastDay(o.Ends))
		if o.ExtendedActive == nil && o.Extended.After(v.now()) {
			f.Severity = Info
			f.Summary = fmt.Sprintf("%s gets updates by %s alone since %s, and whether this machine has it cannot be seen here.", name, o.ExtendedName, lastDay(o.Ends))
		}
	case probes.SupportNo:
		f.Summary = fmt.Sprintf("%s is not on Patch Manager's list of operating systems, which refuses what it does not know.", name)
	case probes.SupportNewer:
		f.Severity = Info
		f.Summary = fmt.Sprintf("%s is newer than the copy of Patch Manager's list that this program has (%s); whether it is supported by now is not known here.", name, o.TableDate)
		f.Fix = []Fix{{Text: `look it up in the Systems Manager User Guide, "Patch Manager prerequisites"`}}
	case probes.SupportYes, probes.SupportUnknown:
		return
	default:
		return
	}
	f.Evidence = supportEvidence(o)
	if f.Severity == Info {
		f.Capabilities = []Capability{}
		v.addInfo(f)
		return
	}
	v.add(f)
}

func supportEvidence(o probes.OSSupport) []Evidence {
	listed := "not on it"
	if o.Listed {
		listed = "on it"
	}
	out := []Evidence{{"os-release", strings.TrimSpace(o.ID + " " + o.Version)}, {"Patch Manager's list of " + o.TableDate, listed}}
	if !o.Ends.IsZero() {
		out = append(out, Evidence{"last day of support for everyone", lastDay(o.Ends)})
	}
	if !o.Extended.IsZero() {
		active := "not known whether this machine has it"
		if o.ExtendedActive != nil {
			active = map[bool]string{true: "this machine has it", false: "this machine does not have it"}[*o.ExtendedActive]
		}
		if o.ActiveSource != "" {
			active += " (" + o.ActiveSource + ")"
		}
		out = append(out, Evidence{orText(o.ExtendedName, "extended support"), "until " + lastDay(o.Extended) + "; " + active})
	}
	return out
}

// lastDay writes a calendar day.
func lastDay(t time.Time) string { return t.Format(time.DateOnly) }

func fixSupport(o probes.OSSupport) []Fix {
	out := []Fix{{Text: "move to a release that is supported; the newest image of the distribution is the least work"}}
	if o.ExtendedName == "" {
		return out
	}
	f := Fix{Text: "or join " + o.ExtendedName}
	if o.ID == "ubuntu" {
		f.Command = "sudo pro attach <token>"
	}
	return append(out, f)
}

// ruleReleaseLocked: every Amazon Linux 2023 is locked to the release that it was
// made of. That is worth a word only where a newer one is known.
func ruleReleaseLocked(v *view) {
	l := v.r.HostState.Release
	if !v.has(probes.GroupHost) || !l.Applies || !l.Known || !l.Locked || !l.Behind {
		return
	}
	f := Finding{Code: "host-release-locked", Severity: Info, Capabilities: []Capability{}, Fix: fixRelease(l),
		Summary:  fmt.Sprintf("Amazon Linux is locked to release %s, and %s is out: patching finds nothing of what is newer, and may say Compliant.", l.Repository, l.Newest),
		Evidence: []Evidence{{orText(l.Source, "releasever"), l.Repository}, {orText(l.NewestSource, "newest release"), l.Newest}}}
	if s := v.r.PatchRuns.State; s.Known && s.Missing != nil && *s.Missing == 0 {
		f.Evidence = append(f.Evidence, Evidence{"Patch Manager's last record", "0 missing"})
	}
	v.addInfo(f)
}

func fixRelease(l probes.ReleaseLock) []Fix {
	return []Fix{
		{"bring this machine to the newest release", "sudo dnf upgrade --releasever=" + paste(l.Newest, "<release>")},
		{"or let it follow the newest from now on, patch operations included", "echo latest | sudo tee /etc/dnf/vars/releasever"}}
}

// ruleRebootPending: reported as it is; whether it matters is the owner's to say.
func ruleRebootPending(v *view) {
	b := v.r.HostState.Reboot
	if !v.has(probes.GroupHost) || !b.Known || !b.Pending || len(b.Reasons) == 0 {
		return
	}
	f := Finding{Code: "host-reboot-pending", Severity: Info, Capabilities: []Capability{}, Fix: fixReboot(v),
		Summary: "A reboot is pending; until then updates that are installed do not take effect."}
	for _, r := range b.Reasons {
		detail := r.Detail
		if r.Kind == "patching" {
			f.Summary = "Patch Manager asked for a reboot, which has not come; until then its updates do not take effect."
			detail = patchReboots[r.Detail]
		}
		f.Evidence = append(f.Evidence, Evidence{r.Source, orText(clip(detail), "asks for a reboot")})
	}
	v.addInfo(f)
}

// patchReboots are the exit codes that Patch Manager's markers bear
// (AWS-RunPatchBaseline).
var patchReboots = map[string]string{
	"194": "a patch operation asked for a reboot",
	"195": "a patch operation of which some patches failed asked for a reboot",
	"196": "a patch operation with failed dependencies asked for a reboot",
}
