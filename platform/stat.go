package platform

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// errStat says that a process's stat file is not as proc_pid_stat(5) has it.
var errStat = errors.New("malformed process stat")

// procStat is what is read of /proc/PID/stat.
type procStat struct {
	pid, ppid int
	comm      string
	state     byte
	start     uint64 // clock ticks after boot
}

// parseStat reads proc_pid_stat(5). The name in parentheses can hold anything,
// blanks and parentheses included, so it ends at the last one.
func parseStat(data []byte) (procStat, error) {
	var s procStat
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 1 || end < open {
		return s, errStat
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data[:open])))
	if err != nil || pid < 1 {
		return s, errStat
	}
	// After the name: state ppid pgrp session tty tpgid flags minflt cminflt
	// majflt cmajflt utime stime cutime cstime priority nice threads itreal start.
	const ppid, start = 1, 19
	f := strings.Fields(string(data[end+1:]))
	if len(f) <= start || len(f[0]) != 1 || f[0][0] <= ' ' || f[0][0] > '~' {
		return s, errStat
	}
	s.pid, s.state, s.comm = pid, f[0][0], printable(string(data[open+1:end]))
	if s.ppid, err = strconv.Atoi(f[ppid]); err != nil || s.ppid < 0 {
		return s, errStat
	}
	if s.start, err = strconv.ParseUint(f[start], 10, 64); err != nil {
		return s, errStat
	}
	return s, nil
}

// parseBootTime is the btime line of /proc/stat, in seconds since the epoch.
func parseBootTime(data []byte) (int64, bool) {
	for line := range bytes.Lines(data) {
		if rest, ok := strings.CutPrefix(string(line), "btime "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n, err == nil && n > 0
		}
	}
	return 0, false
}

// splitNUL splits what the kernel ends with NUL bytes: arguments, environment.
func splitNUL(data []byte) []string {
	var out []string
	for _, part := range bytes.Split(bytes.TrimRight(data, "\x00"), []byte{0}) {
		out = append(out, string(part))
	}
	if len(out) == 1 && out[0] == "" {
		return nil
	}
	return out
}
