package agentlog

import (
	"bytes"
	"encoding/binary"
	"time"
)

// stampLen is the length of "2006-01-02 15:04:05". Since 3.3 the agent adds four
// decimals (seelog_unix.xml); older ones, and hibernate.log, have none.
const stampLen = 19

// maxTime is after every time that a log can tell, in nanoseconds since 1970.
const maxTime = 1<<63 - 1

// shape is eight bytes of a stamp: digits where digit has 0xff, and the given
// bytes elsewhere. Each line is looked at, so eight bytes are compared at once.
type shape struct{ digit, others uint64 }

func shapeOf(text string) shape {
	var s shape
	for i := range 8 {
		if text[i] == '0' {
			s.digit |= 0xff << (8 * i)
		} else {
			s.others |= uint64(text[i]) << (8 * i)
		}
	}
	return s
}

var dateShape, middleShape, timeShape = shapeOf("0000-00-"), shapeOf("00 00:00"), shapeOf("00:00:00")

func (s *shape) fits(b []byte) bool {
	const high, three, low, six, carry = 0xf0f0f0f0f0f0f0f0, 0x3030303030303030, 0x0f0f0f0f0f0f0f0f, 0x0606060606060606, 0x1010101010101010
	x := binary.LittleEndian.Uint64(b)
	d := x & s.digit
	return x&^s.digit == s.others && d&high == three&s.digit && (d&low+six&s.digit)&carry == 0
}

// stamped tells whether a line begins with a time. The prefix of a line is enough
// if it has stampLen+1 bytes.
func stamped(b []byte) bool {
	return len(b) > stampLen && b[0] == '2' && (b[stampLen] == ' ' || b[stampLen] == '.') &&
		dateShape.fits(b) && middleShape.fits(b[8:]) && timeShape.fits(b[11:])
}

// two is a number of two digits.
func two(b []byte) int { return int(b[0]-'0')*10 + int(b[1]-'0') }

// clock turns the local times of one log into points in time, in order of its
// lines. It keeps the hour of the line before, since turning a local time into a
// point in time costs more than all else that is done with a line.
type clock struct {
	zone *time.Location
	hour [13]byte // "2006-01-02 15"
	base int64    // of that hour
	good bool     // base may be used: no change of the offset is near
	prev int64
}

// at is the time of a stamped line and how many bytes it takes; 0 where the
// numbers are no date.
func (c *clock) at(b []byte) (t int64, n int) {
	n = stampLen
	rest := int64(two(b[14:]))*int64(time.Minute) + int64(two(b[17:]))*int64(time.Second)
	if b[n] == '.' {
		n++
		for unit := int64(time.Second); n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
			unit /= 10
			rest += int64(b[n]-'0') * unit
		}
	}
	if !c.good || !bytes.Equal(c.hour[:], b[:13]) {
		if !c.turn(b, rest) {
			return 0, n
		}
	}
	c.prev = c.base + rest
	return c.prev, n
}

// turn finds the hour of a line. When the clocks go back, an hour of local times
// comes twice: the later one is meant if the earlier would lie well before the
// line before. Lines of the agent's two programs are out of order by fractions of
// a second only.
func (c *clock) turn(b []byte, rest int64) bool {
	const slack = int64(10 * time.Minute)
	year, month, day, hour := two(b)*100+two(b[2:]), two(b[5:]), two(b[8:]), two(b[11:])
	if year < 2001 || year > 2199 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || two(b[14:]) > 59 || two(b[17:]) > 60 {
		return false
	}
	wall := time.Date(year, time.Month(month), day, hour, 0, 0, 0, time.UTC)
	_, before := wall.Add(-36 * time.Hour).In(c.zone).Zone()
	_, after := wall.Add(36 * time.Hour).In(c.zone).Zone()
	copy(c.hour[:], b)
	c.good = before == after
	c.base = wall.UnixNano() - int64(before)*int64(time.Second)
	if c.good {
		return true
	}
	early := c.base + rest
	late := early + int64(before-after)*int64(time.Second)
	okEarly, okLate := c.offset(early) == before, c.offset(late) == after
	if okLate && (!okEarly || early < c.prev-slack) {
		c.base = late - rest
	}
	return true
}

func (c *clock) offset(t int64) int {
	_, seconds := time.Unix(0, t).In(c.zone).Zone()
	return seconds
}

// wall is a time as the log would write it, for comparing with stamps as text.
func wall(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(time.DateTime)
}

// searchFrom is the stamp before which no line can be that counts: earlier by the
// disorder of lines, and by an hour where the clocks change nearby.
func searchFrom(since time.Time, zone *time.Location) string {
	slack := 2 * time.Minute
	_, before := since.Add(-4 * time.Hour).In(zone).Zone()
	_, after := since.Add(4 * time.Hour).In(zone).Zone()
	if before != after {
		slack += 2 * time.Hour
	}
	return wall(since.Add(-slack), zone)
}
