package probes

import "time"

// PatchRuns is what earlier patch operations left on disk. The zero value is a
// host that nobody has looked at. It can be recorded as JSON and holds no secrets.
type PatchRuns struct {
	// Known: the SSM Agent's run directories could be listed, even if they are
	// empty. Why says why not, and Denied that rights are missing.
	Known  bool   `json:"known"`
	Why    string `json:"why,omitempty"`
	Denied bool   `json:"denied,omitempty"`
	// Runs are the newest ones first: the last few, and in any case the last scan
	// and the last install that were found.
	Runs []PatchRun `json:"runs,omitempty"`
	// Truncated: there was more than the limits of the search allow.
	Truncated bool `json:"truncated,omitempty"`

	// Policy is the patch policy that the newest run with one used.
	Policy *PatchOverride `json:"policy,omitempty"`
	// State is Patch Manager's own record of the last operation.
	State PatchState `json:"state"`
	// Lock is Patch Manager's lock file; nil: there is none.
	Lock *PatchLock `json:"lock,omitempty"`
	// Reboots are Patch Manager's markers of a reboot that it asked for.
	Reboots []PatchReboot `json:"reboots,omitempty"`
	// Problems are what could not be read while other things could.
	Problems []PatchProblem `json:"problems,omitempty"`
}

// Last returns the newest run of an operation ("Scan", "Install"); "" is any.
func (p PatchRuns) Last(operation string) (PatchRun, bool) {
	for i := range p.Runs {
		if operation == "" || p.Runs[i].Operation == operation {
			return p.Runs[i], true
		}
	}
	return PatchRun{}, false
}

// PatchProblem is a file or directory that could not be read.
type PatchProblem struct {
	Path   string `json:"path"`
	Why    string `json:"why"`
	Denied bool   `json:"denied,omitempty"`
}

// The operations of a patch run.
const (
	PatchScan    = "Scan"
	PatchInstall = "Install"
)

// PatchMethod is by what a patch operation was started.
type PatchMethod string

// The methods: the four that AWS names, and what evidence leaves open.
const (
	MethodPolicy            PatchMethod = "quick_setup_patch_policy"
	MethodHostManagement    PatchMethod = "quick_setup_host_management"
	MethodMaintenanceWindow PatchMethod = "maintenance_window"
	MethodPatchNow          PatchMethod = "on_demand"   // Patch now
	MethodRunCommand        PatchMethod = "run_command" // by hand, or a window that left no sign
	MethodAssociation       PatchMethod = "association" // State Manager, of unknown making
	MethodUnknown           PatchMethod = "unknown"
)

// PatchEnd is how a patch operation ended.
type PatchEnd string

// The ends.
const (
	PatchSucceeded   PatchEnd = "success"
	PatchFailed      PatchEnd = "failed"
	PatchInterrupted PatchEnd = "interrupted" // no end in its output, and no process
	PatchRunning     PatchEnd = "running"
	PatchRebooting   PatchEnd = "rebooting" // it asked for a reboot and goes on after it
	PatchEndUnknown  PatchEnd = "unknown"
)

// PatchRun is one patch operation.
type PatchRun struct {
	// ID is the command's, or the association's with Execution its run.
	ID        string `json:"id"`
	Execution string `json:"execution,omitempty"`
	// Step is the directory of the step: PatchLinux, PatchWindows.
	Step      string `json:"step"`
	Operation string `json:"operation,omitempty"` // Scan, Install; "" unknown

	Method PatchMethod `json:"method"`
	// MethodBy is the evidence for it; MethodSure: nothing else looks like this.
	MethodBy   string `json:"method_by,omitempty"`
	MethodSure bool   `json:"method_sure,omitempty"`
	// Hooks: the document was one with hooks (AWS-RunPatchBaselineWithHooks).
	Hooks bool `json:"hooks,omitempty"`

	Started time.Time `json:"started,omitzero"`
	// Ended is the time of the last sign of life where it is over.
	Ended time.Time `json:"ended,omitzero"`
	End   PatchEnd  `json:"end"`
	EndBy string    `json:"end_by,omitempty"` // what tells the end
	// ExitCode is nil where it is not written down.
	ExitCode *int `json:"exit_code,omitempty"`

	// Signatures are the known failures in its output, the root cause first. The
	// first alone is what Failed is about; the others stand beside it.
	Signatures []PatchSignature `json:"signatures,omitempty"`
	// LastError is the last line that is an error, where no fatal signature is known.
	LastError string `json:"last_error,omitempty"`

	PayloadURL string         `json:"payload_url,omitempty"`
	SnapshotID string         `json:"snapshot_id,omitempty"`
	Override   *PatchOverride `json:"override,omitempty"`
	Python     string         `json:"python,omitempty"` // "3.9.16", as the run says
	// Missing, Installed and Failed are the run's own counts; nil: not said.
	Missing   *int `json:"missing,omitempty"`
	Installed *int `json:"installed,omitempty"`
	Failed    *int `json:"failed,omitempty"`

	// Script, Stdout and Stderr are the files; "" absent.
	Script string `json:"script,omitempty"`
	Stdout string `json:"stdout,omitempty"`
	Stderr string `json:"stderr,omitempty"`
	// Overlaps are the ids of other runs that ran at the same time.
	Overlaps []string `json:"overlaps,omitempty"`
	// Cut: only the end of an output was read, or the agent had cut it itself.
	Cut bool `json:"cut,omitempty"`
}

