package patchruns

import (
	"regexp"

	"agentctl/probes"
)

// payloadForm is an address that can be asked for without a secret.
var payloadForm = regexp.MustCompile(`^https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?/[A-Za-z0-9._/+-]{1,512}$`)

// byTags is what the payload logs for AWS-RunPatchBaselineAssociation alone
// (common_os_selector_methods.py).
const byTags = "Searching for baselines with tags"

// method tells by what a run was started, as far as its traces say. Nothing on the
// instance names the method; each of them leaves signs:
//
//   - a patch policy gives a baseline override that lies in its own bucket;
//   - Quick Setup's host management uses the document
//     AWS-RunPatchBaselineAssociation, which is there for this;
//   - Patch now, and what people set up themselves, are associations of State
//     Manager, whose runs have a date for a name;
//   - a maintenance window fills the snapshot id in, from its own execution id (User
//     Guide, AWS-RunPatchBaseline, Snapshot ID), where Run Command leaves it empty
//     unless somebody chose one.
func (r *reader) method(run *probes.PatchRun, p parameters, o output) {
	set := func(m probes.PatchMethod, by string, sure bool) {
		run.Method, run.MethodBy, run.MethodSure = m, by, sure
	}
	switch {
	case run.Override != nil && run.Override.Policy:
		set(probes.MethodPolicy, "its baseline override lies in "+run.Override.Bucket, true)
	case p.byAssociation || o.has(byTags):
		set(probes.MethodHostManagement, "the document is AWS-RunPatchBaselineAssociation, which Quick Setup's host management uses", false)
	case run.Execution != "":
		set(probes.MethodAssociation, "it is a run of the association "+run.ID+" without a patch policy: Patch now, or one of your own", false)
	case !uuidForm.MatchString(run.ID):
		set(probes.MethodUnknown, "its directory is neither a command's nor an association's", false)
	case p.snapshotID != "":
		set(probes.MethodMaintenanceWindow, "it is a command with a snapshot id, which a maintenance window fills in", false)
	case run.Script == "":
		set(probes.MethodRunCommand, "it is a command; its script is gone", false)
	default:
		set(probes.MethodRunCommand, "it is a command without a snapshot id", true)
	}
}
