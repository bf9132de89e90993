package repos

import (
	"slices"
	"strconv"
	"strings"

	"agentctl/probes"
)

// aptIndex is one repository as apt updates it: one (In)Release file, that all
// entries with the same host, path and suite share.
type aptIndex struct {
	aptEntry        // the first of them: its scheme and line count
	sources  bool   // only source packages are asked for
	arches   string // the arch= of an entry that names architectures
	native   bool   // some entry wants this machine's packages
	inPath   string // inrelease-path, relative to the suite's folder

	trusted, expiry, date aptTriState
	validMin, validMax    int64
	future                int64
	release               [3]bool // allow-insecure, allow-weak, allow-downgrade-to-insecure
	signedBy              string
}

// aptTriState is an option that may be set, unset, or not seen at all yet.
type aptTriState int

const (
	triUnset aptTriState = iota // nothing read yet
	triDefault
	triYes
	triNo
)

// aptTri reads a yes/no option; apt takes any other word for no.
func aptTri(options map[string]string, name string) aptTriState {
	v, ok := options[name]
	switch {
	case !ok:
		return triDefault
	case aptBool(v, false):
		return triYes
	}
	return triNo
}

// key is what apt names the downloaded file by: without scheme and user, so that
// http and https of one host are the same repository (strutl.cc, URItoFileName).
func (e aptEntry) key() string {
	u := e.uri
	u.access = ""
	return u.String() + e.metadataDir()
}

// metadataDir is where Release lies below the URI.
func (e aptEntry) metadataDir() string {
	switch {
	case e.suite == "/":
		return ""
	case strings.HasSuffix(e.suite, "/"):
		return percentEncode(e.suite, "+~ ")
	}
	return "dists/" + percentEncode(e.suite, "+~ ") + "/"
}

// mergeApt puts the entries of one repository together. Options that contradict
// each other stop apt-get update (debmetaindex.cc, "Conflicting values set").
func mergeApt(entries []aptEntry, arch string, c *aptConf) (indexes []*aptIndex, faults []probes.RepoProblem) {
	at := map[string]*aptIndex{}
	for _, e := range entries {
		key := e.key()
		if e.disabled {
			key += " disabled"
		}
		index := at[key]
		if index == nil {
			index = &aptIndex{aptEntry: e, sources: true, inPath: e.options["inrelease-path"], release: e.insecure(c)}
			index.components = nil
			at[key], indexes = index, append(indexes, index)
		}
		if what := index.add(e, arch, c); what != "" && !e.disabled {
			faults = append(faults, *aptFault(e.file, e.line, "%s", what))
		}
	}
	return indexes, faults
}

// insecure are the options of the release file itself.
func (e aptEntry) insecure(c *aptConf) (set [3]bool) {
	for i, o := range [...][2]string{
		{"allow-insecure", "Acquire::AllowInsecureRepositories"},
		{"allow-weak", "Acquire::AllowWeakRepositories"},
		{"allow-downgrade-to-insecure", "Acquire::AllowDowngradeToInsecureRepositories"},
	} {
		set[i] = aptBool(c.find(o[1]), false)
		if v, ok := e.options[o[0]]; ok {
			set[i] = aptBool(v, set[i])
		}
	}
	return set
}

// add takes an entry's options over and returns apt's complaint where they
// contradict those before.
func (x *aptIndex) add(e aptEntry, arch string, c *aptConf) string {
	conflict := func(option string) string {
		return "Conflicting values set for option " + option + " regarding source " + e.uri.String() + " " + aptPrintable(e.suite)
	}
	if x.release != e.insecure(c) || x.inPath != e.options["inrelease-path"] {
		return conflict("<set>")
	}
	x.addArch(e, arch)
	for _, name := range e.components {
		if !slices.Contains(x.components, name) && len(x.components) < 50 {
			x.components = append(x.components, name)
		}
	}
	for _, o := range [...]struct {
		at     *aptTriState
		option string
		name   string
	}{{&x.trusted, "trusted", "Trusted"}, {&x.expiry, "check-valid-until", "Check-Valid-Until"}, {&x.date, "check-date", "Check-Date"}} {
		v := aptTri(e.options, o.option)
		if *o.at == triUnset {
			*o.at = v
		}
		if *o.at != v {
			return conflict(o.name)
		}
	}
	for _, o := range [...]struct {
		at           *int64
		option, name string
	}{{&x.validMax, "valid-until-max", "Max-ValidTime"}, {&x.validMin, "valid-until-min", "Min-ValidTime"}, {&x.future, "date-max-future", "Date-Max-Future"}} {
		v := aptSeconds(e.options[o.option])
		if *o.at == 0 {
			*o.at = v
		}
		if *o.at != v {
			return conflict(o.name)
		}
	}
	return x.addSigner(e, conflict)
}

// addArch notes whether any entry wants packages for this machine.
func (x *aptIndex) addArch(e aptEntry, arch string) {
	if e.typ != "deb" {
		return
	}
	x.sources = false
	named, ok := e.options["arch"]
	wanted := !ok || slices.Contains(strings.Split(named, ","), arch)
	wanted = wanted || slices.Contains(strings.Split(e.options["arch+"], ","), arch)
	wanted = wanted && !slices.Contains(strings.Split(e.options["arch-"], ","), arch)
	x.native = x.native || wanted
	if !wanted && x.arches == "" {
		x.arches = named
	}
}

// addSigner: once set, signed-by must be the same in every entry; an entry with it
// after one without sets it.
func (x *aptIndex) addSigner(e aptEntry, conflict func(string) string) string {
	given := e.options["signed-by"]
	signers := normalSigners(given)
	if x.signedBy == "" && given != "" {
		if x.signedBy = signers; signers == "" {
			return "Invalid value set for option Signed-By regarding source " + e.uri.String() + " " + aptPrintable(e.suite) + " (not a fingerprint)"
		}
		return ""
	}
	if signers != x.signedBy {
		return conflict("Signed-By")
	}
	return ""
}

// normalSigners makes two forms of the same signed-by comparable: files and
// fingerprints of 40 digits, or one key in full. "" where it is none of them.
func normalSigners(s string) string {
	if strings.Contains(s, "-----BEGIN PGP PUBLIC KEY BLOCK-----") {
		lines := strings.Split(s, "\n")
		for i, l := range lines {
			if lines[i] = strings.TrimSpace(l); lines[i] == "." {
				lines[i] = ""
			}
		}
		return strings.Join(lines, "\n")
	}
	signers := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r < 0x80 && aptSpace(byte(r)) })
	for i, signer := range signers {
		if strings.HasPrefix(signer, "/") {
			continue
		}
		signers[i] = strings.ToUpper(signer)
		digits := strings.TrimSuffix(signers[i], "!")
		if len(digits) != 40 || strings.Trim(digits, "0123456789ABCDEF") != "" {
			return ""
		}
	}
	return strings.Join(signers, ",")
}

// keyrings are the files that signed-by names.
func (x *aptIndex) keyrings() (files []string) {
	if strings.Contains(x.signedBy, "\n") {
		return nil
	}
	for _, s := range strings.Split(x.signedBy, ",") {
		if strings.HasPrefix(s, "/") {
			files = append(files, s)
		}
	}
	return files
}

// aptSeconds is an option that holds a time span; 0 where it is none.
func aptSeconds(s string) int64 {
	end := 0
	for end < len(s) && end < 18 && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
