package agentlog

import "bytes"

const (
	// maxEntry bounds one entry with its continuation lines. The agent's longest
	// usual ones, errors with a page of HTML, have some kilobytes.
	maxEntry   = 32 << 10
	bufferSize = 256 << 10
)

// splitter cuts a log into entries: a line with a time, and those without one
// that follow it.
type splitter struct {
	// skip: the rest of an entry that was too long is being passed over.
	skip bool
	// lines counts the ends of lines.
	lines int64
}

// feed hands the whole entries of p on and returns what is left of p, which must
// lead the next call. With final, the last entry is taken as whole.
func (s *splitter) feed(p []byte, final bool, emit func(entry []byte)) (rest []byte) {
	start, pos, undecided := 0, 0, -1
	for {
		i := bytes.IndexByte(p[pos:], '\n')
		if i < 0 {
			break
		}
		next := pos + i + 1
		// A crash of the machine can leave NUL bytes where a write was lost.
		at := next
		for at < len(p) && p[at] == 0 {
			at++
		}
		if !final && len(p)-at <= stampLen {
			undecided = next - 1 // what follows may be a continuation line
			break
		}
		s.lines++
		pos = next
		switch {
		case stamped(p[at:]) || at == len(p):
			s.emit(p[start:next], emit)
			s.skip = false
			start, pos = at, at
		case pos-start > maxEntry:
			s.emit(p[start:pos], emit)
			s.skip = true
			start = pos
		}
	}
	rest = p[start:]
	if final {
		if len(rest) > 0 {
			s.lines++
			s.emit(rest, emit)
		}
		return nil
	}
	if s.skip || len(rest) > maxEntry {
		s.emit(rest, emit)
		s.skip = true
		if undecided < 0 {
			return nil
		}
		return p[undecided:]
	}
	return rest
}

// emit hands on what is not passed over, no longer than an entry may be.
func (s *splitter) emit(b []byte, emit func(entry []byte)) {
	if !s.skip && len(b) > 0 {
		emit(b[:min(len(b), maxEntry)])
	}
}

// level is the agent's, in seelog's words.
type level byte

const (
	levelOther level = iota
	levelInfo
	levelWarn
	levelError
	levelCritical
)

func (l level) String() string {
	return [...]string{"", "INFO", "WARN", "ERROR", "CRITICAL"}[l]
}

// entry is one entry, taken apart. The slices are parts of the reader's buffer.
type entry struct {
	at    int64 // nanoseconds since 1970
	level level
	ctx   []byte // "[ssm-agent-worker] [HealthCheck] "
	msg   []byte // the message with its continuation lines
	raw   []byte // all of it
}

// parse takes an entry apart: time, level, any number of [groups], message.
func parse(b []byte, c *clock) (e entry, ok bool) {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if !stamped(b) {
		return e, false
	}
	at, n := c.at(b)
	if at == 0 || n >= len(b) || b[n] != ' ' {
		return e, false
	}
	e.at, e.raw = at, b
	b = b[n+1:]
	word := bytes.IndexByte(b[:min(len(b), 16)], ' ')
	if word < 0 {
		return e, true
	}
	switch string(b[:word]) {
	case "INFO":
		e.level = levelInfo
	case "WARN":
		e.level = levelWarn
	case "ERROR":
		e.level = levelError
	case "CRITICAL":
		e.level = levelCritical
	}
	b = b[word+1:]
	group := b
	for len(b) > 0 {
		n := 0
		switch b[0] {
		case '[':
			n = bytes.IndexByte(b[:min(len(b), 256)], ']') + 1
		case 'E', 'S': // two parts of the agent name themselves without brackets
			for _, name := range [...]string{"EC2RoleProvider ", "SSMService "} {
				if len(b) >= len(name) && string(b[:len(name)]) == name {
					n = len(name) - 1
				}
			}
		}
		if n == 0 {
			break
		}
		b = b[n:]
		if len(b) > 0 && b[0] == ' ' {
			b = b[1:]
		}
	}
	e.ctx, e.msg = group[:len(group)-len(b)], b
	return e, true
}
