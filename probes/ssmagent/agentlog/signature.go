package agentlog

import (
	"regexp"
	"sync"

	"agentctl/probes"
)

// Signature is one text of the log whose meaning is known.
type Signature struct {
	// ID is its name: it appears in reports and is never renamed.
	ID    string
	Class probes.LogClass
	// Meaning says what the line says, Cause what usually is behind it, Remedy
	// what to do.
	Meaning, Cause, Remedy string
	// Severity is how ssm-agent-log-error weighs it: "warning", or "info" for
	// what healthy agents show as well.
	Severity string
	// Source is where the text comes from: a file of the agent's source, of a
	// library in it, or a page.
	Source string

	// all must all be in the entry, any at least one of (if there are any), not
	// must not be. They decide: no expression runs on the way.
	all, any, not []string
	// re has the named groups that become captures. It runs once for each event,
	// on its newest entry.
	re *expression
	// set are captures that are the same for every entry.
	set map[string]string
	// inWorker: it counts in lines of the document and session workers too. What
	// else these say is about the user's own commands, or about inventory.
	inWorker bool

	allSet, anySet, notSet literalSet
}

// expression is a regular expression that is compiled when it is first needed:
// few of them ever are.
type expression struct {
	text string
	re   func() *regexp.Regexp
}

func expr(text string) *expression {
	return &expression{text, sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}
}

// matches decides by the fixed parts.
func (s *Signature) matches(found *literalSet) bool {
	return found.has(&s.allSet) && !found.meets(&s.notSet) && (len(s.any) == 0 || found.meets(&s.anySet))
}

// family is a group of causes that share a part of their text, so that one look
// passes over all of them.
type family struct {
	guard      []string // one of them is in every text of the family
	signatures []Signature

	guardSet literalSet
}

// outer is what the agent was doing: the beginning of a message. It names the
// subject, and stands for the event where no cause is found in the text.
type outer struct {
	Signature
	prefix  string
	subject probes.LogSubject // "" by the context
	// quiet: the line repeats another's, so that it counts for no event.
	quiet bool
	// plain: no cause is looked for in it.
	plain bool
}

// table is the set of signatures, ready for matching. It is never changed after
// it is made.
type table struct {
	families []family
	outers   [256][]*outer // by the first byte of the message
	byID     map[string]*Signature
	finder   *finder
}

// signatures is the one table, built when it is first asked for: most commands
// read no logs.
var signatures = sync.OnceValue(newTable)

func newTable() *table {
	t := &table{byID: map[string]*Signature{}, finder: newFinder()}
	t.families = append(t.families, policyFamilies()...)
	t.families = append(t.families, hostFamilies()...)
	t.families = append(t.families, networkFamilies()...)
	t.families = append(t.families, agentFamilies()...)
	for i := range t.families {
		f := &t.families[i]
		f.guardSet = t.finder.set(f.guard)
		for j := range f.signatures {
			s := &f.signatures[j]
			s.allSet, s.anySet, s.notSet = t.finder.set(s.all), t.finder.set(s.any), t.finder.set(s.not)
			t.byID[s.ID] = s
		}
	}
	t.finder.build()
	for _, list := range [][]outer{credentialOuters(), channelOuters(), startOuters(), workOuters()} {
		for i := range list {
			o := &list[i]
			first := o.prefix[0]
			t.outers[first] = append(t.outers[first], o)
			if _, ok := t.byID[o.ID]; !ok {
				t.byID[o.ID] = &o.Signature
			}
		}
	}
	often := said(cutOften, probes.LogWebSocket, "The control channel opens and is cut within minutes, again and again.",
		"a proxy or an inspecting firewall that lets a WebSocket open and then ends it", "let wss:// to ssmmessages pass without inspection", "agent/session/communicator, websocketchannel.go")
	t.byID[cutOften] = &often
	return t
}

// Signatures lists the table, each id once, in no particular order.
func Signatures() []Signature {
	out := make([]Signature, 0, len(signatures().byID))
	for _, s := range signatures().byID {
		out = append(out, *s)
	}
	return out
}

// Lookup finds a signature by its id.
func Lookup(id string) (Signature, bool) {
	s, ok := signatures().byID[id]
	if !ok {
		return Signature{}, false
	}
	return *s, true
}

// outerOf finds what a message begins with.
func (t *table) outerOf(msg []byte) *outer {
	if len(msg) == 0 {
		return nil
	}
	for _, o := range t.outers[msg[0]] {
		if len(msg) >= len(o.prefix) && string(msg[:len(o.prefix)]) == o.prefix {
			return o
		}
	}
	return nil
}

// causeOf finds the first cause in a text. worker: it is a line of a document or
// session worker.
func (t *table) causeOf(b []byte, worker bool) *Signature {
	found := t.finder.find(b)
	if found.empty() {
		return nil
	}
	for i := range t.families {
		f := &t.families[i]
		if !found.meets(&f.guardSet) {
			continue
		}
		for j := range f.signatures {
			s := &f.signatures[j]
			if (!worker || s.inWorker) && s.matches(&found) {
				return s
			}
		}
	}
	return nil
}
