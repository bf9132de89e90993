package patchruns

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxTail = 256 << 10 // of an output
	maxHead = 16 << 10  // of a longer one: its first lines name the operation
)

// output is what the outputs of a run say.
type output struct {
	sources []source
	stdout  []byte // head, where it was cut, and tail
	stderr  []byte
	cut     bool

	first, last time.Time // stamps of its lines
}

// readOutput reads the outputs of a step.
func (r *reader) readOutput(c *candidate) output {
	var o output
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{c.stdout, &o.stdout}, {c.stderr, &o.stderr}} {
		if f.name == "" {
			continue
		}
		data, cut, err := r.ends(f.name)
		if err != nil {
			r.w.problem(f.name, err)
			continue
		}
		*f.to = data
		o.cut = o.cut || cut
		o.sources = append(o.sources, source{f.name, data})
	}
	o.cut = o.cut || agentCut(o.stdout) || agentCut(o.stderr)
	o.first, o.last = r.stamps(o.stdout)
	return o
}

// ends is a file, or its first and last parts with an end of line between.
func (r *reader) ends(name string) (data []byte, cut bool, err error) {
	tail, err := r.host.ReadTail(name, maxTail)
	if err != nil || len(tail) < maxTail {
		return tail, false, err
	}
	head, err := r.host.ReadFile(name, maxHead)
	if err != nil && len(head) < maxHead {
		return tail, true, nil // the tail was read
	}
	if len(head) < maxHead || bytes.HasPrefix(tail, head) {
		return tail, false, nil
	}
	return append(append(head, '\n'), tail...), true, nil
}

// agentCut tells whether the SSM Agent itself cut an output (iohandler.go,
// OutputTruncatedSuffix and truncateOut).
func agentCut(data []byte) bool {
	end := data[max(0, len(data)-64):]
	for _, s := range []string{"--output truncated--", "---Output truncated---", "---Error truncated----"} {
		if bytes.Contains(end, []byte(s)) {
			return true
		}
	}
	return false
}

// stamp begins a line of the payload: "10/17/2022 16:17:45 root [INFO]: ...", in the
// host's time zone; and of the PowerShell module: "11/22/2020 09:17:30 UTC | Info |".
var stamp = regexp.MustCompile(`(?m)^(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d) (?:(UTC) \||root \[)`)

func (r *reader) stamps(data []byte) (first, last time.Time) {
	if m := stamp.FindSubmatch(data); m != nil {
		first = r.stampTime(m)
	}
	// The last one stands near the end: look backwards in growing parts.
	for size := 4 << 10; ; size *= 4 {
		part := data[max(0, len(data)-size):]
		if all := stamp.FindAllSubmatch(part, -1); all != nil {
			return first, r.stampTime(all[len(all)-1])
		}
		if size >= len(data) {
			return first, last
		}
	}
}

func (r *reader) stampTime(m [][]byte) time.Time {
	zone := r.zone
	if len(m[2]) > 0 {
		zone = time.UTC
	}
	t, err := time.ParseInLocation("01/02/2006 15:04:05", string(m[1]), zone)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// after is the text between a mark and the end of its line, of the last such line;
// "" where there is none.
func after(data []byte, mark string) string {
	i := lastIndex(data, mark)
	if i < 0 {
		return ""
	}
	rest := data[i+len(mark):]
	rest = rest[:min(len(rest), 1024)]
	if n := bytes.IndexAny(rest, "\r\n"); n >= 0 {
		rest = rest[:n]
	}
	return strings.TrimSpace(string(rest))
}

// lastIndex is bytes.LastIndex, by way of bytes.Index, which is many times faster
// where there are few occurrences.
func lastIndex(data []byte, mark string) int {
	last := -1
	for at, n := 0, 0; n < maxHits; n++ {
		i := bytes.Index(data[at:], []byte(mark))
		if i < 0 {
			return last
		}
		last, at = at+i, at+i+len(mark)
	}
	return bytes.LastIndex(data, []byte(mark))
}

// field is the value of a line "NAME : value" as PowerShell prints it; "" none.
func field(data []byte, name string) string {
	for rest := data; ; {
		i := lastIndex(rest, name)
		if i < 0 {
			return ""
		}
		v := after(rest[i:], name)
		if v, ok := strings.CutPrefix(strings.TrimLeft(v, " \t"), ":"); ok && (i == 0 || rest[i-1] == '\n' || rest[i-1] == ' ') {
			return strings.TrimSpace(v)
		}
		rest = rest[:i]
	}
}

// count is a number that PowerShell prints; nil none, or -1, which means that it
// counted nothing.
func count(data []byte, name string) *int {
	n, err := strconv.Atoi(field(data, name))
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

var exitLine = regexp.MustCompile(`failed\s+to\s+run\s+commands: exit status (0x[0-9a-fA-F]{1,8}|[0-9]{1,10})`)

// exitStatus is what the SSM Agent wrote of the script's end (runscript.go), the last.
func (o output) exitStatus() (int, bool) {
	for _, data := range [][]byte{o.stderr, o.stdout} {
		if !bytes.Contains(data, []byte("run commands:")) && !bytes.Contains(data, []byte("exit status")) {
			continue
		}
		all := exitLine.FindAllSubmatch(data, -1)
		if all == nil {
			continue
		}
		if n, err := strconv.ParseUint(string(all[len(all)-1][1]), 0, 32); err == nil {
			return int(n), true
		}
	}
	return 0, false
}

// has tells whether any output holds one of the texts.
func (o output) has(texts ...string) bool {
	for _, t := range texts {
		if bytes.Contains(o.stdout, []byte(t)) || bytes.Contains(o.stderr, []byte(t)) {
			return true
		}
	}
	return false
}

// lastError is the last line that is an error; "" none.
func (o output) lastError() string {
	for _, s := range []struct {
		data  []byte
		marks []string
	}{{o.stdout, []string{"[ERROR]", "[CRITICAL]", "| Error |", "Traceback ("}}, {o.stderr, nil}} {
		rest := s.data
		for len(rest) > 0 {
			i := bytes.LastIndexByte(bytes.TrimRight(rest, "\r\n"), '\n')
			line := rest[i+1:]
			rest = rest[:i+1]
			if s.marks == nil && len(bytes.TrimSpace(line)) > 0 && !bytes.Contains(line, []byte("failed to run commands")) && !agentCut(line) {
				return tidy(line, maxLine)
			}
			for _, m := range s.marks {
				if bytes.Contains(line[:min(len(line), 4<<10)], []byte(m)) {
					return tidy(line, maxLine)
				}
			}
		}
	}
	return ""
}
