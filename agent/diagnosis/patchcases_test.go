package diagnosis

import (
	"slices"
	"time"

	"agentctl/probes"
	"agentctl/probes/patchruns"
)

const (
	runID   = "11111111-2222-4333-8444-555555555555"
	payload = "https://s3.dualstack.us-east-1.amazonaws.com/aws-ssm-us-east-1/patchbaselineoperations/linux/payloads/p.tar.gz"
)

// leftRuns gives the host runs, the newest first.
func leftRuns(r *probes.Round, runs ...probes.PatchRun) {
	r.PatchRuns.Known, r.PatchRuns.Runs = true, runs
}

// aRun is a run of some minutes that ended some time ago.
func aRun(operation string, end probes.PatchEnd, ago time.Duration) probes.PatchRun {
	run := probes.PatchRun{ID: runID, Step: "PatchLinux", Operation: operation, Method: probes.MethodMaintenanceWindow, MethodBy: "it is a command with a snapshot id",
		Started: noon.Add(-ago - 5*time.Minute), Ended: noon.Add(-ago), End: end, EndBy: "its output", PayloadURL: payload, Stdout: "/var/lib/amazon/ssm/i-0abc/stdout", Stderr: "/var/lib/amazon/ssm/i-0abc/stderr"}
	if end == probes.PatchRunning || end == probes.PatchRebooting || end == probes.PatchEndUnknown {
		run.Ended = time.Time{}
	}
	return run
}

func failedRun(operation string, ago time.Duration, signs ...probes.PatchSignature) probes.PatchRun {
	run := aRun(operation, probes.PatchFailed, ago)
	run.ExitCode, run.EndBy, run.Signatures = new(int), "the SSM Agent: exit status 156", signs
	*run.ExitCode = 156
	if len(signs) == 0 {
		run.LastError = "11/24/2026 10:00:00 root [ERROR]: something of its own"
	}
	return run
}

// sign is a signature of the table; codes replace its own.
func sign(id string, captures map[string]string, codes ...string) probes.PatchSignature {
	for _, s := range patchruns.Signatures() {
		if s.ID != id {
			continue
		}
		out := probes.PatchSignature{ID: id, Line: "a line with " + id, File: "/var/lib/amazon/ssm/i-0abc/stdout", Count: 1, Captures: captures,
			Cause: s.Cause, Remedy: s.Remedy, Codes: s.Codes, Fatal: s.Fatal}
		for _, w := range s.When {
			if slices.Contains(w.Values, captures[w.Group]) {
				out.Codes, out.Cause = w.Codes, w.Cause
			}
		}
		if len(codes) > 0 {
			out.Codes = codes
		}
		return out
	}
	return probes.PatchSignature{ID: id, Line: "no line", Count: 1, Fatal: true, Cause: "the machine was rebooted", Remedy: "run a scan"}
}

// runs are a healthy host with the given runs.
func runs(list ...probes.PatchRun) func(*probes.Round) {
	return func(r *probes.Round) {
		healthyHost(r)
		leftRuns(r, list...)
	}
}

// and does one thing after the other.
func and(changes ...func(*probes.Round)) func(*probes.Round) {
	return func(r *probes.Round) {
		for _, c := range changes {
			c(r)
		}
	}
}

// record is Patch Manager's own of a later operation.
func record(operation, id string, ago time.Duration) func(*probes.Round) {
	return func(r *probes.Round) {
		r.PatchRuns.State = probes.PatchState{Known: true, Operation: operation, ExecutionID: id, At: noon.Add(-ago)}
	}
}

// noS3 is S3 without an answer.
func noS3(r *probes.Round) {
	each3(r, func(x *probes.Result) { connect(x, probes.Timeout) })
	internetIs(r, probes.Timeout)
}

