package agentlog

import (
	"bytes"
	"hash/maphash"
)

// maxMemo bounds the messages that are remembered.
const maxMemo = 1024

// memo remembers what the table said of a message: an agent that fails says the
// same for hours, and only the id of the request differs.
type memo struct {
	seed maphash.Seed
	of   map[uint64]*Signature // nil: there is no cause in it
}

func newMemo() memo { return memo{maphash.MakeSeed(), map[uint64]*Signature{}} }

var requestID = []byte("request id: ")

func (m *memo) causeOf(msg []byte, worker bool) *Signature {
	// No two of these few messages have the same sum of 64 bits by chance, and
	// nobody who writes the log knows the seed.
	h := uint64(0)
	rest := msg
	if i := bytes.Index(msg, requestID); i >= 0 {
		i += len(requestID)
		h = maphash.Bytes(m.seed, msg[:i])
		rest = msg[i:]
		for len(rest) > 0 && (rest[0] >= '0' && rest[0] <= '9' || rest[0] >= 'a' && rest[0] <= 'f' || rest[0] == '-') {
			rest = rest[1:]
		}
	}
	h = h*31 + maphash.Bytes(m.seed, rest)
	if worker {
		h = ^h
	}
	s, ok := m.of[h]
	if !ok {
		s = signatures().causeOf(msg, worker)
		if len(m.of) >= maxMemo {
			clear(m.of)
		}
		m.of[h] = s
	}
	return s
}
