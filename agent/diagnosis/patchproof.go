package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"agentctl/agent/words"
	"agentctl/probes"
)

// proof finds what in this round shows that the cause of a failed run is gone, in
// words; "" nothing does, or the round did not look.
type proof func(v *view, run probes.PatchRun, s probes.PatchSignature) string

// proofs by signature. Without one, a later run that goes well is the only proof: a
// round does not make a package manager work, nor a call that needs a signature.
func proofs() map[string]proof {
	return map[string]proof{
		"no-space": provenRoom, "payload-directory": provenRoom,
		"payload-race": provenAlone, "payload-extract": provenAlone, "payload-load": provenAlone,
		"concurrent-run": provenIdle,
		"script-noexec":  provenExec, "python-unsupported": provenPython, "yum-module": provenPython, "tool-missing": provenTool,
		"yum-locked": provenUnlocked, "zypper-locked": provenUnlocked, "dpkg-locked": provenUnlocked,
		"payload-curl": provenPayload, "payload-download": provenPayload, "payload-checksum": provenPayload, "windows-module-download": provenPayload,
		"rhui-unreachable": provenRepo, "mirrorlist-unreachable": provenRepo, "repo-status": provenRepo, "repo-curl": provenRepo,
		"no-more-mirrors": provenRepo, "zypper-refresh": provenRepo, "apt-fetch": provenRepo,
		"api-unreachable": provenReach, "api-tls": provenReach,
		"clock": provenClock, "no-credentials": provenRole, "imds-credentials": provenRole,
		"reboot-failed": provenReboot,
	}
}

// installs are the signatures of what a scan does not do: one that goes well says
// nothing of them.
var installs = []string{"no-space", "out-of-memory", "killed", "interrupted-by-reboot", "rpm-unpack", "dpkg-interrupted", "dpkg-locked",
	"yum-locked", "zypper-locked", "zypper-package-lock", "dependency", "apt-fetch", "reboot-failed", "concurrent-run", "windows-hresult"}

// proofOf is what shows that the cause of a failed run is gone; "" nothing does.
func (v *view) proofOf(run probes.PatchRun, s probes.PatchSignature) string {
	if p := proofs()[s.ID]; p != nil {
		if words := p(v, run, s); words != "" {
			return words
		}
	}
	if at, ok := v.scannedSince(run); ok && run.Operation == probes.PatchInstall && !slices.Contains(installs, s.ID) {
		return "a patch scan, which needs the same, went well " + words.Ago(at, v.r.Now)
	}
	return ""
}

// explainsRun is the index of the present finding that explains a failed run; -1: none.
// What the run could not reach decides where this round tried the same.
func (v *view) explainsRun(run probes.PatchRun, s probes.PatchSignature) int {
	at := func(code Code) int {
		return slices.IndexFunc(v.out, func(f Finding) bool { return f.Code == code && f.Severity != Info })
	}
	about := v.concerned(run, s)
	works := len(about) > 0
	for _, r := range about {
		if code, ok := v.claimed[r.Target.Name]; ok && r.State == probes.Down {
			if i := at(code); i >= 0 {
				return i
			}
		}
		works = works && r.State == probes.Up
	}
	for _, code := range s.Codes {
		// A finding about other targets does not explain what works from here.
		if i := at(Code(code)); i >= 0 && (!works || len(v.out[i].Targets) == 0) {
			return i
		}
	}
	return -1
}

// concerned are the results of this round for what a failed run wanted to reach.
func (v *view) concerned(run probes.PatchRun, s probes.PatchSignature) []*probes.Result {
	host := hostIn(s.Captures["url"])
	if host == "" && payloadSign(s.ID) {
		host = hostIn(run.PayloadURL)
	}
	id, _, _ := strings.Cut(s.Captures["repo"], "/") // yum adds release and architecture
	var out []*probes.Result
	for i := range v.r.Repos {
		r := &v.r.Repos[i]
		addresses := append([]string{r.Repo.MirrorList, r.Repo.MetaLink, r.URL}, r.Repo.Base...)
		if id != "" && r.Repo.ID == id || host != "" && slices.ContainsFunc(addresses, func(a string) bool { return hostIn(a) == host }) {
			out = append(out, &r.Result)
		}
	}
	for i := range v.r.Results {
		if r := &v.r.Results[i]; host != "" && !r.Target.Skip && hostIn(r.Target.URL) == host {
			out = append(out, r)
		}
	}
	return out
}

func payloadSign(id string) bool {
	return strings.HasPrefix(id, "payload-") || id == "windows-module-download"
}

// hostIn is the host of an address, without user and port; "" none.
func hostIn(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "/")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	rest, _, _ = strings.Cut(rest, ":")
	return strings.ToLower(rest)
}

// enough is the room that most sets of updates need, in bytes; the limit of a warning
// alone does not prove that there is room for what did not fit.
const enough = 2 * diskLow

var fullPlace = regexp.MustCompile(`needed on the (/\S*) filesystem|No space left on device:? '(/[^']+)'`)

// provenRoom: all file systems that were looked at have room, and the line names none
// that was not.
func provenRoom(v *view, _ probes.PatchRun, s probes.PatchSignature) string {
	h := v.r.HostState
	if !h.DisksKnown || len(h.Disks) == 0 {
		return ""
	}
	if m := fullPlace.FindStringSubmatch(s.Line); m != nil && !looked(h.Disks, m[1]+m[2]) {
		return ""
	}
	least := uint64(1 << 62)
	for _, d := range h.Disks {
		switch {
		case d.Mount == "/boot/efi":
			continue
		case !d.Known || d.ReadOnly || d.Inodes > 0 && d.FreeInodes < inodesFew:
			return ""
		case d.For(probes.DiskBoot) && !d.For(probes.DiskSpace):
			if room(d) < bootLow {
				return ""
			}
			continue
		case room(d) < enough:
			return ""
		}
		least = min(least, room(d))
	}
	return "each file system that a run writes to has at least " + words.Bytes(least) + " left"
}