// Signature returns the root cause in its output.
func (r PatchRun) Signature() (PatchSignature, bool) {
	if len(r.Signatures) == 0 {
		return PatchSignature{}, false
	}
	return r.Signatures[0], true
}

// PatchSignature is a known failure that a run's output shows.
type PatchSignature struct {
	ID string `json:"id"` // "payload-download"; stable
	// Line is the newest such line with its captures, at most 600 bytes, masked.
	Line     string            `json:"line"`
	File     string            `json:"file"`
	Captures map[string]string `json:"captures,omitempty"`
	Count    int               `json:"count"`
	Cause    string            `json:"cause"`
	Remedy   string            `json:"remedy"`
	// Codes are the findings that would explain it if they hold now, most telling
	// first: one of them present, and this is its evidence; none of them and the
	// round looked at what they look at, and its cause is gone.
	Codes []string `json:"codes,omitempty"`
	// Fatal: the run cannot succeed with it. Else it is a warning that a run which
	// succeeded may show too.
	Fatal  bool   `json:"fatal"`
	Source string `json:"source,omitempty"`
}

// PatchOverride is the baseline override of a run. A patch policy's lies in a
// bucket of its own, made by Quick Setup.
type PatchOverride struct {
	URL string `json:"url"` // s3://BUCKET/KEY, or https
	// Bucket and Key are its parts; Region is the bucket's where the address says
	// it, else "": it may be another than the instance's.
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Region string `json:"region,omitempty"`
	// Policy: it is Quick Setup's (aws-quicksetup-patchpolicy-ACCOUNT-ID), made by
	// AccountID with configuration ConfigID.
	Policy    bool   `json:"policy"`
	AccountID string `json:"account_id,omitempty"`
	ConfigID  string `json:"config_id,omitempty"`
	Source    string `json:"source,omitempty"`
}

// PatchState is Patch Manager's own record of the last operation that got as far as
// its report (patch-configuration). Run Command's output of a run that failed before
// is newer than it.
type PatchState struct {
	// Known: a record was found and parsed; Invalid says why one could not be.
	Known   bool      `json:"known"`
	Invalid string    `json:"invalid,omitempty"`
	Path    string    `json:"path,omitempty"`
	At      time.Time `json:"at,omitzero"` // when the file was written
	// The fields are as the record has them; zero where it has none.
	Operation      string    `json:"operation,omitempty"`
	OperationStart time.Time `json:"operation_start,omitzero"`
	OperationEnd   time.Time `json:"operation_end,omitzero"`
	// ExecutionID is the command's or the association's execution.
	ExecutionID   string `json:"execution_id,omitempty"`
	SnapshotID    string `json:"snapshot_id,omitempty"`
	BaselineID    string `json:"baseline_id,omitempty"`
	PatchGroup    string `json:"patch_group,omitempty"`
	RebootOption  string `json:"reboot_option,omitempty"`
	Missing       *int   `json:"missing,omitempty"`
	Installed     *int   `json:"installed,omitempty"`
	Failed        *int   `json:"failed,omitempty"`
	PendingReboot *int   `json:"pending_reboot,omitempty"`
}

// PatchLock is the file that Patch Manager makes against two runs at once. That it
// exists does not say that a run holds it.
type PatchLock struct {
	Path      string    `json:"path"`
	CommandID string    `json:"command_id,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

// PatchReboot is a marker directory: .../patch-baseline-operations-reboot-194.
type PatchReboot struct {
	Path string    `json:"path"`
	Code int       `json:"code"` // 194, 195 (with failures), 196 (with dependency failures)
	At   time.Time `json:"at,omitzero"`
}
