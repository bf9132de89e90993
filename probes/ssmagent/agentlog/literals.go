package agentlog

// literalSet is a set of the table's fixed texts, by their number.
type literalSet [5]uint64

const maxLiterals = len(literalSet{}) * 64

func (s *literalSet) add(o *literalSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// has tells whether all of o are in s, meets whether one of them is.
func (s *literalSet) has(o *literalSet) bool {
	for i := range s {
		if o[i]&^s[i] != 0 {
			return false
		}
	}
	return true
}

func (s *literalSet) meets(o *literalSet) bool {
	for i := range s {
		if o[i]&s[i] != 0 {
			return true
		}
	}
	return false
}

func (s *literalSet) empty() bool { return *s == literalSet{} }

// finder finds all fixed texts of the table in one pass over an entry (Aho and
// Corasick, "Efficient string matching", 1975), since an error would else be
// searched for some two hundred of them, one after the other.
type finder struct {
	number map[string]int
	texts  []string

	class   [256]uint8 // bytes that no text has are class 0
	shift   uint
	next    []uint16     // by state and class; found marks a state where texts end
	atState []uint16     // by state: its set in sets
	sets    []literalSet // 0: none
}

const found = 1 << 15

func newFinder() *finder { return &finder{number: map[string]int{}} }

// set is the set of some texts, which are added to those looked for.
func (f *finder) set(texts []string) literalSet {
	var out literalSet
	for _, t := range texts {
		n, ok := f.number[t]
		if !ok {
			n = len(f.texts)
			if n >= maxLiterals || t == "" {
				panic("agentlog: too many fixed texts, or an empty one") // found by any test
			}
			f.number[t] = n
			f.texts = append(f.texts, t)
		}
		out[n/64] |= 1 << (n % 64)
	}
	return out
}

// build makes the automaton of the texts.
func (f *finder) build() {
	classes := 1
	for _, t := range f.texts {
		for i := range len(t) {
			if f.class[t[i]] == 0 {
				f.class[t[i]] = uint8(classes)
				classes++
			}
		}
	}
	for 1<<f.shift < classes {
		f.shift++
	}
	width, letters := 1<<f.shift, 1
	for _, t := range f.texts {
		letters += len(t)
	}
	f.next, f.sets = make([]uint16, width, letters*width), []literalSet{{}}
	ends := []literalSet{{}}
	for n, t := range f.texts {
		s := 0
		for i := range len(t) {
			at := s<<f.shift | int(f.class[t[i]])
			if f.next[at] == 0 {
				f.next[at] = uint16(len(ends))
				ends = append(ends, literalSet{})
				f.next = append(f.next, make([]uint16, width)...)
			}
			s = int(f.next[at])
		}
		ends[s][n/64] |= 1 << (n % 64)
	}
	if len(ends) >= found {
		panic("agentlog: too many fixed texts") // found by any test
	}
	f.link(ends, width)
}

// link fills in where to go on when a text breaks off, level by level.
func (f *finder) link(ends []literalSet, width int) {
	fail := make([]uint16, len(ends))
	var queue []uint16
	for c := range width {
		if s := f.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := int(queue[0])
		queue = queue[1:]
		back := int(fail[s])
		ends[s].add(&ends[back])
		for c := range width {
			at := s<<f.shift | c
			if t := f.next[at]; t != 0 {
				fail[t] = f.next[back<<f.shift|c]
				queue = append(queue, t)
			} else {
				f.next[at] = f.next[back<<f.shift|c]
			}
		}
	}
	f.atState = make([]uint16, len(ends))
	for s := range ends {
		if !ends[s].empty() {
			f.atState[s] = uint16(len(f.sets))
			f.sets = append(f.sets, ends[s])
		}
	}
	for i, s := range f.next {
		if f.atState[s] != 0 {
			f.next[i] = s | found
		}
	}
}

// find is the set of the texts in b.
func (f *finder) find(b []byte) literalSet {
	var out literalSet
	next, shift := f.next, f.shift&15
	s := uint16(0)
	for _, c := range b {
		s = next[int(s&^found)<<shift|int(f.class[c])]
		if s&found != 0 {
			out.add(&f.sets[f.atState[s&^found]])
		}
	}
	return out
}