// looked tells whether a path that was full lies on a file system that was looked at.
func looked(disks []probes.Disk, p string) bool {
	return slices.ContainsFunc(disks, func(d probes.Disk) bool {
		return d.Mount == p || slices.ContainsFunc(d.Paths, func(l string) bool { return l != "/" && (p == l || strings.HasPrefix(p, l+"/")) })
	})
}

// provenIdle: two operations met, and none is under way now.
func provenIdle(v *view, _ probes.PatchRun, _ probes.PatchSignature) string {
	l := v.r.HostState.Locks
	if _, ok := v.runUnderWay(); ok || !l.Known || slices.ContainsFunc(l.Held, func(h probes.HostLock) bool { return h.Patching }) {
		return ""
	}
	return "no patch operation is under way"
}

// provenAlone: two operations met, or the disk was full.
func provenAlone(v *view, run probes.PatchRun, s probes.PatchSignature) string {
	idle, space := provenIdle(v, run, s), provenRoom(v, run, s)
	if idle == "" || space == "" {
		return ""
	}
	return idle + ", and " + space
}

func provenExec(v *view, _ probes.PatchRun, _ probes.PatchSignature) string {
	for _, d := range v.r.HostState.Disks {
		if d.For(probes.DiskExec) && !d.NoExec {
			return "/var/lib/amazon lies on " + d.Mount + ", which is not mounted noexec"
		}
	}
	return ""
}

func provenPython(v *view, _ probes.PatchRun, _ probes.PatchSignature) string {
	p := v.r.HostState.Python
	if p.Best < 0 || p.Best >= len(p.Candidates) || p.Candidates[p.Best].Support != probes.PythonSupported {
		return ""
	}
	c := p.Candidates[p.Best]
	return c.Path + " is " + strings.TrimSpace("Python "+c.Version) + ", which will do"
}

func provenTool(v *view, _ probes.PatchRun, s probes.PatchSignature) string {
	if at, ok := v.hasTool(toolOf(s)); ok {
		return at + " is there"
	}
	return ""
}

func provenUnlocked(v *view, _ probes.PatchRun, _ probes.PatchSignature) string {
	if l := v.r.HostState.Locks; !l.Known || len(l.Held) > 0 {
		return ""
	}
	return "nobody holds the package manager's lock"
}

func provenClock(v *view, _ probes.PatchRun, _ probes.PatchSignature) string {
	if !v.clock.known || v.clock.offset.Abs() > 30*time.Second {
		return ""
	}
	return "the clock is right"
}

func provenRole(v *view, _ probes.PatchRun, _ probes.PatchSignature) string {
	m := v.r.Metadata
	if m.Role != probes.RoleOK || m.RoleExpires.Before(v.now()) {
		return ""
	}
	return "the instance metadata service gives credentials of the role " + m.RoleName
}

func provenReboot(v *view, _ probes.PatchRun, _ probes.PatchSignature) string {
	if b := v.r.HostState.Reboot; !b.Known || b.Pending {
		return ""
	}
	return "no reboot is pending"
}

// provenReach: the same host answers now.
func provenReach(v *view, run probes.PatchRun, s probes.PatchSignature) string {
	return allUp(v.concerned(run, s))
}

// allUp says that all results are up; "" none, or not all.
func allUp(rs []*probes.Result) string {
	if len(rs) == 0 || slices.ContainsFunc(rs, func(r *probes.Result) bool { return r.State != probes.Up }) {
		return ""
	}
	return list(names(rs)) + " " + map[bool]string{true: "answers", false: "answer"}[len(rs) == 1]
}

// connection are curl's exit codes for what any answer of the same host disproves: no
// name, no connection, no TLS. The others need the object itself.
var connection = []string{"5", "6", "7", "28", "35", "51", "60", "77"}

// provenPayload: the payload, or for a connection its host, can be had now.
func provenPayload(v *view, run probes.PatchRun, s probes.PatchSignature) string {
	code := s.Captures["code"]
	if s.ID == "payload-curl" && code == "23" {
		if t, ok := v.r.HostState.Tool("curl"); !ok || t.Snap {
			return ""
		}
		return provenRoom(v, run, s)
	}
	about := v.concerned(run, s)
	works := allUp(about)
	if works == "" || s.ID == "payload-curl" && slices.Contains(connection, code) {
		return works
	}
	for _, r := range about {
		if r.Target.Name == "patch-payload" && r.Target.Answer == probes.AnswerS3Object && (r.TLS == nil || r.TLS.Genuine) {
			return "the payload can be downloaded"
		}
	}
	return ""
}

// provenRepo: the repository that the run names answers with its metadata; where it
// names none that is known here, all of them do.
func provenRepo(v *view, run probes.PatchRun, s probes.PatchSignature) string {
	var own, all []*probes.Result
	about := v.concerned(run, s)
	for i := range v.r.Repos {
		r := &v.r.Repos[i].Result
		all = append(all, r)
		if slices.Contains(about, r) {
			own = append(own, r)
		}
	}
	if len(own) > 0 {
		return allUp(own)
	}
	if allUp(all) == "" {
		return ""
	}
	if len(all) == 1 {
		return "the only enabled repository answers with its metadata"
	}
	return fmt.Sprintf("all %d enabled repositories answer with their metadata", len(all))
}