// enabledRepo is a repository that was asked.
func enabledRepo(id, host string, state probes.State) func(*probes.Round) {
	return func(r *probes.Round) {
		x := up("repo:"+id, probes.GroupRepos, "https://"+host+"/repodata/repomd.xml", probes.AnswerRepo, false, addrS3)
		x.State = state
		r.RepoConfig.Known, r.RepoConfig.Manager = true, "dnf"
		one := probes.Repo{ID: id, Manager: "dnf", Enabled: true, Base: []string{"https://" + host + "/"}}
		r.RepoConfig.Repos = append(r.RepoConfig.Repos, one)
		r.Repos = append(r.Repos, probes.RepoResult{Repo: one, Result: x, Reason: probes.OK})
	}
}

func payloadIs(answer probes.Answer) func(*probes.Round) {
	return func(r *probes.Round) {
		r.Results = append(r.Results, up("patch-payload", probes.GroupS3, payload, answer, true, addrS3))
	}
}

const (
	failedNow  = "patch-last-run-failed"
	failedPast = "i:patch-last-run-failed"
	scan       = probes.PatchScan
	install    = probes.PatchInstall
	hour       = time.Hour
)

var curl28 = map[string]string{"tool": "curl", "code": "28"}

var runCases = []roundCase{
	{"no runs", runs(), ""},
	{"a scan that went well", runs(aRun(scan, probes.PatchSucceeded, hour)), ""},
	{"a scan that went well, with warnings", runs(func() probes.PatchRun {
		run := aRun(scan, probes.PatchSucceeded, hour)
		s := sign("repo-status", map[string]string{"status": "404"})
		run.Signatures = []probes.PatchSignature{s, sign("sni-warning", nil)}
		return run
	}()), ""},
	{"a run under way", runs(aRun(install, probes.PatchRunning, 0)), ""},
	{"a run that waits for its reboot", runs(aRun(install, probes.PatchRebooting, hour)), ""},
	{"a run whose end is not known", runs(aRun(install, probes.PatchEndUnknown, hour)), ""},
	{"the group was not asked for", and(runs(failedRun(scan, hour)), func(r *probes.Round) {
		r.Groups = slices.DeleteFunc(r.Groups, func(g probes.Group) bool { return g == probes.GroupHost })
	}), ""},

	// What counts
	{"failed, and nothing is known of it", runs(failedRun(scan, hour)), failedNow},
	{"failed with a warning of an old Python alone", runs(failedRun(scan, hour, sign("sni-warning", nil))), failedNow},
	{"failed, and the next one went well", runs(aRun(install, probes.PatchSucceeded, hour), failedRun(install, 3*hour)), ""},
	{"the scan failed, and an installation went well since", runs(aRun(install, probes.PatchSucceeded, hour), failedRun(scan, 3*hour)), ""},
	{"the installation failed, and scans go well since", runs(aRun(scan, probes.PatchSucceeded, hour), failedRun(install, 3*hour, sign("dpkg-interrupted", nil))), failedNow},
	{"the installation failed for want of S3, and scans go well since", runs(aRun(scan, probes.PatchSucceeded, hour), failedRun(install, 3*hour, sign("api-denied", nil))), failedPast},
	{"failed, and the next one is under way", runs(aRun(install, probes.PatchRunning, 0), failedRun(install, 3*hour, sign("dpkg-interrupted", nil))), failedNow},
	{"failed, and the next one waits for its reboot", runs(aRun(install, probes.PatchRebooting, hour), failedRun(install, 3*hour)), ""},
	{"failed, and nobody knows how the next one ended", runs(aRun(install, probes.PatchEndUnknown, hour), failedRun(install, 3*hour)), ""},
	{"an old failure behind a newer one", runs(aRun(scan, probes.PatchSucceeded, hour), aRun(install, probes.PatchSucceeded, 2*hour), failedRun(install, 90*hour)), ""},
	{"an operation of unknown kind failed, and all is well since", runs(aRun(scan, probes.PatchSucceeded, hour), failedRun("", 3*hour)), ""},
	{"failed six weeks ago", runs(failedRun(install, 42*24*hour)), failedPast},
	{"failed five weeks ago, but a day", runs(failedRun(install, 34*24*hour)), failedNow},
	{"failed, and the record is of a later installation", and(runs(failedRun(install, 30*hour)), record(install, "another", hour)), ""},
	{"the installation failed, and the record is of a later scan", and(runs(failedRun(install, 30*hour, sign("killed", nil))), record(scan, "another", hour)), failedNow},
	{"failed, and the record is its own", and(runs(failedRun(install, hour)), record(install, runID, 30*time.Minute)), failedNow},

	// Interrupted
	{"broken off by a reboot", runs(func() probes.PatchRun {
		run := aRun(install, probes.PatchInterrupted, hour)
		run.Signatures = []probes.PatchSignature{sign("interrupted-by-reboot", nil)}
		return run
	}()), failedNow},
	{"broken off, nobody knows why", runs(aRun(install, probes.PatchInterrupted, hour)), failedNow},
	{"without an end, but it got to its report", and(runs(aRun(install, probes.PatchInterrupted, hour)), record(install, runID, hour)), ""},
	{"without an end, but a report was written meanwhile", and(runs(aRun(install, probes.PatchInterrupted, hour)), record(install, "", 62*time.Minute)), ""},

	// A present finding explains it
	{"disk full, then and now", and(free(50*mb), func(r *probes.Round) { leftRuns(r, failedRun(install, hour, sign("no-space", nil))) }), "host-disk-low"},
	{"noexec, then and now", and(on(func(s *probes.HostState) { s.Disks[0].NoExec = true }), func(r *probes.Round) { leftRuns(r, failedRun(scan, hour, sign("script-noexec", nil))) }), "host-noexec"},
	{"S3 unreachable, then and now", and(runs(failedRun(scan, hour, sign("payload-curl", curl28), sign("payload-download", nil))), noS3), "s3-unreachable"},
	{"scan and installation, S3 unreachable", and(runs(failedRun(scan, hour, sign("payload-curl", curl28)), failedRun(install, 9*hour, sign("payload-curl", curl28))), noS3), "s3-unreachable"},
	{"lock held, then and now", and(locked(lock(dnfLock, "dnf", hour)), func(r *probes.Round) { leftRuns(r, failedRun(install, 30*time.Minute, sign("dpkg-locked", nil))) }), "host-package-lock"},
	{"a wrong clock, then and now", and(runs(failedRun(scan, hour, sign("clock", nil))), func(r *probes.Round) { shift(r, 10*time.Minute) }), "clock-skew"},
	{"no role, then and now", and(runs(failedRun(scan, hour, sign("no-credentials", nil))), func(r *probes.Round) { r.Metadata.Role = probes.RoleNone }), "iam-no-instance-profile"},
	{"the service that it could not reach works, and another is blocked", and(runs(failedRun(scan, hour, sign("api-unreachable", map[string]string{"url": "https://ssm.us-east-1.amazonaws.com/"}))),
		func(r *probes.Round) { connect(of(r, "ssmmessages"), probes.Timeout); internetIs(r, probes.Timeout) }), "endpoint-blocked"},
	{"what it could not reach is what is blocked", and(runs(failedRun(scan, hour, sign("api-unreachable", map[string]string{"url": "https://ssm.us-east-1.amazonaws.com/"}))),
		func(r *probes.Round) { connect(of(r, "ssm"), probes.Timeout); internetIs(r, probes.Timeout) }), "endpoint-blocked"},
	{"killed, S3 unreachable now: two faults", and(runs(failedRun(scan, hour, sign("killed", nil))), noS3), "patch-last-run-failed s3-unreachable"},
	{"unknown, S3 unreachable now: two faults", and(runs(failedRun(scan, hour)), noS3), "patch-last-run-failed s3-unreachable"},
	{"one is explained, the other not", and(free(50*mb), func(r *probes.Round) {
		leftRuns(r, failedRun(install, hour, sign("no-space", nil)), failedRun(scan, 9*hour, sign("apt-no-pubkey", nil)))
	}), "host-disk-low patch-last-run-failed"},
	{"what it could not reach refuses now", and(runs(failedRun(scan, hour, sign("api-unreachable", map[string]string{"url": "https://ssm.us-east-1.amazonaws.com/"}))),
		func(r *probes.Round) { connect(of(r, "ssm"), probes.Refused) }), "tcp-refused"},
	{"what is accepted does not explain, and the payload's host is not known", and(runs(failedRun(scan, hour, sign("payload-checksum", nil))), func(r *probes.Round) {
		r.PatchRuns.Runs[0].PayloadURL = ""
		each(r, func(x *probes.Result) { x.TLS.Genuine = false })
	}), failedNow},
	{"what is accepted does not explain", and(runs(failedRun(scan, hour, sign("payload-checksum", nil))), func(r *probes.Round) {
		each(r, func(x *probes.Result) { x.TLS.Genuine = false })
	}), failedNow},

	// The cause is gone
	{"disk was full", runs(failedRun(install, hour, sign("no-space", nil))), failedPast},
	{"disk was full, there is not much room now", and(free(1500*mb), func(r *probes.Round) { leftRuns(r, failedRun(install, hour, sign("no-space", nil))) }), failedNow},
	{"a disk was full that nobody looked at", runs(failedRun(install, hour, line(sign("no-space", nil), "At least 60MB more space needed on the /opt filesystem."))), failedNow},
	{"/boot was full, and is not", runs(failedRun(install, hour, line(sign("no-space", nil), "[Errno 28] No space left on device: '/var/cache/dnf/x'"))), failedPast},
	{"noexec is gone", runs(failedRun(scan, hour, sign("script-noexec", nil))), failedPast},
	{"Python was installed", runs(failedRun(scan, hour, sign("python-unsupported", nil))), failedPast},
	{"the tool was installed", runs(failedRun(scan, hour, sign("tool-missing", map[string]string{"tool": "unxz"}))), failedPast},
	{"the tool may be there", and(runs(failedRun(scan, hour, sign("tool-missing", map[string]string{"tool": "zstd"}))), func(r *probes.Round) { r.HostState.Tools[1].Present = nil }), failedNow},
	{"the lock is free", runs(failedRun(scan, hour, sign("dpkg-locked", nil))), failedPast},
	{"somebody has the lock again", and(locked(lock(dnfLock, "dnf", time.Minute)), func(r *probes.Round) { leftRuns(r, failedRun(install, hour, sign("dpkg-locked", nil))) }), failedNow},
	{"locks cannot be seen", and(runs(failedRun(scan, hour, sign("dpkg-locked", nil))), func(r *probes.Round) { r.HostState.Locks.Known = false }), failedNow},
	{"two operations met", runs(failedRun(scan, hour, sign("concurrent-run", nil))), failedPast},
	{"two operations met, and one runs still", and(locked(lock(patchLock, "python3", time.Minute)), func(r *probes.Round) { leftRuns(r, failedRun(scan, hour, sign("concurrent-run", nil))) }), failedNow},
	{"two operations met at the payload", runs(failedRun(scan, hour, sign("payload-race", nil))), failedPast},
	{"S3 answers now", runs(failedRun(scan, hour, sign("payload-curl", curl28))), failedPast},
	{"S3 refused the payload, and answers", runs(failedRun(scan, hour, sign("payload-curl", map[string]string{"tool": "curl", "code": "22"}))), failedNow},
	{"S3 refused the payload, and gives it now", and(runs(failedRun(scan, hour, sign("payload-curl", map[string]string{"tool": "curl", "code": "22"}))), payloadIs(probes.AnswerS3Object)), failedPast},
	{"S3 refused the payload, and says something now", and(runs(failedRun(scan, hour, sign("payload-curl", map[string]string{"tool": "curl", "code": "22"}))), payloadIs(probes.AnswerS3)), failedNow},
	{"S3 was not asked", and(runs(failedRun(scan, hour, sign("payload-curl", curl28))), func(r *probes.Round) {
		r.Results = slices.DeleteFunc(r.Results, func(x probes.Result) bool { return x.Target.Group == probes.GroupS3 })
	}), failedNow},
	{"S3 could not be probed", and(runs(failedRun(scan, hour, sign("payload-curl", curl28))), func(r *probes.Round) { of(r, "s3-dualstack").State = probes.Unknown }), failedNow},
	{"curl could not write, and there is room", runs(failedRun(scan, hour, sign("payload-curl", map[string]string{"tool": "curl", "code": "23"}))), failedPast},
	{"the service answers now", runs(failedRun(scan, hour, sign("api-unreachable", map[string]string{"url": "https://ssm.us-east-1.amazonaws.com/"}))), failedPast},
	{"another service was not reached", runs(failedRun(scan, hour, sign("api-unreachable", map[string]string{"url": "https://sts.amazonaws.com/"}))), failedNow},
	{"the clock is right now", runs(failedRun(scan, hour, sign("clock", nil))), failedPast},
	{"there is a role now", runs(failedRun(scan, hour, sign("no-credentials", nil))), failedPast},
	{"the metadata was not asked", and(runs(failedRun(scan, hour, sign("no-credentials", nil))), func(r *probes.Round) { r.Metadata = probes.Metadata{} }), failedNow},
	{"it did not reboot, and has since", runs(failedRun(install, hour, sign("reboot-failed", nil))), failedPast},
	{"AWS denied a call, which this round does not try", runs(failedRun(scan, hour, sign("api-denied", nil))), failedNow},
	{"memory was short, which may come again", runs(failedRun(scan, hour, sign("out-of-memory", nil))), failedNow},

	// Repositories
	{"the repository answers now", and(runs(failedRun(scan, hour, sign("no-more-mirrors", map[string]string{"repo": "epel/x86_64"}))), enabledRepo("epel", "mirror.example", probes.Up), enabledRepo("third", "third.example", probes.Unknown)), failedPast},
	{"it does, another does not", and(runs(failedRun(scan, hour, sign("repo-curl", map[string]string{"url": "https://third.example/x", "code": "28"}))), enabledRepo("epel", "mirror.example", probes.Up), enabledRepo("third", "third.example", probes.Unknown)), failedNow},
	{"the repository is not enabled any more", and(runs(failedRun(scan, hour, sign("no-more-mirrors", map[string]string{"repo": "gone"}))), enabledRepo("epel", "mirror.example", probes.Up)), failedPast},
	{"repositories were not asked", and(runs(failedRun(scan, hour, sign("no-more-mirrors", nil))), func(r *probes.Round) {
		r.Groups = slices.DeleteFunc(r.Groups, func(g probes.Group) bool { return g == probes.GroupRepos })
		r.RepoConfig, r.Repos = probes.RepoConfig{}, nil
	}), failedNow},

	// Several signs
	{"waited for yum, then a dependency", runs(failedRun(install, hour, sign("yum-locked", nil), sign("dependency", nil))), failedNow},
	{"Windows", and(windows(20*gb), func(r *probes.Round) {
		leftRuns(r, failedRun(scan, hour, sign("windows-hresult", map[string]string{"code": "0x80072ee2"})))
	}), failedNow},
	{"Windows, the disk was full", and(windows(20*mb), func(r *probes.Round) {
		leftRuns(r, failedRun(install, hour, sign("windows-hresult", map[string]string{"code": "0x80070070"})))
	}), "host-disk-low"},
}

func line(s probes.PatchSignature, text string) probes.PatchSignature {
	s.Line = text
	return s
}
