package ssmagent

import (
	"slices"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
)

// foreignDirs hold agents that are not this host's: those which ECS puts into
// containers for ECS Exec, and which the host's process table shows too.
var foreignDirs = [...]string{"/managed-agents/", "/ecs-execute-command-"}

// onceFlags make the program do one thing and end (core/agent_parser.go); the
// service runs it without any.
var onceFlags = [...]string{"version", "register", "clear", "fingerprint", "help", "h", "y", "code", "id", "region", "tools"}

// findProcesses fills in what the process table tells and returns the core process.
func findProcesses(s *probes.AgentState, host platform.Host, facts platform.Facts, l layout) *platform.Process {
	if len(facts.Processes) == 0 {
		return nil
	}
	var core *platform.Process
	worker, first := false, false
	for i := range facts.Processes {
		p := &facts.Processes[i]
		first = first || p.PID == 1
		switch {
		case isProgram(p, coreName) && !once(p) && !elsewhere(p, host):
			if core == nil || rank(p, l) > rank(core, l) {
				core = p
			}
		case isProgram(p, workerName) && !elsewhere(p, host):
			worker = true
		}
	}
	if core != nil {
		s.PID, s.NetShared, s.Started = core.PID, core.NetShared, core.Start
	} else if !first && !l.windows && !facts.Privileged {
		// /proc is mounted with hidepid: other users' processes are not shown.
		return nil
	}
	running := core != nil
	s.Running, s.Worker = &running, &worker
	return core
}

// isProgram tells whether a process runs the program of that name. The executable
// decides where it may be read, then the first argument, and the kernel's short
// name alone only where neither can be: a script of the name has an interpreter as
// its executable.
func isProgram(p *platform.Process, name string) bool {
	if p.State == "Z" || p.State == "X" { // ended, only its parent has not noticed
		return false
	}
	path := p.Exe
	if path == "" && len(p.Args) > 0 {
		path = p.Args[0]
	}
	for _, dir := range foreignDirs {
		if strings.HasPrefix(path, dir) {
			return false
		}
	}
	if path != "" {
		return strings.EqualFold(strings.TrimSuffix(strings.ToLower(baseName(path)), ".exe"), name)
	}
	comm := strings.TrimSuffix(strings.ToLower(p.Comm), ".exe")
	return comm == name || comm == name[:min(len(name), maxComm)]
}

// elsewhere tells whether a process is a container's: it has another network, and
// its program is no file of this host.
func elsewhere(p *platform.Process, host platform.Host) bool {
	if p.NetShared == nil || *p.NetShared || p.Exe == "" {
		return false
	}
	_, err := host.Stat(p.Exe)
	return absent(err)
}

// once tells whether the program was started to do one thing.
func once(p *platform.Process) bool {
	if len(p.Args) < 2 {
		return false
	}
	flag, _, _ := strings.Cut(strings.TrimLeft(p.Args[1], "-"), "=")
	return strings.HasPrefix(p.Args[1], "-") && slices.Contains(onceFlags[:], flag)
}

// rank orders several core processes: this host's service is in our network
// namespace, started by process 1, from where a package puts it.
func rank(p *platform.Process, l layout) int {
	r := 0
	if p.NetShared == nil || *p.NetShared {
		r += 4
	}
	for _, b := range l.binaries {
		if p.Exe == b.path || strings.HasPrefix(p.Exe, "/snap/amazon-ssm-agent/") {
			r += 2
			break
		}
	}
	if p.PPID == 1 {
		r++
	}
	return r
}
